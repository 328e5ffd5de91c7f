//! What people did to a row, beside what the loops do: kept in the row itself, so that it is
//! written with the deed or not at all.

use crate::limit::{AUDIT_KEPT, AUDIT_NOTE_MAX, AUDIT_WHO_MAX, cut};
use crate::time::Timestamp;

/// One deed of a person, or of a run that a person began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub deed: Deed,
    /// Who says that they did it, cut to [`AUDIT_WHO_MAX`] bytes.
    pub who: String,
    /// The run, the reason or the edit, cut to [`AUDIT_NOTE_MAX`] bytes; may be empty.
    pub note: String,
}

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Brought the event back to its queue.
    Redriven,
    /// The same, with another body.
    Edited,
    /// Deleted its dead letter.
    Discarded,
    /// Freed it of a claim whose lease had ended.
    Unlocked,
    /// Deleted its row.
    Forgotten,
}

impl AuditRecord {
    /// A deed, with its texts cut to what a row may hold (F50).
    pub fn new(at: Timestamp, deed: Deed, who: &str, note: &str) -> Self {
        Self {
            at,
            deed,
            who: cut(who, AUDIT_WHO_MAX).to_owned(),
            note: cut(note, AUDIT_NOTE_MAX).to_owned(),
        }
    }
}

/// The last deeds with one more, oldest first.
pub(super) fn with(mut audit: Vec<AuditRecord>, entry: AuditRecord) -> Vec<AuditRecord> {
    audit.push(entry);
    let extra = audit.len().saturating_sub(AUDIT_KEPT);
    audit.drain(..extra);
    audit
}

impl Deed {
    /// Every deed, for tables and tests.
    pub const ALL: [Self; 5] = [
        Self::Redriven,
        Self::Edited,
        Self::Discarded,
        Self::Unlocked,
        Self::Forgotten,
    ];

    /// The word that the ledger holds.
    pub fn word(self) -> &'static str {
        match self {
            Self::Redriven => "redriven",
            Self::Edited => "edited",
            Self::Discarded => "discarded",
            Self::Unlocked => "unlocked",
            Self::Forgotten => "forgotten",
        }
    }

    /// Reads [`Deed::word`] back; `None` for a word of another release.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.word() == word)
    }
}
