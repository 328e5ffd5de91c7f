//! A topic as a target, as data.

use std::time::Duration;

use super::super::fields::{Faults, Fields, join};
use super::super::tree::Node;
use super::body::EventBody;
use super::sqs::{GroupId, group_id};
use super::{arn, request_timeout};
use crate::message::is_fifo;

/// A topic that events are published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsSpec {
    /// Which topic. It is a FIFO topic when its name ends in `.fifo`.
    pub topic_arn: String,
    /// `MessageGroupId` of what is published. A FIFO topic always has one.
    pub group_id: Option<GroupId>,
    /// What the message is.
    pub body: EventBody,
    /// The subject that subscribers by e-mail see; 1 to 99 characters.
    pub subject: Option<String>,
    /// How long one try may take, connection included. 3 s by default.
    pub timeout: Duration,
}

/// Longest subject, in characters.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_MAX: usize = 99;

impl SnsSpec {
    /// Whether the topic is a FIFO topic.
    pub fn is_fifo(&self) -> bool {
        is_fifo(&self.topic_arn)
    }

    /// Reads `sns`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["topic_arn", "group_id", "body", "subject", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let topic_arn = match fields.get("topic_arn") {
            Some(node) => topic_arn(node, &join(path, "topic_arn"), faults),
            None => fields.missing("topic_arn", "say which topic", faults),
        };
        let group_id = fields
            .get("group_id")
            .map(|node| group_id(node, &join(path, "group_id"), faults));
        let body = EventBody::read(&fields, faults);
        let subject = fields
            .get("subject")
            .map(|node| subject(node, &join(path, "subject"), faults));
        let timeout = request_timeout(&fields, faults);
        let topic_arn = topic_arn?;
        if is_fifo(&topic_arn) && group_id.is_none() {
            let why = "a FIFO topic needs it: `message` for the source's own group, or a text";
            return fields.missing("group_id", why, faults);
        }
        Some(Self {
            topic_arn,
            group_id: group_id.map_or(Some(None), |read| read.map(Some))?,
            body,
            subject: subject.map_or(Some(None), |read| read.map(Some))?,
            timeout,
        })
    }
}

/// Reads the ARN of a topic.
fn topic_arn(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let name = arn::resource(text, "sns");
    if !name.is_some_and(|name| arn::is_name(name, 256, b"-_.")) {
        let message =
            "must be the ARN of a topic, like `arn:aws:sns:eu-west-1:123456789012:orders`";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}

/// Reads the subject.
fn subject(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let fits = (1..=SUBJECT_MAX).contains(&text.chars().count());
    if !fits || text.contains(char::is_control) {
        let message = "must be 1 to 99 characters on one line";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}
