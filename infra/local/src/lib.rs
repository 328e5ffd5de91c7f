//! Brings the bundle up on a local AWS stand-in: builds the functions, deploys `template.yaml`
//! through CloudFormation, watches what the functions ask of AWS, plays the target that events are
//! delivered to. `cargo demo` and the system tests use it; nothing that is deployed does.
//!
//! A run is made of five pieces, in this order:
//!
//! 1. [`Workspace::find`]: where the project and its target folder are.
//! 2. [`functions::build`]: the functions' binaries, built by a nested cargo.
//! 3. [`LocalAws::start`]: MiniStack in a process group of its own, behind a [`Proxy`] that counts
//!    the functions' requests and can spoil them.
//! 4. [`Receiver::start`]: the HTTP target, which answers by a script.
//! 5. [`Bundle::deploy`]: the stack, with its queues, its ledger and its logs.
//!
//! Everything ends when its value is dropped, and, where the process is killed before that, when
//! the pipe that each child holds on to breaks.

mod dice;
mod error;
mod kept;
mod lock;
mod say;
mod server;
mod venv;
mod workspace;

pub mod account;
pub mod api;
pub mod bundle;
pub mod command;
pub mod demo;
pub mod drill;
pub mod functions;
pub mod local_aws;
pub mod pressure;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod runtime_api;
pub mod soak;
pub mod stub;
pub mod template;

pub use bundle::{
    Bundle, DeployOptions, GroupedMessage, Invocation, LedgerRow, LedgerTable, Mode, Queue,
    QueueDepth, QueueType,
};
pub use error::LocalError;
pub use functions::{BuiltFunctions, Profile};
pub use local_aws::{LocalAws, Sandbox};
pub use proxy::{Asked, Call, Counts, Deletion, EntryFault, Fault, FaultAction, FaultId, Proxy};
pub use receiver::{Exchange, Gate, Received, Receiver, Reply};
pub use runtime_api::{Answer, Environment, Function, Program};
pub use say::say;
pub use venv::Venv;
pub use workspace::Workspace;
