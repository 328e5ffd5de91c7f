//! What a message is about: its event, what that is known by, and the digest of its data.
//!
//! Whoever works on a message and whoever looks at its dead letter must come to the same key and
//! the same digest, or a redrive would be another event: so both ask here.

use std::sync::Arc;

use crate::canary::is_canary;
use crate::digest::Digest;
use crate::envelope::{self, Envelope, Malformed, Parsed};
use crate::event::{Data, Event};
use crate::id::{Consumer, EventKey};
use crate::key::{KeyExpression, event_key, message_key};
use crate::message::Message;
use crate::outcome::DeadReason;
use crate::parcel::Parcel;

/// A message read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The message as its producer sent it, where a schedule brought it back, and how often its row
    /// had been redriven when it was packed.
    pub parcel: Option<(Arc<Message>, u32)>,
    /// What the event is known by.
    pub key: EventKey,
    /// Of the event's data.
    pub digest: Digest,
    /// What the body means.
    pub content: Content,
}

/// What a body means.
#[derive(Debug, Clone)]
pub enum Content {
    /// An event.
    Event(Box<Event>),
    /// A test notification of S3's: nothing is to be done.
    TestEvent,
    /// It cannot be worked on, whatever the routes say.
    Unreadable {
        /// `malformed` or `key_missing`.
        reason: DeadReason,
        /// What is wrong, for people; it quotes none of the body.
        what: String,
    },
}

impl Reading {
    /// The event, where the body is one.
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Event(event) => Some(event),
            Content::TestEvent | Content::Unreadable { .. } => None,
        }
    }
}

/// Reads a message of this consumer's queue. `expression` is the configured key, where there is one.
pub fn read(message: &Message, consumer: &Consumer, expression: Option<&KeyExpression>) -> Reading {
    match Parcel::unpack(message, consumer) {
        Ok(Some(parcel)) => {
            let inner = Arc::new(parcel.message);
            let mut reading = of(
                &inner,
                envelope::parse(&inner),
                Some(parcel.key),
                expression,
            );
            reading.parcel = Some((inner, parcel.redrive_n));
            reading
        }
        Ok(None) => of(message, envelope::parse(message), None, expression),
        Err(damaged) => of(message, Err(damaged), None, expression),
    }
}

/// What a message is about, by what its body means.
fn of(
    message: &Message,
    parsed: Result<Envelope, Malformed>,
    carried: Option<EventKey>,
    expression: Option<&KeyExpression>,
) -> Reading {
    // The best key that a body has which cannot be worked on.
    let last = |carried: Option<EventKey>| {
        let key = carried.map_or_else(|| event_key(message, None, None), Ok);
        key.unwrap_or_else(|_| message_key(message))
    };
    let reading = |key, digest, content| Reading {
        parcel: None,
        key,
        digest,
        content,
    };
    let body = || Digest::of(&Data::Text(message.body.clone()));
    let parsed: Box<Parsed> = match parsed {
        Ok(Envelope::Event(parsed)) => parsed,
        Ok(Envelope::TestEvent) => return reading(last(carried), body(), Content::TestEvent),
        Err(error) => {
            let content = Content::Unreadable {
                reason: DeadReason::Malformed,
                what: error.to_string(),
            };
            return reading(last(carried), body(), content);
        }
    };
    // The data as it will be digested once the key is found: a redrive is no conflict.
    let digest = Digest::of(&parsed.event.data);
    // A canary knows nothing of the key that is configured.
    let expression = expression.filter(|_| !is_canary(&parsed.event));
    let found = carried
        .clone()
        .map_or_else(|| event_key(message, Some(&parsed), expression), Ok);
    match found {
        Ok(key) => reading(key, digest, Content::Event(Box::new(parsed.event))),
        Err(error) => {
            let content = Content::Unreadable {
                reason: DeadReason::KeyMissing,
                what: error.to_string(),
            };
            reading(last(carried), digest, content)
        }
    }
}

#[cfg(test)]
mod tests;
