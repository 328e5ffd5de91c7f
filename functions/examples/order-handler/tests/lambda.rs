//! The function's binary under Lambda's Runtime API, before a table in memory.

use std::path::Path;
use std::time::Duration;

use waybill_local::runtime_api::sqs_event;
use waybill_local::stub::Stub;
use waybill_local::{Answer, Environment, Function};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:orders";

#[tokio::test]
async fn an_order_that_comes_again_is_answered_and_not_booked_again() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let environment = Environment::of("order-handler")
        .with("WAYBILL_CONSUMER", "shop")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_order-handler"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");

    let good = r#"{"id": "o-1", "cents": 100}"#;
    let payload = sqs_event(
        QUEUE,
        [("m-1", good), ("m-2", good), ("m-3", r#"{"id": "o-2"}"#)],
    );
    let answer = function
        .invoke(payload, PATIENCE)
        .await
        .expect("it answers");
    let failed = r#"{"batchItemFailures":[{"itemIdentifier":"m-3"}]}"#;
    assert_eq!(answer, Answer::Response(failed.to_owned()));
    let payload = sqs_event(QUEUE, [("m-4", good)]);
    let answer = function
        .invoke(payload, PATIENCE)
        .await
        .expect("it answers");
    assert_eq!(
        answer,
        Answer::Response(r#"{"batchItemFailures":[]}"#.to_owned())
    );

    let lines = function.end().await;
    let booked = lines
        .iter()
        .filter(|line| line.contains(r#""message":"booked""#));
    assert_eq!(booked.count(), 1, "{lines:#?}");
    let unfit = "the data is no `Order`: missing field `cents`";
    assert!(lines.iter().any(|line| line.contains(unfit)), "{lines:#?}");
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
