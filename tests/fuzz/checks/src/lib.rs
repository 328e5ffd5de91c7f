//! What must hold of any input, however it came about.
//!
//! Each module has one `check`: it takes bytes, does with them what a function would, and panics
//! where something does not hold. The fuzz targets call these, and so does a test that replays the
//! committed corpus: what the fuzzers run cannot rot.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a check fails like a test"
)]

pub mod batch_response;
pub mod envelope;
pub mod lambda_event;
pub mod ledger_row;
pub mod routes;

mod printed;

/// A check: it panics where something does not hold of the input.
pub type Check = fn(&[u8]);

/// Every check by its name, which is its fuzz target's, its dictionary's and its corpus's too.
pub const CHECKS: [(&str, Check); 5] = [
    ("envelope", envelope::check),
    ("routes", routes::check),
    ("lambda_event", lambda_event::check),
    ("batch_response", batch_response::check),
    ("ledger_row", ledger_row::check),
];

/// Between the fields of an input that has several. No JSON has it unescaped.
const SEPARATOR: char = '\u{1f}';
