//! One line, checked and made a message.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest, Sha256};

use waybill_core::limit::{SQS_ATTRIBUTES_MAX, SQS_MESSAGE_MAX};
use waybill_core::message::{AttributeValue, MessageAttribute};
use waybill_engine::ports::Outgoing;

use super::line::{Content, Line};

/// What every message is given beside its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// The same attributes for all.
    pub(crate) attributes: BTreeMap<String, MessageAttribute>,
    /// The message group.
    pub(crate) group: Group,
    /// By what the queue knows a repeat.
    pub(crate) deduplication: Deduplication,
}

/// A message's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Group {
    /// None, which only a standard queue takes.
    Absent,
    /// One for all.
    Fixed(String),
    /// What stands at this JSON pointer.
    At(String),
}

/// By what a FIFO queue knows a repeat within five minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deduplication {
    /// A standard queue knows none.
    Absent,
    /// The SHA-256 of the line.
    Line,
    /// What stands at this JSON pointer.
    At(String),
}

/// A message that may be sent, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The number of its line.
    pub(crate) line: u64,
    /// Body and attributes in bytes, as SQS counts them.
    pub(crate) size_bytes: usize,
    /// What is sent.
    pub(crate) message: Outgoing,
}

impl Form {
    /// The message of a line, or why it cannot be one.
    pub(crate) fn letter(&self, line: &Line) -> Result<Letter, String> {
        let bytes = match &line.content {
            Content::Bytes(bytes) => bytes,
            Content::TooLong(length) => return Err(too_long(*length)),
        };
        let body = std::str::from_utf8(bytes)
            .map_err(|error| format!("not UTF-8 from byte {}", error.valid_up_to() + 1))?;
        if let Some(at) = body.find(['\u{fffe}', '\u{ffff}']) {
            return Err(format!(
                "a character that SQS does not take, at byte {}",
                at + 1
            ));
        }
        let value = self.read(body).map_err(|error| not_json(&error))?;
        let group_id = match &self.group {
            Group::Absent => None,
            Group::Fixed(group) => Some(group.clone()),
            Group::At(pointer) => Some(id_at(&value, pointer, "group")?),
        };
        let deduplication_id = match &self.deduplication {
            Deduplication::Absent => None,
            Deduplication::Line => Some(digest(body)),
            Deduplication::At(pointer) => Some(id_at(&value, pointer, "deduplication id")?),
        };
        let message = Outgoing {
            body: body.to_owned(),
            attributes: self.attributes.clone(),
            group_id,
            deduplication_id,
            trace_header: None,
        };
        let size_bytes = message.size();
        if size_bytes > SQS_MESSAGE_MAX {
            return Err(too_long(u64::try_from(size_bytes).unwrap_or(u64::MAX)));
        }
        Ok(Letter {
            line: line.number,
            size_bytes,
            message,
        })
    }

    /// Reads a line as JSON; into memory only where something is looked up in it.
    fn read(&self, body: &str) -> serde_json::Result<Value> {
        let looks_up = matches!(self.group, Group::At(_))
            || matches!(self.deduplication, Deduplication::At(_));
        match looks_up {
            true => serde_json::from_str(body),
            false => serde_json::from_str::<IgnoredAny>(body).map(|_| Value::Null),
        }
    }
}

/// Reads `NAME=VALUE` as often as it was given.
pub(crate) fn attributes(said: &[String]) -> Result<BTreeMap<String, MessageAttribute>, String> {
    if said.len() > SQS_ATTRIBUTES_MAX {
        return Err(format!(
            "{} times --attribute; a message has at most {SQS_ATTRIBUTES_MAX}",
            said.len()
        ));
    }
    let mut attributes = BTreeMap::new();
    for one in said {
        let Some((name, value)) = one.split_once('=') else {
            return Err(format!("--attribute `{one}` has no `=`; say NAME=VALUE"));
        };
        if let Some(fault) = fault_of_name(name) {
            return Err(format!("--attribute `{one}`: {fault}"));
        }
        if value.is_empty() || !value.chars().all(is_sendable) {
            return Err(format!(
                "--attribute `{name}`: SQS does not take this value"
            ));
        }
        let attribute = MessageAttribute {
            data_type: "String".to_owned(),
            value: AttributeValue::Text(value.to_owned()),
        };
        if attributes.insert(name.to_owned(), attribute).is_some() {
            return Err(format!("--attribute `{name}` is there twice"));
        }
    }
    Ok(attributes)
}

/// What is wrong with an attribute's name.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
fn fault_of_name(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let is_known = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    match name {
        _ if name.is_empty() => Some("there is no name"),
        _ if name.len() > 256 => Some("a name has at most 256 characters"),
        _ if !name.chars().all(is_known) => Some("a name has letters, digits, `_`, `-` and `.`"),
        _ if name.starts_with('.') || name.ends_with('.') || name.contains("..") => {
            Some("a `.` stands between other characters")
        }
        _ if lower.starts_with("aws.") || lower.starts_with("amazon.") => {
            Some("AWS keeps such names for itself")
        }
        _ => None,
    }
}

/// Whether SQS takes a character.
fn is_sendable(letter: char) -> bool {
    let control = letter < ' ' && !['\t', '\n', '\r'].contains(&letter);
    !control && !['\u{fffe}', '\u{ffff}'].contains(&letter)
}

/// What is wrong with a group or a deduplication id.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub(crate) fn fault_of_id(id: &str) -> Option<&'static str> {
    match id {
        _ if id.is_empty() => Some("is empty"),
        _ if id.len() > 128 => Some("has more than 128 characters"),
        _ if !id.chars().all(|letter| letter.is_ascii_graphic()) => {
            Some("has other characters than ASCII's letters, digits and punctuation")
        }
        _ => None,
    }
}

/// The text or number at a pointer, as an id.
fn id_at(value: &Value, pointer: &str, what: &str) -> Result<String, String> {
    let id = match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            return Err(format!("no {what}: no text or number at `{pointer}`"));
        }
    };
    match fault_of_id(&id) {
        Some(fault) => Err(format!("no {what}: what is at `{pointer}` {fault}")),
        None => Ok(id),
    }
}

/// The SHA-256 of a text in hexadecimal digits, which fits an id.
fn digest(text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// What a JSON error says, without the line, which is always the first.
fn not_json(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    format!("not JSON: {what} at column {}", error.column())
}

/// What is said of a line that no message can hold.
fn too_long(bytes: u64) -> String {
    format!("too big: {bytes} bytes with its attributes; SQS takes {SQS_MESSAGE_MAX}")
}

#[cfg(test)]
mod tests;
