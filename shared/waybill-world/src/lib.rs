//! A world in a box, for functions that take messages off Amazon SQS: the queue, the event source
//! mapping, the sandboxes and the table are simulated in virtual time, everything goes wrong that
//! can, and one seed decides it all.
mod chance;
mod fault;
mod link;
mod mapping;
mod sandbox;
pub mod trial;
mod world;

pub use chance::Chance;
pub use fault::{Fault, Faults};
pub use link::Link;
pub use mapping::{Answer, Function, Mapping, Nobody, Observer, Schedule, sqs_payload};
pub use sandbox::Sandbox;
pub use world::World;
