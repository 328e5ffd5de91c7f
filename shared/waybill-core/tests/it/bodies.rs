//! Real bodies of each form, and what they mean. Data is compared to the byte.

use waybill_core::envelope::{self, Envelope, Parsed};
use waybill_core::event::{Data, Event};
use waybill_core::message::{AttributeValue, MessageAttribute};

use crate::support::{event, message, sns, with_attribute};

fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn an_eventbridge_event_is_known_by_its_id() {
    let read = event(include_str!("../bodies/eventbridge.json"));
    let data = concat!(
        r#"{ "instance-id": "i-1234567890abcdef0", "state": "terminated", "#,
        r#""cost": 12.50 }"#
    );
    let expected = Event {
        id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718".to_owned(),
        source: "aws.ec2".to_owned(),
        kind: "EC2 Instance State-change Notification".to_owned(),
        time: owned("2026-03-01T18:43:48Z"),
        data: Data::Json(data.into()),
        ..Event::default()
    };
    assert_eq!(read.event, expected);
    assert_eq!(
        read.natural_key,
        ["eb:6a7e8feb-b491-4cf7-a9f1-bf3703467718"]
    );
}

#[test]
fn a_cloudevent_speaks_for_itself() {
    let read = event(include_str!("../bodies/cloudevent.json"));
    let data = r#"{"orderId": 12345678901234567890123, "total": 10.00, "lines": []}"#;
    let expected = Event {
        id: "A234-1234-1234".to_owned(),
        source: "https://shop.example/orders".to_owned(),
        kind: "com.acme.order.created".to_owned(),
        subject: owned("orders/4711"),
        time: owned("2026-03-01T17:31:00.123+01:00"),
        content_type: owned("application/vnd.acme.order+json; charset=utf-8"),
        traceparent: owned("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        data: Data::Json(data.into()),
        ..Event::default()
    };
    assert_eq!(read.event, expected);
    let key = ["ce:https://shop.example/orders", "A234-1234-1234"];
    assert_eq!(read.natural_key, key);
}

#[test]
fn an_s3_notification_is_one_event_with_the_whole_body() {
    let body = include_str!("../bodies/s3.json");
    let expected = Event {
        id: "19dd0b57-b21e-4ac1-bd88-01bbb068cb78".to_owned(),
        source: "aws:s3.us-west-2.amzn-s3-demo-bucket".to_owned(),
        kind: "com.amazonaws.s3.ObjectCreated:Put".to_owned(),
        subject: owned("photos/Häppy Face+1.jpg"),
        time: owned("2026-03-01T00:00:00.000Z"),
        data: Data::Json(body.into()),
        ..Event::default()
    };
    let natural_key = vec!["sqs:19dd0b57-b21e-4ac1-bd88-01bbb068cb78".to_owned()];
    let expected = Parsed {
        event: expected,
        natural_key,
    };
    assert_eq!(event(body), expected);
}

#[test]
fn an_s3_notification_through_sns_is_known_by_the_sns_message_id() {
    let body = include_str!("../bodies/s3.json");
    let read = event(&sns("m-1", body));
    assert_eq!(read.natural_key, ["sns:m-1"]);
    assert_eq!(read.event.id, "m-1");
    assert_eq!(read.event.kind, "com.amazonaws.s3.ObjectCreated:Put");
    assert_eq!(read.event.data, Data::Json(body.into()));
}

#[test]
fn a_test_event_of_s3_is_no_event_f79() {
    let body = include_str!("../bodies/s3-test.json");
    assert_eq!(envelope::parse(&message(body)), Ok(Envelope::TestEvent));
    let wrapped = message(&sns("m-1", body));
    assert_eq!(envelope::parse(&wrapped), Ok(Envelope::TestEvent));
}

#[test]
fn a_notification_of_mere_text_is_the_event() {
    let read = event(include_str!("../bodies/sns-text.json"));
    let expected = Event {
        id: "63a3f6b6-d533-4a47-aef9-fcf5cf758c76".to_owned(),
        source: "arn:aws:sns:us-west-2:123456789012:orders".to_owned(),
        kind: "com.amazonaws.sns".to_owned(),
        subject: owned("Testing publish to subscribed queues"),
        time: owned("2026-03-01T05:12:16.901Z"),
        data: Data::Text("Hello \"world\"!".into()),
        ..Event::default()
    };
    assert_eq!(read.event, expected);
    assert_eq!(
        read.natural_key,
        ["sns:63a3f6b6-d533-4a47-aef9-fcf5cf758c76"]
    );
}

#[test]
fn a_notification_of_json_with_white_space_around_it_is_json() {
    for text in ["\t0", " {}", "\r\n[1] ", "\n\"a\""] {
        assert_eq!(event(&sns("n-1", text)).event.data, Data::Json(text.into()));
    }
    let read = event(&sns("n-1", "\u{b}0"));
    assert_eq!(read.event.data, Data::Text("\u{b}0".into()));
}

#[test]
fn an_eventbridge_event_through_sns_is_the_inner_event() {
    let read = event(include_str!("../bodies/sns-eventbridge.json"));
    assert_eq!(read.natural_key, ["eb:b3c1"]);
    assert_eq!(read.event.source, "shop");
    assert_eq!(read.event.kind, "order.created");
    let data = r#"{"total":1.10,"note":"caf\u00e9 \"x\""}"#;
    assert_eq!(read.event.data, Data::Json(data.into()));
}

#[test]
fn a_cloudevent_through_sns_is_the_inner_event() {
    let read = event(include_str!("../bodies/sns-cloudevent.json"));
    assert_eq!(read.natural_key, ["ce:/shop", "1"]);
    let data = Data::Text("line one\nline two".into());
    assert_eq!(read.event.data, data);
    assert_eq!(read.event.content_type.as_deref(), Some("text/plain"));
}

#[test]
fn the_plain_form_is_known_by_queue_and_id() {
    let read = event(include_str!("../bodies/plain.json"));
    let expected = Event {
        id: "b2f1c0de".to_owned(),
        source: "send-mail".to_owned(),
        kind: "waybill.message".to_owned(),
        time: owned("2026-03-01T10:00:00Z"),
        data: Data::Json(r#"{"to": "a@b.example", "tries": 0}"#.into()),
        ..Event::default()
    };
    assert_eq!(read.event, expected);
    assert_eq!(read.natural_key, ["plain:send-mail", "b2f1c0de"]);
}

#[test]
fn other_json_is_an_event_known_by_the_message_id() {
    let expected = Event {
        id: "19dd0b57-b21e-4ac1-bd88-01bbb068cb78".to_owned(),
        source: "arn:aws:sqs:us-east-2:123456789012:orders".to_owned(),
        kind: "waybill.message".to_owned(),
        time: owned("2026-03-01T10:00:00Z"),
        data: Data::Json(" {\"a\": 1.0} ".into()),
        ..Event::default()
    };
    let read = event(" {\"a\": 1.0} ");
    assert_eq!(read.event, expected);
    assert_eq!(
        read.natural_key,
        ["sqs:19dd0b57-b21e-4ac1-bd88-01bbb068cb78"]
    );
}

#[test]
fn a_traceparent_comes_from_the_event_else_from_the_message() {
    let attributed = |body| {
        let message = with_attribute(message(body), "traceparent", "00-of-the-message-01");
        match envelope::parse(&message) {
            Ok(Envelope::Event(parsed)) => parsed.event.traceparent,
            other => panic!("no event: {other:?}"),
        }
    };
    let own = attributed(include_str!("../bodies/cloudevent.json"));
    assert_eq!(
        own,
        owned("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    );
    let carried = attributed(include_str!("../bodies/eventbridge.json"));
    assert_eq!(carried, owned("00-of-the-message-01"));
}

#[test]
fn an_event_has_the_attributes_of_its_message_that_are_text() {
    let mut message = with_attribute(message("{}"), "tenant", "acme");
    let bytes = MessageAttribute {
        data_type: "Binary".to_owned(),
        value: AttributeValue::Bytes(vec![0]),
    };
    message.attributes.insert("raw".to_owned(), bytes);
    let Ok(Envelope::Event(parsed)) = envelope::parse(&message) else {
        panic!("an event");
    };
    let expected = [("tenant".to_owned(), "acme".to_owned())];
    assert_eq!(parsed.event.attributes, expected.into());
}
