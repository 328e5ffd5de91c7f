//! Names of things, each with what makes it valid. What exists here is valid.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What SQS calls a message: never empty, because an empty `itemIdentifier` makes Lambda retry
/// the whole batch (F12).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// Takes an id; `None` when it is empty.
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        (!id.is_empty()).then_some(Self(id))
    }

    /// The id as SQS wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What must be shown to delete a message or to change its visibility. Each receive issues a new
/// one (F01).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReceiptHandle(pub String);

/// The ledger's namespace: one name for all functions that share a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer(String);

impl Consumer {
    /// Takes a name of 1 to 128 characters without `#`, which separates it from the event key;
    /// `None` otherwise.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let valid = (1..=128).contains(&name.len()) && !name.contains('#');
        valid.then_some(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one event is known by, at most 256 bytes; made by [`crate::key`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub(crate) String);

impl EventKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ledger's partition key: `consumer#event-key`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey(String);

impl LedgerKey {
    /// Joins a consumer and an event key.
    pub fn new(consumer: &Consumer, key: &EventKey) -> Self {
        Self(format!("{}#{}", consumer.as_str(), key.as_str()))
    }

    /// A key as the ledger holds it.
    pub fn from_stored(pk: impl Into<String>) -> Self {
        Self(pk.into())
    }

    /// The key as the ledger holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose row it is: what stands before the first `#`.
    pub fn consumer(&self) -> &str {
        self.0.split_once('#').map_or("", |(consumer, _)| consumer)
    }

    /// What the event is known by: what stands after it.
    pub fn event_key(&self) -> &str {
        self.0.split_once('#').map_or(&self.0, |(_, key)| key)
    }
}

/// A key, or part of one, as people and scripts are shown it and type it: the parts of a key are
/// joined by NUL, which no command line can carry, and what comes from outside may hold what a
/// terminal obeys. A backslash is `\\`, NUL is `\0`, any other control character `\u{…}`.
pub fn printable(key: &str) -> Cow<'_, str> {
    if !key.contains(|c: char| c == '\\' || c.is_control()) {
        return Cow::Borrowed(key);
    }
    let mut text = String::with_capacity(key.len() + 8);
    for c in key.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\0' => text.push_str("\\0"),
            c if c.is_control() => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// The key that [`printable`] shows so. What it never writes stands for itself.
pub fn from_printable(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        key.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('\\') {
            key.push('\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('0') {
            key.push('\0');
            rest = after;
        } else if let Some((c, after)) = escaped(rest) {
            key.push(c);
            rest = after;
        } else {
            key.push('\\');
        }
    }
    key.push_str(rest);
    key
}

/// The control character that stands as `u{…}` at the beginning of a text, and what follows it.
fn escaped(text: &str) -> Option<(char, &str)> {
    let (digits, after) = text.strip_prefix("u{")?.split_once('}')?;
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    c.is_control().then_some((c, after))
}

/// 128 random bits that name one claim: not the sandbox, not the process, so that a zombie is
/// told apart from its successor even inside one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub u128);

impl OwnerId {
    /// Reads 32 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(Self)
    }
}

/// A route's name, `[a-z0-9-]{1,64}`: the ledger's route key, so that a new name is a new route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RouteName(String);

impl RouteName {
    /// Takes a name; `None` when it is not `[a-z0-9-]{1,64}`.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let letters = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (letters && (1..=64).contains(&name.len())).then_some(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of an operation that is run once in effect ([`crate::once`]), `[a-z0-9-]{1,64}`: part
/// of each of its keys, so that a new name is a new operation, and no two share a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(RouteName);

impl Operation {
    /// Takes a name; `None` when it is not `[a-z0-9-]{1,64}`.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        RouteName::new(name).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The one route that a row of this operation has.
    pub fn route(&self) -> &RouteName {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RouteName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(name.as_str()).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "route name `{name}` must be 1 to 64 characters of a-z, 0-9 and `-`"
            ))
        })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
