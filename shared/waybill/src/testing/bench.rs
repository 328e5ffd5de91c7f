//! One function before a queue, batch by batch, in time that a test decides.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::advance;

use waybill_core::id::{Consumer as Namespace, MessageId};
use waybill_core::ledger::{DeadLetter, Record, Status};
use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::time::Timestamp;
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::env::ConfigErrors;
use waybill_engine::handler::Handler;
use waybill_engine::ports::{Ambient, Outgoing, Queue};
use waybill_testkit::{FakeLedger, FakeQueue, TestAmbient};
use waybill_world::sqs_payload;

use crate::handler::{EventHandler, HandlerBuilder};
use crate::testing::OldTable;

/// A function behind an SQS trigger, with its queue, its dead-letter queue and its ledger in memory.
///
/// They answer as the services do: copies, conditions, visibility, receive counts, the redrive
/// policy. Time is tokio's: make it and use it in a test whose clock is paused
/// (`#[tokio::test(start_paused = true)]`), and hours pass in no time.
pub struct Bench<H> {
    function: Consumer<H, FakeLedger, Arc<TestAmbient>, FakeQueue>,
    ambient: Arc<TestAmbient>,
    queue: FakeQueue,
    dead_letters: FakeQueue,
    ledger: FakeLedger,
    old_table: OldTable,
}

/// What a function did until its queue was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Invocations.
    pub batches: usize,
    /// Events that are done, by the ledger.
    pub done: usize,
    /// Messages in the dead-letter queue.
    pub dead: usize,
    /// Messages that are left in the queue: not 0 only after [`BATCHES_MAX`] invocations.
    pub left: usize,
}

/// A message in the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Its body.
    pub body: String,
    /// Why, in the ledger's word, like `rejected` or `attempts_spent`; empty where the ledger knows
    /// nothing of it.
    pub reason: String,
    /// The code of its last try; empty where there was none.
    pub code: String,
}

impl<F, T> Bench<EventHandler<F, T>>
where
    EventHandler<F, T>: Handler,
{
    /// A function before a standard queue, whose redrive policy moves what was received 25 times.
    ///
    /// # Errors
    ///
    /// As [`HandlerBuilder::build`].
    pub fn new(handler: HandlerBuilder<F, T>) -> Result<Self, ConfigErrors> {
        Ok(Self::of(handler.assemble()?, "orders", DeadLetter::Redrive))
    }

    /// The same before a FIFO queue, whose dead the function sends itself.
    ///
    /// # Errors
    ///
    /// As [`HandlerBuilder::build`].
    pub fn fifo(handler: HandlerBuilder<F, T>) -> Result<Self, ConfigErrors> {
        Ok(Self::of(
            handler.assemble()?,
            "orders.fifo",
            DeadLetter::Send,
        ))
    }

    /// A function before a queue of this name.
    fn of(handler: EventHandler<F, T>, name: &str, dead_letter: DeadLetter) -> Self {
        let ambient = Arc::new(TestAmbient::default());
        let old_table = OldTable::new(Arc::clone(&ambient));
        let handler = handler.reading(|_, key| old_table.known_by(key));
        let dead_letters = FakeQueue::new(&format!("dead-{name}"), ambient.clone());
        let queue = FakeQueue::new(name, ambient.clone());
        let receives = match dead_letter {
            DeadLetter::Redrive => RECEIVES,
            DeadLetter::Send => RECEIVES_OF_SENT,
        };
        let queue = queue.with_redrive(receives, dead_letters.clone());
        let ledger = FakeLedger::new();
        let mut config = config(dead_letter);
        handler.configure(&mut config);
        let engine = Engine::new(handler, ledger.clone(), ambient.clone(), config);
        let sources = (queue.clone(), dead_letters.clone());
        let function = Consumer::new(engine, ambient.clone(), move |_| {
            Source::new(sources.0.clone(), Some(sources.1.clone()))
        });
        Self {
            function,
            ambient,
            queue,
            dead_letters,
            ledger,
            old_table,
        }
    }
}

impl<H: Handler> Bench<H> {
    /// Sends a message with this body as JSON; its message id.
    pub fn send(&self, body: impl Serialize) -> String {
        self.put(None, &body)
    }

    /// The same to a message group of a FIFO queue.
    pub fn send_in(&self, group: &str, body: impl Serialize) -> String {
        self.put(Some(group), &body)
    }

    /// Sends a message.
    fn put(&self, group: Option<&str>, body: &impl Serialize) -> String {
        // What is no JSON is sent as nothing, and is a test of that.
        let body = serde_json::to_string(body).unwrap_or_default();
        let id = self.queue.put(Outgoing {
            body,
            group_id: group.map(str::to_owned),
            deduplication_id: group.map(|_| format!("{:016x}", self.ambient.random())),
            ..Outgoing::default()
        });
        id.as_str().to_owned()
    }

    /// One invocation with what is visible now, at most ten messages, after which the mapping deletes
    /// what the answer does not name: the ids that it names.
    pub async fn batch(&self) -> Vec<String> {
        let received = self
            .queue
            .receive(SQS_BATCH_MAX, Duration::ZERO, VISIBILITY)
            .await;
        let messages = received.unwrap_or_default();
        if messages.is_empty() {
            return Vec::new();
        }
        let deadline = self.ambient.now().after(TIMEOUT);
        let answer = self
            .function
            .handle(&sqs_payload(&messages), deadline)
            .await;
        let failed: Vec<MessageId> = match answer {
            Ok(answer) => answer.failures().to_vec(),
            Err(_) => messages
                .iter()
                .map(|message| message.message_id.clone())
                .collect(),
        };
        let done = messages
            .iter()
            .filter(|message| !failed.contains(&message.message_id));
        let handles: Vec<_> = done.map(|message| message.receipt_handle.clone()).collect();
        for some in handles.chunks(SQS_BATCH_MAX) {
            // As the mapping does: what was not deleted comes again.
            let _ = self.queue.delete(some).await;
        }
        failed.iter().map(|id| id.as_str().to_owned()).collect()
    }

    /// Invokes until the queue is empty, with time going on to when the next message is visible; at
    /// most [`BATCHES_MAX`] times.
    pub async fn run_until_empty(&self) -> Report {
        let mut batches = 0;
        while !self.queue.is_empty() && batches < BATCHES_MAX {
            let standing = self.queue.messages();
            let next = standing.iter().map(|message| message.visible_at).min();
            let wait = next.unwrap_or_default().since(self.ambient.now());
            if !wait.is_zero() {
                advance(wait).await;
            }
            self.batch().await;
            batches += 1;
        }
        let rows = self.rows();
        let done = rows.iter().filter(|row| row.status == Status::Completed);
        Report {
            batches,
            done: done.count(),
            dead: self.dead_letters.len(),
            left: self.queue.len(),
        }
    }

    /// What is in the dead-letter queue, and why.
    pub fn dead(&self) -> Vec<Dead> {
        let rows = self.rows();
        let why = |id: &MessageId| {
            let mut dead = rows
                .iter()
                .filter_map(|row| Some((row, row.death.as_ref()?)));
            dead.find(|(_, death)| death.message_id == *id)
        };
        let standing = self.dead_letters.messages().into_iter();
        let dead = standing.map(|message| {
            let why = why(&message.message_id);
            let code = why.and_then(|(row, _)| row.attempts.last());
            Dead {
                body: message.sent.body.to_string(),
                reason: why.map_or("", |(_, death)| death.reason.word()).to_owned(),
                code: code.map_or("", |last| &last.code).to_owned(),
            }
        });
        dead.collect()
    }

    /// The rows of the ledger that this release knows.
    fn rows(&self) -> Vec<Record> {
        let rows = self.ledger.rows();
        rows.keys()
            .filter_map(|key| self.ledger.record(key))
            .collect()
    }

    /// Lets time go on.
    pub async fn wait(&self, time: Duration) {
        advance(time).await;
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    /// The queue.
    pub fn queue(&self) -> &FakeQueue {
        &self.queue
    }

    /// The dead-letter queue.
    pub fn dead_letter_queue(&self) -> &FakeQueue {
        &self.dead_letters
    }

    /// The table of [`HandlerBuilder::after_powertools`].
    pub fn old_table(&self) -> &OldTable {
        &self.old_table
    }

    /// The ledger.
    pub fn ledger(&self) -> &FakeLedger {
        &self.ledger
    }
}

/// What an engine is told, but for what its handler says.
pub(super) fn config(dead_letter: DeadLetter) -> Config {
    Config {
        consumer: Namespace::new(NAMESPACE).expect("a plain name"),
        key: None,
        dead_letter,
        on_conflict: Default::default(),
        time_to_live: TIME_TO_LIVE,
        retention: None,
        redrive_limit: REDRIVES,
        metrics: None,
        concurrency: 1,
    }
}

/// How often a bench invokes before it gives up.
pub const BATCHES_MAX: usize = 10_000;

/// The ledger's namespace in tests.
const NAMESPACE: &str = "test";

/// The function's time-out.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// The queue's visibility timeout: six times that.
pub(super) const VISIBILITY: Duration = Duration::from_secs(360);

/// Receives before the redrive policy moves a message.
pub(super) const RECEIVES: u32 = 25;

/// The same where the function sends its dead.
const RECEIVES_OF_SENT: u32 = 100;

/// How long rows live.
const TIME_TO_LIVE: Duration = Duration::from_secs(25 * 24 * 3600);

/// How often an event may be brought back.
const REDRIVES: u32 = 3;
