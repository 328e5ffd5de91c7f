//! A queue as a target: one event, one message.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use futures_util::future::BoxFuture;

use waybill_core::event::Data;
use waybill_core::limit::SQS_MESSAGE_MAX;
use waybill_core::message::{AttributeValue, MessageAttribute};
use waybill_core::outcome::Attempt;
use waybill_core::routes::{GroupId, SqsBody, SqsSpec};
use waybill_engine::ports::{GivenUp, Outgoing, Target, TargetRequest};

use crate::sqs::entry;
use crate::sqs::place::{QueueArn, is_same};

use super::TargetError;
use super::answer::{self, Place, Refusal};

/// One route's queue.
///
/// The idempotency key goes along as a message attribute; into a FIFO queue also as the
/// deduplication id, by which SQS drops a repeat that comes within five minutes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>
#[derive(Debug, Clone)]
pub struct SqsTarget {
    client: Client,
    spec: SqsSpec,
}

/// What it takes to send.
const PLACE: Place = Place {
    service: "SQS",
    permission: "`sqs:SendMessage`",
};

/// What a structured CloudEvent is.
const CLOUD_EVENT: &str = "application/cloudevents+json";

impl SqsTarget {
    /// A target for events that come from the queue at `source_url`, where that is known. The
    /// client must not retry: one try is one request.
    ///
    /// # Errors
    ///
    /// When the target is the source.
    pub fn new(
        client: Client,
        spec: &SqsSpec,
        source_url: Option<&str>,
    ) -> Result<Self, TargetError> {
        if source_url.is_some_and(|source| is_same(source, &spec.queue_url)) {
            return Err(TargetError::SourceQueue);
        }
        let spec = spec.clone();
        Ok(Self { client, spec })
    }

    /// Makes one try.
    async fn post(&self, request: TargetRequest<'_>) -> Attempt {
        let message = match self.message(&request) {
            Ok(message) => message,
            Err(refused) => return refused,
        };
        let limit = self.spec.timeout.min(request.limit);
        if limit.is_zero() {
            return Attempt::transient("timeout", "no time was left to send it", None);
        }
        let send = self
            .client
            .send_message()
            .queue_url(&self.spec.queue_url)
            .set_message_attributes(entry::attributes(&message.attributes))
            .set_message_system_attributes(entry::trace(message.trace_header.as_deref()))
            .message_body(message.body)
            .set_message_group_id(message.group_id)
            .set_message_deduplication_id(message.deduplication_id)
            .send();
        match tokio::time::timeout(limit, send).await {
            Ok(Ok(_)) => Attempt::delivered("sent"),
            Ok(Err(error)) => match answer::refusal(&error) {
                Ok(refusal) => judge(&refusal),
                Err(ended) => ended,
            },
            Err(_) => answer::timed_out(),
        }
    }

    /// The message of one event; where there is none, what that means.
    fn message(&self, request: &TargetRequest<'_>) -> Result<Outgoing, Attempt> {
        let source = QueueArn::parse(&request.message.queue_arn);
        if source.is_some_and(|source| source.is_at(&self.spec.queue_url)) {
            let why = "the target is the queue that the message came from; send to another";
            return Err(Attempt::transient("target_is_source", why, None));
        }
        let message = Outgoing {
            body: self.body(request)?,
            attributes: self.attributes(request),
            group_id: self.group_id(request)?,
            deduplication_id: self
                .spec
                .is_fifo()
                .then(|| request.idempotency_key.to_owned()),
            trace_header: request.message.trace_header.clone(),
        };
        let size = size(&message);
        if size > SQS_MESSAGE_MAX {
            let why = format!("the message has {size} bytes, SQS takes {SQS_MESSAGE_MAX}");
            return Err(Attempt::rejected("too_large", why));
        }
        Ok(message)
    }

    /// The body.
    fn body(&self, request: &TargetRequest<'_>) -> Result<String, Attempt> {
        let unfit = |why: &str| Err(Attempt::rejected("body_unfit", why));
        match self.spec.body {
            SqsBody::Structured => Ok(request.event.structured(request.data)),
            SqsBody::Plain => match request.data {
                Data::Json(text) | Data::Text(text) if !text.is_empty() => Ok(text.clone()),
                Data::Json(_) | Data::Text(_) | Data::Absent => {
                    unfit("the event has no data, and SQS takes no empty body; use `structured`")
                }
                Data::Bytes(_) => unfit("the event's data is not text; use `structured`"),
            },
        }
    }

    /// The message attributes; ten at most, as many as SQS takes.
    fn attributes(&self, request: &TargetRequest<'_>) -> BTreeMap<String, MessageAttribute> {
        let event = request.event;
        let said = event.content_type_of(request.data).map(str::trim);
        let said = said.filter(|said| !said.is_empty());
        let media_type = match self.spec.body {
            SqsBody::Structured => CLOUD_EVENT,
            SqsBody::Plain => said.unwrap_or(request.data.usual_type()),
        };
        let given_up = request.given_up.map(|given_up| given_up.to_json());
        let attributes = [
            ("idempotency-key", Some(request.idempotency_key)),
            (GivenUp::NAME, given_up.as_deref()),
            ("content-type", Some(media_type)),
            ("ce-specversion", Some("1.0")),
            ("ce-id", Some(event.id.as_str())),
            ("ce-source", Some(event.source.as_str())),
            ("ce-type", Some(event.kind.as_str())),
            ("ce-time", event.time.as_deref()),
            ("ce-subject", event.subject.as_deref()),
            ("traceparent", event.traceparent.as_deref()),
        ];
        let sendable = attributes.into_iter().filter_map(|(name, value)| {
            let value = value.filter(|value| is_sendable(value))?;
            Some((name.to_owned(), text(value)))
        });
        sendable.collect()
    }

    /// The group. A standard queue keeps the source's, which is its fairness.
    fn group_id(&self, request: &TargetRequest<'_>) -> Result<Option<String>, Attempt> {
        let of_message = request.message.group_id.clone();
        match &self.spec.group_id {
            Some(GroupId::Fixed(group)) => Ok(Some(group.clone())),
            Some(GroupId::OfMessage) if self.spec.is_fifo() && of_message.is_none() => {
                Err(Attempt::rejected(
                    "group_missing",
                    "the message has no group; give the route a `group_id` of its own",
                ))
            }
            Some(GroupId::OfMessage) | None => Ok(of_message),
        }
    }
}

/// What a refusal of SQS's means: what it says of the message is final, all else may pass.
fn judge(refusal: &Refusal<'_>) -> Attempt {
    match refusal.code {
        "InvalidMessageContents" | "InvalidParameterValue" => {
            let message = format!("SQS refused the message with `{}`", refusal.code);
            Attempt::rejected("message_refused", message)
        }
        "NonExistentQueue" | "QueueDoesNotExist" => Attempt::transient(
            "queue_missing",
            "the queue does not exist in this region; deploy it, or mend `queue_url`",
            None,
        ),
        _ => refusal.passing(PLACE),
    }
}

/// A text as an attribute.
fn text(value: &str) -> MessageAttribute {
    MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text(value.to_owned()),
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

/// What SQS counts of a message: its body, and its attributes' names, types and values.
fn size(message: &Outgoing) -> usize {
    let attributes = message.attributes.iter().map(|(name, attribute)| {
        let value = match &attribute.value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Bytes(bytes) => bytes.len(),
        };
        name.len() + attribute.data_type.len() + value
    });
    message.body.len() + attributes.sum::<usize>()
}

impl Target for SqsTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.post(request))
    }
}

#[cfg(test)]
mod tests;
