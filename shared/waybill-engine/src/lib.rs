//! The loops of Waybill over ports: claim, deliver, settle, hand back.
//!
//! What is decided is decided in `waybill-core`; what is outside is behind [`ports`]. Nothing here
//! names a vendor, and nothing outlives the invocation that began it (F64).
//!
//! [`consumer`] turns invocations into batches, [`poller`] receives by itself; [`engine`] runs
//! messages through a [`handler`]; [`router`] is the handler that delivers along the routes of a
//! file, and [`gates`] spare their targets; [`env`](mod@env) reads what a function is told, and
//! [`live`] exchanges routes while it runs. [`traces`] follow an event. [`redrive`] looks at dead letters and brings them back.
//! [`once`] runs any async operation of your
//! own once in effect, without a queue.

mod acker;
mod claims;
pub mod consumer;
pub mod engine;
pub mod env;
mod flow;
pub mod gates;
mod hand_back;
pub mod handler;
mod keeper;
pub mod live;
pub mod once;
pub mod poller;
pub mod ports;
pub mod redrive;
mod remembered;
pub mod router;
mod settle;
pub mod telemetry;
pub mod traces;
pub mod valve;
mod work;
