//! The function's binary under Lambda's Runtime API, before a FIFO queue and a table in memory.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use waybill_local::stub::{Stub, mapping};
use waybill_local::{Answer, Environment, Function};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:entries.fifo";

/// A record of the queue.
fn record(id: &str, customer: &str, cents: i64) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": id,
        "body": json!({"customer": customer, "cents": cents}).to_string(),
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": customer},
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
    })
}

/// The function, ready, before this.
async fn started(stub: &Stub) -> Function {
    let environment = Environment::of("customer-ledger")
        .with("WAYBILL_CONSUMER", "accounts")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WAYBILL_QUEUE_URL", stub.queue_url())
        .with("WAYBILL_DEAD_LETTER", "send")
        .with("WAYBILL_DLQ_URL", stub.dead_letter_url())
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_customer-ledger"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");
    function
}

/// Whose entries were made, and of how much, in order.
async fn entered(function: Function) -> Vec<(String, i64)> {
    let lines = function.end().await.into_iter();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let entered = lines.filter(|line| line["message"] == "entered");
    let entered = entered.map(|line| {
        let customer = line["customer"].as_str().unwrap_or_default();
        let cents = line["cents"].as_i64().unwrap_or_default();
        (customer.to_owned(), cents)
    });
    entered.collect()
}

#[tokio::test]
async fn behind_an_entry_that_fails_its_customer_waits_and_no_other_f24() {
    let stub = Stub::start_fifo(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let function = started(&stub).await;
    let records = [
        record("m-1", "ann", 0),
        record("m-2", "ann", 5),
        record("m-3", "bob", 7),
    ];
    let payload = json!({"Records": records}).to_string();
    let answer = function.invoke(payload, PATIENCE).await;
    let Ok(Answer::Response(answer)) = answer else {
        panic!("{answer:?}");
    };
    let failed = r#"{"batchItemFailures":[{"itemIdentifier":"m-1"},{"itemIdentifier":"m-2"}]}"#;
    assert_eq!(answer, failed);
    assert_eq!(entered(function).await, [("bob".to_owned(), 7)]);
}

#[tokio::test]
async fn each_customers_entries_are_made_in_order_through_a_fifo_queue_f24() {
    let stub = Stub::start_fifo(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let function = started(&stub).await;
    let entries = [("ann", 0), ("ann", 5), ("bob", 7), ("ann", 6)];
    let queue = stub.queue();
    queue.send_in_groups(entries.map(|(customer, cents)| {
        let body = json!({"customer": customer, "cents": cents}).to_string();
        (Some(customer.to_owned()), body)
    }));
    let until = Instant::now() + PATIENCE;
    mapping::play(&function, queue, PATIENCE, PATIENCE, until)
        .await
        .expect("it is invoked");
    assert_eq!((queue.left(), queue.dead()), (0, 0));
    let in_order = [("bob", 7), ("ann", 0), ("ann", 5), ("ann", 6)];
    let in_order = in_order.map(|(customer, cents)| (customer.to_owned(), cents));
    assert_eq!(entered(function).await, in_order);
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
