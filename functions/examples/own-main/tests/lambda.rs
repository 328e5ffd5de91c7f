//! The function's binary under Lambda's Runtime API, before a table in memory.

use std::path::Path;
use std::time::Duration;

use waybill_local::runtime_api::sqs_event;
use waybill_local::stub::Stub;
use waybill_local::{Answer, Environment, Function};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:notes";

#[tokio::test]
async fn messages_of_anothers_type_are_answered_and_done_once() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let environment = Environment::of("own-main")
        .with("WAYBILL_CONSUMER", "notes")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_own-main"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");

    let payload = || sqs_event(QUEUE, [("m-1", r#"{"n": 1}"#), ("m-2", "2")]);
    for _ in 0..2 {
        let answer = function
            .invoke(payload(), PATIENCE)
            .await
            .expect("it answers");
        assert_eq!(
            answer,
            Answer::Response(r#"{"batchItemFailures":[]}"#.to_owned())
        );
    }
    let lines = function.end().await;
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count(r#""messages":2"#), 2, "{lines:#?}");
    assert_eq!(count(r#""message":"noted""#), 2, "{lines:#?}");
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
