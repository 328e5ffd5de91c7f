//! An event as the headers and the body of a request: CloudEvents' HTTP binding, or plain.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>

use std::fmt::Write as _;

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use waybill_core::event::{Bytes, Data, Event};
use waybill_core::routes::HttpBody;
use waybill_engine::ports::{GivenUp, TargetRequest};

/// What we call ourselves.
const AGENT: &str = concat!(
    "waybill/",
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR")
);

/// The body of one try.
pub(super) fn body(event: &Event, data: &Data, mode: HttpBody) -> Bytes {
    match mode {
        HttpBody::Binary | HttpBody::Plain => data.to_bytes(),
        HttpBody::Structured => event.structured(data).into(),
    }
}

/// All headers of one try but its signature: the route's own, and over them those of the event.
pub(super) fn headers(request: &TargetRequest<'_>, mode: HttpBody, route: &HeaderMap) -> HeaderMap {
    let (event, data) = (request.event, request.data);
    let mut map = HeaderMap::new();
    map.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in route {
        map.insert(name, value.clone());
    }
    let media_type = match mode {
        HttpBody::Binary | HttpBody::Plain => content_type(event, data),
        HttpBody::Structured => HeaderValue::from_static(CLOUD_EVENT),
    };
    map.insert(CONTENT_TYPE, media_type);
    if mode != HttpBody::Structured && data.as_bytes().is_empty() {
        // The client leaves it out of a request without a body, and some servers refuse that.
        map.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if mode == HttpBody::Binary {
        for (name, value) in event.ce_attributes() {
            map.insert(name, encode(value));
        }
    }
    let parent = request.traceparent().filter(|t| is_traceparent(t));
    map.insert("idempotency-key", encode(request.idempotency_key));
    if let Some(parent) = parent {
        map.insert("traceparent", encode(parent));
    }
    if let Some(trace) = request.trace.filter(|trace| trace.in_amazon_header) {
        let value = HeaderValue::try_from(&trace.trace_header).ok();
        map.extend(value.map(|value| (HeaderName::from_static("x-amzn-trace-id"), value)));
    }
    if let Some(given_up) = request.given_up {
        let value = HeaderValue::try_from(given_up.to_json()).ok();
        map.extend(value.map(|value| (HeaderName::from_static(GivenUp::NAME), value)));
    }
    map
}

/// What a structured CloudEvent is.
const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";

/// The media type of the data: the producer's word of its own data, where it can be sent, else what
/// it is.
fn content_type(event: &Event, data: &Data) -> HeaderValue {
    let said = event.content_type_of(data);
    let said = said.filter(|text| text.is_ascii() && !text.trim().is_empty());
    said.and_then(|text| HeaderValue::from_str(text.trim()).ok())
        .unwrap_or(HeaderValue::from_static(data.usual_type()))
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
