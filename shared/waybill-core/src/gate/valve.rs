//! The valve on the source: how many invocations at once the queue may bring while every target is
//! away, and how that is put back.
//!
//! A mapping that were paused would leave nobody to open it again, so that it is lowered to the
//! least that Lambda takes. What it was before stands in a row, written before the mapping is
//! lowered, and is let go after it was restored: whoever dies between the two leaves what the next
//! look finishes.

use std::time::Duration;

use crate::time::Timestamp;

/// What a consumer's row says of the mapping of one of its queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Valve {
    /// Nothing was lowered, or it was put back.
    #[default]
    Open,
    /// It was lowered, or was about to be.
    Lowered {
        /// The most invocations at once that it had before; `None` where it had no bound.
        normal: Option<u32>,
        /// When this was written.
        at: Timestamp,
    },
}

/// What is known of all routes of a file that are switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Too little: their breakers were not read lately, or one of them closes right now.
    Unknown,
    /// At least one of them takes events.
    Flows,
    /// None of them does: each has an open breaker.
    Shut {
        /// When the last of them opened.
        since: Timestamp,
    },
}

/// An event source mapping, as Lambda tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// It has this as its most invocations at once; `None` is no bound.
    At(Option<u32>),
    /// It is being changed, and takes no other change.
    Busy,
    /// It has pollers of its own, whose number bounds it: nothing is lowered there.
    Provisioned,
}

/// What is done with a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Leave,
    /// The row first, with this as the normal; then the mapping, to [`LEAST`].
    Lower {
        /// What the mapping has now.
        normal: Option<u32>,
    },
    /// The mapping first, to this; then the row is let go.
    Restore {
        /// What it had before it was lowered.
        to: Option<u32>,
    },
    /// The row is let go; the mapping stays as whoever changed it made it.
    Forget,
}

impl Flow {
    /// What is known of the routes of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Flows, _) | (_, Self::Flows) => Self::Flows,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Shut { since }, Self::Shut { since: other }) => Self::Shut {
                since: since.max(other),
            },
        }
    }

    /// Whether all have been shut for so long that the valve is worth its requests.
    pub fn is_shut_long(&self, now: Timestamp) -> bool {
        match self {
            Self::Shut { since } => now.since(*since) >= SHUT_FOR,
            Self::Unknown | Self::Flows => false,
        }
    }
}

impl Valve {
    /// What a look at the mapping leads to.
    pub fn step(&self, flow: Flow, mapping: Mapping, now: Timestamp) -> Step {
        let max = match mapping {
            Mapping::At(max) => max,
            Mapping::Busy => return Step::Leave,
            Mapping::Provisioned => return self.forgotten(now),
        };
        let is_least = max.is_some_and(|max| max <= LEAST);
        match self {
            // A deploy may have changed the mapping meanwhile: then that is the normal.
            Self::Open | Self::Lowered { .. } if !is_least && flow.is_shut_long(now) => {
                Step::Lower { normal: max }
            }
            Self::Lowered { normal, .. } if is_least && flow == Flow::Flows => {
                Step::Restore { to: *normal }
            }
            Self::Lowered { .. } if !is_least && flow == Flow::Flows => self.forgotten(now),
            Self::Open | Self::Lowered { .. } => Step::Leave,
        }
    }

    /// Whether a look at the mapping can lead to anything: Lambda takes few questions a second.
    pub fn is_worth_a_look(&self, flow: Flow, now: Timestamp) -> bool {
        match self {
            Self::Open => flow.is_shut_long(now),
            Self::Lowered { at, .. } => match flow {
                Flow::Flows => true,
                Flow::Shut { .. } => now.since(*at) >= LANDED_AFTER,
                Flow::Unknown => false,
            },
        }
    }

    /// Lets the row go, unless it may be of one who is about to lower the mapping.
    fn forgotten(&self, now: Timestamp) -> Step {
        match self {
            Self::Lowered { at, .. } if now.since(*at) >= LANDED_AFTER => Step::Forget,
            Self::Lowered { .. } | Self::Open => Step::Leave,
        }
    }
}

/// The least that Lambda takes as a mapping's maximum concurrency.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html>
pub const LEAST: u32 = 2;

/// How long all routes must have been shut before the source is lowered.
pub const SHUT_FOR: Duration = Duration::from_secs(60);

/// How long after a row was written its mapping may still be lowered by it. Much longer than a look
/// may take.
pub const LANDED_AFTER: Duration = Duration::from_secs(30);

/// How long a row lives after its last write: longer than any outage, because it is all that knows
/// what the mapping had.
pub const VALVE_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests;
