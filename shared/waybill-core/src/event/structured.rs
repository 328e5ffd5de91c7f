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
        self.in_json(data, self.traceparent.as_deref(), None)
    }

    /// The same with the extensions `idempotencykey` and `traceparent`, for a target that takes
    /// nothing beside it in which a key and a trace could stand.
    pub fn structured_alone(
        &self,
        data: &Data,
        idempotency_key: &str,
        traceparent: Option<&str>,
    ) -> String {
        self.in_json(data, traceparent, Some(idempotency_key))
    }

    /// The event in CloudEvents' JSON format.
    fn in_json(
        &self,
        data: &Data,
        traceparent: Option<&str>,
        idempotency_key: Option<&str>,
    ) -> String {
        let said = self.content_type_of(data).map(str::trim);
        let said = said.filter(|said| !said.is_empty());
        let is_json = said.is_none_or(is_json);
        let (media_type, member) = match data {
            Data::Json(text) if is_json => (said, Some(("data", text.to_string()))),
            Data::Json(text) | Data::Text(text) if said.is_none() || !is_json => {
                let media_type = said.unwrap_or(data.usual_type());
                (Some(media_type), Some(("data", quoted(text))))
            }
            Data::Json(text) | Data::Text(text) => (said, Some(base64(text.as_bytes()))),
            Data::Bytes(bytes) => (said, Some(base64(bytes))),
            Data::Absent => (said, None),
        };
        let named = self.ce_attributes();
        let named = named.map(|(name, value)| (name.trim_start_matches("ce-"), Some(value)));
        let others = [
            ("datacontenttype", media_type),
            ("traceparent", traceparent),
            ("idempotencykey", idempotency_key),
        ];
        let mut text = String::from("{");
        for (name, value) in named.chain(others) {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let comma = if text.len() > 1 { "," } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(text, r#"{comma}"{name}":{}"#, quoted(value));
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
