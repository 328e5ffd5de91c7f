//! The ledger's rows, what a row that stands there means for a message, and what is written next.
//!
//! A row's life: `IN_PROGRESS` (claimed) → `PENDING` (released, to be tried again), `SCHEDULED` (the
//! same, outside the queue), `COMPLETED` or `DEAD`; from the first two, an ended lease, a redrive or an expired row by take-over back to
//! `IN_PROGRESS`. Every write increments `rev` and is conditioned on the owner, the status and the
//! `rev` that it follows, so that a zombie can neither complete nor release what a successor
//! holds (F39).

mod audit;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::id::{LedgerKey, MessageId, OwnerId, RouteName};
use crate::limit::{
    ATTEMPT_MESSAGE_MAX, ATTEMPTS_KEPT, CRASHES_DEAD, INDEX_SHARDS, LEASE_SKEW, SCHEDULE_WAIT_MIN,
    UNCHARGED_MAX, cut,
};
use crate::outcome::{Attempt, DeadReason, DeferCause, Disposition, Outcome};
use crate::retry::{Life, Moment, RetryDecision, RetryPolicy};
use crate::time::Timestamp;

pub use audit::{AuditRecord, Deed};

/// The schema version that this release writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// A row as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Of a version and status that this release knows.
    Known(Box<Record>),
    /// Of another release, or damaged: nothing is done on it (promise 6).
    Unknown {
        /// What is not understood, for people.
        what: String,
    },
}

/// A row of the ledger: everything that is known of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// `consumer#event-key`.
    pub key: LedgerKey,
    /// Where the row is in its life.
    pub status: Status,
    /// Who holds it, or held it last.
    pub owner: OwnerId,
    /// How often it was written; 0 of a row that is not in the ledger yet ([`OnceBy::Target`]).
    pub rev: u64,
    /// End of the lease of an `IN_PROGRESS` row.
    pub lease_until: Timestamp,
    /// When the next try of a `PENDING` or `SCHEDULED` row may happen.
    pub due: Option<Timestamp>,
    /// Time to live, in seconds since the epoch; compared too, since the sweep lags (F41).
    pub expires_at: u64,
    /// Of the event's data.
    pub digest: Digest,
    /// Version of the routes file at the first claim (F55).
    pub routes_version: String,
    /// The matched routes, fixed at the first claim (F55). Empty when nothing was to be tried.
    pub routes: Vec<RouteRecord>,
    /// The last attempts, oldest first; none on a `COMPLETED` row, unless a route's own dead-letter
    /// target has its event.
    pub attempts: Vec<AttemptRecord>,
    /// How often it was taken over from a lease that ended without a word.
    pub crashes: u32,
    /// What a `DEAD` row died of.
    pub death: Option<Death>,
    /// How often it was redriven.
    pub redrive_n: u32,
    /// What an operation answered, as JSON text, where it is kept ([`crate::once`]); never on a
    /// row of routes.
    pub result: Option<String>,
    /// What people did to it last, oldest first.
    pub audit: Vec<AuditRecord>,
}

/// Where a row is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Claimed.
    InProgress,
    /// Released, to be tried again.
    Pending,
    /// Released, to be tried again when a schedule brings the event back ([`crate::schedule`]).
    Scheduled,
    /// Every route is terminal and nothing was refused.
    Completed,
    /// No more tries.
    Dead,
}

/// What a `DEAD` row died of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: DeadReason,
    /// The message that carried the event then.
    pub message_id: MessageId,
    /// Whether the message was sent to the dead-letter queue by us (`dead_letter: send`).
    pub dlq_sent: bool,
}

/// One matched route's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRecord {
    /// Which.
    pub name: RouteName,
    /// Where it is.
    pub state: RouteState,
    /// Attempts of this generation; a redrive counts from zero again.
    pub attempts: u32,
    /// Code of the last attempt, empty before it.
    pub last: String,
    /// When an open route may be tried next.
    pub due: Option<Timestamp>,
    /// What ended its tries, once the event was left to the route's own dead-letter target.
    pub died: Option<DeadReason>,
    /// Tries of this generation that were not charged.
    pub uncharged: u32,
}

/// Where a route of one event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteState {
    /// To be tried, or tried again.
    Open,
    /// Acknowledged by its target.
    Delivered,
    /// Refused for good.
    Rejected,
    /// Refused for good, and the route says to let go (`on_rejected: ack`).
    LetGo,
    /// Out of tries.
    Spent,
    /// Too old for another try (F11).
    Expired,
    /// The message would have left its queue by age before another try (F08).
    WouldExpire,
    /// Its target did not take it, for what [`RouteRecord::died`] says; to be delivered to the
    /// route's own dead-letter target.
    DeadLetter,
    /// The route's own dead-letter target has it.
    DeadLettered,
}

/// One remembered attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// When it ended.
    pub at: Timestamp,
    /// At which route.
    pub route: RouteName,
    /// [`Outcome::word`].
    pub outcome: String,
    /// The attempt's code.
    pub code: String,
    /// The attempt's message, cut to 256 bytes.
    pub message: String,
    /// Whether it was made at the route's own dead-letter target.
    pub dead_letter: bool,
}

/// The condition of every write after the first: the row is as I last knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// Who holds or held it.
    pub owner: OwnerId,
    /// Where it is.
    pub status: Status,
    /// How often it was written.
    pub rev: u64,
}

/// Who asks for a row, and for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The row.
    pub key: LedgerKey,
    /// Whom the claim will be named after.
    pub owner: OwnerId,
    /// Of the event's data.
    pub digest: Digest,
    /// The message that carries the event.
    pub message_id: MessageId,
    /// When that message was sent, where SQS said it.
    pub sent: Option<Timestamp>,
    /// End of the lease asked for.
    pub lease_until: Timestamp,
    /// Time to live of the row, in seconds since the epoch.
    pub expires_at: u64,
    /// How often an event may be redriven.
    pub redrive_limit: u32,
    /// How dead messages reach their queue.
    pub dead_letter: DeadLetter,
}

/// How dead messages reach the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeadLetter {
    /// By the queue's redrive policy, untouched.
    #[default]
    Redrive,
    /// Sent by us with the reason, then deleted.
    Send,
}

/// What a row that stands in the ledger means for the one who asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is mine already: my write won and its reply was lost (F40).
    Mine,
    /// Not now.
    Defer {
        /// When to look again.
        until: Timestamp,
        /// Why.
        cause: DeferCause,
    },
    /// It waits in a schedule: to be seen that there is one, and the message goes.
    HandOver,
    /// The row may be taken over.
    TakeOver(TakeOver),
    /// The key is known with other data (F47).
    Conflict,
    /// Done before (F09).
    Completed,
    /// Dead before, and it is the same death.
    Dead(DeadReason),
    /// Dead before, but not yet sent to the dead-letter queue as it should be (F36); or brought from
    /// there so soon after that the clocks cannot tell (F10).
    SendDead(DeadReason),
}

/// Why a row may be taken over; decides what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TakeOver {
    /// Its time to live has passed: as if it were not there.
    Expired,
    /// Released and due.
    Retry,
    /// Its lease ended without a word.
    Crashed,
    /// Another message brings a dead event back.
    Redrive,
}

/// Judges a row for the one who asks. The order of the questions is part of the promise.
pub fn judge(row: &Row, ask: &Ask, now: Timestamp) -> Verdict {
    let record = match row {
        Row::Known(record) => record,
        Row::Unknown { .. } => {
            return Verdict::Defer {
                until: now,
                cause: DeferCause::UnknownRow,
            };
        }
    };
    if record.owner == ask.owner {
        return Verdict::Mine;
    }
    let free_at = record.lease_until.after(LEASE_SKEW);
    if record.status == Status::InProgress && now <= free_at {
        return Verdict::Defer {
            until: free_at,
            cause: DeferCause::LeaseBusy,
        };
    }
    if Timestamp::from_secs(record.expires_at) <= now {
        return Verdict::TakeOver(TakeOver::Expired);
    }
    if record.digest != ask.digest {
        return Verdict::Conflict;
    }
    match record.status {
        Status::Completed => Verdict::Completed,
        Status::Dead => judge_dead(record, ask),
        Status::Pending => match record.due {
            Some(due) if now < due => Verdict::Defer {
                until: due,
                cause: DeferCause::NotDue,
            },
            Some(_) | None => Verdict::TakeOver(TakeOver::Retry),
        },
        Status::Scheduled => match record.due {
            // Too soon for a schedule to be made, should there be none.
            Some(due) if now < due && due <= now.after(SCHEDULE_WAIT_MIN) => Verdict::Defer {
                until: due,
                cause: DeferCause::NotDue,
            },
            Some(due) if now < due => Verdict::HandOver,
            Some(_) | None => Verdict::TakeOver(TakeOver::Retry),
        },
        Status::InProgress => Verdict::TakeOver(TakeOver::Crashed),
    }
}

/// A dead row stays dead, unless a different message, sent after the death, brings it back: that
/// is a redrive, the console's own included.
///
/// The time of a death is our clock's, that of a send the queue's. Where they are too close to be
/// told apart, the message may be a redrive, and is sent back to the dead rather than let go (F10).
fn judge_dead(record: &Record, ask: &Ask) -> Verdict {
    let Some(death) = &record.death else {
        return Verdict::TakeOver(TakeOver::Retry);
    };
    let other = ask.sent.filter(|_| death.message_id != ask.message_id);
    if other.is_some_and(|sent| sent > death.at) {
        return Verdict::TakeOver(TakeOver::Redrive);
    }
    let may_be_redriven = other.is_some_and(|sent| sent.after(LEASE_SKEW) > death.at);
    match ask.dead_letter {
        DeadLetter::Send if !death.dlq_sent || may_be_redriven => Verdict::SendDead(death.reason),
        DeadLetter::Send | DeadLetter::Redrive => Verdict::Dead(death.reason),
    }
}

impl Ask {
    /// The row of a first claim, with the routes it is fixed to.
    pub fn first(&self, routes_version: &str, routes: &[RouteName]) -> Record {
        Record {
            key: self.key.clone(),
            status: Status::InProgress,
            owner: self.owner,
            rev: 1,
            lease_until: self.lease_until,
            due: None,
            expires_at: self.expires_at,
            digest: self.digest.clone(),
            routes_version: routes_version.to_owned(),
            routes: routes.iter().cloned().map(RouteRecord::open).collect(),
            attempts: Vec::new(),
            crashes: 0,
            death: None,
            redrive_n: 0,
            result: None,
            audit: Vec::new(),
        }
    }

    /// The row of an event of which nothing is to be done.
    pub fn done(&self) -> Record {
        Record {
            status: Status::Completed,
            ..self.first("", &[])
        }
    }

    /// The row after a take-over. What a first claim would plan is taken where nothing is kept,
    /// and where the row has no routes because nothing was to be tried then.
    ///
    /// The third end without a word kills (`crashed`), and so does a redrive too many
    /// (`redrive_loop`, F70): such a row is `DEAD` at once, and nothing is tried.
    pub fn take_over(&self, seen: &Record, why: TakeOver, plan: &Record, now: Timestamp) -> Record {
        let mut next = Record {
            status: Status::InProgress,
            owner: self.owner,
            rev: seen.rev.saturating_add(1),
            lease_until: self.lease_until,
            due: None,
            expires_at: self.expires_at.max(seen.expires_at),
            ..seen.clone()
        };
        match why {
            TakeOver::Expired => {
                return Record {
                    rev: next.rev,
                    ..plan.clone()
                };
            }
            TakeOver::Retry => {}
            TakeOver::Crashed => {
                next.crashes = next.crashes.saturating_add(1);
                if next.crashes >= CRASHES_DEAD {
                    next.die(DeadReason::Crashed, &self.message_id, now);
                    return next;
                }
            }
            TakeOver::Redrive => {
                next.redrive_n = next.redrive_n.saturating_add(1);
                if next.redrive_n > self.redrive_limit {
                    next.die(DeadReason::RedriveLoop, &self.message_id, now);
                    return next;
                }
                next.death = None;
                next.crashes = 0;
                next.routes.iter_mut().for_each(RouteRecord::reopen);
            }
        }
        if next.routes.is_empty() {
            next.routes.clone_from(&plan.routes);
            next.routes_version.clone_from(&plan.routes_version);
            next.status = plan.status;
            next.death.clone_from(&plan.death);
        }
        next
    }
}

/// On what terms a route is tried.
#[derive(Debug, Clone, Copy)]
pub struct TryTerms<'a> {
    /// How its target is tried again.
    pub retry: &'a RetryPolicy,
    /// What a final refusal means.
    pub on_rejected: OnRejected,
    /// How its own dead-letter target is tried again; none where it has none.
    pub dead_letter: Option<&'a RetryPolicy>,
}

impl RouteRecord {
    /// A route that was not tried yet.
    fn open(name: RouteName) -> Self {
        Self {
            name,
            state: RouteState::Open,
            attempts: 0,
            last: String::new(),
            due: None,
            died: None,
            uncharged: 0,
        }
    }

    /// Ends the tries at a target. Those at the route's own dead-letter target follow, where it
    /// has one; when these end too, the route is dead of what it died of first.
    fn end(&mut self, reason: DeadReason, dead_letter: bool, now: Timestamp) {
        self.due = None;
        if self.died.is_none() && dead_letter {
            self.state = RouteState::DeadLetter;
            self.died = Some(reason);
            self.attempts = 0;
            self.due = Some(now.after(DEAD_LETTER_WAIT));
            return;
        }
        self.state = match self.died.unwrap_or(reason) {
            DeadReason::Rejected => RouteState::Rejected,
            DeadReason::Expired => RouteState::Expired,
            DeadReason::WouldExpire => RouteState::WouldExpire,
            DeadReason::AttemptsSpent
            | DeadReason::Malformed
            | DeadReason::Unrouted
            | DeadReason::KeyMissing
            | DeadReason::KeyConflict
            | DeadReason::Crashed
            | DeadReason::RedriveLoop => RouteState::Spent,
        };
    }

    /// Another generation: what was not delivered is tried again, with its tries from zero.
    fn reopen(&mut self) {
        match self.state {
            RouteState::Delivered | RouteState::LetGo | RouteState::DeadLettered => {}
            RouteState::Open
            | RouteState::DeadLetter
            | RouteState::Rejected
            | RouteState::Spent
            | RouteState::Expired
            | RouteState::WouldExpire => {
                self.state = RouteState::Open;
                self.attempts = 0;
                self.due = None;
                self.died = None;
                self.uncharged = 0;
            }
        }
    }
}

/// How long an event waits between its last try at a target and its first at the route's own
/// dead-letter target: the ledger says first which of the two has it.
const DEAD_LETTER_WAIT: Duration = Duration::from_secs(1);

/// What a route does with a final refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRejected {
    /// The message is dead once all its routes are terminal.
    #[default]
    Dead,
    /// Counted, and let go.
    Ack,
}

/// Who makes one event's effect happen once, where it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnceBy {
    /// The ledger: a claim is written before the first try.
    #[default]
    Ledger,
    /// The target, by the idempotency key it is sent or by the row that it writes with its effect:
    /// an event that comes for the first time is tried without a claim, and its row is written
    /// after the try.
    Target,
}

impl Record {
    /// What the next write is conditioned on.
    pub fn fence(&self) -> Fence {
        Fence {
            owner: self.owner,
            status: self.status,
            rev: self.rev,
        }
    }

    /// The same of a row that may not be in the ledger yet: then there must be none.
    pub fn held(&self) -> Option<Fence> {
        (self.rev > 0).then(|| self.fence())
    }

    /// The row of a first claim as it is kept in mind while its event is tried without one.
    #[must_use]
    pub fn unwritten(mut self) -> Self {
        self.rev = 0;
        self
    }

    /// The row as it stands once this route, the only one, is delivered with this code at its next
    /// try: for a target that writes it with its effect.
    #[must_use]
    pub fn as_delivered(&self, route: &RouteName, code: &str, expires_at: u64) -> Self {
        let mut next = self.clone();
        if let Some(at) = next.routes.iter_mut().find(|at| at.name == *route) {
            at.state = RouteState::Delivered;
            at.attempts = at.attempts.saturating_add(1);
            code.clone_into(&mut at.last);
            at.due = None;
        }
        next.status = Status::Completed;
        next.written(expires_at)
    }

    /// Notes one attempt at a route; the route is then open with a due time, or terminal. A route
    /// that the row does not have is ignored.
    pub fn note(
        &mut self,
        route: &RouteName,
        attempt: &Attempt,
        terms: TryTerms<'_>,
        moment: Moment,
    ) {
        let Some(at) = self.routes.iter_mut().find(|r| r.name == *route) else {
            return;
        };
        let dead_letter = at.state == RouteState::DeadLetter;
        at.attempts = at.attempts.saturating_add(1);
        at.last = attempt.code.to_string();
        at.due = None;
        // A release that does not know the dead-letter target tries as it would the route.
        let own = terms.dead_letter.filter(|_| dead_letter);
        let retry = own.unwrap_or(terms.retry);
        let decision = retry.decide(attempt, at.attempts, moment);
        let died = match (attempt.outcome, decision) {
            (Outcome::Delivered, _) => {
                at.state = match dead_letter {
                    true => RouteState::DeadLettered,
                    false => RouteState::Delivered,
                };
                None
            }
            (Outcome::Rejected, _) if !dead_letter && terms.on_rejected == OnRejected::Ack => {
                at.state = RouteState::LetGo;
                None
            }
            (Outcome::Rejected, _) => Some(DeadReason::Rejected),
            (_, RetryDecision::RetryAfter(wait)) => {
                at.due = Some(moment.now.after(wait));
                None
            }
            (_, RetryDecision::Expired) => Some(DeadReason::Expired),
            (_, RetryDecision::WouldExpire) => Some(DeadReason::WouldExpire),
            (_, RetryDecision::Spent) => Some(DeadReason::AttemptsSpent),
        };
        if let Some(reason) = died {
            at.end(reason, terms.dead_letter.is_some(), moment.now);
        }
        self.remember(route, attempt, dead_letter, moment.now);
    }

    /// Ends each open route whose events may not be as old as this one is now (F11). To be asked
    /// before tries begin, never while one is under way: what is being tried may be delivered.
    /// `policy` says a route's bound, and whether it has a dead-letter target of its own, which is
    /// given what is too old for the route.
    pub fn expire(
        &mut self,
        life: Life,
        now: Timestamp,
        policy: impl Fn(&RouteName) -> (Option<Duration>, bool),
    ) {
        let open = self.routes.iter_mut();
        for at in open.filter(|at| at.state == RouteState::Open) {
            let (max_event_age, dead_letter) = policy(&at.name);
            if life.is_older(max_event_age, now) {
                at.end(DeadReason::Expired, dead_letter, now);
            }
        }
    }

    /// Lets an open route wait until then without a try: nothing is charged.
    pub fn put_off(&mut self, route: &RouteName, until: Timestamp) {
        let open = |at: &&mut RouteRecord| at.state.is_open() && at.name == *route;
        if let Some(at) = self.routes.iter_mut().find(open) {
            at.due = Some(until);
        }
    }

    /// Notes a try that is not charged to its route, which stays open and waits until then: one
    /// that found out whether its target is back. The event that was sent to find out must not die
    /// of it. Whether it was noted so: at most [`UNCHARGED_MAX`] are.
    pub fn note_uncharged(
        &mut self,
        route: &RouteName,
        attempt: &Attempt,
        now: Timestamp,
        until: Timestamp,
    ) -> bool {
        let may = |r: &&mut RouteRecord| r.name == *route && r.uncharged < UNCHARGED_MAX;
        let Some(at) = self.routes.iter_mut().find(may) else {
            return false;
        };
        at.uncharged = at.uncharged.saturating_add(1);
        at.last = attempt.code.to_string();
        self.put_off(route, until);
        self.remember(route, attempt, false, now);
        true
    }

    /// Keeps the last attempts, each cut to what a row may hold (F50).
    fn remember(
        &mut self,
        route: &RouteName,
        attempt: &Attempt,
        dead_letter: bool,
        now: Timestamp,
    ) {
        self.attempts.push(AttemptRecord {
            at: now,
            route: route.clone(),
            outcome: attempt.outcome.word().to_owned(),
            code: attempt.code.to_string(),
            message: cut(&attempt.message, ATTEMPT_MESSAGE_MAX).to_owned(),
            dead_letter,
        });
        let extra = self.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        self.attempts.drain(..extra);
    }

    /// Why a route gave the event up, and the code of its last try, where the event is to be
    /// delivered to the route's own dead-letter target.
    pub fn given_up(&self, route: &RouteName) -> Option<(DeadReason, &str)> {
        let at = self.routes.iter().find(|at| at.name == *route)?;
        let reason = at.died.filter(|_| at.state == RouteState::DeadLetter)?;
        let mut tries = self.attempts.iter().rev();
        let last = tries.find(|tried| tried.route == *route && !tried.dead_letter);
        Some((reason, last.map_or("", |last| last.code.as_str())))
    }

    /// The routes that may be tried now.
    pub fn ready(&self, now: Timestamp) -> Vec<RouteName> {
        let due = |r: &&RouteRecord| r.due.is_none_or(|due| due <= now);
        let open = self.routes.iter().filter(|r| r.state.is_open());
        open.filter(due).map(|r| r.name.clone()).collect()
    }

    /// Closes this turn at the row: decides from the routes' states what becomes of the message
    /// and makes the row say so. The write's `rev` is counted by [`Record::written`].
    ///
    /// Open routes whose time has come, or that have none, were not tried for want of time: the
    /// message is deferred for `unstarted`, and nothing is charged (F16).
    pub fn close(
        &mut self,
        message_id: &MessageId,
        now: Timestamp,
        unstarted: Duration,
    ) -> Disposition {
        let open = self.routes.iter().filter(|r| r.state.is_open());
        let dues: Vec<_> = open.map(|r| r.due.filter(|due| *due > now)).collect();
        let tried = dues.iter().any(Option::is_some);
        let next = dues
            .into_iter()
            .map(|due| due.unwrap_or(now.after(unstarted)));
        if let Some(due) = next.min() {
            self.status = Status::Pending;
            self.due = Some(due);
            let after = due.since(now);
            return match tried {
                true => Disposition::Retry { after },
                false => Disposition::Defer {
                    after,
                    cause: DeferCause::Deadline,
                },
            };
        }
        // Where routes died of several things, the first of these is the message's.
        let reasons = [
            (RouteState::Rejected, DeadReason::Rejected),
            (RouteState::Spent, DeadReason::AttemptsSpent),
            (RouteState::Expired, DeadReason::Expired),
            (RouteState::WouldExpire, DeadReason::WouldExpire),
        ];
        let mut reasons = reasons.into_iter();
        match reasons.find(|(state, _)| self.routes.iter().any(|r| r.state == *state)) {
            Some((_, reason)) => {
                self.die(reason, message_id, now);
                Disposition::Dead { reason }
            }
            None => {
                self.status = Status::Completed;
                // What a dead-letter target was given is still asked about.
                if !self.routes.iter().any(|r| r.died.is_some()) {
                    self.attempts.clear();
                }
                Disposition::Ack
            }
        }
    }

    /// Makes the row say `DEAD`, and of what.
    pub fn die(&mut self, reason: DeadReason, message_id: &MessageId, now: Timestamp) {
        self.status = Status::Dead;
        self.due = None;
        self.death = Some(Death {
            at: now,
            reason,
            message_id: message_id.clone(),
            dlq_sent: false,
        });
    }

    /// The next generation of a dead row, which any message of its event may bring back: `PENDING`
    /// and due. What was delivered stays delivered; what was not is tried from zero.
    ///
    /// `digest` is of the data that is sent: another than before where it was edited. The owner is
    /// new, so that this write is known from any other's.
    #[must_use]
    pub fn revived(
        &self,
        owner: OwnerId,
        digest: Digest,
        entry: AuditRecord,
        expires_at: u64,
    ) -> Self {
        let mut next = self.clone().with_deed(owner, entry, expires_at);
        next.status = Status::Pending;
        next.due = None;
        next.digest = digest;
        next.death = None;
        next.crashes = 0;
        next.redrive_n = next.redrive_n.saturating_add(1);
        next.routes.iter_mut().for_each(RouteRecord::reopen);
        next
    }

    /// The row of a claim whose lease has ended without a word, freed for the next that comes,
    /// without a crash being counted.
    ///
    /// # Errors
    ///
    /// Where it is no such row: what it is, and what to do instead.
    pub fn unlocked(
        &self,
        owner: OwnerId,
        entry: AuditRecord,
        expires_at: u64,
        now: Timestamp,
    ) -> Result<Self, String> {
        match self.status {
            Status::InProgress => {}
            Status::Pending => {
                return Err(
                    "it is not locked: the next message of its event that comes when it is \
                            due is worked on"
                        .to_owned(),
                );
            }
            Status::Scheduled => {
                return Err(
                    "it is not locked: a schedule brings its event back when it is due".to_owned(),
                );
            }
            Status::Completed => {
                return Err("it is done; to have its event done again, forget it".to_owned());
            }
            Status::Dead => {
                return Err("it is dead; redrive its dead letter, or forget it".to_owned());
            }
        }
        let free_at = self.lease_until.after(LEASE_SKEW);
        if now <= free_at {
            let wait = free_at.since(now).as_secs().saturating_add(1);
            return Err(format!(
                "somebody holds it: its lease ends in {wait} s, and until then work on it may be \
                 going on"
            ));
        }
        let mut next = self.clone().with_deed(owner, entry, expires_at);
        next.status = Status::Pending;
        next.due = None;
        next.crashes = 0;
        Ok(next)
    }

    /// The row with a deed noted, and nothing else different: a write of its own, by nobody who
    /// works on it.
    #[must_use]
    pub fn with_deed(self, owner: OwnerId, entry: AuditRecord, expires_at: u64) -> Self {
        let mut next = self.written(expires_at);
        next.owner = owner;
        next.audit = audit::with(next.audit, entry);
        next
    }

    /// Under which key of the index the row stands: `DEAD` and `PENDING` rows alone are in it, spread
    /// over [`INDEX_SHARDS`] (F44), so that what goes well never pays for it.
    pub fn index_key(&self) -> Option<String> {
        match self.status {
            Status::Dead | Status::Pending => {
                let first = Sha256::digest(self.key.as_str()).first().copied();
                let shard = first.unwrap_or_default() % INDEX_SHARDS;
                Some(index_key(self.key.consumer(), self.status, shard))
            }
            Status::InProgress | Status::Scheduled | Status::Completed => None,
        }
    }

    /// The row as the next write leaves it: one `rev` on, and living as long as a write made now
    /// lives.
    #[must_use]
    pub fn written(mut self, expires_at: u64) -> Self {
        self.rev = self.rev.saturating_add(1);
        self.expires_at = self.expires_at.max(expires_at);
        self
    }

    /// Whether a row that refused my write shows that the write had already won: then its reply
    /// was lost, and it is a success (F40).
    pub fn shows(&self, mine: &Record) -> bool {
        self.owner == mine.owner && self.rev == mine.rev && self.status == mine.status
    }
}

/// A key of the index: one shard of a consumer's rows of one status.
pub fn index_key(consumer: &str, status: Status, shard: u8) -> String {
    format!("{consumer}#{}#{shard}", status.word())
}

impl Status {
    /// The word that the ledger holds.
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Pending => "PENDING",
            Self::Scheduled => "SCHEDULED",
            Self::Completed => "COMPLETED",
            Self::Dead => "DEAD",
        }
    }

    /// Reads [`Status::word`] back; `None` for a word of another release.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::InProgress,
            Self::Pending,
            Self::Scheduled,
            Self::Completed,
            Self::Dead,
        ]
        .into_iter()
        .find(|status| status.word() == word)
    }
}

impl RouteState {
    /// Whether it is to be tried, or tried again: at its target, or at its dead-letter target.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::DeadLetter)
    }

    /// The word that the ledger holds.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::LetGo => "let_go",
            Self::Spent => "spent",
            Self::Expired => "expired",
            Self::WouldExpire => "would_expire",
            Self::DeadLetter => "dead_letter",
            Self::DeadLettered => "dead_lettered",
        }
    }

    /// Reads [`RouteState::word`] back; `None` for a word of another release.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Open,
            Self::Delivered,
            Self::Rejected,
            Self::LetGo,
            Self::Spent,
            Self::Expired,
            Self::WouldExpire,
            Self::DeadLetter,
            Self::DeadLettered,
        ]
        .into_iter()
        .find(|state| state.word() == word)
    }
}

#[cfg(test)]
mod tests;
