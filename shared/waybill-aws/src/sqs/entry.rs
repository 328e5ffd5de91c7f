//! Messages and batch entries, there and back.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, Message as Received, MessageAttributeValue,
    MessageSystemAttributeName as System, MessageSystemAttributeNameForSends as SystemForSends,
    MessageSystemAttributeValue,
};

use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::time::Timestamp;
use waybill_engine::ports::QueueError;

use super::error::{self, Asked};

/// Whole seconds, rounded up: what is not yet due is never shown early.
pub(super) fn seconds(wait: Duration) -> i32 {
    let up = u64::from(wait.subsec_nanos() > 0);
    i32::try_from(wait.as_secs().saturating_add(up)).unwrap_or(i32::MAX)
}

/// One received message. One that has no id or no handle cannot be worked on or handed back:
/// `None`; it comes again when its visibility ends.
pub(super) fn message(received: Received, queue_arn: &str) -> Option<Message> {
    let system = received.attributes.unwrap_or_default();
    let said = |name: System| system.get(&name).cloned();
    let count = said(System::ApproximateReceiveCount).and_then(|n| n.parse().ok());
    let sent = said(System::SentTimestamp).and_then(|ms| ms.parse().ok());
    let attributes = received.message_attributes.unwrap_or_default();
    Some(Message {
        message_id: MessageId::new(received.message_id?)?,
        receipt_handle: ReceiptHandle(received.receipt_handle?),
        body: received.body.unwrap_or_default().into(),
        receive_count: count.unwrap_or(1).max(1),
        sent: sent.map(Timestamp::from_millis),
        group_id: said(System::MessageGroupId),
        trace_header: said(System::AwsTraceHeader),
        attributes: attributes
            .into_iter()
            .map(|(k, v)| (k, attribute(v)))
            .collect(),
        queue_arn: queue_arn.to_owned(),
        moved_from: said(System::DeadLetterQueueSourceArn),
    })
}

/// A sender's attribute as it was received.
fn attribute(value: MessageAttributeValue) -> MessageAttribute {
    MessageAttribute {
        data_type: value.data_type,
        value: match (value.binary_value, value.string_value) {
            (Some(bytes), None) => AttributeValue::Bytes(bytes.into_inner()),
            (_, text) => AttributeValue::Text(text.unwrap_or_default()),
        },
    }
}

/// Message attributes as they are sent; `None` when there are none.
pub(crate) fn attributes(
    attributes: &BTreeMap<String, MessageAttribute>,
) -> Option<HashMap<String, MessageAttributeValue>> {
    let sent = |(name, one): (&String, &MessageAttribute)| {
        let value = MessageAttributeValue::builder().data_type(&one.data_type);
        let value = match &one.value {
            AttributeValue::Text(text) => value.string_value(text),
            AttributeValue::Bytes(bytes) => value.binary_value(Blob::new(bytes.as_slice())),
        };
        let value = value.build().expect("an attribute has its type");
        (name.clone(), value)
    };
    (!attributes.is_empty()).then(|| attributes.iter().map(sent).collect())
}

/// The trace header as it is sent.
pub(crate) fn trace(
    header: Option<&str>,
) -> Option<HashMap<SystemForSends, MessageSystemAttributeValue>> {
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(header?)
        .build()
        .expect("an attribute has its type");
    Some([(SystemForSends::AwsTraceHeader, value)].into())
}

/// What was done, by entry id, and what failed.
pub(super) type Reply<T> = (Vec<(String, T)>, Vec<BatchResultErrorEntry>);

/// The answers of a batch request by position.
///
/// Entry ids are positions (F32). A reply that names an entry that was not asked, or one entry
/// twice, says nothing of the others: all have failed, and may be tried again (F31).
pub(super) fn answers<T>(
    asked: usize,
    reply: Result<Reply<T>, QueueError>,
    what: Asked,
    queue: &str,
) -> Vec<Result<T, QueueError>> {
    let all = |refusal: QueueError| (0..asked).map(|_| Err(refusal.clone())).collect();
    let (done, failed) = match reply {
        Ok(reply) => reply,
        Err(refusal) => return all(refusal),
    };
    let done = done.into_iter().map(|(id, value)| (id, Ok(value)));
    let failed = failed
        .into_iter()
        .map(|one| (one.id.clone(), Err(error::of_entry(&one, what, queue))));
    let mut answers: Vec<Option<Result<T, QueueError>>> = (0..asked).map(|_| None).collect();
    for (id, answer) in done.chain(failed) {
        let place = id.parse().ok().and_then(|n: usize| answers.get_mut(n));
        match place {
            Some(place @ None) => *place = Some(answer),
            Some(Some(_)) | None => return all(error::uncorrelated(queue)),
        }
    }
    let unanswered = || Err(error::unanswered(queue));
    answers
        .into_iter()
        .map(|a| a.unwrap_or_else(unanswered))
        .collect()
}

#[cfg(test)]
mod tests;
