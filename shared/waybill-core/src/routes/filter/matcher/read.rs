//! From an entry of the file to what it asks, or why it is none.

use std::ops::Bound;

use super::{Matcher, Values};
use crate::routes::fields::{Faults, join, short};
use crate::routes::filter::network::Network;
use crate::routes::filter::number::Number;
use crate::routes::filter::wildcard::Wildcard;
use crate::routes::tree::{Key, Node, Value};

/// Reads the list of one key.
pub(in super::super) fn read_list(
    node: &Node,
    path: &str,
    values: Values,
    faults: &mut Faults,
) -> Option<Vec<Matcher>> {
    let entries = read_entries(node, path, faults)?;
    let read = entries.iter().enumerate();
    // Every entry is read before any is missed, so that all faults are told.
    let matchers: Vec<_> = read
        .map(|(index, entry)| read_entry(entry, &format!("{path}[{index}]"), values, faults))
        .collect();
    matchers.into_iter().collect()
}

/// Takes a list that is not empty.
fn read_entries<'a>(node: &'a Node, path: &str, faults: &mut Faults) -> Option<&'a [Node]> {
    let Value::List(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a list, even of one");
    };
    if entries.is_empty() {
        let message = "takes no event while its list is empty; fill it, or leave the key out";
        return faults.refuse(path, node, message);
    }
    Some(entries)
}

/// Reads one entry: a value, or one operator.
fn read_entry(node: &Node, path: &str, values: Values, faults: &mut Faults) -> Option<Matcher> {
    let ((Value::Map(_), _) | (_, Values::Json)) = (&node.value, values) else {
        return faults
            .text(node, path)
            .map(|text| Matcher::Exact(text.to_owned()));
    };
    match &node.value {
        Value::Map(entries) => read_operator(node, entries, path, values, faults),
        Value::Null => Some(Matcher::Null),
        Value::Bool(value) => Some(Matcher::Bool(*value)),
        Value::Integer(_) | Value::Float(_) => read_number(node, path, faults).map(Matcher::Number),
        Value::Text(text) | Value::Filled(text) => Some(Matcher::Exact(text.clone())),
        Value::Unset => None,
        Value::List(_) => faults.wrong_kind(path, node, "a value or an operator"),
    }
}

/// Reads a number.
fn read_number(node: &Node, path: &str, faults: &mut Faults) -> Option<Number> {
    let read = Number::of_file(&node.value);
    read.or_else(|| match &node.value {
        Value::Integer(_) => {
            let message = "is a whole number of 64 bits or more, which is not read to its last \
                           digit; send it as text";
            faults.refuse(path, node, message)
        }
        Value::Filled(_) => faults.refuse(path, node, "must be a number as JSON writes it"),
        Value::Null
        | Value::Bool(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Unset
        | Value::List(_)
        | Value::Map(_) => faults.wrong_kind(path, node, "a number"),
    })
}

/// Reads one operator and what it is given.
fn read_operator(
    node: &Node,
    entries: &[(Key, Node)],
    path: &str,
    values: Values,
    faults: &mut Faults,
) -> Option<Matcher> {
    let [(operator, operand)] = entries else {
        let message = "must have one operator; give each its own entry of the list";
        return faults.refuse(path, node, message);
    };
    let path = &join(path, &operator.name);
    match operator.name.as_str() {
        "prefix" => match inner_case(operand, path, faults)? {
            Inner::Plain(text) => Some(Matcher::Prefix(text)),
            Inner::AnyCase(text) => Some(Matcher::PrefixFolded(text)),
        },
        "suffix" => match inner_case(operand, path, faults)? {
            Inner::Plain(text) => Some(Matcher::Suffix(text)),
            Inner::AnyCase(text) => Some(Matcher::SuffixFolded(text)),
        },
        "equals-ignore-case" => read_folded(operand, path, faults),
        "wildcard" => read_wildcard(operand, path, faults),
        "anything-but" => read_anything_but(operand, path, values, faults),
        "numeric" if values == Values::Text => {
            let message = "compares numbers, and this key is always text; leave it out, or match \
                           text with `wildcard`";
            faults.add(path, operator.at, message);
            None
        }
        "numeric" => read_numeric(operand, path, faults),
        "cidr" => read_cidr(operand, path, faults),
        "exists" => read_exists(operand, path, faults),
        unknown => {
            let message = format!(
                "operator `{}` is not known; known are {OPERATORS}",
                short(unknown)
            );
            faults.add(path, operator.at, message);
            None
        }
    }
}

/// What `prefix` or `suffix` is given.
enum Inner {
    /// Text.
    Plain(String),
    /// Text of any case.
    AnyCase(String),
}

/// Reads text, or text of any case.
fn inner_case(node: &Node, path: &str, faults: &mut Faults) -> Option<Inner> {
    let Value::Map(entries) = &node.value else {
        return faults
            .text(node, path)
            .map(|text| Inner::Plain(text.to_owned()));
    };
    match entries.as_slice() {
        [(key, operand)] if key.name == "equals-ignore-case" => {
            let text = faults.text(operand, &join(path, &key.name))?;
            Some(Inner::AnyCase(text.to_owned()))
        }
        _ => faults.refuse(
            path,
            node,
            "must be text, or `{ equals-ignore-case: text }`",
        ),
    }
}

/// Reads `equals-ignore-case`.
fn read_folded(node: &Node, path: &str, faults: &mut Faults) -> Option<Matcher> {
    let text = faults.text(node, path)?;
    Some(Matcher::Folded(text.to_owned()))
}

/// Reads `wildcard`.
fn read_wildcard(node: &Node, path: &str, faults: &mut Faults) -> Option<Matcher> {
    let text = faults.text(node, path)?;
    let read = Wildcard::parse(text).map_err(|fault| faults.add(path, node.at, fault));
    read.ok()
        .map(|wildcard| Matcher::Wildcard(Box::new(wildcard)))
}

/// Reads `cidr`.
fn read_cidr(node: &Node, path: &str, faults: &mut Faults) -> Option<Matcher> {
    let text = faults.text(node, path)?;
    let read = Network::parse(text).map(Matcher::Cidr);
    read.or_else(|| {
        let message = "must be an address and how many of its bits count, like `10.0.0.0/24` or \
                       `2001:db8::/32`";
        faults.refuse(path, node, message)
    })
}

/// Reads `exists`.
fn read_exists(node: &Node, path: &str, faults: &mut Faults) -> Option<Matcher> {
    match &node.value {
        Value::Bool(true) => Some(Matcher::Present),
        Value::Bool(false) => Some(Matcher::Missing),
        Value::Null
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Filled(_)
        | Value::Unset
        | Value::List(_)
        | Value::Map(_) => faults.refuse(path, node, "must be `true` or `false`, without quotes"),
    }
}

/// Reads `numeric`: `[op, number]`, or a lower and an upper bound.
fn read_numeric(node: &Node, path: &str, faults: &mut Faults) -> Option<Matcher> {
    const SHAPE: &str = "must be `[\"=\", n]`, a bound like `[\">\", n]`, or a lower and an upper \
         one like `[\">=\", n, \"<\", m]`";
    let Value::List(entries) = &node.value else {
        return faults.refuse(path, node, SHAPE);
    };
    let (low, high) = match entries.as_slice() {
        [operator, bound] => {
            let bound = read_number(bound, &format!("{path}[1]"), faults)?;
            match operator.value.as_text() {
                Some("=") => (Bound::Included(bound), Bound::Included(bound)),
                Some(">") => (Bound::Excluded(bound), Bound::Unbounded),
                Some(">=") => (Bound::Included(bound), Bound::Unbounded),
                Some("<") => (Bound::Unbounded, Bound::Excluded(bound)),
                Some("<=") => (Bound::Unbounded, Bound::Included(bound)),
                Some(_) | None => return faults.refuse(path, node, SHAPE),
            }
        }
        [above, low, below, high] => {
            let low = read_number(low, &format!("{path}[1]"), faults)?;
            let high = read_number(high, &format!("{path}[3]"), faults)?;
            if low.order(high).is_ge() {
                let message = "takes no number: the lower bound must be below the upper one";
                return faults.refuse(path, node, message);
            }
            let low = match above.value.as_text() {
                Some(">") => Bound::Excluded(low),
                Some(">=") => Bound::Included(low),
                Some(_) | None => return faults.refuse(path, node, SHAPE),
            };
            let high = match below.value.as_text() {
                Some("<") => Bound::Excluded(high),
                Some("<=") => Bound::Included(high),
                Some(_) | None => return faults.refuse(path, node, SHAPE),
            };
            (low, high)
        }
        _ => return faults.refuse(path, node, SHAPE),
    };
    Some(Matcher::Numeric(Box::new((low, high))))
}

/// Reads `anything-but`: a value, a list of values of one kind, or an operator of text with one
/// or with several.
fn read_anything_but(
    node: &Node,
    path: &str,
    values: Values,
    faults: &mut Faults,
) -> Option<Matcher> {
    let Value::Map(entries) = &node.value else {
        let these = read_one_or_more(node, path, faults, |one, path, faults| {
            read_but_value(one, path, values, faults)
        })?;
        let is_number = |one: &Matcher| matches!(one, Matcher::Number(_));
        if these.iter().any(is_number) && !these.iter().all(is_number) {
            let message = "must be all text or all numbers; give each kind its own entry";
            return faults.refuse(path, node, message);
        }
        return Some(Matcher::AnythingBut(these));
    };
    const KNOWN: &str = "must be text, a number, a list of either, or one of `prefix`, `suffix`, \
         `equals-ignore-case` and `wildcard` with text or a list of texts";
    let [(operator, operand)] = entries.as_slice() else {
        return faults.refuse(path, node, KNOWN);
    };
    let path = &join(path, &operator.name);
    let these = match operator.name.as_str() {
        "prefix" => read_one_or_more(operand, path, faults, |one, path, faults| {
            read_affix(one, path, faults).map(Matcher::Prefix)
        }),
        "suffix" => read_one_or_more(operand, path, faults, |one, path, faults| {
            read_affix(one, path, faults).map(Matcher::Suffix)
        }),
        "equals-ignore-case" => read_one_or_more(operand, path, faults, read_folded),
        "wildcard" => read_one_or_more(operand, path, faults, read_wildcard),
        _ => {
            faults.add(path, operator.at, KNOWN);
            None
        }
    };
    these.map(Matcher::AnythingBut)
}

/// Reads a value that is excluded: text or a number.
fn read_but_value(node: &Node, path: &str, values: Values, faults: &mut Faults) -> Option<Matcher> {
    match (&node.value, values) {
        (Value::Integer(_) | Value::Float(_), Values::Json) => {
            read_number(node, path, faults).map(Matcher::Number)
        }
        (Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_), Values::Json) => {
            faults.wrong_kind(path, node, "text or a number")
        }
        (Value::Text(_) | Value::Filled(_) | Value::Unset, _) | (_, Values::Text) => {
            let text = faults.text(node, path)?;
            Some(Matcher::Exact(text.to_owned()))
        }
    }
}

/// Reads a beginning or an end that is excluded: an empty one would exclude all text.
fn read_affix(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    if text.is_empty() {
        let message = "must not be empty: every text begins and ends with nothing";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}

/// Reads one value, or a list of them that is not empty.
fn read_one_or_more(
    node: &Node,
    path: &str,
    faults: &mut Faults,
    read: impl Fn(&Node, &str, &mut Faults) -> Option<Matcher>,
) -> Option<Vec<Matcher>> {
    if !matches!(node.value, Value::List(_)) {
        return Some(vec![read(node, path, faults)?]);
    }
    let entries = read_entries(node, path, faults)?.iter().enumerate();
    let these: Vec<_> = entries
        .map(|(index, one)| read(one, &format!("{path}[{index}]"), faults))
        .collect();
    these.into_iter().collect()
}

/// Whether a key has the name of an operator.
pub(in super::super) fn is_operator(name: &str) -> bool {
    let mut known = OPERATORS.split('`').skip(1).step_by(2);
    known.any(|operator| operator == name)
}

/// The operators, as they stand in a fault.
const OPERATORS: &str = "`prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, \
     `numeric`, `cidr` and `exists`";
