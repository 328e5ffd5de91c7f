//! An event as one JSON text: CloudEvents' structured mode.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Data, Event};

impl Event {
    /// The event as a structured CloudEvent with this data.
    ///
    /// JSON is put in as the text it is, so that no number loses a digit. What its media type does
    /// not call JSON is put in as text, and bytes, or text that is called JSON and is none, as
    /// base64: whoever reads it finds the same bytes. Attributes that are empty are left out.
    pub fn structured(&self, data: &Data) -> String {
        let said = self.content_type_of(data).map(str::trim);
        let said = said.filter(|said| !said.is_empty());
        let is_json = said.is_none_or(is_json);
        let (media_type, member) = match data {
            Data::Json(text) if is_json => (said, Some(("data", text.clone()))),
            Data::Json(text) | Data::Text(text) if said.is_none() || !is_json => {
                let media_type = said.unwrap_or(data.usual_type());
                (Some(media_type), Some(("data", quoted(text))))
            }
            Data::Json(text) | Data::Text(text) => (said, Some(base64(text.as_bytes()))),
            Data::Bytes(bytes) => (said, Some(base64(bytes))),
            Data::Absent => (said, None),
        };
        let attributes = [
            ("id", Some(self.id.as_str())),
            ("source", Some(self.source.as_str())),
            ("type", Some(self.kind.as_str())),
            ("subject", self.subject.as_deref()),
            ("time", self.time.as_deref()),
            ("datacontenttype", media_type),
            ("traceparent", self.traceparent.as_deref()),
        ];
        let mut text = String::from(r#"{"specversion":"1.0""#);
        for (name, value) in attributes {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                // Writing to a string cannot fail.
                let _ = write!(text, r#","{name}":{}"#, quoted(value));
            }
        }
        if let Some((name, value)) = member {
            let _ = write!(text, r#","{name}":{value}"#);
        }
        text.push('}');
        text
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Bytes as a member of their own.
fn base64(bytes: &[u8]) -> (&'static str, String) {
    ("data_base64", quoted(&STANDARD.encode(bytes)))
}

/// Whether a media type is JSON: `*/json` or `*/*+json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let kind = essence.to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

#[cfg(test)]
mod tests;
