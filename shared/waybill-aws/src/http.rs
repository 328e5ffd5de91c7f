//! HTTP targets: an event as a POST, as CloudEvents say or plain, signed where the route says so.
//!
//! No redirect is followed, no proxy is taken from the environment, no cookie is kept and no
//! answer is decompressed; of an answer's body at most 4 KiB are read, and none of it is shown.
//! What a status means is decided in [`waybill_core::http`].

mod client;
mod credentials;
mod failure;
mod guard;
mod request;
mod signature;

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Url};
use tokio::time::Instant;

use waybill_core::http::{StatusOverrides, classify};
use waybill_core::outcome::{Attempt, Outcome};
use waybill_core::routes::{HttpBody, HttpSpec};
use waybill_engine::ports::{Ambient, Target, TargetRequest};

use crate::ambient::System;
use crate::secrets::Secrets;

use credentials::{Credentials, Shown};
use guard::Reach;

pub use client::HttpClient;

/// How much of an answer's body is read; a longer one costs its connection (F67).
const ANSWER_MAX: usize = 4 * 1024;

/// How long the rest of an answer is waited for, to keep its connection; the outcome is known
/// before.
const ANSWER_WAIT: Duration = Duration::from_millis(250);

/// One route's HTTP target.
#[derive(Debug)]
pub struct HttpTarget {
    /// Where to POST; never shown, because its path may be a secret.
    url: HiddenUrl,
    /// The route's own headers, and the secrets by which each request is signed.
    credentials: Credentials,
    /// How an event is put into a request.
    body: HttpBody,
    /// How long one try may take.
    timeout: Duration,
    /// What this target means by a status.
    statuses: StatusOverrides,
    /// The connections that this target shares with others.
    client: HttpClient,
    /// Which of them.
    kind: client::Kind,
}

/// Why a target cannot be called at all: a person must mend the routes file. The words name no
/// URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpTargetError {
    /// The URL does not parse.
    #[error("url does not parse: {0}")]
    Url(String),
    /// The URL is `http:`.
    #[error(
        "url must be `https:`; for local runs, WAYBILL_ALLOW_PRIVATE_TARGETS=true lets `http:` \
         through"
    )]
    NotHttps,
    /// The URL's host is an address, or a name of this machine, that is not public.
    #[error(
        "url leads to an address that is not public ({0}); for local runs, \
         WAYBILL_ALLOW_PRIVATE_TARGETS=true lets it through"
    )]
    NotPublic(&'static str),
    /// The URL's port is one of the well-known ones.
    #[error("url has port {0}; use 443 or a port from 1024")]
    Port(u16),
    /// A header's name or value cannot be sent.
    #[error("header `{0}` cannot be sent; use printable ASCII")]
    Header(String),
}

/// A URL whose path no debug output shows (F66).
struct HiddenUrl(Url);

impl HttpTarget {
    /// A target that shares `client` and `secrets` with others. Nothing is connected or read yet.
    ///
    /// With `allow_private`, for local runs, `http:` and any address may be called.
    ///
    /// # Errors
    ///
    /// When the URL can never be called: it is no `https:`, or names an address that is not public
    /// (in any spelling, F65), or a port that is not HTTP's.
    pub fn new(
        spec: &HttpSpec,
        client: &HttpClient,
        secrets: &Secrets,
        allow_private: bool,
    ) -> Result<Self, HttpTargetError> {
        let reach = if allow_private {
            Reach::Anywhere
        } else {
            Reach::Public
        };
        let url = Url::parse(spec.url.expose())
            .map_err(|error| HttpTargetError::Url(error.to_string()))?;
        guard::check_url(&url, reach)?;
        let kind = client::Kind {
            connect_timeout: spec.connect_timeout,
            reach,
            tls: url.scheme() == "https",
        };
        Ok(Self {
            credentials: Credentials::new(&spec.headers, &spec.signature, secrets)?,
            url: HiddenUrl(url),
            body: spec.body,
            timeout: spec.timeout,
            statuses: spec.statuses.clone(),
            client: client.clone(),
            kind,
        })
    }

    /// Makes one try.
    async fn post(&self, request: TargetRequest<'_>) -> Attempt {
        let limit = self.timeout.min(request.limit);
        if limit.is_zero() {
            return Attempt::transient("timeout", "no time was left to send it", None);
        }
        let deadline = Instant::now() + limit;
        let client = match self.client.of_kind(self.kind) {
            Ok(client) => client,
            Err(message) => return Attempt::transient("client_failed", message, None),
        };
        let shown = match tokio::time::timeout_at(deadline, self.credentials.show()).await {
            Ok(Ok(shown)) => shown,
            Ok(Err(put_off)) => return put_off,
            Err(_) => {
                let message = "a secret of the route could not be read within the try";
                return Attempt::transient("secret_unavailable", message, None);
            }
        };
        let answer = client.execute(self.request(request, &shown));
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(response)) => self.judge(response, &shown, deadline).await,
            Ok(Err(error)) => failure::attempt(&error),
            Err(_) => Attempt::unknown("timeout", "the target did not answer in time"),
        }
    }

    /// The request of one try.
    fn request(&self, request: TargetRequest<'_>, shown: &Shown) -> reqwest::Request {
        let mut post = reqwest::Request::new(Method::POST, self.url.0.clone());
        let body = request::body(request.event, request.data, self.body);
        let mut headers = request::headers(&request, self.body, &shown.headers);
        let id = request.idempotency_key;
        headers.extend(signature::headers(&shown.keys, id, System.now(), &body));
        *post.headers_mut() = headers;
        *post.body_mut() = Some(body.into());
        post
    }

    /// Decides what an answer means: its status line says it all, whatever becomes of its body.
    async fn judge(
        &self,
        response: reqwest::Response,
        shown: &Shown,
        deadline: Instant,
    ) -> Attempt {
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        let status = response.status().as_u16();
        let attempt = classify(status, &self.statuses, retry_after, System.now());
        let patience = deadline.min(Instant::now() + ANSWER_WAIT);
        // An answer that is not read to its end gives up its connection, nothing else.
        let _ = tokio::time::timeout_at(patience, read_short(response)).await;
        if !matches!(status, 401 | 403) || attempt.outcome == Outcome::Delivered {
            return attempt;
        }
        self.credentials.refused(shown, attempt, deadline).await
    }
}

/// Reads a short answer to its end, so that its connection can serve again.
pub(crate) async fn read_short(mut response: reqwest::Response) {
    let mut left = ANSWER_MAX;
    while let Ok(Some(chunk)) = response.chunk().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

impl Target for HttpTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.post(request))
    }
}

impl std::fmt::Debug for HiddenUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/[redacted]", self.0.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests;
