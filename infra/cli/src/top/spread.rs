//! How times are spread, in little memory: values are counted in bins, each less than a hundredth of
//! its value wide.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// Times that were counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Times {
    /// How many are in the bin that begins at so many microseconds.
    bins: BTreeMap<u64, u64>,
    /// The longest.
    longest: u64,
}

/// What is said of times: within half a hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread {
    /// How many there were.
    pub(super) count: u64,
    /// Half of them took at most this long.
    pub(super) p50: Duration,
    /// Nine of ten.
    pub(super) p90: Duration,
    /// Ninety-nine of a hundred.
    pub(super) p99: Duration,
    /// The longest, exactly.
    pub(super) max: Duration,
}

impl Times {
    /// Counts a time in milliseconds; what is none is left out.
    pub(super) fn add(&mut self, milliseconds: f64) {
        let Ok(time) = Duration::try_from_secs_f64(milliseconds / 1000.0) else {
            return;
        };
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        *self.bins.entry(bin(micros).0).or_default() += 1;
        self.longest = self.longest.max(micros);
    }

    /// Counts what others have counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
    }

    /// What is to be said of them; nothing where there are none.
    pub(super) fn spread(&self) -> Option<Spread> {
        let count = self.bins.values().sum();
        (count > 0).then(|| Spread {
            count,
            p50: self.within(count, 50),
            p90: self.within(count, 90),
            p99: self.within(count, 99),
            max: Duration::from_micros(self.longest),
        })
    }

    /// The least time within which so many of a hundred are.
    fn within(&self, count: u64, percent: u64) -> Duration {
        let rank = count.saturating_mul(percent).div_ceil(100);
        let mut below = 0;
        for (begin, count) in &self.bins {
            below += count;
            if below >= rank {
                let middle = begin.saturating_add(bin(*begin).1 / 2);
                return Duration::from_micros(middle.min(self.longest));
            }
        }
        Duration::from_micros(self.longest)
    }
}

impl Spread {
    /// For scripts, in milliseconds.
    pub(super) fn json(&self) -> Value {
        let ms = |time: Duration| (time.as_secs_f64() * 100_000.0).round() / 100.0;
        json!({
            "count": self.count,
            "p50": ms(self.p50),
            "p90": ms(self.p90),
            "p99": ms(self.p99),
            "max": ms(self.max),
        })
    }
}

/// Where the bin of a value begins, and how wide it is.
fn bin(micros: u64) -> (u64, u64) {
    let digits = u64::BITS - micros.leading_zeros();
    let dropped = digits.saturating_sub(DIGITS);
    (micros >> dropped << dropped, 1 << dropped)
}

/// How many binary digits of a value are kept.
const DIGITS: u32 = 8;

#[cfg(test)]
mod tests;
