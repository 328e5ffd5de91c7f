//! Take messages off Amazon SQS in AWS Lambda, each once in effect: an async function of yours
//! behind claims in DynamoDB, waits between tries, fencing, partial batch responses, FIFO order,
//! metrics and dead letters with reasons.
//!
//! ```no_run
//! use serde::Deserialize;
//! use waybill::{Context, Failure};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     id: String,
//!     amount: u64,
//! }
//!
//! async fn book(order: Order, context: Context) -> Result<(), Failure> {
//!     if order.amount == 0 {
//!         return Err(Failure::permanent("no_amount", "the order has no amount"));
//!     }
//!     // Hand the key on to whatever has the effect: it is the same on every try.
//!     println!("{} is booked, once by {}", order.id, context.idempotency_key());
//!     Ok(())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::process::ExitCode {
//!     waybill::handler("book-order", book).key("data.id").run().await
//! }
//! ```
//!
//! That is the whole function. [`HandlerBuilder::poll`] instead of `run` makes it one that polls its
//! queue by itself; [`HandlerBuilder::triggered`] and [`HandlerBuilder::polling`] give the service
//! alone, for a `main` and layers of your own. Where there is no queue, [`once()`] runs an async
//! function once in effect for each key, and answers a repeat with what the first said.
//!
//! What is promised, and what is not, is told in `docs/SEMANTICS.md`: an effect can come twice where
//! a process dies between it and the ledger, so hand the idempotency key on.
#![cfg_attr(
    feature = "testing",
    doc = "\n# Testing\n\nSee [`testing`]: a queue, a ledger and a clock in memory, and a world in which everything \
           goes wrong that can."
)]

mod context;
mod data;
mod failure;
mod handler;
mod once;
mod powertools;
mod run;
#[cfg(feature = "testing")]
pub mod testing;

pub use context::Context;
pub use failure::{Failure, Receipt};
pub use handler::{EventHandler, HandlerBuilder};
pub use once::{Once, OnceBuilder, OnceFunction, Unanswered};
pub use powertools::Powertools;
pub use run::{Polling, Refused, StartError, Triggered};

pub use waybill_aws::connect::ConnectError;
pub use waybill_core::event::{Data, Event};
pub use waybill_core::ledger::OnRejected;
pub use waybill_core::once::{Kept, MissingKey, Results, Terms};
pub use waybill_core::outcome::DeadReason;
pub use waybill_core::retry::{Backoff, OnCode, RetryPolicy};
pub use waybill_core::routes::OnConflict;
pub use waybill_core::time::Timestamp;
pub use waybill_engine::env::ConfigErrors;
pub use waybill_engine::once::{
    Claimed, Effect, Failure as EffectFailure, NoValue, NotBegun, Unwritten,
};
pub use waybill_engine::ports::StoreError;
pub use waybill_engine::telemetry::init as init_logs;

/// A function of SQS messages: `work` is given the data of each event, as its type, and a
/// [`Context`], and says what became of it. The name is what ledger, logs and metrics call the work:
/// 1 to 64 characters of a-z, 0-9 and `-`. Another name is other work, and does it again.
///
/// Data that does not fit the type is dead, `data_unfit`; the ledger keeps the place in it. A panic
/// counts as [`Failure::unknown`], and touches its message alone.
pub fn handler<F, T, R, Fut>(name: impl Into<String>, work: F) -> HandlerBuilder<F, T>
where
    F: Fn(T, Context) -> Fut,
    Fut: Future<Output = Result<R, Failure>>,
    R: Into<Receipt>,
{
    HandlerBuilder::new(name.into(), work)
}

/// Reads JSON that a handler fetched from elsewhere, such as an object of S3's, as the data of an
/// event is read.
///
/// # Errors
///
/// What does not fit is permanent, `data_unfit`; the message names the place and what was expected
/// there, and never what stands there.
pub fn read_json<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, Failure> {
    data::of_json(json).map_err(|why| Failure::permanent("data_unfit", why))
}

/// An operation that is run once in effect for each value that `key`, as JMESPath, finds in a
/// payload, in whatever function it is called. Operations of one name in one namespace are one
/// operation. The name has 1 to 64 characters of a-z, 0-9 and `-`.
///
/// What is wrong with a payload belongs into its type, which is read before anything is claimed: who
/// mends it may ask again. [`Failure::permanent`] is the end of the key, whatever comes with it later.
///
/// ```no_run
/// use std::num::NonZeroU64;
///
/// use serde::{Deserialize, Serialize};
/// use waybill::{Claimed, Failure};
///
/// #[derive(Deserialize)]
/// struct Payment {
///     cents: NonZeroU64,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Paid {
///     cents: NonZeroU64,
///     by: String,
/// }
///
/// async fn pay(payment: Payment, claimed: Claimed) -> Result<Paid, Failure> {
///     Ok(Paid { cents: payment.cents, by: claimed.idempotency_key })
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> std::process::ExitCode {
///     waybill::once("pay", "orderId").agreeing_in("cents").run(pay).await
/// }
/// ```
pub fn once(name: impl Into<String>, key: impl Into<String>) -> OnceBuilder {
    OnceBuilder::new(name.into(), key.into())
}
