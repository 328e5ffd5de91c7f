//! What a run is told to do.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::pace::RATE_MAX;
use crate::edit::Edit;
use crate::selection::{Selection, Wanted};

/// What is done with the dead letters that are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// They go back to the source queue.
    #[default]
    Redrive,
    /// They are deleted, and their rows say so.
    Discard,
}

/// What a run is told to do, as people and scripts say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// What is done with what is selected.
    pub work: Work,
    /// Which dead letters.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// So many first; the others only when all of these are delivered. 0 is none.
    pub canary: u32,
    /// How long the canaries have, in seconds.
    pub canary_seconds: u32,
    /// So many in a second, 1 to [`RATE_MAX`].
    pub rate: u32,
    /// How long the rate grows from nothing, in seconds.
    pub ramp_seconds: u32,
    /// Stop when so many have failed again; 0 is never.
    pub stop_after: u32,
    /// An event that was redriven so often already stays (F70).
    pub max_redrives: u32,
    /// What is changed on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            work: Work::Redrive,
            wanted: Wanted::default(),
            limit: None,
            canary: 0,
            canary_seconds: 300,
            rate: 50,
            ramp_seconds: 10,
            stop_after: 3,
            max_redrives: 5,
            edit: None,
        }
    }
}

impl Order {
    /// Checks it, and makes its selection ready.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, by its name, and what would be right.
    pub fn selection(&self) -> Result<Selection, String> {
        if !(1..=RATE_MAX).contains(&self.rate) {
            return Err(format!(
                "`rate` must be 1 to {RATE_MAX} messages in a second"
            ));
        }
        if self.ramp_seconds > RAMP_SECONDS_MAX {
            return Err(format!(
                "`ramp_seconds` must be at most {RAMP_SECONDS_MAX}: what waits for its turn is held"
            ));
        }
        if matches!(&self.edit, Some(Edit::Patch(patch)) if patch.is_empty()) {
            return Err("`edit` is a JSON Patch without an operation".to_owned());
        }
        if self.canary > CANARY_MAX {
            return Err(format!("`canary` must be at most {CANARY_MAX}"));
        }
        if self.limit == Some(0) {
            return Err("`limit` must be at least 1; leave it out for no limit".to_owned());
        }
        if self.work == Work::Discard && (self.edit.is_some() || self.canary > 0) {
            return Err("what is discarded is neither edited nor tried with a canary".to_owned());
        }
        Selection::read(&self.wanted)
    }
}

impl Order {
    /// What a run of this order is called where nobody says else: one that is begun again before it
    /// is over goes on.
    pub fn name(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
        digits.truncate(10);
        format!("r-{digits}")
    }
}

/// The longest ramp, in seconds.
pub const RAMP_SECONDS_MAX: u32 = 600;

/// The most canaries: each is looked after by name.
pub const CANARY_MAX: u32 = 100;
