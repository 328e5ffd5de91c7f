//! One signed request to a service of AWS's that is asked one question or two.
//!
//! A client crate of such a service, with all its operations, is not worth its size: the request is
//! signed by the crate that the other clients sign by, and goes through the HTTP client that targets
//! have.

mod endpoint;

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_sqs::config::{Credentials, ProvideCredentials};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::Value;

use crate::connect::CONNECT_TIMEOUT;
use crate::http::HttpClient;

pub(crate) use endpoint::Service;
#[cfg(test)]
pub(crate) use endpoint::url as url_of;

/// Asks, with the region, the credentials and the endpoints of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    config: SdkConfig,
    http: HttpClient,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call<'a> {
    /// An operation of a service that speaks AWS's JSON 1.1: what its header names it, and its
    /// parameters.
    Operation(&'a str, &'a Value),
    /// A resource of a service that speaks REST: the path and the query, both encoded.
    Resource(&'a str),
}

/// How far an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long, the connection included.
    pub(crate) time: Duration,
    /// The longest answer that is read.
    pub(crate) bytes: usize,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer, without the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// It cannot be asked: a person must mend something.
    Impossible(String),
    /// It was not answered, or could not be sent: that may pass.
    Unanswered(String),
}

impl Asker {
    /// Asks with this configuration.
    pub(crate) fn new(config: SdkConfig, http: HttpClient) -> Self {
        Self { config, http }
    }

    /// Asks once.
    pub(crate) async fn ask(
        &self,
        service: Service,
        call: Call<'_>,
        patience: Patience,
    ) -> Result<Reply, NoReply> {
        let url = endpoint::url(service, &self.config).map_err(NoReply::Impossible)?;
        let client = self.http.unguarded(&url, CONNECT_TIMEOUT);
        let client = client.map_err(|what| NoReply::Impossible(what.to_owned()))?;
        let passing = |what: &str| NoReply::Unanswered(what.to_owned());
        let asking = async {
            let credentials = self.credentials().await.map_err(NoReply::Unanswered)?;
            let region = self.config.region().map_or("", |region| region.as_ref());
            let request = request(service, call, url, region, credentials);
            let request = request.map_err(NoReply::Impossible)?;
            let answer = client.execute(request).await;
            let answer = answer.map_err(|error| passing(unanswered(&error)))?;
            let status = answer.status().as_u16();
            match read_whole(answer, patience.bytes).await {
                Some(body) => Ok(Reply { status, body }),
                None => Err(passing("the answer could not be read")),
            }
        };
        let answer = tokio::time::timeout(patience.time, asking).await;
        answer.unwrap_or_else(|_| Err(passing("the service did not answer in time")))
    }

    /// The credentials of the connection.
    async fn credentials(&self) -> Result<Credentials, String> {
        let Some(provider) = self.config.credentials_provider() else {
            return Err("no credentials are configured".to_owned());
        };
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|error| format!("the credentials cannot be had: {error}"))
    }
}

/// The signed request.
pub(crate) fn request(
    service: Service,
    call: Call<'_>,
    url: Url,
    region: &str,
    credentials: Credentials,
) -> Result<Request, String> {
    let (method, url, body, said) = match call {
        Call::Operation(operation, parameters) => {
            let said = vec![
                (CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"),
                ("x-amz-target", operation),
            ];
            (Method::POST, url, Some(parameters.to_string()), said)
        }
        Call::Resource(path) => {
            let url = url.join(path).map_err(|error| error.to_string())?;
            (Method::GET, url, None, Vec::new())
        }
    };
    let signable = SignableBody::Bytes(body.as_deref().unwrap_or_default().as_bytes());
    let headers = said.iter().copied();
    let signable = SignableRequest::new(method.as_str(), url.as_str(), headers, signable);
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
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    *request.body_mut() = body.map(Into::into);
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

/// The body of an answer; `None` where it broke off or is longer than it may be.
async fn read_whole(mut answer: reqwest::Response, most: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > most {
            return None;
        }
    }
    Some(body)
}
