//! What one event is known by.
//!
//! The message attribute [`KEY_ATTRIBUTE`] comes first, word for word: redriving a message by
//! sending it anew must not make it a new event. Then the configured expression, then the
//! natural key of the form ([`crate::envelope`]).
//!
//! A key begins with where it comes from (`key:`, `ce:`, `eb:`, `sns:`, `plain:`, `sqs:`, `op:`), so
//! that keys of different origin never meet. These prefixes, the order of the parts and the
//! hashing of long keys are stored in ledgers: changing them makes every event a new one.

use jmespath::{Rcvar, Variable};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::digest;
use crate::envelope::{self, Parsed};
use crate::id::{Consumer, EventKey, RouteName};
use crate::limit::EVENT_KEY_MAX;
use crate::message::{AttributeValue, Message, MessageAttribute};

pub(crate) mod growth;

/// The message attribute that carries a key.
pub const KEY_ATTRIBUTE: &str = "waybill-key";

/// Longest key expression in bytes.
pub const EXPRESSION_MAX: usize = 1024;

/// Most operators and brackets in a key expression: JMESPath is parsed and asked by recursion
/// that has no limit of its own, and at some hundreds of levels takes the process down.
pub const EXPRESSION_STEPS_MAX: usize = 64;

/// How many times an event the result of a key expression may be; see `key/growth.rs`.
pub const EXPRESSION_GROWTH_MAX: u64 = 64;

/// The configured key is not in this event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyMissing(pub String);

/// The key of a message.
///
/// `parsed` is absent where the body is malformed: then no expression is asked. Fails where the
/// attribute is there but is no key (empty, longer than [`EVENT_KEY_MAX`], not text), and where
/// an expression is configured that finds nothing; it never falls back to a lesser key, because
/// that would be a second effect (F48).
pub fn event_key(
    message: &Message,
    parsed: Option<&Parsed>,
    expression: Option<&KeyExpression>,
) -> Result<EventKey, KeyMissing> {
    if let Some(attribute) = message.attributes.get(KEY_ATTRIBUTE) {
        return carried(attribute);
    }
    match (parsed, expression) {
        (None, _) => Ok(message_key(message)),
        (Some(parsed), None) => Ok(join("", &parsed.natural_key)),
        (Some(parsed), Some(expression)) => Ok(join("key:", &expression.find(parsed)?)),
    }
}

/// The key of a message that has no other: SQS's message id.
pub fn message_key(message: &Message) -> EventKey {
    join("", &[envelope::message_name(message)])
}

/// The attribute under [`KEY_ATTRIBUTE`] that carries a key with a message that is sent anew.
///
/// SQS refuses many control characters in text, U+0000 among them, which joins the parts of a
/// key; such a key travels as bytes (F75).
pub fn key_attribute(key: &EventKey) -> MessageAttribute {
    let text = key.as_str();
    let refused = |letter: char| {
        let control = letter < ' ' && !['\t', '\n', '\r'].contains(&letter);
        control || ['\u{fffe}', '\u{ffff}'].contains(&letter)
    };
    let (data_type, value) = if text.contains(refused) {
        ("Binary", AttributeValue::Bytes(text.as_bytes().to_vec()))
    } else {
        ("String", AttributeValue::Text(text.to_owned()))
    };
    MessageAttribute {
        data_type: data_type.to_owned(),
        value,
    }
}

/// What a target is told to know a delivery by: the same on every try, 64 hexadecimal digits.
pub fn idempotency_key(consumer: &Consumer, key: &EventKey, route: &RouteName) -> String {
    let parts = [consumer.as_str(), key.as_str(), route.as_str()];
    hex::encode(Sha256::digest(parts.join("\0")))
}

/// What a route's own dead-letter target is told to know a delivery by: the same on every try, and
/// never that of the route's target. No route's name has an underscore.
pub fn dead_letter_key(consumer: &Consumer, key: &EventKey, route: &RouteName) -> String {
    let parts = [
        consumer.as_str(),
        key.as_str(),
        route.as_str(),
        "dead_letter",
    ];
    hex::encode(Sha256::digest(parts.join("\0")))
}

/// A compiled JMESPath over the event, as `key:` in the routes file.
#[derive(Debug, Clone)]
pub struct KeyExpression(jmespath::Expression<'static>);

impl KeyExpression {
    /// Compiles an expression within [`EXPRESSION_MAX`], [`EXPRESSION_STEPS_MAX`] and
    /// [`EXPRESSION_GROWTH_MAX`]; the error says what is wrong with it.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.len() > EXPRESSION_MAX {
            return Err(format!(
                "key expression is longer than {EXPRESSION_MAX} bytes"
            ));
        }
        let step = ['.', '|', '&', '!', '=', '<', '>', '(', '[', '{'];
        let steps = text.matches(step).count();
        if steps > EXPRESSION_STEPS_MAX {
            return Err(format!(
                "key expression has {steps} operators and brackets: over {EXPRESSION_STEPS_MAX}"
            ));
        }
        let compiled = jmespath::compile(text)
            .map_err(|fault| format!("key expression `{text}`: {}", fault.reason))?;
        if growth::growth(compiled.as_ast()) > EXPRESSION_GROWTH_MAX {
            return Err(format!(
                "key expression `{text}` repeats the event more than {EXPRESSION_GROWTH_MAX} \
                 times, or joins by what is no literal"
            ));
        }
        Ok(Self(compiled))
    }

    /// The expression's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What it finds in a value, as JSON; the error says why that cannot be written exactly.
    pub(crate) fn json_in(&self, value: &Value) -> Result<Value, String> {
        let found = self.0.search(value);
        let found = found.map_err(|fault| format!("cannot be asked here: {}", fault.reason))?;
        let json = is_exact(&found).then(|| serde_json::to_value(&found).ok());
        json.flatten()
            .ok_or_else(|| "cannot be written exactly".to_owned())
    }

    /// What it finds in a value: as canonical JSON, so that two values are one text only when they
    /// are one value.
    pub(crate) fn find_in(&self, value: &Value) -> Found {
        let found = match self.0.search(value) {
            Ok(found) => found,
            Err(fault) => {
                return Found::Unusable(format!("cannot be asked here: {}", fault.reason));
            }
        };
        let text = is_exact(&found).then(|| canonical(&found)).flatten();
        match text {
            Some(text) if is_nothing(&found) => Found::Nothing(text),
            Some(text) => Found::Value(text),
            None => Found::Unusable("cannot be written exactly".to_owned()),
        }
    }

    /// The parts that it finds in an event.
    fn find(&self, parsed: &Parsed) -> Result<Vec<String>, KeyMissing> {
        let missing = |why: &str| KeyMissing(format!("key `{}` {why}", self.as_str()));
        let found = self
            .0
            .search(parsed.event.to_value())
            .map_err(|fault| missing(&format!("cannot be asked here: {}", fault.reason)))?;
        if is_nothing(&found) {
            return Err(missing("is not in the event"));
        }
        let parts: Option<Vec<_>> = match found.as_ref() {
            Variable::Array(list) => list.iter().map(part).collect(),
            Variable::Null
            | Variable::String(_)
            | Variable::Bool(_)
            | Variable::Number(_)
            | Variable::Object(_)
            | Variable::Expref(_) => part(&found).map(|part| vec![part]),
        };
        parts.ok_or_else(|| missing("cannot be written exactly"))
    }
}

/// What an expression finds in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something, as canonical JSON.
    Value(String),
    /// Null, nothing, or a list or an object of only that; as canonical JSON.
    Nothing(String),
    /// It cannot be asked of this value, or what it finds cannot be written exactly; why.
    Unusable(String),
}

/// Whether there is nothing in it to know an event by: null, nothing, or a list or an object of
/// only that.
fn is_nothing(found: &Variable) -> bool {
    match found {
        Variable::Null | Variable::Expref(_) => true,
        Variable::String(text) => text.is_empty(),
        Variable::Object(members) => members.values().all(|one| is_nothing(one)),
        Variable::Array(list) => list.iter().all(|one| is_nothing(one)),
        Variable::Bool(_) | Variable::Number(_) => false,
    }
}

/// One part of a key; `None` where two different values would be one part.
fn part(found: &Rcvar) -> Option<String> {
    match found.as_ref() {
        Variable::Null => Some(String::new()),
        Variable::String(text) => (!text.contains('\0')).then(|| text.clone()),
        Variable::Bool(yes) => Some(yes.to_string()),
        Variable::Number(number) => is_exact(found).then(|| number.to_string()),
        Variable::Array(_) | Variable::Object(_) => {
            is_exact(found).then(|| canonical(found)).flatten()
        }
        Variable::Expref(_) => None,
    }
}

/// Whether its numbers are as they were written: two long ones can be read as one.
pub(crate) fn is_exact(found: &Variable) -> bool {
    /// From here on not every integer is a float, so two of them can be read as one.
    const FLOAT_EXACT: f64 = 9_007_199_254_740_992.0;
    match found {
        Variable::Number(number) => {
            number.is_i64()
                || number.is_u64()
                || number
                    .as_f64()
                    .is_some_and(|float| float.abs() < FLOAT_EXACT)
        }
        Variable::Array(list) => list.iter().all(|one| is_exact(one)),
        Variable::Object(members) => members.values().all(|one| is_exact(one)),
        Variable::Null | Variable::String(_) | Variable::Bool(_) => true,
        Variable::Expref(_) => false,
    }
}

/// A value as canonical JSON: members sorted by the bytes of their names.
fn canonical(found: &Rcvar) -> Option<String> {
    digest::canonical(&serde_json::to_string(found).ok()?)
}

/// Takes a key that came with the message.
fn carried(attribute: &MessageAttribute) -> Result<EventKey, KeyMissing> {
    let text = match &attribute.value {
        AttributeValue::Text(text) => text,
        AttributeValue::Bytes(bytes) => str::from_utf8(bytes)
            .map_err(|_| KeyMissing(format!("attribute `{KEY_ATTRIBUTE}` is not utf-8")))?,
    };
    if text.is_empty() || text.len() > EVENT_KEY_MAX {
        let fault = format!("attribute `{KEY_ATTRIBUTE}` is not 1 to {EVENT_KEY_MAX} bytes long");
        return Err(KeyMissing(fault));
    }
    Ok(EventKey(text.to_owned()))
}

/// Joins parts; what is too long is hashed.
pub(crate) fn join(prefix: &str, parts: &[String]) -> EventKey {
    let key = format!("{prefix}{}", parts.join("\0"));
    if key.len() <= EVENT_KEY_MAX {
        return EventKey(key);
    }
    EventKey(format!("sha256:{}", hex::encode(Sha256::digest(&key))))
}

#[cfg(test)]
mod tests;
