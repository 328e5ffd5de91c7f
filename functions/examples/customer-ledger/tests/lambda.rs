//! The function's binary under Lambda's Runtime API, before a table in memory.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use waybill_local::stub::Stub;
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

#[tokio::test]
async fn behind_an_entry_that_fails_its_customer_waits_and_no_other_f24() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let environment = Environment::of("customer-ledger")
        .with("WAYBILL_CONSUMER", "accounts")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WAYBILL_DEAD_LETTER", "send")
        .with("WAYBILL_DLQ_URL", format!("{}-dead.fifo", stub.queue_url()))
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_customer-ledger"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");

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

    let lines = function.end().await;
    let entered: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(r#""message":"entered""#))
        .collect();
    assert_eq!(entered.len(), 1, "{lines:#?}");
    assert!(entered[0].contains(r#""customer":"bob""#), "{entered:?}");
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
