use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use waybill_core::event::{Data, Event};
use waybill_core::outcome::Outcome;
use waybill_core::routes::TargetSpec;

use super::super::served::{Answer, TRANSIENT, deliver, event, refuses, serving, spec};
use super::*;

fn stream(lines: &str) -> KinesisSpec {
    let TargetSpec::Kinesis(spec) = spec(&format!("{{kinesis: {{{lines}}}}}")) else {
        panic!("it is another target");
    };
    spec
}

fn done() -> Answer {
    let body = json!({"ShardId": "shardId-000000000000", "SequenceNumber": "1"});
    Answer::With(200, body.to_string())
}

/// What one try comes to, and what was asked for it.
async fn asked(spec: &KinesisSpec, event: &Event, answer: Answer) -> (Attempt, Option<Value>) {
    let (connection, mut requests) = serving([answer]).await;
    let target = KinesisTarget::new(Client::new(&connection.target_config()), spec);
    let attempt = deliver(&target, event).await;
    (attempt, requests.try_recv().ok().map(|(_, body)| body))
}

/// The bytes of a record.
fn data(asked: &Value) -> Vec<u8> {
    STANDARD.decode(asked["Data"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_record_is_the_whole_event_with_its_key_and_spread_by_it_f33() {
    let (attempt, asked) = asked(&stream("stream: out"), &event(r#"{"a": 1}"#), done()).await;
    assert_eq!(attempt, Attempt::delivered("written"));
    let asked = asked.unwrap();
    assert_eq!(
        (&asked["StreamName"], &asked["PartitionKey"]),
        (&json!("out"), &json!("c0ffee"))
    );
    let record: Value = serde_json::from_slice(&data(&asked)).unwrap();
    assert_eq!(
        (&record["id"], &record["idempotencykey"]),
        (&json!("e-1"), &json!("c0ffee"))
    );
    assert_eq!(record["data"], json!({"a": 1}));
}

#[tokio::test]
async fn a_record_is_the_data_to_the_byte_under_the_key_that_the_route_picks() {
    let arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/out";
    let spec = stream(&format!(
        "stream: '{arn}', body: plain, partition_key: source"
    ));
    let bytes = Event {
        data: Data::Bytes(vec![0, 255].into()),
        ..event("")
    };
    let (attempt, asked) = asked(&spec, &bytes, done()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let asked = asked.unwrap();
    assert_eq!(
        (&asked["StreamARN"], &asked["PartitionKey"]),
        (&json!(arn), &json!("shop"))
    );
    assert_eq!(data(&asked), [0, 255]);
}

#[tokio::test]
async fn an_event_without_its_partition_key_is_rejected_unsent() {
    let (connection, mut requests) = serving([]).await;
    let spec = stream("stream: out, partition_key: data.customer");
    let target = KinesisTarget::new(Client::new(&connection.target_config()), &spec);
    let attempt = deliver(&target, &event("{}")).await;
    let found = (attempt.outcome, &*attempt.code);
    assert_eq!(found, (Outcome::Rejected, "partition_key_missing"));
    assert!(requests.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn each_refusal_of_kinesis_is_final_only_where_it_is_about_the_record() {
    let cases = [
        (
            400,
            "InvalidArgumentException",
            Outcome::Rejected,
            "event_refused",
        ),
        (
            400,
            "ValidationException",
            Outcome::Rejected,
            "event_refused",
        ),
        (
            400,
            "ResourceNotFoundException",
            TRANSIENT,
            "stream_missing",
        ),
        (
            400,
            "ProvisionedThroughputExceededException",
            TRANSIENT,
            "throttled",
        ),
        (400, "KMSThrottlingException", TRANSIENT, "throttled"),
        (400, "KMSAccessDeniedException", TRANSIENT, "access_denied"),
        (400, "AccessDeniedException", TRANSIENT, "access_denied"),
        (500, "InternalFailure", TRANSIENT, "service_failed"),
    ];
    for (status, code, outcome, expected) in cases {
        let spec = stream("stream: out");
        let (attempt, _) = asked(&spec, &event("{}"), refuses(status, code)).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (outcome, expected), "{code}");
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
    }
    let (attempt, _) = asked(&stream("stream: out"), &event("{}"), Answer::Close).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "no_answer")
    );
}
