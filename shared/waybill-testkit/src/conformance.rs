//! The suites that every implementation of a port passes: the fakes, and the adapters against
//! each stand-in. A fake that fails its suite misleads every test that leans on it.
//!
//! A suite runs all its cases and then fails with the names of those that failed. Where an
//! implementation is known to deviate from the service, its caller names the case and the reason
//! as a [`Deviation`]; the case is still run, and must fail, so that the list stays true.

mod gates;
mod ledger;
mod queue;
mod runs;
mod scheduler;

pub use gates::gates;
pub use ledger::{Planted, RawRows, ledger};
pub use queue::{MakeQueue, dead_letters_of, fifo_queue, queue};
pub use runs::runs;
pub use scheduler::scheduler;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};

/// One fact, and what shows it.
type Case<'a> = (&'static str, LocalBoxFuture<'a, ()>);

/// A case that an implementation fails, because it does what the service does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// Which case.
    pub case: &'static str,
    /// What the implementation does instead.
    pub why: &'static str,
}

/// Runs every case to its end, side by side, since most of them wait; answers how many there are,
/// or fails with the names of those that failed and of the deviations that are none.
async fn run(cases: Vec<Case<'_>>, deviations: &[Deviation]) -> usize {
    let unknown = |d: &&Deviation| cases.iter().all(|(name, _)| *name != d.case);
    let unknown: Vec<_> = deviations.iter().filter(unknown).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:#?}");
    let ran = cases.into_iter().map(|(name, case)| async move {
        let ended = AssertUnwindSafe(case).catch_unwind().await;
        let deviates = deviations.iter().any(|d| d.case == name);
        match (ended.is_ok(), deviates) {
            (true, false) | (false, true) => None,
            (false, false) => Some(format!("`{name}` failed")),
            (true, true) => Some(format!("`{name}` passed: it is no deviation any more")),
        }
    });
    let ran = join_all(ran).await;
    let wrong: Vec<_> = ran.iter().flatten().collect();
    assert!(wrong.is_empty(), "cases: {wrong:#?}");
    ran.len()
}

#[cfg(test)]
mod tests;
