//! The valve on the source: invocations in simulated time, and a mapping that they lower.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use serde_json::json;
use tokio::time::sleep;

use waybill_core::gate::valve::{Mapping, Valve};
use waybill_core::gate::{GateKey, GateState};
use waybill_core::id::Consumer as Namespace;
use waybill_core::ledger::DeadLetter;
use waybill_core::outcome::Attempt;
use waybill_core::routes::{OnConflict, RoutesFile};
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::gates::Gates;
use waybill_engine::ports::{Ambient, SourceMapping, Target, TargetRequest};
use waybill_engine::router::Router;
use waybill_engine::valve::SourceValve;
use waybill_testkit::{FakeGates, FakeLedger, FakeQueue, TestAmbient};

use crate::consumer::record;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:orders";

const AWAY: &str = "name: crm, breaker: { failures: 1 }";

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// What the mapping is and does: changed by the test while it runs.
#[derive(Debug, Clone, Copy)]
struct State {
    max: Option<u32>,
    looks: usize,
    limits: usize,
    /// Whether it refuses to be changed.
    refuses: bool,
    /// Whether it answers nothing.
    silent: bool,
}

/// A mapping that takes and tells a maximum. Clones share it.
#[derive(Clone)]
struct FakeMapping(Arc<Mutex<State>>);

impl FakeMapping {
    fn at(max: Option<u32>) -> Self {
        Self(Arc::new(Mutex::new(State {
            max,
            looks: 0,
            limits: 0,
            refuses: false,
            silent: false,
        })))
    }

    fn state(&self) -> State {
        *self.0.lock().unwrap()
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }
}

impl SourceMapping for FakeMapping {
    fn look<'a>(&'a self, queue_arn: &'a str) -> BoxFuture<'a, Result<Mapping, String>> {
        async move {
            assert_eq!(queue_arn, QUEUE);
            self.set(|state| state.looks += 1);
            if self.state().silent {
                std::future::pending::<()>().await;
            }
            Ok(Mapping::At(self.state().max))
        }
        .boxed()
    }

    fn limit<'a>(&'a self, _: &'a str, maximum: Option<u32>) -> BoxFuture<'a, Result<(), String>> {
        async move {
            self.set(|state| state.limits += 1);
            if self.state().refuses {
                return Err("it is forbidden".to_owned());
            }
            self.set(|state| state.max = maximum);
            Ok(())
        }
        .boxed()
    }
}

/// Every target of a world: there, or away.
#[derive(Clone)]
struct There(Arc<Mutex<bool>>);

impl Target for There {
    fn send<'a>(&'a self, _: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        async {
            match *self.0.lock().unwrap() {
                true => Attempt::delivered("ok"),
                false => Attempt::transient("http_503", "down", None),
            }
        }
        .boxed()
    }
}

/// A mapping, a store and targets, for any number of processes.
struct World {
    ambient: Arc<TestAmbient>,
    mapping: FakeMapping,
    store: FakeGates,
    there: There,
    routes: String,
    sent: Mutex<u32>,
}

type Process = Consumer<Router, FakeLedger, Arc<TestAmbient>, FakeQueue>;

impl World {
    /// A world with these routes, one a line, and targets that are away.
    fn away(routes: &str, max: Option<u32>) -> Self {
        let target = "target: { http: { url: \"https://t.example/\", timeout: 5s } }";
        let lines = routes.lines().map(str::trim);
        let lines: Vec<_> = lines
            .map(|line| format!("  - {{ {line}, {target} }}\n"))
            .collect();
        Self {
            ambient: Arc::new(TestAmbient::default()),
            mapping: FakeMapping::at(max),
            store: FakeGates::new(),
            there: There(Arc::new(Mutex::new(false))),
            routes: format!("routes:\n{}", lines.concat()),
            sent: Mutex::new(0),
        }
    }

    fn process(&self) -> Process {
        let file = RoutesFile::parse(&self.routes, |_| None).unwrap();
        let consumer = Namespace::new("test").unwrap();
        let store = Arc::new(self.store.clone());
        let gates = Gates::new(&file.routes, &consumer, store.clone(), self.ambient.clone());
        let there = &self.there;
        let router = Router::new(file, |_, _| {
            Ok::<_, ()>(Box::new(there.clone()) as Box<dyn Target>)
        });
        let valve = SourceValve::new(&consumer, store, self.mapping.clone(), self.ambient.clone());
        let config = Config {
            consumer,
            key: None,
            dead_letter: DeadLetter::Redrive,
            on_conflict: OnConflict::Dead,
            time_to_live: Duration::from_secs(1_000_000),
            retention: None,
            redrive_limit: 3,
            metrics: None,
            concurrency: 25,
        };
        let router = router.unwrap().with_gates(gates);
        let engine = Engine::new(router, FakeLedger::new(), self.ambient.clone(), config);
        let ambient = self.ambient.clone();
        let open = move |_: &str| Source::new(FakeQueue::new("orders", ambient.clone()), None);
        Consumer::new(engine, self.ambient.clone(), open).with_valve(Some(valve))
    }

    /// One invocation of a process, with a message that nobody has seen and this much time.
    async fn invoke(&self, process: &Process, time: Duration) {
        let id = {
            let mut sent = self.sent.lock().unwrap();
            *sent += 1;
            format!("m-{sent}")
        };
        let payload = json!({ "Records": [record(&id, &json!("text"))] }).to_string();
        let deadline = self.ambient.now().after(time);
        process.handle(&payload, deadline).await.unwrap();
    }

    /// Invocations of a process, one a second, for so long.
    async fn run(&self, process: &Process, lasts: Duration) {
        let until = self.ambient.now().after(lasts);
        while self.ambient.now() < until {
            join(self.invoke(process, secs(30)), sleep(secs(1))).await;
        }
    }

    fn is_there(&self, there: bool) {
        *self.there.0.lock().unwrap() = there;
    }

    fn max(&self) -> Option<u32> {
        self.mapping.state().max
    }

    /// What the row says.
    fn row(&self) -> Option<GateState> {
        let consumer = Namespace::new("test").unwrap();
        let row = self.store.row(&GateKey::valve(&consumer, QUEUE));
        row.map(|row| row.state)
    }

    fn is_lowered_from(&self, had: Option<u32>) -> bool {
        matches!(
            self.row(),
            Some(GateState::Valve(Valve::Lowered { normal, .. })) if normal == had
        )
    }
}

#[tokio::test(start_paused = true)]
async fn the_source_is_lowered_while_every_target_is_away_and_restored_afterwards() {
    for had in [Some(10), None] {
        let world = World::away(AWAY, had);
        let (one, other) = (world.process(), world.process());
        world.run(&one, secs(58)).await;
        assert_eq!(
            (world.max(), world.row()),
            (had, None),
            "a minute is not over"
        );
        join(world.run(&one, secs(20)), world.run(&other, secs(20))).await;
        assert_eq!(world.max(), Some(2));
        assert!(world.is_lowered_from(had));
        assert_eq!(world.mapping.state().limits, 1, "once is enough");
        join(world.run(&one, secs(600)), world.run(&other, secs(600))).await;
        assert_eq!(world.mapping.state().limits, 1);
        world.is_there(true);
        // A probe, a ramp of ten seconds, a look.
        world.run(&other, secs(15 + 10 + 12)).await;
        assert_eq!(world.max(), had);
        assert_eq!(world.row(), Some(GateState::Valve(Valve::Open)));
        // The process that did not do it sees that it is done.
        world.run(&one, secs(120)).await;
        assert_eq!((world.max(), world.mapping.state().limits), (had, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn while_one_route_flows_lambda_is_never_asked() {
    let open = "name: well";
    let off = "name: idle, breaker: { failures: 1 }, filter: { type: [never] }";
    for other in [open, off] {
        let world = World::away(&format!("{AWAY}\n{other}"), Some(10));
        let process = world.process();
        world.run(&process, secs(300)).await;
        let state = world.mapping.state();
        assert_eq!((state.looks, state.limits), (0, 0), "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_targets_are_there_a_valve_costs_one_read_a_minute() {
    let world = World::away("name: crm", Some(10));
    world.is_there(true);
    let process = world.process();
    world.run(&process, secs(600)).await;
    assert_eq!(world.store.counts().reads, 10);
    assert_eq!(world.store.counts().puts, 0);
    assert_eq!(world.mapping.state().looks, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_off_after_the_row_was_written_is_finished() {
    let world = World::away(AWAY, Some(10));
    world.mapping.set(|state| state.refuses = true);
    let process = world.process();
    world.run(&process, secs(80)).await;
    assert_eq!(world.max(), Some(10));
    assert!(world.is_lowered_from(Some(10)), "the row comes first");
    world.mapping.set(|state| state.refuses = false);
    // Another process, which knows nothing.
    world.run(&world.process(), secs(60)).await;
    assert_eq!(world.max(), Some(2));
    assert!(world.is_lowered_from(Some(10)));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_restored_at_first_is_restored_later() {
    let world = World::away(AWAY, Some(10));
    let process = world.process();
    world.run(&process, secs(90)).await;
    assert_eq!(world.max(), Some(2));
    world.mapping.set(|state| state.refuses = true);
    world.is_there(true);
    world.run(&process, secs(60)).await;
    assert_eq!(world.max(), Some(2));
    assert!(world.is_lowered_from(Some(10)), "the mapping comes first");
    world.mapping.set(|state| state.refuses = false);
    world.run(&world.process(), secs(20)).await;
    assert_eq!(world.max(), Some(10));
    assert_eq!(world.row(), Some(GateState::Valve(Valve::Open)));
}

#[tokio::test(start_paused = true)]
async fn what_a_deploy_sets_meanwhile_is_what_is_restored_or_left() {
    let world = World::away(AWAY, Some(10));
    let process = world.process();
    world.run(&process, secs(90)).await;
    assert_eq!(world.max(), Some(2));
    // Still away: lowered anew, from what the deploy has set.
    world.mapping.set(|state| state.max = Some(20));
    world.run(&process, secs(60)).await;
    assert_eq!(world.max(), Some(2));
    assert!(world.is_lowered_from(Some(20)));
    // There again: left as it is.
    world.mapping.set(|state| {
        state.max = Some(30);
        state.refuses = true;
    });
    world.is_there(true);
    world.run(&process, secs(60)).await;
    assert_eq!(world.max(), Some(30));
    assert_eq!(world.row(), Some(GateState::Valve(Valve::Open)));
}

#[tokio::test(start_paused = true)]
async fn a_look_holds_an_answer_up_for_two_seconds_at_most_and_never_beyond_its_time() {
    let world = World::away(AWAY, Some(10));
    let process = world.process();
    world.run(&process, secs(60)).await;
    world.mapping.set(|state| state.silent = true);
    sleep(secs(20)).await;
    let began = world.ambient.now();
    world.invoke(&process, secs(30)).await;
    assert_eq!(world.mapping.state().looks, 1);
    assert_eq!(world.ambient.now().since(began), secs(2));
    sleep(secs(20)).await;
    // All of the time is gone but for a second.
    let began = world.ambient.now();
    world.invoke(&process, secs(1)).await;
    assert_eq!(world.mapping.state().looks, 2);
    assert_eq!(world.ambient.now().since(began), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_valve_moves_nothing_f43() {
    let world = World::away(AWAY, Some(10));
    let process = world.process();
    world.run(&process, secs(58)).await;
    world.store.set_away(true);
    world.run(&process, secs(120)).await;
    let state = world.mapping.state();
    assert_eq!((state.looks, state.limits), (0, 0));
}
