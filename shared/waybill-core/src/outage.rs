//! How long what an event needs may be away before valid messages are given up.
//!
//! Two things end an event that nothing is wrong with. Where nothing is tried, because the ledger
//! does not answer or a breaker is open, each receive counts for SQS, and the redrive policy moves
//! the message after so many. Where a target without a breaker is away, its tries are used up.

use std::time::Duration;

use crate::retry::{Life, RetryPolicy, outage_wait};
use crate::time::Timestamp;

/// What a queue gives a message that cannot be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Receives after which the redrive policy moves a message.
    pub max_receive_count: u32,
    /// Receives that must be left when the outage ends, for the tries and for chance.
    pub needed: u32,
    /// How long the queue keeps a message.
    pub retention: Duration,
}

impl Room {
    /// Of a standard queue, whose events may be tried so often along one route: a receive for each
    /// try, and one for chance.
    pub fn standard(max_receive_count: u32, tries: u32, retention: Duration) -> Self {
        Self {
            max_receive_count,
            needed: tries.saturating_add(1),
            retention,
        }
    }

    /// Of a FIFO queue: a message is also received, and handed back, while one before it in its
    /// group waits for its next try.
    pub fn fifo(max_receive_count: u32, tries: u32, retention: Duration) -> Self {
        Self {
            max_receive_count,
            needed: tries.saturating_mul(10).saturating_add(20),
            retention,
        }
    }

    /// How long the ledger, or a target behind a breaker, may be away from a message's first receive
    /// on: the waits of the receives that are to spare, none of which reaches into the end of the
    /// retention. Work in between makes it longer, other trouble shorter.
    pub fn survives(self) -> Duration {
        let life = Life {
            sent: Some(Timestamp::from_millis(0)),
            retention: Some(self.retention),
            first_sent: None,
        };
        let last = life.last_due().unwrap_or(Timestamp::from_millis(0));
        let last = last.since(Timestamp::from_millis(0));
        let mut survived = Duration::ZERO;
        for receive in 1..=self.max_receive_count.saturating_sub(self.needed) {
            survived = survived.saturating_add(outage_wait(receive));
            if survived >= last {
                return last;
            }
        }
        survived
    }
}

/// How long a target without a breaker may be away before its route has used up its tries: their
/// waits, where chance makes none longer and the target asks for none. The time that the tries
/// themselves take makes it longer, a wait of `on` may make it shorter.
pub fn tries_last(policy: &RetryPolicy) -> Duration {
    let waits = (1..=policy.steps).map(|n| policy.backoff.wait(n).min(policy.cap));
    let waits = waits.fold(Duration::ZERO, Duration::saturating_add);
    policy.max_event_age.map_or(waits, |age| waits.min(age))
}

#[cfg(test)]
mod tests;
