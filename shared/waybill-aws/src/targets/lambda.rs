//! A function of Lambda's as a target: one event, one invocation.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use futures_util::future::BoxFuture;
use serde_json::Value;

use waybill_core::limit::{LAMBDA_EVENT_MAX, LAMBDA_REQUEST_MAX};
use waybill_core::outcome::Attempt;
use waybill_core::routes::{Invocation, LambdaSpec};
use waybill_engine::ports::{Target, TargetRequest};

use super::answer::{self, Place, Refusal};
use super::{TargetError, payload};

/// One route's function.
///
/// Lambda knows no repeat by anything: whoever wrote the function can, by `idempotencykey` of the
/// event.
#[derive(Debug, Clone)]
pub struct LambdaTarget {
    client: Client,
    spec: LambdaSpec,
}

/// What it takes to invoke.
const PLACE: Place = Place {
    service: "Lambda",
    permission: "`lambda:InvokeFunction`",
};

impl LambdaTarget {
    /// A target, in a function of this name in this region, where that is known. The client must
    /// not retry: one try is one request.
    ///
    /// # Errors
    ///
    /// When the target is that function.
    pub fn new(
        client: Client,
        spec: &LambdaSpec,
        own: Option<(&str, &str)>,
    ) -> Result<Self, TargetError> {
        if own.is_some_and(|(name, region)| spec.is_function(name, region)) {
            return Err(TargetError::OwnFunction);
        }
        let spec = spec.clone();
        Ok(Self { client, spec })
    }

    /// Makes one try.
    async fn invoke(&self, request: TargetRequest<'_>) -> Attempt {
        let payload = match self.payload(&request) {
            Ok(payload) => payload,
            Err(refused) => return refused,
        };
        answer::within(self.spec.timeout, request.limit, self.call(payload)).await
    }

    /// The payload of one event; where there is none, what that means.
    fn payload(&self, request: &TargetRequest<'_>) -> Result<String, Attempt> {
        let payload = payload::json(request, self.spec.body)?;
        let max = match self.spec.invocation {
            Invocation::Request => LAMBDA_REQUEST_MAX,
            Invocation::Event => LAMBDA_EVENT_MAX,
        };
        answer::fitting(payload.len(), max, PLACE.service)?;
        Ok(payload)
    }

    /// Invokes the function, and reads the answer.
    async fn call(&self, payload: String) -> Attempt {
        let kind = match self.spec.invocation {
            Invocation::Request => InvocationType::RequestResponse,
            Invocation::Event => InvocationType::Event,
        };
        let invoke = self
            .client
            .invoke()
            .function_name(&self.spec.function)
            .set_qualifier(self.spec.qualifier.clone())
            .invocation_type(kind)
            .payload(Blob::new(payload));
        match invoke.send().await {
            Ok(reply) => verdict(self.spec.invocation, &reply),
            Err(error) => match answer::refusal(&error) {
                Ok(refusal) => judge(&refusal),
                Err(ended) => ended,
            },
        }
    }
}

/// What an answer means: a function that fails is answered with success, too (F60).
fn verdict(invocation: Invocation, reply: &InvokeOutput) -> Attempt {
    if reply.function_error().is_some() {
        let payload = reply.payload().map(AsRef::as_ref).unwrap_or_default();
        let message = match error_type(payload) {
            Some(kind) => format!("the function failed with `{kind}`; see its log"),
            None => "the function failed; see its log".to_owned(),
        };
        return Attempt::transient("function_error", message, None);
    }
    match (invocation, reply.status_code()) {
        (Invocation::Request, 200) => Attempt::delivered("invoked"),
        (Invocation::Event, 202) => Attempt::delivered("accepted"),
        (Invocation::Request | Invocation::Event, _) => answer::unanswered(),
    }
}

/// What kind of error a function failed with: a name, since all else that it says may be of the
/// event.
fn error_type(payload: &[u8]) -> Option<String> {
    let read: Value = serde_json::from_slice(payload).ok()?;
    let kind = read.get("errorType")?.as_str()?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._:-<>".contains(&b);
    let fits = (1..=ERROR_TYPE_MAX).contains(&kind.len()) && kind.bytes().all(is_name);
    fits.then(|| kind.to_owned())
}

/// Longest name of an error that is repeated.
const ERROR_TYPE_MAX: usize = 100;

/// What a refusal of Lambda's means: what it says of the payload is final, all else may pass.
fn judge(refusal: &Refusal<'_>) -> Attempt {
    match refusal.code {
        "InvalidRequestContent" => Attempt::rejected(
            "event_refused",
            "Lambda refused the payload with `InvalidRequestContent`",
        ),
        "RequestTooLarge" | "SerializedRequestEntityTooLarge" => {
            Attempt::rejected("too_large", "the payload is larger than Lambda takes")
        }
        "ResourceNotFound" => Attempt::transient(
            "function_missing",
            "there is no such function, version or alias; deploy it, or mend `function` and \
             `qualifier`",
            None,
        ),
        _ => refusal.passing(PLACE),
    }
}

impl Target for LambdaTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.invoke(request))
    }
}

#[cfg(test)]
mod tests;
