//! A route's own dead-letter target: where the events go that its target does not take.

use super::TargetSpec;
use super::fields::{Faults, Fields, join};
use super::hidden::TargetUrl;
use super::retry::Defaults;
use super::tree::{Key, Node, Value};
use crate::retry::RetryPolicy;

/// Where the events of a route go that its target refused for good, or did not take in all its
/// tries: as they came, without the route's transform. Only when this target does not take one
/// either is its message dead.
#[derive(Debug, Clone)]
pub struct DeadLetterTarget {
    /// Where they go.
    pub target: TargetSpec,
    /// How often and how long apart that is tried again.
    pub retry: RetryPolicy,
}

impl DeadLetterTarget {
    /// Reads a route's `dead_letter`. `None` only after a fault was told.
    pub(super) fn read(
        node: &Node,
        path: &str,
        defaults: &Defaults,
        faults: &mut Faults,
    ) -> Option<Self> {
        let fields = Fields::open(node, path, &["target", "retry"], faults)?;
        let retry = defaults.of_dead_letter(&fields, faults);
        let target = match fields.get("target") {
            Some(node) => TargetSpec::read(node, &join(path, "target"), faults),
            None => fields.missing("target", "say where dead letters go", faults),
        };
        let target = target?;
        Some(Self { target, retry })
    }

    /// Reads Knative's `deadLetterSink`, which is tried as the route is: `uri` alone, since there
    /// are no objects here that a `ref` could name.
    pub(super) fn read_sink(
        node: &Node,
        path: &str,
        retry: &RetryPolicy,
        faults: &mut Faults,
    ) -> Option<Self> {
        let fields = Fields::open(node, path, &["uri"], faults)?;
        let Some(uri) = fields.get("uri") else {
            return fields.missing("uri", "say where dead letters go, by POST", faults);
        };
        let path = join(path, "uri");
        let text = faults.text(uri, &path)?;
        if let Err(why) = TargetUrl::new(text) {
            faults.add(&path, uri.at, why);
            return None;
        }
        let at = node.at;
        let under = |name: &str, node: Node| Node {
            value: Value::Map(vec![(
                Key {
                    name: name.to_owned(),
                    at,
                },
                node,
            )]),
            at,
        };
        let target = under("http", under("url", uri.clone()));
        let target = TargetSpec::read(&target, &path, faults)?;
        let retry = retry.clone();
        Some(Self { target, retry })
    }
}

#[cfg(test)]
mod tests;
