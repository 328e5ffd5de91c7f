//! How long one event takes, and how long the slowest of a batch.
//!
//! An invocation works on its batch side by side and ends with the slowest event of it. So the
//! time of a batch is the greatest of as many service times, taken as independent: they are not
//! where one slow target makes all of them slow, and then a batch takes less than is said here.

/// How the time that one event takes is spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ServiceTime {
    /// Exponential: what is assumed where the mean alone is known. Its 99th percentile is 4.6
    /// times the mean.
    Exponential {
        /// The mean.
        mean_seconds: f64,
    },
    /// Lognormal: what is taken where the 99th percentile is known too.
    Lognormal {
        /// The mean.
        mean_seconds: f64,
        /// The deviation of the logarithm; zero is the same time always.
        sigma: f64,
    },
}

/// A mean and a 99th percentile that no lognormal distribution has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The 99th percentile is below the mean.
    #[error("the 99th percentile is below the mean")]
    BelowMean,
    /// The 99th percentile is too far above the mean.
    #[error("the 99th percentile is more than 14.9 times the mean")]
    TooFar,
}

/// How long the slowest of a batch takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slowest {
    /// On average.
    pub mean_seconds: f64,
    /// At most, in 999 batches of a thousand.
    pub p999_seconds: f64,
}

impl ServiceTime {
    /// A service time by its mean and, where it is known, its 99th percentile.
    ///
    /// # Errors
    ///
    /// Where the percentile is below the mean, or more than 14.9 times the mean: no lognormal
    /// distribution is so.
    pub fn of(mean_seconds: f64, p99_seconds: Option<f64>) -> Result<Self, ServiceError> {
        let Some(p99_seconds) = p99_seconds else {
            return Ok(Self::Exponential { mean_seconds });
        };
        let above = (p99_seconds / mean_seconds).ln();
        let left = Z99 * Z99 - 2.0 * above;
        if above < 0.0 {
            return Err(ServiceError::BelowMean);
        }
        if left < 0.0 {
            return Err(ServiceError::TooFar);
        }
        Ok(Self::Lognormal {
            mean_seconds,
            sigma: Z99 - left.sqrt(),
        })
    }

    /// The mean of one.
    pub fn mean_seconds(&self) -> f64 {
        match self {
            Self::Exponential { mean_seconds } | Self::Lognormal { mean_seconds, .. } => {
                *mean_seconds
            }
        }
    }

    /// The slowest of so many; of none it is that of one.
    pub fn slowest_of(&self, batch: u32) -> Slowest {
        let batch = batch.max(1);
        match self {
            Self::Exponential { mean_seconds } => {
                let harmonic: f64 = (1..=batch).map(|k| 1.0 / f64::from(k)).sum();
                let below = P999.powf(1.0 / f64::from(batch));
                Slowest {
                    mean_seconds: mean_seconds * harmonic,
                    p999_seconds: -mean_seconds * (1.0 - below).ln(),
                }
            }
            Self::Lognormal {
                mean_seconds,
                sigma,
            } => slowest_lognormal(*mean_seconds, *sigma, batch),
        }
    }
}

/// The slowest of a batch of lognormal times: the mean by a sum over a fine grid of the normal
/// distribution, which is itself summed up on the way.
fn slowest_lognormal(mean_seconds: f64, sigma: f64, batch: u32) -> Slowest {
    let least = mean_seconds.ln() - sigma * sigma / 2.0;
    let batch = f64::from(batch);
    let mut below = 0.0_f64;
    let mut all_below = 0.0;
    let mut slowest = Slowest {
        mean_seconds: 0.0,
        p999_seconds: 0.0,
    };
    for step in 0..STEPS {
        let middle = FROM + (f64::from(step) + 0.5) * WIDTH;
        below += (-middle * middle / 2.0).exp() * WIDTH / std::f64::consts::TAU.sqrt();
        let next = below.min(1.0).powf(batch);
        let seconds = (least + sigma * middle).exp();
        slowest.mean_seconds += seconds * (next - all_below);
        if all_below < P999 {
            slowest.p999_seconds = seconds;
        }
        all_below = next;
    }
    slowest
}

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

/// The part of batches that [`Slowest::p999_seconds`] is of.
const P999: f64 = 0.999;

/// Where the grid begins, in deviations; next to nothing is below.
const FROM: f64 = -9.0;

/// How fine the grid is.
const WIDTH: f64 = 1.0 / 1024.0;

/// To twelve deviations above: next to nothing of the mean of the widest distribution is beyond.
const STEPS: u32 = 21 * 1024;

#[cfg(test)]
mod tests;
