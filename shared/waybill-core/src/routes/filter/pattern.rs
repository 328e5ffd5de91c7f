//! A pattern of EventBridge's: keys are ANDed, the entries of a key's list ORed, and so are the
//! alternatives of `$or`.
//!
//! An array of the event is matched when one of its elements is, and all that a pattern asks below
//! one array must be found in the same element of it. So the alternatives cannot be judged one by
//! one where they stand: each combination of them is judged as a whole.

mod read;

use super::matcher::Matcher;
use super::view::{Place, View};

pub(super) use read::read;

/// A pattern over the whole event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Object);

/// What is asked of an object.
#[derive(Debug, Clone, PartialEq)]
struct Object {
    /// What is asked under each key, in the order of their names, `data` last.
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
        // The data last: it need not be parsed when something else does not hold.
        fields.sort_by(|(one, _), (other, _)| (one == "data", one).cmp(&(other == "data", other)));
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
