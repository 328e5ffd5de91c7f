//! An event as the headers of a request: CloudEvents' HTTP binding, binary mode.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use waybill_core::event::{Data, Event};
use waybill_core::routes::Secret;

use super::HttpTargetError;

/// What we call ourselves.
const AGENT: &str = concat!(
    "waybill/",
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR")
);

/// A route's own headers, their values marked as secret.
pub(super) fn route_headers(
    headers: &BTreeMap<String, Secret>,
) -> Result<HeaderMap, HttpTargetError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let refused = || HttpTargetError::Header(name.clone());
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        map.insert(name, value);
    }
    Ok(map)
}

/// All headers of one try: the route's own, and over them those of the event.
pub(super) fn headers(
    event: &Event,
    data: &Data,
    idempotency_key: &str,
    route: &HeaderMap,
) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in route {
        map.insert(name, value.clone());
    }
    map.insert(CONTENT_TYPE, content_type(event, data));
    if data.as_bytes().is_empty() {
        // The client leaves it out of a request without a body, and some servers refuse that.
        map.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    map.insert("ce-specversion", HeaderValue::from_static("1.0"));
    let attributes = [
        ("ce-id", Some(event.id.as_str())),
        ("ce-source", Some(event.source.as_str())),
        ("ce-type", Some(event.kind.as_str())),
        ("ce-time", event.time.as_deref()),
        ("ce-subject", event.subject.as_deref()),
        ("idempotency-key", Some(idempotency_key)),
        (
            "traceparent",
            event.traceparent.as_deref().filter(|t| is_traceparent(t)),
        ),
    ];
    for (name, value) in attributes {
        // An attribute that is empty is none: CloudEvents has no empty attributes.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            map.insert(name, encode(value));
        }
    }
    map
}

/// The media type of the data: the producer's word of its own data, where it can be sent, else what
/// it is.
fn content_type(event: &Event, data: &Data) -> HeaderValue {
    let said = event.content_type_of(data);
    let said = said.filter(|text| text.is_ascii() && !text.trim().is_empty());
    let usual = match data {
        Data::Json(_) => "application/json",
        Data::Text(_) => "text/plain; charset=utf-8",
        Data::Bytes(_) | Data::Absent => "application/octet-stream",
    };
    said.and_then(|text| HeaderValue::from_str(text.trim()).ok())
        .unwrap_or(HeaderValue::from_static(usual))
}

/// Encodes an attribute as the binding demands: space, double quote, percent and all that is not
/// printable ASCII, as percent and two digits for each byte of UTF-8.
fn encode(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(encoded).unwrap_or(HeaderValue::from_static(""))
}

/// Whether a text has the shape of W3C trace context: other text is not passed on.
/// <https://www.w3.org/TR/trace-context/#traceparent-header>
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f' | b'-');
    lengths.eq([2, 32, 16, 2]) && text.bytes().all(hex)
}
