//! A circuit breaker: while a target fails, one process at a time asks it whether it is back, and
//! nobody else asks anything.
//!
//! Closed, open, ramp, and closed again. What trips it is counted in each process; that it is open,
//! who probes, and since when it ramps is one row for all of them, written only on a transition.

use std::time::Duration;

use super::Health;
use crate::limit::WAIT_MAX;
use crate::time::Timestamp;

/// When a breaker opens and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSpec {
    /// Failures one after the other, in one process, that open it. At least 1.
    pub failures: u32,
    /// The part of the calls of `window`, in a hundred, whose failure opens it.
    pub rate: u8,
    /// How many calls `window` must have before `rate` counts.
    pub calls: u32,
    /// The time over which `rate` is counted.
    pub window: Duration,
    /// How long after it opened the first probe may be.
    pub probe: Duration,
    /// The longest wait between probes; each is twice the one before.
    pub probe_max: Duration,
    /// How long more and more is let through after a probe that succeeded; zero is not at all.
    pub ramp: Duration,
}

impl Default for BreakerSpec {
    fn default() -> Self {
        Self {
            failures: 5,
            rate: 50,
            calls: 20,
            window: Duration::from_secs(30),
            probe: Duration::from_secs(5),
            probe_max: Duration::from_secs(15),
            ramp: Duration::from_secs(10),
        }
    }
}

/// A breaker's state, shared by all processes of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Breaker {
    /// Everything goes.
    #[default]
    Closed,
    /// Nothing goes but a probe.
    Open(Open),
    /// More and more goes. It is as good as closed when the ramp's time is over; nothing is
    /// written for that.
    Ramp {
        /// When the probe succeeded.
        since: Timestamp,
        /// When it had opened.
        opened: Timestamp,
        /// How many probes there were.
        round: u32,
    },
}

/// A breaker that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When it opened. One that opens again out of its ramp is open since the first time.
    pub since: Timestamp,
    /// When the next probe may be.
    pub probe_at: Timestamp,
    /// How many probes there were.
    pub round: u32,
    /// Until when the one who probes is waited for, where somebody does.
    pub probing_until: Option<Timestamp>,
}

/// Who may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    /// Everyone.
    All,
    /// So many in each process in this second of the ramp.
    Some {
        /// Which second of the ramp this is, from 0.
        second: u64,
        /// How many may go in it.
        permits: u32,
        /// When the next one begins.
        next: Timestamp,
    },
    /// The one who writes this, as a probe.
    Probe(Open),
    /// Nobody.
    None(Open),
}

impl Breaker {
    /// Who may go now. `lease` is how long a probe may take until another may probe.
    pub fn passes(&self, spec: &BreakerSpec, now: Timestamp, lease: Duration) -> Passes {
        match self {
            Self::Closed => Passes::All,
            Self::Ramp { since, .. } => {
                let elapsed = now.since(*since);
                if elapsed >= spec.ramp {
                    return Passes::All;
                }
                let second = elapsed.as_secs();
                let doublings = u32::try_from(second).unwrap_or(u32::MAX);
                Passes::Some {
                    second,
                    permits: RAMP_FIRST.saturating_mul(2u32.saturating_pow(doublings)),
                    next: since.after(Duration::from_secs(second + 1)),
                }
            }
            Self::Open(open) if open.shut_until() > now => Passes::None(*open),
            Self::Open(open) => Passes::Probe(Open {
                probing_until: Some(now.after(lease)),
                ..*open
            }),
        }
    }

    /// What becomes of it when it trips.
    pub fn tripped(&self, spec: &BreakerSpec, now: Timestamp) -> Open {
        let (since, round) = match self {
            Self::Ramp {
                since,
                opened,
                round,
            } if now.since(*since) < spec.ramp => (*opened, *round),
            Self::Closed | Self::Ramp { .. } => (now, 0),
            Self::Open(open) => (open.since, open.round),
        };
        Open {
            since,
            probe_at: now.after(spec.probe_wait(round)),
            round,
            probing_until: None,
        }
    }

    /// Whether it is ramping.
    pub fn is_ramping(&self, spec: &BreakerSpec, now: Timestamp) -> bool {
        matches!(self, Self::Ramp { since, .. } if now.since(*since) < spec.ramp)
    }
}

impl Open {
    /// What becomes of it when a probe has ended.
    pub fn probed(&self, spec: &BreakerSpec, health: Health, now: Timestamp) -> Breaker {
        match health {
            Health::Well => Breaker::Ramp {
                since: now,
                opened: self.since,
                round: self.round,
            },
            Health::Sick => {
                let round = self.round.saturating_add(1);
                Breaker::Open(Self {
                    probe_at: now.after(spec.probe_wait(round)),
                    round,
                    probing_until: None,
                    ..*self
                })
            }
            // Nothing was asked: another may.
            Health::Unsaid => Breaker::Open(Self {
                probe_at: now,
                probing_until: None,
                ..*self
            }),
        }
    }

    /// Until when nobody may go.
    pub fn shut_until(&self) -> Timestamp {
        self.probing_until
            .map_or(self.probe_at, |until| until.max(self.probe_at))
    }

    /// How long a message is put off at least while it is open: the longer, the longer it has been
    /// open; not before the next probe.
    pub fn wait(&self, now: Timestamp) -> Duration {
        let by_age = (now.since(self.since) / OPEN_PART).clamp(WAIT_MIN, WAIT_MAX);
        by_age.max(self.probe_at.since(now))
    }
}

impl BreakerSpec {
    /// How long after a trip, or after the last probe, the next probe may be.
    fn probe_wait(&self, round: u32) -> Duration {
        let grown = self.probe.saturating_mul(2u32.saturating_pow(round));
        grown.min(self.probe_max.max(self.probe))
    }
}

/// What one process has seen of a target since its breaker was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Failures without a success since.
    in_a_row: u32,
    /// The last parts of the window, by their number.
    slices: [Slice; 10],
}

/// A part of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Slice {
    /// Which, counted from the epoch.
    number: u64,
    calls: u32,
    failures: u32,
}

impl Tally {
    /// Counts a call.
    pub fn count(&mut self, spec: &BreakerSpec, health: Health, now: Timestamp) {
        let failed = match health {
            Health::Well => false,
            Health::Sick => true,
            Health::Unsaid => return,
        };
        self.in_a_row = match failed {
            true => self.in_a_row.saturating_add(1),
            false => 0,
        };
        let number = slice_number(spec, now);
        let place = usize::try_from(number % SLICES).unwrap_or_default();
        if let Some(slice) = self.slices.get_mut(place) {
            if slice.number != number {
                *slice = Slice {
                    number,
                    ..Slice::default()
                };
            }
            slice.calls = slice.calls.saturating_add(1);
            slice.failures = slice.failures.saturating_add(u32::from(failed));
        }
    }

    /// Whether what was counted opens the breaker. While it ramps, half as many failures in a row
    /// do: a target that has just come back is not asked much.
    pub fn trips(&self, spec: &BreakerSpec, ramping: bool, now: Timestamp) -> bool {
        let most = match ramping {
            true => spec.failures / 2,
            false => spec.failures,
        };
        if self.in_a_row >= most.max(1) {
            return true;
        }
        let number = slice_number(spec, now);
        let of_window = |slice: &&Slice| slice.number + SLICES > number;
        let slices = self.slices.iter().filter(of_window);
        let (calls, failures) = slices.fold((0u64, 0u64), |(calls, failures), slice| {
            (
                calls + u64::from(slice.calls),
                failures + u64::from(slice.failures),
            )
        });
        failures > 0
            && calls >= u64::from(spec.calls)
            && failures * 100 >= calls * u64::from(spec.rate)
    }
}

/// Which part of the window a time is in.
fn slice_number(spec: &BreakerSpec, now: Timestamp) -> u64 {
    let length = spec.window.as_millis() / u128::from(SLICES);
    now.as_millis() / u64::try_from(length).unwrap_or(u64::MAX).max(1)
}

/// Into how many parts the window is cut: as many as [`Tally`] has room for.
const SLICES: u64 = 10;

/// How many a process lets through in the first second of a ramp; twice as many in each further.
const RAMP_FIRST: u32 = 2;

/// The shortest wait while open.
const WAIT_MIN: Duration = Duration::from_secs(5);

/// The part of the time it has been open that a message waits.
const OPEN_PART: u32 = 8;

#[cfg(test)]
mod tests;
