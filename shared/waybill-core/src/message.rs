//! What SQS hands over.

use std::collections::BTreeMap;

use crate::event::ByteString;
use crate::id::{MessageId, ReceiptHandle};
use crate::time::Timestamp;

/// One receive of one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// SQS's id of the message.
    pub message_id: MessageId,
    /// The handle of this receive.
    pub receipt_handle: ReceiptHandle,
    /// The body, never parsed before it is this message's turn (F14). Events share its text.
    pub body: ByteString,
    /// `ApproximateReceiveCount`, this receive included; at least 1. It is no count of attempts.
    pub receive_count: u32,
    /// `SentTimestamp`, where SQS said it.
    pub sent: Option<Timestamp>,
    /// `MessageGroupId`, where the message has one.
    pub group_id: Option<String>,
    /// `AWSTraceHeader`, where the message has one.
    pub trace_header: Option<String>,
    /// The sender's message attributes.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// ARN of the queue it came from.
    pub queue_arn: String,
    /// `DeadLetterQueueSourceArn`: the queue that SQS moved it from by a redrive policy, where it did.
    pub moved_from: Option<String>,
}

/// A sender's message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with a custom label after a dot where there is one.
    pub data_type: String,
    /// The value.
    pub value: AttributeValue,
}

/// The value of a message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Of type `String` or `Number`.
    Text(String),
    /// Of type `Binary`.
    Bytes(Vec<u8>),
}

impl Message {
    /// Whether it comes from a FIFO queue: then its group is in order.
    pub fn is_fifo(&self) -> bool {
        is_fifo(&self.queue_arn)
    }

    /// The text of a message attribute, where it has that name and is text.
    pub fn text_attribute(&self, name: &str) -> Option<&str> {
        match &self.attributes.get(name)?.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Bytes(_) => None,
        }
    }
}

/// Whether a queue's name, ARN or URL is a FIFO queue's.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fifo-queues.html>
pub fn is_fifo(queue: &str) -> bool {
    queue.ends_with(".fifo")
}

#[cfg(test)]
mod tests;
