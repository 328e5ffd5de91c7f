//! Messages to try things on.

use std::collections::BTreeMap;

use waybill_core::envelope::{self, Envelope, Parsed};
use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::time::Timestamp;

/// A message as SQS would hand it over.
pub(crate) fn message(body: &str) -> Message {
    Message {
        message_id: MessageId::new("19dd0b57-b21e-4ac1-bd88-01bbb068cb78").unwrap(),
        receipt_handle: ReceiptHandle("MessageReceiptHandle".to_owned()),
        body: body.into(),
        receive_count: 1,
        sent: Some(Timestamp::from_millis(1_772_359_200_000)),
        group_id: None,
        trace_header: None,
        attributes: BTreeMap::new(),
        queue_arn: "arn:aws:sqs:us-east-2:123456789012:orders".to_owned(),
        moved_from: None,
    }
}

/// The same with a text attribute.
pub(crate) fn with_attribute(mut message: Message, name: &str, text: &str) -> Message {
    let attribute = MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text(text.to_owned()),
    };
    message.attributes.insert(name.to_owned(), attribute);
    message
}

/// The event of a body that is one.
pub(crate) fn event(body: &str) -> Parsed {
    match envelope::parse(&message(body)) {
        Ok(Envelope::Event(parsed)) => *parsed,
        other => panic!("no event: {other:?}"),
    }
}

/// What SNS would make of a text.
pub(crate) fn sns(message_id: &str, text: &str) -> String {
    serde_json::json!({
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:us-east-2:123456789012:orders",
        "Message": text,
        "Timestamp": "2026-03-01T05:12:16.901Z",
    })
    .to_string()
}
