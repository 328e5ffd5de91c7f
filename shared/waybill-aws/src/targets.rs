//! Targets that are services of AWS's. One try is one request; the routes' own policy tries again.

mod answer;
mod dynamodb;
#[cfg(test)]
pub(crate) mod served;
mod sqs;

use crate::http::HttpTargetError;

pub use dynamodb::{DynamoDbTarget, Markers};
pub use sqs::SqsTarget;

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
}
