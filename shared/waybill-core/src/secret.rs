//! Whether a secret that was read from where it is kept may be used, or is read anew.
//!
//! Secrets are replaced while we run. A value is kept for a while, because reading costs a request;
//! when the target refuses it, it is read anew, but never more often than every few seconds,
//! because each refused message would ask.

use std::time::Duration;

use crate::time::Timestamp;

/// For how long a value is used without looking again.
pub const KEPT: Duration = Duration::from_secs(5 * 60);

/// The shortest time between two readings of one secret, whatever came of the first.
pub const ASKED_APART: Duration = Duration::from_secs(5);

/// What is known of one secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// When the last reading began, whatever came of it.
    pub asked: Option<Timestamp>,
    /// When the reading began that brought the value, where there is one.
    pub read: Option<Timestamp>,
    /// Whether a target has refused the value since.
    pub is_doubted: bool,
}

/// What is to be done before a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Use the value that is known.
    Use,
    /// Read it now.
    Read,
    /// There is none, and it was asked for a moment ago: do without the try.
    Wait,
}

/// What a target's refusal of a secret is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The value was read after the try began, so that the target knows it and refuses it.
    Stands,
    /// Perhaps the secret was replaced: read it now, and compare.
    Read,
    /// Perhaps the secret was replaced, and it is too soon to look: nothing is decided.
    Open,
}

impl Known {
    /// What is to be done before a try.
    pub fn before_try(&self, now: Timestamp) -> Step {
        let is_usable = |read| !self.is_doubted && is_within(KEPT, read, now);
        match self.read {
            Some(read) if is_usable(read) => Step::Use,
            Some(_) if !self.may_read(now) => Step::Use,
            None if !self.may_read(now) => Step::Wait,
            Some(_) | None => Step::Read,
        }
    }

    /// What it is worth that a target refused the value that is still the known one, in a try that
    /// began at `began`.
    pub fn after_refusal(&self, began: Timestamp, now: Timestamp) -> Refusal {
        if self.read.is_some_and(|read| read >= began) {
            return Refusal::Stands;
        }
        if self.may_read(now) {
            Refusal::Read
        } else {
            Refusal::Open
        }
    }

    /// Whether it is long enough since the last reading.
    fn may_read(&self, now: Timestamp) -> bool {
        !self
            .asked
            .is_some_and(|asked| is_within(ASKED_APART, asked, now))
    }
}

/// Whether `now` is less than `time` after `at`. A clock that was set back makes all old.
fn is_within(time: Duration, at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < time
}

#[cfg(test)]
mod tests;
