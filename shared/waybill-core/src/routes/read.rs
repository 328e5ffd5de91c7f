//! From the tree to the file: what each key means, and every fault at once.

use std::collections::BTreeSet;

use super::dead_letter::DeadLetterTarget;
use super::delivery::Delivery;
use super::fields::{Faults, Fields, join};
use super::filter::Filter;
use super::flags::Flags;
use super::gate;
use super::retry::Defaults;
use super::transform::Transform;
use super::tree::{Node, Value};
use super::{Identity, OnConflict, ROUTES_MAX, Route, RoutesFile, TargetSpec, Unrouted};
use crate::id::{Consumer, RouteName};
use crate::key::KeyExpression;
use crate::ledger::{DeadLetter, OnRejected, OnceBy};

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
    let consumer = consumer(&fields, faults);
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
    let key = key(&fields, faults);
    let defaults = Defaults::read(fields.get("defaults"), faults);
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

/// Reads what decides by which key an event is known, and nothing else.
pub(super) fn identity(root: &Node, faults: &mut Faults) -> Identity {
    match Fields::open(root, "", &["consumer", "key"], faults) {
        Some(fields) => Identity {
            consumer: consumer(&fields, faults),
            key: key(&fields, faults),
        },
        None => Identity::default(),
    }
}

/// Reads the ledger's namespace.
fn consumer(fields: &Fields<'_>, faults: &mut Faults) -> Option<Consumer> {
    let node = fields.get("consumer")?;
    let name = faults.text(node, "consumer")?;
    let consumer = Consumer::new(name);
    if consumer.is_none() {
        let message = "must be 1 to 128 characters without `#`";
        faults.add("consumer", node.at, message);
    }
    consumer
}

/// Reads where an event's key is found.
fn key(fields: &Fields<'_>, faults: &mut Faults) -> Option<KeyExpression> {
    let node = fields.get("key")?;
    let text = faults.text(node, "key")?;
    let compiled = KeyExpression::compile(text);
    compiled
        .map_err(|why| faults.add("key", node.at, format!("is no JMESPath: {why}")))
        .ok()
}

/// Reads the list of routes.
fn routes(fields: &Fields<'_>, defaults: &Defaults, faults: &mut Faults) -> Option<Vec<Route>> {
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
    defaults: &Defaults,
    names: &mut BTreeSet<RouteName>,
    faults: &mut Faults,
) -> Option<Route> {
    let known = [
        "name",
        "filter",
        "filters",
        "require",
        "on_rejected",
        "transform",
        "enabled",
        "shadow",
        "percent",
        "target",
        "retry",
        "delivery",
        "max_event_age",
        "dead_letter",
        "breaker",
        "rate",
        "concurrency",
        "once",
    ];
    let fields = Fields::open(node, path, &known, faults)?;
    let name = name(&fields, names, faults);
    let paths = (join(path, "filter"), join(path, "filters"));
    let filter = Filter::read(
        fields.get("filter").map(|node| (node, paths.0.as_str())),
        fields.get("filters").map(|node| (node, paths.1.as_str())),
        faults,
    );
    let require_json = fields.word("require", &[("json", ())], faults).is_some();
    let on_rejected = fields.word(
        "on_rejected",
        &[("dead", OnRejected::Dead), ("ack", OnRejected::Ack)],
        faults,
    );
    let (retry, delivery) = defaults.of_route(&fields, faults);
    let transform = match fields.get("transform") {
        Some(node) => Transform::read(node, &join(path, "transform"), faults).map(Some),
        None => Some(None),
    };
    let flags = flags(&fields, faults);
    let dead_letter = dead_letter(&fields, defaults, delivery.as_ref(), faults);
    let gate = gate::read(&fields, faults);
    let target = match fields.get("target") {
        Some(node) => {
            let node = match &delivery {
                Some(delivery) => &delivery.target(node, faults),
                None => node,
            };
            TargetSpec::read(node, &join(path, "target"), faults)
        }
        None => fields.missing("target", "say where the events go", faults),
    };
    let once = once(&fields, target.as_ref(), faults);
    Some(Route {
        name: name?,
        filter: filter?,
        require_json,
        on_rejected: on_rejected.unwrap_or_default(),
        transform: transform?,
        flags,
        target: target?,
        retry,
        dead_letter: dead_letter?,
        gate,
        once,
    })
}

/// Reads who makes an event's effect happen once, which not every target can.
fn once(fields: &Fields<'_>, target: Option<&TargetSpec>, faults: &mut Faults) -> OnceBy {
    let words = [("ledger", OnceBy::Ledger), ("target", OnceBy::Target)];
    let once = fields.word("once", &words, faults).unwrap_or_default();
    let repeats = target.and_then(TargetSpec::repeats);
    if let (OnceBy::Target, Some(why), Some(node)) = (once, repeats, fields.get("once")) {
        let message = format!("{why}; use `once: ledger`, or leave it out");
        faults.add(&join(fields.path, "once"), node.at, message);
    }
    once
}

/// Reads a route's own dead-letter target, which `delivery` may name in Knative's way. `None` only
/// after a fault was told.
fn dead_letter(
    fields: &Fields<'_>,
    defaults: &Defaults,
    delivery: Option<&Delivery>,
    faults: &mut Faults,
) -> Option<Option<DeadLetterTarget>> {
    let sink = delivery.map_or(Some(None), |delivery| delivery.dead_letter.clone());
    let Some(node) = fields.get("dead_letter") else {
        return sink;
    };
    let path = join(fields.path, "dead_letter");
    if !matches!(sink, Some(None)) {
        let message = "`delivery.deadLetterSink` says it too; leave one of the two out";
        faults.add(&path, node.at, message);
    }
    DeadLetterTarget::read(node, &path, defaults, faults).map(Some)
}

/// Reads how far a route is switched on.
fn flags(fields: &Fields<'_>, faults: &mut Faults) -> Flags {
    let default = Flags::default();
    let percent = fields.integer("percent", 0, 100, faults);
    Flags {
        enabled: fields.boolean("enabled", faults).unwrap_or(default.enabled),
        shadow: fields.boolean("shadow", faults).unwrap_or(default.shadow),
        percent: percent
            .and_then(|percent| u8::try_from(percent).ok())
            .unwrap_or(default.percent),
    }
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
