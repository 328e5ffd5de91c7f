//! An event packed for a wait outside its queue: what a schedule sends back to the queue.
//!
//! A schedule sends a body and nothing else, so the body holds all that the first message had: its
//! key, its body, its attributes and when it was sent. It is unpacked before anything else looks at
//! it, and what is read then is the first message's; only what SQS asks for (the handle, the
//! receives) and what it drops the message by (its age) is the carrier's.
//!
//! The trace header stays behind on purpose: Lambda takes a message that its own trace leads back
//! to for a loop, and stops it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::envelope::Malformed;
use crate::id::{Consumer, EventKey, MessageId};
use crate::limit::{EVENT_KEY_MAX, SCHEDULE_INPUT_MAX};
use crate::message::{AttributeValue, Message, MessageAttribute};
use crate::time::Timestamp;

/// An event on its way round the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    /// What the event is known by.
    pub key: EventKey,
    /// How often its row had been redriven when it was packed: a later redrive makes it young again.
    pub redrive_n: u32,
    /// The message as its producer sent it. Unpacked it has the handle, the receive count and the
    /// queue of the message that carried the parcel, and no trace header.
    pub message: Message,
}

impl Parcel {
    /// The body that carries it.
    pub fn pack(&self, consumer: &Consumer) -> String {
        let message = &self.message;
        let attributes = message.attributes.iter();
        let packed = Packed {
            v: VERSION,
            consumer: consumer.as_str().to_owned(),
            key: self.key.as_str().to_owned(),
            redrive_n: self.redrive_n,
            message_id: message.message_id.as_str().to_owned(),
            sent: message.sent.map(Timestamp::as_millis),
            group: message.group_id.clone(),
            attributes: attributes
                .map(|(name, attribute)| (name.clone(), PackedAttribute::of(attribute)))
                .collect(),
            body: message.body.to_string(),
        };
        let wrapped = Wrapped {
            seal: packed.seal(),
            packed,
        };
        // A schedule puts words of its own in the place of some that stand between `<` and `>`.
        // <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
        json(&wrapped).replace('<', "\\u003c")
    }

    /// Reads a message's body: a parcel of this consumer, or `None` where it is nothing of ours.
    ///
    /// A parcel begins with the bytes that [`Parcel::pack`] writes, has its members and no others,
    /// and its seal, a hash of its contents, is right.
    ///
    /// # Errors
    ///
    /// Where a body begins like a parcel and is none, is of another version or of another
    /// consumer, or comes by a FIFO queue, which has no schedules: taken for a body of its own it
    /// would be another event, and delivered as such.
    pub fn unpack(message: &Message, consumer: &Consumer) -> Result<Option<Self>, Malformed> {
        if !message.body.starts_with(MARK) {
            return Ok(None);
        }
        let malformed = |what: &str| Malformed(format!("scheduled message: {what}"));
        let wrapped: Wrapped = serde_json::from_str(&message.body)
            .map_err(|_| malformed("its members are not those that this release writes"))?;
        let packed = wrapped.packed;
        if packed.v != VERSION {
            return Err(malformed(
                "it is of a version that this release cannot read",
            ));
        }
        if packed.seal() != wrapped.seal {
            return Err(malformed("its contents are not those that were packed"));
        }
        if packed.consumer != consumer.as_str() || message.is_fifo() {
            return Err(malformed(
                "it is of another consumer's queue; redrive it where it was sent from",
            ));
        }
        if !(1..=EVENT_KEY_MAX).contains(&packed.key.len()) {
            return Err(malformed("its key is empty or too long"));
        }
        let attributes = packed.attributes.into_iter();
        let attributes: Option<_> = attributes
            .map(|(name, attribute)| Some((name, attribute.read()?)))
            .collect();
        let message_id = MessageId::new(packed.message_id);
        let (Some(attributes), Some(message_id)) = (attributes, message_id) else {
            return Err(malformed("its attributes or its message id cannot be read"));
        };
        Ok(Some(Self {
            key: EventKey(packed.key),
            redrive_n: packed.redrive_n,
            message: Message {
                message_id,
                receipt_handle: message.receipt_handle.clone(),
                body: packed.body.into(),
                receive_count: message.receive_count,
                sent: packed.sent.map(Timestamp::from_millis),
                group_id: packed.group,
                trace_header: None,
                attributes,
                queue_arn: message.queue_arn.clone(),
                moved_from: None,
            },
        }))
    }
}

/// Whether a message, packed, is short enough for a schedule. What is near the limit counts as too
/// long.
pub fn fits(message: &Message) -> bool {
    let attributes = message.attributes.iter().map(|(name, attribute)| {
        let value = match &attribute.value {
            AttributeValue::Text(text) => escaped(text),
            AttributeValue::Bytes(bytes) => bytes.len().div_ceil(3).saturating_mul(4),
        };
        PER_ATTRIBUTE + escaped(name) + escaped(&attribute.data_type) + value
    });
    let group = message.group_id.as_deref().map_or(0, escaped);
    let length = escaped(&message.body) + group + attributes.sum::<usize>();
    length <= SCHEDULE_INPUT_MAX - BESIDE
}

/// How long a text is inside the JSON of a parcel, at most.
fn escaped(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f | b'<' => 6,
        _ => 1,
    });
    bytes.sum()
}

/// What a parcel's body begins with.
const MARK: &str = "{\"waybill-scheduled\":";

/// The version of parcels that this release packs and reads.
const VERSION: u32 = 1;

/// The longest that a parcel's other members and names are: a key of 256 bytes and a consumer of
/// 128, each of them escaped, are most of it.
const BESIDE: usize = 4 * 1024;

/// The longest that the JSON around an attribute is.
const PER_ATTRIBUTE: usize = 64;

/// A parcel as it is written: the member that makes it one comes first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    #[serde(rename = "waybill-scheduled")]
    packed: Packed,
    seal: String,
}

/// What is packed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    v: u32,
    consumer: String,
    key: String,
    redrive_n: u32,
    message_id: String,
    sent: Option<u64>,
    group: Option<String>,
    attributes: BTreeMap<String, PackedAttribute>,
    body: String,
}

/// A message attribute; one of its two values is there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackedAttribute {
    #[serde(rename = "type")]
    data_type: String,
    text: Option<String>,
    base64: Option<String>,
}

impl Packed {
    /// What tells a parcel from a body that only looks like one. It keeps nobody out: whoever may
    /// send to the queue may name any key as it is (`waybill-key`).
    fn seal(&self) -> String {
        hex::encode(Sha256::digest(json(self)))
    }
}

impl PackedAttribute {
    fn of(attribute: &MessageAttribute) -> Self {
        let (text, base64) = match &attribute.value {
            AttributeValue::Text(text) => (Some(text.clone()), None),
            AttributeValue::Bytes(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Self {
            data_type: attribute.data_type.clone(),
            text,
            base64,
        }
    }

    fn read(self) -> Option<MessageAttribute> {
        let value = match (self.text, self.base64) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(bytes)) => AttributeValue::Bytes(STANDARD.decode(bytes).ok()?),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(MessageAttribute {
            data_type: self.data_type,
            value,
        })
    }
}

/// The JSON of what has texts, numbers and maps of texts only: that can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
