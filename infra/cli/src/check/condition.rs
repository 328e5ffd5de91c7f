//! Whether the template's conditions, and those of its `Rules`, hold before a deployment.

use super::evaluate::DEPTH_MAX;
use super::template::Template;
use super::tree::Node;
use super::value::{Unknown, Value};

impl Template {
    /// Whether a condition of this name holds.
    pub(crate) fn holds(&self, name: &str) -> Result<bool, Unknown> {
        self.named(name, 0)
    }

    /// Whether an expression of `Conditions` or `Rules` is true.
    pub(crate) fn is_true(&self, node: &Node) -> Result<bool, Unknown> {
        self.truth(node, 0)
    }

    /// Whether a condition of this name holds.
    pub(super) fn named(&self, name: &str, depth: usize) -> Result<bool, Unknown> {
        if depth > DEPTH_MAX {
            return Err(Unknown::new(format!(
                "condition `{name}` goes round in a circle"
            )));
        }
        let written = self.root.get("Conditions").and_then(|all| all.get(name));
        let written =
            written.ok_or_else(|| Unknown::new(format!("there is no condition `{name}`")))?;
        self.truth(written, depth + 1)
    }

    /// Whether an expression is true.
    fn truth(&self, node: &Node, depth: usize) -> Result<bool, Unknown> {
        let [(name, of)] = node.entries() else {
            return self.value(node, depth).is_true();
        };
        match (name.as_str(), of.list()) {
            ("Condition", _) => self.named(of.text().unwrap_or_default(), depth + 1),
            ("Fn::Not", [one]) => Ok(!self.truth(one, depth + 1)?),
            ("Fn::And", all) => every(all.iter().map(|one| self.truth(one, depth + 1))),
            ("Fn::Or", any) => {
                let none = every(any.iter().map(|one| Ok(!self.truth(one, depth + 1)?)));
                Ok(!none?)
            }
            ("Fn::Equals", [one, other]) => {
                equal(&self.value(one, depth + 1), &self.value(other, depth + 1))
            }
            ("Fn::Contains", [list, one]) => {
                let (list, one) = (self.value(list, depth + 1), self.value(one, depth + 1));
                let differ = list
                    .list()?
                    .into_iter()
                    .map(|entry| Ok(!equal(entry, &one)?));
                Ok(!every(differ)?)
            }
            (name, _) => Err(Unknown::new(format!(
                "`{name}` is worked out when it is deployed"
            ))),
        }
    }
}

/// Whether all are true; one that is not decides, whatever is not known of the others.
fn every(all: impl Iterator<Item = Result<bool, Unknown>>) -> Result<bool, Unknown> {
    let mut doubt = None;
    for one in all {
        match one {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(reason) => doubt = Some(reason),
        }
    }
    doubt.map_or(Ok(true), Err)
}

/// Whether two values are the same.
fn equal(one: &Value, other: &Value) -> Result<bool, Unknown> {
    match (one, other) {
        (Value::Open(one), Value::Open(other)) if one == other => Ok(true),
        (one, other) => Ok(one.text()? == other.text()?),
    }
}
