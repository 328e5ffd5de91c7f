//! The routes file: which events go where, and how hard to try.
//!
//! Text and a look-up of variables go in; a valid file or every fault of it comes out, each with
//! its line and what to do. Nothing that is not understood is ignored: an unknown key, operator or
//! target is refused by its name, so that no event is quietly routed by half a rule.

mod dead_letter;
mod delivery;
mod fields;
mod filter;
mod flags;
mod gate;
mod hidden;
mod read;
mod retry;
mod span;
mod substitute;
mod targets;
mod transform;
mod tree;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::gate::GateSpec;
use crate::id::{Consumer, RouteName};
use crate::key::KeyExpression;
use crate::ledger::{DeadLetter, OnRejected, OnceBy};
use crate::retry::RetryPolicy;

pub use dead_letter::DeadLetterTarget;
pub use filter::{FILTER_CHOICES_MAX, FILTER_VALUES_MAX, Filter};
pub use flags::{Flags, Part};
pub use hidden::{Secret, TargetUrl};
pub use targets::{
    DynamoDbSpec, EventBody, EventBridgeSpec, GroupId, HeaderText, HttpBody, HttpSpec, Invocation,
    ItemChange, ItemFault, ItemWrite, KinesisSpec, LambdaSpec, ObjectExpression, Only,
    PartitionKeyMissing, SecretPlace, SecretReference, SigningKey, SigningSecret, SnsSpec, SqsSpec,
    StepFunctionsSpec, TargetSpec,
};
pub use transform::{
    TRANSFORM_DEPTH_MAX, TRANSFORM_GROWTH_MAX, TRANSFORM_MAX, Transform, TransformFailed,
};

/// Longest routes file, in bytes.
pub const TEXT_MAX: usize = 256 * 1024;

/// Longest text of a routes file once its variables are put in, in bytes, and the same for its
/// values together, where an alias counts each time.
pub const FILLED_MAX: usize = 1024 * 1024;

/// Most routes of one file.
pub const ROUTES_MAX: usize = 1000;

/// A routes file that is valid as a whole.
#[derive(Debug, Clone)]
pub struct RoutesFile {
    /// The ledger's namespace, where the file names it.
    pub consumer: Option<Consumer>,
    /// What becomes of an event that no route matches.
    pub unrouted: Unrouted,
    /// How dead messages reach their queue; `None` where the file does not say.
    pub dead_letter: Option<DeadLetter>,
    /// What becomes of an event whose key is known with other data.
    pub on_conflict: OnConflict,
    /// Where an event's key is found, where the file says.
    pub key: Option<KeyExpression>,
    /// At least one, in the order of the file, with distinct names.
    pub routes: Vec<Route>,
    /// The first 12 hexadecimal digits of the SHA-256 of the text after substitution.
    pub version: String,
}

/// One route: which events, to where, and how hard to try.
#[derive(Debug, Clone)]
pub struct Route {
    /// The ledger's key of this route: another name is another route.
    pub name: RouteName,
    /// Which events it takes.
    pub filter: Filter,
    /// Whether data that is not JSON is dead, `malformed`, for this route's messages.
    pub require_json: bool,
    /// What a final refusal of the target means for the message.
    pub on_rejected: OnRejected,
    /// What is delivered instead of the event's data, where that is something else.
    pub transform: Option<Transform>,
    /// How far it is switched on.
    pub flags: Flags,
    /// Where the events go.
    pub target: TargetSpec,
    /// How often and how long apart the target is tried again, and until when.
    pub retry: RetryPolicy,
    /// Where the events go that the target does not take; none, their messages are dead.
    pub dead_letter: Option<DeadLetterTarget>,
    /// What holds it back so that the target is not hurt.
    pub gate: GateSpec,
    /// Who makes an event's effect happen once.
    pub once: OnceBy,
}

/// What becomes of an event that no route matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unrouted {
    /// It is dead, `unrouted`: nothing is lost for want of a route.
    #[default]
    Dead,
    /// It is acknowledged.
    Ack,
}

/// What becomes of an event whose key is known with other data (F47).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It is dead, `key_conflict`.
    #[default]
    Dead,
    /// It is counted and acknowledged.
    Ack,
}

/// What is wrong with a routes file: at least one fault, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutesErrors(Vec<RoutesError>);

/// One fault of a routes file, and its remedy. It never holds the value of a header or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutesError {
    /// The line, counted from 1, where there is one.
    pub line: Option<u64>,
    /// The column, counted from 1, where there is one.
    pub column: Option<u64>,
    /// The place in the file, like `routes[0].target.http.url`; empty for the whole.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl RoutesFile {
    /// Reads YAML 1.2 or JSON.
    ///
    /// `${NAME}` in a value is replaced by what `lookup` answers, after the text is parsed: a
    /// variable can hold any characters and never changes the shape of the file. `$${` stands for
    /// a literal `${`.
    ///
    /// # Errors
    ///
    /// When the text is no YAML, that alone; otherwise the faults that were found, the first
    /// hundred of them in full.
    pub fn parse(
        text: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, RoutesErrors> {
        let mut root = tree::parse(text).map_err(RoutesErrors::one)?;
        let mut faults = fields::Faults::default();
        substitute::in_tree(&mut root, &lookup, &mut faults);
        let filled = substitute::in_text(text, &lookup);
        if filled.is_none() && faults.count() == 0 {
            faults.add("", tree::Place::default(), substitute::too_long());
        }
        let version = version(&filled.unwrap_or_default());
        let file = read::file(&root, version, &mut faults);
        match (file, faults.into_errors()) {
            (Some(file), None) => Ok(file),
            (_, Some(errors)) => Err(errors),
            (None, None) => Err(RoutesErrors(vec![RoutesError {
                line: None,
                column: None,
                path: String::new(),
                message: "routes file could not be read".to_owned(),
            }])),
        }
    }

    /// The route of this name.
    pub fn route(&self, name: &RouteName) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == *name)
    }

    /// The routes that take this event, in the order of the file.
    pub fn matching<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Route> {
        let view = filter::View::of(event);
        let routes = self.routes.iter();
        routes.filter(move |route| route.filter.takes(&view))
    }
}

/// A duration as a routes file writes it: digits and `ms`, `s`, `m` or `h`.
pub fn duration(text: &str) -> Option<std::time::Duration> {
    span::parse(text)
}

/// What decides by which key an event is known.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The ledger's namespace, where the file names it.
    pub consumer: Option<Consumer>,
    /// Where an event's key is found, where the file says.
    pub key: Option<KeyExpression>,
}

impl Identity {
    /// Reads these two of a routes file, and no more: variables that only its routes need may be
    /// unset.
    ///
    /// # Errors
    ///
    /// Where the text is no YAML, or one of the two is wrong.
    pub fn parse(
        text: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, RoutesErrors> {
        let mut root = tree::parse(text).map_err(RoutesErrors::one)?;
        let mut faults = fields::Faults::default();
        if let tree::Value::Map(entries) = &mut root.value {
            entries.retain(|(key, _)| ["consumer", "key"].contains(&key.name.as_str()));
        }
        substitute::in_tree(&mut root, &lookup, &mut faults);
        let identity = read::identity(&root, &mut faults);
        match faults.into_errors() {
            None => Ok(identity),
            Some(errors) => Err(errors),
        }
    }
}

/// Names a text by its content.
fn version(text: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
    digits.truncate(12);
    digits
}

impl RoutesErrors {
    /// One fault.
    fn one(error: RoutesError) -> Self {
        Self(vec![error])
    }

    /// The faults, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &RoutesError> {
        self.0.iter()
    }
}

impl fmt::Display for RoutesErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "routes file is refused: {only}"),
            many => {
                write!(f, "routes file is refused for {} faults:", many.len())?;
                many.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
        }
    }
}

impl std::error::Error for RoutesErrors {}

impl fmt::Display for RoutesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, _) => {}
        }
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RoutesError {}

#[cfg(test)]
mod tests;
