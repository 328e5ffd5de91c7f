//! The function's binary under Lambda's Runtime API, before a table and a receiver in memory.

use std::path::Path;
use std::time::Duration;

use waybill_local::runtime_api::sqs_event;
use waybill_local::stub::Stub;
use waybill_local::{Answer, Environment, Function, Receiver, Reply};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:hooks";

#[tokio::test]
async fn each_event_is_posted_once_with_its_key() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let environment = Environment::of("webhook-forwarder")
        .with("WAYBILL_CONSUMER", "hooks")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WEBHOOK_URL", stub.target_url())
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_webhook-forwarder"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");

    let event = r#"{"id": "e-1", "queue": "hooks", "dispatch_date": "2026-01-01T00:00:00Z", "payload": [1]}"#;
    let payload = sqs_event(
        QUEUE,
        [("m-1", event), ("m-2", event), ("m-3", "no JSON at all")],
    );
    let answer = function
        .invoke(payload, PATIENCE)
        .await
        .expect("it answers");
    assert_eq!(
        answer,
        Answer::Response(r#"{"batchItemFailures":[]}"#.to_owned())
    );
    assert_eq!(
        (stub.target().deliveries(), stub.target().distinct()),
        (2, 2)
    );
}

#[tokio::test]
async fn a_receiver_that_redirects_is_asked_once_and_nothing_is_taken_for_delivered() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let script = |_: &waybill_local::Received, _| Reply::status(302).header("location", "/login");
    let receiver = Receiver::start(script).await.expect("it listens");
    let environment = Environment::of("webhook-forwarder")
        .with("WAYBILL_CONSUMER", "hooks")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WEBHOOK_URL", receiver.url("/hook"))
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_webhook-forwarder"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");
    let payload = sqs_event(QUEUE, [("m-1", r#"{"n": 1}"#)]);
    let answer = function.invoke(payload, PATIENCE).await;
    let dead = r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#;
    assert_eq!(
        answer.expect("it answers"),
        Answer::Response(dead.to_owned())
    );
    assert_eq!(receiver.exchanges().len(), 1);
}

#[tokio::test]
async fn without_a_url_it_does_not_start() {
    let binary = Path::new(env!("CARGO_BIN_EXE_webhook-forwarder"));
    let mut function = Function::start(binary, &Environment::of("webhook-forwarder"))
        .await
        .expect("it can be started");
    assert!(function.ready(PATIENCE).await.is_none());
    let lines = function.end().await;
    assert!(
        lines.iter().any(|line| line.contains("WEBHOOK_URL")),
        "{lines:?}"
    );
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
