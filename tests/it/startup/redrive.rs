//! The same of the redrive function: what stops its start, what refuses an event, and what it says
//! then.

use std::time::Duration;

use serde_json::{Value, json};

use waybill_local::{Answer, Environment};

use super::{
    PATIENCE, assert_no_secret, assert_says, environment_of, of_level, outside, refusal, start,
    text,
};

const QUEUES: &str = "http://127.0.0.1:9/000000000000";

/// Variables by which it starts.
fn environment() -> Environment {
    environment_of("redrive")
        .with("WAYBILL_QUEUE_URL", format!("{QUEUES}/orders"))
        .with("WAYBILL_DLQ_URL", format!("{QUEUES}/dead"))
}

/// What an invocation with this event says that it was refused for. One line tells it.
async fn refused(environment: &Environment, event: &Value) -> String {
    let function = start(environment).await;
    let answer = function
        .invoke(event.to_string(), Duration::from_secs(60))
        .await;
    let lines = function.end().await;
    let Answer::Error(diagnostic) = answer.unwrap() else {
        panic!("{event} succeeded: {lines:#?}");
    };
    assert_no_secret(&lines);
    let diagnostic: Value = serde_json::from_str(&diagnostic).unwrap();
    assert_eq!(diagnostic["errorType"], "InvocationRefused");
    let said = text(&diagnostic, "errorMessage").to_owned();
    let errors = of_level(&lines, "ERROR");
    assert_eq!(errors.len(), 1, "{lines:#?}");
    assert_says(text(&errors[0], "message"), &[&said]);
    said
}

#[tokio::test]
async fn with_all_it_needs_the_redrive_function_asks_for_work_and_says_nothing() {
    let mut function = start(&environment()).await;
    let ready = function.ready(PATIENCE).await;
    let lines = function.end().await;
    assert!(ready.is_some(), "{lines:#?}");
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
async fn promise_6_every_variable_that_the_redrive_function_misses_is_named_in_one_line() {
    let variables = [
        "WAYBILL_ROUTES",
        "WAYBILL_LEDGER_TABLE",
        "WAYBILL_CONSUMER",
        "WAYBILL_QUEUE_URL",
        "WAYBILL_DLQ_URL",
    ];
    let nothing = variables
        .iter()
        .fold(environment(), |left, variable| left.without(variable));
    let said = refusal(nothing).await;
    for variable in variables {
        assert_says(&said, &[&format!("{variable} is not set: give the")]);
    }
    let fifo = environment().with("WAYBILL_DLQ_URL", format!("{QUEUES}/dead.fifo"));
    assert_says(&refusal(fifo).await, &["are no pair"]);
}

#[tokio::test]
async fn promise_6_an_event_that_is_not_understood_does_nothing() {
    let outside = outside(500, "").await;
    let environment = environment().with("AWS_ENDPOINT_URL", outside.url(""));
    for (event, what) in [
        (json!({}), "no `action`"),
        (json!({"action": "redrive", "wehre": "x"}), "wehre"),
        (
            json!({"action": "redrive", "where": "raeson = x"}),
            "`where`",
        ),
    ] {
        assert_says(&refused(&environment, &event).await, &[what]);
    }
    assert!(outside.exchanges().is_empty(), "nothing is asked");
    let away = refused(&environment, &json!({"action": "list"})).await;
    assert_says(&away, &["/dead"]);
}
