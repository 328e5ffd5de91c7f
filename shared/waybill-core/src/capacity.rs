//! How much a load needs, and what it costs: queueing theory, pure and small.
//!
//! [`erlang`] has the formulas of a queue with many servers, [`service`] how long a batch takes,
//! [`retries`] how often an event is received, [`needs`] what the settings must be, [`usage`] what
//! one event uses of what AWS charges for. What they assume stands at each, and together in
//! docs/CAPACITY.md.

pub mod erlang;
pub mod needs;
pub mod retries;
pub mod service;
pub mod usage;
