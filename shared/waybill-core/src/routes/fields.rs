//! The entries of a mapping, read one by one, and the faults that are told meanwhile.

use std::time::Duration;

use super::tree::{Key, Node, Place, Value};
use super::{RoutesError, RoutesErrors, span};
use crate::limit::cut;

/// The entries of one mapping, none of them unknown.
pub(super) struct Fields<'a> {
    /// Where the mapping is in the file.
    pub(super) path: &'a str,
    /// Where it stands.
    pub(super) at: Place,
    /// Its entries.
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// Takes a mapping; tells each key that is not `known`. `None` only after a fault was told.
    pub(super) fn open(
        node: &'a Node,
        path: &'a str,
        known: &[&str],
        faults: &mut Faults,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return faults.wrong_kind(path, node, "a mapping");
        };
        for (key, _) in entries {
            if !known.contains(&key.name.as_str()) {
                faults.add(&join(path, &key.name), key.at, unknown(known));
            }
        }
        let at = node.at;
        Some(Self { path, at, entries })
    }

    /// The value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|(key, _)| key.name == name);
        entry.map(|(_, node)| node)
    }

    /// Tells that a key is missing.
    pub(super) fn missing<T>(&self, name: &str, why: &str, faults: &mut Faults) -> Option<T> {
        let message = format!("key `{name}` is missing; {why}");
        faults.add(self.path, self.at, message);
        None
    }

    /// Reads one of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
        faults: &mut Faults,
    ) -> Option<T> {
        let node = self.get(name)?;
        let path = join(self.path, name);
        let text = faults.text(node, &path)?;
        let meant = words.iter().find(|(word, _)| *word == text);
        if meant.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            faults.add(&path, node.at, format!("must be {}", words.join(" or ")));
        }
        meant.map(|(_, value)| *value)
    }

    /// Reads a duration within bounds.
    pub(super) fn duration(
        &self,
        name: &str,
        min: Duration,
        max: Duration,
        faults: &mut Faults,
    ) -> Option<Duration> {
        let node = self.get(name)?;
        let path = join(self.path, name);
        let Some(read) = node.value.as_text().and_then(span::parse) else {
            let message = "must be a duration: digits and `ms`, `s`, `m` or `h`, like `10s`";
            return faults.refuse(&path, node, message);
        };
        if !(min..=max).contains(&read) {
            let bounds = format!("{} to {}", span::show(min), span::show(max));
            faults.add(&path, node.at, format!("must be {bounds}"));
            return None;
        }
        Some(read)
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        let node = self.get(name)?;
        node.value.as_bool().or_else(|| {
            let message = "must be `true` or `false`";
            faults.refuse(&join(self.path, name), node, message)
        })
    }

    /// Reads a whole number within bounds.
    pub(super) fn integer(
        &self,
        name: &str,
        min: i64,
        max: i64,
        faults: &mut Faults,
    ) -> Option<i64> {
        let node = self.get(name)?;
        let read = node.value.as_integer();
        read.filter(|number| (min..=max).contains(number))
            .or_else(|| {
                let message = format!("must be a whole number from {min} to {max}");
                faults.refuse(&join(self.path, name), node, message)
            })
    }

    /// Reads a number within bounds.
    pub(super) fn number(
        &self,
        name: &str,
        min: f64,
        max: f64,
        faults: &mut Faults,
    ) -> Option<f64> {
        let node = self.get(name)?;
        let read = node.value.as_number();
        read.filter(|number| (min..=max).contains(number))
            .or_else(|| {
                let message = format!("must be a number from {min} to {max}");
                faults.refuse(&join(self.path, name), node, message)
            })
    }
}

/// What to say of a key that is not known.
fn unknown(known: &[&str]) -> String {
    let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
    format!("key is not known; known here: {}", known.join(", "))
}

/// The path of a key below another.
pub(super) fn join(path: &str, name: &str) -> String {
    let name = short(name);
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// As much of a file's own words as a fault repeats.
pub(super) fn short(words: &str) -> &str {
    cut(words, WORDS_MAX)
}

/// Longest piece of a file that a fault repeats, in bytes: longer than any name that is valid.
const WORDS_MAX: usize = 80;

/// Longest path that a fault names, in bytes.
const PATH_MAX: usize = 512;

/// Most faults that are told; a file of mere faults would have as many as it has values.
const FAULTS_MAX: usize = 100;

/// The faults told so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The first of them.
    told: Vec<(Place, RoutesError)>,
    /// How many came after those.
    more: usize,
}

impl Faults {
    /// Tells a fault.
    pub(super) fn add(&mut self, path: &str, at: Place, message: impl Into<String>) {
        if self.told.len() >= FAULTS_MAX {
            self.more += 1;
            return;
        }
        let known = at.line > 0;
        let error = RoutesError {
            line: known.then_some(at.line),
            column: known.then_some(at.column),
            path: cut(path, PATH_MAX).to_owned(),
            message: message.into(),
        };
        self.told.push((at, error));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.told.len() + self.more
    }

    /// Tells what is wrong with a value, unless a variable of it is not set, which is told
    /// already.
    pub(super) fn refuse<T>(
        &mut self,
        path: &str,
        node: &Node,
        message: impl Into<String>,
    ) -> Option<T> {
        if node.value != Value::Unset {
            self.add(path, node.at, message);
        }
        None
    }

    /// Tells that a value is of the wrong kind.
    pub(super) fn wrong_kind<T>(&mut self, path: &str, node: &Node, wanted: &str) -> Option<T> {
        let message = format!("must be {wanted}, not {}", node.value.kind());
        self.refuse(path, node, message)
    }

    /// Reads text. A number or boolean is not taken for text: `1.10` would become `1.1`.
    pub(super) fn text<'a>(&mut self, node: &'a Node, path: &str) -> Option<&'a str> {
        match &node.value {
            Value::Text(text) | Value::Filled(text) => Some(text),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                self.refuse(path, node, "must be text: put it in quotes")
            }
            Value::Null | Value::Unset | Value::List(_) | Value::Map(_) => {
                self.wrong_kind(path, node, "text")
            }
        }
    }

    /// Those that were told, in the order of the file, and how many more there are; `None` when
    /// there are none.
    pub(super) fn into_errors(mut self) -> Option<RoutesErrors> {
        self.told.sort_by_key(|(at, _)| *at);
        let mut errors: Vec<_> = self.told.into_iter().map(|(_, error)| error).collect();
        if let Some(last) = errors.last()
            && self.more > 0
        {
            errors.push(RoutesError {
                path: String::new(),
                message: format!("{} faults more; mend these first", self.more),
                ..last.clone()
            });
        }
        (!errors.is_empty()).then_some(RoutesErrors(errors))
    }
}
