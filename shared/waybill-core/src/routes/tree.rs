//! YAML or JSON as a tree of values, each with its place, so that a fault can name its line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

use super::{FILLED_MAX, RoutesError, TEXT_MAX};
use crate::limit::cut;

/// How much is repeated of what the parser says, in bytes.
const MESSAGE_MAX: usize = 512;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub(super) value: Value,
    /// Where it stands.
    pub(super) at: Place,
}

/// A line and a column, counted from 1; zero where they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    /// The line.
    pub(super) line: u64,
    /// The column.
    pub(super) column: u64,
}

/// A value as YAML's core schema types it: `yes` and `no` are text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text as it stands in the file.
    Text(String),
    /// Text into which variables were put: it may stand where a number is expected.
    Filled(String),
    /// Text whose variables could not be put in; the fault is told already.
    Unset,
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, with distinct keys.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// The key.
    pub(super) name: String,
    /// Where it stands.
    pub(super) at: Place,
}

/// Reads one document. Anchors and aliases are followed within bounds; merge keys, tags of
/// applications, duplicate keys and further documents are refused.
pub(super) fn parse(text: &str) -> Result<Node, RoutesError> {
    if text.len() > TEXT_MAX {
        return Err(RoutesError {
            line: None,
            column: None,
            path: String::new(),
            message: format!("text is longer than {TEXT_MAX} bytes; split it over consumers"),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_nodes: 50_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: 2,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_total_scalar_bytes: FILLED_MAX,
            max_recorded_anchor_bytes: FILLED_MAX,
            // One policy may be an alias in hundreds of routes: what all come to is bounded above.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options)
        .map(Node::from)
        .map_err(|error| syntax_error(text, &error))
}

/// Tells a fault of the syntax, with a remedy for the usual one.
fn syntax_error(text: &str, error: &serde_saphyr::Error) -> RoutesError {
    let bare = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
    let place = error.location().map(Place::from).unwrap_or_default();
    let mut message = error.render_with_options(bare);
    // The parser's own words end in the place, which is told before them.
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    // They may repeat a key, as long as it is.
    message.truncate(cut(&message, MESSAGE_MAX).len());
    if text.contains("${") {
        message.push_str("; inside `{ }` and `[ ]`, write variables in quotes: \"${NAME}\"");
    }
    RoutesError {
        line: (place.line > 0).then_some(place.line),
        column: (place.line > 0).then_some(place.column),
        path: String::new(),
        message,
    }
}

impl Value {
    /// The text, whether or not variables were put into it.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Filled(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Unset
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// The boolean it is, or that its variables say it is.
    pub(super) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(yes) => Some(*yes),
            Self::Filled(text) => text.parse().ok(),
            Self::Null
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Unset
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// The whole number it is, or that its variables say it is.
    pub(super) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Filled(text) => text.parse().ok(),
            Self::Null
            | Self::Bool(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Unset
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// The number it is, or that its variables say it is; whole ones within 32 bits.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            Self::Float(number) => Some(*number),
            Self::Filled(text) => text.parse().ok(),
            Self::Null
            | Self::Bool(_)
            | Self::Text(_)
            | Self::Unset
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// What kind of value it is, in words for a fault.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) | Self::Filled(_) | Self::Unset => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self {
            at: Place::from(spanned.referenced),
            value: spanned.value,
        }
    }
}

impl From<serde_saphyr::Location> for Place {
    fn from(location: serde_saphyr::Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Takes whatever the parser found.
struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        // Beyond every bound of this file either way.
        Ok(Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        // Beyond every bound of this file either way.
        Ok(Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element::<Spanned<Value>>()? {
            list.push(Node::from(entry));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value::<Spanned<Value>>()?;
            let at = Place::from(key.referenced);
            let name = key.value;
            map.push((Key { name, at }, Node::from(value)));
        }
        Ok(Value::Map(map))
    }
}
