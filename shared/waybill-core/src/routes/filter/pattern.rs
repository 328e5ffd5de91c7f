//! A pattern of EventBridge's: keys are ANDed, the entries of a key's list ORed, and so are the
//! alternatives of `$or`.
//!
//! An array of the event is matched when one of its elements is, and all that a pattern asks below
//! one array must be found in the same element of it. So the alternatives cannot be judged one by
//! one where they stand: each combination of them is judged as a whole.

use super::matcher::{self, Matcher, Values};
use super::view::{Place, View};
use super::{CHOICES_MAX, VALUES_MAX, too_many_values};
use crate::routes::fields::{Faults, join, short};
use crate::routes::tree::{Key, Node, Value};

/// A pattern over the whole event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Object);

/// What is asked of an object.
#[derive(Debug, Clone, PartialEq)]
struct Object {
    /// What is asked under each key, in the order of the keys.
    fields: Vec<(String, Field)>,
    /// One of these is asked besides, where there are any: `$or`.
    either: Vec<Self>,
    /// How many combinations its alternatives make, those below included.
    choices: usize,
}

/// What is asked under a key.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// A value that one of these takes.
    List(Vec<Matcher>),
    /// An object.
    Object(Object),
}

/// One combination of the alternatives of an object, by its number below [`Object::choices`].
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    object: &'a Object,
    choice: usize,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    /// It does not hold.
    No,
    /// It holds, since nothing is there that must not be.
    ByAbsence,
    /// It holds, and something was found.
    Found,
}

impl Pattern {
    /// Whether the event is matched.
    pub(super) fn matches(&self, view: &View<'_>) -> bool {
        let object = &self.0;
        (0..object.choices).any(|choice| {
            let part = Part { object, choice };
            ask(&[part], Place::Event(view)) != Answer::No
        })
    }
}

/// Asks all parts of what is at one place.
fn ask(parts: &[Part<'_>], place: Place<'_>) -> Answer {
    if let Some(elements) = place.elements() {
        return among(elements, |element| ask(parts, element));
    }
    let all;
    let parts = match parts {
        [one] if one.object.either.is_empty() => parts,
        _ => {
            all = with_alternatives(parts);
            all.as_slice()
        }
    };
    // What is found says more than that nothing is there.
    let mut answer = Answer::ByAbsence;
    for part in parts {
        for (key, matchers) in part.lists() {
            match ask_list(matchers, place.member(key)) {
                Answer::No => return Answer::No,
                found @ (Answer::ByAbsence | Answer::Found) => answer = answer.max(found),
            }
        }
    }
    for (at, part) in parts.iter().enumerate() {
        let (earlier, later) = (parts.get(..at), parts.get(at + 1..));
        for (key, below) in part.objects() {
            let is_asked = |part: &Part<'_>| part.object.asks_object(key);
            if earlier.unwrap_or_default().iter().any(is_asked) {
                continue;
            }
            // What several parts ask below one key must hold of the same elements.
            let others = later.unwrap_or_default().iter();
            let mut same = others
                .flat_map(|part| part.objects().find(|(other, _)| *other == key))
                .map(|(_, below)| below)
                .peekable();
            let found = if same.peek().is_none() {
                ask(&[below], place.member(key))
            } else {
                let together: Vec<_> = std::iter::once(below).chain(same).collect();
                ask(&together, place.member(key))
            };
            match found {
                Answer::No => return Answer::No,
                found @ (Answer::ByAbsence | Answer::Found) => answer = answer.max(found),
            }
        }
    }
    answer
}

/// Asks for one of a list of values.
fn ask_list(matchers: &[Matcher], place: Place<'_>) -> Answer {
    if let Some(elements) = place.elements() {
        return among(elements, |element| ask_list(matchers, element));
    }
    match place.leaf() {
        Some(leaf) if matchers.iter().any(|one| one.takes(leaf)) => Answer::Found,
        Some(_) => Answer::No,
        None if matchers.contains(&Matcher::Missing) => Answer::ByAbsence,
        None => Answer::No,
    }
}

/// What holds of an array: what is found in one of its elements, or what is absent from all.
fn among<'a>(elements: &'a [serde_json::Value], ask: impl Fn(Place<'a>) -> Answer) -> Answer {
    if elements.is_empty() {
        return ask(Place::Absent);
    }
    let mut answer = Answer::ByAbsence;
    for element in elements {
        match ask(Place::Json(element)) {
            Answer::Found => return Answer::Found,
            other @ (Answer::No | Answer::ByAbsence) => answer = answer.min(other),
        }
    }
    answer
}

impl<'a> Part<'a> {
    /// The lists that it asks about, by their keys.
    fn lists(self) -> impl Iterator<Item = (&'a str, &'a [Matcher])> {
        self.object
            .fields
            .iter()
            .filter_map(|(key, field)| match field {
                Field::List(matchers) => Some((key.as_str(), matchers.as_slice())),
                Field::Object(_) => None,
            })
    }

    /// What it asks below each key that has an object, in this combination.
    fn objects(self) -> impl Iterator<Item = (&'a str, Self)> {
        let mut rest = self.choice;
        let fields = self.object.fields.iter();
        fields.filter_map(move |(key, field)| match field {
            Field::List(_) => None,
            Field::Object(object) => {
                let choice = rest % object.choices;
                rest /= object.choices;
                Some((key.as_str(), Self { object, choice }))
            }
        })
    }

    /// The alternative that it asks besides, in this combination.
    fn alternative(self) -> Option<Self> {
        let mut choice = self.choice / self.object.choices_below();
        for object in &self.object.either {
            if choice < object.choices {
                return Some(Self { object, choice });
            }
            choice -= object.choices;
        }
        None
    }
}

/// The parts, and the alternatives that they ask besides.
fn with_alternatives<'a>(parts: &[Part<'a>]) -> Vec<Part<'a>> {
    let mut all = parts.to_vec();
    let mut at = 0;
    while let Some(part) = all.get(at) {
        all.extend(part.alternative());
        at += 1;
    }
    all
}

impl Object {
    /// Puts an object together.
    fn of(mut fields: Vec<(String, Field)>, either: Vec<Self>) -> Self {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut object = Self {
            fields,
            either,
            choices: 1,
        };
        let alternatives = object.either.iter().map(|one| one.choices);
        let alternatives = alternatives.fold(0, usize::saturating_add).max(1);
        object.choices = object.choices_below().saturating_mul(alternatives);
        object
    }

    /// How many combinations there are below its keys.
    fn choices_below(&self) -> usize {
        let below = self.fields.iter().map(|(_, field)| match field {
            Field::List(_) => 1,
            Field::Object(object) => object.choices,
        });
        below.fold(1, usize::saturating_mul)
    }

    /// Whether it asks for an object under this key.
    fn asks_object(&self, key: &str) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|(name, field)| name == key && matches!(field, Field::Object(_)))
    }

    /// How many values it compares with.
    fn count(&self) -> usize {
        let fields = self.fields.iter().map(|(_, field)| match field {
            Field::List(matchers) => matchers.iter().map(Matcher::count).sum(),
            Field::Object(object) => object.count(),
        });
        fields.chain(self.either.iter().map(Self::count)).sum()
    }
}

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
pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Pattern> {
    let object = read_object(node, path, Level::Event, faults)?;
    if object.count() > VALUES_MAX {
        return too_many_values(path, node, faults);
    }
    if object.choices > CHOICES_MAX {
        let message = format!(
            "has more than {CHOICES_MAX} combinations of `$or`; split it over several routes"
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
                _ => "filter on `id`, `source`, `type`, `subject`, `time`, `data` or `attributes`",
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
