use std::time::Duration;

use serde_json::{Value, json};

use waybill_core::event::{Data, Event};
use waybill_core::outcome::{DeadReason, Outcome};
use waybill_core::routes::TargetSpec;

use super::super::served::{
    Answer, TRANSIENT, connected, deliver, event, message, refuses, serving, spec, try_within,
};
use waybill_core::message::Message;
use waybill_engine::ports::GivenUp;
use waybill_testkit::fixtures;

use super::*;

const OUT: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/out";
const FIFO: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/out.fifo";

fn done() -> Answer {
    Answer::With(200, r#"{"MessageId":"m-2"}"#.to_owned())
}

/// A queue as a route says it.
fn queue(url: &str, lines: &str) -> SqsSpec {
    let TargetSpec::Sqs(spec) = spec(&format!("{{sqs: {{queue_url: '{url}'{lines}}}}}")) else {
        panic!("it is another target");
    };
    spec
}

/// What one try comes to, and what was asked for it.
async fn asked(spec: &SqsSpec, event: &Event, answer: Answer) -> (Attempt, Option<Value>) {
    let (connection, mut requests) = serving([answer]).await;
    let client = Client::new(&connection.target_config());
    let target = SqsTarget::new(client, spec, None).unwrap();
    let attempt = deliver(&target, event).await;
    (attempt, requests.try_recv().ok().map(|(_, body)| body))
}

fn attribute(text: &str) -> Value {
    json!({"DataType": "String", "StringValue": text})
}

#[tokio::test]
async fn a_message_is_the_whole_event_and_carries_its_key_f33() {
    let (attempt, body) = asked(&queue(OUT, ""), &event(r#"{"a": 1.10}"#), done()).await;
    assert_eq!(attempt, Attempt::delivered("sent"));
    let structured = r#"{"specversion":"1.0","id":"e-1","source":"shop","type":"order.created","data":{"a": 1.10}}"#;
    let expected = json!({
        "QueueUrl": OUT,
        "MessageBody": structured,
        "MessageAttributes": {
            "idempotency-key": attribute("c0ffee"),
            "content-type": attribute("application/cloudevents+json"),
            "ce-specversion": attribute("1.0"),
            "ce-id": attribute("e-1"),
            "ce-source": attribute("shop"),
            "ce-type": attribute("order.created"),
        },
        "MessageSystemAttributes": {
            "AWSTraceHeader": attribute("Root=1"),
        },
        "MessageGroupId": "g-1",
    });
    assert_eq!(body, Some(expected));
}

#[tokio::test]
async fn a_dead_letter_says_which_route_gave_it_up_and_why() {
    let (connection, mut requests) = serving([done()]).await;
    let target = SqsTarget::new(
        Client::new(&connection.target_config()),
        &queue(OUT, ""),
        None,
    )
    .unwrap();
    let (event, route) = (event("{}"), fixtures::route("crm"));
    let request = TargetRequest {
        event: &event,
        data: &event.data,
        message: &message(),
        idempotency_key: "c0ffee",
        limit: Duration::from_secs(30),
        given_up: Some(GivenUp {
            route: &route,
            reason: DeadReason::AttemptsSpent,
            code: "http_503",
        }),
        trace: None,
        row: None,
    };
    assert_eq!(target.send(request).await, Attempt::delivered("sent"));
    let (_, body) = requests.try_recv().unwrap();
    let why = r#"{"route":"crm","reason":"attempts_spent","code":"http_503"}"#;
    assert_eq!(body["MessageAttributes"]["waybill-dead"], attribute(why));
}

#[tokio::test]
async fn a_plain_message_is_the_data_and_has_ten_attributes_at_most_f74() {
    let event = Event {
        subject: Some("s".to_owned()),
        time: Some("2026-01-02T03:04:05Z".to_owned()),
        content_type: Some("application/vnd.x+json".to_owned()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..event("[1.10]")
    };
    let (attempt, body) = asked(&queue(OUT, ", body: plain"), &event, done()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let body = body.unwrap();
    assert_eq!(body["MessageBody"], "[1.10]");
    let attributes = body["MessageAttributes"].as_object().unwrap();
    assert_eq!(
        attributes["content-type"],
        attribute("application/vnd.x+json")
    );
    assert_eq!(attributes["ce-subject"], attribute("s"));
    assert!(attributes.len() <= 10, "{attributes:?}");
}

#[tokio::test]
async fn what_sqs_takes_in_no_attribute_is_in_the_body_alone_f75() {
    let event = Event {
        subject: Some("a\u{0}b".to_owned()),
        ..event("1")
    };
    let (attempt, body) = asked(&queue(OUT, ""), &event, done()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let body = body.unwrap();
    assert_eq!(body["MessageAttributes"]["ce-subject"], Value::Null);
    assert!(
        body["MessageBody"]
            .as_str()
            .unwrap()
            .contains(r#""a\u0000b""#)
    );
}

#[tokio::test]
async fn a_fifo_queue_gets_the_key_as_deduplication_id_and_a_group() {
    for (group, expected) in [("message", "g-1"), ("orders", "orders")] {
        let spec = queue(FIFO, &format!(", group_id: {group}"));
        let (attempt, body) = asked(&spec, &event("1"), done()).await;
        assert_eq!(attempt.outcome, Outcome::Delivered);
        let body = body.unwrap();
        assert_eq!(body["MessageGroupId"], expected);
        assert_eq!(body["MessageDeduplicationId"], "c0ffee");
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_rejected_unsent() {
    let (connection, mut requests) = serving([]).await;
    let refused = |spec: SqsSpec, event: Event, message: Message| {
        let client = Client::new(&connection.target_config());
        let target = SqsTarget::new(client, &spec, None).unwrap();
        async move { try_within(&target, &event, &message, Duration::from_secs(30)).await }
    };
    let plain = || queue(OUT, ", body: plain");
    let with = |data: Data| Event { data, ..event("") };
    let alone = Message {
        group_id: None,
        ..message()
    };
    let cases = [
        (plain(), with(Data::Absent), message(), "body_unfit"),
        (
            plain(),
            with(Data::Bytes(vec![65].into())),
            message(),
            "body_unfit",
        ),
        (
            queue(FIFO, ", group_id: message"),
            event("1"),
            alone,
            "group_missing",
        ),
        (
            plain(),
            with(Data::Text("x".repeat(SQS_MESSAGE_MAX).into())),
            message(),
            "too_large",
        ),
    ];
    for (spec, event, message, code) in cases {
        let attempt = refused(spec, event, message).await;
        assert_eq!((attempt.outcome, &*attempt.code), (Outcome::Rejected, code));
    }
    assert!(requests.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_message_is_never_sent_to_the_queue_it_came_from_f28() {
    let (connection, mut requests) = serving([]).await;
    let own = OUT.replace("/out", "/orders");
    for url in [own.as_str(), "http://127.0.0.1:4566/123456789012/orders"] {
        let spec = queue(url, "");
        let client = Client::new(&connection.target_config());
        let known = SqsTarget::new(client.clone(), &spec, Some(&own));
        assert_eq!(known.err(), Some(TargetError::SourceQueue), "{url}");
        let target = SqsTarget::new(client, &spec, None).unwrap();
        let attempt = deliver(&target, &event("1")).await;
        assert_eq!(
            (attempt.outcome, &*attempt.code),
            (TRANSIENT, "target_is_source")
        );
    }
    assert!(requests.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn each_refusal_of_sqs_is_final_only_where_it_is_about_the_message() {
    let cases = [
        (
            400,
            "InvalidMessageContents",
            Outcome::Rejected,
            "message_refused",
        ),
        (
            400,
            "InvalidParameterValue",
            Outcome::Rejected,
            "message_refused",
        ),
        (400, "QueueDoesNotExist", TRANSIENT, "queue_missing"),
        (
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
            TRANSIENT,
            "queue_missing",
        ),
        (403, "AccessDeniedException", TRANSIENT, "access_denied"),
        (403, "InvalidClientTokenId", TRANSIENT, "request_refused"),
        (403, "RequestThrottled", TRANSIENT, "throttled"),
        (429, "Other", TRANSIENT, "throttled"),
        (500, "InternalError", TRANSIENT, "service_failed"),
        (503, "ServiceUnavailable", TRANSIENT, "service_failed"),
    ];
    for (status, code, outcome, expected) in cases {
        let (attempt, body) = asked(&queue(OUT, ""), &event("1"), refuses(status, code)).await;
        assert_eq!(
            (attempt.outcome, &*attempt.code),
            (outcome, expected),
            "{code}"
        );
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
        assert!(body.is_some(), "it was asked, and once");
    }
}

#[tokio::test]
async fn a_try_without_an_answer_is_unknown_f57() {
    let html = Answer::With(502, "<html>".to_owned());
    for answer in [Answer::Close, html] {
        let (attempt, _) = asked(&queue(OUT, ""), &event("1"), answer).await;
        assert_eq!(
            (attempt.outcome, &*attempt.code),
            (Outcome::Unknown, "no_answer")
        );
    }
    let brief = queue(OUT, ", timeout: 50ms");
    let (attempt, _) = asked(&brief, &event("1"), Answer::Silence).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "timeout")
    );
}

#[tokio::test]
async fn without_time_or_a_connection_nothing_is_sent_f61() {
    let (connection, mut requests) = serving([]).await;
    let spec = queue(OUT, "");
    let target = SqsTarget::new(Client::new(&connection.target_config()), &spec, None).unwrap();
    let attempt = try_within(&target, &event("1"), &message(), Duration::ZERO).await;
    assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "timeout"));
    assert!(requests.try_recv().is_err(), "nothing was sent");

    // Bound, so that nobody else takes the port, and not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = Client::new(&connected(&endpoint).await.target_config());
    let target = SqsTarget::new(client, &spec, None).unwrap();
    let attempt = deliver(&target, &event("1")).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (TRANSIENT, "connect_refused")
    );
}
