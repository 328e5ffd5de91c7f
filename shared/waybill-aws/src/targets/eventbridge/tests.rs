use serde_json::{Value, json};

use waybill_core::event::Event;
use waybill_core::outcome::Outcome;
use waybill_core::routes::TargetSpec;

use super::super::served::{Answer, TRANSIENT, deliver, event, refuses, serving, spec};
use super::*;

fn bus(lines: &str) -> EventBridgeSpec {
    let TargetSpec::EventBridge(spec) = spec(&format!("{{eventbridge: {{{lines}}}}}")) else {
        panic!("it is another target");
    };
    spec
}

/// An answer to one entry.
fn answers(failed: u32, entry: &Value) -> Answer {
    let body = json!({"FailedEntryCount": failed, "Entries": [entry]});
    Answer::With(200, body.to_string())
}

fn done() -> Answer {
    answers(0, &json!({"EventId": "b-1"}))
}

/// What one try comes to, and what was asked for it.
async fn asked(
    spec: &EventBridgeSpec,
    event: &Event,
    answers: impl Into<Vec<Answer>>,
) -> (Attempt, Vec<(String, Value)>) {
    let (connection, mut requests) = serving(answers).await;
    let target = EventBridgeTarget::new(Client::new(&connection.target_config()), spec);
    let attempt = deliver(&target, event).await;
    let asked = std::iter::from_fn(|| requests.try_recv().ok());
    (attempt, asked.collect())
}

#[tokio::test]
async fn an_entry_is_the_data_as_detail_and_has_its_key_among_the_resources_f33() {
    let event = Event {
        time: Some("2026-01-02T03:04:05+01:00".to_owned()),
        ..event(r#"{"a": 1.10}"#)
    };
    let (attempt, asked) = asked(&bus("bus: default"), &event, [done()]).await;
    assert_eq!(attempt, Attempt::delivered("accepted"));
    let entry = json!({
        "EventBusName": "default",
        "Source": "shop",
        "DetailType": "order.created",
        "Detail": r#"{"a": 1.10}"#,
        "Time": 1_767_319_445,
        "Resources": ["waybill:idempotency-key:c0ffee"],
        "TraceHeader": "Root=1",
    });
    let expected = (
        "awsevents.putevents".to_owned(),
        json!({"Entries": [entry]}),
    );
    assert_eq!(asked, [expected]);
}

#[tokio::test]
async fn a_route_may_say_source_and_detail_type_itself() {
    let spec = bus("bus: default, source: com.acme, detail_type: order placed");
    let reserved = Event {
        source: "aws.ec2".to_owned(),
        time: Some("yesterday".to_owned()),
        ..event("{}")
    };
    let (attempt, asked) = asked(&spec, &reserved, [done()]).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let entry = &asked[0].1["Entries"][0];
    assert_eq!(
        (&entry["Source"], &entry["DetailType"]),
        (&json!("com.acme"), &json!("order placed"))
    );
    assert_eq!(
        entry["Time"],
        Value::Null,
        "a time that is none is left out"
    );
}

#[tokio::test]
async fn what_no_bus_takes_is_rejected_unsent() {
    let spec = bus("bus: default");
    let with = |data: Data| Event { data, ..event("") };
    let of_aws = Event {
        source: "aws.s3".to_owned(),
        ..event("{}")
    };
    // What is counted beside the detail: `shop`, `order.created` and the key.
    let beside = 4 + 13 + KEY_RESOURCE.len() + 6;
    let long = |size: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(size - beside - 8));
    let cases = [
        (of_aws, "source_reserved"),
        (event("[1]"), "body_unfit"),
        (with(Data::Text("{}".into())), "body_unfit"),
        (with(Data::Absent), "body_unfit"),
        (event(&long(EVENTBRIDGE_ENTRY_MAX + 1)), "too_large"),
    ];
    for (event, code) in cases {
        let (attempt, asked) = asked(&spec, &event, []).await;
        assert_eq!((attempt.outcome, &*attempt.code), (Outcome::Rejected, code));
        assert!(asked.is_empty(), "nothing was sent");
    }
    let longest = event(&long(EVENTBRIDGE_ENTRY_MAX));
    let (attempt, _) = asked(&spec, &longest, [done()]).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let timed = Event {
        time: Some("2026-01-02T03:04:05Z".to_owned()),
        ..longest
    };
    let (attempt, _) = asked(&spec, &timed, []).await;
    assert_eq!(&*attempt.code, "too_large", "a time counts fourteen");
}

#[tokio::test]
async fn an_entry_that_failed_is_no_success_though_its_request_was() {
    let failed = |code: &str| {
        let entry = json!({"ErrorCode": code, "ErrorMessage": "SECRET"});
        answers(1, &entry)
    };
    let cases = [
        ("InternalFailure", TRANSIENT, "service_failed"),
        ("InternalException", TRANSIENT, "service_failed"),
        ("ThrottlingException", TRANSIENT, "throttled"),
        ("AccessDeniedException", TRANSIENT, "access_denied"),
        (
            "NotAuthorizedForSourceException",
            TRANSIENT,
            "access_denied",
        ),
        (
            "NotAuthorizedForDetailTypeException",
            TRANSIENT,
            "access_denied",
        ),
        ("InvalidAccountIdException", TRANSIENT, "request_refused"),
        ("InvalidArgument", Outcome::Rejected, "event_refused"),
        ("MalformedDetail", Outcome::Rejected, "event_refused"),
    ];
    for (code, outcome, expected) in cases {
        let (attempt, _) = asked(&bus("bus: default"), &event("{}"), [failed(code)]).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (outcome, expected), "{code}");
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
    }
    let shapeless = [
        answers(1, &json!({"EventId": "b-1"})),
        answers(0, &json!({})),
        Answer::With(200, r#"{"FailedEntryCount": 0, "Entries": []}"#.to_owned()),
        Answer::With(200, "{}".to_owned()),
        Answer::Close,
    ];
    for answer in shapeless {
        let (attempt, _) = asked(&bus("bus: default"), &event("{}"), [answer.clone()]).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (Outcome::Unknown, "no_answer"), "{answer:?}");
    }
}

#[tokio::test]
async fn each_refusal_of_eventbridge_is_final_only_where_it_is_about_the_event() {
    let cases = [
        (
            400,
            "ValidationException",
            Outcome::Rejected,
            "event_refused",
        ),
        (400, "ResourceNotFoundException", TRANSIENT, "bus_missing"),
        (400, "ThrottlingException", TRANSIENT, "throttled"),
        (403, "AccessDeniedException", TRANSIENT, "access_denied"),
        (500, "InternalException", TRANSIENT, "service_failed"),
    ];
    for (status, code, outcome, expected) in cases {
        let (attempt, _) = asked(&bus("bus: default"), &event("{}"), [refuses(status, code)]).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (outcome, expected), "{code}");
    }
}

#[tokio::test]
async fn nothing_is_put_on_a_bus_that_was_not_seen_and_it_is_looked_for_once() {
    let spec = bus("bus: orders");
    let cases = [
        (refuses(400, "ResourceNotFoundException"), "bus_missing"),
        (refuses(400, "ValidationException"), "request_refused"),
        (refuses(400, "AccessDeniedException"), "access_denied"),
        (Answer::Close, "no_answer"),
    ];
    for (answer, code) in cases {
        let (attempt, asked) = asked(&spec, &event("{}"), [answer]).await;
        assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, code));
        assert_eq!(asked.len(), 1, "nothing was put");
    }
    let seen = Answer::With(200, r#"{"Name": "orders"}"#.to_owned());
    let (connection, mut requests) = serving([seen, done(), done()]).await;
    let target = EventBridgeTarget::new(Client::new(&connection.target_config()), &spec);
    for _ in 0..2 {
        let attempt = deliver(&target, &event("{}")).await;
        assert_eq!(attempt, Attempt::delivered("accepted"));
    }
    let asked = std::iter::from_fn(|| requests.try_recv().ok());
    let asked: Vec<_> = asked.map(|(target, _)| target).collect();
    assert_eq!(
        asked,
        [
            "awsevents.describeeventbus",
            "awsevents.putevents",
            "awsevents.putevents"
        ]
    );
}
