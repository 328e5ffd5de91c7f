//! The suites that every implementation of a port passes: the fakes, and the adapters against
//! each stand-in. A fake that fails its suite misleads every test that leans on it.
//!
//! A suite runs all its cases and then fails with the names of those that failed.

mod ledger;
mod queue;

pub use ledger::{Planted, RawRows, ledger};
pub use queue::{MakeQueue, queue, trace_header};

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};

/// One fact, and what shows it.
type Case<'a> = (&'static str, LocalBoxFuture<'a, ()>);

/// Runs every case to its end, side by side, since most of them wait; answers how many there are,
/// or fails with the names of those that failed.
async fn run(cases: Vec<Case<'_>>) -> usize {
    let ran = cases.into_iter().map(|(name, case)| async move {
        let ended = AssertUnwindSafe(case).catch_unwind().await;
        (name, ended.is_ok())
    });
    let ran = join_all(ran).await;
    let failed: Vec<_> = ran.iter().filter(|(_, passed)| !passed).collect();
    assert!(failed.is_empty(), "cases failed: {failed:#?}");
    ran.len()
}
