//! One entry of a key's list: a value, or an operator and what it is given.

mod read;

use std::ops::Bound;

use super::folded;
use super::network::Network;
use super::number::Number;
use super::view::Leaf;
use super::wildcard::Wildcard;

pub(super) use read::{is_operator, read_list};

/// What an entry asks of a leaf of the event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Matcher {
    /// The same text.
    Exact(String),
    /// The same number.
    Number(Number),
    /// The same boolean.
    Bool(bool),
    /// `null`.
    Null,
    /// Text that begins so.
    Prefix(String),
    /// Text that begins so, whatever the case.
    PrefixFolded(String),
    /// Text that ends so.
    Suffix(String),
    /// Text that ends so, whatever the case.
    SuffixFolded(String),
    /// The same text, whatever the case.
    Folded(String),
    /// Text of this form.
    Wildcard(Box<Wildcard>),
    /// A number within bounds.
    Numeric(Box<(Bound<Number>, Bound<Number>)>),
    /// The text of an address of this network.
    Cidr(Network),
    /// Any value that none of these takes.
    AnythingBut(Vec<Self>),
    /// Any value.
    Present,
    /// That there is no value.
    Missing,
}

/// What values a key can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// Text alone: what asks for anything else is a fault.
    Text,
    /// Any value of JSON.
    Json,
}

impl Matcher {
    /// Whether a leaf is taken.
    pub(super) fn takes(&self, leaf: Leaf<'_>) -> bool {
        match (self, leaf) {
            (Self::Present, _) => true,
            (Self::AnythingBut(these), leaf) => !these.iter().any(|one| one.takes(leaf)),
            (Self::Exact(wanted), Leaf::Text(text)) => text == wanted,
            (Self::Prefix(prefix), Leaf::Text(text)) => text.starts_with(prefix.as_str()),
            (Self::PrefixFolded(prefix), Leaf::Text(text)) => {
                folded::strip_prefix(text, prefix).is_some()
            }
            (Self::Suffix(suffix), Leaf::Text(text)) => text.ends_with(suffix.as_str()),
            (Self::SuffixFolded(suffix), Leaf::Text(text)) => {
                folded::strip_suffix(text, suffix).is_some()
            }
            (Self::Folded(wanted), Leaf::Text(text)) => folded::is_same(text, wanted),
            (Self::Wildcard(wildcard), Leaf::Text(text)) => wildcard.matches(text),
            (Self::Cidr(network), Leaf::Text(text)) => network.contains(text),
            (Self::Number(wanted), Leaf::Number(number)) => {
                Number::of_event(number).is_some_and(|number| number.order(*wanted).is_eq())
            }
            (Self::Numeric(bounds), Leaf::Number(number)) => {
                Number::of_event(number).is_some_and(|number| number.is_within(bounds.0, bounds.1))
            }
            (Self::Bool(wanted), Leaf::Bool(value)) => value == *wanted,
            (Self::Null, Leaf::Null) => true,
            (
                Self::Exact(_)
                | Self::Number(_)
                | Self::Bool(_)
                | Self::Null
                | Self::Prefix(_)
                | Self::PrefixFolded(_)
                | Self::Suffix(_)
                | Self::SuffixFolded(_)
                | Self::Folded(_)
                | Self::Wildcard(_)
                | Self::Numeric(_)
                | Self::Cidr(_)
                | Self::Missing,
                _,
            ) => false,
        }
    }

    /// How many values it compares with.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::AnythingBut(these) => these.len(),
            Self::Exact(_)
            | Self::Number(_)
            | Self::Bool(_)
            | Self::Null
            | Self::Prefix(_)
            | Self::PrefixFolded(_)
            | Self::Suffix(_)
            | Self::SuffixFolded(_)
            | Self::Folded(_)
            | Self::Wildcard(_)
            | Self::Numeric(_)
            | Self::Cidr(_)
            | Self::Present
            | Self::Missing => 1,
        }
    }
}
