//! From the tree to the file: what each key means, and every fault at once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::filter::Filter;
use super::tree::{Key, Node, Place, Value};
use super::{
    OnConflict, ROUTES_MAX, Route, RoutesError, RoutesErrors, RoutesFile, TargetSpec, Unrouted,
    span,
};
use crate::id::{Consumer, RouteName};
use crate::key::KeyExpression;
use crate::ledger::{DeadLetter, OnRejected};
use crate::limit::VISIBILITY_MAX;
use crate::retry::RetryPolicy;

/// Reads the whole file. `None` only after a fault was told.
pub(super) fn file(root: &Node, version: String, faults: &mut Faults) -> Option<RoutesFile> {
    let known = [
        "consumer",
        "unrouted",
        "dead_letter",
        "on_conflict",
        "key",
        "defaults",
        "routes",
    ];
    let fields = Fields::open(root, "", &known, faults)?;
    let consumer = fields.get("consumer").and_then(|node| {
        let name = faults.text(node, "consumer")?;
        let consumer = Consumer::new(name);
        if consumer.is_none() {
            let message = "must be 1 to 128 characters without `#`";
            faults.add("consumer", node.at, message);
        }
        consumer
    });
    let unrouted = fields.word(
        "unrouted",
        &[("dead", Unrouted::Dead), ("ack", Unrouted::Ack)],
        faults,
    );
    let dead_letter = fields.word(
        "dead_letter",
        &[("redrive", DeadLetter::Redrive), ("send", DeadLetter::Send)],
        faults,
    );
    let on_conflict = fields.word(
        "on_conflict",
        &[("dead", OnConflict::Dead), ("ack", OnConflict::Ack)],
        faults,
    );
    let key = fields.get("key").and_then(|node| {
        let text = faults.text(node, "key")?;
        let compiled = KeyExpression::compile(text);
        compiled
            .map_err(|why| faults.add("key", node.at, format!("is no JMESPath: {why}")))
            .ok()
    });
    let defaults = defaults(fields.get("defaults"), faults);
    let routes = routes(&fields, &defaults, faults)?;
    Some(RoutesFile {
        consumer,
        unrouted: unrouted.unwrap_or_default(),
        dead_letter,
        on_conflict: on_conflict.unwrap_or_default(),
        key,
        routes,
        version,
    })
}

/// Reads `defaults.retry` over the built-in policy.
fn defaults(node: Option<&Node>, faults: &mut Faults) -> RetryPolicy {
    let policy = RetryPolicy::default();
    let Some(fields) = node.and_then(|n| Fields::open(n, "defaults", &["retry"], faults)) else {
        return policy;
    };
    match fields.get("retry") {
        Some(node) => retry(node, "defaults.retry", policy, faults),
        None => policy,
    }
}

/// Reads the list of routes.
fn routes(fields: &Fields<'_>, defaults: &RetryPolicy, faults: &mut Faults) -> Option<Vec<Route>> {
    let Some(node) = fields.get("routes") else {
        let message = "key `routes` is missing; a file has at least one route";
        faults.add("", fields.at, message);
        return None;
    };
    let Value::List(entries) = &node.value else {
        return faults.wrong_kind("routes", node, "a list");
    };
    if !(1..=ROUTES_MAX).contains(&entries.len()) {
        let message = format!("must have 1 to {ROUTES_MAX} routes");
        return faults.refuse("routes", node, message);
    }
    let mut names = BTreeSet::new();
    let read: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let path = format!("routes[{index}]");
            route(node, &path, defaults, &mut names, faults)
        })
        .collect();
    read.into_iter().collect()
}

/// Reads one route.
fn route(
    node: &Node,
    path: &str,
    defaults: &RetryPolicy,
    names: &mut BTreeSet<RouteName>,
    faults: &mut Faults,
) -> Option<Route> {
    let known = [
        "name",
        "filter",
        "require",
        "on_rejected",
        "target",
        "retry",
    ];
    let fields = Fields::open(node, path, &known, faults)?;
    let name = name(&fields, names, faults);
    let filter = match fields.get("filter") {
        Some(node) => Filter::read(node, &join(path, "filter"), faults),
        None => Some(Filter::default()),
    };
    let require_json = fields.word("require", &[("json", ())], faults).is_some();
    let on_rejected = fields.word(
        "on_rejected",
        &[("dead", OnRejected::Dead), ("ack", OnRejected::Ack)],
        faults,
    );
    let target = match fields.get("target") {
        Some(node) => TargetSpec::read(node, &join(path, "target"), faults),
        None => fields.missing("target", "say where the events go", faults),
    };
    let retry = match fields.get("retry") {
        Some(node) => retry(node, &join(path, "retry"), *defaults, faults),
        None => *defaults,
    };
    Some(Route {
        name: name?,
        filter: filter?,
        require_json,
        on_rejected: on_rejected.unwrap_or_default(),
        target: target?,
        retry,
    })
}

/// Reads a route's name, which no other route may have.
fn name(
    fields: &Fields<'_>,
    names: &mut BTreeSet<RouteName>,
    faults: &mut Faults,
) -> Option<RouteName> {
    let Some(node) = fields.get("name") else {
        return fields.missing("name", "the ledger knows a route by its name", faults);
    };
    let path = join(fields.path, "name");
    let text = faults.text(node, &path)?;
    let Some(name) = RouteName::new(text) else {
        let message = "must be 1 to 64 characters of a-z, 0-9 and `-`";
        return faults.refuse(&path, node, message);
    };
    if !names.insert(name.clone()) {
        let message = format!("`{name}` is the name of an earlier route; give it its own");
        faults.add(&path, node.at, message);
    }
    Some(name)
}

/// Reads a retry policy over another, key by key.
fn retry(node: &Node, path: &str, base: RetryPolicy, faults: &mut Faults) -> RetryPolicy {
    let known = ["steps", "duration", "factor", "jitter", "cap"];
    let Some(fields) = Fields::open(node, path, &known, faults) else {
        return base;
    };
    let before = faults.count();
    let policy = RetryPolicy {
        steps: fields
            .integer("steps", 0, 100, faults)
            .and_then(|steps| u32::try_from(steps).ok())
            .unwrap_or(base.steps),
        duration: fields
            .duration("duration", Duration::ZERO, VISIBILITY_MAX, faults)
            .unwrap_or(base.duration),
        factor: fields
            .number("factor", 1.0, 100.0, faults)
            .unwrap_or(base.factor),
        jitter: fields
            .number("jitter", 0.0, 1.0, faults)
            .unwrap_or(base.jitter),
        cap: fields
            .duration("cap", Duration::ZERO, VISIBILITY_MAX, faults)
            .unwrap_or(base.cap),
    };
    if faults.count() == before && policy.duration > policy.cap {
        let message = format!(
            "`duration` is {} and `cap` is {}; the first wait must not be above the longest",
            span::show(policy.duration),
            span::show(policy.cap),
        );
        faults.add(path, node.at, message);
    }
    policy
}

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
                faults.add(&join(path, &key.name), key.at, unknown(&key.name, known));
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
    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
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

    /// Reads a whole number within bounds.
    fn integer(&self, name: &str, min: i64, max: i64, faults: &mut Faults) -> Option<i64> {
        let node = self.get(name)?;
        let read = node.value.as_integer();
        read.filter(|number| (min..=max).contains(number))
            .or_else(|| {
                let message = format!("must be a whole number from {min} to {max}");
                faults.refuse(&join(self.path, name), node, message)
            })
    }

    /// Reads a number within bounds.
    fn number(&self, name: &str, min: f64, max: f64, faults: &mut Faults) -> Option<f64> {
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
fn unknown(name: &str, known: &[&str]) -> String {
    if name == "filters" {
        return "the CloudEvents dialect `filters` is not supported yet; use `filter`".to_owned();
    }
    let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
    format!("key is not known; known here: {}", known.join(", "))
}

/// The path of a key below another.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The faults told so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Place, RoutesError)>);

impl Faults {
    /// Tells a fault.
    pub(super) fn add(&mut self, path: &str, at: Place, message: impl Into<String>) {
        let known = at.line > 0;
        let error = RoutesError {
            line: known.then_some(at.line),
            column: known.then_some(at.column),
            path: path.to_owned(),
            message: message.into(),
        };
        self.0.push((at, error));
    }

    /// How many there are.
    fn count(&self) -> usize {
        self.0.len()
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

    /// All of them in the order of the file; `None` when there are none.
    pub(super) fn into_errors(mut self) -> Option<RoutesErrors> {
        self.0.sort_by_key(|(at, _)| *at);
        let errors: Vec<_> = self.0.into_iter().map(|(_, error)| error).collect();
        (!errors.is_empty()).then_some(RoutesErrors(errors))
    }
}
