//! Fakes with real semantics and the conformance suites that every implementation of a port
//! passes.
//!
//! A fake answers as the service does, refusals and lost leases included, and lives in memory; a
//! test that needs trouble wraps it in [`Faulty`] and scripts the trouble call by call. Time comes
//! from [`TestAmbient`], which tokio's paused clock drives, so that no test waits.

pub mod conformance;
pub mod fixtures;

mod ambient;
mod faulty;
mod gates;
mod ledger;
mod queue;
mod runs;
mod scheduler;

pub use ambient::TestAmbient;
pub use faulty::{Call, Fault, Faulty, Trouble};
pub use gates::{FakeGates, GateCounts};
pub use ledger::{FakeLedger, LedgerCounts};
pub use queue::{FakeQueue, QueueAsk, QueueCounts, QueueRequest, Standing};
pub use runs::FakeRuns;
pub use scheduler::FakeScheduler;
