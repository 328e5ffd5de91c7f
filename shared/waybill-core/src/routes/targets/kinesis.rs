//! A data stream as a target, as data; and which partition an event goes to.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::fields::{Faults, Fields, join};
use super::super::tree::Node;
use super::body::EventBody;
use super::object::{expression, seen};
use super::{arn, request_timeout};
use crate::event::{Data, Event};
use crate::key::KeyExpression;

/// A stream into which each event is put as one record.
#[derive(Debug, Clone)]
pub struct KinesisSpec {
    /// The stream's name, or its ARN.
    pub stream: String,
    /// What the partition key is found by; `None` spreads events evenly.
    partition_key: Option<KeyExpression>,
    /// What the record is.
    pub body: EventBody,
    /// How long one try may take, connection included. 3 s by default.
    pub timeout: Duration,
}

/// An event has no partition key: another try would find the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`partition_key` {0}")]
pub struct PartitionKeyMissing(String);

/// Longest partition key, in characters.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html>
const PARTITION_KEY_MAX: usize = 256;

/// Longest name of a stream, in characters. See [`PARTITION_KEY_MAX`].
const NAME_MAX: usize = 128;

impl KinesisSpec {
    /// The partition key of an event, `data` being what is delivered of it: what the expression
    /// finds, hashed where it is too long; else `otherwise`.
    ///
    /// # Errors
    ///
    /// When the expression finds no text, number or boolean, or an empty text.
    pub fn partition_key(
        &self,
        event: &Event,
        data: &Data,
        otherwise: &str,
    ) -> Result<String, PartitionKeyMissing> {
        let Some(expression) = &self.partition_key else {
            return Ok(otherwise.to_owned());
        };
        let missing = |why: &str| PartitionKeyMissing(why.to_owned());
        let found = expression.json_in(&seen(event, data));
        let key = match found.map_err(|why| missing(&why))? {
            Value::String(text) if !text.is_empty() => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Null | Value::String(_) => return Err(missing("finds nothing in the event")),
            Value::Array(_) | Value::Object(_) => {
                return Err(missing("finds a list or an object; say one value of it"));
            }
        };
        Ok(match key.chars().count() <= PARTITION_KEY_MAX {
            true => key,
            false => hex::encode(Sha256::digest(key)),
        })
    }

    /// Reads `kinesis`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["stream", "partition_key", "body", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let stream = match fields.get("stream") {
            Some(node) => stream(node, &join(path, "stream"), faults),
            None => fields.missing("stream", "say which stream", faults),
        };
        let partition_key = match fields.get("partition_key") {
            Some(node) => expression(node, &join(path, "partition_key"), faults).map(Some),
            None => Some(None),
        };
        let body = EventBody::read(&fields, faults);
        let timeout = request_timeout(&fields, faults);
        Some(Self {
            stream: stream?,
            partition_key: partition_key?,
            body,
            timeout,
        })
    }
}

impl PartialEq for KinesisSpec {
    fn eq(&self, other: &Self) -> bool {
        let text = |spec: &Self| {
            spec.partition_key
                .as_ref()
                .map(|key| key.as_str().to_owned())
        };
        let rest = |spec: &Self| (spec.stream.clone(), spec.body, spec.timeout);
        text(self) == text(other) && rest(self) == rest(other)
    }
}

impl Eq for KinesisSpec {}

/// Reads the name or the ARN of a stream.
fn stream(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let in_arn = arn::resource(text, "kinesis").and_then(|named| named.strip_prefix("stream/"));
    if !arn::is_name(in_arn.unwrap_or(text), NAME_MAX, b"-_.") {
        let message = "must be the name of a stream (1 to 128 of a-z, A-Z, 0-9, `_`, `-`, `.`) \
                       or its ARN";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}
