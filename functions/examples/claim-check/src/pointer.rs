//! The message that stands for a body in S3.

use serde::Deserialize;

use waybill::{Data, Failure};

/// Where a body lies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Pointer {
    /// The bucket, as the message says.
    #[serde(rename = "s3BucketName")]
    pub(crate) bucket: String,
    /// The object's key.
    #[serde(rename = "s3Key")]
    pub(crate) key: String,
}

impl Pointer {
    /// The pointer that an event's data is: a list of a known class's name and of the pointer. Other
    /// data is none.
    ///
    /// The clients mark such a message by an attribute too. It is not asked for: it would be lost on
    /// the way through SNS or by hand, and a body of this form means nothing else.
    ///
    /// # Errors
    ///
    /// Of a known class, and no pointer: permanent, `claim_malformed`.
    pub(crate) fn of(data: &Data) -> Result<Option<Self>, Failure> {
        let text = data.as_str().unwrap_or_default();
        if !text.trim_start().starts_with('[') {
            return Ok(None);
        }
        let Ok(parts) = serde_json::from_str::<Vec<serde_json::Value>>(text) else {
            return Ok(None);
        };
        let class = parts.first().and_then(serde_json::Value::as_str);
        if !class.is_some_and(|class| CLASSES.contains(&class)) {
            return Ok(None);
        }
        let pointer = match parts.as_slice() {
            [_, pointer] => Self::deserialize(pointer).ok(),
            _ => None,
        };
        match pointer.filter(|pointer| !pointer.key.is_empty()) {
            Some(pointer) => Ok(Some(pointer)),
            None => Err(Failure::permanent(
                "claim_malformed",
                "the pointer names no bucket and key",
            )),
        }
    }

    /// Whether it points where it may: whoever can send to the queue writes pointers, and none of
    /// them makes the function read another bucket (F79).
    ///
    /// # Errors
    ///
    /// Elsewhere: permanent, `claim_elsewhere`.
    pub(crate) fn within(self, bucket: &str) -> Result<Self, Failure> {
        match self.bucket == bucket {
            true => Ok(self),
            false => Err(Failure::permanent(
                "claim_elsewhere",
                format!("the pointer leads to another bucket than `{bucket}`"),
            )),
        }
    }
}

/// The class that the clients name, and the one that older ones named.
const CLASSES: [&str; 2] = [
    "software.amazon.payloadoffloading.PayloadS3Pointer",
    "com.amazon.sqs.javamessaging.MessageS3Pointer",
];

#[cfg(test)]
mod tests;
