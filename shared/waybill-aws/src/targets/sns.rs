//! A topic as a target: one event, one message to all its subscribers.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::operation::publish::builders::PublishFluentBuilder;
use aws_sdk_sns::types::MessageAttributeValue;
use futures_util::future::BoxFuture;

use waybill_core::limit::SNS_MESSAGE_MAX;
use waybill_core::outcome::Attempt;
use waybill_core::routes::SnsSpec;
use waybill_engine::ports::{Target, TargetRequest};

use super::answer::{self, Place, Refusal};
use super::message;

/// One route's topic.
///
/// The idempotency key goes along as a message attribute; to a FIFO topic also as the
/// deduplication id, by which SNS drops a repeat that comes within five minutes.
/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html>
#[derive(Debug, Clone)]
pub struct SnsTarget {
    client: Client,
    spec: SnsSpec,
}

/// What it takes to publish.
const PLACE: Place = Place {
    service: "SNS",
    permission: "`sns:Publish`",
};

impl SnsTarget {
    /// A target. The client must not retry: one try is one request.
    pub fn new(client: Client, spec: &SnsSpec) -> Self {
        let spec = spec.clone();
        Self { client, spec }
    }

    /// Makes one try.
    async fn publish(&self, request: TargetRequest<'_>) -> Attempt {
        let message = match self.message(&request) {
            Ok(message) => message,
            Err(refused) => return refused,
        };
        answer::within(self.spec.timeout, request.limit, put(message)).await
    }

    /// The message of one event; where there is none, what that means.
    fn message(&self, request: &TargetRequest<'_>) -> Result<PublishFluentBuilder, Attempt> {
        let (spec, is_fifo) = (&self.spec, self.spec.is_fifo());
        let body = message::text(request, spec.body, PLACE.service)?;
        let attributes = message::attributes(request, spec.body);
        let size = message::size(&body, &attributes);
        answer::fitting(size, SNS_MESSAGE_MAX, PLACE.service)?;
        let mut publish = self.client.publish().topic_arn(&spec.topic_arn);
        for (name, value) in attributes {
            publish = publish.message_attributes(name, text(&value));
        }
        Ok(publish
            .message(body)
            .set_subject(spec.subject.clone())
            .set_message_group_id(message::group_id(request, spec.group_id.as_ref(), is_fifo)?)
            .set_message_deduplication_id(is_fifo.then(|| request.idempotency_key.to_owned())))
    }
}

/// Publishes a message, and reads the answer.
async fn put(message: PublishFluentBuilder) -> Attempt {
    match message.send().await {
        Ok(_) => Attempt::delivered("sent"),
        Err(error) => match answer::refusal(&error) {
            Ok(refusal) => judge(&refusal, error.message().unwrap_or_default()),
            Err(ended) => ended,
        },
    }
}

/// What a refusal of SNS's means: what it says of the message is final, all else may pass. `said`
/// is its own words, which are looked into and never repeated.
fn judge(refusal: &Refusal<'_>, said: &str) -> Attempt {
    match refusal.code {
        // Of another region, for example: a person mends the routes file.
        "InvalidParameter" if said.contains("TopicArn") => Attempt::transient(
            "topic_missing",
            "SNS takes no such `topic_arn` in this region",
            None,
        ),
        "InvalidParameter" | "InvalidParameterValue" | "ParameterValueInvalid" | "Validation" => {
            let message = format!("SNS refused the message with `{}`", refusal.code);
            Attempt::rejected("message_refused", message)
        }
        "NotFound" => Attempt::transient(
            "topic_missing",
            "the topic does not exist; deploy it, or mend `topic_arn`",
            None,
        ),
        _ => refusal.passing(PLACE),
    }
}

/// A text as an attribute.
fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type(message::TEXT)
        .string_value(value)
        .build()
        .expect("an attribute has its type")
}

impl Target for SnsTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.publish(request))
    }
}

#[cfg(test)]
mod tests;
