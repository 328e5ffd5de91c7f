//! What settings must be at least, and how far they carry.

use crate::ledger::DeadLetter;
use crate::limit::{BATCHES_AT_FIRST, BATCHES_MORE_A_MINUTE};
use crate::price::QueueKind;

/// How long a received message must stay hidden behind a trigger: six times the function's
/// timeout, and the batching window. Lambda needs it for the messages that it holds back while it
/// is throttled.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
pub fn visibility_seconds(timeout_seconds: u64, window_seconds: u64) -> u64 {
    timeout_seconds
        .saturating_mul(6)
        .saturating_add(window_seconds)
}

/// How many receives an event must be allowed (F18): throttles, busy leases and waits behind a
/// group's head use some up, beside its tries.
pub fn max_receive_count(queue: QueueKind, dead_letter: DeadLetter, tries: u64) -> u64 {
    match (queue, dead_letter) {
        (QueueKind::Fifo, DeadLetter::Redrive | DeadLetter::Send) => {
            tries.saturating_mul(10).saturating_add(20)
        }
        (QueueKind::Standard, DeadLetter::Redrive) => tries.saturating_mul(2).saturating_add(3),
        // There the redrive policy is only the net below.
        (QueueKind::Standard, DeadLetter::Send) => 100,
    }
}

/// How long Lambda takes to get from its first batches to so many at once.
pub fn ramp_seconds(batches: u32) -> f64 {
    let more = f64::from(batches.saturating_sub(BATCHES_AT_FIRST));
    more / f64::from(BATCHES_MORE_A_MINUTE) * 60.0
}

/// How long a backlog takes to drain beside what comes meanwhile; none where it never does.
pub fn drain_seconds(backlog: f64, capacity_per_second: f64, rate_per_second: f64) -> Option<f64> {
    let spare = capacity_per_second - rate_per_second;
    (spare > capacity_per_second * 1e-9).then(|| backlog / spare)
}

/// The part of its time in which a poller receives: `pollers` run side by side, each for as many
/// minutes, and each stops [`POLLER_RESTS_SECONDS`] before its end.
pub fn poller_receives(pollers: u32) -> f64 {
    1.0 - POLLER_RESTS_SECONDS / (60.0 * f64::from(pollers.max(1)))
}

/// Most pollers that run side by side: a function runs for fifteen minutes at most, and a tick
/// comes each minute.
pub const POLLERS_MAX: u32 = 15;

/// How long before its end a poller receives no more, about, where a route has 10 s for a try.
pub const POLLER_RESTS_SECONDS: f64 = 12.0;

#[cfg(test)]
mod tests;
