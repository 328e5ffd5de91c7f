//! Chance that is the same every time.

/// A xorshift generator.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The same seed brings the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        // Of zero nothing else would ever come.
        Self(seed.max(1))
    }

    /// A number below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).unwrap_or(0);
        high % limit.max(1)
    }
}
