//! Why a command could not run: one sentence that names the place and the remedy.
//!
//! What AWS answers is said by the adapters, in words for a function that runs by itself. Here it
//! is a person who runs something: credentials expire, profiles and regions are mixed up.

use waybill_aws::connect::ConnectError;
use waybill_engine::ports::{QueueError, StoreError};

/// Why a command could not run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// A sentence that says what is wrong and what to do.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// What a service, or the way to it, answered: its code, and what is known beside it.
    pub(crate) fn of_service(code: &str, message: &str) -> Self {
        let name = code.rsplit(['.', '#']).next().unwrap_or(code);
        let said = message.replace("the function may not", "you may not");
        let remedy = match Trouble::of(name, message) {
            Trouble::Expired => RENEW,
            Trouble::NotAccepted => {
                "the credentials are not accepted; check --profile or AWS_PROFILE, the keys in the \
                 environment, and this machine's clock"
            }
            Trouble::NoCredentials => {
                "there are no credentials; give --profile, or set AWS_ACCESS_KEY_ID and its \
                 companions. A profile of the IAM Identity Center is not read here: \
                 `aws sso login`, then `eval \"$(aws configure export-credentials --format env)\"`"
            }
            Trouble::NotAllowed => {
                "an administrator of the account can allow it, and its key where the queue or the \
                 table is encrypted with one; or use another --profile"
            }
            Trouble::NotThere => {
                "check the name or URL that you gave, and --region: it is looked for in one region \
                 and one account"
            }
            Trouble::OtherRegion => "it is in another region; give that with --region",
            Trouble::NotReached => {
                "check the network, --region, and where --endpoint-url or AWS_ENDPOINT_URL leads"
            }
            Trouble::Other => return Self(said),
        };
        Self(format!("{said}: {remedy}"))
    }
}

/// How a person renews credentials.
const RENEW: &str = "the credentials have expired; renew them: `aws sso login`, and then, for they \
                     are not read from its cache here, \
                     `eval \"$(aws configure export-credentials --format env)\"`";

/// What is wrong between a person and AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The credentials were good once.
    Expired,
    /// AWS does not know the credentials, or they do not sign what was sent.
    NotAccepted,
    /// There are no credentials.
    NoCredentials,
    /// A permission is missing.
    NotAllowed,
    /// The queue or the table is not there.
    NotThere,
    /// The queue is in another region than was asked.
    OtherRegion,
    /// Nobody answered.
    NotReached,
    /// What the message says, and no more.
    Other,
}

impl Trouble {
    /// Reads a code without its prefix. Credentials that cannot be had end a request before it is
    /// sent: then only the text tells.
    fn of(name: &str, message: &str) -> Self {
        let lower = message.to_lowercase();
        match name {
            "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "TokenRefreshRequired" => Self::Expired,
            "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSecurity"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => Self::NotAccepted,
            "AccessDenied"
            | "AccessDeniedException"
            | "KmsAccessDenied"
            | "UnauthorizedOperation" => Self::NotAllowed,
            "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException" => {
                Self::NotThere
            }
            "InvalidAddress" => Self::OtherRegion,
            "Construction" | "Dispatch" if lower.contains("expired") => Self::Expired,
            "Construction" | "Dispatch" if lower.contains("credential") => Self::NoCredentials,
            "Dispatch" | "Timeout" => Self::NotReached,
            _ => Self::Other,
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::RegionMissing => Self::new(
                "no AWS region is known; give --region, set AWS_REGION, or name one in the profile",
            ),
        }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::of_service(&error.code, &error.message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of_service(&error.code, &error.message)
    }
}

#[cfg(test)]
mod tests;
