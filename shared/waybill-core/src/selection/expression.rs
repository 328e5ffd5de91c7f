//! What is compared with what.

use std::borrow::Cow;
use std::time::Duration;

use crate::dossier::Dossier;
use crate::id::printable;
use crate::time::Timestamp;

/// An expression, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// All hold.
    All(Vec<Self>),
    /// One holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A field that has texts is compared with them.
    Text(TextField, TextTest),
    /// A field that is a number or a duration, in whole seconds, is compared.
    Number(NumberField, Order, u64),
}

/// A field that has texts, one or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextField {
    /// [`crate::dossier::Why::word`].
    Reason,
    /// The routes that are not done.
    Route,
    /// Codes of the last tries at the routes that are not done.
    Code,
    /// Outcomes of the remembered tries.
    Outcome,
    /// The event's.
    Source,
    /// The event's.
    Type,
    /// The event's.
    Subject,
    /// The event's.
    Id,
    /// The event key.
    Key,
    /// The message id.
    MessageId,
    /// The message group.
    Group,
}

/// A field that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberField {
    /// Seconds since its event died, or else since it was sent.
    Age,
    /// Seconds until its queue drops it.
    Lives,
    /// Tries at the routes that are not done.
    Attempts,
    /// How often it was redriven.
    Redrives,
    /// Bytes of the body.
    Size,
}

/// What is asked of texts: one of them must be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TextTest {
    /// One of these.
    In(Vec<String>),
    /// Of this form, `*` being any characters.
    Like(String),
}

/// How numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// The fields' names, for texts to people.
pub const FIELDS: [&str; 16] = [
    "reason",
    "route",
    "code",
    "outcome",
    "source",
    "type",
    "subject",
    "id",
    "key",
    "message_id",
    "group",
    "age",
    "lives",
    "attempts",
    "redrives",
    "size",
];

/// A field by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Text(TextField),
    Number(NumberField),
}

impl Field {
    /// The field of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "reason" => Self::Text(TextField::Reason),
            "route" => Self::Text(TextField::Route),
            "code" => Self::Text(TextField::Code),
            "outcome" => Self::Text(TextField::Outcome),
            "source" => Self::Text(TextField::Source),
            "type" => Self::Text(TextField::Type),
            "subject" => Self::Text(TextField::Subject),
            "id" => Self::Text(TextField::Id),
            "key" => Self::Text(TextField::Key),
            "message_id" => Self::Text(TextField::MessageId),
            "group" => Self::Text(TextField::Group),
            "age" => Self::Number(NumberField::Age),
            "lives" => Self::Number(NumberField::Lives),
            "attempts" => Self::Number(NumberField::Attempts),
            "redrives" => Self::Number(NumberField::Redrives),
            "size" => Self::Number(NumberField::Size),
            _ => return None,
        })
    }
}

impl Expression {
    /// Whether it holds of a dossier.
    pub(super) fn holds(&self, dossier: &Dossier, now: Timestamp) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(dossier, now)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(dossier, now)),
            Self::Not(part) => !part.holds(dossier, now),
            Self::Text(field, test) => {
                let texts = field.texts(dossier);
                texts.iter().any(|text| test.takes(text))
            }
            Self::Number(field, order, wanted) => field
                .number(dossier, now)
                .is_some_and(|number| order.holds(number, *wanted)),
        }
    }
}

impl TextField {
    /// The texts that a dossier has there.
    fn texts(self, dossier: &Dossier) -> Vec<Cow<'_, str>> {
        let event = dossier.reading.event();
        let text = match self {
            Self::Reason => return vec![dossier.why.word().into()],
            Self::Route => {
                let routes = dossier.undone();
                return routes.map(|route| route.name.as_str().into()).collect();
            }
            Self::Code => {
                let routes = dossier.undone();
                return routes.map(|route| route.last.as_str().into()).collect();
            }
            Self::Outcome => {
                let tried = dossier.attempts().iter();
                return tried.map(|tried| tried.outcome.as_str().into()).collect();
            }
            Self::Key => return vec![printable(dossier.reading.key.as_str())],
            Self::Source => event.map(|event| event.source.as_str()),
            Self::Type => event.map(|event| event.kind.as_str()),
            Self::Subject => event.and_then(|event| event.subject.as_deref()),
            Self::Id => event.map(|event| event.id.as_str()),
            Self::MessageId => Some(dossier.message.message_id.as_str()),
            Self::Group => dossier.message.group_id.as_deref(),
        };
        text.map(Cow::Borrowed).into_iter().collect()
    }
}

impl NumberField {
    /// The number that a dossier has there, where it is known.
    fn number(self, dossier: &Dossier, now: Timestamp) -> Option<u64> {
        let seconds = |wait: Duration| wait.as_secs();
        match self {
            Self::Age => dossier.age(now).map(seconds),
            Self::Lives => dossier.lives(now).map(seconds),
            Self::Attempts => {
                let tries = dossier.undone().map(|route| u64::from(route.attempts));
                Some(tries.sum())
            }
            Self::Redrives => Some(dossier.redrives().into()),
            Self::Size => u64::try_from(dossier.message.body.len()).ok(),
        }
    }
}

impl TextTest {
    /// Whether a text is so.
    fn takes(&self, text: &str) -> bool {
        match self {
            Self::In(these) => these.iter().any(|one| one == text),
            Self::Like(form) => like(text, form),
        }
    }
}

/// Whether a text has a form in which `*` is any characters. Each piece is taken where it stands
/// first, which is enough, and linear.
fn like(text: &str, form: &str) -> bool {
    let Some((first, rest)) = form.split_once('*') else {
        return text == form;
    };
    let Some(mut left) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match left.split_once(piece) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

impl Order {
    /// Whether two numbers compare so.
    fn holds(self, number: u64, wanted: u64) -> bool {
        match self {
            Self::Equal => number == wanted,
            Self::Less => number < wanted,
            Self::AtMost => number <= wanted,
            Self::More => number > wanted,
            Self::AtLeast => number >= wanted,
        }
    }
}
