//! An event as a pattern looks at it: a tree whose data is parsed when it is first asked for.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::event::{Data, Event};

/// An event, and its data once a filter has asked for it: however many filters look at the view,
/// the data is parsed once, and not at all when none of them asks.
#[derive(Debug)]
pub(in crate::routes) struct View<'a> {
    /// The event.
    pub(super) event: &'a Event,
    /// Its data as a value.
    data: OnceCell<Value>,
}

/// A place in an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// There is nothing.
    Absent,
    /// The event itself.
    Event(&'a View<'a>),
    /// Its message attributes.
    Attributes(&'a BTreeMap<String, String>),
    /// Text.
    Text(&'a str),
    /// What the data has there.
    Json(&'a Value),
}

/// What a leaf holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaf<'a> {
    /// Text.
    Text(&'a str),
    /// A number.
    Number(&'a Number),
    /// `true` or `false`.
    Bool(bool),
    /// `null`, which is a value.
    Null,
}

impl<'a> View<'a> {
    /// Looks at an event.
    pub(in crate::routes) fn of(event: &'a Event) -> Self {
        Self {
            event,
            data: OnceCell::new(),
        }
    }

    /// Whether the data was parsed.
    #[cfg(test)]
    pub(super) fn is_parsed(&self) -> bool {
        self.data.get().is_some()
    }

    /// The event's data: JSON parsed, text as text, bytes as nothing, since no value of a pattern
    /// could be one of them.
    fn data(&self) -> Place<'_> {
        match &self.event.data {
            Data::Json(_) => Place::Json(self.data.get_or_init(|| self.event.data.to_value())),
            Data::Text(text) => Place::Text(text),
            Data::Bytes(_) | Data::Absent => Place::Absent,
        }
    }

    /// What the event has under a key.
    fn member(&self, key: &str) -> Place<'_> {
        let event = self.event;
        let text = match key {
            "id" => Some(event.id.as_str()),
            "source" => Some(event.source.as_str()),
            "type" => Some(event.kind.as_str()),
            "subject" => event.subject.as_deref(),
            "time" => event.time.as_deref(),
            "attributes" => return Place::Attributes(&event.attributes),
            "data" => return self.data(),
            _ => None,
        };
        text.map_or(Place::Absent, Place::Text)
    }
}

impl<'a> Place<'a> {
    /// What is below it under a key.
    pub(super) fn member(self, key: &str) -> Place<'a> {
        match self {
            Self::Event(view) => view.member(key),
            Self::Attributes(attributes) => attributes
                .get(key)
                .map_or(Self::Absent, |text| Self::Text(text)),
            Self::Json(Value::Object(members)) => members.get(key).map_or(Self::Absent, Self::Json),
            Self::Absent | Self::Text(_) | Self::Json(_) => Self::Absent,
        }
    }

    /// Its elements, where it is an array.
    pub(super) fn elements(self) -> Option<&'a [Value]> {
        match self {
            Self::Json(Value::Array(elements)) => Some(elements),
            Self::Absent | Self::Event(_) | Self::Attributes(_) | Self::Text(_) | Self::Json(_) => {
                None
            }
        }
    }

    /// What it holds, where it is a leaf: no object and no array.
    pub(super) fn leaf(self) -> Option<Leaf<'a>> {
        match self {
            Self::Text(text) => Some(Leaf::Text(text)),
            Self::Json(Value::String(text)) => Some(Leaf::Text(text)),
            Self::Json(Value::Number(number)) => Some(Leaf::Number(number)),
            Self::Json(Value::Bool(value)) => Some(Leaf::Bool(*value)),
            Self::Json(Value::Null) => Some(Leaf::Null),
            Self::Json(Value::Array(_) | Value::Object(_))
            | Self::Absent
            | Self::Event(_)
            | Self::Attributes(_) => None,
        }
    }
}
