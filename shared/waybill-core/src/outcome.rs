//! What became of an attempt, and what becomes of a message.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limit::cut;

/// What one real try at a target came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target has it and said so.
    Delivered,
    /// The target refused it for good.
    Rejected,
    /// The target could not take it now; it may say when.
    Transient {
        /// The wait the target asked for.
        retry_after: Option<Duration>,
    },
    /// It was sent and no answer came: it may have happened. Retried with the same key.
    Unknown,
}

impl Outcome {
    /// The word that ledger rows, logs and metrics use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Transient { .. } => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// One try at a target: what came of it and what to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What came of it.
    pub outcome: Outcome,
    /// A short word for queries, like `http_503` or `connect_refused`; at most [`CODE_MAX`] bytes.
    pub code: Cow<'static, str>,
    /// A sentence for people; never a body, a header or a secret. Empty when delivered.
    pub message: String,
    /// What it did to the ledger's row, where it was asked to write that with its effect.
    pub row: RowEnd,
    /// Whether it counts among those that its route may have.
    pub charge: Charge,
}

/// Whether a try counts among those that a route may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charge {
    /// It does.
    #[default]
    Charged,
    /// It does not: what ended it is not the event's. The route waits.
    Free {
        /// How long.
        after: Duration,
        /// Why.
        cause: DeferCause,
    },
}

/// What a try did to the row of its event, where the target was asked to write the row and have
/// its effect in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowEnd {
    /// Nothing, as far as is known.
    #[default]
    Untouched,
    /// It stands as it was to be written, and the effect has happened.
    Written,
    /// A row stands there already: nothing was written, and nothing has happened.
    Refused,
}

impl Attempt {
    /// A delivery, with the code that says how the target answered.
    pub fn delivered(code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outcome: Outcome::Delivered,
            code: short(code.into()),
            message: String::new(),
            row: RowEnd::Untouched,
            charge: Charge::Charged,
        }
    }

    /// A final refusal.
    pub fn rejected(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Rejected,
            code: short(code.into()),
            message: message.into(),
            row: RowEnd::Untouched,
            charge: Charge::Charged,
        }
    }

    /// A refusal for now.
    pub fn transient(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        let outcome = Outcome::Transient { retry_after };
        Self {
            outcome,
            code: short(code.into()),
            message: message.into(),
            row: RowEnd::Untouched,
            charge: Charge::Charged,
        }
    }

    /// Sent, and no answer.
    pub fn unknown(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Unknown,
            code: short(code.into()),
            message: message.into(),
            row: RowEnd::Untouched,
            charge: Charge::Charged,
        }
    }

    /// Ended before anything was begun, by what is not the event's: it comes again after so long.
    pub fn put_off(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        after: Duration,
        cause: DeferCause,
    ) -> Self {
        Self {
            charge: Charge::Free { after, cause },
            ..Self::transient(code, message, Some(after))
        }
    }

    /// The same of a try that was asked to write the ledger's row.
    #[must_use]
    pub fn with_row(mut self, row: RowEnd) -> Self {
        self.row = row;
        self
    }
}

/// The longest code that is kept, in bytes: a row holds those of its last tries, and one that outgrew
/// what DynamoDB takes could never say that the effect has happened.
pub const CODE_MAX: usize = 128;

/// As much of a code as is kept, cut between characters.
fn short(code: Cow<'static, str>) -> Cow<'static, str> {
    match code.len() <= CODE_MAX {
        true => code,
        false => Cow::Owned(cut(&code, CODE_MAX).to_owned()),
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It leaves the queue: every route is terminal and the ledger says so.
    Ack,
    /// A try failed and another is due: handed back for this long.
    Retry {
        /// How long it stays invisible.
        after: Duration,
    },
    /// No more tries: to the dead-letter queue.
    Dead {
        /// Why.
        reason: DeadReason,
    },
    /// Not its turn; nothing was tried and nothing is charged.
    Defer {
        /// How long it stays invisible.
        after: Duration,
        /// Why.
        cause: DeferCause,
    },
}

/// Why a message is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// Every retry of a route was used.
    AttemptsSpent,
    /// A target refused it for good.
    Rejected,
    /// What it says cannot be read, or not as its route requires.
    Malformed,
    /// No route wants it and the file says that this is an error.
    Unrouted,
    /// The configured key is not in it.
    KeyMissing,
    /// Its key is known with other data.
    KeyConflict,
    /// It is older than a route lets it be (F11).
    Expired,
    /// It would leave the queue by age before its next try (F08).
    WouldExpire,
    /// It took the process down, again and again.
    Crashed,
    /// It was redriven too often.
    RedriveLoop,
}

impl Disposition {
    /// How long it stays invisible; not at all where it leaves, or is left to the redrive policy.
    pub fn wait(&self) -> Duration {
        match self {
            Self::Retry { after } | Self::Defer { after, .. } => *after,
            Self::Ack | Self::Dead { .. } => Duration::ZERO,
        }
    }
}

impl DeadReason {
    /// Every reason, for tables and tests.
    pub const ALL: [Self; 10] = [
        Self::AttemptsSpent,
        Self::Rejected,
        Self::Malformed,
        Self::Unrouted,
        Self::KeyMissing,
        Self::KeyConflict,
        Self::Expired,
        Self::WouldExpire,
        Self::Crashed,
        Self::RedriveLoop,
    ];

    /// The word that ledger rows, message attributes, logs and metrics use.
    pub fn word(self) -> &'static str {
        match self {
            Self::AttemptsSpent => "attempts_spent",
            Self::Rejected => "rejected",
            Self::Malformed => "malformed",
            Self::Unrouted => "unrouted",
            Self::KeyMissing => "key_missing",
            Self::KeyConflict => "key_conflict",
            Self::Expired => "expired",
            Self::WouldExpire => "would_expire",
            Self::Crashed => "crashed",
            Self::RedriveLoop => "redrive_loop",
        }
    }

    /// Reads [`DeadReason::word`] back; `None` for a word of another release.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

/// Why a message is not worked on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeferCause {
    /// Too little time is left to end what would be begun.
    Deadline,
    /// Somebody else holds its lease.
    LeaseBusy,
    /// Its next try is not due yet.
    NotDue,
    /// The ledger did not answer, or not yet.
    StoreDown,
    /// The ledger's row was written by a release that this one cannot read.
    UnknownRow,
    /// Another took the claim between our read and our write, or while we worked (F39).
    Fenced,
    /// A copy of the same event is being worked on in this batch (F45).
    Copy,
    /// Reading it panicked; only this message is touched (F15).
    Panicked,
    /// It is dead and could not be sent to the dead-letter queue (`dead_letter: send`).
    DeadLetterUnavailable,
    /// An earlier message of its group stays in the queue (F24).
    GroupBlocked,
    /// Its visibility could not be kept: others may have it (F04).
    LeaseLost,
    /// What is left of it is for routes that are switched off (`enabled: false`, `shadow: true`).
    RouteOff,
    /// What is left of it is for a target that fails: its breaker is open.
    BreakerOpen,
    /// Its route's rate leaves it no time to begin in this invocation.
    RateLimited,
    /// Its route has as many tries under way as it may, and no place became free in time.
    Saturated,
    /// It is to wait in a schedule, which could not be made.
    SchedulerUnavailable,
}

impl DeferCause {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Deadline,
        Self::LeaseBusy,
        Self::NotDue,
        Self::StoreDown,
        Self::UnknownRow,
        Self::Fenced,
        Self::Copy,
        Self::Panicked,
        Self::DeadLetterUnavailable,
        Self::GroupBlocked,
        Self::LeaseLost,
        Self::RouteOff,
        Self::BreakerOpen,
        Self::RateLimited,
        Self::Saturated,
        Self::SchedulerUnavailable,
    ];

    /// The word that logs and metrics use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::LeaseBusy => "lease_busy",
            Self::NotDue => "not_due",
            Self::StoreDown => "store_down",
            Self::UnknownRow => "unknown_row",
            Self::Fenced => "fenced",
            Self::Copy => "copy",
            Self::Panicked => "panicked",
            Self::DeadLetterUnavailable => "dead_letter_unavailable",
            Self::GroupBlocked => "group_blocked",
            Self::LeaseLost => "lease_lost",
            Self::RouteOff => "route_off",
            Self::BreakerOpen => "breaker_open",
            Self::RateLimited => "rate_limited",
            Self::Saturated => "saturated",
            Self::SchedulerUnavailable => "scheduler_unavailable",
        }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for DeferCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests;
