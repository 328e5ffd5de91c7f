//! Whether something may still be begun: no work starts that cannot end before the deadline.

use std::time::Duration;

use crate::time::Timestamp;

/// The time one invocation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// When it began.
    pub started: Timestamp,
    /// When Lambda ends it.
    pub deadline: Timestamp,
}

/// Whether a try may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Now, and it must have ended within `limit`.
    Now {
        /// How long it may take at most.
        limit: Duration,
    },
    /// Not in this invocation.
    TooLate,
}

impl Budget {
    /// The time kept at the end for writing down and handing back: a tenth of the whole, from
    /// 300 ms to 2 s.
    pub fn margin(&self) -> Duration {
        (self.whole() / 10).clamp(Duration::from_millis(300), Duration::from_secs(2))
    }

    /// When the last try must have ended.
    pub fn work_until(&self) -> Timestamp {
        self.deadline.before(self.margin())
    }

    /// When the last write to the ledger must have ended; what is left is for handing back and
    /// the answer.
    pub fn settle_until(&self) -> Timestamp {
        self.deadline.before(self.margin() / 2)
    }

    /// When everything must have ended.
    pub fn stop_at(&self) -> Timestamp {
        self.deadline.before(self.margin() / 6)
    }

    /// Whether a try that may take `wanted` can begin now (F16, F61).
    ///
    /// It begins with its whole time; where an invocation is too short for that, with what is
    /// left during the first half, so that every try is possible in some invocation.
    pub fn start(&self, now: Timestamp, wanted: Duration) -> Start {
        let left = self.work_until().since(now);
        match now <= self.start_until(wanted) && !left.is_zero() {
            true => Start::Now {
                limit: left.min(wanted),
            },
            false => Start::TooLate,
        }
    }

    /// When a try that may take `wanted` must have begun.
    pub fn start_until(&self, wanted: Duration) -> Timestamp {
        let all = self.work_until().since(self.started);
        self.work_until().before(wanted.min(all / 2))
    }

    /// The invocation's whole time.
    fn whole(&self) -> Duration {
        self.deadline.since(self.started)
    }
}

#[cfg(test)]
mod tests;
