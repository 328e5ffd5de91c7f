//! Chance from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Numbers that look like chance and follow from a seed: splitmix64. Clones draw from one line.
#[derive(Debug, Clone)]
pub struct Chance(Arc<AtomicU64>);

impl Chance {
    /// The line of numbers of a seed.
    pub fn of(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// 64 bits.
    pub fn bits(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed);
        let mut z = state.wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; zero where `end` is zero.
    pub fn below(&self, end: u64) -> u64 {
        self.bits().checked_rem(end).unwrap_or_default()
    }

    /// A number from `first` to `last`.
    pub fn from_to(&self, first: u64, last: u64) -> u64 {
        first + self.below((last + 1).saturating_sub(first))
    }

    /// A place below `end`; zero where `end` is zero.
    pub fn place(&self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or_default()
    }

    /// True `per_mille` times in a thousand.
    pub fn hits(&self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of these; `None` where there is none.
    pub fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        from.get(self.place(from.len())).copied()
    }

    /// A time below `end`, in whole milliseconds.
    pub fn time(&self, end: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(end.as_millis()).unwrap_or(u64::MAX)))
    }
}
