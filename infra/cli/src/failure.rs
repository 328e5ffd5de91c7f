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

    /// What an adapter said of which its words alone are left: the code is read off them.
    pub(crate) fn of_words(message: &str) -> Self {
        let answered = message.split_once("` answered `").map(|(_, after)| after);
        let code = answered.and_then(|after| after.split_once('`'));
        let table = [
            ("the function may not use ", "AccessDenied"),
            ("` does not exist", "QueueDoesNotExist"),
            ("` did not answer: ", "Dispatch"),
            ("` cannot be reached (", "Dispatch"),
        ];
        let known = table.iter().find(|(words, _)| message.contains(words));
        let code = code.map(|(code, _)| code).or(known.map(|(_, code)| *code));
        Self::of_service(code.unwrap_or_default(), message)
    }

    /// What a service, or the way to it, answered: its code, and what is known beside it.
    pub(crate) fn of_service(code: &str, message: &str) -> Self {
        let name = code.rsplit(['.', '#']).next().unwrap_or(code);
        let said = message.replace("the function may not", "you may not");
        let said = said.replace("the function can", "this machine can");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        match Trouble::of(name, message) {
            Trouble::Expired => Self(format!("{said}: {EXPIRED}; {RENEW}")),
            Trouble::NotAccepted => Self(format!("{said}: {NOT_ACCEPTED}")),
            Trouble::NoCredentials => Self::new(NO_CREDENTIALS),
            Trouble::IdentityCenter => Self(format!("{IDENTITY_CENTER}; {RENEW}")),
            Trouble::NoProfile => Self(format!("there is no {}", excerpt(&said, "profile `"))),
            Trouble::NotAllowed => Self(format!("{said}: {NOT_ALLOWED}")),
            Trouble::NotThere => Self(format!("{said}: {NOT_THERE}")),
            Trouble::OtherRegion => Self(format!("{said}: {OTHER_REGION}")),
            Trouble::BadEndpoint => {
                let endpoint = excerpt(&said, "endpoint `");
                Self(format!("{endpoint} is no address; {BAD_ENDPOINT}"))
            }
            Trouble::NotReached => Self(format!("{said}: {NOT_REACHED}")),
            Trouble::Other => Self(said),
        }
    }
}

/// A word and what stands between backticks behind it.
fn excerpt<'a>(text: &'a str, beginning: &'a str) -> &'a str {
    let Some((before, after)) = text.split_once(beginning) else {
        return beginning.trim_end_matches([' ', '`']);
    };
    let length = after.find('`').map_or(after.len(), |at| at + 1);
    let end = before.len() + beginning.len() + length;
    text.get(before.len()..end).unwrap_or(beginning)
}

/// What is wrong between a person and AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The credentials were good once.
    Expired,
    /// AWS does not know the credentials, or they do not sign what was sent.
    NotAccepted,
    /// There are no credentials.
    NoCredentials,
    /// The profile's credentials are of a kind that is not read.
    IdentityCenter,
    /// The profile is not there.
    NoProfile,
    /// A permission is missing.
    NotAllowed,
    /// The queue or the table is not there.
    NotThere,
    /// The queue is in another region than was asked.
    OtherRegion,
    /// The endpoint is no address. What the SDK says of it has the whole request, which nobody
    /// may be shown.
    BadEndpoint,
    /// Nobody answered.
    NotReached,
    /// What the message says, and no more.
    Other,
}

impl Trouble {
    /// Reads a code without its prefix. Where a request ended before it was sent, only the text
    /// tells.
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
            "Construction" | "Dispatch" => Self::before_sending(&lower),
            "Timeout" => Self::NotReached,
            _ => Self::Other,
        }
    }

    /// Reads what is said, in small letters, of a request that did not go out.
    fn before_sending(lower: &str) -> Self {
        let table = [
            ("failed to apply endpoint", Self::BadEndpoint),
            ("enabled: sso", Self::IdentityCenter),
            ("` was not defined", Self::NoProfile),
            ("expired", Self::Expired),
            ("credential", Self::NoCredentials),
        ];
        let known = table.iter().find(|(words, _)| lower.contains(words));
        known.map_or(Self::NotReached, |(_, trouble)| *trouble)
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

/// What is wrong with them.
const EXPIRED: &str = "the credentials have expired";

/// How a person renews credentials.
const RENEW: &str = "`aws sso login` renews them, and `eval \"$(aws configure export-credentials \
                     --format env)\"` brings them here";

/// What to look at where a signature or a key is not known.
const NOT_ACCEPTED: &str = "the credentials are not accepted; check --profile or AWS_PROFILE, the \
                            keys in the environment, and this machine's clock";

/// What to give where there is nothing to sign with.
const NO_CREDENTIALS: &str = "there are no AWS credentials; give --profile, or set \
                              AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: `eval \"$(aws \
                              configure export-credentials --format env)\"` does";

/// Why such a profile is of no use here.
const IDENTITY_CENTER: &str = "the profile is one of the IAM Identity Center, whose credentials \
                               are not read here";

/// Who can help where a permission is missing; which one, the message says.
const NOT_ALLOWED: &str = "whoever administers the account can allow it, and the key where the \
                           queue or the table is encrypted; or give another --profile";

/// What to look at where a queue or a table is not found.
const NOT_THERE: &str = "check what you gave, and --region: it is looked for in one region of one \
                         account";

/// What to give where the region is another.
const OTHER_REGION: &str = "it is in another region; give that with --region";

/// What an endpoint looks like.
const BAD_ENDPOINT: &str = "give one with http: or https: as --endpoint-url or AWS_ENDPOINT_URL";

/// What to look at where nobody answers.
const NOT_REACHED: &str = "check the network, --region, and where --endpoint-url or \
                           AWS_ENDPOINT_URL leads";

#[cfg(test)]
mod tests;
