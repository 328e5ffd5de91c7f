//! A queue, a ledger and a handler whose answers a test scripts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{advance, sleep};

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::event::{Data, Event};
use waybill_core::id::{Consumer, LedgerKey, MessageId, RouteName};
use waybill_core::ledger::{DeadLetter, OnRejected, OnceBy, Record};
use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::outcome::{Attempt, RowEnd};
use waybill_core::retry::RetryPolicy;
use waybill_core::routes::OnConflict;
use waybill_core::time::Timestamp;
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};
use waybill_engine::poller::{Poller, PollerConfig, Report};
use waybill_engine::ports::{Ambient, Outgoing, Queue};
use waybill_engine::telemetry::{Metrics, Sink};
use waybill_testkit::{FakeLedger, FakeQueue, FakeScheduler, Faulty, TestAmbient, fixtures};

/// How long the source queue hides what was received.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(360);

/// How long an invocation may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a poller holds a message at a time.
pub(crate) const HELD: Duration = Duration::from_secs(30);

/// Longer than any poll of a test needs.
pub(crate) const LONG: Duration = Duration::from_secs(900);

/// Receives before the redrive policy moves a message.
const MAX_RECEIVE_COUNT: u32 = 25;

/// What the scripted handler answers one try with.
pub(crate) enum Answer {
    Give(Attempt),
    Slowly(Duration, Attempt),
    Panic,
    /// Panics when it is called, not when it is awaited.
    PanicAtOnce,
    Hang,
    /// Writes what it is given in one transaction with the row, or with a marker where it is given
    /// none. The request is there after the first time, whatever becomes of who asked; the answer
    /// comes after the second, or never.
    Transact(Duration, Option<Duration>),
}

/// One try as the handler saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Try {
    pub(crate) data: String,
    pub(crate) route: String,
    pub(crate) attempt: u32,
    pub(crate) idempotency_key: String,
    pub(crate) at: Timestamp,
}

/// The answers to come, by data and route.
type Answers = HashMap<(String, String), VecDeque<Answer>>;

/// A handler that answers from a script, `delivered` where it is empty.
#[derive(Clone)]
pub(crate) struct Script {
    routes: Vec<RouteName>,
    pub(crate) plan: Option<Plan>,
    pub(crate) policy: Policy,
    /// What goes before the policy's, by route.
    pub(crate) retries: HashMap<String, RetryPolicy>,
    answers: Arc<Mutex<Answers>>,
    tries: Arc<Mutex<Vec<Try>>>,
    ambient: Arc<TestAmbient>,
    table: Table,
}

/// A table whose items are written in one transaction with a row of the ledger, or a marker.
#[derive(Clone)]
pub(crate) struct Table {
    ledger: FakeLedger,
    /// The idempotency key of every effect.
    effects: Arc<Mutex<Vec<String>>>,
    markers: Arc<Mutex<HashSet<String>>>,
}

impl Table {
    /// One transaction: both happen or neither.
    fn transact(&self, row: Option<Record>, key: String) -> Attempt {
        let row = match row {
            Some(row) if self.ledger.row(&row.key).is_some() => {
                return Attempt::transient("conflict", "", None).with_row(RowEnd::Refused);
            }
            Some(row) => {
                self.ledger.put(row);
                RowEnd::Written
            }
            None if !self.markers.lock().unwrap().insert(key.clone()) => {
                return Attempt::delivered("already_done");
            }
            None => RowEnd::Untouched,
        };
        self.effects.lock().unwrap().push(key);
        Attempt::delivered("written").with_row(row)
    }
}

impl Handler for Script {
    fn plan(&self, event: &Event) -> Plan {
        assert!(event.data != Data::Text("panic in plan".into()), "scripted");
        let routes = self.routes.clone();
        self.plan.clone().unwrap_or(Plan::Deliver {
            version: "v1".to_owned(),
            routes,
        })
    }

    fn policy(&self, route: &RouteName) -> Option<Arc<Policy>> {
        let own = self.retries.get(route.as_str()).cloned();
        let mut policy = self.routes.contains(route).then(|| self.policy.clone())?;
        policy.retry = own.unwrap_or(policy.retry);
        Some(Arc::new(policy))
    }

    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> impl Future<Output = Attempt> + Send + 'a {
        let answer = self.note(delivery);
        assert!(!matches!(answer, Some(Answer::PanicAtOnce)), "scripted");
        async move {
            match answer {
                None => Attempt::delivered("ok"),
                Some(Answer::Give(attempt)) => attempt,
                Some(Answer::Slowly(wait, attempt)) => {
                    sleep(wait).await;
                    attempt
                }
                Some(Answer::Panic | Answer::PanicAtOnce) => panic!("scripted"),
                Some(Answer::Hang) => std::future::pending().await,
                Some(Answer::Transact(there, back)) => {
                    let table = self.table.clone();
                    let row = delivery.row.cloned();
                    let key = delivery.idempotency_key.to_owned();
                    let sent = tokio::spawn(async move {
                        sleep(there).await;
                        table.transact(row, key)
                    });
                    match back {
                        Some(back) => {
                            let attempt = sent.await.unwrap();
                            sleep(back).await;
                            attempt
                        }
                        None => std::future::pending().await,
                    }
                }
            }
        }
    }
}

impl Script {
    /// Notes a try and takes its answer.
    fn note(&self, delivery: Delivery<'_>) -> Option<Answer> {
        let data = String::from_utf8_lossy(delivery.event.data.as_bytes()).into_owned();
        let route = delivery.route.as_str().to_owned();
        self.tries.lock().unwrap().push(Try {
            data: data.clone(),
            route: route.clone(),
            attempt: delivery.attempt,
            idempotency_key: delivery.idempotency_key.to_owned(),
            at: self.ambient.now(),
        });
        let mut answers = self.answers.lock().unwrap();
        answers
            .get_mut(&(data, route))
            .and_then(VecDeque::pop_front)
    }
}

/// Everything a test needs. Time stands still but for waits.
pub(crate) struct Scene {
    pub(crate) ambient: Arc<TestAmbient>,
    pub(crate) ledger: Faulty<FakeLedger>,
    pub(crate) queue: Faulty<FakeQueue>,
    pub(crate) dead_letters: Faulty<FakeQueue>,
    /// Where events wait outside the queue, where the scene has it.
    pub(crate) scheduler: Option<Faulty<FakeScheduler>>,
    pub(crate) script: Script,
    pub(crate) config: Config,
    with_redrive_policy: bool,
}

impl Scene {
    /// A scene whose handler has these routes.
    pub(crate) fn new(routes: &[&str]) -> Self {
        let ambient = Arc::new(TestAmbient::default());
        let dead_letters = FakeQueue::new("dead", ambient.clone());
        let queue = FakeQueue::new("orders", ambient.clone())
            .with_redrive(MAX_RECEIVE_COUNT, dead_letters.clone());
        let ledger = FakeLedger::new();
        Self {
            ledger: Faulty::new(ledger.clone()),
            queue: Faulty::new(queue),
            dead_letters: Faulty::new(dead_letters),
            scheduler: None,
            script: Script {
                routes: routes.iter().map(|name| fixtures::route(name)).collect(),
                plan: None,
                policy: Policy {
                    retry: RetryPolicy {
                        jitter: 0.0,
                        ..RetryPolicy::default()
                    },
                    on_rejected: OnRejected::Dead,
                    time: Duration::from_secs(10),
                    dead_letter: None,
                    once: OnceBy::Ledger,
                },
                retries: HashMap::new(),
                answers: Arc::default(),
                tries: Arc::default(),
                ambient: ambient.clone(),
                table: Table {
                    ledger,
                    effects: Arc::default(),
                    markers: Arc::default(),
                },
            },
            config: Config {
                consumer: Consumer::new(fixtures::CONSUMER).unwrap(),
                key: None,
                dead_letter: DeadLetter::Redrive,
                on_conflict: OnConflict::Dead,
                time_to_live: Duration::from_secs(35 * 24 * 3600),
                retention: None,
                redrive_limit: 3,
                metrics: None,
                concurrency: 25,
            },
            with_redrive_policy: true,
            ambient,
        }
    }

    /// The same, whose targets make each effect once by themselves.
    pub(crate) fn once_by_target(mut self) -> Self {
        self.script.policy.once = OnceBy::Target;
        self
    }

    /// The same, with dead messages sent by us.
    pub(crate) fn sending_the_dead(mut self) -> Self {
        self.config.dead_letter = DeadLetter::Send;
        self
    }

    /// The same, and the documents of metrics that it writes.
    pub(crate) fn metered(mut self) -> (Self, Documents) {
        let documents = Documents::default();
        let to = documents.clone();
        let sink = Sink::to(move |lines| to.0.lock().unwrap().push_str(lines));
        self.config.metrics = Some(Metrics::new(sink, 256));
        (self, documents)
    }

    /// The same, whose events may wait outside the queue.
    pub(crate) fn with_schedules(mut self) -> Self {
        let scheduler = FakeScheduler::new(self.queue.inner().clone());
        self.scheduler = Some(Faulty::new(scheduler));
        self
    }

    /// The scheduler of a scene that has one.
    pub(crate) fn schedules(&self) -> &Faulty<FakeScheduler> {
        self.scheduler.as_ref().expect("with schedules")
    }

    /// Opens the queue as a process does.
    pub(crate) fn source(&self) -> Source<Faulty<FakeQueue>> {
        let source = Source::new(self.queue.clone(), Some(self.dead_letters.clone()));
        match &self.scheduler {
            Some(scheduler) => source.with_scheduler(Arc::new(scheduler.clone())),
            None => source,
        }
    }

    /// The same, without a redrive policy on the queue.
    pub(crate) fn without_redrive_policy(mut self) -> Self {
        self.queue = Faulty::new(FakeQueue::new("orders", self.ambient.clone()));
        self.with_redrive_policy = false;
        self
    }

    /// The same with a queue that keeps a message for this long. The engine is not told.
    pub(crate) fn with_retention(mut self, retention: Duration) -> Self {
        let queue = FakeQueue::new("orders", self.ambient.clone())
            .with_redrive(MAX_RECEIVE_COUNT, self.dead_letters.inner().clone())
            .with_retention(retention);
        self.queue = Faulty::new(queue);
        self
    }

    /// The same with FIFO queues, whose dead we send ourselves.
    pub(crate) fn fifo(mut self) -> Self {
        let dead_letters = FakeQueue::new("dead.fifo", self.ambient.clone());
        let queue = FakeQueue::new("orders.fifo", self.ambient.clone())
            .with_redrive(100, dead_letters.clone());
        self.queue = Faulty::new(queue);
        self.dead_letters = Faulty::new(dead_letters);
        self.sending_the_dead()
    }

    /// Sends an event to a group of a FIFO queue; its key is its data.
    pub(crate) fn send_in(&self, group: &str, key: &str) -> MessageId {
        self.queue.inner().put(Outgoing {
            group_id: Some(group.to_owned()),
            deduplication_id: Some(key.to_owned()),
            ..outgoing(key, key)
        })
    }

    /// Sends an event of this key whose data is the key too.
    pub(crate) fn send(&self, key: &str) -> MessageId {
        self.send_with_data(key, key)
    }

    /// Sends an event of this key with other data.
    pub(crate) fn send_with_data(&self, key: &str, data: &str) -> MessageId {
        self.queue.inner().put(outgoing(key, data))
    }

    /// Sends an event that has an id of its own, as producers send it; its data is the id too.
    pub(crate) fn produce(&self, id: &str) -> MessageId {
        self.produce_with_data(id, id)
    }

    /// Sends an event of this id with other data.
    pub(crate) fn produce_with_data(&self, id: &str, data: &str) -> MessageId {
        self.queue.inner().put(Outgoing {
            body: cloud_event(id, data),
            ..Outgoing::default()
        })
    }

    /// The same in a group of a FIFO queue.
    pub(crate) fn produce_in(&self, group: &str, id: &str) -> MessageId {
        self.queue.inner().put(Outgoing {
            body: cloud_event(id, id),
            group_id: Some(group.to_owned()),
            deduplication_id: Some(id.to_owned()),
            ..Outgoing::default()
        })
    }

    /// The row of an event that has an id of its own.
    pub(crate) fn row_of(&self, id: &str) -> Record {
        self.find_row_of(id).expect("the row stands")
    }

    /// The same, where there is one.
    pub(crate) fn find_row_of(&self, id: &str) -> Option<Record> {
        self.ledger.inner().record(&produced_key(id))
    }

    /// The idempotency key of every effect of a transaction.
    pub(crate) fn effects(&self) -> Vec<String> {
        self.script.table.effects.lock().unwrap().clone()
    }

    /// Scripts the next answer to a try of an event at a route.
    pub(crate) fn answer(&self, data: &str, route: &str, answer: Answer) -> &Self {
        let mut answers = self.script.answers.lock().unwrap();
        answers
            .entry((data.to_owned(), route.to_owned()))
            .or_default()
            .push_back(answer);
        self
    }

    /// An engine as a new process has it.
    pub(crate) fn process(&self) -> Process<'_> {
        let engine = Engine::new(
            self.script.clone(),
            self.ledger.clone(),
            self.ambient.clone(),
            self.config.clone(),
        );
        Process {
            scene: self,
            engine,
            source: self.source(),
        }
    }

    /// A poller as a new process has it. It holds messages for [`HELD`].
    pub(crate) fn poller(
        &self,
    ) -> Poller<Script, Faulty<FakeLedger>, Arc<TestAmbient>, Faulty<FakeQueue>> {
        let (queue, dead_letters) = (self.queue.clone(), self.dead_letters.clone());
        let scheduler = self.scheduler.clone();
        let config = PollerConfig {
            queue_url: self.queue.inner().arn().to_owned(),
            visibility: HELD,
            reserve: Duration::from_secs(10),
        };
        let engine = self.process().engine;
        Poller::new(engine, self.ambient.clone(), config, move |_| {
            let source = Source::new(queue.clone(), Some(dead_letters.clone()));
            match &scheduler {
                Some(scheduler) => source.with_scheduler(Arc::new(scheduler.clone())),
                None => source,
            }
        })
    }

    /// One poll of this long in a new process; the report.
    pub(crate) async fn poll(&self, lasts: Duration, payload: &str) -> Report {
        let deadline = self.ambient.now().after(lasts);
        let report = self.poller().handle(payload, deadline).await.unwrap();
        assert!(self.ambient.now() <= deadline, "the deadline passed");
        report
    }

    /// Polls in a new process until the queue has nothing to give.
    pub(crate) async fn poll_until_empty(&self) -> Report {
        let report = self.poll(LONG, r#"{"stop_when_empty": true}"#).await;
        assert_eq!(report.stopped, "empty");
        report
    }

    /// One batch in a new process.
    pub(crate) async fn turn(&self) -> Vec<Handed> {
        self.process().turn().await
    }

    /// Batches in one process until the queue is empty, at most `turns`, with time going on to
    /// when the next message is visible.
    pub(crate) async fn drain(&self, turns: usize) {
        let process = self.process();
        for _ in 0..turns {
            if self.queue.inner().is_empty() {
                return;
            }
            self.wait_for_next().await;
            process.turn().await;
        }
        panic!("{} messages are left", self.queue.inner().len());
    }

    /// Lets time go on to when a message is visible.
    pub(crate) async fn wait_for_next(&self) {
        let standing = self.queue.inner().messages();
        if let Some(at) = standing.iter().map(|message| message.visible_at).min() {
            advance(at.since(self.ambient.now())).await;
        }
    }

    /// Every try so far.
    pub(crate) fn tries(&self) -> Vec<Try> {
        self.script.tries.lock().unwrap().clone()
    }

    /// Data and route of every try so far.
    pub(crate) fn tried(&self) -> Vec<(String, String)> {
        self.tries()
            .into_iter()
            .map(|t| (t.data, t.route))
            .collect()
    }

    /// The row of an event.
    pub(crate) fn row(&self, key: &str) -> Record {
        self.ledger
            .inner()
            .record(&self.key(key))
            .expect("the row stands")
    }

    /// The ledger's key of an event.
    pub(crate) fn key(&self, key: &str) -> LedgerKey {
        fixtures::key(key)
    }

    /// When the only message is visible again.
    pub(crate) fn visible_in(&self) -> Duration {
        let standing = self.queue.inner().messages();
        assert_eq!(standing.len(), 1, "one message");
        standing[0].visible_at.since(self.ambient.now())
    }
}

/// A message of this key with data.
fn outgoing(key: &str, data: &str) -> Outgoing {
    let value = AttributeValue::Text(key.to_owned());
    let attribute = MessageAttribute {
        data_type: "String".to_owned(),
        value,
    };
    Outgoing {
        body: data.to_owned(),
        attributes: [("waybill-key".to_owned(), attribute)].into(),
        ..Outgoing::default()
    }
}

/// An event with an id of its own, as the body of a message.
fn cloud_event(id: &str, data: &str) -> String {
    let event = json!({
        "specversion": "1.0", "id": id, "source": "shop", "type": "order",
        "datacontenttype": "text/plain", "data": data,
    });
    event.to_string()
}

/// The ledger's key of an event that has an id of its own.
fn produced_key(id: &str) -> LedgerKey {
    fixtures::key(&format!("ce:shop\0{id}"))
}

/// The documents of metrics that a scene has written.
#[derive(Clone, Default)]
pub(crate) struct Documents(Arc<Mutex<String>>);

impl Documents {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<Value> {
        let written = self.0.lock().unwrap();
        let documents = written.lines().map(serde_json::from_str);
        documents.collect::<Result<_, _>>().unwrap()
    }

    /// The sum of a metric over those with just these labels beside the queue.
    pub(crate) fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let all = self.all();
        let with = all.iter().filter(|document| {
            let set = &document["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0];
            set.as_array().unwrap().len() == labels.len() + 1
                && labels.iter().all(|(name, value)| document[name] == *value)
        });
        with.filter_map(|document| document[metric].as_f64()).sum()
    }

    /// Every value of a metric.
    pub(crate) fn values(&self, metric: &str) -> Vec<f64> {
        let all = self.all();
        let lists = all
            .iter()
            .filter_map(|document| document[metric].as_array());
        lists.flatten().filter_map(Value::as_f64).collect()
    }
}

/// A process that serves several batches.
pub(crate) struct Process<'a> {
    scene: &'a Scene,
    engine: Engine<Script, Faulty<FakeLedger>, Arc<TestAmbient>>,
    source: Source<Faulty<FakeQueue>>,
}

impl Process<'_> {
    /// Receives a batch, runs it, and deletes what the engine says is over, as the event source
    /// mapping does.
    pub(crate) async fn turn(&self) -> Vec<Handed> {
        self.turn_of(10).await
    }

    /// The same with a batch of at most so many.
    pub(crate) async fn turn_of(&self, most: usize) -> Vec<Handed> {
        let (messages, handed) = self.run(most).await;
        let over = messages
            .iter()
            .zip(&handed)
            .filter(|(_, handed)| **handed == Handed::Over);
        let handles: Vec<_> = over
            .map(|(message, _)| message.receipt_handle.clone())
            .collect();
        for some in handles.chunks(SQS_BATCH_MAX) {
            for answer in self.scene.queue.inner().delete(some).await {
                answer.unwrap();
            }
        }
        handed
    }

    /// The same, and nobody deletes anything: what was received, and how it ended.
    pub(crate) async fn run(&self, most: usize) -> (Vec<Message>, Vec<Handed>) {
        let queue = self.scene.queue.inner();
        let mut messages = Vec::new();
        while messages.len() < most {
            let max = (most - messages.len()).min(SQS_BATCH_MAX);
            let received = queue.receive(max, Duration::ZERO, VISIBILITY).await;
            let received = received.unwrap();
            if received.is_empty() {
                break;
            }
            messages.extend(received);
        }
        let started = self.scene.ambient.now();
        let budget = Budget {
            started,
            deadline: started.after(TIMEOUT),
        };
        let handed = self
            .engine
            .run(messages.clone(), &self.source, budget)
            .await;
        assert_eq!(handed.len(), messages.len());
        assert!(
            self.scene.ambient.now() <= budget.deadline,
            "the deadline passed"
        );
        (messages, handed)
    }
}
