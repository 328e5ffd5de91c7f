//! What was asked and answered, for tests that look at the order of things.

use std::time::SystemTime;

use hyper::body::Bytes;
use serde_json::Value;

use super::Call;

/// One request that passed the proxy, and its answer.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Of whom what was asked.
    pub call: Call,
    /// When the request had come.
    pub at: SystemTime,
    /// When it was answered, or its connection closed.
    pub answered_at: SystemTime,
    /// The request's body.
    request: Bytes,
    /// The answer's body; `None` where there was no answer.
    reply: Option<Bytes>,
}

impl Asked {
    /// A request that is answered now.
    pub(super) fn new(call: Call, at: SystemTime, request: Bytes, reply: Option<Bytes>) -> Self {
        Self {
            call,
            at,
            answered_at: SystemTime::now(),
            request,
            reply,
        }
    }

    /// Whether it was this operation.
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.call.service == service && self.call.operation == operation
    }

    /// The request; null where it was no JSON.
    pub fn request(&self) -> Value {
        serde_json::from_slice(&self.request).unwrap_or_default()
    }

    /// The answer; null where there was none, or no JSON.
    pub fn reply(&self) -> Value {
        let reply = self.reply.as_deref().unwrap_or_default();
        serde_json::from_slice(reply).unwrap_or_default()
    }
}
