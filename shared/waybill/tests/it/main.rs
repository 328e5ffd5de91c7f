//! The face as its users see it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod builder;
mod handler;
mod played;
mod powertools;
