//! Named mutations: faults that would break a promise, put one by one into a copy of the product.
//!
//! Each must be seen by the test that is named beside it in `tests/mutations/named.yaml`; a fault
//! that no test sees shows a promise that nothing holds. `cargo mutations` plays the list,
//! `docs/TESTING.md` explains it.

pub mod error;
pub mod list;
pub mod report;
pub mod run;
pub mod tree;
