//! Where a route's events go, as data.

mod body;
mod dynamodb;
mod http;
mod object;
mod signature;
mod sqs;

use std::time::Duration;

use super::fields::{Faults, Fields, join};
use super::tree::{Node, Value};

pub use body::EventBody;
pub use dynamodb::{DynamoDbSpec, ItemChange, ItemFault, ItemWrite, Only};
pub use http::{HttpBody, HttpSpec};
pub use object::ObjectExpression;
pub use signature::SigningKey;
pub use sqs::{GroupId, SqsSpec};

/// Where a route's events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// To a URL, by POST.
    Http(HttpSpec),
    /// To a queue, as a message.
    Sqs(SqsSpec),
    /// Into a table, as an item that is put or updated.
    DynamoDb(DynamoDbSpec),
}

/// Targets that are named in the design and are not there yet.
const LATER_TARGETS: [&str; 5] = ["sns", "eventbridge", "lambda", "stepfunctions", "kinesis"];

/// Targets that are there.
const KNOWN: &str = "`http`, `sqs`, `dynamodb`";

/// How long one try at a service of AWS's may take where a route does not say.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest time-out of a try at a service of AWS's, which answers in milliseconds.
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The shortest time-out: below it every try would time out.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

impl TargetSpec {
    /// How long one try may take at most.
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Http(http) => http.timeout,
            Self::Sqs(sqs) => sqs.timeout,
            Self::DynamoDb(table) => table.timeout,
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
            "sqs" => SqsSpec::read(spec, &path, faults).map(Self::Sqs),
            "dynamodb" => DynamoDbSpec::read(spec, &path, faults).map(Self::DynamoDb),
            later if LATER_TARGETS.contains(&later) => {
                let message = format!("target `{later}` is not supported yet; known: {KNOWN}");
                faults.add(&path, kind.at, message);
                None
            }
            _ => {
                let message = format!("target is not known; known here: {KNOWN}");
                faults.add(&path, kind.at, message);
                None
            }
        }
    }
}

/// Reads `timeout` of a target that is a service of AWS's.
fn request_timeout(fields: &Fields<'_>, faults: &mut Faults) -> Duration {
    fields
        .duration("timeout", TIMEOUT_MIN, REQUEST_TIMEOUT_MAX, faults)
        .unwrap_or(REQUEST_TIMEOUT)
}

#[cfg(test)]
mod tests;
