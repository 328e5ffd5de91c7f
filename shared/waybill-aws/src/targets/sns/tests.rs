use std::time::Duration;

use serde_json::Value;

use waybill_core::event::{Data, Event};
use waybill_core::message::Message;
use waybill_core::outcome::Outcome;
use waybill_core::routes::TargetSpec;

use super::super::served::{
    Answer, TRANSIENT, deliver, event, message, refuses_in_xml, serving, spec, try_within,
};
use super::*;

const OUT: &str = "arn:aws:sns:eu-central-1:123456789012:out";
const FIFO: &str = "arn:aws:sns:eu-central-1:123456789012:out.fifo";

fn done() -> Answer {
    let result = "<PublishResult><MessageId>m-2</MessageId></PublishResult>";
    Answer::With(200, format!("<PublishResponse>{result}</PublishResponse>"))
}

/// A topic as a route says it.
fn topic(arn: &str, lines: &str) -> SnsSpec {
    let TargetSpec::Sns(spec) = spec(&format!("{{sns: {{topic_arn: '{arn}'{lines}}}}}")) else {
        panic!("it is another target");
    };
    spec
}

/// What one try comes to, and what was asked for it.
async fn asked(spec: &SnsSpec, event: &Event, answer: Answer) -> (Attempt, Option<Value>) {
    let (connection, mut requests) = serving([answer]).await;
    let target = SnsTarget::new(Client::new(&connection.target_config()), spec);
    let attempt = deliver(&target, event).await;
    (attempt, requests.try_recv().ok().map(|(_, body)| body))
}

/// The value of a message attribute in a form.
fn attribute(form: &Value, name: &str) -> Option<String> {
    (1..=10).find_map(|n| {
        let at = |what: &str| form[&format!("MessageAttributes.entry.{n}.{what}")].as_str();
        assert!(matches!(at("Value.DataType"), None | Some("String")));
        (at("Name") == Some(name)).then(|| at("Value.StringValue").unwrap().to_owned())
    })
}

#[tokio::test]
async fn a_message_to_a_topic_is_the_whole_event_and_carries_its_key_f33() {
    let lines = ", subject: An order";
    let (attempt, form) = asked(&topic(OUT, lines), &event(r#"{"a": 1.10}"#), done()).await;
    assert_eq!(attempt, Attempt::delivered("sent"));
    let form = form.unwrap();
    let structured = r#"{"specversion":"1.0","id":"e-1","source":"shop","type":"order.created","data":{"a": 1.10}}"#;
    assert_eq!(form["Action"], "Publish");
    assert_eq!(form["TopicArn"], OUT);
    assert_eq!(form["Message"], structured);
    assert_eq!(
        form["Subject"].as_str().map(|s| s.replace('+', " ")),
        Some("An order".to_owned())
    );
    assert_eq!(form["MessageGroupId"], "g-1", "fairness is handed on");
    assert_eq!(form["MessageDeduplicationId"], Value::Null);
    assert_eq!(
        attribute(&form, "idempotency-key").as_deref(),
        Some("c0ffee")
    );
    assert_eq!(
        attribute(&form, "ce-type").as_deref(),
        Some("order.created")
    );
    let media_type = attribute(&form, "content-type");
    assert_eq!(media_type.as_deref(), Some("application/cloudevents+json"));
}

#[tokio::test]
async fn a_fifo_topic_gets_the_key_as_deduplication_id_and_a_group() {
    for (group, expected) in [("message", "g-1"), ("orders", "orders")] {
        let spec = topic(FIFO, &format!(", body: plain, group_id: {group}"));
        let (attempt, form) = asked(&spec, &event("1"), done()).await;
        assert_eq!(attempt.outcome, Outcome::Delivered);
        let form = form.unwrap();
        assert_eq!(form["Message"], "1");
        assert_eq!(form["MessageGroupId"], expected);
        assert_eq!(form["MessageDeduplicationId"], "c0ffee");
    }
}

#[tokio::test]
async fn what_no_topic_takes_is_rejected_unsent() {
    let (connection, mut requests) = serving([]).await;
    let with = |data: Data| Event { data, ..event("") };
    let alone = Message {
        group_id: None,
        ..message()
    };
    let plain = || topic(OUT, ", body: plain");
    let long = "x".repeat(SNS_MESSAGE_MAX);
    let fifo = topic(FIFO, ", group_id: message");
    let cases = [
        (
            plain(),
            with(Data::Bytes(vec![65].into())),
            message(),
            "body_unfit",
        ),
        (
            plain(),
            with(Data::Text(long.into())),
            message(),
            "too_large",
        ),
        (fifo, event("1"), alone, "group_missing"),
    ];
    for (spec, event, message, code) in cases {
        let target = SnsTarget::new(Client::new(&connection.target_config()), &spec);
        let attempt = try_within(&target, &event, &message, Duration::from_secs(30)).await;
        assert_eq!((attempt.outcome, &*attempt.code), (Outcome::Rejected, code));
    }
    assert!(requests.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn each_refusal_of_sns_is_final_only_where_it_is_about_the_message() {
    let long = "Invalid parameter: Message too long SECRET";
    let place = "Invalid parameter: TopicArn SECRET";
    let cases = [
        (
            400,
            "InvalidParameter",
            long,
            Outcome::Rejected,
            "message_refused",
        ),
        (400, "InvalidParameter", place, TRANSIENT, "topic_missing"),
        (
            400,
            "ParameterValueInvalid",
            "SECRET",
            Outcome::Rejected,
            "message_refused",
        ),
        (404, "NotFound", "SECRET", TRANSIENT, "topic_missing"),
        (
            403,
            "AuthorizationError",
            "SECRET",
            TRANSIENT,
            "access_denied",
        ),
        (400, "KMSAccessDenied", "SECRET", TRANSIENT, "access_denied"),
        (400, "KMSThrottling", "SECRET", TRANSIENT, "throttled"),
        (400, "Throttling", "SECRET", TRANSIENT, "throttled"),
        (429, "Throttled", "SECRET", TRANSIENT, "throttled"),
        (400, "KMSDisabled", "SECRET", TRANSIENT, "request_refused"),
        (500, "InternalError", "SECRET", TRANSIENT, "service_failed"),
    ];
    for (status, code, said, outcome, expected) in cases {
        let answer = refuses_in_xml(status, code, said);
        let (attempt, _) = asked(&topic(OUT, ""), &event("1"), answer).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (outcome, expected), "{code}");
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
    }
}

#[tokio::test]
async fn a_topic_that_gives_no_answer_may_have_the_message_f57() {
    let html = Answer::With(502, "<html></html>".to_owned());
    for answer in [Answer::Close, html] {
        let (attempt, _) = asked(&topic(OUT, ""), &event("1"), answer).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (Outcome::Unknown, "no_answer"));
    }
    let brief = topic(OUT, ", timeout: 50ms");
    let (attempt, _) = asked(&brief, &event("1"), Answer::Silence).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "timeout")
    );
}
