//! What a body means.
//!
//! The forms are tried from the most explicit to the least: CloudEvents, SNS, EventBridge, S3,
//! the plain form; what is none of them is other JSON or text, and still an event. SNS is
//! unwrapped first and the innermost event wins.
//!
//! A body that merely resembles a form, yet lacks what the form requires, is other JSON: nobody
//! promised that it is one. A body that *claims* a form and breaks it is [`Malformed`], because
//! taking it for something else would give it another key, and another key is another effect.
//! So a body is malformed when
//!
//! * it has a text `specversion` and is no CloudEvent of major version 1 (F79);
//! * it says twice what a form reads once, since readers differ on which of the two counts;
//! * SNS is nested in it deeper than [`SNS_DEPTH_MAX`];
//! * its data is JSON that a reader must refuse: nested deeper than 127, or with a number that
//!   no float can hold. Filters and keys could not look into it.
//!
//! The data of an event is the text that came, never a reprint of it. Its time is RFC 3339 or
//! absent: a time that cannot be read makes no body malformed.

mod cloudevents;
mod date;
mod eventbridge;
mod plain;
mod raw;
mod s3;
mod sns;

use std::collections::BTreeMap;

use crate::event::{ByteString, Data, Event};
use crate::message::Message;
use raw::Body;

/// The type of an event whose body does not name one.
pub const PLAIN_TYPE: &str = "waybill.message";

/// How many SNS notifications may be wrapped around one event.
pub const SNS_DEPTH_MAX: usize = 3;

/// A body read: the event, and what it is known by where nothing is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The event.
    pub event: Event,
    /// Parts of its natural key; never empty. The first begins with the name of its form, so
    /// that equal ids of different forms are different keys.
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
///
/// Fails where a body claims a form that it does not keep; the error names the fault and quotes
/// none of the body.
pub fn parse(message: &Message) -> Result<Envelope, Malformed> {
    let mut form = read(&message.body)?;
    let mut carrier = None;
    for _ in 0..SNS_DEPTH_MAX {
        let Form::Notification(notification) = form else {
            break;
        };
        form = read(&notification.message)?;
        carrier = Some(notification);
    }
    let mut parsed = match form {
        Form::Event(parsed) => parsed,
        Form::Nameless(event) => name(event, message, carrier.as_ref()),
        Form::Other(data) => match carrier {
            Some(notification) => notification.into_event(data),
            None => other(data, message),
        },
        Form::TestEvent => return Ok(Envelope::TestEvent),
        Form::Notification(_) => {
            let fault = format!("sns notifications are nested deeper than {SNS_DEPTH_MAX}");
            return Err(Malformed(fault));
        }
    };
    if parsed.event.traceparent.is_none() {
        parsed.event.traceparent = message.text_attribute("traceparent").map(str::to_owned);
    }
    parsed.event.attributes = text_attributes(message);
    Ok(Envelope::Event(Box::new(parsed)))
}

/// The message attributes that are text.
fn text_attributes(message: &Message) -> BTreeMap<String, String> {
    let names = message.attributes.keys();
    names
        .filter_map(|name| Some((name.clone(), message.text_attribute(name)?.to_owned())))
        .collect()
}

/// The natural key of a message that has no better name than SQS's.
pub(crate) fn message_name(message: &Message) -> String {
    format!("sqs:{}", message.message_id)
}

/// What one layer of a body is.
enum Form {
    /// An event that names itself.
    Event(Parsed),
    /// An event without an id of its own.
    Nameless(Event),
    /// A notification with something inside.
    Notification(sns::Notification),
    /// A test notification of S3's.
    TestEvent,
    /// None of the forms.
    Other(Data),
}

/// Reads one layer.
fn read(body: &ByteString) -> Result<Form, Malformed> {
    let fields = match raw::read(body)? {
        Body::Text => return Ok(Form::Other(Data::Text(body.clone()))),
        Body::Json => return raw::json(body, body).map(Form::Other),
        Body::Object(fields) => fields,
    };
    if let Some(parsed) = cloudevents::read(&fields, body)? {
        return Ok(Form::Event(parsed));
    }
    if let Some(notification) = sns::read(&fields, body) {
        return Ok(Form::Notification(notification));
    }
    if let Some(parsed) = eventbridge::read(&fields, body)? {
        return Ok(Form::Event(parsed));
    }
    if s3::is_test(&fields) {
        return Ok(Form::TestEvent);
    }
    if let Some(mut event) = s3::read(&fields) {
        event.data = raw::json(body, body)?;
        return Ok(Form::Nameless(event));
    }
    if let Some(parsed) = plain::read(&fields, body)? {
        return Ok(Form::Event(parsed));
    }
    raw::json(body, body).map(Form::Other)
}

/// Names an event after the notification that carried it, else after the message.
fn name(event: Event, message: &Message, carrier: Option<&sns::Notification>) -> Parsed {
    let (id, key) = match carrier {
        Some(notification) => (notification.message_id.clone(), notification.key()),
        None => (message.message_id.to_string(), message_name(message)),
    };
    Parsed {
        event: Event { id, ..event },
        natural_key: vec![key],
    }
}

/// The event that a body of no form is.
fn other(data: Data, message: &Message) -> Parsed {
    let event = Event {
        source: message.queue_arn.clone(),
        kind: PLAIN_TYPE.to_owned(),
        time: message.sent.and_then(crate::time::Timestamp::to_rfc3339),
        data,
        ..Event::default()
    };
    name(event, message, None)
}

#[cfg(test)]
pub(crate) mod tests;
