//! A batch of messages, from what was received to what is answered.
//!
//! Every message ends in one of four ways (`Disposition`), and no end of one touches another:
//! reading, planning and delivering are each caught when they panic (F15). State is per call, so
//! that one engine serves several invocations at once.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::{FusedFuture, FutureExt, OptionFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::deadline::{Budget, Start};
use waybill_core::digest::Digest;
use waybill_core::envelope::{self, Envelope};
use waybill_core::event::{Data, Event};
use waybill_core::id::{Consumer, EventKey, LedgerKey, OwnerId};
use waybill_core::key::{KeyExpression, event_key, message_key};
use waybill_core::ledger::{Ask, DeadLetter, Record, Row, Status, Verdict, judge};
use waybill_core::limit::STATEMENTS_MAX;
use waybill_core::message::Message;
use waybill_core::outcome::{DeadReason, DeferCause, Disposition};
use waybill_core::retry::store_trouble_wait;
use waybill_core::routes::OnConflict;
use waybill_core::time::Timestamp;

use crate::claims::{Claim, Request, claim};
use crate::hand_back::hand_back;
use crate::handler::{Handler, Plan};
use crate::ports::{Ambient, Ledger, Queue};
use crate::settle::{Desk, drive};
use crate::telemetry;
use crate::work::{Finished, Over, Shift, UNSTARTED_WAIT, Work};

/// What an engine is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// The ledger's namespace.
    pub consumer: Consumer,
    /// What an event is known by, where that is configured.
    pub key: Option<KeyExpression>,
    /// How dead messages reach their queue.
    pub dead_letter: DeadLetter,
    /// What becomes of a message whose key is known with other data.
    pub on_conflict: OnConflict,
    /// How long a row lives after its last write. At least the retention of the source queue, of
    /// the dead-letter queue, and the time in which a redrive is expected (F37).
    pub time_to_live: Duration,
    /// How often an event may be redriven (F70).
    pub redrive_limit: u32,
    /// How many events are worked on at once.
    pub concurrency: usize,
}

/// A queue that messages come from, kept between invocations.
#[derive(Debug)]
pub struct Source<Q> {
    /// The queue.
    pub queue: Q,
    /// Where the dead go with `dead_letter: send`.
    pub dead_letter_queue: Option<Q>,
    /// Whether the queue is known to have a redrive policy.
    pub(crate) has_redrive_policy: AtomicBool,
}

impl<Q> Source<Q> {
    /// A queue, and the queue for its dead where we send them ourselves.
    pub fn new(queue: Q, dead_letter_queue: Option<Q>) -> Self {
        Self {
            queue,
            dead_letter_queue,
            has_redrive_policy: AtomicBool::new(false),
        }
    }
}

/// Claims, delivers, settles and hands back.
pub struct Engine<H, L, A> {
    pub(crate) handler: H,
    ledger: L,
    pub(crate) ambient: A,
    pub(crate) config: Config,
    /// Rows known to be dead, so that a dead message's quick receives cost no read.
    dead: Mutex<HashMap<LedgerKey, Record>>,
}

/// A message read, or an end that needs no ledger.
enum Prepared<'m> {
    Work(Box<Work<'m>>),
    Finished(Finished),
}

impl<H: Handler, L: Ledger, A: Ambient> Engine<H, L, A> {
    /// An engine over its ports.
    pub fn new(handler: H, ledger: L, ambient: A, config: Config) -> Self {
        Self {
            handler,
            ledger,
            ambient,
            config,
            dead: Mutex::new(HashMap::new()),
        }
    }

    /// Runs a batch to its end. Answers by position.
    ///
    /// Ends before `budget.deadline`: what is not settled by then is handed back, and its row is
    /// free when its lease ends.
    pub async fn run<Q: Queue>(
        &self,
        messages: &[Message],
        source: &Source<Q>,
        budget: Budget,
    ) -> Vec<Handed> {
        let prepared: Vec<_> = messages
            .iter()
            .map(|message| self.prepare(message, budget))
            .collect();
        let (desk, jobs) = Desk::new();
        let shift = Shift {
            source,
            budget,
            desk: &desk,
        };
        let mut finished = vec![None; messages.len()];
        {
            let until = budget.settle_until();
            let working = pin!(self.work_through(shift, &prepared, &mut finished));
            let writing = pin!(drive(&self.ledger, &self.ambient, &desk, jobs, until));
            let end = sleep(until.since(self.ambient.now()));
            let _ = select(select(working, writing), pin!(end)).await;
        }
        let finished: Vec<_> = finished.into_iter().map(cut_off).collect();
        telemetry::invocation_ended(
            messages,
            &finished,
            self.ambient.now().since(budget.started),
        );
        let left = budget.stop_at().since(self.ambient.now());
        let handing = hand_back(
            source,
            self.config.dead_letter,
            messages,
            &finished,
            &self.ambient,
        );
        if timeout(left, handing).await.is_err() {
            telemetry::hand_back_cut_off();
        }
        finished
            .iter()
            .map(|finished| self.handed(finished))
            .collect()
    }

    /// Whether a message leaves the queue.
    fn handed(&self, finished: &Finished) -> Handed {
        match finished.disposition {
            Disposition::Ack => Handed::Over,
            Disposition::Dead { .. } => match self.config.dead_letter {
                DeadLetter::Send => Handed::Over,
                DeadLetter::Redrive => Handed::Back,
            },
            Disposition::Retry { .. } | Disposition::Defer { .. } => Handed::Back,
        }
    }

    /// Reads a message and plans what is to be done; a panic touches it alone.
    fn prepare<'m>(&self, message: &'m Message, budget: Budget) -> Prepared<'m> {
        let prepared = catch_unwind(AssertUnwindSafe(|| self.read_and_plan(message, budget)));
        prepared.unwrap_or_else(|_| {
            let after = store_trouble_wait(message.receive_count);
            Prepared::Finished(Finished::deferred(after, DeferCause::Panicked))
        })
    }

    /// Reads a message and plans what is to be done.
    fn read_and_plan<'m>(&self, message: &'m Message, budget: Budget) -> Prepared<'m> {
        let unreadable = |what: &dyn std::fmt::Display, reason, data: &Data| {
            telemetry::unreadable(message, reason, what);
            let digest = Digest::of(data);
            let plan = Plan::Dead(reason);
            let key = event_key(message, None, None).unwrap_or_else(|_| message_key(message));
            self.planned(message, budget, None, key, digest, plan)
        };
        let parsed = match envelope::parse(message) {
            Ok(Envelope::Event(parsed)) => parsed,
            Ok(Envelope::TestEvent) => {
                return Prepared::Finished(Finished::over(Over::Ignored));
            }
            Err(error) => {
                let body = Data::Text(message.body.clone());
                return unreadable(&error, DeadReason::Malformed, &body);
            }
        };
        let key = match event_key(message, Some(&parsed), self.config.key.as_ref()) {
            Ok(key) => key,
            // The data as it will be digested once the key is found: a redrive is no conflict.
            Err(error) => return unreadable(&error, DeadReason::KeyMissing, &parsed.event.data),
        };
        let plan = self.handler.plan(&parsed.event);
        let digest = Digest::of(&parsed.event.data);
        self.planned(message, budget, Some(parsed.event), key, digest, plan)
    }

    /// What a plan asks of the ledger.
    fn planned<'m>(
        &self,
        message: &'m Message,
        budget: Budget,
        event: Option<Event>,
        key: EventKey,
        digest: Digest,
        plan: Plan,
    ) -> Prepared<'m> {
        let now = self.ambient.now();
        let owner = u128::from(self.ambient.random()) << 64 | u128::from(self.ambient.random());
        let ask = Ask {
            key: LedgerKey::new(&self.config.consumer, &key),
            owner: OwnerId(owner),
            digest,
            message_id: message.message_id.clone(),
            sent: message.sent,
            lease_until: budget.deadline.after(LEASE_OVER_DEADLINE),
            expires_at: self.expires_at(now),
            redrive_limit: self.config.redrive_limit,
            dead_letter: self.config.dead_letter,
        };
        let first = match plan {
            // What comes again may have been claimed when it was still wanted (F55): the ledger says
            // so, or that it is over.
            Plan::Ignore if message.receive_count > 1 => ask.done(),
            Plan::Ignore => return Prepared::Finished(Finished::over(Over::Ignored)),
            Plan::Deliver { version, routes } => ask.first(&version, &routes),
            Plan::Dead(reason) => {
                let mut dead = ask.first("", &[]);
                dead.die(reason, &message.message_id, now);
                dead
            }
        };
        Prepared::Work(Box::new(Work {
            message,
            event,
            key,
            ask,
            first,
        }))
    }

    /// Works through what was prepared: claimed in windows as places get free, copies of an event
    /// after their first, what took processes down before alone at the end.
    async fn work_through<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        prepared: &[Prepared<'_>],
        finished: &mut [Option<Finished>],
    ) {
        let (mut queue, copies) = self.sort(prepared, finished);
        let mut alone = VecDeque::new();
        let mut running = FuturesUnordered::new();
        let mut claiming = OptionFuture::from(None);
        loop {
            if claiming.is_terminated() {
                let places = self.config.concurrency.saturating_sub(running.len());
                let window = self.window(shift.budget, &mut queue, places, finished);
                if !window.is_empty() {
                    let claiming_now = self.claim_window(shift.budget, window, false);
                    claiming = OptionFuture::from(Some(Box::pin(claiming_now.fuse())));
                } else if running.is_empty() {
                    break;
                }
            }
            tokio::select! {
                biased;
                Some((at, end)) = running.next() => self.finish(at, end, &copies, finished),
                Some(claims) = &mut claiming => {
                    claiming = OptionFuture::from(None);
                    for (at, work, claim) in claims {
                        match self.claimed(work, claim) {
                            Next::Finished(end) => self.finish((at, work), end, &copies, finished),
                            Next::Alone => alone.push_back((at, work)),
                            Next::Run(task) => running.push(self.run_task(shift, at, work, task)),
                        }
                    }
                }
            }
        }
        for (at, work) in alone {
            let mut lone = VecDeque::from([(at, work)]);
            let window = self.window(shift.budget, &mut lone, 1, finished);
            for (at, work, claim) in self.claim_window(shift.budget, window, true).await {
                let end = match self.claimed(work, claim) {
                    Next::Finished(end) => end,
                    Next::Alone => Finished::deferred(UNSTARTED_WAIT, DeferCause::LeaseBusy),
                    Next::Run(task) => self.run_task(shift, at, work, task).await.1,
                };
                self.finish((at, work), end, &copies, finished);
            }
        }
    }

    /// Sorts what was prepared: what has ended, the first of each key in the order of the batch,
    /// and the copies that wait for it (F45).
    fn sort<'p, 'm>(
        &self,
        prepared: &'p [Prepared<'m>],
        finished: &mut [Option<Finished>],
    ) -> (VecDeque<Place<'p, 'm>>, Copies<'p, 'm>) {
        let mut queue = VecDeque::new();
        let mut copies: Copies<'p, 'm> = HashMap::new();
        for ((at, prepared), finished) in prepared.iter().enumerate().zip(finished) {
            match prepared {
                Prepared::Finished(end) => {
                    *finished = Some(end.clone());
                }
                Prepared::Work(work) => {
                    let work: &Work<'m> = work;
                    if let Some(end) = self.known_dead(work) {
                        *finished = Some(end);
                    } else if let Some(waiting) = copies.get_mut(&work.ask.key) {
                        waiting.push((at, work));
                    } else {
                        copies.insert(&work.ask.key, Vec::new());
                        queue.push_back((at, work));
                    }
                }
            }
        }
        (queue, copies)
    }

    /// Takes from the queue what can start now, at most as many as there are places; what cannot
    /// is handed back uncharged (F16).
    fn window<'p, 'm>(
        &self,
        budget: Budget,
        queue: &mut VecDeque<Place<'p, 'm>>,
        places: usize,
        finished: &mut [Option<Finished>],
    ) -> Vec<Place<'p, 'm>> {
        let mut window = Vec::new();
        while window.len() < places.min(STATEMENTS_MAX) {
            let Some((at, work)) = queue.pop_front() else {
                break;
            };
            match budget.start(self.ambient.now(), self.wanted(work)) {
                Start::Now { .. } => window.push((at, work)),
                Start::TooLate => {
                    if let Some(finished) = finished.get_mut(at) {
                        *finished = Some(Finished::deferred(UNSTARTED_WAIT, DeferCause::Deadline));
                    }
                }
            }
        }
        window
    }

    /// The shortest time that any of a work's routes needs.
    fn wanted(&self, work: &Work<'_>) -> Duration {
        let policies = work
            .first
            .routes
            .iter()
            .filter_map(|at| self.handler.policy(&at.name));
        policies.map(|policy| policy.time).min().unwrap_or_default()
    }

    /// Claims a window.
    async fn claim_window<'p, 'm>(
        &self,
        budget: Budget,
        window: Vec<Place<'p, 'm>>,
        alone: bool,
    ) -> Vec<(usize, &'p Work<'m>, Claim)> {
        let requests: Vec<_> = window
            .iter()
            .map(|(_, work)| Request {
                ask: &work.ask,
                first: &work.first,
                repeat: alone || work.message.receive_count > 1,
                alone,
            })
            .collect();
        let claims = claim(&self.ledger, &self.ambient, &requests, budget.work_until()).await;
        telemetry::claims_failed(claims.iter().filter_map(Claim::failure));
        telemetry::rows_unknown(claims.iter().filter(|claim| claim.is_unknown()).count());
        window
            .into_iter()
            .zip(claims)
            .map(|((at, work), claim)| (at, work, claim))
            .collect()
    }

    /// What follows from a claim.
    fn claimed(&self, work: &Work<'_>, claim: Claim) -> Next {
        let now = self.ambient.now();
        let trouble_wait = store_trouble_wait(work.message.receive_count);
        Next::Finished(match claim {
            Claim::Won(record) if record.status == Status::Completed => {
                Finished::over(Over::Ignored)
            }
            Claim::Won(record) => return Next::Run(Task::Deliver(record)),
            Claim::SendDead { row } => return Next::Run(Task::Bury(row)),
            Claim::Conflict => match self.config.on_conflict {
                OnConflict::Dead => return Next::Run(Task::Conflict),
                OnConflict::Ack => Finished::over(Over::Ignored),
            },
            Claim::Alone => return Next::Alone,
            Claim::Completed => Finished::over(Over::Duplicate),
            Claim::Dead { reason, row } => Finished::tried(Disposition::Dead { reason }, *row, 0),
            Claim::Defer { until, cause } => {
                let wait = until.since(now).max(DEFER_MIN);
                let wait = if cause == DeferCause::UnknownRow {
                    trouble_wait
                } else {
                    wait
                };
                Finished::deferred(wait, cause)
            }
            Claim::Failed { written, .. } => match written {
                Some(row) if row.status == Status::InProgress => {
                    return Next::Run(Task::Release(row));
                }
                Some(_) | None => Finished::deferred(trouble_wait, DeferCause::StoreDown),
            },
        })
    }

    /// Runs one task to its end; a panic of ours touches its message alone.
    async fn run_task<'p, 'm, Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        at: usize,
        work: &'p Work<'m>,
        task: Task,
    ) -> (Place<'p, 'm>, Finished) {
        let running = async {
            match task {
                Task::Deliver(record) => self.work(shift, work, *record).await,
                Task::Bury(record) => self.bury(shift, work, *record, 0).await,
                Task::Conflict => self.conflict(shift, work).await,
                Task::Release(record) => self.release(shift, work, *record).await,
            }
        };
        let end = AssertUnwindSafe(running)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let after = store_trouble_wait(work.message.receive_count);
                Finished::deferred(after, DeferCause::Panicked)
            });
        ((at, work), end)
    }

    /// A message whose key is known with other data is dead; the row is the other's and stays as
    /// it is.
    async fn conflict<Q: Queue>(&self, shift: Shift<'_, Q>, work: &Work<'_>) -> Finished {
        let reason = DeadReason::KeyConflict;
        let send = self.config.dead_letter == DeadLetter::Send;
        if send && !self.send_dead(shift.source, work, reason).await {
            let after = store_trouble_wait(work.message.receive_count);
            return Finished::deferred(after, DeferCause::DeadLetterUnavailable);
        }
        Finished::untried(Disposition::Dead { reason })
    }

    /// A claim without an answer may stand. It is given back, in a short time: nothing was begun,
    /// and a lease that ends without a word would count as a crash.
    async fn release<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work<'_>,
        mut record: Record,
    ) -> Finished {
        let held = record.fence();
        record.status = Status::Pending;
        let released = shift.desk.settle(held, record.written(work.ask.expires_at));
        let _ = timeout(RELEASE_TIME, released).await;
        let after = store_trouble_wait(work.message.receive_count);
        Finished::deferred(after, DeferCause::StoreDown)
    }

    /// Notes the end of one message, and of the copies that waited for it.
    fn finish(
        &self,
        (at, work): Place<'_, '_>,
        mut end: Finished,
        copies: &Copies<'_, '_>,
        finished: &mut [Option<Finished>],
    ) {
        self.remember_dead(&end);
        let now = self.ambient.now();
        end.at.get_or_insert(now);
        for (copy_at, copy) in copies.get(&work.ask.key).into_iter().flatten() {
            if let Some(finished) = finished.get_mut(*copy_at) {
                *finished = Some(Finished {
                    at: Some(now),
                    ..self.copy_end(copy, &end)
                });
            }
        }
        if let Some(finished) = finished.get_mut(at) {
            *finished = Some(end);
        }
    }

    /// How a copy ends, judged by the row as its first left it; where that is not known, the copy
    /// ends as its first did, later.
    fn copy_end(&self, copy: &Work<'_>, first: &Finished) -> Finished {
        let now = self.ambient.now();
        let Some(row) = &first.row else {
            let after = match first.disposition {
                Disposition::Defer { after, .. } | Disposition::Retry { after } => after,
                Disposition::Ack | Disposition::Dead { .. } => Duration::ZERO,
            };
            return Finished::deferred(after.max(UNSTARTED_WAIT), DeferCause::Copy);
        };
        match judge(&Row::Known(row.clone()), &copy.ask, now) {
            Verdict::Completed => Finished::over(Over::Duplicate),
            Verdict::Dead(reason) => Finished::untried(Disposition::Dead { reason }),
            Verdict::Defer { until, cause } => Finished::deferred(until.since(now), cause),
            Verdict::Mine | Verdict::TakeOver(_) | Verdict::Conflict | Verdict::SendDead(_) => {
                Finished::deferred(UNSTARTED_WAIT, DeferCause::Copy)
            }
        }
    }

    /// The end of a message whose row is known to be dead and stays so.
    fn known_dead(&self, work: &Work<'_>) -> Option<Finished> {
        let dead = self.dead.lock().ok()?;
        let row = Box::new(dead.get(&work.ask.key)?.clone());
        match judge(&Row::Known(row), &work.ask, self.ambient.now()) {
            Verdict::Dead(reason) => Some(Finished::untried(Disposition::Dead { reason })),
            Verdict::Mine
            | Verdict::Defer { .. }
            | Verdict::TakeOver(_)
            | Verdict::Conflict
            | Verdict::Completed
            | Verdict::SendDead(_) => None,
        }
    }

    /// Remembers a dead row, a bounded number of them.
    fn remember_dead(&self, end: &Finished) {
        let (Disposition::Dead { .. }, Some(row)) = (end.disposition, &end.row) else {
            return;
        };
        let Ok(mut dead) = self.dead.lock() else {
            return;
        };
        if dead.len() >= DEAD_REMEMBERED {
            dead.clear();
        }
        dead.insert(row.key.clone(), (**row).clone());
    }

    /// The time to live of a row written now, in seconds since the epoch.
    pub(crate) fn expires_at(&self, now: Timestamp) -> u64 {
        now.after(self.config.time_to_live).as_secs_ceil()
    }
}

/// A work and its place in the batch.
type Place<'p, 'm> = (usize, &'p Work<'m>);

/// The copies of an event, by its key.
type Copies<'p, 'm> = HashMap<&'p LedgerKey, Vec<Place<'p, 'm>>>;

/// What follows from a claim.
enum Next {
    Finished(Finished),
    Alone,
    Run(Task),
}

/// What is run for a claim.
enum Task {
    Deliver(Box<Record>),
    Bury(Box<Record>),
    Conflict,
    Release(Box<Record>),
}

/// A message that the deadline cut off: its row is free when its lease ends.
fn cut_off(finished: Option<Finished>) -> Finished {
    finished.unwrap_or_else(|| Finished::deferred(UNSTARTED_WAIT, DeferCause::Deadline))
}

/// How long a lease outlives the invocation's deadline in trigger mode.
const LEASE_OVER_DEADLINE: Duration = Duration::from_secs(2);

/// The shortest wait of a message that is not for us now.
const DEFER_MIN: Duration = Duration::from_secs(1);

/// How long is tried to give back a claim that may stand.
const RELEASE_TIME: Duration = Duration::from_secs(2);

/// How many dead rows a process remembers.
const DEAD_REMEMBERED: usize = 1000;
