//! Invocations: payloads in, answers out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use waybill_core::event::Event;
use waybill_core::id::{Consumer as Namespace, RouteName};
use waybill_core::ledger::{DeadLetter, OnRejected, OnceBy};
use waybill_core::outcome::Attempt;
use waybill_core::retry::RetryPolicy;
use waybill_core::routes::OnConflict;
use waybill_core::sqs_event::PayloadError;
use waybill_engine::consumer::{Consumer, Refused};
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};
use waybill_engine::ports::Ambient;
use waybill_testkit::{FakeLedger, FakeQueue, TestAmbient, fixtures};

/// Delivers what says `ok` and fails the rest.
struct Picky;

impl Handler for Picky {
    fn plan(&self, _: &Event) -> Plan {
        Plan::Deliver {
            version: "v".to_owned(),
            routes: vec![fixtures::route("crm")],
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
        match delivery.event.data.as_bytes() {
            b"ok" => Attempt::delivered("ok"),
            _ => Attempt::transient("busy", "busy", None),
        }
    }
}

fn consumer(
    ambient: &Arc<TestAmbient>,
) -> Consumer<Picky, FakeLedger, Arc<TestAmbient>, FakeQueue> {
    let config = Config {
        consumer: Namespace::new("test").unwrap(),
        key: None,
        dead_letter: DeadLetter::Redrive,
        on_conflict: OnConflict::Dead,
        time_to_live: Duration::from_secs(1_000_000),
        retention: None,
        redrive_limit: 3,
        metrics: None,
        concurrency: 25,
    };
    let engine = Engine::new(Picky, FakeLedger::new(), Arc::clone(ambient), config);
    let for_queue = Arc::clone(ambient);
    Consumer::new(engine, Arc::clone(ambient), move |_| {
        Source::new(FakeQueue::new("orders", for_queue.clone()), None)
    })
}

pub(crate) fn record(id: &str, body: &serde_json::Value) -> serde_json::Value {
    json!({
        "messageId": id,
        "receiptHandle": "r",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
    })
}

pub(crate) async fn handle(records: &[serde_json::Value]) -> Result<serde_json::Value, Refused> {
    let ambient = Arc::new(TestAmbient::default());
    let deadline = ambient.now().after(Duration::from_secs(60));
    let payload = json!({ "Records": records }).to_string();
    let response = consumer(&ambient).handle(&payload, deadline).await?;
    Ok(serde_json::to_value(response).unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_leaves_and_the_rest_stays() {
    let records = ["ok", "bad", "ok"].map(|body| json!(body));
    let ids = ["m-1", "m-2", "m-3"];
    let records: Vec<_> = ids
        .iter()
        .zip(&records)
        .map(|(id, body)| record(id, body))
        .collect();
    let answer = handle(&records).await.unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m-2"}]})
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_stays_and_harms_no_other_f14() {
    let answer = handle(&[record("m-1", &json!(17)), record("m-2", &json!("ok"))])
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]})
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_batch_has_an_empty_answer() {
    assert_eq!(handle(&[]).await.unwrap(), json!({"batchItemFailures": []}));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_fails_the_invocation_f12() {
    let error = handle(&[record("m-1", &json!("ok")), record("", &json!("ok"))]).await;
    assert!(matches!(
        error,
        Err(Refused::Payload(PayloadError::NoId(1)))
    ));
}

#[tokio::test(start_paused = true)]
async fn an_invocation_without_time_begins_nothing_f16() {
    let ambient = Arc::new(TestAmbient::default());
    let consumer = consumer(&ambient);
    let payload = json!({ "Records": [record("m-1", &json!("ok"))] }).to_string();
    let answer = consumer.handle(&payload, ambient.now()).await.unwrap();
    assert_eq!(answer.failures().len(), 1);
}
