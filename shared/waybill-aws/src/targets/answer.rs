//! What it means that a service of AWS's did not do what it was asked.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use waybill_core::outcome::Attempt;

/// What a service answered instead of doing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal<'a> {
    /// The service's code, without the protocol's beginnings and `Exception` at its end.
    pub(super) code: &'a str,
    /// The status of the answer.
    status: u16,
}

/// What a target is, and what it takes to use it, in words for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The service's name.
    pub(super) service: &'static str,
    /// The permissions that a try needs, in backticks.
    pub(super) permission: &'static str,
}

/// Makes one try in the shorter of two times: the target's own, and what is left.
pub(super) async fn within(
    timeout: Duration,
    left: Duration,
    one: impl Future<Output = Attempt>,
) -> Attempt {
    let limit = timeout.min(left);
    if limit.is_zero() {
        return Attempt::transient("timeout", "no time was left to send it", None);
    }
    let ended = tokio::time::timeout(limit, one).await;
    ended.unwrap_or_else(|_| timed_out())
}

/// Refuses what a service would refuse by its size.
pub(super) fn fitting(bytes: usize, max: usize, service: &str) -> Result<(), Attempt> {
    if bytes <= max {
        return Ok(());
    }
    let why = format!("it would have {bytes} bytes there, {service} takes {max}");
    Err(Attempt::rejected("too_large", why))
}

/// Takes an error apart: a refusal that the service answered, or the end of the try.
///
/// Where nothing was sent, nothing can have happened; where no answer came, or one that is not the
/// service's, it is not known.
pub(super) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Result<Refusal<'_>, Attempt>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            match answer.err().code() {
                Some(code) => Ok(Refusal::new(code, status)),
                None => Err(Attempt::unknown(
                    "no_answer",
                    format!("an answer that is not the service's came, with status {status}"),
                )),
            }
        }
        SdkError::ConstructionFailure(_) => Err(Attempt::transient(
            "request_failed",
            "the request could not be made",
            None,
        )),
        SdkError::TimeoutError(_) => Err(timed_out()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Err(Attempt::transient(
            "connect_timeout",
            "no connection with the service in time",
            None,
        )),
        SdkError::DispatchFailure(_) if is_refused(error) => Err(Attempt::transient(
            "connect_refused",
            "the service's endpoint refused the connection",
            None,
        )),
        // The SDK does not tell whether a request was sent before its connection broke.
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => Err(unanswered()),
        _ => Err(unanswered()),
    }
}

/// A try to which no answer came, though it may have been sent.
pub(super) fn unanswered() -> Attempt {
    Attempt::unknown(
        "no_answer",
        "the service gave no answer; see that the function can reach it",
    )
}

/// A try that ended with a question before the event was sent: then nothing can have happened.
#[cfg(any(feature = "target-eventbridge", feature = "target-stepfunctions"))]
pub(super) fn unsent(ended: Attempt) -> Attempt {
    Attempt::transient(ended.code, ended.message, None)
}

/// A try whose answer did not come in time.
fn timed_out() -> Attempt {
    Attempt::unknown("timeout", "the target did not answer in time")
}

/// Whether nobody listens where the request should go.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        next = error.source();
    }
    false
}

impl<'a> Refusal<'a> {
    /// A refusal by the code as the service writes it.
    pub(super) fn new(code: &'a str, status: u16) -> Self {
        let code = code.rsplit(['.', '#']).next().unwrap_or(code);
        Self {
            code: code.strip_suffix("Exception").unwrap_or(code),
            status,
        }
    }

    /// What a refusal means that is not about the event: it may pass, or a person mends it, and
    /// the message waits meanwhile. A permission that is missing kills no message.
    pub(super) fn passing(&self, place: Place) -> Attempt {
        let service = place.service;
        match self.code {
            "AccessDenied" | "AuthorizationError" | "KMSAccessDenied" | "KmsAccessDenied" => {
                let message = format!(
                    "the function may not use this target; allow {} in the policy that \
                     `TargetPolicyArn` names",
                    place.permission
                );
                Attempt::transient("access_denied", message, None)
            }
            "ExecutionLimitExceeded"
            | "KMSThrottling"
            | "KmsThrottled"
            | "KmsThrottling"
            | "OverLimit"
            | "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "SlowDown"
            | "Throttled"
            | "Throttling"
            | "ThrottlingError"
            | "TooManyRequests" => self.throttled(service),
            _ if self.status == 429 => self.throttled(service),
            "Internal" | "InternalFailure" => self.failed(service),
            _ if self.status >= 500 => self.failed(service),
            _ => {
                let message = format!("{service} refused the request with `{}`", self.code);
                Attempt::transient("request_refused", message, None)
            }
        }
    }

    /// What a failure of the service means.
    fn failed(&self, service: &str) -> Attempt {
        let message = format!("{service} failed with `{}`", self.code);
        Attempt::transient("service_failed", message, None)
    }

    /// What a throttle means.
    fn throttled(&self, service: &str) -> Attempt {
        let message = format!("{service} throttled the request with `{}`", self.code);
        Attempt::transient("throttled", message, None)
    }
}
