//! What the world is, and what Waybill's engine does in it.

mod functions;
mod mapping;
mod network;
mod promises;
