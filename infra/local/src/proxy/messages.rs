//! What passes of SQS's messages: which were received, which were deleted, and when.
//!
//! Only what was received through the proxy is known by its message id. A trigger receives and
//! deletes by itself, and is not seen here.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use super::Call;

/// A message that somebody asked to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The message; `None` where it was not received through the proxy.
    pub message_id: Option<String>,
    /// When the request had arrived here, before it was forwarded.
    pub at: Instant,
}

/// The messages that passed.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Message ids by receipt handle.
    received: HashMap<String, String>,
    /// In the order they were asked for.
    deletions: Vec<Deletion>,
}

/// What a reply to a receive brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receive {
    /// No message.
    Empty,
    /// Some.
    Messages,
}

impl Messages {
    /// Takes note of the deletions that a request asks for.
    pub(super) fn on_request(&mut self, call: &Call, body: &[u8], at: Instant) {
        if call.service != "sqs" || !call.operation.starts_with("DeleteMessage") {
            return;
        }
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let entries = request.get("Entries").and_then(Value::as_array);
        let all = entries
            .into_iter()
            .flatten()
            .chain(std::iter::once(&request));
        for handle in all.filter_map(|one| one.get("ReceiptHandle")?.as_str()) {
            self.deletions.push(Deletion {
                message_id: self.received.get(handle).cloned(),
                at,
            });
        }
    }

    /// Takes note of what a reply brings; `None` where it is no answer to a receive.
    pub(super) fn on_reply(&mut self, call: &Call, body: &[u8]) -> Option<Receive> {
        if call.service != "sqs" || call.operation != "ReceiveMessage" {
            return None;
        }
        let reply: Value = serde_json::from_slice(body).ok()?;
        let messages = reply.get("Messages").and_then(Value::as_array);
        let mut receive = Receive::Empty;
        for message in messages.into_iter().flatten() {
            receive = Receive::Messages;
            let text = |name| message.get(name).and_then(Value::as_str);
            if let (Some(handle), Some(id)) = (text("ReceiptHandle"), text("MessageId")) {
                self.received.insert(handle.to_owned(), id.to_owned());
            }
        }
        Some(receive)
    }

    /// Every deletion so far.
    pub(super) fn deletions(&self) -> &[Deletion] {
        &self.deletions
    }
}
