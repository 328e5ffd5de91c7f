//! When the next try may be, and when there is none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::limit::WAIT_MAX;
use crate::outcome::{Attempt, Outcome};
use crate::time::Timestamp;

/// How often and how long apart a target is tried again, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Retries after the first try.
    pub steps: u32,
    /// How the waits grow.
    pub backoff: Backoff,
    /// How much longer, as a part of the wait, chance may make it: `[0, jitter * wait]`.
    pub jitter: f64,
    /// The longest wait, before floor and jitter.
    pub cap: Duration,
    /// The shortest wait after a failure that says that the target has too much to do: one of
    /// [`OVERLOAD_CODES`]. It goes before `cap`. Zero is none.
    pub overload_floor: Duration,
    /// What goes before `backoff` and `cap` after an attempt with this code, where anything does.
    pub on: Option<Arc<BTreeMap<String, OnCode>>>,
    /// How old an event may be, by its message's `SentTimestamp`, when a try begins.
    pub max_event_age: Option<Duration>,
    /// After how many attempts the route lets its event wait outside the queue, where it does.
    pub detach: Option<u32>,
}

/// How the waits of a policy grow.
#[derive(Debug, Clone, PartialEq)]
pub enum Backoff {
    /// Wait n is `duration * factor^(n-1)`: Argo's way, and with a factor of 1 a constant one.
    Exponential {
        /// The first wait.
        duration: Duration,
        /// What each further wait is multiplied by; less than 1 counts as 1.
        factor: f64,
    },
    /// Wait n is `duration * n`: Knative's `linear`.
    Linear {
        /// The first wait.
        duration: Duration,
    },
    /// Wait n is the n-th of a list, and its last from there on.
    Schedule(Arc<[Duration]>),
}

/// How long a policy waits after one kind of failure.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCode {
    /// How the waits grow. n counts every failed try, whatever its code was.
    pub backoff: Backoff,
    /// The longest wait, before floor and jitter.
    pub cap: Duration,
}

/// A part of one, drawn by chance: `[0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter(f64);

/// How long a message is there, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Life {
    /// When it was sent: SQS's `SentTimestamp`, by the queue's clock. It is there whatever the
    /// event says of its own time, and a message that was redriven has a new one.
    pub sent: Option<Timestamp>,
    /// How long its queue keeps it from then on (F08).
    pub retention: Option<Duration>,
    /// When its event was first sent, where that was in another message: its age counts from there.
    pub first_sent: Option<Timestamp>,
}

/// What a decision about a failed try depends on beside the try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// When the try ended.
    pub now: Timestamp,
    /// Chance.
    pub jitter: Jitter,
    /// How long its message is there.
    pub life: Life,
}

/// What follows from a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Another try, after this wait.
    RetryAfter(Duration),
    /// No more tries: there were as many as there may be.
    Spent,
    /// No more tries: at the next the event would be older than it may be (F11).
    Expired,
    /// No more tries: before the next the message would leave its queue by age (F08).
    WouldExpire,
}

/// The codes of attempts that say that the target has too much to do: it throttles, or does not
/// answer in time.
pub const OVERLOAD_CODES: [&str; 4] = ["http_429", "throttled", "timeout", "connect_timeout"];

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            steps: 3,
            backoff: Backoff::Exponential {
                duration: Duration::from_secs(10),
                factor: 2.0,
            },
            jitter: 0.1,
            cap: WAIT_MAX,
            overload_floor: Duration::ZERO,
            on: None,
            max_event_age: None,
            detach: None,
        }
    }
}

impl RetryPolicy {
    /// Decides what follows when try number `attempts` (counted from 1, by the ledger: SQS's
    /// receive count also counts throttles, deadline cuts and waiting duplicates) has failed.
    ///
    /// In this order:
    ///
    /// 1. What was delivered or rejected is not tried again, nor is what has had its `steps`.
    /// 2. The policy's own wait: of `on` where that names the attempt's code, else of `backoff`;
    ///    at most the cap that goes with it.
    /// 3. After an overload at least `overload_floor`.
    /// 4. Up to `jitter` of that more.
    /// 5. A wait that the target asked for, from that wait up to fifteen minutes (F58).
    /// 6. Where the next try would then come after the event's `max_event_age`: expired.
    /// 7. Where it would come too near the end of the queue's retention: would expire (F08).
    pub fn decide(&self, attempt: &Attempt, attempts: u32, moment: Moment) -> RetryDecision {
        let asked = match attempt.outcome {
            Outcome::Delivered | Outcome::Rejected => return RetryDecision::Spent,
            Outcome::Transient { retry_after } => retry_after,
            Outcome::Unknown => None,
        };
        if attempts > self.steps {
            return RetryDecision::Spent;
        }
        let own = self.wait(&attempt.code, attempts, moment.jitter);
        let wait = asked.map_or(own, |asked| asked.min(WAIT_MAX).max(own));
        let due = moment.now.after(wait);
        if moment.life.is_older(self.max_event_age, due) {
            return RetryDecision::Expired;
        }
        if moment.life.is_too_short(due) {
            return RetryDecision::WouldExpire;
        }
        RetryDecision::RetryAfter(wait)
    }

    /// The longest wait of its own, without floor and jitter.
    pub fn longest_wait(&self) -> Duration {
        let longest = |backoff: &Backoff, cap: Duration| {
            let waits = (1..=self.steps).map(|n| backoff.wait(n).min(cap));
            waits.max().unwrap_or_default()
        };
        let on = self.on.iter().flat_map(|on| on.values());
        let on = on.map(|on| longest(&on.backoff, on.cap)).max();
        longest(&self.backoff, self.cap).max(on.unwrap_or_default())
    }

    /// The longest that all its waits can come to, with floor and jitter; a target may ask for more.
    pub fn longest_waits(&self) -> Duration {
        let wait = |n: u32| {
            let own = self.backoff.wait(n).min(self.cap);
            let on = self.on.iter().flat_map(|on| on.values());
            let on = on.map(|on| on.backoff.wait(n).min(on.cap)).max();
            let base = own.max(on.unwrap_or_default()).max(self.overload_floor);
            let most = base.as_secs_f64() * (1.0 + self.jitter.clamp(0.0, 1.0));
            Duration::try_from_secs_f64(most).unwrap_or(Duration::MAX)
        };
        (1..=self.steps)
            .map(wait)
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The policy's own wait after try number `attempts`, which failed with this code.
    fn wait(&self, code: &str, attempts: u32, jitter: Jitter) -> Duration {
        let on = self.on.as_ref().and_then(|on| on.get(code));
        let (backoff, cap) = on.map_or((&self.backoff, self.cap), |on| (&on.backoff, on.cap));
        let floor = match OVERLOAD_CODES.contains(&code) {
            true => self.overload_floor,
            false => Duration::ZERO,
        };
        let base = backoff.wait(attempts).min(cap).max(floor);
        let more = base.as_secs_f64() * self.jitter.clamp(0.0, 1.0) * jitter.0;
        base.saturating_add(Duration::try_from_secs_f64(more).unwrap_or_default())
    }
}

impl Backoff {
    /// The wait after try number `n`, counted from 1; the longest there is where it cannot be
    /// counted.
    pub fn wait(&self, n: u32) -> Duration {
        match self {
            Self::Exponential { duration, factor } => {
                let exponent = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
                let grown = duration.as_secs_f64() * factor.max(1.0).powi(exponent);
                // Nothing grown without end is nothing.
                match duration.is_zero() {
                    true => Duration::ZERO,
                    false => Duration::try_from_secs_f64(grown).unwrap_or(Duration::MAX),
                }
            }
            Self::Linear { duration } => duration.saturating_mul(n),
            Self::Schedule(waits) => {
                let place = usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
                let wait = waits.get(place).or(waits.last());
                wait.copied().unwrap_or_default()
            }
        }
    }
}

impl Jitter {
    /// From 64 random bits, of which it uses 32.
    pub fn from_bits(bits: u64) -> Self {
        let high = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
        Self(f64::from(high) / (f64::from(u32::MAX) + 1.0))
    }

    /// This part of a time.
    pub fn of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }
}

impl Life {
    /// Whether an event is older than it may be at this time; in the very millisecond that its
    /// age reaches the bound it is not yet. Never where the bound or the send is not known.
    pub fn is_older(self, max_event_age: Option<Duration>, at: Timestamp) -> bool {
        let bound = self.first_sent.or(self.sent).zip(max_event_age);
        bound.is_some_and(|(sent, age)| at > sent.after(age))
    }

    /// Whether a message that is due at this time might leave its queue unseen (F08). Never where
    /// the retention or the send is not known.
    pub fn is_too_short(self, due: Timestamp) -> bool {
        self.last_due().is_some_and(|last| due > last)
    }

    /// When a message must be due at last, not to leave its queue unseen: left must be a tenth of
    /// the retention, at most fifteen minutes, in which the last try is made and its message
    /// brought to the dead.
    pub fn last_due(self) -> Option<Timestamp> {
        let (sent, retention) = self.sent.zip(self.retention)?;
        let margin = (retention / 10).min(LAST_TRY_MAX);
        Some(sent.after(retention).before(margin))
    }

    /// A wait, cut short where the message might leave its queue unseen (F08): the receives that
    /// it has left are used up before, and the redrive policy moves it.
    pub fn shortened(self, wait: Duration, now: Timestamp) -> Duration {
        match self.last_due() {
            Some(last) => wait.min(last.since(now).max(SHORTENED_MIN)),
            None => wait,
        }
    }
}

/// How much of a queue's retention is left for the last try at most: no Lambda function runs longer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LAST_TRY_MAX: Duration = Duration::from_secs(15 * 60);

/// The shortest wait that another is cut to.
const SHORTENED_MIN: Duration = Duration::from_secs(1);

/// The wait of a message that was not tried because the ledger did not answer.
pub fn store_trouble_wait(receive_count: u32) -> Duration {
    outage_wait(receive_count)
}

/// The wait of a message that cannot be tried, after so many receives: of what is away for five
/// minutes it comes back within 35 s of the end; and what is away for six hours does not use up
/// the receives that a queue usually gives a message. At most an hour.
pub fn outage_wait(receive_count: u32) -> Duration {
    let seconds = match receive_count {
        0 | 1 => 5,
        2 => 10,
        3 => 20,
        4..=11 => 35,
        12 => 2 * 60,
        13 => 5 * 60,
        14 => 15 * 60,
        15 => 45 * 60,
        16.. => 60 * 60,
    };
    Duration::from_secs(seconds)
}

/// How long an outage of the ledger, or of a target that has a breaker, may last before the redrive
/// policy would take valid messages: the waits of the receives that `max_receive_count` leaves
/// beside one for each try of a route with `steps` retries, and one for chance. Work in between
/// makes it longer, other trouble shorter.
pub fn outage_survived(max_receive_count: u32, steps: u32) -> Duration {
    let needed = steps.saturating_add(2);
    let spare = max_receive_count.saturating_sub(needed);
    (1..=spare).map(outage_wait).sum()
}

#[cfg(test)]
mod tests;
