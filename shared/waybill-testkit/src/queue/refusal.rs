//! What a queue answers when it does not do what was asked.

use waybill_core::limit::SQS_BATCH_MAX;
use waybill_engine::ports::{Outgoing, QueueError, QueueErrorKind};

use super::QueueKind;

/// What an empty or overfull batch is answered.
pub(super) fn of_batch(entries: usize) -> Option<QueueError> {
    let message = "a batch request has 1 to 10 entries";
    match entries {
        1..=SQS_BATCH_MAX => None,
        0 => Some(permanent(
            "AWS.SimpleQueueService.EmptyBatchRequest",
            message,
        )),
        _ => {
            let code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
            Some(permanent(code, message))
        }
    }
}

/// What a message that the queue does not take is answered.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub(super) fn of_send(message: &Outgoing, kind: QueueKind) -> Option<QueueError> {
    let group = message.group_id.as_deref();
    let deduplication = message.deduplication_id.as_deref();
    let refused = |what| Some(permanent("InvalidParameterValue", what));
    if message.body.is_empty() {
        return Some(permanent("MissingParameter", "a message has a body"));
    }
    if message.attributes.len() > ATTRIBUTES_MAX {
        return refused("a message has at most ten attributes");
    }
    if [group, deduplication].into_iter().flatten().any(is_no_id) {
        return refused("an id is 1 to 128 letters, digits and punctuation marks");
    }
    match (kind, group, deduplication) {
        (QueueKind::Standard, _, None) | (QueueKind::Fifo, Some(_), Some(_)) => None,
        (QueueKind::Standard, _, Some(_)) => {
            refused("a standard queue takes no MessageDeduplicationId")
        }
        (QueueKind::Fifo, None, _) => {
            let what = "the request must contain the parameter MessageGroupId";
            Some(permanent("MissingParameter", what))
        }
        (QueueKind::Fifo, Some(_), None) => {
            refused("a message needs a MessageDeduplicationId: the queue makes none of its body")
        }
    }
}

/// Whether SQS refuses this as a group's or a deduplication's id.
fn is_no_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic();
    !(1..=ID_MAX).contains(&id.len()) || !id.chars().all(allowed)
}

/// The request is wrong.
pub(super) fn permanent(code: &str, message: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::Permanent,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// The handle holds nothing any more.
pub(super) fn lease_lost(code: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::LeaseLost,
        code: code.to_owned(),
        message: "the receipt handle holds nothing any more".to_owned(),
    }
}

/// Most message attributes of one message.
const ATTRIBUTES_MAX: usize = 10;

/// Longest id of a group or of a deduplication.
const ID_MAX: usize = 128;
