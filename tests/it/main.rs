//! The system, tested from outside.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails like a test"
)]

mod alarms;
mod cli;
mod conformance;
mod consumer;
mod documents;
mod fan_out;
mod fifo;
mod live;
mod metrics;
mod permitted;
mod poller;
mod redriven;
mod reference;
mod scheduled;
mod services;
mod startup;
mod support;
mod template;
mod tidy;
mod traces;
mod valve;
mod yaml;
