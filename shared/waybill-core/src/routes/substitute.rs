//! `${NAME}` in the values of a routes file.
//!
//! It is put in after parsing, so that a variable's text stays one value whatever it holds.

use super::fields::Faults;
use super::tree::{Node, Value};

/// Where variables come from.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts variables into every text value below `node`; tells those that are not set.
pub(super) fn in_tree(node: &mut Node, lookup: Lookup<'_>, faults: &mut Faults) {
    in_node(node, "", lookup, faults);
}

/// The same for one node, at its path.
fn in_node(node: &mut Node, path: &str, lookup: Lookup<'_>, faults: &mut Faults) {
    match &mut node.value {
        Value::Text(text) => {
            if let Some(value) = fill(text, lookup, &mut |fault| faults.add(path, node.at, fault)) {
                node.value = value;
            }
        }
        Value::List(entries) => {
            for (index, entry) in entries.iter_mut().enumerate() {
                in_node(entry, &format!("{path}[{index}]"), lookup, faults);
            }
        }
        Value::Map(entries) => {
            for (key, entry) in entries {
                in_node(entry, &super::fields::join(path, &key.name), lookup, faults);
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
fn fill(text: &str, lookup: Lookup<'_>, tell: &mut dyn FnMut(String)) -> Option<Value> {
    if !text.contains("${") {
        return None;
    }
    let mut filled = String::new();
    let mut whole = true;
    for part in Parts(text) {
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Variable { name, .. } => match lookup(name) {
                Some(value) => filled.push_str(&value),
                None => {
                    whole = false;
                    tell(format!(
                        "variable `{name}` is not set; set it, or write `$${{` for a literal `${{`"
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
    }
    Some(if whole {
        Value::Filled(filled)
    } else {
        Value::Unset
    })
}

/// The whole text with its variables put in, to name its version by; what is not set stays.
pub(super) fn in_text(text: &str, lookup: Lookup<'_>) -> String {
    let mut filled = String::new();
    for part in Parts(text) {
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Variable { name, whole } => match lookup(name) {
                Some(value) => filled.push_str(&value),
                None => filled.push_str(whole),
            },
            Part::Broken => filled.push_str("${"),
        }
    }
    filled
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
            return Some(match rest.split_once('}') {
                Some((name, rest)) if is_name(name) => {
                    self.0 = rest;
                    let whole = text.strip_suffix(rest).unwrap_or(text);
                    Part::Variable { name, whole }
                }
                Some(_) | None => {
                    self.0 = rest;
                    Part::Broken
                }
            });
        }
        let end = match (text.find("$${"), text.find("${")) {
            (Some(escape), Some(variable)) => escape.min(variable),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => text.len(),
        };
        let (literal, rest) = text.split_at(end);
        self.0 = rest;
        Some(Part::Literal(literal))
    }
}

/// Whether a variable may be called so.
fn is_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    letters && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}
