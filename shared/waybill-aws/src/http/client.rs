//! The connections that HTTP targets share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use super::guard::{Lookup, Reach, Resolver, SystemLookup};

/// How long a connection is kept without use. A sandbox may be frozen for minutes between two
/// invocations, and a connection does not outlive that: better to open a new one (F62).
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Most connections to one host that are kept without use.
const POOL_MAX: usize = 128;

/// The connections that HTTP targets share: made at first use, so that a cold start does not read
/// the root certificates before there is something to send. Clones share them.
#[derive(Clone)]
pub struct HttpClient {
    /// How names become addresses.
    lookup: Arc<dyn Lookup>,
    /// One client for each kind in use.
    clients: Arc<Mutex<BTreeMap<Kind, reqwest::Client>>>,
}

/// What one client cannot have two of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// How long to wait for a connection, names and TLS included.
    pub(super) connect_timeout: Duration,
    /// Which addresses may be called.
    pub(super) reach: Reach,
    /// Whether root certificates are needed.
    pub(super) tls: bool,
}

impl HttpClient {
    /// A client that resolves names as the system does.
    pub fn new() -> Self {
        Self::with_lookup(Arc::new(SystemLookup))
    }

    /// A client that resolves names by `lookup`.
    pub(super) fn with_lookup(lookup: Arc<dyn Lookup>) -> Self {
        let clients = Arc::default();
        Self { lookup, clients }
    }

    /// The client of a kind, made now if there is none; the error is a sentence for people.
    pub(super) fn of_kind(&self, kind: Kind) -> Result<reqwest::Client, &'static str> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        let client = self
            .build(kind)
            .map_err(|_| "no client could be made: the system has no root certificates")?;
        clients.insert(kind, client.clone());
        Ok(client)
    }

    /// The client that may call any address: for endpoints of AWS's, which may be private.
    pub(crate) fn unguarded(
        &self,
        url: &Url,
        connect_timeout: Duration,
    ) -> Result<reqwest::Client, &'static str> {
        self.of_kind(Kind {
            connect_timeout,
            reach: Reach::Anywhere,
            tls: url.scheme() == "https",
        })
    }

    /// Makes a client.
    fn build(&self, kind: Kind) -> Result<reqwest::Client, reqwest::Error> {
        // An error says that the process has a provider already, which serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .connect_timeout(kind.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .http1_ignore_invalid_headers_in_responses(true)
            .https_only(kind.reach == Reach::Public)
            .dns_resolver(Resolver::new(Arc::clone(&self.lookup), kind.reach));
        if kind.tls {
            builder.build()
        } else {
            builder.tls_certs_only([]).build()
        }
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}
