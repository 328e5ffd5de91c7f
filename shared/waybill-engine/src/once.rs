//! Any async operation, once in effect: not only batches, and not only SQS.
//!
//! A call is claimed in the ledger before it runs, by the operation's name and its key; a repeat
//! is answered with what the first said. Claim, fence and settlement are those of events, for a
//! batch of one. What is decided is decided in [`waybill_core::once`]; how it is used is told in
//! `docs/IDEMPOTENCY.md`.
//!
//! A panic of the operation goes through, and a call may be dropped: the lease then ends by itself,
//! and taking the row over counts as a crash, of which the third is the end ([`Effect::Dead`]).

mod effect;
mod gate;
mod held;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use waybill_core::deadline::{Budget, Start};
use waybill_core::digest::Digest;
use waybill_core::event::Data;
use waybill_core::id::{Consumer, EventKey, LedgerKey, MessageId, Operation};
use waybill_core::key::{KeyExpression, idempotency_key};
use waybill_core::ledger::{Ask, DeadLetter, Record, Row, Status, Verdict, judge};
use waybill_core::limit::LEASE_MARGIN;
use waybill_core::once::{
    End, KeyFault, MissingKey, Results, Terms, ended, operation_key, part_digest,
};
use waybill_core::outcome::{DeferCause, Outcome};
use waybill_core::time::Timestamp;

use crate::claims::{Claim, Request, claim};
use crate::ports::{Ambient, Ledger, StoreError};
use crate::remembered::Remembered;
use crate::telemetry;

pub use effect::{Claimed, Effect, Failure, NoValue, NotBegun, Unwritten};
use gate::Gate;
use held::Held;

/// Runs one operation once in effect for each key. Make one for each operation, keep it between
/// invocations, and share it as you like: calls share nothing but what is remembered of rows that
/// have ended, so they may run beside and inside each other.
pub struct Once<L, A> {
    ledger: L,
    ambient: A,
    consumer: Consumer,
    operation: Operation,
    key: KeyExpression,
    part: Option<KeyExpression>,
    missing: MissingKey,
    results: Results,
    terms: Terms,
    remembered: Remembered,
    gate: Gate,
}

/// One call: what it is known by, read from its payload once.
pub(super) struct Call {
    key: EventKey,
    ledger_key: LedgerKey,
    digest: Digest,
    budget: Budget,
}

/// A call that has its claim.
pub(super) struct Won {
    record: Record,
    /// What this call is called in the ledger and in logs.
    id: MessageId,
}

/// What came of asking for a claim.
enum Asked<T> {
    Won(Box<Won>),
    Answered(Effect<T>),
    /// Another holds the row.
    Later {
        until: Timestamp,
        effect: Effect<T>,
    },
}

impl<L: Ledger, A: Ambient> Once<L, A> {
    /// Runs `operation` once for each value that `key` finds in a payload (`@` is the whole of
    /// it). Rows stand in the namespace of `consumer`; operations of one name in one namespace are
    /// one operation, whatever function they run in.
    pub fn new(
        ledger: L,
        ambient: A,
        consumer: Consumer,
        operation: Operation,
        key: KeyExpression,
    ) -> Self {
        Self {
            ledger,
            ambient,
            consumer,
            operation,
            key,
            part: None,
            missing: MissingKey::default(),
            results: Results::default(),
            terms: Terms::default(),
            remembered: Remembered::new(REMEMBERED),
            gate: Gate::default(),
        }
    }

    /// Two calls of one key must agree in this part of their payloads: otherwise the second is a
    /// [`Effect::Conflict`]. Without it two calls of one key are one call.
    #[must_use]
    pub fn agreeing_in(mut self, part: KeyExpression) -> Self {
        self.part = Some(part);
        self
    }

    /// What becomes of a payload without a key; refused, unless this says otherwise.
    #[must_use]
    pub fn on_missing_key(mut self, missing: MissingKey) -> Self {
        self.missing = missing;
        self
    }

    /// What is kept of results; up to 32 KiB, unless this says otherwise.
    #[must_use]
    pub fn keeping(mut self, results: Results) -> Self {
        self.results = results;
        self
    }

    /// The operation's times.
    #[must_use]
    pub fn on_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// How many rows that have ended this process remembers; 256, unless this says otherwise.
    #[must_use]
    pub fn remembering(mut self, rows: usize) -> Self {
        self.remembered = Remembered::new(rows);
        self
    }

    /// Runs `work` unless it was done before, and says what came of it, no later than `deadline`:
    /// Lambda's, of this invocation.
    ///
    /// The work is run at most once in a call. It is cut off at its next await a little before the
    /// deadline, or when its lease is lost; what it spawned goes on, so spawn nothing.
    ///
    /// # Errors
    ///
    /// When nothing was begun: too little time, no key, or no answer of the ledger.
    pub async fn run<P, T, W, F>(
        &self,
        payload: &P,
        deadline: Timestamp,
        work: W,
    ) -> Result<Effect<T>, NotBegun>
    where
        P: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        W: FnOnce(Claimed) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let started = self.ambient.now();
        let budget = Budget { started, deadline };
        let call = match self.read(payload, budget) {
            Ok(call) => call,
            Err(KeyFault::Missing(why)) => {
                return match self.missing {
                    MissingKey::Refuse => Err(NotBegun::KeyMissing(why)),
                    MissingKey::RunUnguarded => self.run_unguarded(budget, work).await,
                };
            }
            Err(KeyFault::Unusable(why)) => return Err(NotBegun::Payload(why)),
        };
        let wait = self.terms.wait_until(budget).since(started);
        let turn = match wait.is_zero() {
            true => None,
            false => self.gate.enter(&call.ledger_key, wait).await,
        };
        let won = loop {
            match self.ask(&call).await? {
                Asked::Won(won) => break won,
                Asked::Answered(effect) => return Ok(effect),
                Asked::Later { until, effect } => {
                    let again = until.after(TICK);
                    if again > self.terms.wait_until(budget) {
                        return Ok(effect);
                    }
                    sleep(again.since(self.ambient.now())).await;
                }
            }
        };
        let now = self.ambient.now();
        let Start::Now { limit } = self.terms.start(budget, now) else {
            self.give_back(&call, won.record, &won.id).await;
            return Err(NotBegun::TooLate);
        };
        if now.after(LEASE_MARGIN) >= won.record.lease_until {
            // The claim was so long on its way that its lease is over, or is about to be.
            self.give_back(&call, won.record, &won.id).await;
            return Err(NotBegun::Ledger(StoreError::unanswered()));
        }
        let claimed = Claimed {
            idempotency_key: idempotency_key(&self.consumer, &call.key, self.operation.route()),
            attempt: attempts(&won.record).saturating_add(1),
            limit,
        };
        let held = Held {
            once: self,
            call: &call,
            won: *won,
        };
        let effect = held.run(claimed, work).await;
        drop(turn);
        Ok(effect)
    }

    /// Reads what a call is known by.
    fn read<P: Serialize + ?Sized>(&self, payload: &P, budget: Budget) -> Result<Call, KeyFault> {
        let unread = |error| KeyFault::Unusable(format!("the payload cannot be read: {error}"));
        let text = serde_json::to_string(payload).map_err(unread)?;
        let payload: Value = serde_json::from_str(&text).map_err(unread)?;
        let key = operation_key(&self.operation, &self.key, &payload)?;
        let digest = match &self.part {
            Some(part) => part_digest(part, &payload).map_err(KeyFault::Unusable)?,
            None => Digest::of(&Data::Text(key.as_str().into())),
        };
        Ok(Call {
            ledger_key: LedgerKey::new(&self.consumer, &key),
            key,
            digest,
            budget,
        })
    }

    /// Asks for the claim, once: of what is remembered, then of the ledger.
    async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<Asked<T>, NotBegun> {
        let now = self.ambient.now();
        let ask = self.asking(call, now);
        if let Some(row) = self.remembered.row(&call.ledger_key)
            && let Some(effect) = known(row, &ask, now)
        {
            return Ok(Asked::Answered(effect));
        }
        if self.terms.start(call.budget, now) == Start::TooLate {
            return Err(NotBegun::TooLate);
        }
        let first = ask.first("", std::slice::from_ref(self.operation.route()));
        let request = Request {
            ask: &ask,
            first: &first,
            repeat: false,
            alone: true,
        };
        let claims = claim(
            &self.ledger,
            &self.ambient,
            &[request],
            call.budget.work_until(),
        )
        .await;
        let unanswered = || Claim::Failed {
            error: StoreError::unanswered(),
            written: None,
        };
        let claim = claims.into_iter().next().unwrap_or_else(unanswered);
        Ok(Asked::Answered(match claim {
            Claim::Won(record) if record.status == Status::InProgress => {
                let (record, id) = (*record, ask.message_id);
                return Ok(Asked::Won(Box::new(Won { record, id })));
            }
            Claim::Won(row)
            | Claim::Completed { row }
            | Claim::Dead { row, .. }
            | Claim::SendDead { row } => {
                self.remembered.keep(&row);
                ended_before(*row)
            }
            Claim::HandOver { row } => {
                let until = row.due.unwrap_or(now);
                let effect = Effect::NotDue { until };
                return Ok(Asked::Later { until, effect });
            }
            Claim::Conflict => Effect::Conflict,
            Claim::Defer {
                cause: DeferCause::UnknownRow,
                ..
            } => return Err(NotBegun::RowUnknown),
            // Who holds the row is at work on another payload.
            Claim::Defer { row: Some(row), .. } if row.digest != ask.digest => Effect::Conflict,
            Claim::Defer { until, cause, .. } => {
                let effect = match cause == DeferCause::NotDue {
                    true => Effect::NotDue { until },
                    false => Effect::Busy { until },
                };
                return Ok(Asked::Later { until, effect });
            }
            Claim::Alone => Effect::Busy { until: now },
            Claim::Failed { error, written } => {
                telemetry::claims_failed([&error].into_iter());
                if let Some(row) = written.filter(|row| row.status == Status::InProgress) {
                    self.give_back(call, *row, &ask.message_id).await;
                }
                return Err(NotBegun::Ledger(error));
            }
        }))
    }

    /// Who asks, and for what. Each time it is another owner.
    fn asking(&self, call: &Call, now: Timestamp) -> Ask {
        let owner = self.ambient.owner();
        let lease_until = self.terms.lease_until(call.budget, now);
        Ask {
            key: call.ledger_key.clone(),
            owner,
            digest: call.digest.clone(),
            message_id: MessageId::new(format!("{}:{owner}", self.operation))
                .expect("an operation's name is not empty"),
            sent: None,
            lease_until,
            expires_at: self.terms.expires_at(lease_until, now),
            redrive_limit: 0,
            dead_letter: DeadLetter::Redrive,
        }
    }

    /// Gives a claim back on which nothing was begun, in a short time: a lease that ends without a
    /// word would count as a crash.
    async fn give_back(&self, call: &Call, record: Record, id: &MessageId) {
        let now = self.ambient.now();
        let until = now.after(RELEASE_TIME).min(call.budget.settle_until());
        let held = record.fence();
        let next = ended(record, &self.operation, id, &End::NotBegun, now);
        let next = next.written(self.terms.expires_at(now, now));
        let _ = held::settle_alone(self, held, next, until).await;
    }

    /// Runs the work without a claim.
    async fn run_unguarded<T, W, F>(&self, budget: Budget, work: W) -> Result<Effect<T>, NotBegun>
    where
        W: FnOnce(Claimed) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let now = self.ambient.now();
        let Start::Now { limit } = self.terms.start(budget, now) else {
            return Err(NotBegun::TooLate);
        };
        let bits = [(); 4].map(|()| format!("{:016x}", self.ambient.random()));
        let claimed = Claimed {
            idempotency_key: bits.concat(),
            attempt: 1,
            limit,
        };
        let ended = timeout(limit, work(claimed)).await;
        Ok(match ended.unwrap_or_else(|_| Err(cut_off("timeout"))) {
            Ok(value) => Effect::Unguarded { value },
            Err(failure) => Effect::Failed {
                failure,
                again_at: self.ambient.now(),
            },
        })
    }
}

/// What a remembered row means for a call; nothing where the ledger must be asked.
fn known<T: DeserializeOwned>(row: Record, ask: &Ask, now: Timestamp) -> Option<Effect<T>> {
    let row = Box::new(row);
    match judge(&Row::Known(row.clone()), ask, now) {
        Verdict::Completed | Verdict::Dead(_) | Verdict::SendDead(_) => Some(ended_before(*row)),
        Verdict::Conflict => Some(Effect::Conflict),
        Verdict::Mine | Verdict::Defer { .. } | Verdict::HandOver | Verdict::TakeOver(_) => None,
    }
}

/// What a call is told whose row has come to its end.
fn ended_before<T: DeserializeOwned>(row: Record) -> Effect<T> {
    if let Some(death) = &row.death {
        let said = row.attempts.last();
        let said = said.filter(|said| said.outcome == Outcome::Rejected.word());
        let said = said.map(|said| Failure::rejected(said.code.clone(), said.message.clone()));
        return Effect::Dead {
            reason: death.reason,
            failure: said,
        };
    }
    let Some(text) = &row.result else {
        let why = NoValue::NotKept;
        return Effect::ReplayedWithoutValue { why };
    };
    match serde_json::from_str(text) {
        Ok(value) => Effect::Replayed { value },
        Err(error) => Effect::ReplayedWithoutValue {
            why: NoValue::Unreadable(error.to_string()),
        },
    }
}

/// The failure of an operation that was cut off.
fn cut_off(code: &'static str) -> Failure {
    Failure::unknown(code, "the operation did not end in its time")
}

/// How many tries a row counts.
fn attempts(record: &Record) -> u32 {
    record.routes.first().map_or(0, |at| at.attempts)
}

/// How many rows that have ended a process remembers by itself.
const REMEMBERED: usize = 256;

/// A lease that ends at a moment holds for that moment.
const TICK: Duration = Duration::from_millis(1);

/// How long is tried to give back a claim on which nothing was begun.
const RELEASE_TIME: Duration = Duration::from_secs(2);
