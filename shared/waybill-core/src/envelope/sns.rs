//! SNS notifications, as SNS puts them into a queue where raw delivery is off.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html>
//!
//! Signatures are not looked at: what may write to the queue is the queue policy's affair.

use super::Parsed;
use super::raw::Fields;
use crate::event::{ByteString, Data, Event};

/// The type of an event that is a notification and nothing more.
const TYPE: &str = "com.amazonaws.sns";

/// A notification, with something inside.
pub(super) struct Notification {
    /// SNS's id, the same on every delivery of one publication.
    pub(super) message_id: String,
    topic_arn: String,
    subject: Option<String>,
    time: Option<String>,
    /// What was published.
    pub(super) message: ByteString,
}

/// Reads a notification; `None` where it lacks what SNS always writes.
pub(super) fn read(fields: &Fields<'_>, body: &ByteString) -> Option<Notification> {
    if fields.sns_type.string()? != "Notification" {
        return None;
    }
    Some(Notification {
        message_id: fields.sns_message_id.name()?,
        topic_arn: fields.sns_topic_arn.name()?,
        subject: fields.sns_subject.word(),
        time: fields.sns_timestamp.time(),
        message: fields.sns_message.shared(body)?,
    })
}

impl Notification {
    /// The first part of the natural key of what it carries, where that has none of its own.
    pub(super) fn key(&self) -> String {
        format!("sns:{}", self.message_id)
    }

    /// The notification itself as the event, where what it carries is none.
    pub(super) fn into_event(self, data: Data) -> Parsed {
        let natural_key = vec![self.key()];
        let event = Event {
            id: self.message_id,
            source: self.topic_arn,
            kind: TYPE.to_owned(),
            subject: self.subject,
            time: self.time,
            data,
            ..Event::default()
        };
        Parsed { event, natural_key }
    }
}
