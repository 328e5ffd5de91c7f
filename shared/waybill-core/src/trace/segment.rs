//! A span as X-Ray has it: a document of its own, a segment for a record and a subsegment for a
//! try, which X-Ray puts together by their ids.
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ERROR_TYPE, Span, SpanKind, Value};

/// Longest name of a segment.
const NAME_MAX: usize = 200;

/// Longest text of an annotation.
const TEXT_MAX: usize = 1000;

/// What is the same in every record's span, and no annotation: X-Ray indexes fifty in a trace.
const OF_EVERY_SPAN: [&str; 3] = [
    "messaging.system",
    "messaging.operation.name",
    "messaging.operation.type",
];

/// The document of a span, on one line. A record's segment has the service's name, which is a node
/// of the trace map; a try's subsegment has its own.
pub fn json(service: &str, span: &Span) -> String {
    let failure = span.failure.as_deref();
    let failure = failure.map(|failure| (key(ERROR_TYPE), Said::text(failure)));
    let attributes = span.attributes.iter();
    let attributes = attributes.filter(|(name, _)| !OF_EVERY_SPAN.contains(name));
    let attributes = attributes.map(|(name, value)| (key(name), Said::of(value)));
    let (title, kind, namespace) = match span.kind {
        SpanKind::Consumer => (service, None, None),
        SpanKind::Client => (span.name.as_str(), Some("subsegment"), Some("remote")),
    };
    let document = Document {
        name: name(title),
        id: span.span_id.to_string(),
        trace_id: span.trace_id.to_xray(),
        parent_id: span.parent.map(|parent| parent.to_string()),
        start_time: seconds(span.started.as_millis()),
        end_time: seconds(span.ended.as_millis()),
        kind,
        namespace,
        fault: failure.is_some(),
        annotations: attributes.chain(failure).collect(),
        links: span
            .links
            .iter()
            .map(|link| LinkJson {
                trace_id: link.trace_id.to_xray(),
                id: link.span_id.to_string(),
            })
            .collect(),
    };
    // Texts and finite numbers: nothing of it can fail.
    serde_json::to_string(&document).unwrap_or_default()
}

/// A segment document.
#[derive(Serialize)]
struct Document<'a> {
    name: String,
    id: String,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    start_time: f64,
    end_time: f64,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fault: bool,
    annotations: BTreeMap<String, Said<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkJson>,
}

/// A link of a segment, as the OpenTelemetry collector sends it to X-Ray.
#[derive(Serialize)]
struct LinkJson {
    trace_id: String,
    id: String,
}

/// The value of an annotation.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Text(&'a str),
    Number(u32),
    Flag(bool),
}

impl<'a> Said<'a> {
    /// An attribute's.
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::text(text),
            Value::Number(number) => Self::Number(*number),
            Value::Flag(flag) => Self::Flag(*flag),
        }
    }

    /// A text, as much of it as X-Ray takes.
    fn text(text: &'a str) -> Self {
        let end = text.char_indices().nth(TEXT_MAX);
        Self::Text(end.map_or(text, |(end, _)| text.get(..end).unwrap_or_default()))
    }
}

/// An attribute's name as an annotation's, which has letters, digits and `_` alone.
fn key(name: &str) -> String {
    let letter = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter,
        false => '_',
    };
    name.chars().map(letter).collect()
}

/// A name that X-Ray takes.
fn name(text: &str) -> String {
    let letter = |letter: char| match letter.is_ascii_alphanumeric() || MARKS.contains(letter) {
        true => letter,
        false => '_',
    };
    text.chars().map(letter).take(NAME_MAX).collect()
}

/// What a name may have beside letters and digits.
const MARKS: &str = " _.:/%&#=+\\-@";

/// Milliseconds as seconds with a fraction: below 2^53, so that none is lost.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests;
