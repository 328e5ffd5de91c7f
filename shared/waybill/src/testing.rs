//! Tests of handlers without AWS: a [`Bench`] with a queue, a ledger and a clock in memory, and
//! [`play`], a world in which processes die, answers are lost and messages come twice.
//!
//! ```
//! use serde::Deserialize;
//! use serde_json::json;
//! use waybill::testing::Bench;
//! use waybill::{Context, Failure};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     amount: u64,
//! }
//!
//! async fn book(order: Order, _: Context) -> Result<(), Failure> {
//!     match order.amount {
//!         0 => Err(Failure::permanent("no_amount", "the order has no amount")),
//!         _ => Ok(()),
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
//! # .block_on(async {
//! // in a test of `#[tokio::test(start_paused = true)]`
//! let bench = Bench::new(waybill::handler("book-order", book).key("data.id")).unwrap();
//! bench.send(json!({"id": "o-1", "amount": 3}));
//! bench.send(json!({"id": "o-1", "amount": 3}));
//! bench.send(json!({"id": "o-2", "amount": 0}));
//! let report = bench.run_until_empty().await;
//! assert_eq!((report.done, report.dead), (1, 1));
//! assert_eq!(bench.dead()[0].code, "no_amount");
//! # })
//! ```

mod bench;
mod powertools;
mod simulated;

pub use bench::{BATCHES_MAX, Bench, Dead, Report};
pub use powertools::OldTable;
pub use simulated::{Played, play};

pub use waybill_testkit::{FakeLedger, FakeQueue, TestAmbient};
pub use waybill_world::{Fault, Faults};
