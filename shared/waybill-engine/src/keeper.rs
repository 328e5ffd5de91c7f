//! The visibility keeper: holds received messages while they are worked on, and tells their work
//! when they are held longer, or no longer.
//!
//! Visibility goes first and the ledger's lease follows it (`work`), so that a lease never outlives
//! what holds its message. Due times are absolute (F06); renewals go in requests of ten.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use waybill_core::id::ReceiptHandle;
use waybill_core::lease::{Holding, Keep, Terms};
use waybill_core::limit::{LEASE_MARGIN, SQS_BATCH_MAX};
use waybill_core::message::Message;
use waybill_core::time::Timestamp;

use crate::ports::{Ambient, Queue, QueueError, QueueErrorKind, VisibilityChange};
use crate::telemetry::{self, Happened};

/// How long a message is ours, as its work sees it.
#[derive(Debug, Clone)]
pub(crate) enum Hold {
    /// For the whole invocation: Lambda holds it, and nothing is renewed.
    Fixed(Timestamp),
    /// As long as the keeper says.
    Kept(watch::Receiver<Held>),
}

/// What the keeper says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is invisible to others until then.
    Until(Timestamp),
    /// Others may have it (F02, F04).
    Lost,
}

impl Hold {
    /// The end of a lease that is asked for now.
    pub(crate) fn until(&self) -> Timestamp {
        match self {
            Self::Fixed(until) => *until,
            Self::Kept(held) => match *held.borrow() {
                Held::Until(until) => until,
                Held::Lost => Timestamp::default(),
            },
        }
    }

    /// Whether an effect may begin: not on a lease that is lost or about to end.
    pub(crate) fn may_begin(&self, now: Timestamp) -> bool {
        now.after(LEASE_MARGIN) < self.until()
    }

    /// When what runs on a lease must be cut off, unless the lease is renewed; `None` where the
    /// invocation's own end comes before.
    pub(crate) fn cut_at(&self, lease_until: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Fixed(_) => None,
            Self::Kept(_) => Some(lease_until.before(LEASE_MARGIN)),
        }
    }

    /// Waits until the message is held for longer than a lease says.
    pub(crate) async fn renewed(&mut self, lease_until: Timestamp) {
        if let Self::Kept(held) = self {
            loop {
                let said = *held.borrow_and_update();
                if matches!(said, Held::Until(until) if until > lease_until) {
                    return;
                }
                if held.changed().await.is_err() {
                    break;
                }
            }
        }
        std::future::pending().await
    }
}

/// Holds what one poll received.
pub(crate) struct Keeper<'q, Q, A> {
    queue: &'q Q,
    ambient: &'q A,
    terms: Terms,
    kept: Mutex<Kept>,
    /// Something is held that was not before.
    changed: Notify,
    /// Renewals were answered.
    landed: Notify,
}

/// What is held, by place.
#[derive(Default)]
struct Kept {
    entries: BTreeMap<usize, Entry>,
    extended: u64,
    lost: u64,
}

/// One message that is held.
struct Entry {
    receipt_handle: ReceiptHandle,
    holding: Holding,
    told: watch::Sender<Held>,
    /// Not before then, after a renewal that failed for now.
    again: Option<Timestamp>,
    /// Its renewal is on its way.
    flying: bool,
    /// The message has ended: its renewal is only awaited.
    over: bool,
}

/// A renewal to be asked for.
struct Renewal {
    place: usize,
    receipt_handle: ReceiptHandle,
    to: Timestamp,
}

impl<'q, Q: Queue, A: Ambient> Keeper<'q, Q, A> {
    /// A keeper that holds nothing yet.
    pub(crate) fn new(queue: &'q Q, ambient: &'q A, terms: Terms) -> Self {
        Self {
            queue,
            ambient,
            terms,
            kept: Mutex::default(),
            changed: Notify::new(),
            landed: Notify::new(),
        }
    }

    /// The terms on which messages are held.
    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    /// Holds a message from now on.
    pub(crate) fn hold(&self, place: usize, message: &Message, holding: Holding) -> Hold {
        let (told, held) = watch::channel(Held::Until(holding.visible_at));
        let entry = Entry {
            receipt_handle: message.receipt_handle.clone(),
            holding,
            told,
            again: None,
            flying: false,
            over: false,
        };
        self.kept().entries.insert(place, entry);
        self.changed.notify_one();
        Hold::Kept(held)
    }

    /// Asks for no more renewals of messages, and waits for those on their way: a renewal that
    /// lands after a delete or a hand-back would undo it (F03).
    pub(crate) async fn let_go(&self, places: &[usize]) {
        loop {
            let mut landed = pin!(self.landed.notified());
            landed.as_mut().enable();
            if self.forget(places) {
                return;
            }
            landed.await;
        }
    }

    /// Forgets messages; whether no renewal of theirs is on its way.
    pub(crate) fn forget(&self, places: &[usize]) -> bool {
        let mut kept = self.kept();
        let mut landed = true;
        for place in places {
            match kept.entries.get_mut(place) {
                Some(entry) if entry.flying => {
                    entry.over = true;
                    landed = false;
                }
                Some(_) => {
                    kept.entries.remove(place);
                }
                None => {}
            }
        }
        landed
    }

    /// Whether a message is held: not once it was lost, or let go.
    pub(crate) fn holds(&self, place: usize) -> bool {
        self.kept().entries.contains_key(&place)
    }

    /// How many renewals were made, and how many leases lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let kept = self.kept();
        (kept.extended, kept.lost)
    }

    /// Renews what is due, for ever.
    pub(crate) async fn keep(&self) {
        let mut flying = FuturesUnordered::new();
        loop {
            let (mut due, next) = self.due();
            while !due.is_empty() {
                let rest = due.split_off(due.len().min(SQS_BATCH_MAX));
                flying.push(self.renew(due));
                due = rest;
            }
            let wait = next.map(|next| next.since(self.ambient.now()));
            tokio::select! {
                biased;
                Some(()) = flying.next() => {}
                () = self.changed.notified() => {}
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    /// What is due, marked as on its way, and when the next is. Where one is due, others that soon
    /// will be share its request.
    fn due(&self) -> (Vec<Renewal>, Option<Timestamp>) {
        let now = self.ambient.now();
        let mut kept = self.kept();
        let due_at = |entry: &Entry| self.due_at(entry, now);
        let any = kept.entries.values().filter_map(due_at).any(|at| at <= now);
        let soon = now.after(self.terms.period / 8);
        let (mut due, mut next) = (Vec::new(), None);
        for (place, entry) in &mut kept.entries {
            let Some(at) = due_at(entry) else { continue };
            match self.terms.extended(entry.holding, now) {
                Some(to) if any && at <= soon => {
                    entry.flying = true;
                    due.push(Renewal {
                        place: *place,
                        receipt_handle: entry.receipt_handle.clone(),
                        to,
                    });
                }
                Some(_) | None => next = Some(next.map_or(at, |next| at.min(next))),
            }
        }
        (due, next)
    }

    /// When a message must be asked for again; `None` where nothing more is asked for.
    fn due_at(&self, entry: &Entry, now: Timestamp) -> Option<Timestamp> {
        if entry.flying {
            return None;
        }
        let due = match self.terms.next(entry.holding, now) {
            Keep::Wait(then) => then,
            Keep::Extend { .. } => now,
            Keep::Last => return None,
        };
        Some(due.max(entry.again.unwrap_or(due)))
    }

    /// Makes one request, and tells what came of it.
    async fn renew(&self, renewals: Vec<Renewal>) {
        let began = self.ambient.now();
        let changes: Vec<_> = renewals
            .iter()
            .map(|renewal| VisibilityChange {
                receipt_handle: renewal.receipt_handle.clone(),
                visible_in: renewal.to.since(began),
            })
            .collect();
        let answers = self.queue.change_visibility(&changes).await;
        telemetry::queue_asked(&answers);
        let mut answers = answers.into_iter();
        let now = self.ambient.now();
        let mut failed = Vec::new();
        let mut renewed = 0;
        let mut kept = self.kept();
        let Kept {
            entries,
            extended,
            lost,
        } = &mut *kept;
        for renewal in renewals {
            let answer = answers.next();
            let Some(entry) = entries.get_mut(&renewal.place) else {
                continue;
            };
            entry.flying = false;
            // After a message ended nobody asks what came of its renewal (F03).
            if entry.over {
                entries.remove(&renewal.place);
                continue;
            }
            let error = match answer {
                Some(Ok(())) => {
                    entry.holding.visible_at = renewal.to;
                    entry.again = None;
                    let _ = entry.told.send(Held::Until(renewal.to));
                    *extended += 1;
                    renewed += 1;
                    continue;
                }
                Some(Err(error)) => error,
                None => QueueError::unanswered(),
            };
            if error.kind == QueueErrorKind::Transient && now < entry.holding.visible_at {
                entry.again = Some(self.terms.again(now));
                continue;
            }
            let _ = entry.told.send(Held::Lost);
            entries.remove(&renewal.place);
            *lost += 1;
            failed.push(error);
        }
        drop(kept);
        telemetry::tell(Happened::LeasesExtended(renewed));
        telemetry::leases_lost(&failed);
        self.landed.notify_waiters();
        self.changed.notify_one();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests;
