//! What holds a route back so that its target is not hurt: a breaker, a rate, and a number of
//! places; and what holds the source back while all routes are. Every decision is here; the waiting is in `waybill-engine`, the rows are in the ledger's
//! table.
//!
//! A gate never loses an event and never charges a try: what may not go now waits in the process,
//! or its route is put off.

pub mod breaker;
pub mod concurrency;
pub mod rate;
pub mod valve;

use std::time::Duration;

use crate::id::{Consumer, RouteName};
use crate::outcome::{Attempt, Outcome, RowEnd};
use crate::retry::{Jitter, outage_wait};
use crate::time::Timestamp;

use breaker::{Breaker, BreakerSpec};
use concurrency::Concurrency;
use rate::RateSpec;
use valve::Valve;

/// What holds a route back, as the routes file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateSpec {
    /// When nothing is sent to a target that fails; `None` is never.
    pub breaker: Option<BreakerSpec>,
    /// How many tries a second, over all processes of the consumer; `None` is any number.
    pub rate: Option<RateSpec>,
    /// How many tries at once, in each process; `None` is any number.
    pub concurrency: Option<Concurrency>,
}

/// The key of a gate's row. It begins with `#`, as no event's does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateKey(String);

/// A gate's state that all processes of a consumer share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRow {
    /// Whose it is.
    pub key: GateKey,
    /// A number that every write increments; 1 for the first.
    pub rev: u64,
    /// Seconds since the epoch after which the row may be swept. Nothing but the sweep looks at it.
    pub expires_at: u64,
    /// What it says.
    pub state: GateState,
}

/// What a gate's row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateState {
    /// Of a breaker. One that is closed and never was open has no row.
    Breaker(Breaker),
    /// Of a rate: the theoretical arrival time of the next try, in microseconds since the epoch.
    Rate {
        /// See [`rate`].
        tat_us: u64,
    },
    /// Of the valve on a source.
    Valve(Valve),
    /// Written by a release that this one cannot read: nothing passes. Never written.
    Unknown,
}

/// What a try says of its target's health, whatever it means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered: it did what it was asked, or refused it for good.
    Well,
    /// It failed, or gave no answer.
    Sick,
    /// It was not asked, or not given its time.
    Unsaid,
}

impl GateSpec {
    /// Whether nothing is ever held back.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

impl GateKey {
    /// The key of a route's breaker.
    pub fn breaker(consumer: &Consumer, route: &RouteName) -> Self {
        Self(format!("#breaker#{}#{}", consumer.as_str(), route.as_str()))
    }

    /// The key of a route's rate: another rate begins anew, so that what was taken of a slower one
    /// does not hold it back.
    pub fn rate(consumer: &Consumer, route: &RouteName, spec: &RateSpec) -> Self {
        let (consumer, route) = (consumer.as_str(), route.as_str());
        let (interval, burst) = (spec.interval_us(), spec.burst);
        Self(format!("#rate#{consumer}#{route}#{interval}#{burst}"))
    }

    /// The key of the valve on a queue. Several functions may be one consumer, each with a queue.
    pub fn valve(consumer: &Consumer, queue_arn: &str) -> Self {
        Self(format!("#valve#{}#{queue_arn}", consumer.as_str()))
    }

    /// A key as the table holds it.
    pub fn from_stored(pk: impl Into<String>) -> Self {
        Self(pk.into())
    }

    /// The key as the table holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Health {
    /// What a try that took so long says; `time` is what the route gives a try. One that was cut
    /// off earlier, because its invocation ended, says nothing, nor does one that sent nothing.
    pub fn of(attempt: &Attempt, took: Duration, time: Duration) -> Self {
        let refused = attempt.row == RowEnd::Refused;
        if refused || UNSENT_CODES.contains(&attempt.code.as_ref()) {
            return Self::Unsaid;
        }
        match attempt.outcome {
            Outcome::Delivered | Outcome::Rejected => Self::Well,
            Outcome::Unknown if attempt.code == "timeout" && took < time => Self::Unsaid,
            Outcome::Transient { .. } | Outcome::Unknown => Self::Sick,
        }
    }
}

/// The codes of attempts that were decided without asking the target.
pub const UNSENT_CODES: [&str; 13] = [
    "address_refused",
    "body_unfit",
    "group_missing",
    "item_unusable",
    "key_attribute_missing",
    "partition_key_missing",
    "route_unknown",
    "secret_unavailable",
    "secret_unfit",
    "source_reserved",
    "target_is_source",
    "too_large",
    "transform_failed",
];

/// How long a route of a message is put off: at least so long, never so often that an outage of
/// six hours uses up the message's receives ([`outage_wait`]), and up to a tenth more by chance, so
/// that not all come back at once.
pub fn put_off_wait(at_least: Duration, receive_count: u32, jitter: Jitter) -> Duration {
    let wait = outage_wait(receive_count).max(at_least);
    wait.saturating_add(jitter.of(wait / 10))
}

/// Microseconds since the epoch.
pub fn micros(at: Timestamp) -> u64 {
    at.as_millis().saturating_mul(1000)
}

#[cfg(test)]
mod tests;
