//! How many tries a second, whatever the number of processes.
//!
//! The generic cell rate algorithm: one number, the theoretical arrival time of the next try, says
//! it all. A process leases several slots with one write that moves the number on, and begins each
//! try at its slot's time: the target sees an even stream, however many processes share it.

use std::time::Duration;

use crate::time::Timestamp;

use super::micros;

/// How many tries in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSpec {
    /// Tries in `per`. At least 1.
    pub limit: u32,
    /// The time they are spread over evenly.
    pub per: Duration,
    /// How many may begin at once after a time without any. At least 1.
    pub burst: u32,
}

/// Slots of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// When each try may begin, in microseconds since the epoch, in order; not empty.
    pub slots: Vec<u64>,
    /// The number that is written.
    pub tat_us: u64,
}

impl RateSpec {
    /// The time from one try to the next, in microseconds, rounded up: never more than the limit.
    pub fn interval_us(&self) -> u64 {
        let per = u64::try_from(self.per.as_micros()).unwrap_or(u64::MAX);
        per.div_ceil(u64::from(self.limit.max(1))).max(1)
    }

    /// When the next try may begin, in microseconds since the epoch.
    pub fn first_slot(&self, tat_us: u64, now: Timestamp) -> u64 {
        let burst = u64::from(self.burst.saturating_sub(1));
        let tolerance = self.interval_us().saturating_mul(burst);
        tat_us.saturating_sub(tolerance).max(micros(now))
    }

    /// The next slots: as many as are wanted, at most a second's worth and at least one, none after
    /// `until`. `None` where even the first would be.
    pub fn lease(
        &self,
        tat_us: u64,
        now: Timestamp,
        until: Timestamp,
        wanted: u32,
    ) -> Option<Lease> {
        let interval = self.interval_us();
        let of_a_second = u32::try_from(MOST_US.div_ceil(interval)).unwrap_or(u32::MAX);
        let wanted = wanted.min(of_a_second.max(self.burst)).max(1);
        let mut tat_us = tat_us;
        let mut slots = Vec::new();
        for _ in 0..wanted {
            let slot = self.first_slot(tat_us, now);
            if slot > micros(until) {
                break;
            }
            tat_us = tat_us.max(slot).saturating_add(interval);
            slots.push(slot);
        }
        (!slots.is_empty()).then_some(Lease { slots, tat_us })
    }

    /// Whether a slot was not used in time and is gone: used late, it would come beside others.
    pub fn is_late(&self, slot_us: u64, now: Timestamp) -> bool {
        let late = self.interval_us().max(LATE_US);
        micros(now) > slot_us.saturating_add(late)
    }
}

/// Most time of slots that one lease takes.
const MOST_US: u64 = 1_000_000;

/// How late a slot may be used although its interval is shorter: what timers and a busy process
/// need.
const LATE_US: u64 = 25_000;

#[cfg(test)]
mod tests;
