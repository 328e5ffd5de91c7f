//! CloudEvents in the structured JSON format, version 1.x.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use super::raw::{self, Fields, Raw};
use super::{Malformed, Parsed};
use crate::event::{ByteString, Bytes, Data, Event};

/// Reads a CloudEvent; `None` where no text `specversion` claims that it is one.
pub(super) fn read(fields: &Fields<'_>, body: &ByteString) -> Result<Option<Parsed>, Malformed> {
    let Some(version) = fields.specversion.string() else {
        return Ok(None);
    };
    if !version.starts_with("1.") {
        return Err(fault("its `specversion` is not 1.x"));
    }
    let id = required(fields.id, "id")?;
    let source = required(fields.source, "source")?;
    let content_type = optional(fields.datacontenttype, "datacontenttype")?;
    let event = Event {
        id: id.clone(),
        source: source.clone(),
        kind: required(fields.kind, "type")?,
        subject: optional(fields.subject, "subject")?,
        time: fields.time.time(),
        traceparent: optional(fields.traceparent, "traceparent")?,
        data: data(fields, body, content_type.as_deref())?,
        content_type,
        ..Event::default()
    };
    Ok(Some(Parsed {
        event,
        natural_key: vec![format!("ce:{source}"), id],
    }))
}

/// The data, from whichever member holds it. Bytes that are called JSON and are JSON are seen as
/// such by filters and keys; they are delivered as they came.
fn data(
    fields: &Fields<'_>,
    body: &ByteString,
    content_type: Option<&str>,
) -> Result<Data, Malformed> {
    if !fields.data_base64.is_set() {
        return match fields.data.text() {
            None => Ok(Data::Absent),
            Some(text) => text_data(fields.data, body, text, content_type),
        };
    }
    if fields.data.is_set() {
        return Err(fault("it has both `data` and `data_base64`"));
    }
    let bytes = fields
        .data_base64
        .string()
        .and_then(|text| STANDARD.decode(text.as_bytes()).ok())
        .ok_or_else(|| fault("its `data_base64` is not base64"))?;
    let bytes = Bytes::from(bytes);
    let text = ByteString::try_from(bytes.clone()).ok().filter(|text| {
        content_type.is_some_and(is_json) && serde_json::from_str::<IgnoredAny>(text).is_ok()
    });
    match text {
        Some(text) => raw::json(&text, &text),
        None => Ok(Data::Bytes(bytes)),
    }
}

/// `data` as it stands: JSON, unless the content type says otherwise and it is a string.
fn text_data(
    data: Raw<'_>,
    body: &ByteString,
    text: &str,
    content_type: Option<&str>,
) -> Result<Data, Malformed> {
    let is_text = content_type.is_some_and(|content_type| !is_json(content_type));
    let content = is_text.then(|| data.shared(body)).flatten();
    match content {
        Some(content) => Ok(Data::Text(content)),
        None => raw::json(body, text),
    }
}

/// Whether a media type is JSON: `*/json` or `*/*+json`.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let kind = essence.to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

/// An attribute that every CloudEvent has.
fn required(value: Raw<'_>, name: &str) -> Result<String, Malformed> {
    value
        .name()
        .ok_or_else(|| fault(&format!("its `{name}` is not a text with something in it")))
}

/// An attribute that a CloudEvent may have; `null` and the empty text are as good as absent.
fn optional(value: Raw<'_>, name: &str) -> Result<Option<String>, Malformed> {
    match value.string() {
        None if value.is_set() => Err(fault(&format!("its `{name}` is not a text"))),
        None | Some(_) => Ok(value.word()),
    }
}

/// What is wrong with it.
fn fault(what: &str) -> Malformed {
    Malformed(format!("no valid CloudEvent: {what}"))
}
