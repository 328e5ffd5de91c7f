//! What an operation is told, what it says, and what its caller is told.

use std::borrow::Cow;
use std::time::Duration;

use waybill_core::once::Kept;
use waybill_core::outcome::{Attempt, DeadReason, Outcome};
use waybill_core::time::Timestamp;

use crate::ports::StoreError;

/// What an operation is told when it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Hand this on to whatever has the effect: 64 hexadecimal digits of consumer, key and
    /// operation, the same on every try. Of a call that runs unguarded it is of this call only.
    pub idempotency_key: String,
    /// Which try this is, by the ledger's count: 1 for the first. Crashes are not counted.
    pub attempt: u32,
    /// How long it may take at most; it is cut off then.
    pub limit: Duration,
}

/// An operation's own failure. It is never run again within the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", attempt.code, attempt.message)]
pub struct Failure {
    pub(super) attempt: Attempt,
}

impl Failure {
    /// It did not happen, and may be tried again: the next call runs it. The code is a short word
    /// for queries, the message a sentence for people; both go to the ledger, so no secrets.
    pub fn transient(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let attempt = Attempt::transient(code, message, None);
        Self { attempt }
    }

    /// The same, but not before this long (fifteen minutes at most).
    pub fn transient_for(
        wait: Duration,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        let attempt = Attempt::transient(code, message, Some(wait));
        Self { attempt }
    }

    /// Asked for, and no answer: it may have happened. The next call runs it, with the same
    /// idempotency key.
    pub fn unknown(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let attempt = Attempt::unknown(code, message);
        Self { attempt }
    }

    /// Refused for good: no later call runs it, each is told [`Effect::Dead`].
    pub fn rejected(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let attempt = Attempt::rejected(code, message);
        Self { attempt }
    }

    /// What it says of the try.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }
}

impl From<Attempt> for Failure {
    /// What an attempt says that failed. One that delivered is no failure, and counts as unknown.
    fn from(attempt: Attempt) -> Self {
        match attempt.outcome {
            Outcome::Delivered => Self::unknown(attempt.code, attempt.message),
            Outcome::Rejected | Outcome::Transient { .. } | Outcome::Unknown => Self { attempt },
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "it says whether the operation was done"]
pub enum Effect<T> {
    /// Done now, and the ledger says so.
    Done {
        /// What the operation answered.
        value: T,
        /// What a repeat will be answered with.
        kept: Kept,
    },
    /// Done now, but the ledger does not say so: a later call may run it again. It was tried to
    /// the deadline, and nothing was released.
    Unrecorded {
        /// What the operation answered.
        value: T,
        /// Why the ledger does not say so.
        why: Unwritten,
    },
    /// Done now, without a claim: the payload has no key
    /// ([`waybill_core::once::MissingKey::RunUnguarded`]).
    Unguarded {
        /// What the operation answered.
        value: T,
    },
    /// Done before; nothing was run.
    Replayed {
        /// What the operation answered then.
        value: T,
    },
    /// Done before, and there is no value to answer with; nothing was run.
    ReplayedWithoutValue {
        /// Why there is none.
        why: NoValue,
    },
    /// Failed, or cut off, now. The next call may run it.
    Failed {
        /// Why.
        failure: Failure,
        /// Not before then.
        again_at: Timestamp,
    },
    /// Refused for good, now or before, or it took processes down again and again. Nothing will be
    /// run for this key until its row has expired.
    Dead {
        /// Why.
        reason: DeadReason,
        /// What the operation said of it, where it did; of an earlier call the first 256 bytes.
        failure: Option<Failure>,
    },
    /// Another call holds it; nothing was run.
    Busy {
        /// When to look again, unless the other renews its lease.
        until: Timestamp,
    },
    /// It failed before, and asked not to be tried before then; nothing was run.
    NotDue {
        /// When it may be tried.
        until: Timestamp,
    },
    /// The key is known with another payload; nothing was run.
    Conflict,
}

/// Why the ledger does not say that an operation is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritten {
    /// No write was confirmed before the deadline; the last error.
    Unconfirmed(StoreError),
    /// Another has taken the row over: the lease had ended.
    Fenced,
}

/// Why a repeat has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoValue {
    /// The result was not kept: by choice, or because it was too long or no JSON.
    NotKept,
    /// The result is there, but it is not of the type that is asked for; why.
    Unreadable(String),
}

/// Nothing was begun, and nothing can be said of the operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// Less time is left than an operation must have.
    #[error("too little time is left to begin")]
    TooLate,
    /// There is no key in the payload, and such payloads are refused.
    #[error("{0}")]
    KeyMissing(String),
    /// The payload cannot be read, or its key or the part to be checked cannot be told exactly.
    #[error("{0}")]
    Payload(String),
    /// The ledger did not answer: without a claim nothing is run.
    #[error("no claim without the ledger: {0}")]
    Ledger(StoreError),
    /// The row is of a release that this one does not know.
    #[error("the ledger's row is of a form that this release does not know")]
    RowUnknown,
}

impl<T> Effect<T> {
    /// The value, where the operation is done, now or before.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Done { value, .. }
            | Self::Unrecorded { value, .. }
            | Self::Unguarded { value }
            | Self::Replayed { value } => Some(value),
            Self::ReplayedWithoutValue { .. }
            | Self::Failed { .. }
            | Self::Dead { .. }
            | Self::Busy { .. }
            | Self::NotDue { .. }
            | Self::Conflict => None,
        }
    }
}
