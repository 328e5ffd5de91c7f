//! What is kept in Systems Manager's Parameter Store and in Secrets Manager: one signed request for
//! one text.
//!
//! Each service is asked one question, so that a client crate of it, with all its operations, is
//! not worth its size: the request is signed by the crate that the other clients sign by, and
//! goes through the HTTP client that targets have.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

mod answer;
mod endpoint;

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_sqs::config::{Credentials, ProvideCredentials};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::json;

use waybill_core::routes::{Secret, SecretPlace};
use waybill_engine::ports::Ambient;

use crate::ambient::System;
use crate::connect::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};
use crate::http::HttpClient;

use endpoint::Service;

/// Reads what is kept, with the region, the credentials and the endpoints of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    config: SdkConfig,
    http: HttpClient,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The text, decrypted.
    pub(crate) text: Secret,
    /// Which version of it, as the service names it.
    pub(crate) version: String,
}

/// Why nothing was found. The sentence holds the name and nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NotFound {
    /// Whether asking again soon can help.
    pub(crate) kind: Kind,
    /// What happened and, where a person can mend it, what to do.
    pub(crate) message: String,
}

/// Whether asking again soon can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Throttled, broken off, or failed: it may pass.
    Passing,
    /// It is missing, forbidden, or no text: a person must mend it.
    Standing,
}

/// How often a request is tried, as one to SQS is.
const TRIES: u32 = 3;

/// The wait before the second try; doubled before the third, and up to as much again by chance.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest answer that is read: four times the largest secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const ANSWER_MAX: usize = 256 * 1024;

impl Keeping {
    /// Asks with this configuration.
    pub(crate) fn new(config: SdkConfig, http: HttpClient) -> Self {
        Self { config, http }
    }

    /// Reads the text of a place. At most three requests of three seconds are made.
    pub(crate) async fn read(&self, place: &SecretPlace) -> Result<Found, NotFound> {
        let mut tries = 1;
        loop {
            let answer = self.ask(place).await;
            match answer {
                Err(error) if error.kind == Kind::Passing && tries < TRIES => {
                    let pause = PAUSE * (1 << tries) / 2;
                    let chance = u32::try_from(System.random() % 1000).unwrap_or_default();
                    tokio::time::sleep(pause + pause * chance / 1000).await;
                    tries += 1;
                }
                Ok(_) | Err(_) => return answer,
            }
        }
    }

    /// Asks once.
    async fn ask(&self, place: &SecretPlace) -> Result<Found, NotFound> {
        let service = Service::of(place);
        let standing = |what: String| NotFound {
            kind: Kind::Standing,
            message: format!(
                "{} `{}` cannot be asked for: {what}",
                service.thing(),
                place.name()
            ),
        };
        let passing = |what: &str| NotFound {
            kind: Kind::Passing,
            message: format!("{} `{}`: {what}", service.thing(), place.name()),
        };
        let url = endpoint::url(service, &self.config).map_err(standing)?;
        let client = self.http.unguarded(&url, CONNECT_TIMEOUT);
        let client = client.map_err(|what| standing(what.to_owned()))?;
        let asking = async {
            let credentials = self.credentials().await.map_err(|what| passing(&what))?;
            let region = self.config.region().map_or("", |region| region.as_ref());
            let request = request(service, place, url, region, credentials).map_err(standing)?;
            let answer = client.execute(request).await;
            let answer = answer.map_err(|error| passing(unanswered(&error)))?;
            let status = answer.status().as_u16();
            let Some(body) = read_whole(answer).await else {
                return Err(passing("the answer could not be read"));
            };
            answer::found(service, place, status, &body)
        };
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, asking).await;
        answer.unwrap_or_else(|_| Err(passing("the service did not answer in time")))
    }

    /// The function's credentials.
    async fn credentials(&self) -> Result<Credentials, String> {
        let Some(provider) = self.config.credentials_provider() else {
            return Err("no credentials are configured".to_owned());
        };
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|error| format!("the credentials cannot be had: {error}"))
    }
}

/// The signed request for a place.
fn request(
    service: Service,
    place: &SecretPlace,
    url: Url,
    region: &str,
    credentials: Credentials,
) -> Result<Request, String> {
    let body = match place {
        SecretPlace::Ssm { name } => json!({ "Name": name, "WithDecryption": true }),
        SecretPlace::SecretsManager { name, stage: None } => json!({ "SecretId": name }),
        SecretPlace::SecretsManager {
            name,
            stage: Some(stage),
        } => json!({ "SecretId": name, "VersionStage": stage }),
    };
    let body = body.to_string();
    let said = [
        (CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"),
        ("x-amz-target", service.operation()),
    ];
    let signable = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new("POST", url.as_str(), said.into_iter(), signable);
    let signable = signable.map_err(|error| error.to_string())?;
    let identity = credentials.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service.signing_name())
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?;
    let (signature, _) = sign(signable, &parameters.into())
        .map_err(|error| error.to_string())?
        .into_parts();
    let mut headers = HeaderMap::new();
    for (name, value) in said.into_iter().chain(signature.headers()) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let mut value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let mut request = Request::new(Method::POST, url);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body.into());
    Ok(request)
}

/// What it means that no answer came, without what the client says of it.
fn unanswered(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "no connection with the service; see that the function can reach it"
    } else {
        "the service gave no answer"
    }
}

/// The body of an answer; `None` where it broke off or is longer than any.
async fn read_whole(mut answer: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            return None;
        }
    }
    Some(body)
}

#[cfg(test)]
mod tests;
