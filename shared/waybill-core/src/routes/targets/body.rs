//! What of an event is put into a message, a payload or a record.

use super::super::fields::{Faults, Fields};

/// What of an event a service is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventBody {
    /// The whole event, as a structured CloudEvent.
    #[default]
    Structured,
    /// The data alone.
    Plain,
}

impl EventBody {
    /// Reads `body`.
    pub(super) fn read(fields: &Fields<'_>, faults: &mut Faults) -> Self {
        let words = [("structured", Self::Structured), ("plain", Self::Plain)];
        fields.word("body", &words, faults).unwrap_or_default()
    }
}
