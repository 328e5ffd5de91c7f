//! What DynamoDB's errors mean, in the words of the port.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use waybill_engine::ports::{StoreError, StoreErrorKind};

use crate::chain::chain;

/// What was asked, for the message about a missing permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// `BatchExecuteStatement`.
    Write,
    /// `BatchGetItem`.
    Read,
    /// `PutItem`.
    Put,
    /// `GetItem`.
    Get,
    /// `Query` of the index.
    Query,
    /// `Scan`.
    Scan,
    /// `TransactWriteItems` of a delete and an update.
    Forget,
}

/// The error of a whole request.
///
/// Whatever broke off without an answer may be tried again; an answer is judged by its code, and
/// a code that is not known by its HTTP status.
pub(super) fn of_request<E>(
    error: &SdkError<E, HttpResponse>,
    asked: Asked,
    table: &str,
) -> StoreError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let broken_off = |kind, code: &str| StoreError {
        kind,
        code: code.to_owned(),
        message: format!(
            "ledger table `{table}` cannot be reached ({}); see that the function can reach \
             DynamoDB (from a VPC through an endpoint of its own) and what AWS_ENDPOINT_URL or \
             AWS_ENDPOINT_URL_DYNAMODB says",
            chain(error)
        ),
    };
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let Some(code) = answer.err().code() else {
                return unreadable(table, status);
            };
            let message = answer.err().message().unwrap_or_default();
            let mut judged = of_code(code, message, asked, table);
            if status >= 500 || status == 429 {
                judged.kind = StoreErrorKind::Transient;
            }
            judged
        }
        SdkError::TimeoutError(_) => broken_off(StoreErrorKind::Transient, "Timeout"),
        SdkError::DispatchFailure(_) => broken_off(StoreErrorKind::Transient, "Dispatch"),
        SdkError::ResponseError(_) => broken_off(StoreErrorKind::Transient, "Response"),
        SdkError::ConstructionFailure(_) => broken_off(StoreErrorKind::Permanent, "Construction"),
        _ => broken_off(StoreErrorKind::Transient, "Unknown"),
    }
}

/// An error by its code, with `Exception` at its end (of a request) or without (of a statement).
pub(super) fn of_code(code: &str, message: &str, asked: Asked, table: &str) -> StoreError {
    let name = code.strip_suffix("Exception").unwrap_or(code);
    let kind = match name {
        "InternalServerError"
        | "InternalServer"
        | "LimitExceeded"
        | "ProvisionedThroughputExceeded"
        | "ReplicatedWriteConflict"
        | "RequestLimitExceeded"
        | "RequestTimeout"
        | "ServiceUnavailable"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingError"
        | "TransactionConflict"
        | "TransactionInProgress"
        | "Unknown" => StoreErrorKind::Transient,
        // Everything else is about the request itself: a table, a permission, a signature, a
        // statement. Trying it again changes nothing.
        _ => StoreErrorKind::Permanent,
    };
    let message = match name {
        "ResourceNotFound" => {
            format!(
                "ledger table `{table}` does not exist in this account and region; deploy it, or \
                 name another in WAYBILL_LEDGER_TABLE"
            )
        }
        "AccessDenied" => format!(
            "the function may not use ledger table `{table}`; allow {} on it: {message}",
            match asked {
                Asked::Write => "`dynamodb:PartiQLInsert` and `dynamodb:PartiQLUpdate`",
                Asked::Read => "`dynamodb:BatchGetItem`",
                Asked::Put => "`dynamodb:PutItem`",
                Asked::Get => "`dynamodb:GetItem`",
                Asked::Query => "`dynamodb:Query` (and on its index)",
                Asked::Scan => "`dynamodb:Scan`",
                Asked::Forget => "`dynamodb:DeleteItem` and `dynamodb:UpdateItem`",
            }
        ),
        _ if message.is_empty() => format!("ledger table `{table}` answered `{code}`"),
        _ => format!("ledger table `{table}` answered `{code}`: {message}"),
    };
    StoreError {
        kind,
        code: code.to_owned(),
        message,
    }
}

/// An answer that is not DynamoDB's: what was asked may have happened.
fn unreadable(table: &str, status: u16) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Transient,
        code: "Unreadable".to_owned(),
        message: format!(
            "ledger table `{table}` gave an answer that is not DynamoDB's (HTTP status {status}); \
             see what AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_DYNAMODB says, and what stands between"
        ),
    }
}

/// The answer to a statement that the reply left out.
pub(super) fn unanswered(table: &str) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Transient,
        code: "Unanswered".to_owned(),
        message: format!("ledger table `{table}` answered fewer statements than it was asked"),
    }
}

/// An item that is not as this release writes it.
pub(super) fn not_understood(table: &str, what: &str) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Permanent,
        code: "Unreadable".to_owned(),
        message: format!("a row of ledger table `{table}` cannot be read: {what}"),
    }
}

/// The answer to a key that the reply calls unprocessed.
pub(super) fn unprocessed(table: &str) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Transient,
        code: "UnprocessedKeys".to_owned(),
        message: format!("ledger table `{table}` left a key unprocessed"),
    }
}

#[cfg(test)]
mod tests;
