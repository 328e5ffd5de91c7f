//! How slow the stand-in is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long one thing takes: always the same, or anything between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    least: Duration,
    most: Duration,
}

/// How long each thing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latencies {
    /// A request to DynamoDB.
    pub dynamodb: Latency,
    /// A request to SQS, beside the wait of a long poll.
    pub sqs: Latency,
    /// A delivery.
    pub target: Latency,
}

impl Latency {
    /// Always the same.
    pub fn of(time: Duration) -> Self {
        Self {
            least: time,
            most: time,
        }
    }

    /// Between the two, evenly.
    pub fn between(least: Duration, most: Duration) -> Self {
        Self { least, most }
    }

    /// Waits for as long as it takes this time. A timer of tokio's rounds up to a millisecond.
    pub(super) async fn pass(self) {
        let spread = self.most.saturating_sub(self.least);
        let part = Duration::from_nanos(spread.as_nanos().try_into().unwrap_or(u64::MAX));
        let time = self.least + part.mul_f64(next_part());
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }
}

/// The next of a fixed row of numbers that fill 0 to 1 evenly: every run waits alike.
#[expect(clippy::cast_precision_loss, reason = "a part of one, to a thousandth")]
fn next_part() -> f64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    // Weyl's sequence of the golden ratio, in thousandths.
    let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
    (drawn.wrapping_mul(618) % 1000) as f64 / 1000.0
}
