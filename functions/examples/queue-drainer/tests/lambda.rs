//! The function's binary under Lambda's Runtime API, before a queue and a table in memory.

#![allow(clippy::panic, reason = "a test that cannot go on should stop")]

use std::path::Path;
use std::time::Duration;

use waybill_local::stub::Stub;
use waybill_local::{Answer, Environment, Function};

#[tokio::test]
async fn one_invocation_empties_the_queue() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let environment = Environment::of("queue-drainer")
        .with("WAYBILL_CONSUMER", "pictures")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WAYBILL_QUEUE_URL", stub.queue_url())
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_queue-drainer"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");

    // A hundred pictures, and ten of them twice.
    let names = (0..100).chain(0..10);
    let bodies = names.map(|n| format!(r#"{{"name": "picture-{n}"}}"#));
    stub.queue().send(bodies);
    let answer = function
        .invoke(r#"{"stop_when_empty": true}"#, PATIENCE)
        .await;
    let Ok(Answer::Response(report)) = answer else {
        panic!("{answer:?}");
    };
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    assert_eq!(report["received"], 110, "{report}");
    assert_eq!(report["delivered"], 100, "{report}");
    assert_eq!((stub.queue().left(), stub.queue().dead()), (0, 0));

    let lines = function.end().await;
    let shrunk = lines
        .iter()
        .filter(|line| line.contains(r#""message":"shrunk""#));
    assert_eq!(shrunk.count(), 100);
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
