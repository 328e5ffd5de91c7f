//! What is delivered of an event instead of its data: one JMESPath over the event, as
//! `transform:` in the routes file.
//!
//! JMESPath's multi-select hashes are the template: they give picks, literals and the whole event
//! in a language that has a specification. What is made is never half of what was asked for: a
//! result that is nothing, too long, or not exact is a failure.
//! <https://jmespath.org/specification.html>

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jmespath::Variable;
use jmespath::ast::Ast;

use super::fields::{Faults, short};
use super::tree::{Node, Value};
use crate::event::{Data, Event};
use crate::key::{growth, is_exact};
use crate::limit::TRANSFORMED_MAX;

/// Longest transform in bytes.
pub const TRANSFORM_MAX: usize = 16 * 1024;

/// Most operators and brackets of a transform that stand in or behind one another, commas apart:
/// JMESPath is parsed and asked by recursion that has no limit of its own.
pub const TRANSFORM_DEPTH_MAX: usize = 64;

/// How many times an event the result of a transform may be, before its length is looked at; see
/// `key/growth.rs`. Each pick counts as one, since each could be the whole event.
pub const TRANSFORM_GROWTH_MAX: u64 = 256;

/// A compiled transform. Its text is not shown, because variables may have been put into it.
#[derive(Clone)]
pub struct Transform(jmespath::Expression<'static>);

/// Why nothing could be made of an event. Says nothing of what the event holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transform {0}")]
pub struct TransformFailed(String);

/// Why a text is no transform.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unusable {
    /// What is wrong; never a word of the text.
    what: String,
    /// What the parser says of it, which may repeat some of the text.
    words: Option<String>,
}

impl Transform {
    /// Compiles a JMESPath over `{id, source, type, subject, time, data}`.
    ///
    /// # Errors
    ///
    /// In words for people, where the text is no JMESPath, is above [`TRANSFORM_MAX`],
    /// [`TRANSFORM_DEPTH_MAX`] or [`TRANSFORM_GROWTH_MAX`], or calls a function that is not there
    /// or with the wrong number of arguments.
    pub fn compile(text: &str) -> Result<Self, String> {
        compile(text).map_err(|fault| match fault.words {
            Some(words) => format!("{}: {}", fault.what, short(&words)),
            None => fault.what,
        })
    }

    /// What is delivered of an event: text where the result is a string, JSON where it is
    /// anything else.
    ///
    /// JSON is written anew: members sorted by name, numbers as [`serde_json::Number`] writes
    /// them. Ends at [`TRANSFORMED_MAX`].
    ///
    /// # Errors
    ///
    /// Where nothing is found (`null`), where a function is given what it does not take, where
    /// the result is too long, and where a number of it could have lost digits. The same event
    /// fails each time.
    pub fn apply(&self, event: &Event) -> Result<Data, TransformFailed> {
        let failed = |why: String| TransformFailed(why);
        let searching = AssertUnwindSafe(|| self.0.search(event.to_value()));
        let found = match catch_unwind(searching) {
            Ok(Ok(found)) => found,
            Ok(Err(fault)) => {
                let why = format!("cannot be asked of this event: {}", fault.reason);
                return Err(failed(why));
            }
            Err(_) => return Err(failed("panicked on this event".to_owned())),
        };
        let made = match found.as_ref() {
            Variable::Null | Variable::Expref(_) => {
                return Err(failed("finds nothing in this event".to_owned()));
            }
            Variable::String(text) => {
                (text.len() <= TRANSFORMED_MAX).then(|| Data::Text(text.as_str().into()))
            }
            Variable::Bool(_) | Variable::Number(_) | Variable::Array(_) | Variable::Object(_) => {
                if !is_exact(&found) {
                    let why = "finds a number that could have lost digits";
                    return Err(failed(why.to_owned()));
                }
                print(&found).map(|text| Data::Json(text.into()))
            }
        };
        made.ok_or_else(|| failed(format!("makes more than {TRANSFORMED_MAX} bytes")))
    }

    /// Reads a route's `transform`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let text = faults.text(node, path)?;
        let fault = match compile(text) {
            Ok(transform) => return Some(transform),
            Err(fault) => fault,
        };
        // What the parser repeats may come from a variable, and so be a secret (F66).
        let message = match (fault.words, &node.value) {
            (Some(words), Value::Text(_)) => format!("{}: {}", fault.what, short(&words)),
            (Some(_), _) => format!("{}, with its variables put in", fault.what),
            (None, _) => fault.what,
        };
        faults.refuse(path, node, message)
    }
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transform(..)")
    }
}

/// Compiles within the bounds, the cheap ones first.
fn compile(text: &str) -> Result<Transform, Unusable> {
    let refuse = |what: String| Unusable { what, words: None };
    if text.len() > TRANSFORM_MAX {
        return Err(refuse(format!("is longer than {TRANSFORM_MAX} bytes")));
    }
    let depth = depth(text);
    if depth > TRANSFORM_DEPTH_MAX {
        return Err(refuse(format!(
            "has {depth} operators and brackets in or behind one another: over \
             {TRANSFORM_DEPTH_MAX}"
        )));
    }
    let compiled = jmespath::compile(text).map_err(|fault| Unusable {
        what: format!(
            "is no JMESPath at its line {}, column {}",
            fault.line.saturating_add(1),
            fault.column.saturating_add(1)
        ),
        words: Some(fault.reason.to_string()),
    })?;
    check(compiled.as_ast())?;
    if growth::growth(compiled.as_ast()) > TRANSFORM_GROWTH_MAX {
        return Err(refuse(format!(
            "repeats the event more than {TRANSFORM_GROWTH_MAX} times, or joins by what is no \
             literal"
        )));
    }
    Ok(Transform(compiled))
}

/// A level of brackets while a text is measured: a list of segments between commas.
#[derive(Default)]
struct Level {
    /// Operators and brackets of this segment so far.
    steps: usize,
    /// The deepest of the brackets in this segment.
    inner: usize,
    /// The deepest of the segments before.
    before: usize,
}

impl Level {
    /// How deep it is so far.
    fn depth(&self) -> usize {
        self.before.max(self.steps.saturating_add(self.inner))
    }
}

/// How deep the parser's recursion and its tree can be, counted too high where in doubt: each
/// operator of a segment may be a level, and so may what its brackets hold.
fn depth(text: &str) -> usize {
    let mut levels = Vec::new();
    let mut level = Level::default();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' | '`' => skip(&mut letters, letter),
            '(' | '[' | '{' => {
                level.steps += 1;
                levels.push(std::mem::take(&mut level));
            }
            ')' | ']' | '}' => level = above(&mut levels, &level),
            ',' => {
                level.before = level.depth();
                level.steps = 0;
                level.inner = 0;
            }
            '.' | '|' | '&' | '!' | '=' | '<' | '>' => level.steps += 1,
            _ => {}
        }
    }
    while !levels.is_empty() {
        level = above(&mut levels, &level);
    }
    level.depth()
}

/// The level above, which knows now how deep this one was. Where there is none, the brackets do
/// not match: the parser stops here, having gone as deep.
fn above(levels: &mut Vec<Level>, level: &Level) -> Level {
    let mut above = levels.pop().unwrap_or_default();
    above.inner = above.inner.max(level.depth());
    above
}

/// Skips what stands between quotes, as JMESPath does: a backslash hides what comes behind it.
fn skip(letters: &mut std::str::Chars<'_>, quote: char) {
    while let Some(letter) = letters.next() {
        if letter == quote {
            return;
        }
        if letter == '\\' {
            letters.next();
        }
    }
}

/// Finds at load what would fail for every event: functions that are not there or have the wrong
/// number of arguments, and slices that step nowhere.
fn check(ast: &Ast) -> Result<(), Unusable> {
    match ast {
        Ast::Identity { .. } | Ast::Field { .. } | Ast::Literal { .. } | Ast::Index { .. } => {
            Ok(())
        }
        Ast::Slice { step, .. } if *step == 0 => Err(Unusable {
            what: "has a slice whose step is 0".to_owned(),
            words: None,
        }),
        Ast::Slice { .. } => Ok(()),
        Ast::Not { node, .. } | Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } => {
            check(node)
        }
        Ast::Expref { ast, .. } => check(ast),
        Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Comparison { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. } => check(lhs).and_then(|()| check(rhs)),
        Ast::Condition {
            predicate, then, ..
        } => check(predicate).and_then(|()| check(then)),
        Ast::MultiList { elements, .. } => elements.iter().try_for_each(check),
        Ast::MultiHash { elements, .. } => elements.iter().try_for_each(|pair| check(&pair.value)),
        Ast::Function { name, args, .. } => {
            called(name, args.len())?;
            args.iter().try_for_each(check)
        }
    }
}

/// Checks one call of a function.
fn called(name: &str, given: usize) -> Result<(), Unusable> {
    let Some((_, arguments)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        return Err(Unusable {
            what: "calls a function that JMESPath does not have".to_owned(),
            words: Some(format!("`{name}`")),
        });
    };
    let (right, wanted) = match *arguments {
        Arguments::Exactly(count) => (given == count, count.to_string()),
        Arguments::AtLeastOne => (given > 0, "1 or more".to_owned()),
    };
    match right {
        true => Ok(()),
        false => Err(Unusable {
            what: format!("gives `{name}` {given} arguments, and it takes {wanted}"),
            words: None,
        }),
    }
}

/// How many arguments a function takes.
#[derive(Clone, Copy)]
enum Arguments {
    Exactly(usize),
    AtLeastOne,
}

/// The functions of JMESPath.
/// <https://jmespath.org/specification.html#built-in-functions>
const FUNCTIONS: [(&str, Arguments); 26] = {
    use Arguments::{AtLeastOne, Exactly};
    [
        ("abs", Exactly(1)),
        ("avg", Exactly(1)),
        ("ceil", Exactly(1)),
        ("contains", Exactly(2)),
        ("ends_with", Exactly(2)),
        ("floor", Exactly(1)),
        ("join", Exactly(2)),
        ("keys", Exactly(1)),
        ("length", Exactly(1)),
        ("map", Exactly(2)),
        ("max", Exactly(1)),
        ("max_by", Exactly(2)),
        ("merge", AtLeastOne),
        ("min", Exactly(1)),
        ("min_by", Exactly(2)),
        ("not_null", AtLeastOne),
        ("reverse", Exactly(1)),
        ("sort", Exactly(1)),
        ("sort_by", Exactly(2)),
        ("starts_with", Exactly(2)),
        ("sum", Exactly(1)),
        ("to_array", Exactly(1)),
        ("to_number", Exactly(1)),
        ("to_string", Exactly(1)),
        ("type", Exactly(1)),
        ("values", Exactly(1)),
    ]
};

/// A value as JSON; `None` where that is above [`TRANSFORMED_MAX`]. It ends there: what is found
/// is shared, and can be much longer printed than it is in memory.
fn print(found: &Variable) -> Option<String> {
    let mut out = Bounded(Vec::new());
    serde_json::to_writer(&mut out, found).ok()?;
    String::from_utf8(out.0).ok()
}

/// Takes [`TRANSFORMED_MAX`] bytes and fails at the next.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > TRANSFORMED_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
