//! A handler in a world in which everything goes wrong that can.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use waybill_core::ledger::{DeadLetter, Status};
use waybill_core::time::Timestamp;
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::env::ConfigErrors;
use waybill_engine::handler::Handler;
use waybill_engine::ports::Ambient;
use waybill_testkit::{FakeLedger, FakeQueue};
use waybill_world::{Fault, Faults, Function, Link, Mapping, Nobody, Sandbox, World};

use super::bench::{RECEIVES, TIMEOUT, VISIBILITY, config};
use crate::handler::{EventHandler, HandlerBuilder};

/// What came of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Events that are done, by the ledger.
    pub done: usize,
    /// Messages in the dead-letter queue.
    pub dead: usize,
    /// Messages that are left in the queue after two days: a handler that never comes to an end.
    pub left: usize,
    /// How often each trouble came.
    pub faults: BTreeMap<Fault, u64>,
    /// Everything that happened, in order, a line each with its time.
    pub history: Vec<String>,
}

/// Plays the world of a seed, in virtual time: the messages are sent over some minutes to a standard
/// queue, two processes of the function at a time take them by an event source mapping, and trouble
/// comes as `faults` allow, until the queue is empty. The same seed is the same world.
///
/// Each process has a clone of the handler: what it shares with other clones is outside the
/// processes, like a bank. In it, time is tokio's, and nothing else decides: see [`waybill_world`].
///
/// Of [`Faults`], those that strike clocks, targets and schedules strike nothing here, because the
/// handler's own outside is the test's.
///
/// # Errors
///
/// As [`HandlerBuilder::build`].
pub fn play<F, T>(
    seed: u64,
    faults: Faults,
    bodies: impl IntoIterator<Item = String>,
    handler: HandlerBuilder<F, T>,
) -> Result<Played, ConfigErrors>
where
    F: Clone + Send + Sync + 'static,
    T: 'static,
    EventHandler<F, T>: Handler,
{
    let handler = handler.build()?;
    let bodies = bodies.into_iter();
    Ok(World::play_told(seed, faults, |world| async move {
        let dead_letters = FakeQueue::new("dead", world.ambient());
        let queue = FakeQueue::new("orders", world.ambient());
        let queue = queue.with_redrive(RECEIVES, dead_letters.clone());
        let ledger = FakeLedger::new();
        let outside = Outside {
            queue: queue.clone(),
            dead_letters: dead_letters.clone(),
            ledger: ledger.clone(),
        };
        let start = move |sandbox: &Sandbox| outside.function(sandbox, handler.clone());
        let sandboxes = world.clone();
        let sandbox = move || sandboxes.sandbox();
        let works = MAPPING.run(&world, &queue, Arc::new(Nobody), start, sandbox);
        let ends = async {
            tokio::join!(send(&world, &queue, bodies), show(&world, &queue));
            world.calm();
            let until = world.now().after(PATIENCE);
            while !queue.is_empty() && world.now() < until {
                sleep(LOOK_AGAIN).await;
            }
            world.end();
        };
        tokio::join!(works, ends);
        let rows = ledger.rows();
        let rows = rows.keys().filter_map(|key| ledger.record(key));
        Played {
            done: rows.filter(|row| row.status == Status::Completed).count(),
            dead: dead_letters.len(),
            left: queue.len(),
            faults: world.counts(),
            history: world.history(),
        }
    }))
}

/// What outlives a process.
struct Outside {
    queue: FakeQueue,
    dead_letters: FakeQueue,
    ledger: FakeLedger,
}

impl Outside {
    /// The function in a new process.
    fn function<F, T>(
        &self,
        sandbox: &Sandbox,
        handler: EventHandler<F, T>,
    ) -> Simulated<EventHandler<F, T>>
    where
        EventHandler<F, T>: Handler,
    {
        let mut config = config(DeadLetter::Redrive);
        handler.configure(&mut config);
        let ledger = sandbox.ledger(self.ledger.clone());
        let engine = Engine::new(handler, ledger, sandbox.ambient(), config);
        let queue = sandbox.queue(self.queue.clone());
        let dead_letters = sandbox.queue(self.dead_letters.clone());
        Simulated(Consumer::new(engine, sandbox.ambient(), move |_| {
            Source::new(queue.clone(), Some(dead_letters.clone()))
        }))
    }
}

/// The function in one process.
struct Simulated<H>(Consumer<H, Link<FakeLedger>, Arc<dyn Ambient>, Link<FakeQueue>>);

impl<H: Handler + 'static> Function for Simulated<H> {
    async fn invoke(&self, payload: String, deadline: Timestamp) -> Result<String, String> {
        let answer = self.0.handle(&payload, deadline).await;
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::to_string(&answer).map_err(|error| error.to_string())
    }
}

/// Sends the messages over some minutes, some of them twice.
async fn send(world: &World, queue: &FakeQueue, bodies: impl Iterator<Item = String>) {
    for body in bodies {
        if world.strikes(Fault::Resend, 250) {
            queue.put_body(body.clone());
        }
        queue.put_body(body);
        if world.chance().hits(300) {
            sleep(world.chance().time(APART)).await;
        }
    }
}

/// Shows messages that a process has in hand to another, now and then, for some minutes.
async fn show(world: &World, queue: &FakeQueue) {
    let ends = world.now().after(STORM);
    while world.now() < ends {
        sleep(world.chance().time(APART)).await;
        let now = world.now();
        let standing = queue.messages();
        let held: Vec<_> = standing
            .iter()
            .filter(|message| message.is_in_flight(now))
            .collect();
        if let Some(message) = world.chance().pick(&held)
            && world.strikes(Fault::Duplicate, 100)
        {
            world.tell(|| format!("{} is shown to another", message.message_id));
            queue.show_in(&message.message_id, Duration::ZERO);
        }
    }
}

/// The event source mapping.
const MAPPING: Mapping = Mapping {
    batch_size: 10,
    window: Duration::ZERO,
    concurrency: 2,
    timeout: TIMEOUT,
    visibility: VISIBILITY,
    shared: false,
};

/// How long trouble may come.
const STORM: Duration = Duration::from_secs(600);

/// The longest time between two things that happen.
const APART: Duration = Duration::from_secs(10);

/// How long messages are waited for.
const PATIENCE: Duration = Duration::from_secs(2 * 24 * 3600);

/// How often it is looked whether the queue is empty.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
