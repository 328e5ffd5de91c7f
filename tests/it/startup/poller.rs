//! The same of the poller: what stops its start, what fails a poll, and what it says then.

use std::time::Duration;

use serde_json::{Value, json};

use waybill_local::local_aws::free_port;
use waybill_local::{Answer, Environment, Receiver, Reply};

use super::{
    PATIENCE, assert_no_secret, assert_says, environment_of, of_level, outside, reaching, refusal,
    start, text,
};
use crate::support::ministack::ministack;

/// Where the queue is that nobody asks for while the function starts.
const QUEUE_URL: &str = "http://127.0.0.1:9/000000000000/orders";

/// Variables by which the poller starts, its one target public.
fn environment() -> Environment {
    environment_of("poller").with("WAYBILL_QUEUE_URL", QUEUE_URL)
}

/// What a poll with this payload says that it was refused for. One line tells it.
async fn refused(environment: &Environment, payload: &Value) -> String {
    let function = start(environment).await;
    let answer = function
        .invoke(payload.to_string(), Duration::from_secs(60))
        .await;
    let lines = function.end().await;
    let Answer::Error(diagnostic) = answer.unwrap() else {
        panic!("{payload} succeeded: {lines:#?}");
    };
    assert_no_secret(&lines);
    let diagnostic: Value = serde_json::from_str(&diagnostic).unwrap();
    assert_eq!(diagnostic["errorType"], "InvocationRefused");
    let said = text(&diagnostic, "errorMessage").to_owned();
    let errors = of_level(&lines, "ERROR");
    assert_eq!(errors.len(), 1, "{lines:#?}");
    let logged = text(&errors[0], "message");
    assert_says(logged, &["every message stays in the queue", &said]);
    said
}

#[tokio::test]
async fn with_all_it_needs_the_poller_asks_for_work_and_says_nothing() {
    let mut function = start(&environment()).await;
    let ready = function.ready(PATIENCE).await;
    let lines = function.end().await;
    assert!(ready.is_some(), "{lines:#?}");
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
async fn promise_6_every_variable_that_the_poller_misses_is_named_in_one_line() {
    let variables = [
        "WAYBILL_ROUTES",
        "WAYBILL_LEDGER_TABLE",
        "WAYBILL_CONSUMER",
        "WAYBILL_QUEUE_URL",
    ];
    let nothing = variables
        .iter()
        .fold(environment(), |left, variable| left.without(variable));
    let said = refusal(nothing).await;
    for variable in variables {
        assert_says(&said, &[&format!("{variable} is not set: give the")]);
    }
    let said = refusal(environment().without("WAYBILL_QUEUE_URL")).await;
    assert_says(&said, &["WAYBILL_QUEUE_URL is not set: give the"]);
}

#[tokio::test]
async fn promise_6_an_invalid_routes_file_stops_the_pollers_start_with_its_place() {
    let routes = "inline:routes:\n  - name: hook\n    tarjet: 1";
    let said = refusal(environment().with("WAYBILL_ROUTES", routes)).await;
    assert_says(&said, &["line 3", "`routes[0].tarjet`", "not known"]);
}

#[tokio::test]
async fn promise_6_a_visibility_that_sqs_does_not_know_stops_the_start() {
    for seconds in ["4", "43201", "half an hour"] {
        let said = refusal(environment().with("WAYBILL_VISIBILITY_SECONDS", seconds)).await;
        assert_says(&said, &[&format!("`{seconds}`"), "5 to 43200"]);
    }
}

#[tokio::test]
async fn promise_6_a_fifo_queue_with_redrive_stops_the_pollers_start_f25() {
    let queue = format!("{QUEUE_URL}.fifo");
    let said = refusal(environment().with("WAYBILL_QUEUE_URL", queue)).await;
    let what = ["FIFO queue", "say `dead_letter: send`", "WAYBILL_DLQ_URL"];
    assert_says(&said, &what);
}

#[tokio::test]
async fn promise_6_a_payload_that_is_not_understood_polls_nothing() {
    let outside = outside(500, "").await;
    let queue = outside.url("/000000000000/orders");
    let environment = environment_of("poller").with("WAYBILL_QUEUE_URL", queue);
    let environment = reaching(environment, &outside, &outside.url(""));
    let fifo = outside.url("/000000000000/orders.fifo");
    let table: [(Value, &[&str]); 6] = [
        (
            json!({"stop_when_emtpy": true}),
            &["`stop_when_emtpy`", "`stop_when_empty`"],
        ),
        (json!({"max_messages": "ten"}), &["`max_messages`"]),
        (json!({"max_messages": 0}), &["`max_messages` is 0"]),
        (json!({"Records": []}), &["`Records`", "`queue_url`"]),
        (json!([1]), &["not understood", "`{}`"]),
        (
            json!({"queue_url": fifo}),
            &["orders.fifo`", "`dead_letter: send`", "WAYBILL_DEAD_LETTER"],
        ),
    ];
    for (payload, what) in table {
        assert_says(&refused(&environment, &payload).await, what);
    }
    assert_eq!(outside.exchanges().len(), 0, "nobody was asked");
}

#[tokio::test]
async fn promise_6_a_queue_that_is_not_there_fails_the_poll_by_its_name() {
    let aws = ministack().await;
    let queue = format!("{}/000000000000/not-there", aws.endpoint());
    let environment = environment()
        .with("WAYBILL_QUEUE_URL", &queue)
        .with("AWS_ENDPOINT_URL", aws.endpoint());
    let said = refused(&environment, &json!({})).await;
    let what = [queue.as_str(), "does not exist", "WAYBILL_QUEUE_URL"];
    assert_says(&said, &what);
}

#[tokio::test]
async fn promise_6_without_the_permission_to_receive_the_poll_fails_f30() {
    let denied = r#"{"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no"}"#;
    let outside = Receiver::start(move |received, _| {
        match received.header("x-amz-target").unwrap_or_default() {
            "AmazonSQS.GetQueueAttributes" => Reply::status(200)
                .body(r#"{"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:o"}}"#),
            _ => Reply::status(403).body(denied),
        }
    });
    let outside = outside.await.unwrap();
    let queue = outside.url("/000000000000/orders");
    let environment = environment_of("poller").with("WAYBILL_QUEUE_URL", &queue);
    let environment = reaching(environment, &outside, &outside.url(""));
    let said = refused(&environment, &json!({})).await;
    assert_says(&said, &[queue.as_str(), "allow `sqs:ReceiveMessage`"]);
    let exchanges = outside.exchanges();
    let receives = exchanges.iter().filter(|exchange| {
        let target = exchange.received.header("x-amz-target");
        target == Some("AmazonSQS.ReceiveMessage")
    });
    assert_eq!(receives.count(), 1, "asked once: a person must mend it");
}

#[tokio::test]
async fn promise_6_without_a_way_to_sqs_the_poll_fails_after_it_has_waited_for_one() {
    let nobody = format!("http://127.0.0.1:{}", free_port().expect("a port is free"));
    let environment = environment()
        .with("WAYBILL_QUEUE_URL", format!("{nobody}/000000000000/orders"))
        .with("AWS_ENDPOINT_URL", &nobody);
    let function = start(&environment).await;
    let answer = function.invoke("{}", Duration::from_secs(10)).await;
    let lines = function.end().await;
    let Answer::Error(diagnostic) = answer.unwrap() else {
        panic!("it succeeded: {lines:#?}");
    };
    assert_says(&diagnostic, &["cannot be read", "did not answer"]);
    assert_no_secret(&lines);
    let warnings = of_level(&lines, "WARN");
    assert!(
        (1..10).contains(&warnings.len()),
        "not in a hot loop: {lines:#?}"
    );
    for warning in warnings {
        assert_eq!(text(&warning, "message"), "receive failed");
        assert_says(
            text(&warning, "failure.message"),
            &["`http://127.0.0.1", "did not answer", "refused"],
        );
    }
}
