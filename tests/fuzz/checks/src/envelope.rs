//! A body as an event, its key and its digest.
//!
//! An input is a body; after a [`SEPARATOR`](crate) each, a key expression and the text of the
//! attribute `waybill-key`.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use waybill_core::digest::Digest;
use waybill_core::envelope::{self, Envelope, Malformed, Parsed};
use waybill_core::event::Data;
use waybill_core::id::{Consumer, EventKey, MessageId, ReceiptHandle, RouteName};
use waybill_core::key::{
    KEY_ATTRIBUTE, KeyExpression, event_key, idempotency_key, key_attribute, message_key,
};
use waybill_core::limit::EVENT_KEY_MAX;
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::parcel::Parcel;
use waybill_core::time::Timestamp;

use crate::{SEPARATOR, printed};

/// What a fault may say, in bytes: it quotes nothing of the body.
const FAULT_MAX: usize = 400;

/// What keys begin with, an attribute's own apart.
const KEYS: [&str; 7] = ["key:", "ce:", "eb:", "sns:", "plain:", "sqs:", "sha256:"];

/// Reads an input as a body, a key expression and an attribute, and checks what becomes of them.
pub fn check(input: &[u8]) {
    let Ok(input) = str::from_utf8(input) else {
        return;
    };
    let mut fields = input.split(SEPARATOR);
    let mut message = message(fields.next().unwrap_or_default());
    let expression = fields.next().map(KeyExpression::compile);
    message_holds(&message);
    if let Some(Ok(expression)) = &expression {
        expression_holds(&message, expression);
    }
    if let Some(text) = fields.next() {
        let attribute = MessageAttribute {
            data_type: "String".to_owned(),
            value: AttributeValue::Text(text.to_owned()),
        };
        message
            .attributes
            .insert(KEY_ATTRIBUTE.to_owned(), attribute);
        let key = event_key(&message, None, None);
        let valid = (1..=EVENT_KEY_MAX).contains(&text.len());
        assert_eq!(key.is_ok(), valid, "the attribute is the key, or none is");
        assert!(key.is_err_and(|missing| missing.0.len() <= FAULT_MAX) || valid);
    }
}

/// Checks what becomes of a message of a queue, whose names are SQS's.
pub(crate) fn message_holds(message: &Message) {
    let read = envelope::parse(message);
    assert_eq!(
        read,
        envelope::parse(message),
        "reading it again is the same"
    );
    wrapping_holds(message, &read);
    packing_holds(message);
    match read {
        Ok(Envelope::Event(parsed)) => {
            parsed_holds(message, &parsed);
            printing_holds(&parsed);
            key_holds(message, &parsed);
        }
        Ok(Envelope::TestEvent) => {}
        Err(fault) => {
            assert!(!fault.0.is_empty() && fault.0.len() <= FAULT_MAX, "{fault}");
            let key = event_key(message, None, None);
            let own = message.attributes.contains_key(KEY_ATTRIBUTE);
            assert!(own || key.as_ref() == Ok(&message_key(message)));
        }
    }
}

/// Packed for a wait outside its queue and unpacked a message is the same, but for its trace; a body
/// that only looks like a parcel has a short fault.
fn packing_holds(message: &Message) {
    let consumer = Consumer::new("orders").expect("a plain name");
    if let Err(fault) = Parcel::unpack(message, &consumer) {
        assert!(!fault.0.is_empty() && fault.0.len() <= FAULT_MAX, "{fault}");
    }
    let parcel = Parcel {
        key: message_key(message),
        redrive_n: 1,
        message: Message {
            trace_header: None,
            ..message.clone()
        },
    };
    let carrier = Message {
        body: parcel.pack(&consumer).into(),
        ..message.clone()
    };
    let unpacked = Parcel::unpack(&carrier, &consumer);
    match message.is_fifo() {
        true => assert!(unpacked.is_err(), "no event leaves a FIFO queue"),
        false => assert_eq!(unpacked, Ok(Some(parcel))),
    }
}

/// An event has names, a time that targets can read, and data that is no more than the body.
fn parsed_holds(message: &Message, parsed: &Parsed) {
    let event = &parsed.event;
    assert!(!event.id.is_empty() && !event.kind.is_empty());
    assert!(!event.source.is_empty() || message.queue_arn.is_empty());
    assert!(!parsed.natural_key.is_empty());
    assert!(
        parsed
            .natural_key
            .iter()
            .all(|part| !part.is_empty() && !part.contains('\0'))
    );
    if let Some(time) = &event.time {
        assert!(OffsetDateTime::parse(time, &Rfc3339).is_ok(), "{time}");
    }
    let bytes = event.data.as_bytes();
    assert!(bytes.len() <= message.body.len(), "data grew");
    let Digest(digest) = Digest::of(&event.data);
    let (algorithm, hash) = digest.split_once(':').unwrap();
    assert_eq!(hash.len(), 43);
    match &event.data {
        Data::Json(text) => {
            assert_eq!(
                algorithm, "json-sha256",
                "data that is let in has a canonical form"
            );
            let dressed = Data::Json(format!("\r\n {text}\t").into());
            assert_eq!(Digest::of(&dressed).0, digest);
            let is_null = text.trim_matches([' ', '\t', '\r', '\n']) == "null";
            assert_eq!(
                event.data.to_value().is_null(),
                is_null,
                "it can be looked into"
            );
        }
        Data::Text(_) | Data::Bytes(_) | Data::Absent => assert_eq!(algorithm, "raw-sha256"),
    }
    assert!(event.to_value().is_object());
}

/// The same event, printed as a CloudEvent, is the same event.
fn printing_holds(parsed: &Parsed) {
    let event = &parsed.event;
    let again = match envelope::parse(&message(&printed::cloud_event(event))) {
        Ok(Envelope::Event(again)) => again.event,
        other => panic!("{event:?} as a CloudEvent: {other:?}"),
    };
    assert_eq!(
        (
            &again.id,
            &again.source,
            &again.kind,
            &again.subject,
            &again.time
        ),
        (
            &event.id,
            &event.source,
            &event.kind,
            &event.subject,
            &event.time
        ),
    );
    assert_eq!(Digest::of(&again.data), Digest::of(&event.data));
    let same = match (&again.data, &event.data) {
        (Data::Json(one), Data::Json(other)) => one == other.trim_matches([' ', '\t', '\r', '\n']),
        (one, other) => one == other,
    };
    assert!(same, "{again:?} is not {event:?}");
}

/// What names itself is the same inside a notification; what claims a form and breaks it, too.
fn wrapping_holds(message: &Message, read: &Result<Envelope, Malformed>) {
    let wrapped = Message {
        body: printed::notification(&message.body).into(),
        ..message.clone()
    };
    let inner = envelope::parse(&wrapped);
    if let Err(fault) = &inner
        && fault.0.contains("nested deeper")
    {
        return;
    }
    match read {
        Ok(Envelope::Event(parsed)) if parsed.natural_key[0].starts_with("sqs:") => {
            let Ok(Envelope::Event(inner)) = inner else {
                panic!("{parsed:?} is wrapped {inner:?}");
            };
            assert_eq!(inner.natural_key, ["sns:printed"]);
            assert_eq!(inner.event.data, parsed.event.data);
        }
        Ok(_) | Err(_) => assert_eq!(&inner, read),
    }
}

/// Its key is short, says where it comes from, and is the same after a redrive.
fn key_holds(message: &Message, parsed: &Parsed) {
    let Ok(key) = event_key(message, Some(parsed), None) else {
        assert!(message.attributes.contains_key(KEY_ATTRIBUTE));
        return;
    };
    if !message.attributes.contains_key(KEY_ATTRIBUTE) {
        assert!(
            KEYS.iter().any(|prefix| key.as_str().starts_with(prefix)),
            "{key:?}"
        );
    }
    carried_holds(message, &key);
    let consumer = Consumer::new("orders").unwrap();
    let idempotency = idempotency_key(&consumer, &key, &RouteName::new("crm").unwrap());
    assert_eq!(idempotency.len(), 64);
}

/// A key is bounded, and survives its journey in an attribute.
fn carried_holds(message: &Message, key: &EventKey) {
    assert!((1..=EVENT_KEY_MAX).contains(&key.as_str().len()));
    let attribute = key_attribute(key);
    if let AttributeValue::Text(text) = &attribute.value {
        let control = |c: char| c < ' ' && !"\t\n\r".contains(c);
        let refused = |c: char| control(c) || ('\u{fffe}'..='\u{ffff}').contains(&c);
        assert!(!text.contains(refused), "SQS would refuse {text:?}");
    }
    let mut redriven = message.clone();
    redriven
        .attributes
        .insert(KEY_ATTRIBUTE.to_owned(), attribute);
    assert_eq!(event_key(&redriven, None, None).as_ref(), Ok(key));
}

/// A configured key is found or missing, never replaced by a lesser one.
fn expression_holds(message: &Message, expression: &KeyExpression) {
    let Ok(Envelope::Event(parsed)) = envelope::parse(message) else {
        return;
    };
    let key = event_key(message, Some(&parsed), Some(expression));
    assert_eq!(key, event_key(message, Some(&parsed), Some(expression)));
    match key {
        Ok(key) => {
            let own = ["key:", "sha256:"]
                .iter()
                .any(|p| key.as_str().starts_with(p));
            assert!(own, "{key:?}");
            carried_holds(message, &key);
        }
        Err(missing) => assert!(missing.0.len() <= 2 * 1024 + FAULT_MAX, "{missing}"),
    }
}

/// A message with this body.
fn message(body: &str) -> Message {
    Message {
        message_id: MessageId::new("19dd0b57-b21e-4ac1-bd88-01bbb068cb78").unwrap(),
        receipt_handle: ReceiptHandle("r".to_owned()),
        body: body.into(),
        receive_count: 1,
        sent: Some(Timestamp::from_millis(1_772_359_200_000)),
        group_id: None,
        trace_header: None,
        attributes: BTreeMap::new(),
        queue_arn: "arn:aws:sqs:eu-west-1:123456789012:orders".to_owned(),
        moved_from: None,
    }
}
