//! Things printed as their senders print them, for checks that what is printed is read back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use waybill_core::event::{Data, Event};
use waybill_core::message::{AttributeValue, Message};

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text as SNS puts it into a queue.
pub(crate) fn notification(text: &str) -> String {
    let body = json!({
        "Type": "Notification",
        "MessageId": "printed",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:printed",
        "Message": text,
    });
    body.to_string()
}

/// An event as a structured CloudEvent. Its data is put in as it is, not printed anew.
pub(crate) fn cloud_event(event: &Event) -> String {
    let mut members = vec![("specversion", quoted("1.0"))];
    for (name, text) in [
        ("id", Some(event.id.as_str())),
        ("source", Some(event.source.as_str())),
        ("type", Some(event.kind.as_str())),
        ("subject", event.subject.as_deref()),
        ("time", event.time.as_deref()),
    ] {
        members.extend(text.map(|text| (name, quoted(text))));
    }
    match &event.data {
        Data::Json(text) => members.push(("data", text.to_string())),
        Data::Text(text) => {
            members.push(("datacontenttype", quoted("text/plain")));
            members.push(("data", quoted(text)));
        }
        Data::Bytes(bytes) => members.push(("data_base64", quoted(&STANDARD.encode(bytes)))),
        Data::Absent => {}
    }
    let members = members
        .iter()
        .map(|(name, value)| format!("{name:?}:{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// A message as a record of a Lambda event.
pub(crate) fn record(message: &Message) -> String {
    let attributes = message.attributes.iter().map(|(name, attribute)| {
        let value = match &attribute.value {
            AttributeValue::Text(text) => ("stringValue", text.clone()),
            AttributeValue::Bytes(bytes) => ("binaryValue", STANDARD.encode(bytes)),
        };
        (
            name.clone(),
            json!({ "dataType": attribute.data_type, value.0: value.1 }),
        )
    });
    let sent = message.sent.map(|sent| sent.as_millis().to_string());
    let record = json!({
        "messageId": message.message_id.as_str(),
        "receiptHandle": message.receipt_handle.0,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(),
            "SentTimestamp": sent,
            "MessageGroupId": message.group_id,
            "AWSTraceHeader": message.trace_header,
        },
        "messageAttributes": Value::Object(attributes.collect()),
        "eventSourceARN": message.queue_arn,
    });
    record.to_string()
}

/// Records as a Lambda event.
pub(crate) fn payload<'a>(records: impl IntoIterator<Item = &'a str>) -> String {
    let records: Vec<_> = records.into_iter().collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}
