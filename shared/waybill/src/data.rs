//! An event's data as a type of the handler's.

use serde::de::DeserializeOwned;
use serde::de::value::{BytesDeserializer, Error as ValueError, StrDeserializer, UnitDeserializer};
use serde_json::Value;

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
        Data::Text(text) => {
            let text: StrDeserializer<'_, ValueError> = StrDeserializer::new(text);
            T::deserialize(text).map_err(|error| other("text that is not JSON", &error))
        }
        Data::Bytes(bytes) => {
            let bytes: BytesDeserializer<'_, ValueError> = BytesDeserializer::new(bytes);
            T::deserialize(bytes).map_err(|error| other("bytes", &error))
        }
        Data::Absent => T::deserialize(UnitDeserializer::new())
            .map_err(|error: ValueError| other("an event without data", &error)),
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
    let at = error.path().to_string();
    let place = match at.as_str() {
        "." => String::new(),
        path => format!(" at `{path}`"),
    };
    let expected = expectation(&error.inner().to_string());
    format!("the {what} is no `{}`{place}: {expected}", name::<T>())
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
