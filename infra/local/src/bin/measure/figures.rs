//! What was measured of one thing, and the middle of several rounds.

use std::time::Duration;

use waybill_local::stub::Traffic;

use crate::subject::per_message;

/// Batches of one load through one process.
#[derive(Debug, Clone)]
pub(crate) struct Batches {
    /// Messages in a second, of this one process.
    pub(crate) rate: f64,
    /// The processor's time for a thousand messages, in milliseconds.
    pub(crate) cpu_ms: Option<f64>,
    /// The middle batch.
    pub(crate) p50_ms: f64,
    /// The batch that one of a hundred is above.
    pub(crate) p99_ms: f64,
    /// The most memory resident, in megabytes.
    pub(crate) peak_mb: Option<f64>,
    /// Requests to DynamoDB for a message.
    pub(crate) dynamodb: f64,
    /// Requests to SQS for a message.
    pub(crate) sqs: f64,
    /// Write units for a message.
    pub(crate) write_units: f64,
    /// Read units for a message.
    pub(crate) read_units: f64,
    /// Bytes sent for a message: requests to AWS and the target.
    pub(crate) bytes_out: f64,
    /// Bytes received for a message, but for the payload.
    pub(crate) bytes_in: f64,
}

impl Batches {
    /// Of what was seen.
    pub(crate) fn new(
        messages: usize,
        mut times: Vec<Duration>,
        cpu: Option<Duration>,
        peak: Option<u64>,
        traffic: &Traffic,
    ) -> Self {
        let all: Duration = times.iter().sum();
        times.sort_unstable();
        let each = |number: u64| number as f64 / messages as f64;
        Self {
            rate: messages as f64 / all.as_secs_f64(),
            cpu_ms: cpu.map(|cpu| millis(cpu) * 1000.0 / messages as f64),
            p50_ms: millis(at(&times, 50)),
            p99_ms: millis(at(&times, 99)),
            peak_mb: peak.map(|bytes| bytes as f64 / 1e6),
            dynamodb: per_message(traffic, "dynamodb", messages),
            sqs: per_message(traffic, "sqs", messages),
            write_units: each(traffic.units.write),
            read_units: each(traffic.units.read),
            bytes_out: each(traffic.bytes_in),
            bytes_in: each(traffic.bytes_out),
        }
    }

    /// The middle of each figure over the rounds.
    pub(crate) fn middle(rounds: &[Self]) -> Self {
        Self {
            rate: middle_of(rounds, |batches| batches.rate),
            cpu_ms: known(rounds, |batches| batches.cpu_ms),
            p50_ms: middle_of(rounds, |batches| batches.p50_ms),
            p99_ms: middle_of(rounds, |batches| batches.p99_ms),
            peak_mb: known(rounds, |batches| batches.peak_mb),
            dynamodb: middle_of(rounds, |batches| batches.dynamodb),
            sqs: middle_of(rounds, |batches| batches.sqs),
            write_units: middle_of(rounds, |batches| batches.write_units),
            read_units: middle_of(rounds, |batches| batches.read_units),
            bytes_out: middle_of(rounds, |batches| batches.bytes_out),
            bytes_in: middle_of(rounds, |batches| batches.bytes_in),
        }
    }
}

/// A queue that was polled until it was empty.
#[derive(Debug, Clone)]
pub(crate) struct Polled {
    /// Messages in a second, from the first delivery to the last.
    pub(crate) rate: f64,
    /// The processor's time for a thousand messages, in milliseconds.
    pub(crate) cpu_ms: Option<f64>,
    /// The most memory resident, in megabytes.
    pub(crate) peak_mb: Option<f64>,
    /// Requests to SQS for a message.
    pub(crate) sqs: f64,
    /// Requests to DynamoDB for a message.
    pub(crate) dynamodb: f64,
}

impl Polled {
    /// Of what was seen.
    pub(crate) fn new(
        messages: usize,
        took: Duration,
        cpu: Option<Duration>,
        peak: Option<u64>,
        traffic: &Traffic,
    ) -> Self {
        Self {
            rate: messages as f64 / took.as_secs_f64(),
            cpu_ms: cpu.map(|cpu| millis(cpu) * 1000.0 / messages as f64),
            peak_mb: peak.map(|bytes| bytes as f64 / 1e6),
            sqs: per_message(traffic, "sqs", messages),
            dynamodb: per_message(traffic, "dynamodb", messages),
        }
    }

    /// The middle of each figure over the rounds.
    pub(crate) fn middle(rounds: &[Self]) -> Self {
        Self {
            rate: middle_of(rounds, |polled| polled.rate),
            cpu_ms: known(rounds, |polled| polled.cpu_ms),
            peak_mb: known(rounds, |polled| polled.peak_mb),
            sqs: middle_of(rounds, |polled| polled.sqs),
            dynamodb: middle_of(rounds, |polled| polled.dynamodb),
        }
    }
}

/// The middle of one figure over the rounds.
fn middle_of<T>(rounds: &[T], figure: fn(&T) -> f64) -> f64 {
    middle(rounds.iter().map(figure).collect())
}

/// The same of a figure that every round must have.
fn known<T>(rounds: &[T], figure: fn(&T) -> Option<f64>) -> Option<f64> {
    let figures: Option<Vec<_>> = rounds.iter().map(figure).collect();
    figures.map(middle)
}

/// The middle one; 0 of none.
pub(crate) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let place = figures.len() / 2;
    figures.get(place).copied().unwrap_or_default()
}

/// The value that so many of a hundred are not above, of ascending ones.
pub(crate) fn at(times: &[Duration], percent: usize) -> Duration {
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

/// A time in milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
