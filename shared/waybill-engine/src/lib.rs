//! The loops of Waybill over ports: claim, deliver, settle, hand back.
//!
//! What is decided is decided in `waybill-core`; what is outside is behind [`ports`]. Nothing here
//! names a vendor, and nothing outlives the invocation that began it (F64).

pub mod ports;
