//! Where a route's events go, as data.

mod arn;
mod body;
mod dynamodb;
mod eventbridge;
mod http;
mod kinesis;
mod lambda;
mod object;
mod reference;
mod signature;
mod sns;
mod sqs;
mod stepfunctions;

use std::time::Duration;

use super::fields::{Faults, Fields, join};
use super::tree::{Node, Value};

pub use body::EventBody;
pub use dynamodb::{DynamoDbSpec, ItemChange, ItemFault, ItemWrite, Only};
pub use eventbridge::EventBridgeSpec;
pub use http::{HeaderText, HttpBody, HttpSpec};
pub use kinesis::{KinesisSpec, PartitionKeyMissing};
pub use lambda::{Invocation, LambdaSpec};
pub use object::ObjectExpression;
pub use reference::{SecretPlace, SecretReference};
pub use signature::{SigningKey, SigningSecret};
pub use sns::SnsSpec;
pub use sqs::{GroupId, SqsSpec};
pub use stepfunctions::StepFunctionsSpec;

/// Where a route's events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// To a URL, by POST.
    Http(HttpSpec),
    /// To a queue, as a message.
    Sqs(SqsSpec),
    /// Into a table, as an item that is put or updated.
    DynamoDb(DynamoDbSpec),
    /// To a topic, as a message to all its subscribers.
    Sns(SnsSpec),
    /// On an event bus, as an event of its own.
    EventBridge(EventBridgeSpec),
    /// To a function of Lambda's, as its payload.
    Lambda(LambdaSpec),
    /// To a state machine, as an execution's input.
    StepFunctions(StepFunctionsSpec),
    /// Into a data stream, as a record.
    Kinesis(KinesisSpec),
}

/// What the targets are called.
const KNOWN: &str = "`http`, `sqs`, `dynamodb`, `sns`, `eventbridge`, `lambda`, `stepfunctions`, \
                     `kinesis`";

/// How long one try at a service of AWS's may take where a route does not say.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest time-out of a try at a service of AWS's, which answers in milliseconds.
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// How long one try at a function may take where a route does not say.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time-out of a try at a function: as long as a function may run.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const FUNCTION_TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// The shortest time-out: below it every try would time out.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

impl TargetSpec {
    /// How long one try may take at most.
    pub fn timeout(&self) -> Duration {
        match self {
            Self::Http(http) => http.timeout,
            Self::Sqs(sqs) => sqs.timeout,
            Self::DynamoDb(table) => table.timeout,
            Self::Sns(topic) => topic.timeout,
            Self::EventBridge(bus) => bus.timeout,
            Self::Lambda(function) => function.timeout,
            Self::StepFunctions(machine) => machine.timeout,
            Self::Kinesis(stream) => stream.timeout,
        }
    }

    /// Why a repeat can have a second effect at this target, whatever is known of the first; `None`
    /// of a target that makes each effect happen once by itself, for as long as a row of the ledger
    /// lives.
    pub(super) fn repeats(&self) -> Option<&'static str> {
        match self {
            Self::Http(_) => Some(
                "nobody here can tell whether an `http` target honours the idempotency key, and \
                 for how long",
            ),
            Self::Sqs(_) => Some(
                "an `sqs` target forgets the idempotency key after five minutes, or never knows it",
            ),
            Self::DynamoDb(_) | Self::StepFunctions(_) => None,
            Self::Sns(_) => Some(
                "an `sns` target forgets the idempotency key after five minutes, or never knows it",
            ),
            Self::EventBridge(_) => {
                Some("an `eventbridge` target takes a repeat for a second event")
            }
            Self::Lambda(_) => Some(
                "nobody here can tell whether a `lambda` target honours the idempotency key, and \
                 for how long",
            ),
            Self::Kinesis(_) => Some("a `kinesis` target takes a repeat for a second record"),
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
            "sns" => SnsSpec::read(spec, &path, faults).map(Self::Sns),
            "eventbridge" => EventBridgeSpec::read(spec, &path, faults).map(Self::EventBridge),
            "lambda" => LambdaSpec::read(spec, &path, faults).map(Self::Lambda),
            "stepfunctions" => {
                StepFunctionsSpec::read(spec, &path, faults).map(Self::StepFunctions)
            }
            "kinesis" => KinesisSpec::read(spec, &path, faults).map(Self::Kinesis),
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
