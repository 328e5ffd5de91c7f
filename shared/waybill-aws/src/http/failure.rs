//! What it means that no answer came.
//!
//! The words never repeat what the client says, since that holds the URL, nor an address (F65);
//! TLS speaks of certificates only, and is repeated.

use std::error::Error;
use std::io;

use waybill_core::outcome::Attempt;

use super::guard::ResolveError;

/// Decides what a failed try means: before there was a connection nothing can have happened;
/// after, it is not known.
pub(super) fn attempt(error: &reqwest::Error) -> Attempt {
    if let Some(error) = cause::<ResolveError>(error) {
        return match error {
            ResolveError::NotFound => transient("dns_failed", "the target's name does not resolve"),
            ResolveError::Refused => transient(
                "address_refused",
                "the target's name resolves to no public address",
            ),
        };
    }
    if error.is_connect() {
        return connecting(error);
    }
    if error.is_builder() {
        // Nothing was sent, and no setting of ours explains it.
        return transient("request_failed", "the request could not be made");
    }
    if error.is_timeout() {
        return Attempt::unknown("timeout", "the target did not answer in time");
    }
    Attempt::unknown(
        "connection_lost",
        "the connection ended without a whole answer",
    )
}

/// Decides what a failed connection means.
fn connecting(error: &reqwest::Error) -> Attempt {
    if let Some(error) = cause::<rustls::Error>(error) {
        let message = format!("no TLS connection with the target: {error}");
        return Attempt::transient("tls_failed", message, None);
    }
    if error.is_timeout() {
        return transient("connect_timeout", "no connection with the target in time");
    }
    let refused = cause::<io::Error>(error)
        .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if refused {
        return transient("connect_refused", "the target refused the connection");
    }
    transient("connect_failed", "no connection with the target")
}

/// A failure that may pass, without a wait asked for.
fn transient(code: &'static str, message: &'static str) -> Attempt {
    Attempt::transient(code, message, None)
}

/// The first cause of a type. An error inside an `io::Error` counts as its cause.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}
