//! A queue as a target: one event, one message.

use aws_sdk_sqs::Client;
use futures_util::future::BoxFuture;

use waybill_core::limit::SQS_MESSAGE_MAX;
use waybill_core::message::{AttributeValue, MessageAttribute};
use waybill_core::outcome::Attempt;
use waybill_core::routes::SqsSpec;
use waybill_engine::ports::{Outgoing, Target, TargetRequest};

use crate::sqs::entry;
use crate::sqs::place::{QueueArn, is_same};

use super::TargetError;
use super::answer::{self, Place, Refusal};
use super::message;

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
        answer::within(self.spec.timeout, request.limit, self.put(message)).await
    }

    /// Sends a message, and reads the answer.
    async fn put(&self, message: Outgoing) -> Attempt {
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
        match send.await {
            Ok(_) => Attempt::delivered("sent"),
            Err(error) => match answer::refusal(&error) {
                Ok(refusal) => judge(&refusal),
                Err(ended) => ended,
            },
        }
    }

    /// The message of one event; where there is none, what that means.
    fn message(&self, request: &TargetRequest<'_>) -> Result<Outgoing, Attempt> {
        let source = QueueArn::parse(&request.message.queue_arn);
        if source.is_some_and(|source| source.is_at(&self.spec.queue_url)) {
            let why = "the target is the queue that the message came from; send to another";
            return Err(Attempt::transient("target_is_source", why, None));
        }
        let (spec, is_fifo) = (&self.spec, self.spec.is_fifo());
        let body = message::text(request, spec.body, PLACE.service)?;
        let attributes = message::attributes(request, spec.body);
        let size = message::size(&body, &attributes);
        answer::fitting(size, SQS_MESSAGE_MAX, PLACE.service)?;
        let attributes = attributes.into_iter();
        Ok(Outgoing {
            body,
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), text(&value)))
                .collect(),
            group_id: message::group_id(request, spec.group_id.as_ref(), is_fifo)?,
            deduplication_id: is_fifo.then(|| request.idempotency_key.to_owned()),
            trace_header: request.trace_header().map(str::to_owned),
        })
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
        data_type: message::TEXT.to_owned(),
        value: AttributeValue::Text(value.to_owned()),
    }
}

impl Target for SqsTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.post(request))
    }
}

#[cfg(test)]
mod tests;
