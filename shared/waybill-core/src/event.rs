//! What a body means: one message is one event.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest;

mod structured;

/// Bytes that are shared, not copied: a body is held once, however many hold it.
pub use bytes::Bytes;

/// Text that is shared, not copied. Made of a `String` or a `&str`, and read like a `&str`.
pub use bytestring::ByteString;

/// An event in the words of CloudEvents; how each form of body maps to it is told in
/// [`crate::envelope`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// The producer's name of this event, unique within `source`.
    pub id: String,
    /// Where it happened.
    pub source: String,
    /// What happened (`type` in CloudEvents).
    pub kind: String,
    /// To what it happened.
    pub subject: Option<String>,
    /// When it happened, RFC 3339.
    pub time: Option<String>,
    /// The media type of `data`, where the producer said it.
    pub content_type: Option<String>,
    /// W3C trace context, where the event carries one.
    pub traceparent: Option<String>,
    /// What there is to say about it, kept to the byte.
    pub data: Data,
    /// The attributes of the message that brought it, those that are text.
    pub attributes: BTreeMap<String, String>,
}

/// An event's data, kept as it came: JSON is delivered as the text it was, so that no number
/// loses a digit on the way.
///
/// Text and bytes are slices of the body that brought them, where they stand in it as they are; so
/// a copy of data costs nothing, and keeps its whole body in memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Data {
    /// JSON text that parses.
    Json(ByteString),
    /// Text that is not JSON.
    Text(ByteString),
    /// Bytes.
    Bytes(Bytes),
    /// The event has none.
    #[default]
    Absent,
}

impl Data {
    /// The bytes to deliver.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Json(text) | Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Absent => &[],
        }
    }

    /// The same, shared with the data.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Json(text) | Self::Text(text) => text.as_bytes().clone(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Absent => Bytes::new(),
        }
    }

    /// The text, where it is text; JSON is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Json(text) | Self::Text(text) => Some(text),
            Self::Bytes(_) | Self::Absent => None,
        }
    }

    /// The media type of such data where its producer said none.
    pub fn usual_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Text(_) => "text/plain; charset=utf-8",
            Self::Bytes(_) | Self::Absent => "application/octet-stream",
        }
    }

    /// The data as a JSON value: JSON parsed, text as a string, nothing for the rest.
    ///
    /// Half of a surrogate pair is seen as U+FFFD, and a number as the closest that
    /// [`serde_json::Number`] holds; what is delivered is not touched.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| {
                let repaired = digest::repaired(text).unwrap_or_default();
                serde_json::from_str(&repaired).unwrap_or(Value::Null)
            }),
            Self::Text(text) => Value::String(text.to_string()),
            Self::Bytes(_) | Self::Absent => Value::Null,
        }
    }
}

impl Event {
    /// The producer's word for the media type of what is delivered: it holds for the producer's
    /// own data alone, this event's `data` itself, and not for what a route made of it, whatever
    /// that looks like.
    pub fn content_type_of(&self, delivered: &Data) -> Option<&str> {
        let said = self.content_type.as_deref();
        said.filter(|_| std::ptr::eq(delivered, &self.data))
    }

    /// Its attributes by the names that CloudEvents' transports give them; in JSON they have none of
    /// the `ce-`. Those that are empty are left out: CloudEvents has no empty attributes.
    pub fn ce_attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let attributes = [
            ("ce-specversion", Some("1.0")),
            ("ce-id", Some(self.id.as_str())),
            ("ce-source", Some(self.source.as_str())),
            ("ce-type", Some(self.kind.as_str())),
            ("ce-subject", self.subject.as_deref()),
            ("ce-time", self.time.as_deref()),
        ];
        let said = attributes.into_iter();
        said.filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
    }

    /// The event as key expressions see it: `{id, source, type, subject, time, data}`.
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "id": self.id,
            "source": self.source,
            "type": self.kind,
            "subject": self.subject,
            "time": self.time,
            "data": self.data.to_value(),
        })
    }
}

#[cfg(test)]
mod tests;
