//! What SQS's errors mean, in the words of the port.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>

use std::error::Error;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::BatchResultErrorEntry;

use waybill_engine::ports::{QueueError, QueueErrorKind};

use crate::chain::chain;

/// What was asked: decides what a bad handle means and which permission is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// `ReceiveMessage`.
    Receive,
    /// `ChangeMessageVisibilityBatch`.
    Change,
    /// `DeleteMessageBatch`.
    Delete,
    /// `SendMessageBatch`.
    Send,
    /// `GetQueueAttributes`.
    Attributes,
    /// `GetQueueUrl`.
    QueueUrl,
}

/// The error of a whole request.
pub(super) fn of_request<E>(
    error: &SdkError<E, HttpResponse>,
    asked: Asked,
    queue: &str,
) -> QueueError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let broken_off = |kind, code: &str| QueueError {
        kind,
        code: code.to_owned(),
        message: format!("queue `{queue}` did not answer: {}", chain(error)),
    };
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or("Unknown");
            let message = answer.err().message().unwrap_or_default();
            let ours = (400..500).contains(&status) && status != 429;
            let fault = if ours { Fault::Sender } else { Fault::Service };
            of_code(code, message, fault, asked, queue)
        }
        SdkError::TimeoutError(_) => broken_off(QueueErrorKind::Transient, "Timeout"),
        SdkError::DispatchFailure(_) => broken_off(QueueErrorKind::Transient, "Dispatch"),
        SdkError::ResponseError(_) => broken_off(QueueErrorKind::Transient, "Response"),
        SdkError::ConstructionFailure(_) => broken_off(QueueErrorKind::Permanent, "Construction"),
        _ => broken_off(QueueErrorKind::Transient, "Unknown"),
    }
}

/// The error of one entry of a batch.
pub(super) fn of_entry(entry: &BatchResultErrorEntry, asked: Asked, queue: &str) -> QueueError {
    let fault = match entry.sender_fault {
        true => Fault::Sender,
        false => Fault::Service,
    };
    let message = entry.message().unwrap_or_default();
    of_code(entry.code(), message, fault, asked, queue)
}

/// Whose fault SQS says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Ours: the same request is answered the same.
    Sender,
    /// The service's: it may pass.
    Service,
}

/// An error by its code and by whose fault it is. Codes come with a prefix from the older
/// protocol and without it from the newer one.
fn of_code(code: &str, message: &str, fault: Fault, asked: Asked, queue: &str) -> QueueError {
    let name = code.rsplit(['.', '#']).next().unwrap_or(code);
    let by_handle = matches!(asked, Asked::Change | Asked::Delete);
    // Too long a visibility has the code of a stale handle, but the message is still held.
    let too_long = asked == Asked::Change && message.contains("parameter VisibilityTimeout");
    let kind = match name {
        "InvalidParameterValue" if too_long => QueueErrorKind::Permanent,
        "ReceiptHandleIsInvalid" | "InvalidParameterValue" | "MessageNotInflight" if by_handle => {
            QueueErrorKind::LeaseLost
        }
        "AccessDenied" | "AccessDeniedException" => QueueErrorKind::Permanent,
        "InternalError"
        | "InternalFailure"
        | "KmsThrottled"
        | "OverLimit"
        | "RequestThrottled"
        | "RequestTimeout"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "Unknown" => QueueErrorKind::Transient,
        _ => match fault {
            Fault::Sender => QueueErrorKind::Permanent,
            Fault::Service => QueueErrorKind::Transient,
        },
    };
    let message = match name {
        "QueueDoesNotExist" | "NonExistentQueue" => {
            format!("queue `{queue}` does not exist; deploy it or set WAYBILL_QUEUE_URL")
        }
        "AccessDenied" | "AccessDeniedException" => format!(
            "the function may not use queue `{queue}`; allow `{}` on it: {message}",
            permission(asked)
        ),
        _ => format!("queue `{queue}` answered `{code}`: {message}"),
    };
    QueueError {
        kind,
        code: code.to_owned(),
        message,
    }
}

/// The permission that a request needs.
fn permission(asked: Asked) -> &'static str {
    match asked {
        Asked::Receive => "sqs:ReceiveMessage",
        Asked::Change => "sqs:ChangeMessageVisibility",
        Asked::Delete => "sqs:DeleteMessage",
        Asked::Send => "sqs:SendMessage",
        Asked::Attributes => "sqs:GetQueueAttributes",
        Asked::QueueUrl => "sqs:GetQueueUrl",
    }
}

/// The answer to an entry that the reply left out, or to a reply without what was asked.
pub(super) fn unanswered(queue: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::Transient,
        code: "Unanswered".to_owned(),
        message: format!("queue `{queue}` did not say what became of the request"),
    }
}

/// The answer to every entry when the reply names one that was not asked, or one twice.
pub(super) fn uncorrelated(queue: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::Transient,
        code: "Uncorrelated".to_owned(),
        message: format!("queue `{queue}` answered entries that it was not asked for"),
    }
}

/// The answer to every entry of an overfull batch.
pub(super) fn too_many(entries: usize) -> QueueError {
    QueueError {
        kind: QueueErrorKind::Permanent,
        code: "TooManyEntriesInBatchRequest".to_owned(),
        message: format!("{entries} entries in one request, at most 10 are allowed"),
    }
}

/// The answer when an ARN names no queue.
pub(super) fn not_a_queue(arn: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::Permanent,
        code: "NotAQueue".to_owned(),
        message: format!("`{arn}` is not the ARN of a queue"),
    }
}

#[cfg(test)]
mod tests;
