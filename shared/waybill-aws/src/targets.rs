//! Targets that are services of AWS's. One try is one request; the routes' own policy tries again.

mod answer;
mod dynamodb;
#[cfg(feature = "target-eventbridge")]
mod eventbridge;
#[cfg(feature = "target-kinesis")]
mod kinesis;
#[cfg(feature = "target-lambda")]
mod lambda;
mod message;
#[cfg(any(feature = "target-lambda", feature = "target-stepfunctions"))]
mod payload;
#[cfg(test)]
pub(crate) mod served;
#[cfg(feature = "target-sns")]
mod sns;
mod sqs;
#[cfg(feature = "target-stepfunctions")]
mod stepfunctions;

use crate::http::HttpTargetError;

pub use dynamodb::{DynamoDbTarget, Markers};
#[cfg(feature = "target-eventbridge")]
pub use eventbridge::EventBridgeTarget;
#[cfg(feature = "target-kinesis")]
pub use kinesis::KinesisTarget;
#[cfg(feature = "target-lambda")]
pub use lambda::LambdaTarget;
#[cfg(feature = "target-sns")]
pub use sns::SnsTarget;
pub use sqs::SqsTarget;
#[cfg(feature = "target-stepfunctions")]
pub use stepfunctions::StepFunctionsTarget;

/// Why a target cannot be called at all: a person must mend the routes file. The words name no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// An HTTP target's URL or headers.
    #[error(transparent)]
    Http(#[from] HttpTargetError),
    /// A queue that is the source itself: each message would come again for ever.
    #[error("queue_url is the source queue's own; send to another queue")]
    SourceQueue,
    /// A table that is the ledger itself.
    #[error("table is the ledger's own; write into another table")]
    LedgerTable,
    /// A function that is this one: each event would come to it again for ever.
    #[error("function is this one; invoke another")]
    OwnFunction,
    /// A target that this bundle was built without.
    #[error("this bundle is built without its target; build it with `--features {0}`")]
    NotBuilt(&'static str),
}

#[cfg(test)]
#[cfg(all(
    feature = "target-sns",
    feature = "target-eventbridge",
    feature = "target-lambda",
    feature = "target-stepfunctions",
    feature = "target-kinesis"
))]
mod tests;
