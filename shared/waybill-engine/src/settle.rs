//! Settling: what became of claimed events is written by group commit.
//!
//! A finished record waits a moment for company, not at all when nothing else is running; those
//! that finish while a write is under way share the next one. A write without a clear answer is
//! repeated to the deadline: the row tells whether it was ours that won (F40).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Fence, Record, Row};
use waybill_core::limit::STATEMENTS_MAX;
use waybill_core::time::Timestamp;

use crate::ports::{Ambient, Ledger, StoreError, StoreErrorKind, Write, Written};
use crate::telemetry;

/// What came of a write.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The row is as asked.
    Written,
    /// Another holds the row: nothing more may be done for it (F39). Of a row that was to be new:
    /// one stands there.
    Fenced,
    /// No clear answer before the deadline: the row stays as it is until its lease ends.
    Unconfirmed(StoreError),
}

/// Where records hand in their writes.
pub(crate) struct Desk {
    jobs: mpsc::UnboundedSender<Job>,
    running: AtomicUsize,
    idle: Notify,
}

/// One write waiting for its turn.
pub(crate) struct Job {
    /// As what the row must stand; none where there must be no row.
    held: Option<Fence>,
    next: Record,
    reply: oneshot::Sender<Settled>,
    go_at: Instant,
    tries: u32,
}

/// Says that something is running which may soon have something to write.
pub(crate) struct Running<'a>(&'a Desk);

impl Desk {
    /// A desk, and where its jobs come out for [`drive`].
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, out) = mpsc::unbounded_channel();
        (
            Self {
                jobs,
                running: AtomicUsize::new(0),
                idle: Notify::new(),
            },
            out,
        )
    }

    /// Writes a row on the condition that it stands as `held`, or that there is none. Writes of one
    /// key are one after the other: the caller waits for the answer.
    pub(crate) async fn settle(&self, held: impl Into<Option<Fence>>, next: Record) -> Settled {
        let held = held.into();
        let (reply, answer) = oneshot::channel();
        let go_at = Instant::now() + LINGER;
        let _ = self.jobs.send(Job {
            held,
            next,
            reply,
            go_at,
            tries: 0,
        });
        answer
            .await
            .unwrap_or_else(|_| Settled::Unconfirmed(StoreError::unanswered()))
    }

    /// Counts one running piece of work until the answer is dropped.
    pub(crate) fn running(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.idle.notify_one();
        }
    }
}

/// Writes what is handed in, group by group, until nobody can hand in any more. Full groups are
/// written side by side; what fills none shares the write after the one under way. Store trouble is
/// retried no later than `until`.
pub(crate) async fn drive<L: Ledger, A: Ambient>(
    ledger: &L,
    ambient: &A,
    desk: &Desk,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    until: Timestamp,
) {
    let mut waiting = Vec::new();
    let mut writing = FuturesUnordered::new();
    loop {
        let busy = !writing.is_empty();
        tokio::select! {
            biased;
            Some(again) = writing.next() => waiting.extend(again),
            () = gather(desk, &mut jobs, &mut waiting, busy) => {
                let group = take_group(&mut waiting);
                if group.is_empty() && !busy {
                    return;
                }
                writing.push(write(ledger, ambient, group, until));
            }
        }
    }
}

/// Writes one group; what is to be tried again.
async fn write<L: Ledger, A: Ambient>(
    ledger: &L,
    ambient: &A,
    group: Vec<Job>,
    until: Timestamp,
) -> Vec<Job> {
    let writes: Vec<_> = group.iter().map(Job::write).collect();
    let answers = ledger.write(&writes).await;
    telemetry::ledger_written(&writes, &answers);
    let mut answers = answers.into_iter();
    let answers = group.into_iter().map(|job| {
        let answer = answers.next();
        (job, answer.unwrap_or_else(|| Err(StoreError::unanswered())))
    });
    let mut answers: Vec<_> = answers.collect();
    look_again(ledger, &mut answers).await;
    let now = ambient.now();
    let again = answers.into_iter();
    let again = again.filter_map(|(job, answer)| answered(job, answer, now, until));
    again.collect()
}

/// Waits until a group should be written: when nothing else is running, when it is full, when its
/// first has waited long enough, or when a retry is due; while a write is under way, only when it is
/// full.
async fn gather(
    desk: &Desk,
    jobs: &mut mpsc::UnboundedReceiver<Job>,
    waiting: &mut Vec<Job>,
    busy: bool,
) {
    loop {
        while let Ok(job) = jobs.try_recv() {
            waiting.push(job);
        }
        let fresh = waiting.iter().filter(|job| job.tries == 0).count();
        let alone = desk.running.load(Ordering::Relaxed) == 0;
        if (fresh > 0 && alone && !busy) || fresh >= STATEMENTS_MAX {
            return;
        }
        let go_at = waiting.iter().map(|job| job.go_at).min();
        let Some(go_at) = go_at.filter(|_| !busy) else {
            match jobs.recv().await {
                Some(job) => waiting.push(job),
                // Nobody can hand in any more: the write under way is the last, or its retries are.
                None if busy => std::future::pending().await,
                None => return,
            }
            continue;
        };
        tokio::select! {
            biased;
            () = sleep_until(go_at) => return,
            job = jobs.recv() => match job {
                Some(job) => waiting.push(job),
                None => return,
            },
            () = desk.idle.notified() => {}
        }
    }
}

/// Takes the next group: what is new and the retries that are due, as many as one request takes.
fn take_group(waiting: &mut Vec<Job>) -> Vec<Job> {
    let now = Instant::now();
    let (mut group, rest): (Vec<_>, Vec<_>) = waiting
        .drain(..)
        .partition(|job| job.tries == 0 || job.go_at <= now);
    *waiting = rest;
    waiting.extend(group.split_off(group.len().min(STATEMENTS_MAX)));
    group
}

impl Job {
    /// The write that is asked for.
    fn write(&self) -> Write {
        let next = self.next.clone();
        match self.held {
            Some(held) => Write::Settle { held, next },
            None => Write::Insert(next),
        }
    }

    /// Whether a refusal may be the work of an earlier try of this job, whose reply was lost, and
    /// does not say so: that of an insert carries no row.
    fn is_in_doubt(&self, answer: &Result<Written, StoreError>) -> bool {
        self.tries > 0 && matches!(answer, Ok(Written::Refused(None)))
    }
}

/// Reads the rows that refused writes which may have won before (F40), in one request, and puts
/// each into its answer. A row that is not there, or could not be read, is an answer that never
/// came: its job is tried again.
async fn look_again<L: Ledger>(ledger: &L, answers: &mut [(Job, Result<Written, StoreError>)]) {
    let doubtful = || {
        let all = answers.iter();
        all.filter(|(job, answer)| job.is_in_doubt(answer))
    };
    let keys: Vec<LedgerKey> = doubtful().map(|(job, _)| job.next.key.clone()).collect();
    if keys.is_empty() {
        return;
    }
    let rows = ledger.read(&keys).await;
    telemetry::ledger_read(&rows);
    let mut rows = rows.into_iter();
    for (job, answer) in answers {
        if job.is_in_doubt(answer) {
            *answer = match rows.next() {
                Some(Ok(Some(row))) => Ok(Written::Refused(Some(row))),
                Some(Err(error)) => Err(error),
                Some(Ok(None)) | None => Err(StoreError::unanswered()),
            };
        }
    }
}

/// Answers a job, or gives it back to be tried again.
fn answered(
    mut job: Job,
    answer: Result<Written, StoreError>,
    now: Timestamp,
    until: Timestamp,
) -> Option<Job> {
    let settled = match answer {
        Ok(Written::Done(_)) => Settled::Written,
        Ok(Written::Refused(Some(Row::Known(row)))) if row.shows(&job.next) => Settled::Written,
        Ok(Written::Refused(_)) => Settled::Fenced,
        Err(error) => {
            let wait = match error.kind {
                StoreErrorKind::Transient => BACKOFF * 2u32.pow(job.tries.min(5)),
                StoreErrorKind::Permanent => BACKOFF_PERMANENT,
            };
            if now.after(wait) < until {
                job.tries = job.tries.saturating_add(1);
                job.go_at = Instant::now() + wait;
                return Some(job);
            }
            Settled::Unconfirmed(error)
        }
    };
    let _ = job.reply.send(settled);
    None
}

/// How long a finished record waits for company.
const LINGER: Duration = Duration::from_millis(10);

/// The first wait after store trouble.
const BACKOFF: Duration = Duration::from_millis(50);

/// The wait after trouble that only a person can mend: they may be mending it.
const BACKOFF_PERMANENT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
