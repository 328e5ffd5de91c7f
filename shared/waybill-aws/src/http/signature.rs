//! The signature of a request, by Standard Webhooks, so that a target knows who sends.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
//!
//! Written over `hmac` and `sha2`, which signing requests to AWS has brought already: the crate
//! `standardwebhooks` refuses a body that is not UTF-8, and would bring a second hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use waybill_core::routes::SigningKey;
use waybill_core::time::Timestamp;

/// The headers of a signed request; none where there is no key. `id` is the same on every try, so
/// that the target knows a repeat, and `at` is the time of this one.
pub(super) fn headers(keys: &[SigningKey], id: &str, at: Timestamp, body: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    if keys.is_empty() {
        return map;
    }
    let at = (at.as_millis() / 1000).to_string();
    let signatures: Vec<_> = keys.iter().map(|key| sign(key, id, &at, body)).collect();
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", &at),
        ("webhook-signature", &signatures.join(" ")),
    ] {
        // An id that is no header is none of ours.
        let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
        map.insert(HeaderName::from_static(name), value);
    }
    map
}

/// One signature, with its version.
fn sign(key: &SigningKey, id: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("a key of any length is one");
    for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests;
