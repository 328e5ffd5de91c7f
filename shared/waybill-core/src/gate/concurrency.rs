//! How many tries at once, in each process.
//!
//! Either a number, or one that is learned: one more after each window of tries in which all places
//! were in use and nothing was amiss, a quarter less after one that failed or was slow. More at
//! once than a target can work on side by side makes it no faster, only slower, and that is seen.
//! Now and then a few are sent alone, to see how quick the target is by itself: a measure taken only
//! under our own load would grow with it.

use std::time::Duration;

use super::Health;

/// How many tries at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// So many.
    Fixed(u32),
    /// As many as the target bears, at most this.
    Adaptive {
        /// The most.
        max: u32,
    },
}

impl Concurrency {
    /// The most there can be.
    pub fn max(&self) -> u32 {
        match self {
            Self::Fixed(max) | Self::Adaptive { max } => *max,
        }
    }

    /// How many there are at first.
    pub fn first(&self) -> u32 {
        match self {
            Self::Fixed(max) => *max,
            Self::Adaptive { max } => FIRST.min(*max),
        }
    }
}

/// How many at once a target bears, learned from how its tries end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    limit: u32,
    max: u32,
    /// The least mean of a window since the target was last seen by itself.
    least_us: f64,
    window: Window,
    phase: Phase,
}

/// What the next windows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// To find the limit, so many more.
    Finding(u32),
    /// To let what is under way end; then to go on with this limit.
    Draining(u32),
    /// To see how quick the target is by itself; then to go on with this limit.
    Measuring(u32),
}

/// Some tries, about as many as there are places.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    tries: u32,
    sum_us: f64,
    sick: bool,
    busy: bool,
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How long it took.
    pub took: Duration,
    /// What it says of its target.
    pub health: Health,
    /// How many were under way when it ended, itself included.
    pub under_way: u32,
}

impl Learned {
    /// At first [`Concurrency::first`].
    pub fn new(max: u32) -> Self {
        Self {
            limit: Concurrency::Adaptive { max }.first().max(1),
            max: max.max(1),
            least_us: 0.0,
            window: Window::default(),
            phase: Phase::Finding(FINDING),
        }
    }

    /// How many may be under way.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Learns from the end of a try.
    pub fn learn(&mut self, sample: Sample) {
        match sample.health {
            Health::Unsaid => return,
            Health::Sick => self.window.sick = true,
            Health::Well => {}
        }
        self.window.tries += 1;
        self.window.sum_us += sample.took.as_secs_f64() * 1e6;
        self.window.busy |= sample.under_way >= self.limit;
        if self.window.tries < self.limit.max(WINDOW_MIN) {
            return;
        }
        let window = std::mem::take(&mut self.window);
        let mean_us = window.sum_us / f64::from(window.tries);
        match self.phase {
            Phase::Finding(left) => {
                self.find(window, mean_us);
                self.phase = Phase::Finding(left.saturating_sub(1));
                if left <= 1 {
                    self.phase = Phase::Draining(self.limit);
                    self.limit = self.limit.div_ceil(ALONE);
                }
            }
            Phase::Draining(limit) => self.phase = Phase::Measuring(limit),
            Phase::Measuring(limit) => {
                if !window.sick {
                    self.least_us = mean_us;
                }
                self.limit = limit;
                self.phase = Phase::Finding(FINDING);
            }
        }
    }

    /// Moves the limit by what a window saw.
    fn find(&mut self, window: Window, mean_us: f64) {
        if !window.sick && (self.least_us == 0.0 || mean_us < self.least_us) {
            self.least_us = mean_us;
        }
        if window.sick || mean_us > self.least_us * SLOW {
            self.limit = (self.limit - self.limit.div_ceil(4)).max(1);
        } else if window.busy {
            self.limit = self.limit.saturating_add(1).min(self.max);
        }
    }
}

/// How many places there are before anything is learned.
const FIRST: u32 = 4;

/// The fewest tries of a window.
const WINDOW_MIN: u32 = 5;

/// How much slower than the best a window is slow.
const SLOW: f64 = 2.0;

/// How many windows there are until the target is looked at by itself again.
const FINDING: u32 = 40;

/// The part of the limit that is sent then.
const ALONE: u32 = 4;

#[cfg(test)]
mod tests;
