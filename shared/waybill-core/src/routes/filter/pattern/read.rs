//! From a mapping of the file to a pattern, or why it is none.

use super::{Field, Object, Pattern};
use crate::routes::fields::{Faults, join, short};
use crate::routes::filter::matcher::{self, Values};
use crate::routes::filter::{FILTER_CHOICES_MAX, FILTER_VALUES_MAX, too_many_values};
use crate::routes::tree::{Key, Node, Value};

/// What the keys of a mapping mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The parts of an event.
    Event,
    /// Names of message attributes.
    Attributes,
    /// Members of the data.
    Data,
}

/// Reads a route's `filter`.
pub(in super::super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Pattern> {
    let object = read_object(node, path, Level::Event, faults)?;
    if object.count() > FILTER_VALUES_MAX {
        return too_many_values(path, node, faults);
    }
    if object.choices > FILTER_CHOICES_MAX {
        let message = format!(
            "has more than {FILTER_CHOICES_MAX} combinations of `$or`; split it over several routes"
        );
        return faults.refuse(path, node, message);
    }
    Some(Pattern(object))
}

/// Reads what is asked of an object.
fn read_object(node: &Node, path: &str, level: Level, faults: &mut Faults) -> Option<Object> {
    let Value::Map(entries) = &node.value else {
        let wanted = match level {
            Level::Event => "a mapping; leave it out to take every event",
            Level::Attributes => "a mapping of names of message attributes to lists",
            Level::Data => "a list, even of one, or a mapping of what is below it",
        };
        return faults.wrong_kind(path, node, wanted);
    };
    if entries.is_empty() {
        let message = match level {
            Level::Event => "asks nothing; leave it out to take every event",
            Level::Attributes | Level::Data => "asks nothing; leave the key out",
        };
        return faults.refuse(path, node, message);
    }
    let before = faults.count();
    let mut fields = Vec::new();
    let mut either = Vec::new();
    for (key, value) in entries {
        let path = join(path, &key.name);
        if key.name == "$or" {
            either = read_either(value, &path, level, faults).unwrap_or_default();
        } else if let Some(field) = read_field(key, value, &path, level, faults) {
            fields.push((key.name.clone(), field));
        }
    }
    // Half of what is asked would take more than the whole.
    (faults.count() == before).then(|| Object::of(fields, either))
}

/// Reads what is asked under a key.
fn read_field(
    key: &Key,
    node: &Node,
    path: &str,
    level: Level,
    faults: &mut Faults,
) -> Option<Field> {
    let below = match (level, key.name.as_str()) {
        (Level::Event, "id" | "source" | "type" | "subject" | "time") | (Level::Attributes, _) => {
            return matcher::read_list(node, path, Values::Text, faults).map(Field::List);
        }
        (Level::Event, "attributes") => Level::Attributes,
        (Level::Event, "data") | (Level::Data, _) => {
            if matches!(node.value, Value::List(_)) {
                return matcher::read_list(node, path, Values::Json, faults).map(Field::List);
            }
            Level::Data
        }
        (Level::Event, other) => {
            let remedy = match other {
                "detail" => "what EventBridge calls `detail` is `data` here",
                "detail-type" => "what EventBridge calls `detail-type` is `type` here",
                _ => {
                    "filter on `id`, `source`, `type`, `subject`, `time`, `data` or `attributes`, \
                     or on several by `$or`"
                }
            };
            faults.add(path, key.at, format!("is no key of an event; {remedy}"));
            return None;
        }
    };
    read_object(node, path, below, faults).map(Field::Object)
}

/// Reads the alternatives of `$or`.
fn read_either(node: &Node, path: &str, level: Level, faults: &mut Faults) -> Option<Vec<Object>> {
    let Value::List(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a list of at least two mappings");
    };
    if entries.len() < 2 {
        let message = "must have at least two alternatives; write a single one without `$or`";
        return faults.refuse(path, node, message);
    }
    let read = entries.iter().enumerate();
    let either: Vec<_> = read
        .map(|(index, entry)| {
            let path = format!("{path}[{index}]");
            refuse_operators(entry, &path, faults);
            read_object(entry, &path, level, faults)
        })
        .collect();
    either.into_iter().collect()
}

/// Refuses operators in the place of keys: an alternative is a mapping of keys, not an entry of a
/// list, and a key of that name would be looked for in vain.
fn refuse_operators(node: &Node, path: &str, faults: &mut Faults) {
    let Value::Map(entries) = &node.value else {
        return;
    };
    for (key, _) in entries {
        if matcher::is_operator(&key.name) {
            let message = format!(
                "`{}` is an operator, and an alternative of `$or` begins with a key of the event; \
                 write the operator into that key's list",
                short(&key.name)
            );
            faults.add(&join(path, &key.name), key.at, message);
        }
    }
}
