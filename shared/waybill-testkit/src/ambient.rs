//! Time and chance that a test decides.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;

/// An [`Ambient`] whose time is a fixed base plus what tokio's clock has run since it was made, and
/// whose chance comes from a seed.
///
/// Under `#[tokio::test(start_paused = true)]` time stands still until the test sleeps or advances
/// it. Make it inside the runtime.
#[derive(Debug)]
pub struct TestAmbient {
    base: Timestamp,
    started: Instant,
    chance: AtomicU64,
}

impl TestAmbient {
    /// What the clock shows when the ambient is made: 2026-01-01T00:00:00Z.
    pub const BASE: Timestamp = Timestamp::from_secs(1_767_225_600);

    /// An ambient at [`TestAmbient::BASE`] whose chance is decided by `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self {
            base: Self::BASE,
            started: Instant::now(),
            chance: AtomicU64::new(seed),
        }
    }
}

impl Default for TestAmbient {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Ambient for TestAmbient {
    fn now(&self) -> Timestamp {
        self.base.after(self.started.elapsed())
    }

    /// The next number of splitmix64.
    fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.chance.fetch_add(STEP, Ordering::Relaxed);
        let mut z = state.wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests;
