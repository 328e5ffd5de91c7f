//! Which operation of which service a request asks for.

use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

/// An operation of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The service as signatures name it: `dynamodb`, `sqs`, …
    pub service: String,
    /// The operation as AWS names it, `BatchExecuteStatement`; a method for services without one.
    pub operation: String,
}

impl Call {
    /// Names an operation.
    pub fn new(service: impl Into<String>, operation: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            operation: operation.into(),
        }
    }

    /// Reads the operation from `X-Amz-Target` (JSON protocols) or `Action` (query protocol), the
    /// service from the signature's scope where there is one.
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Self {
        let text = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let scope = text(AUTHORIZATION.as_str()).and_then(service_of_scope);
        if let Some((prefix, operation)) = text("x-amz-target").and_then(|t| t.rsplit_once('.')) {
            return Self::new(
                scope.unwrap_or_else(|| service_of_target(prefix)),
                operation,
            );
        }
        let service = scope.unwrap_or("unknown");
        let operation = parts
            .uri
            .query()
            .and_then(action)
            .or_else(|| std::str::from_utf8(body).ok().and_then(action));
        Self::new(service, operation.unwrap_or(parts.method.as_str()))
    }
}

/// The service in `Credential=key/date/region/service/aws4_request`.
fn service_of_scope(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split(['/', ',']).nth(3)
}

/// The service that a target's prefix stands for.
fn service_of_target(prefix: &str) -> &str {
    if prefix.starts_with("DynamoDB") {
        "dynamodb"
    } else if prefix.starts_with("AmazonSQS") {
        "sqs"
    } else {
        prefix
    }
}

/// The value of `Action` in a form.
fn action(form: &str) -> Option<&str> {
    form.split('&')
        .find_map(|pair| pair.strip_prefix("Action="))
}
