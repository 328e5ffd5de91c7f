//! What Waybill needs of the outside: SQS, DynamoDB, EventBridge Scheduler and HTTP, translated to
//! the engine's ports.
//!
//! An adapter makes one request for each call and decides nothing: whether to try again, what a
//! refusal means and what comes next is the engine's business. [`assemble`] puts whole functions
//! together, [`live`] starts them.

pub mod ambient;
pub mod assemble;
pub mod connect;
pub mod dynamodb;
pub mod http;
pub mod live;
pub mod logs;
#[cfg(feature = "target-lambda")]
pub mod mapping;
pub mod scheduler;
pub mod secrets;
pub mod sqs;
#[cfg(feature = "target-lambda")]
pub mod survey;
pub mod targets;
pub mod traces;
mod transport;

mod chain;
mod kept;
mod signed;
