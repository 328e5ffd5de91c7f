//! Facts about what a message is about.

use super::*;
use crate::envelope::tests::message;
use crate::id::MessageId;
use crate::message::{AttributeValue, MessageAttribute};

fn consumer() -> Consumer {
    Consumer::new("test").unwrap()
}

/// The reading of a message of this body.
fn read_body(body: &str, expression: Option<&str>) -> Reading {
    let expression = expression.map(|text| KeyExpression::compile(text).unwrap());
    read(&message(body), &consumer(), expression.as_ref())
}

#[test]
fn an_event_has_its_own_key_and_the_digest_of_its_data() {
    let body = r#"{"id":"7","queue":"q","dispatch_date":"2026-01-01T00:00:00Z","payload":{"a":1}}"#;
    let reading = read_body(body, None);
    assert_eq!(reading.key.as_str(), "plain:q\u{0}7");
    assert_eq!(reading.digest, Digest::of(&Data::Json("{\"a\":1}".into())));
    assert_eq!(reading.event().unwrap().id, "7");
}

#[test]
fn what_is_malformed_is_known_by_its_message_and_digested_as_text() {
    let reading = read_body(r#"{"specversion":"9"}"#, None);
    let Content::Unreadable { reason, .. } = reading.content else {
        panic!("{reading:?}");
    };
    assert_eq!(reason, DeadReason::Malformed);
    assert!(reading.key.as_str().starts_with("sqs:"));
}

#[test]
fn a_missing_key_is_known_by_its_message_and_digested_as_the_event_would_be_f48() {
    let reading = read_body("{\"a\":1}", Some("data.order"));
    let Content::Unreadable { reason, .. } = reading.content else {
        panic!("{reading:?}");
    };
    assert_eq!(reason, DeadReason::KeyMissing);
    assert!(reading.key.as_str().starts_with("sqs:"));
    assert_eq!(reading.digest, Digest::of(&Data::Json("{\"a\":1}".into())));
}

#[test]
fn a_key_that_a_message_carries_stands_whatever_its_body_says_f69() {
    for body in ["{\"a\":1}", "text", r#"{"specversion":"9"}"#] {
        let mut carrier = message(body);
        carrier.attributes.insert(
            crate::key::KEY_ATTRIBUTE.to_owned(),
            MessageAttribute {
                data_type: "String".to_owned(),
                value: AttributeValue::Text("sqs:first".to_owned()),
            },
        );
        let reading = read(&carrier, &consumer(), None);
        assert_eq!(reading.key.as_str(), "sqs:first", "{body}");
    }
}

#[test]
fn what_a_schedule_brings_back_is_the_message_that_was_packed() {
    let mut first = message("{\"a\":1}");
    first.message_id = MessageId::new("first").unwrap();
    let plain = read(&first, &consumer(), None);
    let parcel = Parcel {
        key: plain.key.clone(),
        redrive_n: 2,
        message: first.clone(),
    };
    let reading = read_body(&parcel.pack(&consumer()), None);
    assert_eq!((&reading.key, &reading.digest), (&plain.key, &plain.digest));
    let (inner, redrive_n) = reading.parcel.unwrap();
    assert_eq!((inner.message_id.as_str(), redrive_n), ("first", 2));
    assert_eq!(inner.body, first.body);
}
