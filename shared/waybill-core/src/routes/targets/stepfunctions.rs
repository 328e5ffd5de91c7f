//! A state machine as a target, as data; and when two inputs are the same event's.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;

use super::super::fields::{Faults, Fields, join};
use super::super::tree::Node;
use super::body::EventBody;
use super::{arn, request_timeout};
use crate::digest::canonical;

/// A state machine that is started with each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFunctionsSpec {
    /// Which state machine; with a version or an alias where it is said.
    pub state_machine_arn: String,
    /// What the input is.
    pub body: EventBody,
    /// How long one try may take, connection included. 3 s by default.
    pub timeout: Duration,
}

impl StepFunctionsSpec {
    /// The ARN without a version or an alias.
    pub fn unqualified_arn(&self) -> &str {
        let qualifier = self.state_machine_arn.match_indices(':').nth(6);
        let end = qualifier.map_or(self.state_machine_arn.len(), |(at, _)| at);
        self.state_machine_arn.get(..end).unwrap_or_default()
    }

    /// The ARN of the execution that has this name.
    pub fn execution_arn(&self, name: &str) -> String {
        let execution = self
            .unqualified_arn()
            .replacen(":stateMachine:", ":execution:", 1);
        format!("{execution}:{name}")
    }

    /// Whether an execution that has our name was started by the same event.
    ///
    /// Of structured events their data is compared, however it is written: an event that comes
    /// again in another message may have another time.
    pub fn is_same_input(&self, ours: &str, theirs: &str) -> bool {
        if ours == theirs {
            return true;
        }
        match self.body {
            EventBody::Plain => is_same(ours, theirs),
            EventBody::Structured => {
                let (Some(ours), Some(theirs)) = (members(ours), members(theirs)) else {
                    return false;
                };
                let names = ["data", "data_base64"];
                names
                    .iter()
                    .all(|name| match (ours.get(*name), theirs.get(*name)) {
                        (Some(ours), Some(theirs)) => is_same(ours.get(), theirs.get()),
                        (None, None) => true,
                        (Some(_), None) | (None, Some(_)) => false,
                    })
            }
        }
    }

    /// Reads `stepfunctions`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["state_machine_arn", "body", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let state_machine_arn = match fields.get("state_machine_arn") {
            Some(node) => state_machine_arn(node, &join(path, "state_machine_arn"), faults),
            None => fields.missing("state_machine_arn", "say which state machine", faults),
        };
        let body = EventBody::read(&fields, faults);
        let timeout = request_timeout(&fields, faults);
        Some(Self {
            state_machine_arn: state_machine_arn?,
            body,
            timeout,
        })
    }
}

/// The members of an object, as they are written.
fn members(json: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(json).ok()
}

/// Whether two texts are the same JSON.
fn is_same(one: &str, other: &str) -> bool {
    let one = canonical(one);
    one.is_some() && one == canonical(other)
}

/// Reads the ARN of a state machine.
fn state_machine_arn(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let named = arn::resource(text, "states").and_then(|r| r.strip_prefix("stateMachine:"));
    let mut parts = named.unwrap_or_default().split(':');
    let is_name = |part: Option<&str>| part.is_some_and(|part| arn::is_name(part, 80, b"-_."));
    let (name, qualifier, more) = (parts.next(), parts.next(), parts.next());
    if !is_name(name) || !(qualifier.is_none() || is_name(qualifier)) || more.is_some() {
        let message = "must be the ARN of a state machine, like \
                       `arn:aws:states:eu-west-1:123456789012:stateMachine:orders`";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}
