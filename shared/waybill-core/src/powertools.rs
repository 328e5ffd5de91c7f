//! What Powertools for AWS Lambda has written down of an event that this release sees for the first
//! time: by which key, and what follows from it.
//!
//! Its rows are read and never written. Its names of attributes are taken as they come; a table with
//! a sort key is not understood.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Number, Value};

use crate::event::Event;
use crate::key::KeyExpression;
use crate::message::Message;
use crate::time::Timestamp;

/// By what Powertools knows an event.
#[derive(Debug, Clone)]
pub struct OldKey {
    language: Language,
    prefix: String,
    expression: KeyExpression,
}

/// In which language Powertools wrote: each hashes in a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// MD5, in hexadecimal, of what `json.dumps` makes of a value, with its names sorted.
    Python,
    /// MD5, in Base64, of what `JSON.stringify` makes of it.
    TypeScript,
}

/// A row of Powertools, as much of it as decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldRow {
    /// `status`.
    pub status: String,
    /// `expiration`, in seconds.
    pub expiration: Option<u64>,
    /// `in_progress_expiration`, in milliseconds.
    pub in_progress_expiration: Option<u64>,
}

/// What follows from a row, or from none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// Nothing was done, as far as Powertools knows: the work is run.
    Nothing,
    /// It was done.
    Done,
    /// Somebody is at it.
    Busy {
        /// Until then nobody else may be.
        until: Timestamp,
    },
    /// The row is not as Powertools writes it; why.
    Unknown(String),
}

impl OldKey {
    /// Keys with this prefix, of what an expression finds.
    pub fn new(language: Language, prefix: String, expression: KeyExpression) -> Self {
        Self {
            language,
            prefix,
            expression,
        }
    }

    /// The row's key of an event: the expression sees what keys see, `{id, source, type, subject,
    /// time, data}`, and of the record that brought it `messageId` and `body`.
    ///
    /// # Errors
    ///
    /// Where nothing is found, or what cannot be written as Powertools did; why.
    pub fn of(&self, event: &Event, message: &Message) -> Result<String, String> {
        let mut seen = event.to_value();
        if let Some(seen) = seen.as_object_mut() {
            let id = message.message_id.as_str();
            seen.insert("messageId".to_owned(), Value::from(id));
            seen.insert("body".to_owned(), Value::from(&*message.body));
        }
        let fault = |why: &str| format!("`{}` {why}", self.expression.as_str());
        let found = self.expression.json_in(&seen);
        let found = found.map_err(|why| fault(&why))?;
        if is_missing(&found) {
            return Err(fault("finds nothing in the event"));
        }
        self.of_value(&found).map_err(|why| fault(&why))
    }

    /// The row's key of what the expression found.
    ///
    /// # Errors
    ///
    /// What cannot be written as Powertools did; why.
    pub fn of_value(&self, found: &Value) -> Result<String, String> {
        let digest = match self.language {
            Language::Python => hex::encode(Md5::digest(python(found))),
            Language::TypeScript => STANDARD.encode(Md5::digest(typescript(found)?)),
        };
        Ok(format!("{}#{digest}", self.prefix))
    }
}

impl OldRow {
    /// What follows from a row as it stands now. At the very end of its time a row still holds, as
    /// in Powertools. One that somebody is at is not freed by its expiration as long as its own
    /// time goes on: its work may still run.
    pub fn judge(row: Option<&Self>, now: Timestamp) -> Before {
        let Some(row) = row else {
            return Before::Nothing;
        };
        let Some(expiration) = row.expiration.map(Timestamp::from_secs) else {
            return Before::Unknown("it has no `expiration`".to_owned());
        };
        // Powertools compares whole seconds: the row holds to the end of its last one.
        let expired = now.as_millis() / 1000 > expiration.as_millis() / 1000;
        match row.status.as_str() {
            "COMPLETED" if expired => Before::Nothing,
            "COMPLETED" => Before::Done,
            "INPROGRESS" => {
                let own = row.in_progress_expiration.map(Timestamp::from_millis);
                match own {
                    Some(until) if until < now => Before::Nothing,
                    Some(until) => Before::Busy { until },
                    None if expired => Before::Nothing,
                    None => Before::Busy { until: expiration },
                }
            }
            other => Before::Unknown(format!("its status is `{other}`")),
        }
    }
}

/// Whether Powertools takes it for no key: nothing, or a list or an object of only null. It does not
/// look further in, as keys of ours do.
fn is_missing(found: &Value) -> bool {
    match found {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.iter().all(Value::is_null),
        Value::Object(members) => members.values().all(Value::is_null),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value as `json.dumps(value, sort_keys=True)` writes it.
fn python(value: &Value) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_python(&mut text, value);
    text
}

/// Writes a value as Python does.
fn write_python(text: &mut String, value: &Value) -> std::fmt::Result {
    match value {
        Value::Null => text.write_str("null"),
        Value::Bool(yes) => write!(text, "{yes}"),
        Value::Number(number) => write_python_number(text, number),
        Value::String(string) => write_python_text(text, string),
        Value::Array(list) => {
            text.push('[');
            for (nth, one) in list.iter().enumerate() {
                text.push_str(if nth == 0 { "" } else { ", " });
                write_python(text, one)?;
            }
            text.write_char(']')
        }
        Value::Object(members) => {
            // By code points, as Python compares texts; so do bytes of UTF-8.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (nth, (name, one)) in members.into_iter().enumerate() {
                text.push_str(if nth == 0 { "" } else { ", " });
                write_python_text(text, name)?;
                text.push_str(": ");
                write_python(text, one)?;
            }
            text.write_char('}')
        }
    }
}

/// Writes a text in ASCII alone, everything else as code units of UTF-16.
fn write_python_text(text: &mut String, string: &str) -> std::fmt::Result {
    text.push('"');
    for letter in string.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            ' '..='~' => text.push(letter),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}")?;
                }
            }
        }
    }
    text.write_char('"')
}

/// Writes a whole number as it is, and another as Python's `repr` does: the fewest digits that are
/// that number, with an exponent of two digits at least below 0.0001 and from 1e16 on.
fn write_python_number(text: &mut String, number: &Number) -> std::fmt::Result {
    let whole = number.is_i64() || number.is_u64();
    let float = number.as_f64().filter(|_| !whole);
    let Some(float) = float else {
        return write!(text, "{number}");
    };
    let size = float.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return write!(text, "{float:?}");
    }
    let written = format!("{float:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(text, "{digits}e{sign}{exponent:0>2}")
}

/// A value as `JSON.stringify` writes it, where that is plain: texts, whole numbers, yes and no.
/// Members of objects were put in an order that depends on how they came.
fn typescript(value: &Value) -> Result<String, String> {
    /// The largest whole number that a number of JavaScript's holds exactly.
    const SAFE: u64 = 9_007_199_254_740_991;
    let refused = |what: &str| {
        Err(format!(
            "finds {what}, which is not hashed here as TypeScript hashes it: name a text"
        ))
    };
    match value {
        Value::String(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Number(number) => {
            let size = number.as_u64();
            let size = size.or_else(|| number.as_i64().map(i64::unsigned_abs));
            match size.filter(|size| *size <= SAFE) {
                Some(_) => Ok(number.to_string()),
                None => refused("a number that is not whole"),
            }
        }
        Value::Array(_) => refused("a list"),
        Value::Object(_) => refused("an object"),
        Value::Null => refused("nothing"),
    }
}

#[cfg(test)]
mod tests;
