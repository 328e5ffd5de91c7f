//! How fast dead letters go back: evenly, and slowly at first.

use std::time::Duration;

/// How many go in a second, and over which time that grows from nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Messages in a second, at least 1.
    rate: u32,
    /// How long it takes until so many go.
    ramp: Duration,
}

/// The most messages in a second: what one loop over SQS keeps up with. SQS's own redrive has the
/// same bound.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
pub const RATE_MAX: u32 = 500;

impl Pace {
    /// A pace of 1 to [`RATE_MAX`] messages in a second.
    pub fn new(rate: u32, ramp: Duration) -> Self {
        let rate = rate.clamp(1, RATE_MAX);
        Self { rate, ramp }
    }

    /// When the message after `sent` others may go, counted from the first's turn. While the rate
    /// grows evenly over the ramp, the number sent grows with the square of the time.
    pub fn turn(&self, sent: u64) -> Duration {
        let sent = Duration::from_secs(sent);
        let ramp = self.ramp.as_secs_f64();
        let rate = f64::from(self.rate);
        let sent = sent.as_secs_f64();
        let in_ramp = rate * ramp / 2.0;
        let seconds = match sent < in_ramp {
            true => (2.0 * ramp * sent / rate).sqrt(),
            false => ramp + (sent - in_ramp) / rate,
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How many are best taken up at once: no more than go in half a second, at most ten.
    pub fn handful(&self) -> usize {
        usize::try_from(self.rate / 2)
            .unwrap_or(usize::MAX)
            .clamp(1, 10)
    }
}
