//! What a queue and a topic are sent alike: a text, and attributes beside it.

use std::borrow::Cow;

use waybill_core::event::Data;
use waybill_core::outcome::Attempt;
use waybill_core::routes::{EventBody, GroupId};
use waybill_engine::ports::{GivenUp, TargetRequest};

/// What a structured CloudEvent is.
const CLOUD_EVENT: &str = "application/cloudevents+json";

/// The type of every attribute.
pub(super) const TEXT: &str = "String";

/// The text of a message.
pub(super) fn text(
    request: &TargetRequest<'_>,
    body: EventBody,
    service: &str,
) -> Result<String, Attempt> {
    match body {
        EventBody::Structured => Ok(request.event.structured(request.data)),
        EventBody::Plain => match request.data {
            Data::Json(text) | Data::Text(text) if !text.is_empty() => Ok(text.to_string()),
            Data::Json(_) | Data::Text(_) | Data::Absent => {
                let why = format!(
                    "the event has no data, and {service} takes no empty body; use `structured`"
                );
                Err(Attempt::rejected("body_unfit", why))
            }
            Data::Bytes(_) => Err(Attempt::rejected(
                "body_unfit",
                "the event's data is not text; use `structured`",
            )),
        },
    }
}

/// The attributes of a message; ten at most, as many as SQS takes.
pub(super) fn attributes<'a>(
    request: &TargetRequest<'a>,
    body: EventBody,
) -> Vec<(&'static str, Cow<'a, str>)> {
    let event = request.event;
    let said = event.content_type_of(request.data).map(str::trim);
    let said = said.filter(|said| !said.is_empty());
    let media_type = match body {
        EventBody::Structured => CLOUD_EVENT,
        EventBody::Plain => said.unwrap_or(request.data.usual_type()),
    };
    let traceparent = request.traceparent();
    let attributes = [
        ("idempotency-key", request.idempotency_key),
        ("content-type", media_type),
    ];
    let attributes = attributes.into_iter().chain(event.ce_attributes());
    let attributes = attributes.chain(traceparent.map(|parent| ("traceparent", parent)));
    let attributes = attributes.map(|(name, value)| (name, Cow::Borrowed(value)));
    let given_up = request.given_up.map(|given_up| given_up.to_json());
    let attributes = attributes.chain(given_up.map(|why| (GivenUp::NAME, Cow::Owned(why))));
    attributes.filter(|(_, value)| is_sendable(value)).collect()
}

/// What SQS and SNS count of a message: its body, and its attributes' names, types and values.
pub(super) fn size(body: &str, attributes: &[(&str, Cow<'_, str>)]) -> usize {
    let attributes = attributes.iter();
    let sizes = attributes.map(|(name, value)| name.len() + TEXT.len() + value.len());
    body.len() + sizes.sum::<usize>()
}

/// The group of a message. A standard queue keeps the source's, which is its fairness.
pub(super) fn group_id(
    request: &TargetRequest<'_>,
    said: Option<&GroupId>,
    is_fifo: bool,
) -> Result<Option<String>, Attempt> {
    let of_message = request.message.group_id.clone();
    match said {
        Some(GroupId::Fixed(group)) => Ok(Some(group.clone())),
        Some(GroupId::OfMessage) if is_fifo && of_message.is_none() => Err(Attempt::rejected(
            "group_missing",
            "the message has no group; give the route a `group_id` of its own",
        )),
        Some(GroupId::OfMessage) | None => Ok(of_message),
    }
}

/// Whether SQS takes a text as an attribute's value; one that it does not is in the body alone.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn is_sendable(value: &str) -> bool {
    let refused = |letter: char| {
        let control = letter < ' ' && !['\t', '\n', '\r'].contains(&letter);
        control || ['\u{fffe}', '\u{ffff}'].contains(&letter)
    };
    !value.is_empty() && !value.contains(refused)
}
