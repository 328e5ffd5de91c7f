//! `${NAME}` in the values of a routes file.
//!
//! It is put in after parsing, so that a variable's text stays one value whatever it holds.

use super::FILLED_MAX;
use super::fields::{Faults, join, short};
use super::tree::{Node, Value};

/// Where variables come from.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts variables into every text value below `node`; tells those that are not set, and the first
/// that makes the values longer than [`FILLED_MAX`] together.
pub(super) fn in_tree(node: &mut Node, lookup: Lookup<'_>, faults: &mut Faults) {
    in_node(node, "", lookup, &mut Some(FILLED_MAX), faults);
}

/// The same for one node, at its path; `room` is none once there was too little of it.
fn in_node(
    node: &mut Node,
    path: &str,
    lookup: Lookup<'_>,
    room: &mut Option<usize>,
    faults: &mut Faults,
) {
    match &mut node.value {
        Value::Text(text) => {
            let tell = &mut |fault| faults.add(path, node.at, fault);
            if let Some(value) = fill(text, lookup, room, tell) {
                node.value = value;
            }
        }
        Value::List(entries) => {
            for (index, entry) in entries.iter_mut().enumerate() {
                in_node(entry, &format!("{path}[{index}]"), lookup, room, faults);
            }
        }
        Value::Map(entries) => {
            for (key, entry) in entries {
                in_node(entry, &join(path, &key.name), lookup, room, faults);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Filled(_)
        | Value::Unset => {}
    }
}

/// What a text with `${` in it comes to; `None` when it has none.
fn fill(
    text: &str,
    lookup: Lookup<'_>,
    room: &mut Option<usize>,
    tell: &mut dyn FnMut(String),
) -> Option<Value> {
    if !text.contains("${") {
        return None;
    }
    let mut filled = String::new();
    let mut whole = true;
    for part in Parts(text) {
        let Some(left) = *room else {
            return Some(Value::Unset);
        };
        let before = filled.len();
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Variable { name, .. } => match lookup(name) {
                Some(value) => filled.push_str(&value),
                None => {
                    whole = false;
                    tell(format!(
                        "variable `{}` is not set; set it, or write `$${{` for a literal `${{`",
                        short(name)
                    ));
                }
            },
            Part::Broken => {
                whole = false;
                tell(
                    "`${` needs a name of letters, digits and `_`, and a `}`; \
                      write `$${` for a literal `${`"
                        .to_owned(),
                );
            }
        }
        *room = left.checked_sub(filled.len().saturating_sub(before));
        if room.is_none() {
            tell(too_long());
        }
    }
    Some(if whole && room.is_some() {
        Value::Filled(filled)
    } else {
        Value::Unset
    })
}

/// What is said of variables that make a file too long.
pub(super) fn too_long() -> String {
    format!("with its variables put in, the file is longer than {FILLED_MAX} bytes; shorten them")
}

/// The whole text with its variables put in, to name its version by; what is not set stays.
/// `None` when that is longer than [`FILLED_MAX`].
pub(super) fn in_text(text: &str, lookup: Lookup<'_>) -> Option<String> {
    let mut filled = String::new();
    for part in Parts(text) {
        if filled.len() > FILLED_MAX {
            return None;
        }
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Variable { name, whole } => match lookup(name) {
                Some(value) => filled.push_str(&value),
                None => filled.push_str(whole),
            },
            Part::Broken => filled.push_str("${"),
        }
    }
    (filled.len() <= FILLED_MAX).then_some(filled)
}

/// A text cut at its variables.
struct Parts<'a>(&'a str);

/// One piece of a text.
enum Part<'a> {
    /// Stands for itself.
    Literal(&'a str),
    /// `${NAME}`.
    Variable {
        /// The name.
        name: &'a str,
        /// As it was written.
        whole: &'a str,
    },
    /// A `${` that opens no variable.
    Broken,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        if let Some(rest) = text.strip_prefix("$${") {
            self.0 = rest;
            return Some(Part::Literal("${"));
        }
        if let Some(rest) = text.strip_prefix("${") {
            // Looks no further than a name goes: the text may hold many that are not closed.
            let (name, after) = rest.split_at(name_end(rest));
            return Some(match after.strip_prefix('}') {
                Some(after) if is_name(name) => {
                    self.0 = after;
                    let whole = text.strip_suffix(after).unwrap_or(text);
                    Part::Variable { name, whole }
                }
                Some(_) | None => {
                    self.0 = rest;
                    Part::Broken
                }
            });
        }
        let end = match text.find("${") {
            Some(end) if text.get(..end).is_some_and(|before| before.ends_with('$')) => end - 1,
            Some(end) => end,
            None => text.len(),
        };
        let (literal, rest) = text.split_at(end);
        self.0 = rest;
        Some(Part::Literal(literal))
    }
}

/// Where the letters end that a name may have.
fn name_end(text: &str) -> usize {
    let letters = text.bytes().take_while(|b| is_letter(*b));
    letters.count()
}

/// Whether a name may have it.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a variable may be called so, its letters apart.
fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}
