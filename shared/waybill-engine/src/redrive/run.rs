//! A run from its beginning, or from where it was cut off, to where it stops.

use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{Instant, sleep};

use waybill_core::redrive::order::Order;
use waybill_core::redrive::progress::{Run, Stage, Stopped};
use waybill_core::selection::Selection;
use waybill_core::time::Timestamp;

use super::look::Quiet;
use super::tally::Tally;
use super::trail::LOOK_EVERY;
use super::{CannotRun, HOLD, Redriver, Report, TRIES, Task, backoff, is_name};
use crate::ports::{Ambient, Ledger, Queue, QueueErrorKind, RunRow, RunStore, StoreErrorKind};
use crate::telemetry::{self, Happened};

/// A run that was opened.
struct Opened {
    run: Run,
    selection: Selection,
    /// Number of its row that stands.
    rev: u64,
    resumed: bool,
    not_over_before: Timestamp,
}

impl<Q: Queue, L: Ledger, R: RunStore, A: Ambient> Redriver<Q, L, R, A> {
    /// Brings dead letters back, or deletes them, as [`Order`] says, until nothing more is selected
    /// or the task says to stop. The future may be dropped: a run is cut off then, as if its process
    /// had been killed, and goes on under its name.
    ///
    /// Ledger first, then send, then delete: what is cut off in between is found by the next call,
    /// and nothing that was delivered is delivered again.
    ///
    /// # Errors
    ///
    /// Where it cannot be begun: the order is wrong, the run is another's, or its row cannot be
    /// read or written. Whatever is in the way later is in the report.
    pub async fn run(&self, task: Task<'_>) -> Result<Report, CannotRun> {
        let began = Instant::now();
        let opened = self.open(&task).await?;
        let resumed = opened.resumed;
        let tally = Tally::new(task, opened.selection, opened.run, opened.not_over_before);
        let mut rev = opened.rev;
        if !task.dry_run {
            self.save(&tally, &mut rev).await;
            if let Some(what) = tally.state().trouble.clone() {
                return Err(CannotRun(what));
            }
        }
        self.work_and_keep(&tally, &mut rev).await;
        let state = tally.into_state();
        self.release(state.held.handles()).await;
        let report = Report {
            run: task.run.to_owned(),
            dry_run: task.dry_run,
            resumed,
            stopped: state.stopped.unwrap_or(Stopped::Done),
            counts: state.run.counts,
            remarks: state.remarks,
            trouble: state.trouble,
            seconds: began.elapsed().as_secs_f64(),
        };
        telemetry::tell(Happened::RunStopped(&report));
        Ok(report)
    }

    /// Begins a run, or takes one up that was cut off.
    async fn open(&self, task: &Task<'_>) -> Result<Opened, CannotRun> {
        if !is_name(task.run) {
            return Err(CannotRun(format!(
                "`{}` is no name of a run: take 1 to 64 characters of a-z, A-Z, 0-9, `.`, `_` and \
                 `-`",
                task.run
            )));
        }
        let stands = match task.dry_run {
            true => None,
            false => self.load(task.run).await?,
        };
        let owner = self.ambient.owner();
        let now = self.ambient.now();
        let rev = stands.as_ref().map_or(0, |(rev, _)| *rev);
        let goes_on = |run: &Run| {
            let meant = task.order.is_none() || !run.is_stale(now);
            run.stage != Stage::Over && meant
        };
        let unfinished = stands.map(|(_, run)| run).filter(goes_on);
        let ready = |order: &Order| order.selection().map_err(CannotRun);
        let Some(mut run) = unfinished else {
            let Some(order) = task.order else {
                return Err(CannotRun(format!(
                    "there is no run `{}` to go on with: it is over, or never was; say what is to \
                     be done",
                    task.run
                )));
            };
            return Ok(Opened {
                selection: ready(order)?,
                run: Run::new(order.clone(), owner, now),
                rev,
                resumed: false,
                not_over_before: now,
            });
        };
        if task.order.is_some_and(|order| *order != run.order) {
            return Err(CannotRun(format!(
                "run `{}` is not over and was told something else: go on with it under its own \
                 terms, or give another name",
                task.run
            )));
        }
        if let Some(until) = run.held_by_another(owner, now) {
            return Err(CannotRun(format!(
                "somebody works on run `{}` now; if they were killed, it can go on in {} s",
                task.run,
                until.since(now).as_secs() + 1
            )));
        }
        let not_over_before = match run.lease_until_ms {
            // It was stopped, and holds nothing.
            0 => now,
            // It may have received until its lease ended.
            until => Timestamp::from_millis(until).after(HOLD),
        };
        run.go_on(owner);
        Ok(Opened {
            selection: ready(&run.order)?,
            run,
            rev,
            resumed: true,
            not_over_before,
        })
    }

    /// The row of a run, with its number.
    async fn load(&self, name: &str) -> Result<Option<(u64, Run)>, CannotRun> {
        let mut tries = 0;
        let row = loop {
            match self.runs.load(&self.config.consumer, name).await {
                Ok(row) => break row,
                Err(error) if error.kind == StoreErrorKind::Transient && tries < TRIES => {
                    tries += 1;
                    sleep(backoff(tries)).await;
                }
                Err(error) => return Err(CannotRun(error.message)),
            }
        };
        let Some(row) = row else { return Ok(None) };
        match serde_json::from_str(&row.text) {
            Ok(run) => Ok(Some((row.rev, run))),
            Err(error) => Err(CannotRun(format!(
                "run `{name}` was written by another release ({error}): go on with it there, or \
                 give another name"
            ))),
        }
    }

    /// Works, and keeps in the run's row how far it is.
    async fn work_and_keep(&self, tally: &Tally<'_>, rev: &mut u64) {
        let done = std::sync::atomic::AtomicBool::new(false);
        let working = async {
            self.work(tally).await;
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        let keeping = async {
            let mut saved = Instant::now();
            loop {
                sleep(BEAT).await;
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                tally.tell();
                if !tally.task.dry_run && saved.elapsed() >= SAVE_EVERY {
                    self.save(tally, rev).await;
                    saved = Instant::now();
                }
            }
        };
        join(working, keeping).await;
        {
            let mut state = tally.state();
            if state.stopped.is_none_or(Stopped::is_over) {
                state.run.stage = Stage::Over;
            }
        }
        if !tally.task.dry_run {
            self.close(tally, rev).await;
        }
    }

    /// Works until there is nothing more, or until it is to stop.
    async fn work(&self, tally: &Tally<'_>) {
        if tally.state().run.stage == Stage::Canary {
            self.worker(tally).await;
            let stopped = tally.state().stopped;
            if tally.task.dry_run {
                tally.state().run.stage = Stage::Rest;
            } else if matches!(stopped, None | Some(Stopped::Limit)) {
                // Where there are not so many as were wanted, those that there are must do.
                tally.state().stopped = None;
                self.watch_canaries(tally).await;
            }
        }
        if tally.state().stopped.is_some() {
            return;
        }
        let workers = match self.config.fifo {
            true => 1,
            false => workers(tally.state().run.order.rate),
        };
        let done = std::sync::atomic::AtomicBool::new(false);
        let working = async {
            join_all((0..workers).map(|_| self.worker(tally))).await;
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        let following = async {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                self.follow(tally).await;
                sleep(LOOK_EVERY).await;
            }
        };
        join(working, following).await;
        self.follow(tally).await;
    }

    /// Takes up handful after handful.
    async fn worker(&self, tally: &Tally<'_>) {
        let mut quiet = Quiet::default();
        loop {
            let most = tally.room(self.ambient.now());
            if most == 0 {
                return;
            }
            let received = match self.receive(most).await {
                Ok(received) => received,
                Err(error) => {
                    let what = match error.kind {
                        QueueErrorKind::Transient => "the dead-letter queue gave no answer: ",
                        QueueErrorKind::LeaseLost | QueueErrorKind::Permanent => "",
                    };
                    tally.trouble(format!("{what}{}", error.message));
                    return;
                }
            };
            let count = received.len();
            let (new, known): (Vec<_>, Vec<_>) = {
                let mut state = tally.state();
                let received = received.into_iter();
                received.partition(|message| state.held.take(message))
            };
            self.hide(
                known
                    .into_iter()
                    .map(|known| known.receipt_handle)
                    .collect(),
            )
            .await;
            if quiet.after(count, new.len()) && self.ambient.now() >= tally.not_over_before {
                return;
            }
            if new.is_empty() {
                continue;
            }
            Box::pin(self.handle(tally, new)).await;
        }
    }

    /// Keeps in the run's row how far it is, and that somebody works on it.
    async fn save(&self, tally: &Tally<'_>, rev: &mut u64) {
        let until = self.ambient.now().after(LEASE);
        tally.state().run.lease_until_ms = until.as_millis();
        self.put(tally, rev).await;
    }

    /// Keeps where the run has stopped, and that nobody works on it.
    async fn close(&self, tally: &Tally<'_>, rev: &mut u64) {
        tally.state().run.lease_until_ms = 0;
        self.put(tally, rev).await;
    }

    /// Puts the run's row. A number that another has put is the end: somebody else works on it.
    async fn put(&self, tally: &Tally<'_>, rev: &mut u64) {
        let text = {
            let mut state = tally.state();
            state.run.saved_ms = self.ambient.now().as_millis();
            serde_json::to_string(&state.run).unwrap_or_default()
        };
        let row = RunRow {
            rev: rev.saturating_add(1),
            text,
            expires_at: self.ambient.now().after(ROW_LIFE).as_secs_ceil(),
        };
        let mut sent_before = false;
        for tries in 1..=TRIES {
            let consumer = &self.config.consumer;
            match self.runs.save(consumer, tally.task.run, &row).await {
                Ok(true) => {
                    *rev = row.rev;
                    return;
                }
                // An earlier try may have won without an answer (F40).
                Ok(false) if sent_before && self.stands(tally.task.run, &row).await => {
                    *rev = row.rev;
                    return;
                }
                Ok(false) => {
                    let what = "somebody else works on this run: this one stops";
                    return tally.trouble(what);
                }
                Err(error) if error.kind == StoreErrorKind::Permanent => {
                    return tally.trouble(error.message);
                }
                Err(_) => {
                    sent_before = true;
                    sleep(backoff(tries)).await;
                }
            }
        }
        // Its lease may end: another who takes the run up does the same, and nothing twice.
        tally.trouble("how far the run has come cannot be kept: the ledger gives no answer");
    }

    /// Whether a row stands just so.
    async fn stands(&self, name: &str, row: &RunRow) -> bool {
        let stands = self.runs.load(&self.config.consumer, name).await;
        stands.is_ok_and(|stands| stands.as_ref() == Some(row))
    }
}

/// How many handfuls are worked on at once.
fn workers(rate: u32) -> usize {
    usize::try_from(rate / 25)
        .unwrap_or(1)
        .clamp(1, WORKERS_MAX)
}

const WORKERS_MAX: usize = 8;

/// How often people are told how far it is.
const BEAT: Duration = Duration::from_millis(500);

/// How often the run's row is written.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// How long nobody else may work on a run after its row was written.
const LEASE: Duration = Duration::from_secs(15);

/// How long the row of a run is kept after it was written: longer than a dead letter lives.
const ROW_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
