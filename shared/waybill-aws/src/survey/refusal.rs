//! Why something that is deployed could not be read.

use std::error::Error;

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};

use crate::chain::chain;

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The permission that the request needs.
    pub action: &'static str,
    /// What kind of refusal it is.
    pub kind: RefusedKind,
    /// The service's code, or how the way to it ended.
    pub code: String,
    /// What happened, with the name of what was asked for.
    pub message: String,
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedKind {
    /// The permission is missing.
    NotAllowed,
    /// It is not there.
    NotThere,
    /// Anything else.
    Other,
}

impl Refused {
    /// The refusal of a request for a thing.
    pub(super) fn of<E>(
        error: &SdkError<E, HttpResponse>,
        action: &'static str,
        thing: &str,
    ) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let Some(answer) = error.as_service_error() else {
            let code = match error {
                SdkError::TimeoutError(_) => "Timeout",
                SdkError::DispatchFailure(_) => "Dispatch",
                SdkError::ConstructionFailure(_) => "Construction",
                SdkError::ResponseError(_) | SdkError::ServiceError(_) | _ => "Response",
            };
            return Self {
                action,
                kind: RefusedKind::Other,
                code: code.to_owned(),
                message: format!("`{thing}` cannot be asked for: {}", chain(error)),
            };
        };
        let code = answer.code().unwrap_or("Unknown");
        let said = answer.message().unwrap_or_default();
        let name = code.rsplit(['.', '#']).next().unwrap_or(code);
        let kind = kind(name);
        let message = match kind {
            RefusedKind::NotAllowed => {
                format!("`{thing}` may not be read; allow `{action}` on it: {said}")
            }
            RefusedKind::NotThere => {
                format!("`{thing}` is not there (`{action}` answered `{name}`)")
            }
            RefusedKind::Other => format!("`{thing}`: `{action}` answered `{name}`: {said}"),
        };
        Self {
            action,
            kind,
            code: name.to_owned(),
            message: message.trim_end_matches([':', ' ']).to_owned(),
        }
    }

    /// The refusal of a parameter, whose sentence says what to do.
    pub(super) fn of_parameter(message: String) -> Self {
        let said = [
            ("may not be read", RefusedKind::NotAllowed),
            ("does not exist", RefusedKind::NotThere),
        ];
        let known = said.iter().find(|(words, _)| message.contains(words));
        let kind = known.map_or(RefusedKind::Other, |(_, kind)| *kind);
        Self {
            action: "ssm:GetParameter",
            kind,
            code: "Unreadable".to_owned(),
            message,
        }
    }

    /// An answer that is not understood.
    pub(super) fn strange(action: &'static str, thing: &str, what: &str) -> Self {
        Self {
            action,
            kind: RefusedKind::Other,
            code: "Unreadable".to_owned(),
            message: format!("`{thing}`: `{action}`: {what}"),
        }
    }
}

/// What a code means.
fn kind(name: &str) -> RefusedKind {
    match name {
        "AccessDenied"
        | "AccessDeniedException"
        | "KMSAccessDeniedException"
        | "KmsAccessDenied"
        | "UnauthorizedOperation" => RefusedKind::NotAllowed,
        "NonExistentQueue"
        | "QueueDoesNotExist"
        | "ResourceNotFoundException"
        | "TableNotFoundException" => RefusedKind::NotThere,
        _ => RefusedKind::Other,
    }
}
