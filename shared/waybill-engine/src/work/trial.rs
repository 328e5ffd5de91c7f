//! One try of one route: whether it may begin, the handler's answer within its limit, and what became
//! of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::timeout;

use waybill_core::deadline::Start;
use waybill_core::event::Event;
use waybill_core::id::RouteName;
use waybill_core::key::{dead_letter_key, idempotency_key};
use waybill_core::ledger::Record;
use waybill_core::outcome::{Attempt, DeadReason, DeferCause, RowEnd};
use waybill_core::retry::Life;
use waybill_core::time::Timestamp;

use super::{Shift, Work};
use crate::engine::Engine;
use crate::handler::{Admission, Asks, Delivery, Handler, Pass, PassEnd, Policy};
use crate::keeper::Hold;
use crate::ports::{Ambient, GivenUp, Ledger, Queue};
use crate::traces::TrySpan;

/// What a try that waits for its turn and the work that it is part of tell each other.
pub(super) struct Trying {
    begun: AtomicBool,
    /// When the row's lease ends, in milliseconds since the epoch.
    lease_until: AtomicU64,
}

impl Trying {
    /// Not begun, on a lease until then.
    pub(super) fn new(lease_until: Timestamp) -> Self {
        Self {
            begun: AtomicBool::new(false),
            lease_until: AtomicU64::new(lease_until.as_millis()),
        }
    }

    /// The lease was renewed.
    pub(super) fn set_lease(&self, until: Timestamp) {
        self.lease_until.store(until.as_millis(), Ordering::Relaxed);
    }

    /// Whether an effect may begin.
    fn may_begin(&self, hold: &Hold, now: Timestamp) -> bool {
        let lease_until = Timestamp::from_millis(self.lease_until.load(Ordering::Relaxed));
        hold.may_begin(now) && hold.cut_at(lease_until).is_none_or(|at| now < at)
    }

    /// The effect begins.
    fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether an effect may have happened.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }
}

/// How one route's turn ended.
pub(super) enum Ended {
    /// A try was made, and took so long; or it could not be.
    Tried(Attempt, Option<Arc<Policy>>, PassEnd, Option<Duration>),
    /// A try was made of what was not claimed, and its target has written this row with its effect.
    Recorded(Attempt, PassEnd, Duration, Box<Record>),
    /// A try was to do so, and was refused by a row that stands there: nothing has happened.
    RowStands(Box<Record>),
    /// It waits until then, untried.
    PutOff(Timestamp, DeferCause),
    /// Its turn came too late.
    Unbegun,
}

impl Ended {
    /// How a try ended that was given this row to write, or none.
    fn of(
        attempt: Attempt,
        policy: Option<Arc<Policy>>,
        told: PassEnd,
        took: Duration,
        row: Option<Box<Record>>,
    ) -> Self {
        match (attempt.row, row) {
            (RowEnd::Written, Some(row)) => Self::Recorded(attempt, told, took, row),
            (RowEnd::Refused, Some(row)) => Self::RowStands(row),
            (RowEnd::Untouched, _) | (RowEnd::Written | RowEnd::Refused, None) => {
                Self::Tried(attempt, policy, told, Some(took))
            }
        }
    }
}

/// A try that is to be made.
struct Trial<'a> {
    /// The event that it is of.
    work: &'a Work,
    /// The route.
    route: &'a RouteName,
    /// What it and the rest of the work tell each other.
    state: Arc<Trying>,
    /// The route's policy, where there is one.
    policy: Option<Arc<Policy>>,
    /// Why this release cannot make it, where it cannot.
    unknown: Option<String>,
    /// How long it may want.
    wanted: Duration,
    /// Which try it is.
    attempt: u32,
    /// How often the row was written.
    revision: u64,
    /// Where the route gave the event up: why, and the code.
    given_up: Option<(DeadReason, String)>,
    /// How long the event is of use.
    life: Life,
    /// Where the event was not claimed: its row as it stands afterwards.
    row: Option<Box<Record>>,
}

impl Trial<'_> {
    /// How a try ended that could not be made, or not to its end.
    fn failed(self, attempt: Attempt) -> Ended {
        Ended::Tried(attempt, self.policy, PassEnd::default(), None)
    }
}

impl<H: Handler, L: Ledger, A: Ambient> Engine<H, L, A> {
    /// One try of one route, when its handler lets it begin, and cut off at its limit; nothing when
    /// there is no time for it. A route that this release does not know counts as a transient
    /// failure: during a deployment the older release may see what the newer one planned.
    pub(super) fn start_route<'a, Q: Queue>(
        &'a self,
        shift: Shift<'a, Q>,
        work: &'a Work,
        record: &Record,
        route: &'a RouteName,
        state: Arc<Trying>,
    ) -> Option<impl Future<Output = (&'a RouteName, Ended)> + use<'a, H, L, A, Q>> {
        let at = record.routes.iter().find(|at| at.name == *route)?;
        let policy = self.handler.policy(route);
        let given_up = record.given_up(route);
        let unknown = match &policy {
            None => Some(format!("the routes file in force has no route `{route}`")),
            Some(policy) if given_up.is_some() && policy.dead_letter.is_none() => Some(format!(
                "the routes file in force gives route `{route}` no dead-letter target"
            )),
            Some(_) => None,
        };
        let wanted = policy.as_ref().map_or(Duration::ZERO, |policy| {
            let own = policy.dead_letter.as_ref().filter(|_| given_up.is_some());
            own.map_or(policy.time, |own| own.time)
        });
        let Start::Now { .. } = shift.budget.start(self.ambient.now(), wanted) else {
            return None;
        };
        let trial = Trial {
            work,
            route,
            state,
            policy,
            unknown,
            wanted,
            attempt: at.attempts.saturating_add(1),
            revision: record.rev,
            given_up: given_up.map(|(reason, code)| (reason, code.to_owned())),
            life: self.life(shift.source, work, record),
            row: record.held().is_none().then(|| {
                let expires_at = self.expires_at(self.ambient.now());
                Box::new(record.as_delivered(route, WRITTEN, expires_at))
            }),
        };
        Some(async move { (route, self.make(shift, trial).await) })
    }

    /// Makes a try, when its handler lets it begin.
    async fn make<'a, Q: Queue>(&'a self, shift: Shift<'a, Q>, trial: Trial<'a>) -> Ended {
        let event = match (trial.work.event.as_ref(), &trial.unknown) {
            (Some(event), None) => event,
            (_, unknown) => {
                let message = unknown.clone().unwrap_or_default();
                return trial.failed(Attempt::transient("route_unknown", message, None));
            }
        };
        // No event is too old for a dead-letter target.
        let policy_of_age = trial.policy.as_ref().filter(|_| trial.given_up.is_none());
        let max_age = policy_of_age.and_then(|policy| policy.retry.max_event_age);
        let sent = trial.life.first_sent.or(trial.life.sent);
        let too_old = sent.zip(max_age).map(|(sent, age)| sent.after(age));
        let until = shift.budget.start_until(trial.wanted);
        let asks = Asks {
            route: trial.route,
            receive_count: trial.work.item.message.receive_count,
            until: too_old.map_or(until, |old| old.min(until)),
            given_up: trial.given_up.is_some(),
        };
        let admitting = AssertUnwindSafe(self.handler.admit(asks)).catch_unwind();
        let pass = match admitting.await {
            Ok(Admission::Go(pass)) => pass,
            Ok(Admission::Wait { after, cause }) => {
                return Ended::PutOff(self.ambient.now().after(after), cause);
            }
            Err(_) => return trial.failed(Attempt::unknown("panicked", PANICKED)),
        };
        // It may have waited, until its lease was lost (F04) or the event too old (F11).
        let now = self.ambient.now();
        let may = trial.state.may_begin(&trial.work.item.hold, now);
        match shift.budget.start(now, trial.wanted) {
            Start::Now { limit } if may && !trial.life.is_older(max_age, now) => {
                trial.state.begin();
                let _running = shift.desk.running();
                self.ask_handler(trial, event, pass, now, limit).await
            }
            Start::Now { .. } | Start::TooLate => Ended::Unbegun,
        }
    }

    /// Hands the event to its handler now, for so long at most.
    async fn ask_handler(
        &self,
        trial: Trial<'_>,
        event: &Event,
        pass: Pass,
        now: Timestamp,
        limit: Duration,
    ) -> Ended {
        let (work, route) = (trial.work, trial.route);
        let span = work.item.span.as_ref();
        let span = span.map(|span| span.a_try(route, trial.attempt, trial.given_up.is_some()));
        let key = match trial.given_up {
            None => idempotency_key(&self.config.consumer, &work.key, route),
            Some(_) => dead_letter_key(&self.config.consumer, &work.key, route),
        };
        let given_up = trial.given_up.as_ref();
        let delivery = Delivery {
            event,
            message: &work.told.message,
            route,
            idempotency_key: &key,
            attempt: trial.attempt,
            revision: trial.revision,
            limit,
            given_up: given_up.map(|(reason, code)| GivenUp {
                route,
                reason: *reason,
                code,
            }),
            trace: span.as_ref().map(TrySpan::carried),
            row: trial.row.as_deref(),
        };
        // The call itself may panic, before there is a future.
        let trying = async { self.handler.deliver(delivery).await };
        let tried = AssertUnwindSafe(trying).catch_unwind();
        let attempt = match timeout(limit, tried).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(_)) => Attempt::unknown("panicked", PANICKED),
            Err(_) => Attempt::unknown("timeout", "the handler did not end in its time"),
        };
        if let Some(span) = span {
            span.end(&attempt);
        }
        let took = self.ambient.now().since(now);
        let told = pass.ended(&attempt, took);
        Ended::of(attempt, trial.policy, told, took, trial.row)
    }
}

/// What a panic of a handler's is called.
const PANICKED: &str = "the handler panicked";

/// The code of a delivery that a target writes down with its effect.
const WRITTEN: &str = "written";
