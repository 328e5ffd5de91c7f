//! The HTTP target: takes everything, and counts what it was sent by idempotency key.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lock;

/// A target that takes everything.
#[derive(Debug, Default)]
pub struct Target {
    state: Mutex<State>,
}

/// What is remembered: as little as can be, for a million of them.
#[derive(Debug, Default)]
struct State {
    /// Deliveries by the hash of their key.
    effects: HashMap<u64, u32>,
    deliveries: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Target {
    /// Takes a delivery; one without a key is known by its body.
    pub(super) fn take(&self, key: Option<&[u8]>, body: &[u8]) {
        let mut hasher = DefaultHasher::new();
        key.unwrap_or(body).hash(&mut hasher);
        let mut state = lock(&self.state);
        *state.effects.entry(hasher.finish()).or_default() += 1;
        state.deliveries += 1;
        let now = Instant::now();
        state.first.get_or_insert(now);
        state.last = Some(now);
    }

    /// How many deliveries there were.
    pub fn deliveries(&self) -> u64 {
        lock(&self.state).deliveries
    }

    /// How many different things were delivered.
    pub fn distinct(&self) -> usize {
        lock(&self.state).effects.len()
    }

    /// From the first delivery to the last.
    pub fn span(&self) -> Duration {
        let state = lock(&self.state);
        let span = state.last.zip(state.first);
        span.map_or(Duration::ZERO, |(last, first)| last - first)
    }

    /// Forgets all of it.
    pub fn clear(&self) {
        *lock(&self.state) = State::default();
    }
}
