//! The acknowledger: deletes what is over, and shows again what stays, in requests of ten.
//!
//! Everything that comes here stands in the ledger already. What could not be deleted comes again
//! and is found done (F09); what could not be shown comes back when its visibility ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use waybill_core::lease::longest;
use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::message::Message;
use waybill_core::time::Timestamp;

use crate::engine::Source;
use crate::hand_back::dead_wait;
use crate::keeper::Keeper;
use crate::ports::{Ambient, Queue, QueueError, QueueErrorKind, VisibilityChange};
use crate::telemetry::{self, Happened};

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Where the keeper has it.
    pub(crate) place: usize,
    /// The message.
    pub(crate) message: Arc<Message>,
    /// When it was received.
    pub(crate) received: Timestamp,
}

/// A message that stays, and when it is shown again.
#[derive(Debug)]
pub(crate) struct Staying {
    /// The message.
    pub(crate) leaving: Leaving,
    /// When; `None` shows it at once, so that the redrive policy takes it.
    pub(crate) at: Option<Timestamp>,
}

/// Where ended messages are handed in.
pub(crate) struct Tray {
    deletes: mpsc::UnboundedSender<Leaving>,
    shows: mpsc::UnboundedSender<Staying>,
    on_their_way: Arc<AtomicUsize>,
}

/// Where they come out for [`Acker::run`].
pub(crate) struct Handed {
    deletes: mpsc::UnboundedReceiver<Leaving>,
    shows: mpsc::UnboundedReceiver<Staying>,
}

impl Tray {
    /// A tray, where it comes out, and how many messages it was handed that are not yet gone.
    pub(crate) fn new() -> (Self, Handed, Arc<AtomicUsize>) {
        let (deletes, to_delete) = mpsc::unbounded_channel();
        let (shows, to_show) = mpsc::unbounded_channel();
        let on_their_way = Arc::new(AtomicUsize::new(0));
        let tray = Self {
            deletes,
            shows,
            on_their_way: Arc::clone(&on_their_way),
        };
        let handed = Handed {
            deletes: to_delete,
            shows: to_show,
        };
        (tray, handed, on_their_way)
    }

    /// Hands in a message that leaves the queue.
    pub(crate) fn delete(&self, leaving: Leaving) {
        self.on_their_way.fetch_add(1, Ordering::Relaxed);
        drop(self.deletes.send(leaving));
    }

    /// Hands in a message that stays.
    pub(crate) fn show(&self, staying: Staying) {
        self.on_their_way.fetch_add(1, Ordering::Relaxed);
        drop(self.shows.send(staying));
    }
}

/// Sends messages on their way.
pub(crate) struct Acker<'a, Q, A> {
    source: &'a Source<Q>,
    keeper: &'a Keeper<'a, Q, A>,
    ambient: &'a A,
    /// No retry begins after it.
    until: Timestamp,
    deleted: AtomicU64,
    on_their_way: Arc<AtomicUsize>,
}

impl<'a, Q: Queue, A: Ambient> Acker<'a, Q, A> {
    /// An acknowledger for one poll.
    pub(crate) fn new(
        source: &'a Source<Q>,
        keeper: &'a Keeper<'a, Q, A>,
        ambient: &'a A,
        until: Timestamp,
        on_their_way: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            source,
            keeper,
            ambient,
            until,
            deleted: AtomicU64::new(0),
            on_their_way,
        }
    }

    /// How many messages were deleted.
    pub(crate) fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::Relaxed)
    }

    /// Takes what is handed in until the tray is gone and all of it is done.
    pub(crate) async fn run(&self, handed: Handed, linger: Duration) {
        let deleting = in_tens(handed.deletes, linger, |batch: Vec<Leaving>| async {
            let count = batch.len();
            self.delete(batch).await;
            self.on_their_way.fetch_sub(count, Ordering::Relaxed);
        });
        let showing = in_tens(handed.shows, linger, |batch: Vec<Staying>| async {
            let count = batch.len();
            self.show(batch).await;
            self.on_their_way.fetch_sub(count, Ordering::Relaxed);
        });
        join(deleting, showing).await;
    }

    /// Deletes messages; what fails for now is tried again, no later than `until` (F31).
    async fn delete(&self, mut batch: Vec<Leaving>) {
        self.let_go(batch.iter()).await;
        let mut tries = 0;
        while !batch.is_empty() {
            let handles: Vec<_> = batch
                .iter()
                .map(|leaving| leaving.message.receipt_handle.clone())
                .collect();
            let answers = self.source.queue.delete(&handles).await;
            telemetry::queue_asked(&answers);
            let mut answers = answers.into_iter();
            let mut failed = Vec::new();
            let mut again = Vec::new();
            for leaving in batch {
                match answers.next() {
                    Some(Ok(())) => {
                        self.deleted.fetch_add(1, Ordering::Relaxed);
                    }
                    // Somebody else received it meanwhile, and will find it done.
                    Some(Err(error)) if error.kind == QueueErrorKind::LeaseLost => {
                        telemetry::tell(Happened::DeleteFoundNothing(&leaving.message));
                    }
                    Some(Err(error)) if error.kind == QueueErrorKind::Permanent => {
                        failed.push(error);
                    }
                    Some(Err(error)) => again.push((leaving, error)),
                    None => again.push((leaving, QueueError::unanswered())),
                }
            }
            let wait = BACKOFF * 2u32.pow(tries.min(BACKOFF_DOUBLINGS));
            let too_late = self.ambient.now().after(wait) >= self.until;
            if too_late {
                failed.extend(again.drain(..).map(|(_, error)| error));
            }
            telemetry::not_deleted(&failed);
            batch = again.into_iter().map(|(leaving, _)| leaving).collect();
            if !batch.is_empty() {
                tries += 1;
                sleep(wait).await;
            }
        }
    }

    /// Shows messages again, each when its time comes.
    async fn show(&self, batch: Vec<Staying>) {
        self.let_go(batch.iter().map(|staying| &staying.leaving))
            .await;
        let any_dead = batch.iter().any(|staying| staying.at.is_none());
        let dead_wait = match any_dead {
            true => dead_wait(self.source).await,
            false => Duration::ZERO,
        };
        let now = self.ambient.now();
        let changes: Vec<_> = batch
            .iter()
            .map(|staying| {
                let at = staying.at.unwrap_or(now.after(dead_wait));
                VisibilityChange {
                    receipt_handle: staying.leaving.message.receipt_handle.clone(),
                    visible_in: at.min(longest(staying.leaving.received)).since(now),
                }
            })
            .collect();
        let answers = self.source.queue.change_visibility(&changes).await;
        telemetry::queue_asked(&answers);
        let unchanged: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        telemetry::visibility_unchanged(&unchanged);
    }

    /// Stops and awaits the renewals of messages (F03).
    async fn let_go<'l>(&self, leaving: impl Iterator<Item = &'l Leaving>) {
        let places: Vec<_> = leaving.map(|leaving| leaving.place).collect();
        self.keeper.let_go(&places).await;
    }
}

/// Hands items on in batches of ten; fewer when the first of them has waited for `linger`, or when
/// no more will come.
async fn in_tens<T, F: Future<Output = ()>>(
    mut items: mpsc::UnboundedReceiver<T>,
    linger: Duration,
    send: impl Fn(Vec<T>) -> F,
) {
    let mut sending = FuturesUnordered::new();
    let mut waiting = Vec::new();
    let mut go_at = Instant::now();
    let mut open = true;
    loop {
        let due = !open || Instant::now() >= go_at;
        while waiting.len() >= SQS_BATCH_MAX || (due && !waiting.is_empty()) {
            let rest = waiting.split_off(waiting.len().min(SQS_BATCH_MAX));
            sending.push(send(waiting));
            waiting = rest;
            go_at = Instant::now() + linger;
        }
        if !open && sending.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            item = items.recv(), if open => match item {
                Some(item) => {
                    if waiting.is_empty() {
                        go_at = Instant::now() + linger;
                    }
                    waiting.push(item);
                }
                None => open = false,
            },
            Some(()) = sending.next() => {}
            () = sleep_until(go_at), if !waiting.is_empty() => {}
        }
    }
}

/// How many ended messages may be on their way out before no more is received: deletes that fail
/// for long must not fill the memory.
pub(crate) const ON_THEIR_WAY_MAX: usize = 1000;

/// How long an ended message waits for company on its way out.
pub(crate) const LINGER: Duration = Duration::from_millis(100);

/// The same where a group waits for it: SQS hands out no more of a FIFO group meanwhile.
pub(crate) const LINGER_FIFO: Duration = Duration::from_millis(20);

/// The first wait after a delete that failed for now, and how often it is doubled.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_DOUBLINGS: u32 = 6;

#[cfg(test)]
mod tests;
