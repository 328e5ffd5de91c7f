//! Where a route's events go, as data.

mod http;

use std::time::Duration;

use super::fields::{Faults, join};
use super::tree::{Node, Value};

pub use http::HttpSpec;

/// Where a route's events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// To a URL, by POST.
    Http(HttpSpec),
}

/// Targets that are named in the design and are not there yet.
const LATER_TARGETS: [&str; 7] = [
    "sqs",
    "sns",
    "eventbridge",
    "lambda",
    "stepfunctions",
    "kinesis",
    "dynamodb",
];

impl TargetSpec {
    /// How long one try may take at most.
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Http(http) => http.timeout,
        }
    }

    /// Reads a route's `target`: a mapping with the kind as its one key.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return faults.wrong_kind(path, node, "a mapping");
        };
        let [(kind, spec)] = entries.as_slice() else {
            let message = "must have one target; give each target its own route";
            return faults.refuse(path, node, message);
        };
        let path = join(path, &kind.name);
        match kind.name.as_str() {
            "http" => HttpSpec::read(spec, &path, faults).map(Self::Http),
            later if LATER_TARGETS.contains(&later) => {
                let message = format!("target `{later}` is not supported yet; `http` is");
                faults.add(&path, kind.at, message);
                None
            }
            _ => {
                let message = "target is not known; known here: `http`";
                faults.add(&path, kind.at, message);
                None
            }
        }
    }
}
