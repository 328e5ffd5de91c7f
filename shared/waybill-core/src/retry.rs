//! When the next try may be.

use std::time::Duration;

use crate::limit::WAIT_MAX;
use crate::outcome::Outcome;

/// How often and how long apart a target is tried again: Argo's four keys and a cap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Retries after the first try.
    pub steps: u32,
    /// The first wait.
    pub duration: Duration,
    /// What each further wait is multiplied by; at least 1.
    pub factor: f64,
    /// How much longer, as a part of the wait, chance may make it: `[0, jitter * wait]`.
    pub jitter: f64,
    /// The longest wait, before jitter.
    pub cap: Duration,
}

/// A part of one, drawn by chance: `[0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter(f64);

impl Jitter {
    /// From 64 random bits, of which it uses 32.
    pub fn from_bits(bits: u64) -> Self {
        let high = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
        Self(f64::from(high) / (f64::from(u32::MAX) + 1.0))
    }
}

/// What follows from a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Another try, after this wait.
    RetryAfter(Duration),
    /// No more tries.
    Spent,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            steps: 3,
            duration: Duration::from_secs(10),
            factor: 2.0,
            jitter: 0.1,
            cap: WAIT_MAX,
        }
    }
}

impl RetryPolicy {
    /// Decides what follows when try number `attempts` (counted from 1, by the ledger: SQS's
    /// receive count also counts throttles, deadline cuts and waiting duplicates) has failed.
    ///
    /// A wait that the target asked for is honoured from the policy's own wait up to fifteen
    /// minutes (F58).
    pub fn decide(&self, outcome: Outcome, attempts: u32, jitter: Jitter) -> RetryDecision {
        let asked = match outcome {
            Outcome::Delivered | Outcome::Rejected => return RetryDecision::Spent,
            Outcome::Transient { retry_after } => retry_after,
            Outcome::Unknown => None,
        };
        if attempts > self.steps {
            return RetryDecision::Spent;
        }
        let own = self.wait(attempts, jitter);
        RetryDecision::RetryAfter(asked.map_or(own, |asked| asked.min(WAIT_MAX).max(own)))
    }

    /// The wait after try number `attempts`: `min(cap, duration * factor^(attempts - 1))`, and
    /// up to `jitter` of it more.
    fn wait(&self, attempts: u32, jitter: Jitter) -> Duration {
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let cap = self.cap.as_secs_f64();
        let grown = self.duration.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let base = if grown.is_finite() {
            grown.min(cap)
        } else {
            cap
        };
        let wait = base + base * self.jitter.clamp(0.0, 1.0) * jitter.0;
        Duration::try_from_secs_f64(wait).unwrap_or(self.cap)
    }
}

/// The wait of a message that was not tried because the ledger did not answer: 5 s, doubled with
/// each receive, at most fifteen minutes.
pub fn store_trouble_wait(receive_count: u32) -> Duration {
    let doublings = receive_count.saturating_sub(1).min(8);
    (Duration::from_secs(5) * 2u32.pow(doublings)).min(WAIT_MAX)
}

/// How long an outage of the ledger may last before the redrive policy would take valid messages:
/// the waits of the receives that `max_receive_count` leaves beside those of `steps` retries. Work
/// in between makes it longer, other trouble shorter.
pub fn outage_survived(max_receive_count: u32, steps: u32) -> Duration {
    let needed = steps.saturating_add(1).saturating_mul(2).saturating_add(3);
    let spare = max_receive_count.saturating_sub(needed);
    (1..=spare).map(store_trouble_wait).sum()
}

#[cfg(test)]
mod tests;
