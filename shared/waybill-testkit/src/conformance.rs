//! The suites that every implementation of a port passes: the fakes, and the adapters against
//! each stand-in. A fake that fails its suite misleads every test that leans on it.
//!
//! A suite runs all its cases and then fails with the names of those that failed.

mod ledger;
mod queue;

pub use ledger::{Planted, RawRows, ledger};
pub use queue::{MakeQueue, queue, trace_header};

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// The cases of one suite as they ran.
#[derive(Default)]
struct Suite {
    passed: usize,
    failed: Vec<&'static str>,
}

impl Suite {
    /// Runs one case to its end; a panic fails it.
    async fn case(&mut self, name: &'static str, case: impl Future<Output = ()>) {
        match AssertUnwindSafe(case).catch_unwind().await {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed.push(name),
        }
    }

    /// Fails when a case failed; answers how many passed.
    fn end(self) -> usize {
        assert!(self.failed.is_empty(), "cases failed: {:#?}", self.failed);
        self.passed
    }
}
