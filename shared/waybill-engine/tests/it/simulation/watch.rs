//! What is seen on the way to the ledger and the queue, and what must hold at that moment.
//!
//! Every process has a number. Its ledger and, in poll mode, its queue are looked at underneath
//! their faults: what is noted here has happened, whatever the process heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use waybill_core::digest::Digest;
use waybill_core::event::Data;
use waybill_core::id::{LedgerKey, MessageId, OwnerId, ReceiptHandle};
use waybill_core::ledger::{DeadLetter, Record, RouteState, Row, Status};
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::routes::OnConflict;
use waybill_core::time::Timestamp;
use waybill_engine::handler::Delivery;
use waybill_engine::ports::{
    Ambient, Ledger, Outgoing, Queue, QueueError, QueueErrorKind, StoreError, VisibilityChange,
    Write, Written,
};
use waybill_testkit::{FakeLedger, FakeQueue, Standing, TestAmbient, fixtures};

/// What everything that happens is noted in.
pub(crate) struct Watch {
    pub(crate) ambient: Arc<TestAmbient>,
    pub(crate) ledger: FakeLedger,
    pub(crate) queue: FakeQueue,
    pub(crate) dead: FakeQueue,
    pub(crate) dead_letter: DeadLetter,
    pub(crate) on_conflict: OnConflict,
    /// Whether clocks differ by more than a lease allows for.
    pub(crate) skewed: bool,
    log: Mutex<Log>,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) broken: Option<String>,
    pub(crate) claims: Vec<Claimed>,
    /// Routes that a claim's owner wrote down as delivered.
    delivered: BTreeSet<(OwnerId, String)>,
    /// Ends of leases as they were written, and when.
    leases: BTreeMap<OwnerId, Vec<(Timestamp, Timestamp)>>,
    /// Claims of pollers that others took over, by row.
    pub(crate) crashed: BTreeMap<LedgerKey, u32>,
    /// What pollers received.
    pub(crate) receipts: BTreeMap<String, Receipt>,
    /// Messages that left the queue by a poller's delete.
    pub(crate) gone: BTreeSet<MessageId>,
    /// Pollers by number.
    pub(crate) polls: BTreeMap<usize, Terms>,
    pub(crate) in_order: usize,
}

/// One claim as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) owner: OwnerId,
    pub(crate) key: LedgerKey,
    pub(crate) by: usize,
    pub(crate) at: Timestamp,
    pub(crate) lease: Timestamp,
}

/// What holds for one poll.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Something befalls it that may cost it a lease.
    pub(crate) troubled: bool,
    /// What befalls it is only that messages are shown to others: it hears of it at once.
    pub(crate) hears: bool,
    pub(crate) visibility: Duration,
    pub(crate) deadline: Timestamp,
    pub(crate) concurrency: usize,
}

/// One receive of a message by a poller.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) by: usize,
    /// Changes of its visibility: when, and to when.
    pub(crate) changes: Vec<(Timestamp, Timestamp)>,
    /// Its delete was asked for.
    pub(crate) deleted: bool,
    /// The queue said that others may have it.
    pub(crate) lost: Option<Timestamp>,
}

impl Watch {
    pub(crate) fn new(
        ambient: Arc<TestAmbient>,
        queue: FakeQueue,
        dead: FakeQueue,
        (dead_letter, on_conflict): (DeadLetter, OnConflict),
        skewed: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            ambient,
            ledger: FakeLedger::new(),
            queue,
            dead,
            dead_letter,
            on_conflict,
            skewed,
            log: Mutex::default(),
        })
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// Notes the first promise that is broken.
    pub(crate) fn must(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            self.log().broken.get_or_insert(what);
        }
    }

    /// A try begins: on a lease that lives and, where there is an order, in its turn.
    pub(crate) fn begins(&self, delivery: &Delivery<'_>) {
        let message = delivery.message;
        let now = self.ambient.now();
        let row = self.ledger.record(&key_of(message));
        let live = |row: &Record| row.status == Status::InProgress && row.lease_until > now;
        let held = row.as_ref().is_some_and(live);
        self.must(held || self.skewed, || {
            format!("begun at {now:?} on a lease that is over: {message:?} {row:#?}")
        });
        self.begins_in_its_turn(message);
        let standing = self.queue.messages();
        let newest = |m: &Standing| {
            m.newest.as_ref() == Some(&message.receipt_handle) && m.is_in_flight(now)
        };
        let receipt = self.log().receipts.get(&message.receipt_handle.0).cloned();
        let Some(receipt) = receipt else { return };
        let Terms {
            troubled, hears, ..
        } = self.log().polls[&receipt.by];
        let lost = receipt.lost.is_some_and(|at| at < now);
        self.must(!lost || !hears, || {
            format!("begun at {now:?} after its lease was lost: {message:?} {receipt:?}")
        });
        self.must(troubled || standing.iter().any(newest), || {
            format!("begun at {now:?} on a message that others may have: {message:?}")
        });
    }

    /// All that was sent to its group before it is over.
    fn begins_in_its_turn(&self, message: &Message) {
        if !message.is_fifo() {
            return;
        }
        let standing = self.queue.messages();
        let before = standing
            .iter()
            .take_while(|m| m.message_id != message.message_id)
            .filter(|m| m.group() == message.group_id.as_deref());
        for earlier in before {
            let key = fixtures::key(&attribute(earlier.sent.attributes.get("waybill-key")));
            let right = self.may_leave(&earlier.sent.body, &key);
            self.must(right.is_ok(), || {
                format!("{message:?} was begun before the one before it was over: {right:?}")
            });
        }
        self.log().in_order += 1;
    }

    /// A message may leave the queue only when the ledger says that all is done, or when it is
    /// where the dead go.
    pub(crate) fn may_leave(&self, body: &str, key: &LedgerKey) -> Result<(), String> {
        if body.starts_with("ignored:") {
            return Ok(());
        }
        let buried = || {
            let dead = self.dead.messages();
            dead.iter().any(|m| m.sent.body == body)
        };
        let sends = self.dead_letter == DeadLetter::Send;
        let row = self.ledger.record(key);
        let right = match &row {
            None => false,
            Some(row) if row.digest != digest(body) => {
                self.on_conflict == OnConflict::Ack || (sends && buried())
            }
            Some(row) => match row.status {
                Status::Completed => true,
                // Dead and sent; or a copy that was sent later has brought the event back since.
                Status::Dead | Status::InProgress | Status::Pending => {
                    let sent = row.death.as_ref().is_some_and(|death| death.dlq_sent);
                    sends && buried() && (sent || row.redrive_n > 0)
                }
            },
        };
        match right {
            true => Ok(()),
            false => Err(format!("{body} may not leave, its row is {row:#?}")),
        }
    }

    /// The claim that a try of this process was begun on.
    pub(crate) fn claim(&self, by: usize, key: &LedgerKey, begun: Timestamp) -> Option<OwnerId> {
        let log = self.log();
        let mut claims = log.claims.iter().rev();
        let claim = claims.find(|c| c.by == by && c.key == *key && c.at <= begun);
        claim.map(|claim| claim.owner)
    }

    /// Whether the ledger says that an owner delivered at a route.
    pub(crate) fn shows(&self, owner: Option<OwnerId>, route: &str) -> bool {
        let delivered = |owner| self.log().delivered.contains(&(owner, route.to_owned()));
        owner.is_some_and(delivered)
    }

    /// Whether an owner's lease, as it was written by then, had not ended.
    pub(crate) fn had_its_lease(&self, owner: Option<OwnerId>, at: Timestamp) -> bool {
        let log = self.log();
        let leases = owner
            .and_then(|owner| log.leases.get(&owner))
            .into_iter()
            .flatten();
        let mut written = leases.filter(|(written, _)| *written <= at);
        written.any(|(_, until)| *until >= at)
    }

    /// Notes a write that was made, and what stood there before.
    fn written(&self, by: usize, write: &Write, before: Option<&Record>) {
        let at = self.ambient.now();
        let (Write::Insert(next) | Write::TakeOver { next, .. } | Write::Settle { next, .. }) =
            write;
        let mut log = self.log();
        let leases = log.leases.entry(next.owner).or_default();
        leases.push((at, next.lease_until));
        drop(log);
        let next = match write {
            Write::Insert(next) | Write::TakeOver { next, .. } => next,
            Write::Settle { next, .. } => {
                let delivered = next
                    .routes
                    .iter()
                    .filter(|r| r.state == RouteState::Delivered);
                let of_owner = delivered.map(|r| (next.owner, r.name.as_str().to_owned()));
                self.log().delivered.extend(of_owner);
                return;
            }
        };
        let mut log = self.log();
        log.claims.push(Claimed {
            owner: next.owner,
            key: next.key.clone(),
            by,
            at,
            lease: next.lease_until,
        });
        let Some(before) = before.filter(|before| next.crashes > before.crashes) else {
            return;
        };
        let claim = log.claims.iter().rev().find(|c| c.owner == before.owner);
        let poll = claim.and_then(|claim| log.polls.get(&claim.by)).copied();
        let Some(poll) = poll else { return };
        *log.crashed.entry(next.key.clone()).or_default() += 1;
        drop(log);
        self.must(poll.troubled, || {
            format!("the lease of a poll without trouble ended: {before:#?}, {poll:?}")
        });
    }
}

/// A ledger that is looked at.
#[derive(Clone)]
pub(crate) struct WatchedLedger {
    pub(crate) watch: Arc<Watch>,
    pub(crate) by: usize,
}

impl Ledger for WatchedLedger {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        let key = |write: &Write| match write {
            Write::Insert(next) | Write::TakeOver { next, .. } | Write::Settle { next, .. } => {
                next.key.clone()
            }
        };
        let before = writes.iter().map(|w| self.watch.ledger.record(&key(w)));
        let before: Vec<_> = before.collect();
        let answers = self.watch.ledger.write(writes).await;
        for ((write, before), answer) in writes.iter().zip(before).zip(&answers) {
            if matches!(answer, Ok(Written::Done(_))) {
                self.watch.written(self.by, write, before.as_ref());
            }
        }
        answers
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        self.watch.ledger.read(keys).await
    }
}

/// A poller's queue that is looked at.
#[derive(Clone)]
pub(crate) struct WatchedQueue {
    pub(crate) watch: Arc<Watch>,
    pub(crate) by: usize,
    /// The queue itself, or the one of the dead.
    pub(crate) queue: FakeQueue,
}

impl WatchedQueue {
    fn terms(&self) -> Terms {
        self.watch.log().polls[&self.by]
    }

    /// Messages that this poll holds and of which nothing is decided, as far as the ledger tells.
    fn undecided(&self) -> usize {
        let standing = self.watch.queue.messages();
        let now = self.watch.ambient.now();
        let log = self.watch.log();
        let undecided = |m: &&Standing| {
            let newest = m
                .newest
                .as_ref()
                .and_then(|handle| log.receipts.get(&handle.0));
            let mine = newest.is_some_and(|r| r.by == self.by && r.changes.is_empty());
            let key = fixtures::key(&attribute(m.sent.attributes.get("waybill-key")));
            // Nothing is written of what asks for nothing, nor of what waits behind another.
            let wanted = !m.sent.body.starts_with("ignored:") && m.group().is_none();
            mine && wanted && m.is_in_flight(now) && self.watch.ledger.row(&key).is_none()
        };
        standing.iter().filter(undecided).count()
    }
}

impl Queue for WatchedQueue {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let terms = self.terms();
        let now = self.watch.ambient.now();
        let last = now.after(wait).after(visibility);
        let until = terms.deadline.after(OVER_DEADLINE);
        self.watch.must(visibility <= terms.visibility, || {
            format!("received for {visibility:?}: {terms:?}")
        });
        self.watch.must(last <= until || terms.troubled, || {
            format!("received at {now:?} for {wait:?} and {visibility:?}: {terms:?}")
        });
        let held = self.undecided() + max;
        self.watch
            .must(terms.troubled || held <= terms.concurrency, || {
                format!("receives {max}, and will hold {held}: {terms:?}")
            });
        let received = self.queue.receive(max, wait, visibility).await?;
        let mut log = self.watch.log();
        for message in &received {
            let receipt = Receipt {
                by: self.by,
                changes: Vec::new(),
                deleted: false,
                lost: None,
            };
            log.receipts
                .insert(message.receipt_handle.0.clone(), receipt);
        }
        drop(log);
        Ok(received)
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        let now = self.watch.ambient.now();
        let terms = self.terms();
        for change in changes {
            let mut log = self.watch.log();
            let receipt = log.receipts.get_mut(&change.receipt_handle.0);
            let receipt = receipt.expect("of a message that was received");
            let before = receipt.changes.last().copied();
            receipt.changes.push((now, now.after(change.visible_in)));
            let receipt = receipt.clone();
            drop(log);
            self.watch.must(!receipt.deleted, || {
                format!("its visibility was changed after its delete: {receipt:?}")
            });
            // Whatever is changed once more was a renewal.
            let Some((at, to)) = before else { continue };
            let until = terms.deadline.after(OVER_DEADLINE);
            let right = to.since(at) <= terms.visibility && to <= until;
            self.watch.must(right || terms.troubled, || {
                format!("held at {at:?} to {to:?}: {terms:?} {receipt:?}")
            });
        }
        let answers = self.queue.change_visibility(changes).await;
        let mut log = self.watch.log();
        for (change, answer) in changes.iter().zip(&answers) {
            let lost = matches!(answer, Err(error) if error.kind == QueueErrorKind::LeaseLost);
            let receipt = log.receipts.get_mut(&change.receipt_handle.0);
            if let Some(receipt) = receipt.filter(|_| lost) {
                receipt.lost.get_or_insert(now);
            }
        }
        drop(log);
        answers
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        let standing = self.watch.queue.messages();
        for handle in handles {
            let id = FakeQueue::message_of(handle);
            if let Some(message) = standing.iter().find(|m| Some(&m.message_id) == id.as_ref()) {
                let key = fixtures::key(&attribute(message.sent.attributes.get("waybill-key")));
                let right = self.watch.may_leave(&message.sent.body, &key);
                self.watch
                    .must(right.is_ok(), || format!("deleted: {right:?}"));
            }
            let mut log = self.watch.log();
            let receipt = log.receipts.get_mut(&handle.0);
            receipt.expect("of a message that was received").deleted = true;
        }
        let answers = self.queue.delete(handles).await;
        let left = self.watch.queue.messages();
        let stands = |id: &MessageId| left.iter().any(|m| m.message_id == *id);
        let gone = handles.iter().filter_map(FakeQueue::message_of);
        self.watch.log().gone.extend(gone.filter(|id| !stands(id)));
        answers
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        self.queue.send(messages).await
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        self.queue.has_redrive_policy().await
    }
}

/// The ledger's key of a message: every message of a world carries it.
pub(crate) fn key_of(message: &Message) -> LedgerKey {
    fixtures::key(&attribute(message.attributes.get("waybill-key")))
}

pub(crate) fn attribute(attribute: Option<&MessageAttribute>) -> String {
    match attribute.map(|a| &a.value) {
        Some(AttributeValue::Text(text)) => text.clone(),
        other => panic!("every message carries its key: {other:?}"),
    }
}

/// No data of a world is JSON.
pub(crate) fn digest(body: &str) -> Digest {
    Digest::of(&Data::Text(body.to_owned()))
}

/// How long after a poll's deadline it may hold a message: two seconds, and what a whole second
/// rounds up.
const OVER_DEADLINE: Duration = Duration::from_secs(3);
