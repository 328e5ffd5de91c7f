//! How long a received message is held: renewed before it ends, never longer than SQS allows.
//!
//! In poll mode a message's visibility is its lease, and the ledger's lease follows it. Every time
//! here is absolute, because a change of visibility counts from the moment it is made and replaces
//! what was there (F06).

use std::time::Duration;

use crate::limit::VISIBILITY_MAX;
use crate::time::Timestamp;

/// The terms on which a poller holds messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a receive, and each renewal, holds a message.
    pub period: Duration,
    /// Nothing is held past this: the process is gone then.
    pub until: Timestamp,
}

/// One message that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// When it was received: SQS counts its twelve hours from there (F05).
    pub received: Timestamp,
    /// When it is visible to others again.
    pub visible_at: Timestamp,
}

/// What keeping a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing before then.
    Wait(Timestamp),
    /// To be held anew, to this moment.
    Extend {
        /// When it is then visible again.
        to: Timestamp,
    },
    /// Nothing more: it is held as long as it may be.
    Last,
}

impl Terms {
    /// What keeping a message asks for now.
    ///
    /// Half a period before its end it is renewed, so that there is time to try again. One that has
    /// lapsed is asked for all the same: while nobody else received it, its handle works (F02).
    pub fn next(&self, holding: Holding, now: Timestamp) -> Keep {
        let renew_at = holding.visible_at.before(self.period / 2).max(now);
        match self.extended(holding, renew_at) {
            Some(_) if now < renew_at => Keep::Wait(renew_at),
            Some(to) => Keep::Extend { to },
            None => Keep::Last,
        }
    }

    /// Until when a renewal made now would hold a message; `None` where it would win nothing.
    pub fn extended(&self, holding: Holding, now: Timestamp) -> Option<Timestamp> {
        let latest = self.until.min(longest(holding.received));
        let to = now.after(self.period).min(latest);
        let gain_min = GAIN_MIN.min(self.period / 4);
        (to > holding.visible_at.after(gain_min)).then_some(to)
    }

    /// How long a message received now is held at first.
    pub fn first(&self, now: Timestamp) -> Duration {
        self.period
            .min(self.until.since(now))
            .max(Duration::from_secs(1))
    }

    /// When a renewal that failed for now is tried again.
    pub fn again(&self, now: Timestamp) -> Timestamp {
        now.after((self.period / 16).clamp(RETRY_MIN, RETRY_MAX))
    }
}

/// Until when a message received then may be invisible at most: SQS refuses what is beyond twelve
/// hours from the receive, it does not cut it (F05).
pub fn longest(received: Timestamp) -> Timestamp {
    received.after(VISIBILITY_MAX.saturating_sub(CLAMP_MARGIN))
}

/// What the twelve hours are cut by: our clock, the way of a request, and whole seconds.
const CLAMP_MARGIN: Duration = Duration::from_secs(60);

/// A renewal that wins less is not worth its request, nor less than a quarter of a short period.
const GAIN_MIN: Duration = Duration::from_secs(1);

const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
