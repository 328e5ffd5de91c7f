//! How often an event is tried and received, how long it waits between, and how often it is dead.
//!
//! Each try fails with the same probability, for now and not for good, whatever became of the one
//! before. An outage is not so: in it every try fails. What comes twice, is deferred or throttled
//! is not counted.

use crate::ledger::DeadLetter;
use crate::retry::RetryPolicy;

/// How often a try fails, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempts {
    /// The part of tries that fail for now: `[0, 1]`.
    pub failure_rate: f64,
    /// Most tries of an event: `steps + 1`.
    pub most: u32,
}

impl Attempts {
    /// The probability that a try number `n`, counted from 1, is made.
    fn reaches(&self, n: u32) -> f64 {
        let before = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
        self.failure_rate.powi(before)
    }

    /// How many tries an event has on average.
    pub fn tries(&self) -> f64 {
        (1..=self.most).map(|n| self.reaches(n)).sum()
    }

    /// How many of them come after a wait.
    pub fn retries(&self) -> f64 {
        (self.tries() - 1.0).max(0.0)
    }

    /// The probability that all tries of an event fail: it is dead then.
    pub fn spent(&self) -> f64 {
        self.reaches(self.most.saturating_add(1))
    }

    /// How often a message is received on average. One that is dead is received until the redrive
    /// policy takes it, or once for each try where it is sent to the dead-letter queue.
    pub fn receives(&self, dead_letter: DeadLetter, max_receive_count: u32) -> f64 {
        let more = match dead_letter {
            DeadLetter::Redrive => max_receive_count.saturating_sub(self.most),
            DeadLetter::Send => 0,
        };
        self.tries() + self.spent() * f64::from(more)
    }

    /// How long an event waits for retries on average, in seconds, chance's part of it at its mean.
    pub fn waits_seconds(&self, policy: &RetryPolicy) -> f64 {
        let wait = |n: u32| {
            let base = policy.backoff.wait(n).min(policy.cap);
            self.reaches(n + 1) * base.as_secs_f64() * (1.0 + policy.jitter.clamp(0.0, 1.0) / 2.0)
        };
        (1..self.most).map(wait).sum()
    }
}

#[cfg(test)]
mod tests;
