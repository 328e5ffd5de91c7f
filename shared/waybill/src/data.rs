//! An event's data as a type of the handler's.

use std::fmt::Write;

use serde::de::value::{Error as ValueError, SeqDeserializer, StrDeserializer, UnitDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use waybill_core::event::Data;

/// Reads data: JSON as what it says, text as a string, bytes as bytes, nothing as a unit. The error
/// names the place and what was expected there, and never what stands there.
pub(crate) fn read<T: DeserializeOwned>(data: &Data) -> Result<T, String> {
    let other = |what: &str, error: &ValueError| {
        format!(
            "{what} is no `{}`: {}",
            name::<T>(),
            expectation(&error.to_string())
        )
    };
    match data {
        Data::Json(text) => {
            let json = &mut serde_json::Deserializer::from_str(text);
            serde_path_to_error::deserialize(json).map_err(|error| misfit::<T>("data", &error))
        }
        Data::Text(text) => T::deserialize(Plain::Text(text))
            .map_err(|error| other("text that is not JSON", &error)),
        Data::Bytes(bytes) => {
            T::deserialize(Plain::Bytes(bytes)).map_err(|error| other("bytes", &error))
        }
        Data::Absent => T::deserialize(UnitDeserializer::new())
            .map_err(|error: ValueError| other("an event without data", &error)),
    }
}

/// Data that is no JSON, as each type asks for it: as it is, bytes as a list, as something that is
/// there, as what a type is made of, text as a variant's name.
enum Plain<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'de> Deserializer<'de> for Plain<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Self::Text(text) => visitor.visit_str(text),
            Self::Bytes(bytes) => visitor.visit_bytes(bytes),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Self::Text(text) => visitor.visit_str(text),
            Self::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self {
            Self::Text(text) => {
                StrDeserializer::new(text).deserialize_enum(name, variants, visitor)
            }
            Self::Bytes(bytes) => visitor.visit_bytes(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

/// Reads a payload, with the same errors.
pub(crate) fn of_value<T: DeserializeOwned>(payload: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(payload).map_err(|error| misfit::<T>("payload", &error))
}

/// Reads JSON that came from elsewhere than an event, with the same errors; it must be JSON to its
/// end.
pub(crate) fn of_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut json);
    let read = read.map_err(|error| misfit::<T>("data", &error))?;
    let more = |_| format!("the data is no `{}`: something follows it", name::<T>());
    json.end().map_err(more)?;
    Ok(read)
}

/// Where JSON does not fit its type, and what was expected there.
fn misfit<T>(what: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let place = match place(error.path()) {
        path if path.is_empty() => String::new(),
        path => format!(" at `{path}`"),
    };
    let expected = expectation(&error.inner().to_string());
    format!("the {what} is no `{}`{place}: {expected}", name::<T>())
}

/// Where in JSON that is. A name is shown where it could be a field's of a type; any other may be what
/// was sent.
fn place(path: &Path) -> String {
    let mut place = String::new();
    for segment in path {
        match segment {
            // Writing to a string does not fail.
            Segment::Seq { index } => drop(write!(place, "[{index}]")),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(if is_name(name) { name } else { "…" });
            }
            Segment::Unknown => place.push('?'),
        }
    }
    place
}

/// Whether it looks like a field's name.
fn is_name(text: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.len() <= 64 && text.starts_with(|c: char| !c.is_ascii_digit()) && text.chars().all(usual)
}

/// The name of a type, without its path.
fn name<T>() -> &'static str {
    let whole = std::any::type_name::<T>();
    match whole.contains('<') {
        true => whole,
        false => whole.rsplit("::").next().unwrap_or(whole),
    }
}

/// As much of serde's words as does not repeat what was sent.
fn expectation(said: &str) -> String {
    if said.starts_with("missing field") {
        return said.to_owned();
    }
    match said.rsplit_once("expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "it does not fit".to_owned(),
    }
}

#[cfg(test)]
mod tests;
