//! What the functions are given.

use serde_json::json;

use waybill_local::runtime_api::sqs_event;

/// Batches of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Messages of a batch.
    pub(crate) batch: usize,
    /// Bytes of each body's filler.
    pub(crate) bytes: usize,
}

impl Load {
    /// The usual: ten messages of a kilobyte.
    pub(crate) const USUAL: Self = Self {
        batch: 10,
        bytes: 1024,
    };

    /// Lambda's payload for one batch of new events, whose ids begin so.
    pub(crate) fn payload(self, name: &str) -> String {
        let messages: Vec<_> = (0..self.batch)
            .map(|n| {
                let id = format!("{name}-{n}");
                let body = event(&id, self.bytes);
                (id, body)
            })
            .collect();
        let messages = messages.iter().map(|(id, body)| (id.as_str(), &**body));
        sqs_event(QUEUE_ARN, messages)
    }
}

/// An event with so much in it.
pub(crate) fn event(id: &str, bytes: usize) -> String {
    let body = json!({
        "id": id,
        "queue": "measure",
        "dispatch_date": "2026-01-01T00:00:00Z",
        "payload": { "filler": "x".repeat(bytes) },
    });
    body.to_string()
}

/// Where they come from.
const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:measured";
