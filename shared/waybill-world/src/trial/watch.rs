//! What is seen where it happens, at the services and at the targets, and what must hold at that
//! moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use waybill_core::digest::Digest;
use waybill_core::event::Data;
use waybill_core::id::{Consumer, LedgerKey, MessageId, OwnerId, ReceiptHandle};
use waybill_core::ledger::{DeadLetter, Record, RouteState, Status};
use waybill_core::limit::LEASE_SKEW;
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::outcome::RowEnd;
use waybill_core::parcel::Parcel;
use waybill_core::routes::OnConflict;
use waybill_core::time::Timestamp;
use waybill_engine::handler::Delivery;
use waybill_engine::ports::{Appointment, Outgoing, ScheduleError, Scheduler, Write};
use waybill_testkit::{FakeGates, FakeLedger, FakeQueue, FakeScheduler, Standing, fixtures};

use super::plan::{ByTarget, Plan};
use super::target::{Heard, Try, dead_letter_of};
use crate::fault::Fault;
use crate::mapping::{Answer, Observer};
use crate::sandbox::Sandbox;
use crate::world::World;

/// What everything that happens is noted in.
pub(crate) struct Watch {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) ledger: FakeLedger,
    /// How the gates stand.
    pub(crate) gates: FakeGates,
    pub(crate) queue: FakeQueue,
    pub(crate) dead: FakeQueue,
    /// Where events wait outside the queue.
    pub(crate) scheduler: FakeScheduler,
    log: Mutex<Log>,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Log {
    /// The first promise that was broken.
    pub(crate) broken: Option<String>,
    pub(crate) claims: BTreeMap<OwnerId, Claim>,
    /// Routes that an owner wrote down as delivered.
    pub(crate) delivered: BTreeSet<(OwnerId, String)>,
    /// Takings-over of a claim that ended without a word, by row.
    pub(crate) left: BTreeMap<LedgerKey, u32>,
    /// Processes that are, or were, invoked.
    pub(crate) sandboxes: BTreeMap<usize, Seen>,
    /// Receives by handle.
    pub(crate) receipts: BTreeMap<String, Receipt>,
    pub(crate) tries: Vec<(LedgerKey, Try)>,
    /// Receives of a message that trouble cost.
    pub(crate) burnt: BTreeMap<MessageId, u32>,
    /// Messages that others may have while somebody holds them.
    pub(crate) shown: BTreeSet<MessageId>,
    /// Sent, and neither deleted nor found among the dead.
    pub(crate) standing: BTreeSet<MessageId>,
    /// Bodies that were sent to the dead-letter queue.
    pub(crate) buried: BTreeSet<String>,
    /// Idempotency keys that targets have taken which make each effect once, and when.
    taken: BTreeMap<String, Timestamp>,
    /// Schedules that have not sent all they will.
    pub(crate) coming: u64,
    pub(crate) counts: Counts,
}

/// What was counted on the way.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) invocations: u64,
    pub(crate) polls: u64,
    pub(crate) deliveries: u64,
    pub(crate) sent: u64,
    pub(crate) redriven: u64,
    pub(crate) lost_leases: u64,
    pub(crate) in_turn: u64,
    pub(crate) out_of_turn: u64,
    pub(crate) fenced: u64,
    pub(crate) scheduled: u64,
    pub(crate) unclaimed: u64,
}

/// A request to a target that makes each effect once.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) how: ByTarget,
    pub(crate) idempotency_key: String,
    /// The row that came with it.
    pub(crate) row: Option<Record>,
}

/// A claim as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) by: usize,
    key: LedgerKey,
    at: Timestamp,
    /// When another took it over, before it said how it ended.
    pub(crate) overtaken: Option<Timestamp>,
    /// How much had gone wrong for its process when the invocation began that wrote it.
    pub(crate) troubles: u64,
}

/// A process, and what it is busy with.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) sandbox: Sandbox,
    /// What it received itself since it was last idle.
    received: Vec<MessageId>,
    /// Deadlines of the invocations that run, and how much had gone wrong when they began.
    runs: Vec<(Timestamp, u64)>,
    /// The latest deadline that it ever had.
    deadline: Timestamp,
    /// Whether any of its invocations is over without an answer, while it may go on.
    pub(crate) abandoned: bool,
}

/// One receive of a message.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    #[expect(dead_code, reason = "said where a promise is broken")]
    by: usize,
    at: Timestamp,
    /// Whether SQS said that it is the first, of a message that carries no key of ours.
    first: bool,
    deadline: Timestamp,
    deleted: bool,
    /// When its process heard that others may have it.
    lost: Option<Timestamp>,
}

impl Watch {
    pub(crate) fn new(world: World, plan: Plan, queue: FakeQueue, dead: FakeQueue) -> Arc<Self> {
        Arc::new(Self {
            world,
            plan,
            ledger: FakeLedger::new(),
            gates: FakeGates::new(),
            scheduler: FakeScheduler::new(queue.clone()),
            queue,
            dead,
            log: Mutex::default(),
        })
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the first promise that is broken.
    pub(crate) fn must(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            self.world.tell(|| format!("BROKEN: {what}"));
            self.log().broken.get_or_insert(what);
        }
    }

    /// Whether trying this message's event kills processes.
    pub(crate) fn aborts(&self, message: &Message) -> bool {
        let key = event_key(&message.attributes, &message.body);
        self.world.allows(Fault::Abort) && key.ends_with('7')
    }

    /// Enters a try in the book.
    pub(crate) fn notes(&self, key: LedgerKey, this: Try) -> usize {
        let mut log = self.log();
        log.tries.push((key, this));
        log.tries.len() - 1
    }

    /// Changes an entry of the book.
    pub(crate) fn of_try(&self, place: usize, change: impl FnOnce(&mut Try)) {
        if let Some((_, this)) = self.log().tries.get_mut(place) {
            change(this);
        }
    }

    /// A target took what a try sent it.
    pub(crate) fn takes(&self, place: usize) {
        let now = self.world.now();
        self.of_try(place, |this| this.effects.push(now));
        self.world.tell(|| format!("try {place} takes effect"));
    }

    /// A try begins: on a claim that is its own, before its deadline and, where there is an order,
    /// in its turn. Answers the claim.
    pub(crate) fn begins(&self, sandbox: &Sandbox, delivery: &Delivery<'_>) -> Option<OwnerId> {
        let message = delivery.message;
        let now = self.world.now();
        let by = sandbox.number();
        let row = self.ledger.record(&key_of(message));
        let (mine, receipt) = {
            let log = self.log();
            let mine = row.as_ref().is_some_and(|row| {
                let claim = log.claims.get(&row.owner);
                row.status == Status::InProgress && claim.is_some_and(|claim| claim.by == by)
            });
            let receipt = log.receipts.get(&message.receipt_handle.0).cloned();
            (mine, receipt)
        };
        let unclaimed = delivery.row.map(|row| row.owner);
        let first = receipt.as_ref().is_some_and(|receipt| receipt.first);
        let may = first && self.plan.tries_first(&data_of(&message.body));
        self.must(unclaimed.is_none() || may, || {
            format!("{sandbox:?} began a try of {message:?} without a claim")
        });
        self.must(mine || unclaimed.is_some() || self.plan.wild, || {
            format!("{sandbox:?} began a try of {message:?} on a claim it has not: {row:#?}")
        });
        if delivery.given_up.is_some() {
            let said = row.as_ref().and_then(|row| row.given_up(delivery.route));
            self.must(said.is_some() || self.plan.wild, || {
                format!("given to a dead-letter target before the ledger said so: {row:#?}")
            });
        }
        let live = row
            .as_ref()
            .is_some_and(|row| row.lease_until > sandbox.by_its_clock(now));
        self.must(live || unclaimed.is_some() || self.plan.wild, || {
            format!("{sandbox:?} began a try of {message:?} when its lease was over: {row:#?}")
        });
        let in_time = receipt
            .as_ref()
            .is_some_and(|receipt| now < receipt.deadline);
        self.must(in_time, || {
            format!("{sandbox:?} began a try of {message:?} after its deadline: {receipt:?}")
        });
        self.begins_in_turn(message);
        let lost = receipt.as_ref().and_then(|receipt| receipt.lost);
        self.must(lost.is_none_or(|at| at >= now), || {
            format!("{sandbox:?} began a try of {message:?}, which it lost: {receipt:?}")
        });
        self.begins_on_a_message_it_holds(sandbox, message, now);
        if unclaimed.is_some() {
            self.log().counts.unclaimed += 1;
            return unclaimed;
        }
        let log = self.log();
        let key = key_of(message);
        let mine = log
            .claims
            .iter()
            .filter(|(_, claim)| claim.by == by && claim.key == key);
        mine.max_by_key(|(_, claim)| claim.at)
            .map(|(owner, _)| *owner)
    }

    /// Nobody else may have the message, but where trouble showed it to others.
    fn begins_on_a_message_it_holds(&self, sandbox: &Sandbox, message: &Message, now: Timestamp) {
        // What came in a parcel has the id of its first message.
        let Some(id) = FakeQueue::message_of(&message.receipt_handle) else {
            return;
        };
        if self.plan.wild || self.log().shown.contains(&id) {
            return;
        }
        let standing = self.queue.messages();
        let held = standing.iter().find(|m| m.message_id == id);
        let right = held.is_some_and(|held| {
            held.newest.as_ref() == Some(&message.receipt_handle) && held.is_in_flight(now)
        });
        self.must(right, || {
            format!("{sandbox:?} began a try of {message:?}, which others may have: {held:?}")
        });
    }

    /// All that was sent to its group before it is over.
    fn begins_in_turn(&self, message: &Message) {
        if !message.is_fifo() {
            return;
        }
        let standing = self.queue.messages();
        let before = standing
            .iter()
            .take_while(|m| m.message_id != message.message_id)
            .filter(|m| m.group() == message.group_id.as_deref());
        for earlier in before {
            let right = self.may_leave(&opened_standing(earlier), &earlier.message_id);
            self.log().counts.out_of_turn += u64::from(right.is_err());
            self.must(right.is_ok(), || {
                format!("{message:?} was begun before the one before it was over: {right:?}")
            });
        }
        self.log().counts.in_turn += 1;
    }

    /// A message may leave the queue only when the ledger says that all is done, or when it is
    /// where the dead go.
    pub(crate) fn may_leave(&self, told: &Message, id: &MessageId) -> Result<(), String> {
        let (body, key) = (&*told.body, &key_of(told));
        if data_of(body).starts_with("ignored:") {
            return Ok(());
        }
        let buried = || self.log().buried.contains(body);
        let sends = self.plan.config.dead_letter == DeadLetter::Send;
        let row = self.ledger.record(key);
        let right = match &row {
            None => false,
            Some(row) if row.digest != digest(body) => {
                self.plan.config.on_conflict == OnConflict::Ack || (sends && buried())
            }
            Some(row) => match row.status {
                Status::Completed => true,
                // Dead and sent; or a copy that was sent later has brought the event back since.
                Status::Dead | Status::InProgress | Status::Pending | Status::Scheduled => {
                    let sent = row.death.as_ref().is_some_and(|death| death.dlq_sent);
                    sends && buried() && (sent || row.redrive_n > 0)
                }
            },
        };
        match right || self.is_carried(key, id) {
            true => Ok(()),
            false => Err(format!("`{body}` may not leave, its row is {row:#?}")),
        }
    }

    /// Whether something else brings the event back: a schedule, or what one has sent.
    fn is_carried(&self, key: &LedgerKey, id: &MessageId) -> bool {
        let scheduled = self.scheduler.standing();
        let mut scheduled = scheduled.iter().filter_map(|s| parcel(&s.body));
        let sent = [self.queue.messages(), self.dead.messages()].concat();
        let sent = sent.iter().filter(|m| m.message_id != *id);
        let mut sent = sent.filter_map(|m| parcel(&m.sent.body));
        scheduled.any(|told| key_of(&told) == *key) || sent.any(|told| key_of(&told) == *key)
    }

    /// A schedule is asked for: where there is none of this name it will send its message, within a
    /// minute as a rule.
    pub(crate) async fn schedules(
        self: &Arc<Self>,
        appointment: &Appointment,
    ) -> Result<(), ScheduleError> {
        let standing = self.scheduler.standing();
        let is_there = standing.iter().any(|s| s.name == appointment.name);
        self.scheduler.schedule(appointment).await?;
        self.world
            .tell(|| format!("schedule {} for {:?}", appointment.name, appointment.at));
        if !is_there {
            let (watch, appointment) = (self.clone(), appointment.clone());
            self.log().coming += 1;
            tokio::spawn(async move {
                watch.fires(appointment).await;
                watch.log().coming -= 1;
            });
        }
        Ok(())
    }

    /// A schedule sends its message.
    async fn fires(&self, appointment: Appointment) {
        let chance = self.world.chance();
        let late = match self.world.strikes(Fault::LateSchedule, 150) {
            true => Duration::from_secs(20 * 60),
            false => Duration::from_secs(60),
        };
        let twice = self.world.strikes(Fault::RepeatedSchedule, 150);
        let wait = appointment.at.since(self.world.now()) + chance.time(late);
        tokio::time::sleep(wait).await;
        let Some(id) = self.scheduler.fire_one(&appointment.name) else {
            return;
        };
        self.world.tell(|| format!("sent {id} by schedule"));
        {
            let mut log = self.log();
            log.standing.insert(id);
            log.counts.scheduled += 1;
        }
        if twice {
            tokio::time::sleep(chance.time(Duration::from_secs(90))).await;
            let id = self.scheduler.send(&appointment);
            self.world
                .tell(|| format!("sent {id} by the same schedule"));
            self.log().standing.insert(id);
        }
    }

    /// A message is about to be deleted, by whoever holds this handle.
    pub(crate) fn deletes_one(&self, handle: &ReceiptHandle) {
        let id = FakeQueue::message_of(handle);
        let standing = self.queue.messages();
        let Some(message) = standing.iter().find(|m| Some(&m.message_id) == id.as_ref()) else {
            return;
        };
        let right = self.may_leave(&opened_standing(message), &message.message_id);
        self.must(right.is_ok(), || format!("deleted: {right:?}"));
    }

    /// A write was made; what stood there before.
    pub(crate) fn written(&self, by: usize, write: &Write, before: Option<&Record>) {
        let (Write::Insert(next) | Write::TakeOver { next, .. } | Write::Settle { next, .. }) =
            write;
        self.world.tell(|| {
            let kind = match write {
                Write::Insert(next) if next.status == Status::InProgress => "claims",
                Write::Insert(_) => "writes",
                Write::TakeOver { .. } => "takes over",
                Write::Settle { .. } => "settles",
            };
            let routes = next.routes.iter();
            let routes: Vec<_> = routes
                .map(|r| format!("{} {:?} {}", r.name, r.state, r.attempts))
                .collect();
            let (key, rev, status) = (next.key.as_str(), next.rev, next.status);
            format!(
                "process {by} {kind} {key}: rev {rev} {status:?} [{}]",
                routes.join(", ")
            )
        });
        let done = before.is_some_and(|before| {
            let lives = Timestamp::from_secs(before.expires_at) > self.world.now();
            before.status == Status::Completed && lives
        });
        self.must(!done || next.status == Status::Completed, || {
            format!("a completed row went back: {before:#?} {next:#?}")
        });
        match write {
            Write::Insert(next) => {
                self.must(before.is_none(), || {
                    format!("a claim was written over a row: {before:#?} {next:#?}")
                });
                match next.status {
                    Status::InProgress => self.claimed(by, next),
                    // What was tried without a claim.
                    Status::Pending | Status::Scheduled | Status::Completed | Status::Dead => {
                        self.notes_delivered(next);
                    }
                }
            }
            Write::TakeOver { next, .. } => {
                if let Some(before) = before {
                    self.taken_over(by, before, next);
                }
                self.claimed(by, next);
            }
            Write::Settle { next, .. } => {
                let fence = |row: &Record| (row.owner, row.status, row.rev + 1);
                let mine = before.is_some_and(|before| {
                    fence(before) == (next.owner, Status::InProgress, next.rev)
                        // Sent to the dead-letter queue, said once more.
                        || (before.status == Status::Dead && before.owner == next.owner)
                        // It cannot leave the queue in time.
                        || (before.status == Status::Scheduled && next.status == Status::Dead)
                });
                self.must(mine, || {
                    format!("written by one who has no claim: {before:#?} {next:#?}")
                });
                self.notes_delivered(next);
            }
        }
    }

    /// What a row says is delivered was written so by its owner.
    fn notes_delivered(&self, next: &Record) {
        let mut log = self.log();
        for route in &next.routes {
            if route.state == RouteState::Delivered {
                let name = route.name.as_str().to_owned();
                log.delivered.insert((next.owner, name));
            } else if route.state == RouteState::DeadLettered {
                log.delivered
                    .insert((next.owner, dead_letter_of(&route.name)));
            }
        }
    }

    /// What a request to a target that makes each effect once comes to when it is there: whether
    /// there is an effect, and what became of the row that came with it.
    pub(crate) fn takes_once(&self, place: usize, by: usize, asked: &Asked) -> RowEnd {
        let now = self.world.now();
        let taken = |log: &Log| log.taken.get(&asked.idempotency_key).copied();
        match (asked.how, &asked.row) {
            (ByTarget::Transaction, Some(row)) => {
                if self.ledger.row(&row.key).is_some() {
                    self.world
                        .tell(|| format!("try {place} is refused by a row"));
                    return RowEnd::Refused;
                }
                self.ledger.put(row.clone());
                self.written(by, &Write::Insert(row.clone()), None);
                self.takes(place);
                return RowEnd::Written;
            }
            (ByTarget::Transaction, None) => {
                // A marker lives as long as a row.
                let life = self.plan.config.time_to_live;
                let marked = taken(&self.log()).is_some_and(|at| now < at.after(life));
                if marked {
                    return RowEnd::Untouched;
                }
            }
            (ByTarget::Key, _) if taken(&self.log()).is_some() => return RowEnd::Untouched,
            (ByTarget::Key, _) => {}
        }
        self.log().taken.insert(asked.idempotency_key.clone(), now);
        self.takes(place);
        RowEnd::Untouched
    }

    fn claimed(&self, by: usize, next: &Record) {
        let mut log = self.log();
        let runs = log.sandboxes.get(&by).and_then(|seen| seen.runs.first());
        let troubles = runs.map_or(0, |(_, troubles)| *troubles);
        let claim = Claim {
            by,
            key: next.key.clone(),
            at: self.world.now(),
            overtaken: None,
            troubles,
        };
        log.claims.insert(next.owner, claim);
    }

    /// Somebody takes a row over: where a claim stood there, its lease is over, and not without a
    /// reason.
    fn taken_over(&self, by: usize, before: &Record, next: &Record) {
        if before.status != Status::InProgress {
            return;
        }
        let now = self.world.now();
        let mut log = self.log();
        *log.left.entry(next.key.clone()).or_default() += 1;
        let claim = log.claims.get_mut(&before.owner);
        let Some(claim) = claim else { return };
        claim.overtaken = Some(now);
        let claim = claim.clone();
        let seen = log.sandboxes.get(&claim.by);
        let reason = seen.is_none_or(|seen| {
            seen.sandbox.is_dead() || seen.abandoned || seen.sandbox.troubles() > claim.troubles
        });
        drop(log);
        let over = before.lease_until.after(LEASE_SKEW).before(self.plan.skew) <= now;
        self.must(over || self.plan.wild, || {
            format!("process {by} took over a lease that was not over: {before:#?}")
        });
        self.must(reason || self.plan.wild, || {
            format!("a claim was left without a reason: {before:#?}")
        });
    }

    /// Messages are sent to the dead-letter queue.
    pub(crate) fn buries(&self, messages: &[Outgoing]) {
        let bodies = messages.iter().map(|message| message.body.clone());
        self.log().buried.extend(bodies);
    }

    /// A process hears that a message is not its own any more.
    pub(crate) fn hears_of_a_lost_lease(&self, handle: &ReceiptHandle) {
        let now = self.world.now();
        let mut log = self.log();
        log.counts.lost_leases += 1;
        if let Some(receipt) = log.receipts.get_mut(&handle.0) {
            receipt.lost.get_or_insert(now);
        }
    }

    /// What a poller received took long to arrive: it may be somebody else's by then.
    pub(crate) fn arrives(&self, messages: &[Message]) {
        let now = self.world.now();
        let mut log = self.log();
        for message in messages {
            let receipt = log.receipts.get(&message.receipt_handle.0);
            if receipt.is_some_and(|receipt| now.since(receipt.at) > SLOW) {
                log.shown.insert(message.message_id.clone());
            }
        }
    }

    /// A poller received messages.
    pub(crate) fn receives(&self, by: usize, messages: &[Message]) {
        let mut log = self.log();
        let seen = log.sandboxes.get_mut(&by);
        let deadline = seen.map(|seen| {
            let ids = messages.iter().map(|m| m.message_id.clone());
            seen.received.extend(ids);
            seen.deadline
        });
        log.note_receipts(by, messages, deadline.unwrap_or_default(), self.world.now());
    }

    /// A visibility is changed: never after the delete of its message was asked for.
    pub(crate) fn changes(&self, handle: &ReceiptHandle, visible_in: Duration) {
        let log = self.log();
        let deleted = log.receipts.get(&handle.0).is_some_and(|r| r.deleted);
        drop(log);
        self.world
            .tell(|| format!("visibility of {}: {visible_in:?}", handle.0));
        self.must(!deleted, || {
            format!("a visibility was changed after the delete: {handle:?}")
        });
    }

    /// A poller asks for a delete.
    pub(crate) fn asks_to_delete(&self, handle: &ReceiptHandle) {
        if let Some(receipt) = self.log().receipts.get_mut(&handle.0) {
            receipt.deleted = true;
        }
    }

    /// Messages that left the queue are no concern any more.
    pub(crate) fn looks_at_what_stands(&self) {
        let left: BTreeSet<_> = self
            .queue
            .messages()
            .into_iter()
            .map(|m| m.message_id)
            .collect();
        let dead = self.dead.messages().into_iter().map(|m| m.message_id);
        let dead: BTreeSet<_> = dead.collect();
        let mut log = self.log();
        log.standing
            .retain(|id| left.contains(id) || dead.contains(id));
    }

    /// Trouble cost a receive of each of these.
    pub(crate) fn burns<'m>(&self, ids: impl IntoIterator<Item = &'m MessageId>) {
        let mut log = self.log();
        for id in ids {
            *log.burnt.entry(id.clone()).or_default() += 1;
        }
    }
}

impl Log {
    fn note_receipts(
        &mut self,
        by: usize,
        messages: &[Message],
        deadline: Timestamp,
        at: Timestamp,
    ) {
        self.counts.deliveries += messages.len() as u64;
        for message in messages {
            let receipt = Receipt {
                by,
                at,
                first: message.receive_count == 1
                    && !message.attributes.contains_key("waybill-key"),
                deadline,
                deleted: false,
                lost: None,
            };
            let handle = message.receipt_handle.0.clone();
            self.receipts.insert(handle, receipt);
        }
    }
}

impl Observer for Watch {
    fn handed(&self, sandbox: &Sandbox, messages: &[Message], deadline: Timestamp) {
        let mut log = self.log();
        let seen = log
            .sandboxes
            .entry(sandbox.number())
            .or_insert_with(|| Seen {
                sandbox: sandbox.clone(),
                received: Vec::new(),
                runs: Vec::new(),
                deadline,
                abandoned: false,
            });
        seen.runs.push((deadline, sandbox.troubles()));
        seen.deadline = seen.deadline.max(deadline);
        match messages.is_empty() {
            true => log.counts.polls += 1,
            false => log.counts.invocations += 1,
        }
        log.note_receipts(sandbox.number(), messages, deadline, self.world.now());
    }

    fn ended(&self, sandbox: &Sandbox, messages: &[Message], answer: &Answer) {
        let now = self.world.now();
        let by = sandbox.number();
        let frozen = sandbox.is_frozen();
        let mut log = self.log();
        let Some(seen) = log.sandboxes.get_mut(&by) else {
            return;
        };
        let (deadline, troubles) = seen.runs.remove(0);
        let said = matches!(answer, Answer::Said(_));
        seen.abandoned |= !said;
        let troubled = !said || sandbox.troubles() > troubles;
        let received = std::mem::take(&mut seen.received);
        // Of a process that stood still an invocation may go on that nobody waits for.
        let idle = said && seen.runs.is_empty() && !seen.abandoned;
        let runs_on = |(_, this): &&(LedgerKey, Try)| this.by == by && this.heard == Heard::Nothing;
        let runs_on = log.tries.iter().find(runs_on).filter(|_| idle).cloned();
        drop(log);
        self.must(runs_on.is_none(), || {
            format!("a try outlives its invocation: {runs_on:?}")
        });
        let late = !said && !troubled_enough(sandbox, frozen);
        self.must(!late, || {
            format!("{sandbox:?} did not answer by {deadline:?}, and nothing went wrong: {answer:?} at {now:?}")
        });
        if troubled {
            self.burns(messages.iter().map(|m| &m.message_id));
            self.burns(&received);
        }
    }

    fn throttled(&self, messages: &[Message]) {
        let mut log = self.log();
        log.counts.deliveries += messages.len() as u64;
        drop(log);
        self.burns(messages.iter().map(|m| &m.message_id));
    }

    fn deletes(&self, message: &Message) {
        let right = self.may_leave(&opened(message), &message.message_id);
        self.must(right.is_ok(), || format!("let go: {right:?}"));
    }
}

/// How long an answer may take that holds messages.
const SLOW: Duration = Duration::from_secs(1);

/// Whether something happened to a process that excuses its silence.
fn troubled_enough(sandbox: &Sandbox, frozen: bool) -> bool {
    frozen || sandbox.troubles() > 0
}

/// The ledger's key of a message: every message of a world carries it, or an event that has it.
pub(crate) fn key_of(message: &Message) -> LedgerKey {
    fixtures::key(&event_key(&message.attributes, &message.body))
}

/// The ledger's key of a message that stands in a queue.
pub(crate) fn key_of_standing(message: &Standing) -> LedgerKey {
    match parcel(&message.sent.body) {
        Some(told) => key_of(&told),
        None => fixtures::key(&event_key(&message.sent.attributes, &message.sent.body)),
    }
}

/// What an event is known by: what its message says, else its id, as `key: id` finds it.
pub(crate) fn event_key(attributes: &BTreeMap<String, MessageAttribute>, body: &str) -> String {
    match attributes.get("waybill-key") {
        Some(_) => attribute(attributes),
        None => {
            let id = member(body, "id").unwrap_or_default();
            format!("key:{id}")
        }
    }
}

/// An event with an id of its own, as the body of a message.
pub(crate) fn cloud_event(id: &str, data: &str) -> String {
    let event = json!({
        "specversion": "1.0", "id": id, "source": "world", "type": "order",
        "datacontenttype": "text/plain", "data": data,
    });
    event.to_string()
}

/// The data of an event: that which its body carries, or the body.
pub(crate) fn data_of(body: &str) -> String {
    let carried = member(body, "id").and_then(|_| member(body, "data"));
    carried.unwrap_or_else(|| body.to_owned())
}

/// A text of an event that is the body of a message.
fn member(body: &str, name: &str) -> Option<String> {
    let event: Value = serde_json::from_str(body).ok()?;
    event.get(name)?.as_str().map(str::to_owned)
}

/// A message as it was first sent.
pub(crate) fn opened(message: &Message) -> Message {
    parcel(&message.body).unwrap_or_else(|| message.clone())
}

/// The same of a message that stands in a queue.
pub(crate) fn opened_standing(message: &Standing) -> Message {
    let plain = fixtures::message(message.message_id.as_str(), &message.sent.body);
    opened(&Message {
        attributes: message.sent.attributes.clone(),
        ..plain
    })
}

/// The message that a parcel holds; nothing where a body is no parcel.
fn parcel(body: &str) -> Option<Message> {
    if !body.starts_with('{') {
        return None;
    }
    let consumer = Consumer::new(fixtures::CONSUMER)?;
    let carrier = fixtures::message("carrier", body);
    let parcel = Parcel::unpack(&carrier, &consumer).ok()??;
    Some(parcel.message)
}

/// What a message says its key is.
pub(crate) fn attribute(attributes: &BTreeMap<String, MessageAttribute>) -> String {
    match attributes.get("waybill-key").map(|a| &a.value) {
        Some(AttributeValue::Text(text)) => text.clone(),
        Some(AttributeValue::Bytes(_)) | None => String::new(),
    }
}

/// No data of a world is JSON.
pub(crate) fn digest(body: &str) -> Digest {
    Digest::of(&Data::Text(data_of(body).into()))
}
