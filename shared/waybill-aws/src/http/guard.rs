//! The guard against requests to places that are not public (F65).
//!
//! A URL that names an address is judged when the target is made; a name is judged each time it
//! is resolved, and the connection is made to the addresses that passed, so that a name that
//! answers differently the second time gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use waybill_core::http::address::{self, AddressVerdict};

use super::HttpTargetError;

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Those on the public internet, over TLS.
    Public,
    /// Any, for local runs.
    Anywhere,
}

/// Judges a URL before anything is resolved.
///
/// Parsing has brought every spelling of an address (`0x7f.1`, `2130706433`, `127.1`,
/// `[::ffff:7f00:1]`) into its one form.
pub(super) fn check_url(url: &Url, reach: Reach) -> Result<(), HttpTargetError> {
    match reach {
        Reach::Anywhere => return Ok(()),
        Reach::Public => {}
    }
    if url.scheme() != "https" {
        return Err(HttpTargetError::NotHttps);
    }
    let host = url.host_str().unwrap_or_default();
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        match address::check(ip) {
            AddressVerdict::Public => {}
            AddressVerdict::Refused(what) => return Err(HttpTargetError::NotPublic(what)),
        }
    }
    // These names mean this machine wherever they are resolved (RFC 6761).
    let name = host.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return Err(HttpTargetError::NotPublic("loopback"));
    }
    let port = url.port_or_known_default().unwrap_or_default();
    if address::is_open_port(port) {
        Ok(())
    } else {
        Err(HttpTargetError::Port(port))
    }
}

/// How a name becomes addresses.
pub(super) trait Lookup: Send + Sync {
    /// Every address of a name.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As the system does.
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a name led to no address that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    /// It has none, or the name server did not answer.
    #[error("name does not resolve")]
    NotFound,
    /// It has some, and none is public.
    #[error("name resolves to no public address")]
    Refused,
}

/// Resolves names to addresses that may be called, and to no other.
pub(super) struct Resolver {
    /// How names become addresses.
    lookup: Arc<dyn Lookup>,
    /// Which of them may be called.
    reach: Reach,
}

impl Resolver {
    /// A resolver within a reach.
    pub(super) fn new(lookup: Arc<dyn Lookup>, reach: Reach) -> Self {
        Self { lookup, reach }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str().to_owned());
        let reach = self.reach;
        Box::pin(async move {
            let found = found.await.map_err(|_| ResolveError::NotFound)?;
            let open = judge(found, reach)?;
            // Port 0 stands for the port of the URL.
            let addresses = open.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The addresses that may be called; at least one.
pub(super) fn judge(found: Vec<IpAddr>, reach: Reach) -> Result<Vec<IpAddr>, ResolveError> {
    if found.is_empty() {
        return Err(ResolveError::NotFound);
    }
    let mut open = found;
    match reach {
        Reach::Anywhere => {}
        Reach::Public => open.retain(|ip| address::check(*ip) == AddressVerdict::Public),
    }
    if open.is_empty() {
        return Err(ResolveError::Refused);
    }
    Ok(open)
}
