//! Looking at dead letters: what is received is held, read, joined with its row, and shown again.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::sleep;

use waybill_core::dossier::Dossier;
use waybill_core::id::{LedgerKey, MessageId, ReceiptHandle};
use waybill_core::ledger::Row;
use waybill_core::limit::{BATCH_GET_MAX, SQS_BATCH_MAX};
use waybill_core::message::Message;
use waybill_core::reading;
use waybill_core::selection::Selection;

use super::{HELD_MAX, HOLD, NO_NEWS, QUIET, Redriver, STAY, TRIES, WAIT, backoff};
use crate::ports::{
    Ambient, Ledger, Queue, QueueError, QueueErrorKind, StoreError, StoreErrorKind,
    VisibilityChange,
};

/// What came of one [`Redriver::look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// Dead letters received, each once.
    pub seen: u64,
    /// Of them, those that were selected.
    pub selected: u64,
    /// Whether nothing more was to be had: what was seen is all that nobody else holds.
    pub to_the_end: bool,
}

/// How much one [`Redriver::look`] may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// At most so many dead letters.
    pub seen: u64,
    /// At most so many that are selected.
    pub selected: u64,
}

impl<Q: Queue, L: Ledger, R: Sync, A: Ambient> Redriver<Q, L, R, A> {
    /// Shows `each` dead letter that is selected, and holds all that it receives until it has
    /// ended; then others may have them again. Each receive counts, as SQS counts receives: a
    /// dead-letter queue should have no redrive policy of its own.
    ///
    /// Of a FIFO queue the first ten of a group are seen, for SQS hands out no more while these are
    /// in flight.
    ///
    /// # Errors
    ///
    /// Where the queue or the ledger refuses, or does not answer; what was in the way.
    pub async fn look(
        &self,
        selection: &Selection,
        bounds: Bounds,
        stop: &(dyn Fn() -> bool + Sync),
        each: &mut (dyn FnMut(Dossier) + Send),
    ) -> Result<Looked, String> {
        let mut held = Held::default();
        let looked = self.look_on(selection, bounds, stop, each, &mut held).await;
        self.release(held.handles()).await;
        looked
    }

    /// The same without the end.
    async fn look_on(
        &self,
        selection: &Selection,
        bounds: Bounds,
        stop: &(dyn Fn() -> bool + Sync),
        each: &mut (dyn FnMut(Dossier) + Send),
        held: &mut Held,
    ) -> Result<Looked, String> {
        let mut looked = Looked::default();
        let mut quiet = Quiet::default();
        while looked.seen < bounds.seen && looked.selected < bounds.selected && !stop() {
            let left = usize::try_from(bounds.seen - looked.seen).unwrap_or(usize::MAX);
            let received = self.receive(left.min(SQS_BATCH_MAX)).await;
            let mut received = received.map_err(|error| error.message)?;
            let count = received.len();
            let known = received.extract_if(.., |message| !held.take(message));
            self.hide(known.map(|message| message.receipt_handle).collect())
                .await;
            if quiet.after(count, received.len()) {
                looked.to_the_end = true;
                break;
            }
            for dossier in self.dossiers(received).await {
                let (_, dossier) = dossier.map_err(|(_, error)| error.message)?;
                looked.seen += 1;
                if looked.selected < bounds.selected
                    && selection.takes(&dossier, self.ambient.now())
                {
                    looked.selected += 1;
                    each(dossier);
                }
            }
        }
        Ok(looked)
    }

    /// Receives dead letters and holds them. What fails for now is tried a few times.
    pub(super) async fn receive(&self, max: usize) -> Result<Vec<Message>, QueueError> {
        let mut tries = 0;
        loop {
            let refused = match self.dead.receive(max, WAIT, HOLD).await {
                Ok(received) => return Ok(received),
                Err(refused) => refused,
            };
            tries += 1;
            if refused.kind != QueueErrorKind::Transient || tries == TRIES {
                return Err(refused);
            }
            sleep(backoff(tries)).await;
        }
    }

    /// Joins messages with the rows of their events; by position.
    pub(super) async fn dossiers(
        &self,
        messages: Vec<Message>,
    ) -> Vec<Result<(LedgerKey, Dossier), (MessageId, StoreError)>> {
        let consumer = &self.config.consumer;
        let read: Vec<_> = messages
            .into_iter()
            .map(|message| {
                let reading = reading::read(&message, consumer, self.config.key.as_ref());
                (LedgerKey::new(consumer, &reading.key), message, reading)
            })
            .collect();
        let mut keys: Vec<_> = read.iter().map(|(key, ..)| key.clone()).collect();
        keys.sort();
        keys.dedup();
        let rows = self.rows(keys).await;
        let dossier = |(key, message, reading): (LedgerKey, Message, _)| match rows.get(&key) {
            Some(Ok(row)) => {
                let (message, row) = (Arc::new(message), row.clone());
                let dossier = Dossier::new(message, reading, row, self.config.retention);
                Ok((key, dossier))
            }
            Some(Err(error)) => Err((message.message_id, error.clone())),
            None => Err((message.message_id, StoreError::unanswered())),
        };
        read.into_iter().map(dossier).collect()
    }

    /// Reads rows of distinct keys. What fails for now is tried a few times.
    pub(super) async fn rows(
        &self,
        keys: Vec<LedgerKey>,
    ) -> HashMap<LedgerKey, Result<Option<Row>, StoreError>> {
        let mut found = HashMap::new();
        let mut wanted = keys;
        for tries in 1..=TRIES {
            for chunk in wanted.chunks(BATCH_GET_MAX) {
                let mut answers = self.ledger.read(chunk).await.into_iter();
                for key in chunk {
                    let answer = answers.next().unwrap_or(Err(StoreError::unanswered()));
                    found.insert(key.clone(), answer);
                }
            }
            let again = |key: &LedgerKey| match found.get(key) {
                Some(Err(error)) => error.kind == StoreErrorKind::Transient,
                Some(Ok(_)) | None => false,
            };
            wanted.retain(again);
            if wanted.is_empty() || tries == TRIES {
                break;
            }
            sleep(backoff(tries)).await;
        }
        found
    }

    /// Shows messages to others again. What fails comes back by itself when [`STAY`] is over.
    pub(super) async fn release(&self, handles: Vec<ReceiptHandle>) {
        self.change(handles, Duration::ZERO).await;
    }

    /// Hides messages that stay, so that they do not come again while others were not seen yet. What
    /// fails comes again, and is known.
    pub(super) async fn hide(&self, handles: Vec<ReceiptHandle>) {
        self.change(handles, STAY).await;
    }

    /// Sets when messages are visible again.
    async fn change(&self, handles: Vec<ReceiptHandle>, visible_in: Duration) {
        let change = |receipt_handle| VisibilityChange {
            receipt_handle,
            visible_in,
        };
        let changes: Vec<_> = handles.into_iter().map(change).collect();
        let requests: Vec<_> = changes.chunks(SQS_BATCH_MAX).map(<[_]>::to_vec).collect();
        stream::iter(requests)
            .for_each_concurrent(RELEASES, |changes| async move {
                self.dead.change_visibility(&changes).await;
            })
            .await;
    }
}

/// How many receives in a row brought nothing, and nothing new.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    empty: u32,
    no_news: u32,
}

impl Quiet {
    /// Whether there is nothing more, after a receive of so many of which so many are new.
    pub(super) fn after(&mut self, received: usize, new: usize) -> bool {
        let counted = |row: u32, goes_on: bool| if goes_on { row + 1 } else { 0 };
        self.empty = counted(self.empty, received == 0);
        self.no_news = counted(self.no_news, new == 0);
        self.empty >= QUIET || self.no_news >= NO_NEWS
    }
}

/// Dead letters that stay: each is looked at once, and shown again at the end.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// All that were looked at, by a number that stands for the message's id.
    seen: HashSet<u64>,
    /// The newest handles of those that are held.
    handles: HashMap<u64, ReceiptHandle>,
}

impl Held {
    /// Takes up a received message that stays for now; whether it is new.
    pub(super) fn take(&mut self, message: &Message) -> bool {
        let number = number(&message.message_id);
        let room = self.handles.len() < HELD_MAX || self.handles.contains_key(&number);
        if room {
            self.handles.insert(number, message.receipt_handle.clone());
        }
        self.seen.insert(number)
    }

    /// It has left the queue, or was shown again to be looked at once more.
    pub(super) fn let_go(&mut self, id: &MessageId) {
        let number = number(id);
        self.handles.remove(&number);
        self.seen.remove(&number);
    }

    /// What is to be shown again.
    pub(super) fn handles(self) -> Vec<ReceiptHandle> {
        self.handles.into_values().collect()
    }
}

/// A number that stands for a message's id.
fn number(id: &MessageId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// How many requests show messages again, or hide them, at once.
const RELEASES: usize = 8;
