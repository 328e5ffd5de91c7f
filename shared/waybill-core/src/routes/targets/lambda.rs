//! A function of Lambda's as a target, as data.

use std::time::Duration;

use super::super::fields::{Faults, Fields, join};
use super::super::tree::Node;
use super::body::EventBody;
use super::{FUNCTION_TIMEOUT, FUNCTION_TIMEOUT_MAX, TIMEOUT_MIN, arn};

/// A function that is invoked with each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaSpec {
    /// The function's name, or its ARN; never with a qualifier.
    pub function: String,
    /// Which version or alias; `None` is the latest.
    pub qualifier: Option<String>,
    /// Whether its end is waited for.
    pub invocation: Invocation,
    /// What the payload is.
    pub body: EventBody,
    /// How long one try may take, connection included. 10 s by default.
    pub timeout: Duration,
}

/// Whether the end of a function is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Invocation {
    /// It is: the event is delivered when the function has ended well.
    #[default]
    Request,
    /// It is not: the event is delivered when Lambda has taken it.
    Event,
}

/// Longest name of a function, in characters.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
const NAME_MAX: usize = 64;

/// Longest qualifier, in characters. See [`NAME_MAX`].
const QUALIFIER_MAX: usize = 128;

impl LambdaSpec {
    /// Whether this is the function of that name, in that region: of which account an ARN is, is
    /// not asked.
    pub fn is_function(&self, name: &str, region: &str) -> bool {
        match arn::resource(&self.function, "lambda") {
            Some(resource) => {
                let same_region = self.function.split(':').nth(3) == Some(region);
                same_region && resource.strip_prefix("function:") == Some(name)
            }
            None => self.function == name,
        }
    }

    /// Reads `lambda`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["function", "qualifier", "invocation", "body", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let function = match fields.get("function") {
            Some(node) => function(node, &join(path, "function"), faults),
            None => fields.missing("function", "say which function", faults),
        };
        let qualifier = match fields.get("qualifier") {
            Some(node) => qualifier(node, &join(path, "qualifier"), faults).map(Some),
            None => Some(None),
        };
        let words = [
            ("request", Invocation::Request),
            ("event", Invocation::Event),
        ];
        let invocation = fields.word("invocation", &words, faults);
        let body = EventBody::read(&fields, faults);
        let timeout = fields.duration("timeout", TIMEOUT_MIN, FUNCTION_TIMEOUT_MAX, faults);
        Some(Self {
            function: function?,
            qualifier: qualifier?,
            invocation: invocation.unwrap_or_default(),
            body,
            timeout: timeout.unwrap_or(FUNCTION_TIMEOUT),
        })
    }
}

/// Reads the name or the ARN of a function.
fn function(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let in_arn = arn::resource(text, "lambda").and_then(|named| named.strip_prefix("function:"));
    if !arn::is_name(in_arn.unwrap_or(text), NAME_MAX, b"-_") {
        let message = "must be the name of a function (1 to 64 of a-z, A-Z, 0-9, `-`, `_`) or \
                       its ARN; a version or an alias goes into `qualifier`";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}

/// Reads which version or alias.
fn qualifier(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    if !arn::is_name(text, QUALIFIER_MAX, b"-_$") {
        let message = "must be a version or an alias: 1 to 128 of a-z, A-Z, 0-9, `-`, `_`, `$`; \
                       a number in quotes";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}
