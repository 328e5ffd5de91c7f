//! Spans as OpenTelemetry's protocol has them in JSON: what a collector takes over HTTP, and what
//! its file format has on a line.
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use serde::Serialize;

use super::{ERROR_TYPE, Span, SpanKind, Value};

/// Who made the spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    /// What the service is called.
    pub service: String,
    /// The rest that is known of it, by OpenTelemetry's names.
    pub attributes: Vec<(&'static str, String)>,
}

/// An export request of these spans, on one line.
pub fn json(resource: &Resource, spans: &[Span]) -> String {
    let service = ("service.name", resource.service.as_str());
    let others = resource.attributes.iter();
    let others = others.map(|(name, value)| (*name, value.as_str()));
    let attributes = [service].into_iter().chain(others);
    let request = Request {
        resource_spans: [ResourceSpans {
            resource: Attributes {
                attributes: attributes.map(KeyValue::text).collect(),
            },
            scope_spans: [ScopeSpans {
                scope: Scope { name: "waybill" },
                spans: spans.iter().map(SpanJson::of).collect(),
            }],
        }],
    };
    // Texts and numbers: nothing of it can fail.
    serde_json::to_string(&request).unwrap_or_default()
}

/// `ExportTraceServiceRequest`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

/// The spans of one resource.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Attributes<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

/// What is known of a resource.
#[derive(Serialize)]
struct Attributes<'a> {
    attributes: Vec<KeyValue<'a>>,
}

/// The spans of one library.
#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<SpanJson<'a>>,
}

/// A library.
#[derive(Serialize)]
struct Scope {
    name: &'static str,
}

/// `Span`: ids in hex, and 64 bits as text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<KeyValue<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

/// `Span.Link`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkJson {
    trace_id: String,
    span_id: String,
}

/// `Status`: 2 is an error.
#[derive(Serialize)]
struct Status {
    code: u8,
}

/// `KeyValue`.
#[derive(Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

/// `AnyValue`.
#[derive(Serialize)]
enum AnyValue<'a> {
    #[serde(rename = "stringValue")]
    Text(&'a str),
    #[serde(rename = "intValue")]
    Number(String),
    #[serde(rename = "boolValue")]
    Flag(bool),
}

impl<'a> SpanJson<'a> {
    /// A span.
    fn of(span: &'a Span) -> Self {
        let attributes = span.attributes.iter().map(KeyValue::of);
        let failure = span.failure.as_deref();
        let failure = failure.map(|failure| KeyValue::text((ERROR_TYPE, failure)));
        Self {
            trace_id: span.trace_id.to_string(),
            span_id: span.span_id.to_string(),
            parent_span_id: span.parent.map(|parent| parent.to_string()),
            name: &span.name,
            kind: match span.kind {
                SpanKind::Client => 3,
                SpanKind::Consumer => 5,
            },
            start_time_unix_nano: format!("{}000000", span.started.as_millis()),
            end_time_unix_nano: format!("{}000000", span.ended.as_millis()),
            attributes: attributes.chain(failure).collect(),
            links: span
                .links
                .iter()
                .map(|link| LinkJson {
                    trace_id: link.trace_id.to_string(),
                    span_id: link.span_id.to_string(),
                })
                .collect(),
            status: span.failure.as_ref().map(|_| Status { code: 2 }),
        }
    }
}

impl<'a> KeyValue<'a> {
    /// An attribute.
    fn of((key, value): &'a (&'static str, Value)) -> Self {
        let value = match value {
            Value::Text(text) => AnyValue::Text(text),
            Value::Number(number) => AnyValue::Number(number.to_string()),
            Value::Flag(flag) => AnyValue::Flag(*flag),
        };
        Self { key, value }
    }

    /// An attribute that is a text.
    fn text((key, value): (&'a str, &'a str)) -> Self {
        let value = AnyValue::Text(value);
        Self { key, value }
    }
}

#[cfg(test)]
mod tests;
