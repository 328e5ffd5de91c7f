//! The canary: an event that a schedule sends through a queue to see that events come through.
//!
//! It is received, read, claimed, settled and deleted like any other, and goes along no route: it
//! shows that a queue is worked off, whatever becomes of the targets. Source and type are reserved
//! for it.

use crate::event::Event;

/// The `source` and the `type` of a canary. Only both together make one.
pub const NAME: &str = "waybill.canary";

/// Whether an event is a canary.
pub fn is_canary(event: &Event) -> bool {
    event.kind == NAME && event.source == NAME
}

#[cfg(test)]
mod tests;
