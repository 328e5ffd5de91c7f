//! A queue as a target, as data.

use std::time::Duration;

use super::super::fields::{Faults, Fields, join};
use super::super::hidden::TargetUrl;
use super::super::tree::Node;
use super::body::EventBody;
use super::request_timeout;
use crate::message::is_fifo;

/// A queue that events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqsSpec {
    /// Where the queue is. It is a FIFO queue when its name ends in `.fifo`.
    pub queue_url: String,
    /// `MessageGroupId` of what is sent. A FIFO queue always has one.
    pub group_id: Option<GroupId>,
    /// What the message's body is.
    pub body: EventBody,
    /// How long one try may take, connection included. 3 s by default.
    pub timeout: Duration,
}

/// Which group a message is sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupId {
    /// The one that the source's message has.
    OfMessage,
    /// Always this one.
    Fixed(String),
}

/// Longest group id, in characters.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const GROUP_ID_MAX: usize = 128;

impl SqsSpec {
    /// Whether the queue is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        is_fifo(&self.queue_url)
    }

    /// Reads `sqs`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["queue_url", "group_id", "body", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let queue_url = match fields.get("queue_url") {
            Some(node) => queue_url(node, &join(path, "queue_url"), faults),
            None => fields.missing("queue_url", "say which queue", faults),
        };
        let group_id = fields
            .get("group_id")
            .map(|node| group_id(node, &join(path, "group_id"), faults));
        let body = EventBody::read(&fields, faults);
        let timeout = request_timeout(&fields, faults);
        let queue_url = queue_url?;
        if is_fifo(&queue_url) && group_id.is_none() {
            let why = "a FIFO queue needs it: `message` for the source's own group, or a text";
            return fields.missing("group_id", why, faults);
        }
        let group_id = match group_id {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Self {
            queue_url,
            group_id,
            body,
            timeout,
        })
    }
}

/// Reads the URL of a queue.
fn queue_url(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let names_a_queue = TargetUrl::new(text).is_ok_and(|url| {
        let rest = text.get(url.origin().len()..).unwrap_or_default();
        let mut parts = rest.split('/').filter(|part| !part.is_empty());
        parts.next().is_some() && parts.next().is_some() && !rest.contains('?')
    });
    if !names_a_queue {
        let message = "must be the URL of a queue, like \
                       `https://sqs.eu-west-1.amazonaws.com/123456789012/orders`";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}

/// Reads which group a message is sent in.
pub(super) fn group_id(node: &Node, path: &str, faults: &mut Faults) -> Option<GroupId> {
    let text = faults.text(node, path)?;
    if text == "message" {
        return Some(GroupId::OfMessage);
    }
    let fits = (1..=GROUP_ID_MAX).contains(&text.len());
    if !fits || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let message = "must be `message`, or 1 to 128 letters, digits and marks of ASCII";
        return faults.refuse(path, node, message);
    }
    Some(GroupId::Fixed(text.to_owned()))
}
