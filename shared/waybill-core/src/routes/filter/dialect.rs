//! The filters of CloudEvents subscriptions: `exact`, `prefix` and `suffix` over the attributes of
//! the event, and `all`, `any` and `not` over such filters.
//! <https://github.com/cloudevents/spec/blob/main/subscriptions/spec.md>
//!
//! `sql` is left out, and is refused.

use std::collections::BTreeMap;

use super::{FILTER_VALUES_MAX, too_many_values};
use crate::event::Event;
use crate::routes::fields::{Faults, join, short};
use crate::routes::tree::{Key, Node, Value};

/// A filter of the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// Each of these attributes is there and is this text.
    Exact(BTreeMap<Attribute, String>),
    /// Each of these attributes is there and begins so.
    Prefix(BTreeMap<Attribute, String>),
    /// Each of these attributes is there and ends so.
    Suffix(BTreeMap<Attribute, String>),
    /// All of these hold.
    All(Vec<Self>),
    /// At least one of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
}

/// A context attribute of CloudEvents that an event keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attribute {
    /// `id`.
    Id,
    /// `source`.
    Source,
    /// `specversion`.
    SpecVersion,
    /// `type`.
    Type,
    /// `datacontenttype`.
    DataContentType,
    /// `subject`.
    Subject,
    /// `time`.
    Time,
}

/// The attributes by their names.
const ATTRIBUTES: [(&str, Attribute); 7] = [
    ("id", Attribute::Id),
    ("source", Attribute::Source),
    ("specversion", Attribute::SpecVersion),
    ("type", Attribute::Type),
    ("datacontenttype", Attribute::DataContentType),
    ("subject", Attribute::Subject),
    ("time", Attribute::Time),
];

/// The version of CloudEvents that every event is delivered as.
const SPEC_VERSION: &str = "1.0";

impl Expression {
    /// Whether it holds of an event.
    pub(super) fn holds(&self, event: &Event) -> bool {
        let every = |attributes: &BTreeMap<Attribute, String>, test: fn(&str, &str) -> bool| {
            attributes.iter().all(|(attribute, wanted)| {
                let text = attribute.of(event);
                text.is_some_and(|text| test(text, wanted))
            })
        };
        match self {
            Self::Exact(attributes) => every(attributes, |text, wanted| text == wanted),
            Self::Prefix(attributes) => every(attributes, |text, wanted| text.starts_with(wanted)),
            Self::Suffix(attributes) => every(attributes, |text, wanted| text.ends_with(wanted)),
            Self::All(these) => these.iter().all(|one| one.holds(event)),
            Self::Any(these) => these.iter().any(|one| one.holds(event)),
            Self::Not(this) => !this.holds(event),
        }
    }

    /// How many values it compares with.
    fn count(&self) -> usize {
        match self {
            Self::Exact(attributes) | Self::Prefix(attributes) | Self::Suffix(attributes) => {
                attributes.len()
            }
            Self::All(these) | Self::Any(these) => these.iter().map(Self::count).sum(),
            Self::Not(this) => this.count(),
        }
    }
}

impl Attribute {
    /// What an event has of it.
    fn of(self, event: &Event) -> Option<&str> {
        match self {
            Self::Id => Some(&event.id),
            Self::Source => Some(&event.source),
            Self::SpecVersion => Some(SPEC_VERSION),
            Self::Type => Some(&event.kind),
            Self::DataContentType => event.content_type.as_deref(),
            Self::Subject => event.subject.as_deref(),
            Self::Time => event.time.as_deref(),
        }
    }
}

/// Reads a route's `filters`.
pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Vec<Expression>> {
    let expressions = read_list(node, path, faults)?;
    if expressions.iter().map(Expression::count).sum::<usize>() > FILTER_VALUES_MAX {
        return too_many_values(path, node, faults);
    }
    Some(expressions)
}

/// Reads a list of filters.
fn read_list(node: &Node, path: &str, faults: &mut Faults) -> Option<Vec<Expression>> {
    let Value::List(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a list of filters, even of one");
    };
    if entries.is_empty() {
        let message = "must have at least one filter; leave the key out to ask nothing";
        return faults.refuse(path, node, message);
    }
    let read = entries.iter().enumerate();
    let expressions: Vec<_> = read
        .map(|(index, entry)| read_expression(entry, &format!("{path}[{index}]"), faults))
        .collect();
    expressions.into_iter().collect()
}

/// Reads one filter.
fn read_expression(node: &Node, path: &str, faults: &mut Faults) -> Option<Expression> {
    let Value::Map(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a mapping like `{ exact: { type: text } }`");
    };
    let [(dialect, operand)] = entries.as_slice() else {
        let message = "must have one dialect; give each its own entry of the list";
        return faults.refuse(path, node, message);
    };
    let path = &join(path, &dialect.name);
    match dialect.name.as_str() {
        "exact" => read_attributes(operand, path, faults).map(Expression::Exact),
        "prefix" => read_attributes(operand, path, faults).map(Expression::Prefix),
        "suffix" => read_attributes(operand, path, faults).map(Expression::Suffix),
        "all" => read_list(operand, path, faults).map(Expression::All),
        "any" => read_list(operand, path, faults).map(Expression::Any),
        "not" => {
            let inner = read_expression(operand, path, faults)?;
            Some(Expression::Not(Box::new(inner)))
        }
        "sql" => {
            let message = "the dialect `sql` is not supported; use `exact`, `prefix`, `suffix`, \
                           `all`, `any` and `not`, or a pattern in `filter`";
            faults.add(path, dialect.at, message);
            None
        }
        unknown => {
            let message = format!(
                "dialect `{}` is not known; known are `exact`, `prefix`, `suffix`, `all`, `any` \
                 and `not`",
                short(unknown)
            );
            faults.add(path, dialect.at, message);
            None
        }
    }
}

/// Reads attributes and the text that each is compared with.
fn read_attributes(
    node: &Node,
    path: &str,
    faults: &mut Faults,
) -> Option<BTreeMap<Attribute, String>> {
    let Value::Map(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a mapping of attributes to text");
    };
    if entries.is_empty() {
        return faults.refuse(path, node, "must name at least one attribute");
    }
    let read: Vec<_> = entries
        .iter()
        .map(|(key, value)| read_attribute(key, value, &join(path, &key.name), faults))
        .collect();
    read.into_iter().collect()
}

/// Reads one attribute and its text.
fn read_attribute(
    key: &Key,
    node: &Node,
    path: &str,
    faults: &mut Faults,
) -> Option<(Attribute, String)> {
    let known = ATTRIBUTES.iter().find(|(name, _)| *name == key.name);
    if known.is_none() {
        // Taken for an attribute that no event has, it would make `not` hold of every event.
        let names: Vec<_> = ATTRIBUTES
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let message = format!(
            "is no attribute that an event keeps; kept are {}; use `filter` for the data and the \
             message's attributes",
            names.join(", ")
        );
        faults.add(path, key.at, message);
    }
    let text = faults.text(node, path)?;
    if text.is_empty() {
        return faults.refuse(path, node, "must not be empty");
    }
    known.map(|(_, attribute)| (*attribute, text.to_owned()))
}
