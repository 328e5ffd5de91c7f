//! One operation, once in effect: the decisions of running any async function under the ledger.
//!
//! A call of an operation has one row, known by the operation's name and by what a JMESPath finds
//! in its payload. The row is a row like those of events, with the operation as its only route, so
//! that claim, judgement, fence and take-over are those of [`crate::ledger`]. What is new stands
//! here: the key, what is checked of the payload, what is kept of the result, and how long a lease
//! lasts. The loop that obeys it is `waybill_engine::once`.

use std::time::Duration;

use serde_json::Value;

use crate::deadline::{Budget, Start};
use crate::digest::Digest;
use crate::event::Data;
use crate::id::{EventKey, MessageId, Operation};
use crate::key::{Found, KeyExpression, join};
use crate::lease;
use crate::ledger::{OnRejected, Record, TryTerms};
use crate::limit::{LEASE_OVER_DEADLINE, LEASE_SKEW, RESULT_MAX};
use crate::outcome::Attempt;
use crate::retry::{Backoff, Jitter, Life, Moment, RetryPolicy};
use crate::time::Timestamp;

/// What becomes of a call whose payload has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// It is refused: nothing is run.
    #[default]
    Refuse,
    /// It is run without a claim: as often as it is called.
    RunUnguarded,
}

/// Why a payload gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// There is nothing where the expression looks: null, an empty text, list or object, or a list
    /// or an object of only that. `0` and `false` are something.
    #[error("{0}")]
    Missing(String),
    /// The expression cannot be asked of this payload, or finds a number that cannot be told from
    /// another. Never run unguarded.
    #[error("{0}")]
    Unusable(String),
}

/// What a call is known by: the operation's name, always, and what the expression finds, as
/// canonical JSON, so that `1` is not `"1"` and members are in the order of their bytes.
pub fn operation_key(
    operation: &Operation,
    expression: &KeyExpression,
    payload: &Value,
) -> Result<EventKey, KeyFault> {
    let said = |why: &str| format!("key `{}` {why}", expression.as_str());
    match expression.find_in(payload) {
        Found::Value(text) => Ok(join("op:", &[operation.as_str().to_owned(), text])),
        Found::Nothing(_) => Err(KeyFault::Missing(said("is not in the payload"))),
        Found::Unusable(why) => Err(KeyFault::Unusable(said(&why))),
    }
}

/// The digest of the part of a payload by which two calls of one key must agree. A part that is
/// not there is a value like others. Fails where it cannot be told exactly; the error says why.
pub fn part_digest(part: &KeyExpression, payload: &Value) -> Result<Digest, String> {
    match part.find_in(payload) {
        Found::Value(text) | Found::Nothing(text) => Ok(Digest::of(&Data::Json(text.into()))),
        Found::Unusable(why) => Err(format!("part `{}` {why}", part.as_str())),
    }
}

/// What is kept of an operation's result for those who call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// The result, as JSON text.
    Store {
        /// The longest that is kept, in bytes; [`RESULT_MAX`] at most. What is longer is not kept:
        /// the operation is done all the same.
        most: usize,
    },
    /// Nothing but that it was done.
    Forget,
}

impl Default for Results {
    /// Results up to 32 KiB.
    fn default() -> Self {
        Self::Store { most: 32 * 1024 }
    }
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The row has it: a repeat is answered with it.
    Stored,
    /// It is not to be kept ([`Results::Forget`]).
    Forgotten,
    /// It is longer than is kept.
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It cannot be written as JSON and read back.
    Unserialisable,
}

impl Results {
    /// What is kept of a result, and what to say of it. `text` is asked for the result as JSON
    /// where one is kept; it has none where it cannot be written so, or not be read back.
    ///
    /// It never fails: the effect is there, and nothing may bring it about again (the operation is
    /// then done without a result).
    pub fn keep(self, text: impl FnOnce() -> Option<String>) -> (Option<String>, Kept) {
        let most = match self {
            Self::Forget => return (None, Kept::Forgotten),
            Self::Store { most } => most.min(RESULT_MAX),
        };
        match text() {
            Some(text) if text.len() <= most => (Some(text), Kept::Stored),
            Some(text) => (None, Kept::TooLarge { bytes: text.len() }),
            None => (None, Kept::Unserialisable),
        }
    }
}

/// The times of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// No call begins with less time left: at least as long as the operation usually takes.
    pub least: Duration,
    /// The longest lease asked for at once; it is renewed while the operation runs. Without it a
    /// lease lasts as long as the call may, and is never renewed. Two seconds at least.
    pub lease: Option<Duration>,
    /// How long a call waits for another that holds its row.
    pub wait: Duration,
    /// How long a row lives after its last write: as long as a repeat may come.
    pub time_to_live: Duration,
}

impl Default for Terms {
    /// One second is the least, a lease is for the whole call, nobody waits, and rows live 25 days,
    /// as those of events do in the template.
    fn default() -> Self {
        Self {
            least: Duration::from_secs(1),
            lease: None,
            wait: Duration::ZERO,
            time_to_live: Duration::from_secs(25 * 24 * 60 * 60),
        }
    }
}

impl Terms {
    /// Whether the operation may begin now, and how long it may take: to a little before the
    /// deadline, so that what became of it can be written down.
    pub fn start(&self, budget: Budget, now: Timestamp) -> Start {
        let limit = budget.work_until().since(now);
        match limit >= self.least && !limit.is_zero() {
            true => Start::Now { limit },
            false => Start::TooLate,
        }
    }

    /// The end of a lease that is asked for now.
    pub fn lease_until(&self, budget: Budget, now: Timestamp) -> Timestamp {
        let longest = longest(budget);
        self.period()
            .map_or(longest, |period| now.after(period).min(longest))
    }

    /// The terms on which a lease is renewed; none where it is long enough from the start.
    pub fn renewals(&self, budget: Budget) -> Option<lease::Terms> {
        self.period().map(|period| lease::Terms {
            period,
            until: longest(budget),
        })
    }

    /// The lease asked for at once, long enough for a renewal to be tried again.
    fn period(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.max(LEASE_MIN))
    }

    /// The time to live of a row written now, in seconds since the epoch: never less than its
    /// lease, however short rows live.
    pub fn expires_at(&self, lease_until: Timestamp, now: Timestamp) -> u64 {
        let lived = now.after(self.time_to_live);
        let held = lease_until.after(LEASE_SKEW).after(LEASE_SKEW);
        lived.max(held).as_secs_ceil()
    }

    /// Until when a call waits for another that holds its row: never so long that the least time
    /// is gone.
    pub fn wait_until(&self, budget: Budget) -> Timestamp {
        let latest = budget.work_until().before(self.least);
        budget.started.after(self.wait).min(latest)
    }
}

/// The last moment that a lease of a call may be asked for: its end, and a little more.
fn longest(budget: Budget) -> Timestamp {
    budget.deadline.after(LEASE_OVER_DEADLINE)
}

/// How an operation that was begun came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is done.
    Done {
        /// What is kept of its result.
        result: Option<String>,
    },
    /// It failed, or was cut off.
    Failed(Attempt),
    /// It was not begun after all: nothing is charged.
    NotBegun,
}

/// The row as the end of a call leaves it: `COMPLETED`; `PENDING` and due, so that the next call
/// may run it; or `DEAD`, where it was rejected.
pub fn ended(
    mut record: Record,
    operation: &Operation,
    call: &MessageId,
    end: &End,
    now: Timestamp,
) -> Record {
    let note = |record: &mut Record, attempt| {
        let moment = Moment {
            now,
            jitter: Jitter::from_bits(0),
            life: Life::default(),
        };
        let route = operation.route();
        let terms = TryTerms {
            retry: &FOR_EVER,
            on_rejected: OnRejected::Dead,
            dead_letter: None,
        };
        record.note(route, attempt, terms, moment);
    };
    match end {
        End::Done { result } => {
            note(&mut record, &Attempt::delivered("done"));
            record.result.clone_from(result);
        }
        End::Failed(attempt) => note(&mut record, attempt),
        End::NotBegun => {}
    }
    let _ = record.close(call, now, Duration::ZERO);
    record
}

/// Tries are not counted against an operation: whoever calls it decides when to stop.
const FOR_EVER: RetryPolicy = RetryPolicy {
    steps: u32::MAX,
    backoff: Backoff::Linear {
        duration: Duration::ZERO,
    },
    jitter: 0.0,
    cap: Duration::ZERO,
    overload_floor: Duration::ZERO,
    on: None,
    max_event_age: None,
    detach: None,
};

/// The shortest lease.
const LEASE_MIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
