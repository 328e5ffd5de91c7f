//! What the world is, and what Waybill's engine does in it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop, and says what it saw"
)]

mod command;
mod functions;
mod mapping;
mod network;
mod promises;
