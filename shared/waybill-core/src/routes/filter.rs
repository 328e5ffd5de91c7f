//! Which events a route takes: an EventBridge pattern over the event's envelope.
//!
//! Keys are ANDed, the entries of a key's list ORed. So far it can ask for exact values, prefixes
//! and suffixes of `source`, `type` and `subject`; the rest of the language is refused by name.

use super::fields::{Faults, join, short};
use super::tree::{Node, Place, Value};
use crate::event::Event;

/// Which events a route takes; the default takes every event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of [`Event::source`]; `None` asks nothing.
    source: Option<Vec<Matcher>>,
    /// Of [`Event::kind`]; `None` asks nothing.
    kind: Option<Vec<Matcher>>,
    /// Of [`Event::subject`]; `None` asks nothing, anything else asks for a subject.
    subject: Option<Vec<Matcher>>,
}

/// One entry of a key's list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    /// The same text.
    Exact(String),
    /// Text that begins so.
    Prefix(String),
    /// Text that ends so.
    Suffix(String),
}

/// Keys of the event that no filter can ask about yet.
const LATER_KEYS: [&str; 4] = ["data", "id", "time", "attributes"];

/// Operators of EventBridge that are not there yet.
const LATER_OPERATORS: [&str; 6] = [
    "anything-but",
    "equals-ignore-case",
    "wildcard",
    "numeric",
    "exists",
    "cidr",
];

impl Filter {
    /// Whether the event is taken.
    pub fn matches(&self, event: &Event) -> bool {
        let asked = [
            (&self.source, Some(event.source.as_str())),
            (&self.kind, Some(event.kind.as_str())),
            (&self.subject, event.subject.as_deref()),
        ];
        asked.into_iter().all(|(matchers, text)| match matchers {
            None => true,
            Some(matchers) => text.is_some_and(|text| matchers.iter().any(|m| m.matches(text))),
        })
    }

    /// Reads a route's `filter`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return faults.wrong_kind(path, node, "a mapping; leave it out to take every event");
        };
        if entries.is_empty() {
            let message = "asks nothing; leave it out to take every event";
            return faults.refuse(path, node, message);
        }
        let mut filter = Self::default();
        for (key, list) in entries {
            let path = join(path, &key.name);
            match key.name.as_str() {
                "source" => filter.source = read_list(list, &path, faults),
                "type" => filter.kind = read_list(list, &path, faults),
                "subject" => filter.subject = read_list(list, &path, faults),
                later if LATER_KEYS.contains(&later) => faults.add(
                    &path,
                    key.at,
                    format!(
                        "filters on `{later}` are not supported yet; \
                         `source`, `type` and `subject` are"
                    ),
                ),
                "$or" => refuse_operator("$or", &path, key.at, faults),
                _ => faults.add(
                    &path,
                    key.at,
                    "is no key of an event; filter on `source`, `type` or `subject`",
                ),
            }
        }
        Some(filter)
    }
}

impl Matcher {
    /// Whether the text is asked for.
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
        }
    }
}

/// Reads the list of one key.
fn read_list(node: &Node, path: &str, faults: &mut Faults) -> Option<Vec<Matcher>> {
    let Value::List(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a list, even of one");
    };
    if entries.is_empty() {
        let message = "takes no event while its list is empty; fill it, or leave the key out";
        return faults.refuse(path, node, message);
    }
    let read = entries.iter().enumerate();
    // Every entry is read before any is missed, so that all faults are told.
    let matchers: Vec<_> = read
        .map(|(index, entry)| read_entry(entry, &format!("{path}[{index}]"), faults))
        .collect();
    matchers.into_iter().collect()
}

/// Reads one entry: text, or one operator.
fn read_entry(node: &Node, path: &str, faults: &mut Faults) -> Option<Matcher> {
    let Value::Map(entries) = &node.value else {
        return faults
            .text(node, path)
            .map(|text| Matcher::Exact(text.to_owned()));
    };
    let [(operator, operand)] = entries.as_slice() else {
        let message = "must have one operator; give each its own entry of the list";
        return faults.refuse(path, node, message);
    };
    let path = join(path, &operator.name);
    match operator.name.as_str() {
        "prefix" => read_operand(operand, &path, faults).map(Matcher::Prefix),
        "suffix" => read_operand(operand, &path, faults).map(Matcher::Suffix),
        later if LATER_OPERATORS.contains(&later) || later == "$or" => {
            refuse_operator(later, &path, operator.at, faults);
            None
        }
        unknown => {
            let message = format!(
                "operator `{}` is not known; use `prefix` or `suffix`",
                short(unknown)
            );
            faults.add(&path, operator.at, message);
            None
        }
    }
}

/// Reads what an operator is given.
fn read_operand(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    if let Value::Map(entries) = &node.value
        && let Some((inner, _)) = entries.first()
        && LATER_OPERATORS.contains(&inner.name.as_str())
    {
        // EventBridge allows an operator inside: `{ prefix: { equals-ignore-case: … } }`.
        refuse_operator(&inner.name, path, inner.at, faults);
        return None;
    }
    faults.text(node, path).map(str::to_owned)
}

/// Refuses an operator of EventBridge that is not there yet.
fn refuse_operator(operator: &str, path: &str, at: Place, faults: &mut Faults) {
    faults.add(
        path,
        at,
        format!(
            "operator `{operator}` is not supported yet; exact text, `prefix` and `suffix` are"
        ),
    );
}
