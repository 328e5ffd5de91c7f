//! Gaps that batch and idempotency utilities are known for, which are no gaps of the engine
//! (`docs/IDEMPOTENCY.md`). Those that other facts show already are told there.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use waybill_core::batch::Handed;
use waybill_core::event::Event;
use waybill_core::id::{Consumer as Namespace, RouteName};
use waybill_core::ledger::{DeadLetter, OnRejected, OnceBy, Status};
use waybill_core::outcome::Attempt;
use waybill_core::retry::RetryPolicy;
use waybill_core::routes::OnConflict;
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};
use waybill_engine::ports::Ambient;
use waybill_testkit::{FakeLedger, FakeQueue, TestAmbient, fixtures};

use crate::scene::{Answer, Scene};

/// Takes as long as the data says, and fails what is odd.
struct Slow;

impl Handler for Slow {
    fn plan(&self, event: &Event) -> Plan {
        let routes = vec![fixtures::route("crm")];
        assert_ne!(event.data.as_bytes(), b"panic", "scripted");
        Plan::Deliver {
            version: "v".to_owned(),
            routes,
        }
    }

    fn policy(&self, _: &RouteName) -> Option<Arc<Policy>> {
        let (retry, on_rejected) = (RetryPolicy::default(), OnRejected::Dead);
        Some(Arc::new(Policy {
            retry,
            on_rejected,
            time: Duration::from_secs(10),
            dead_letter: None,
            once: OnceBy::Ledger,
        }))
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let said = String::from_utf8_lossy(delivery.event.data.as_bytes()).into_owned();
        let number: u64 = said.parse().unwrap();
        sleep(Duration::from_millis(number * 7919 % 101)).await;
        match number % 2 {
            0 => Attempt::delivered("ok"),
            _ => Attempt::transient("busy", "busy", None),
        }
    }
}

/// A function as one process has it.
struct Process {
    ambient: Arc<TestAmbient>,
    consumer: Consumer<Slow, FakeLedger, Arc<TestAmbient>, FakeQueue>,
}

impl Process {
    fn new(dead_letter: DeadLetter) -> Self {
        let ambient = Arc::new(TestAmbient::default());
        let config = Config {
            consumer: Namespace::new(fixtures::CONSUMER).unwrap(),
            key: None,
            dead_letter,
            on_conflict: OnConflict::Dead,
            time_to_live: Duration::from_secs(1_000_000),
            retention: None,
            redrive_limit: 3,
            metrics: None,
            concurrency: 25,
        };
        let engine = Engine::new(Slow, FakeLedger::new(), Arc::clone(&ambient), config);
        let for_queue = Arc::clone(&ambient);
        let open = move |_: &str| {
            let dead = FakeQueue::new("dead.fifo", for_queue.clone());
            Source::new(FakeQueue::new("orders", for_queue.clone()), Some(dead))
        };
        let consumer = Consumer::new(engine, Arc::clone(&ambient), open);
        Self { ambient, consumer }
    }

    /// The ids that an invocation hands back.
    async fn handle(&self, records: &[Value]) -> Vec<String> {
        let payload = json!({ "Records": records }).to_string();
        let deadline = self.ambient.now().after(Duration::from_secs(60));
        let answer = self.consumer.handle(&payload, deadline).await.unwrap();
        let ids = answer.failures().iter();
        ids.map(|id| id.as_str().to_owned()).collect()
    }
}

/// A record of a standard queue, or of a group of a FIFO queue.
fn record(id: &str, body: &str, group: Option<&str>) -> Value {
    let mut record = json!({
        "messageId": id,
        "receiptHandle": "r",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
    });
    if let Some(group) = group {
        record["attributes"]["MessageGroupId"] = json!(group);
        record["eventSourceARN"] = json!("arn:aws:sqs:eu-west-1:123456789012:orders.fifo");
    }
    record
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_whole_is_an_answer_that_names_it_whole_g10() {
    let process = Process::new(DeadLetter::Redrive);
    let odd: Vec<_> = (0..10).map(|n| 2 * n + 1).collect();
    let records = odd
        .iter()
        .map(|n| record(&format!("m-{n}"), &n.to_string(), None));
    let failures = process.handle(&records.collect::<Vec<_>>()).await;
    let all: Vec<_> = odd.iter().map(|n| format!("m-{n}")).collect();
    assert_eq!(failures, all);
    let fine = [record("m-0", "0", None)];
    assert_eq!(
        process.handle(&fine).await,
        [""; 0],
        "of its invocation alone"
    );
}

#[tokio::test(start_paused = true)]
async fn no_failure_of_work_side_by_side_is_left_out_g21() {
    let process = Process::new(DeadLetter::Redrive);
    let numbers: Vec<_> = (0..1000).collect();
    let records = numbers
        .iter()
        .map(|n| record(&format!("m-{n}"), &n.to_string(), None));
    let failures = process.handle(&records.collect::<Vec<_>>()).await;
    let odd = numbers.iter().filter(|n| *n % 2 == 1);
    let odd: Vec<_> = odd.map(|n| format!("m-{n}")).collect();
    assert_eq!(failures, odd, "each by its place, whenever it ended");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_read_behind_a_failure_fails_no_batch_g19() {
    let process = Process::new(DeadLetter::Send);
    let broken = r#"{"specversion":"1.0"}"#;
    let records = [
        record("m-1", "1", Some("g")),
        record("m-2", broken, Some("g")),
        record("m-3", "2", Some("g")),
        record("m-4", broken, Some("h")),
        record("m-5", "4", Some("h")),
    ];
    let failures = process.handle(&records).await;
    assert_eq!(failures, ["m-1", "m-2", "m-3"], "of the other group none");
}

#[tokio::test(start_paused = true)]
async fn reading_that_panics_fails_its_own_message_by_its_own_id_g20() {
    let process = Process::new(DeadLetter::Redrive);
    let records = [
        record("m-1", "2", None),
        record("m-2", "panic", None),
        record("m-3", "4", None),
    ];
    assert_eq!(process.handle(&records).await, ["m-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_what_a_process_did_costs_no_request_f49() {
    let scene = Scene::new(&["crm"]);
    let process = scene.process();
    scene.send("a");
    assert_eq!(process.turn().await, [Handed::Over]);
    let asked = scene.ledger.inner().counts();
    scene.send("a");
    assert_eq!(process.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.inner().counts(), asked);
    assert_eq!(scene.tries().len(), 1);
    scene.send("a");
    let other = scene.process();
    assert_eq!(other.turn().await, [Handed::Over]);
    let asked = scene.ledger.inner().counts();
    scene.send("a");
    assert_eq!(other.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.inner().counts(), asked, "read once");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_as_done_is_no_cover_for_other_data_f47_f49() {
    let scene = Scene::new(&["crm"]);
    let process = scene.process();
    scene.send("a");
    process.turn().await;
    scene.send_with_data("a", "other");
    assert_eq!(process.turn().await, [Handed::Back], "a conflict");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_as_done_expires_f41_f49() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.time_to_live = Duration::from_secs(600);
    let process = scene.process();
    scene.send("a");
    process.turn().await;
    sleep(Duration::from_secs(601)).await;
    scene.send("a");
    process.turn().await;
    assert_eq!(scene.tries().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_dead_and_is_done_now_is_remembered_as_done() {
    let scene = Scene::new(&["crm"]);
    let process = scene.process();
    let refused = Attempt::rejected("http_400", "no");
    scene.answer("a", "crm", Answer::Give(refused));
    scene.send("a");
    process.turn().await;
    assert_eq!(scene.row("a").status, Status::Dead);
    sleep(Duration::from_secs(1)).await;
    // Another message, sent later, brings it back; then the first comes once more.
    scene.send("a");
    while scene.row("a").status == Status::Dead {
        process.turn().await;
    }
    assert_eq!(scene.row("a").status, Status::Completed);
    process.turn().await;
    assert!(scene.queue.inner().is_empty(), "neither is dead");
}

#[tokio::test(start_paused = true)]
async fn copies_of_what_was_done_before_leave_together_g23() {
    let scene = Scene::new(&["crm"]);
    scene.send("a");
    scene.turn().await;
    for _ in 0..3 {
        scene.send("a");
    }
    assert_eq!(scene.turn().await, [Handed::Over; 3]);
    assert_eq!(scene.tries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn consumers_of_one_ledger_share_no_row_g9() {
    let mut scene = Scene::new(&["crm"]);
    scene.send("a");
    scene.turn().await;
    scene.config.consumer = Namespace::new("another").unwrap();
    scene.send("a");
    scene.turn().await;
    assert_eq!(scene.tries().len(), 2);
    assert_eq!(scene.ledger.inner().rows().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_copy_comes_back_when_the_lease_is_over_g22() {
    let scene = Scene::new(&["crm"]);
    scene.send("a");
    let mut row = fixtures::claimed("a", 9);
    let held = Duration::from_secs(30);
    row.lease_until = scene.ambient.now().after(held);
    scene.ledger.inner().put(row);
    assert_eq!(scene.turn().await, [Handed::Back]);
    let skew = Duration::from_secs(2);
    assert_eq!(scene.visible_in(), held + skew);
    assert_eq!(scene.row("a").routes[0].attempts, 0, "nothing is charged");
}
