//! What a body means.

use crate::event::Event;
use crate::message::Message;

/// A body read: the event, and what it is known by where nothing is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The event.
    pub event: Event,
    /// Parts of its natural key; never empty.
    pub natural_key: Vec<String>,
}

/// A body whose form cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// What is to be done with a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Envelope {
    /// An event.
    Event(Box<Parsed>),
    /// A test notification of S3's: acknowledged, nothing to do (F79).
    TestEvent,
}

/// Reads a message's body.
pub fn parse(message: &Message) -> Result<Envelope, Malformed> {
    let _ = message;
    Err(Malformed("not written yet".to_owned()))
}
