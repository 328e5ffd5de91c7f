//! The payload that an SQS event source mapping sends to Lambda, read record by record from raw JSON: one
//! record that will not parse never harms the others (F14).
//!
//! A FIFO queue's records are in order within their groups. One that cannot be read is of a group
//! that is not known, so that all behind it stay too (F24).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::event::ByteString;
use crate::id::{MessageId, ReceiptHandle};
use crate::json;
use crate::message::{AttributeValue, Message, MessageAttribute};
use crate::time::Timestamp;

/// A batch as it was received.
#[derive(Debug, Default)]
pub struct Batch {
    /// The id of every record, in order: the only ids that an answer may name (F12).
    pub ids: Vec<MessageId>,
    /// The records that could be read, each with its place in `ids`.
    pub messages: Vec<(usize, Message)>,
    /// The records that are handed back untried, each with its place and why: those that could
    /// not be read, and in a FIFO queue's batch all behind the first of them.
    pub unread: Vec<(usize, String)>,
}

/// Why a payload is refused as a whole: every message of it stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It is no SQS event.
    #[error(
        "the payload is not an SQS event ({0}); invoke this function by an SQS event source \
         mapping, or with one of its sample events"
    )]
    NotSqs(String),
    /// A record cannot be named in the answer.
    #[error(
        "record {0} has no `messageId`, so that no answer could name it; invoke this function by \
         an SQS event source mapping, or with one of its sample events"
    )]
    NoId(usize),
    /// Records of several queues.
    #[error(
        "the records come from more than one queue, `{0}` and `{1}`; send the records of one \
         queue at a time, as an event source mapping does"
    )]
    SeveralQueues(String, String),
}

impl Batch {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// When no answer could be right for every record: then the invocation must fail, so that
    /// every message stays.
    pub fn parse(payload: &str) -> Result<Self, PayloadError> {
        let event: RawEvent<'_> = serde_json::from_str(payload)
            .map_err(|fault| PayloadError::NotSqs(short(&fault.to_string()).to_owned()))?;
        let mut batch = Self::default();
        let mut queue: Option<String> = None;
        for (at, raw) in event.records.iter().enumerate() {
            let read = RawRecord::read(raw.get());
            let id = match &read {
                Ok(record) => Some(record.message_id.clone()),
                Err(_) => RawId::read(raw.get()),
            };
            let id = id.and_then(MessageId::new);
            batch.ids.push(id.ok_or(PayloadError::NoId(at))?);
            let record = match read {
                Ok(record) => record,
                Err(error) => {
                    let what = short(&error.to_string()).to_owned();
                    batch.unread.push((at, what));
                    continue;
                }
            };
            let arn = record.event_source_arn.clone();
            let is_fifo = arn.ends_with(".fifo");
            match &queue {
                Some(first) if *first != arn => {
                    let [first, other] = [first, &arn].map(|arn| short(arn).to_owned());
                    return Err(PayloadError::SeveralQueues(first, other));
                }
                Some(_) => {}
                None => queue = Some(arn),
            }
            if is_fifo && !batch.unread.is_empty() {
                batch.unread.push((at, BEHIND_UNREAD.to_owned()));
                continue;
            }
            match record.into_message() {
                Ok(message) if is_fifo && message.group_id.is_none() => {
                    batch.unread.push((at, NO_GROUP.to_owned()));
                }
                Ok(message) => batch.messages.push((at, message)),
                Err(what) => batch.unread.push((at, short(&what).to_owned())),
            }
        }
        Ok(batch)
    }
}

/// A payload read in the moment when it is taken from the text that brought it, so that nothing
/// of that text is kept: a payload is as large as all its messages together.
#[derive(Debug)]
pub struct Payload(pub Result<Batch, PayloadError>);

impl<'de> Deserialize<'de> for Payload {
    /// Fails for what is no JSON; a text that is JSON and no SQS event is a payload refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let payload = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(Batch::parse(payload.get())))
    }
}

/// As much as is said of a fault: its words may repeat what was sent, as long as that is.
fn short(fault: &str) -> &str {
    fault
        .get(..fault.floor_char_boundary(FAULT_MAX))
        .unwrap_or(fault)
}

/// Longest text about one fault, in bytes.
const FAULT_MAX: usize = 256;

/// Why a record behind an unread one of a FIFO queue is not tried.
const BEHIND_UNREAD: &str = "an earlier record of the FIFO queue could not be read, and this one \
     may be of its group";

/// What a FIFO queue's record never lacks: without it its order is not known.
const NO_GROUP: &str = "the queue is a FIFO queue, and the record has no `MessageGroupId`";

/// The payload; its records are read one by one.
#[derive(Deserialize)]
#[serde(expecting = "an object with `Records`")]
struct RawEvent<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// What a record must at least have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawId {
    message_id: Option<String>,
}

impl RawId {
    /// The id of a record that cannot be read otherwise.
    fn read(record: &str) -> Option<String> {
        let id: Self = serde_json::from_str(record).ok()?;
        id.message_id
    }
}

/// A record, with its body as text or as what a text is made of.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRecord<B> {
    message_id: String,
    receipt_handle: String,
    body: B,
    #[serde(default)]
    attributes: RawAttributes,
    #[serde(default)]
    message_attributes: BTreeMap<String, RawMessageAttribute>,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: String,
}

/// What SQS says of a message. Numbers come as text.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawAttributes {
    approximate_receive_count: Option<String>,
    sent_timestamp: Option<String>,
    message_group_id: Option<String>,
    #[serde(rename = "AWSTraceHeader")]
    aws_trace_header: Option<String>,
}

/// What the sender says of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessageAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl RawRecord<ByteString> {
    /// Reads a record. The body is written where it stays, at once; a record that cannot be read so
    /// is read again, for what is wrong with it.
    fn read(record: &str) -> serde_json::Result<Self> {
        let raw: Option<RawRecord<&RawValue>> = serde_json::from_str(record).ok();
        let read = raw.and_then(|raw| {
            let body = json::content(raw.body.get())?;
            Some(raw.with_body(body))
        });
        match read {
            Some(record) => Ok(record),
            None => {
                let mut record: RawRecord<String> = serde_json::from_str(record)?;
                let body = std::mem::take(&mut record.body);
                Ok(record.with_body(body))
            }
        }
    }
}

impl<B> RawRecord<B> {
    /// The same with this body.
    fn with_body(self, body: String) -> RawRecord<ByteString> {
        RawRecord {
            message_id: self.message_id,
            receipt_handle: self.receipt_handle,
            body: body.into(),
            attributes: self.attributes,
            message_attributes: self.message_attributes,
            event_source_arn: self.event_source_arn,
        }
    }
}

impl RawRecord<ByteString> {
    /// The message; fails where one of its attributes cannot be read.
    fn into_message(self) -> Result<Message, String> {
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        let receive_count = number(self.attributes.approximate_receive_count)
            .unwrap_or(1)
            .max(1);
        let attributes = self.message_attributes.into_iter().map(|(name, raw)| {
            let value = match (raw.string_value, raw.binary_value) {
                (Some(text), _) => AttributeValue::Text(text),
                (None, Some(bytes)) => {
                    let bytes = STANDARD.decode(bytes);
                    AttributeValue::Bytes(
                        bytes.map_err(|error| format!("message attribute `{name}`: {error}"))?,
                    )
                }
                (None, None) => return Err(format!("message attribute `{name}` has no value")),
            };
            Ok((
                name,
                MessageAttribute {
                    data_type: raw.data_type,
                    value,
                },
            ))
        });
        Ok(Message {
            message_id: MessageId::new(self.message_id).ok_or("the message id is empty")?,
            receipt_handle: ReceiptHandle(self.receipt_handle),
            body: self.body,
            receive_count: u32::try_from(receive_count).unwrap_or(u32::MAX),
            sent: number(self.attributes.sent_timestamp).map(Timestamp::from_millis),
            group_id: self.attributes.message_group_id,
            trace_header: self.attributes.aws_trace_header,
            attributes: attributes.collect::<Result<_, String>>()?,
            queue_arn: self.event_source_arn,
            moved_from: None,
        })
    }
}

#[cfg(test)]
mod tests;
