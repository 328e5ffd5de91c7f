//! The few AWS calls that no SDK crate is worth: CloudFormation, S3, Lambda, CloudWatch Logs.
//!
//! Requests carry an `Authorization` header of the right shape and no valid signature: stand-ins
//! read the service from it and check nothing more.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

pub use reqwest::Method;

use crate::error::LocalError;

/// The region that everything local lives in.
pub(crate) const REGION: &str = "us-east-1";

/// Calls a stand-in.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    endpoint: String,
}

impl Api {
    /// Calls go to this endpoint, `http://host:port` without a path.
    pub fn new(endpoint: &str) -> Result<Self, LocalError> {
        // Fails only where another provider was chosen before, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .build()
            .map_err(|error| LocalError::because("cannot make an HTTP client", error))?;
        Ok(Self {
            http,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
        })
    }

    /// Calls an action of a service that speaks AWS's query protocol; answers the XML.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<String, LocalError> {
        let mut form = vec![
            ("Action".to_owned(), action.to_owned()),
            ("Version".to_owned(), version.to_owned()),
        ];
        form.extend_from_slice(parameters);
        let request = self
            .request(service, Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encode_form(&form));
        text(service, action, request).await
    }

    /// Calls an operation of a service that speaks AWS's JSON 1.1 protocol.
    pub async fn json(
        &self,
        service: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, LocalError> {
        let request = self
            .request(service, Method::POST, "/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body.to_string());
        parse(target, &text(service, target, request).await?)
    }

    /// Calls an operation of a service that speaks REST with JSON.
    pub async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, LocalError> {
        let mut request = self.request(service, method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        parse(path, &text(service, path, request).await?)
    }

    /// Invokes a function of Lambda's and waits at most so long; answers its payload, and how it
    /// failed where it did.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        payload: &Value,
        limit: Duration,
    ) -> Result<(Value, Option<String>), LocalError> {
        let call = format!(
            "/2015-03-31/functions/{}/invocations",
            percent_encode(function)
        );
        let request = self
            .request("lambda", Method::POST, &call)
            .timeout(limit)
            .body(payload.to_string());
        let (headers, body) = answer("lambda", &call, request).await?;
        let failed = headers.get("x-amz-function-error");
        let failed = failed.map(|word| String::from_utf8_lossy(word.as_bytes()).into_owned());
        Ok((parse(&call, &body)?, failed))
    }

    /// Puts bytes at a path of S3's: a bucket, or a bucket and a key.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), LocalError> {
        let request = self.request("s3", Method::PUT, path).body(bytes);
        text("s3", path, request).await.map(|_| ())
    }

    /// Deletes a bucket or a key of S3's.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), LocalError> {
        let request = self.request("s3", Method::DELETE, path);
        text("s3", path, request).await.map(|_| ())
    }

    /// Whether MiniStack answers there.
    pub(crate) async fn is_healthy(&self) -> bool {
        let request = self
            .http
            .get(format!("{}/_ministack/health", self.endpoint));
        request
            .timeout(Duration::from_secs(2))
            .send()
            .await
            .is_ok_and(|response| response.status().is_success())
    }

    /// A request that a stand-in can tell the service of.
    fn request(&self, service: &str, method: Method, path: &str) -> RequestBuilder {
        let scope = format!("Credential=test/20260101/{REGION}/{service}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature=0");
        self.http
            .request(method, format!("{}{path}", self.endpoint))
            .header("authorization", authorization)
            .header("x-amz-date", "20260101T000000Z")
    }
}

/// Sends a request and reads the whole text of its answer.
async fn text(service: &str, call: &str, request: RequestBuilder) -> Result<String, LocalError> {
    answer(service, call, request).await.map(|(_, body)| body)
}

/// Sends a request and reads its whole answer; anything but 2xx is an error with the answer in it.
async fn answer(
    service: &str,
    call: &str,
    request: RequestBuilder,
) -> Result<(HeaderMap, String), LocalError> {
    let failed = |error| LocalError::because(format!("{service} {call}: no answer"), error);
    let response: Response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.text().await.map_err(failed)?;
    if status.is_success() {
        return Ok((headers, body));
    }
    let said = element(&body, "Message").unwrap_or(body);
    Err(LocalError::failed(format!(
        "{service} {call}: {status}: {}",
        said.trim()
    )))
}

/// Reads an answer in JSON; an empty one is null.
fn parse(call: &str, body: &str) -> Result<Value, LocalError> {
    if body.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(body)
        .map_err(|error| LocalError::because(format!("{call}: the answer is no JSON"), error))
}

/// The text of the first element of that name.
pub fn element(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).into_iter().next()
}

/// The text within each element of that name, in order. Elements of one name must not nest.
pub(crate) fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(inside, _)| inside.to_owned())
        .collect()
}

/// Text as it was before it was put into XML.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// `application/x-www-form-urlencoded`.
fn encode_form(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// Escapes everything that is not unreserved in a URL.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
