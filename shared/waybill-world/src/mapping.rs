//! Lambda: functions in sandboxes, invoked by an event source mapping or by a schedule.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::message::{AttributeValue, Message};
use waybill_core::time::Timestamp;
use waybill_engine::ports::Queue;
use waybill_testkit::FakeQueue;

use crate::fault::Fault;
use crate::sandbox::Sandbox;
use crate::world::World;

/// A Lambda function as Lambda sees it: payload in, payload out.
pub trait Function: Send + Sync + 'static {
    /// One invocation: it should end before `deadline`, by the process's own clock. An error is a
    /// failed invocation.
    fn invoke(
        &self,
        payload: String,
        deadline: Timestamp,
    ) -> impl Future<Output = Result<String, String>> + Send;
}

/// Who looks at what happens between a queue and its functions.
pub trait Observer: Send + Sync + 'static {
    /// Messages are handed to a process, which has until `deadline` by the right clock.
    fn handed(&self, _sandbox: &Sandbox, _messages: &[Message], _deadline: Timestamp) {}

    /// The invocation is over for Lambda, by an answer or without one.
    fn ended(&self, _sandbox: &Sandbox, _messages: &[Message], _answer: &Answer) {}

    /// The mapping received messages for which no function was free.
    fn throttled(&self, _messages: &[Message]) {}

    /// The mapping is about to delete a message, because the answer says so.
    fn deletes(&self, _message: &Message) {}
}

/// Nobody looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {}

/// How an invocation ended for Lambda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It answered.
    Said(String),
    /// It failed, its process died, or it had no more time.
    Failed(String),
}

/// An event source mapping of a queue, with `ReportBatchItemFailures`.
///
/// It receives for the queue's visibility timeout and invokes as many at once as `concurrency`
/// says. A message that the answer does not name is deleted; one that it names stays and is
/// visible when its timeout ends, unless the function changed that. A whole batch stays when the
/// invocation fails, when the answer is no JSON or of another shape, or names no id, an empty one
/// or one that is not in the batch; `null`, `{}` and an empty list delete it whole (F12).
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Most messages of one invocation: up to 10,000; a FIFO queue's have at most 10.
    pub batch_size: usize,
    /// How long it waits for a batch to fill when it is larger than ten.
    pub window: Duration,
    /// Invocations at once.
    pub concurrency: usize,
    /// The function's time-out.
    pub timeout: Duration,
    /// The queue's visibility timeout.
    pub visibility: Duration,
    /// Whether invocations share one process, as on a managed instance.
    pub shared: bool,
}

/// A function invoked on a schedule, as a poller is.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Invocations at once.
    pub concurrency: usize,
    /// The longest pause between two, until trouble is over; then six times as long.
    pub pause: Duration,
    /// The function's time-out.
    pub timeout: Duration,
    /// What it is sent.
    pub payload: String,
    /// Whether invocations share one process.
    pub shared: bool,
}

/// A function in its process.
struct Instance<F> {
    sandbox: Sandbox,
    function: F,
}

/// The process that a lane, or all lanes, use next.
type Slot<F> = Arc<Mutex<Option<Arc<Instance<F>>>>>;

impl Mapping {
    /// Runs until the world is over. `start` makes the function in a new process.
    pub async fn run<F: Function>(
        &self,
        world: &World,
        queue: &FakeQueue,
        observer: Arc<impl Observer>,
        start: impl Fn(&Sandbox) -> F + Send + Sync + 'static,
        sandbox: impl Fn() -> Sandbox + Send + Sync + 'static,
    ) {
        let place = Arc::new(Place { start, sandbox });
        let shared = Slot::default();
        let lanes = (0..self.concurrency.max(1)).map(|_| {
            let slot = match self.shared {
                true => shared.clone(),
                false => Slot::default(),
            };
            let (this, world, queue) = (self.clone(), world.clone(), queue.clone());
            let (observer, place) = (observer.clone(), place.clone());
            tokio::spawn(async move {
                while !world.is_over() {
                    world.wakes().await;
                    this.turn(&world, &queue, &*observer, &slot, &place).await;
                }
            })
        });
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.expect("a lane does not panic");
        }
    }

    /// One batch.
    async fn turn<F: Function, O: Observer>(
        &self,
        world: &World,
        queue: &FakeQueue,
        observer: &O,
        slot: &Slot<F>,
        place: &Place<impl Fn(&Sandbox) -> F, impl Fn() -> Sandbox>,
    ) {
        let messages = self.fill(world, queue).await;
        if messages.is_empty() {
            return;
        }
        if world.strikes(Fault::MappingThrottle, 30) {
            world.tell(|| format!("no function is free for {} messages", messages.len()));
            observer.throttled(&messages);
            world.end_within(self.visibility).await;
            return;
        }
        let instance = place.instance(slot);
        let deadline = world.now().after(self.timeout);
        world.tell(|| {
            let ids = messages.iter().map(|m| {
                format!(
                    "{} (receive {}, `{}`)",
                    m.message_id, m.receive_count, m.body
                )
            });
            let ids: Vec<_> = ids.collect();
            format!("{:?} is handed {}", instance.sandbox, ids.join(", "))
        });
        observer.handed(&instance.sandbox, &messages, deadline);
        let payload = sqs_payload(&messages);
        let answer = instance.invoke(slot, payload, self.timeout).await;
        world.tell(|| format!("{:?} answers {answer:?}", instance.sandbox));
        observer.ended(&instance.sandbox, &messages, &answer);
        for message in Self::over(&messages, &answer) {
            observer.deletes(message);
            if world.strikes(Fault::LostDelete, 20) {
                world.tell(|| format!("the delete of {} fails", message.message_id));
                continue;
            }
            let handle = [message.receipt_handle.clone()];
            let copy = queue.messages();
            let copy = copy.iter().find(|m| m.message_id == message.message_id);
            // A FIFO queue refuses the handle of a message that is visible again.
            let _ = queue.delete(&handle).await;
            if let Some(copy) = copy
                && copy.group().is_none()
                && world.strikes(Fault::Resurrection, 5)
            {
                world.tell(|| format!("{} comes back after its delete", message.message_id));
                queue.bring_back(copy);
            }
        }
    }

    /// Receives a batch: more than ten by several receives within its window.
    async fn fill(&self, world: &World, queue: &FakeQueue) -> Vec<Message> {
        let size = self.batch_size.max(1);
        let mut batch: Vec<Message> = Vec::new();
        let mut wait = Duration::from_secs(20);
        let mut until = None;
        while batch.len() < size && !world.is_over() {
            let max = (size - batch.len()).min(SQS_BATCH_MAX);
            let received = queue.receive(max, wait, self.visibility).await;
            batch.extend(received.unwrap_or_default());
            if batch.is_empty() || size <= SQS_BATCH_MAX {
                break;
            }
            let until = *until.get_or_insert(Instant::now() + self.window);
            wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
        }
        batch
    }

    /// What an answer lets go.
    fn over<'m>(messages: &'m [Message], answer: &Answer) -> Vec<&'m Message> {
        let Answer::Said(said) = answer else {
            return Vec::new();
        };
        let Some(failures) = failures(said) else {
            return Vec::new();
        };
        let known = |id: &String| messages.iter().any(|m| m.message_id.as_str() == id);
        if !failures.iter().all(known) {
            return Vec::new();
        }
        let stays = |m: &&Message| failures.iter().any(|id| id == m.message_id.as_str());
        messages.iter().filter(|m| !stays(m)).collect()
    }
}

/// The ids that an answer hands back; `None` when all of the batch is.
fn failures(said: &str) -> Option<Vec<String>> {
    let said: Value = serde_json::from_str(said).ok()?;
    if said.is_null() {
        return Some(Vec::new());
    }
    let said = said.as_object()?;
    let Some(failures) = said.get("batchItemFailures") else {
        return said.is_empty().then(Vec::new);
    };
    if failures.is_null() {
        return Some(Vec::new());
    }
    let ids = failures.as_array()?.iter().map(|failure| {
        let id = failure.get("itemIdentifier")?.as_str()?;
        (!id.is_empty()).then(|| id.to_owned())
    });
    ids.collect()
}

impl Schedule {
    /// Runs until the world is over. `start` makes the function in a new process.
    pub async fn run<F: Function>(
        &self,
        world: &World,
        observer: Arc<impl Observer>,
        start: impl Fn(&Sandbox) -> F + Send + Sync + 'static,
        sandbox: impl Fn() -> Sandbox + Send + Sync + 'static,
    ) {
        let place = Arc::new(Place { start, sandbox });
        let shared = Slot::default();
        let lanes = (0..self.concurrency.max(1)).map(|_| {
            let slot = match self.shared {
                true => shared.clone(),
                false => Slot::default(),
            };
            let (this, world) = (self.clone(), world.clone());
            let (observer, place) = (observer.clone(), place.clone());
            tokio::spawn(async move {
                loop {
                    world.wakes().await;
                    // What is calm needs no hurry.
                    let longest = this.pause * if world.is_calm() { 6 } else { 1 };
                    world.end_within(world.chance().time(longest)).await;
                    if world.is_over() {
                        return;
                    }
                    let instance = place.instance(&slot);
                    let deadline = world.now().after(this.timeout);
                    world.tell(|| format!("{:?} is invoked", instance.sandbox));
                    observer.handed(&instance.sandbox, &[], deadline);
                    let payload = this.payload.clone();
                    let answer = instance.invoke(&slot, payload, this.timeout).await;
                    world.tell(|| format!("{:?} answers {answer:?}", instance.sandbox));
                    observer.ended(&instance.sandbox, &[], &answer);
                }
            })
        });
        for lane in lanes.collect::<Vec<_>>() {
            lane.await.expect("a lane does not panic");
        }
    }
}

/// Where functions are started.
struct Place<S, B> {
    start: S,
    sandbox: B,
}

impl<S, B> Place<S, B> {
    /// The process that is there, or a new one.
    fn instance<F>(&self, slot: &Slot<F>) -> Arc<Instance<F>>
    where
        S: Fn(&Sandbox) -> F,
        B: Fn() -> Sandbox,
    {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = slot.as_ref().filter(|i| !i.sandbox.is_dead()) {
            return Arc::clone(instance);
        }
        let sandbox = (self.sandbox)();
        let function = (self.start)(&sandbox);
        let instance = Arc::new(Instance { sandbox, function });
        *slot = Some(Arc::clone(&instance));
        instance
    }
}

impl<F: Function> Instance<F> {
    /// One invocation, and what befalls it.
    async fn invoke(self: &Arc<Self>, slot: &Slot<F>, payload: String, limit: Duration) -> Answer {
        let sandbox = &self.sandbox;
        let world = sandbox.world();
        self.fate(limit);
        let deadline = Instant::now() + limit;
        let by_its_clock = sandbox.by_its_clock(world.now().after(limit));
        let running = {
            let this = Arc::clone(self);
            tokio::spawn(async move {
                let inside = this.sandbox.clone();
                inside
                    .run(this.function.invoke(payload, by_its_clock))
                    .await
            })
        };
        let answer = match timeout_at(deadline, running).await {
            Ok(Ok(Some(Ok(said)))) => return Answer::Said(said),
            Ok(Ok(Some(Err(error)))) => return Answer::Failed(error),
            Ok(Ok(None)) => Answer::Failed("its process died".to_owned()),
            Ok(Err(_)) => {
                sandbox.kill();
                Answer::Failed("it panicked".to_owned())
            }
            Err(_) => {
                // A process that stands still cannot be told to end, and may go on one day.
                if !sandbox.is_frozen() {
                    sandbox.kill();
                }
                Answer::Failed("it had no more time".to_owned())
            }
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|i| Arc::ptr_eq(i, self)) {
            slot.take();
        }
        answer
    }

    /// What befalls an invocation.
    fn fate(&self, limit: Duration) {
        let sandbox = self.sandbox.clone();
        let world = sandbox.world();
        let chance = world.chance();
        if world.allows(Fault::Crash) && chance.hits(60) {
            let soon = chance.pick(&[12, 60, 300]).unwrap_or(60);
            sandbox.die_after_polls(chance.below(soon));
        } else if world.allows(Fault::CrashAtRequest) && chance.hits(60) {
            let soon = chance.pick(&[6, 20, 60]).unwrap_or(20);
            sandbox.die_at_request(chance.below(soon));
        } else if world.strikes(Fault::Freeze, 40) {
            let begins = chance.time(limit);
            let lasts = Duration::from_secs(1) + chance.time(limit * 3);
            tokio::spawn(async move {
                sleep(begins).await;
                if !sandbox.world().is_calm() {
                    sandbox.freeze(lasts);
                }
            });
        }
    }
}

/// What Lambda is sent for messages of one queue.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
pub fn sqs_payload(messages: &[Message]) -> String {
    let records: Vec<_> = messages.iter().map(record).collect();
    json!({ "Records": records }).to_string()
}

fn record(message: &Message) -> Value {
    let mut attributes =
        BTreeMap::from([("ApproximateReceiveCount", message.receive_count.to_string())]);
    if let Some(sent) = message.sent {
        attributes.insert("SentTimestamp", sent.as_millis().to_string());
    }
    if let Some(group) = &message.group_id {
        attributes.insert("MessageGroupId", group.clone());
    }
    if let Some(trace) = &message.trace_header {
        attributes.insert("AWSTraceHeader", trace.clone());
    }
    let of_message: Map<_, _> = message
        .attributes
        .iter()
        .filter_map(|(name, attribute)| match &attribute.value {
            AttributeValue::Text(text) => {
                let value = json!({"dataType": attribute.data_type, "stringValue": text});
                Some((name.clone(), value))
            }
            AttributeValue::Bytes(_) => None,
        })
        .collect();
    json!({
        "messageId": message.message_id.as_str(),
        "receiptHandle": message.receipt_handle.0,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": of_message,
        "eventSource": "aws:sqs",
        "eventSourceARN": message.queue_arn,
        "awsRegion": "eu-central-1",
    })
}
