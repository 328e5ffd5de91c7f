//! The engine in simulated time: fakes with real semantics, scripted trouble, no waiting.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod consumer;
mod copies;
mod dead;
mod delivery;
mod expiry;
mod fifo;
mod gaps;
mod gates;
mod hostile;
mod leases;
mod live;
mod metrics;
mod once;
mod once_by_target;
mod polling;
mod redrive;
mod routes;
mod scene;
mod scheduled;
mod store_trouble;
mod traces;
mod valve;
mod wide;
