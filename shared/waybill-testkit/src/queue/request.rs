//! What was asked of a queue, and when.

use std::time::Duration;

use waybill_core::id::ReceiptHandle;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Outgoing, VisibilityChange};

/// One request to a [`super::FakeQueue`], refused ones included.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueRequest {
    /// When it came in.
    pub at: Timestamp,
    /// What it asked.
    pub ask: QueueAsk,
}

/// What one request asked.
#[derive(Debug, Clone, PartialEq)]
pub enum QueueAsk {
    /// `ReceiveMessage`.
    Receive {
        /// At most so many messages.
        max: usize,
        /// For how long at most.
        wait: Duration,
        /// Held for so long.
        visibility: Duration,
    },
    /// `ChangeMessageVisibilityBatch`.
    Change(Vec<VisibilityChange>),
    /// `DeleteMessageBatch`.
    Delete(Vec<ReceiptHandle>),
    /// `SendMessageBatch`.
    Send(Vec<Outgoing>),
    /// `GetQueueAttributes`.
    Attributes,
}

/// How much was asked of a [`super::FakeQueue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounts {
    /// `ReceiveMessage` requests.
    pub receives: usize,
    /// `ChangeMessageVisibilityBatch` requests.
    pub changes: usize,
    /// `DeleteMessageBatch` requests.
    pub deletes: usize,
    /// `SendMessageBatch` requests.
    pub sends: usize,
    /// `GetQueueAttributes` requests.
    pub attributes: usize,
}

impl QueueCounts {
    /// Counts requests by their sort.
    pub(super) fn of(requests: &[QueueRequest]) -> Self {
        let mut counts = Self::default();
        for request in requests {
            *match request.ask {
                QueueAsk::Receive { .. } => &mut counts.receives,
                QueueAsk::Change(_) => &mut counts.changes,
                QueueAsk::Delete(_) => &mut counts.deletes,
                QueueAsk::Send(_) => &mut counts.sends,
                QueueAsk::Attributes => &mut counts.attributes,
            } += 1;
        }
        counts
    }
}
