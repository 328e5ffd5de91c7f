//! An event bus as a target, as data.

use std::time::Duration;

use super::super::fields::{Faults, Fields, join};
use super::super::tree::Node;
use super::{arn, request_timeout};

/// An event bus that events are put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBridgeSpec {
    /// The bus's name, or its ARN.
    pub bus: String,
    /// The source that is said; the event's own where there is none.
    pub source: Option<String>,
    /// The detail type that is said; the event's own type where there is none.
    pub detail_type: Option<String>,
    /// How long one try may take, connection included. 3 s by default.
    pub timeout: Duration,
}

/// Longest name of a bus, and longest source.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html>
const NAME_MAX: usize = 256;

/// Longest detail type, in characters. See [`NAME_MAX`].
const DETAIL_TYPE_MAX: usize = 128;

impl EventBridgeSpec {
    /// Whether a source is one of those that only AWS's own services may say.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
    pub fn is_reserved(source: &str) -> bool {
        source.starts_with("aws.")
    }

    /// Reads `eventbridge`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["bus", "source", "detail_type", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let bus = match fields.get("bus") {
            Some(node) => bus(node, &join(path, "bus"), faults),
            None => fields.missing("bus", "say which bus; `default` is one", faults),
        };
        let mut said = |name: &str, max: usize| match fields.get(name) {
            Some(node) => words(node, &join(path, name), max, faults).map(Some),
            None => Some(None),
        };
        let source = said("source", NAME_MAX);
        let detail_type = said("detail_type", DETAIL_TYPE_MAX);
        if let (Some(Some(source)), Some(node)) = (&source, fields.get("source"))
            && Self::is_reserved(source)
        {
            let message = "begins with `aws.`, which EventBridge takes from AWS alone";
            faults.add(&join(path, "source"), node.at, message);
        }
        let timeout = request_timeout(&fields, faults);
        Some(Self {
            bus: bus?,
            source: source?,
            detail_type: detail_type?,
            timeout,
        })
    }
}

/// Reads the name or the ARN of a bus.
fn bus(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let is_name = |text: &str| arn::is_name(text, NAME_MAX, b"/._-");
    let in_arn = arn::resource(text, "events").and_then(|named| named.strip_prefix("event-bus/"));
    if !is_name(in_arn.unwrap_or(text)) {
        let message = "must be the name of an event bus (1 to 256 of a-z, A-Z, 0-9, `/`, `.`, \
                       `_`, `-`) or its ARN";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}

/// Reads a few words of at most so many characters.
fn words(node: &Node, path: &str, max: usize, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    if !(1..=max).contains(&text.chars().count()) || text.contains(char::is_control) {
        let message = format!("must be 1 to {max} characters on one line");
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}
