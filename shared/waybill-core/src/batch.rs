//! What Lambda is answered: which messages of the batch are handed back.

use serde::{Serialize, Serializer};

use crate::id::MessageId;

/// Whether a message leaves the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    /// It leaves: the event source mapping deletes it.
    Over,
    /// It stays.
    Back,
}

/// The answer to an SQS invocation: `{"batchItemFailures": [{"itemIdentifier": …}]}`.
///
/// It has no default, because an empty answer deletes the whole batch; its ids come only from the
/// ids received and none is empty, because a foreign or empty id retries the whole batch (F12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchResponse {
    failures: Vec<MessageId>,
}

impl BatchResponse {
    /// The answer for a batch, by position. A message without an answer is handed back.
    pub fn new(received: &[MessageId], handed: &[Handed]) -> Self {
        let answers = handed
            .iter()
            .copied()
            .chain(std::iter::repeat(Handed::Back));
        let back = received
            .iter()
            .zip(answers)
            .filter(|(_, handed)| *handed == Handed::Back);
        Self {
            failures: back.map(|(id, _)| id.clone()).collect(),
        }
    }

    /// The messages handed back, in the order of the batch.
    pub fn failures(&self) -> &[MessageId] {
        &self.failures
    }
}

impl Serialize for BatchResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Response<'a> {
            batch_item_failures: Vec<Failure<'a>>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Failure<'a> {
            item_identifier: &'a MessageId,
        }
        let failures = self.failures.iter();
        let failures = failures.map(|item_identifier| Failure { item_identifier });
        Response {
            batch_item_failures: failures.collect(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
