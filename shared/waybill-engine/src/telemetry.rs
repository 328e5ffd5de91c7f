//! What happens, as one line of JSON each, and as metrics in CloudWatch's embedded format. Only
//! this module writes, so that a thing has one name everywhere. Never a body, a header, a token or
//! a key.
//!
//! A thing that happens is a `Happened`, which alone knows its words, its fields and its metrics;
//! the metrics stand in [`metric`], and `docs/METRICS.md` is held to them by a test.

mod emf;
mod event;
mod measure;
mod meter;
pub mod metric;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use waybill_core::ledger::Record;
use waybill_core::outcome::Disposition;

use crate::ports::{self, QueueError, StoreError, Written};
use crate::work::{Finished, Over};

pub(crate) use event::{Happened, Shadow};
pub(crate) use meter::Meter;

/// Writes events as JSON lines to standard output, which Lambda keeps. `RUST_LOG` says which, as
/// levels by target (`info,waybill_engine=debug`); `info` where it is not set or says nothing that
/// can be read.
pub fn init() {
    let said = std::env::var("RUST_LOG")
        .ok()
        .and_then(|said| said.parse::<Targets>().ok());
    let filter = said.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true);
    let lines = lines
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false);
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
}

/// The process cannot start. The line says what is wrong and what to do.
pub fn cannot_start(what: &str) {
    tell(Happened::CannotStart(what));
}

/// Routes that are kept in a parameter were read and are in force from the next invocation on.
pub fn routes_taken(version: &str) {
    tell(Happened::RoutesTaken { version });
}

/// Tells what happened: a line where it has one, and metrics where a meter runs.
pub(crate) fn tell(event: Happened<'_>) {
    event.log();
    let _ = meter::METER.try_with(|meter| meter.note(&event));
}

/// Runs an invocation with its meter.
pub(crate) async fn metered<T>(meter: Arc<Meter>, work: impl Future<Output = T>) -> T {
    meter::METER.scope(meter, work).await
}

/// Where metrics go, and what the function's time is priced by.
#[derive(Debug, Clone)]
pub struct Metrics {
    sink: Sink,
    memory_mb: u32,
}

impl Metrics {
    /// Metrics of a function with so much memory, written there.
    pub fn new(sink: Sink, memory_mb: u32) -> Self {
        Self { sink, memory_mb }
    }
}

/// Where documents of metrics are written: some lines at a time, each ended.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(&str) + Send + Sync>);

impl Sink {
    /// Standard output, which Lambda keeps, and CloudWatch Logs takes the metrics out of. One that
    /// is gone is no reason to stop.
    pub fn stdout() -> Self {
        Self::to(|lines| {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(lines.as_bytes());
            let _ = stdout.flush();
        })
    }

    /// Elsewhere.
    pub fn to(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// Writes lines.
    fn write(&self, lines: &str) {
        (self.0)(lines);
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}

/// Claims had no answer. One line for each cause, since a ledger that is away is away for a whole
/// window.
pub(crate) fn claims_failed<'a>(errors: impl Iterator<Item = &'a StoreError>) {
    let causes = errors.map(|error| (error.code.as_str(), error.message.as_str()));
    for ((code, what), messages) in by_cause(causes) {
        tell(Happened::ClaimsFailed {
            messages,
            code,
            what,
        });
    }
}

/// Visibilities could not be set. One line for each cause.
pub(crate) fn visibility_unchanged(errors: &[QueueError]) {
    for ((code, what), messages) in by_queue_cause(errors) {
        tell(Happened::VisibilityUnchanged {
            messages,
            code,
            what,
        });
    }
}

/// Leases ended that should have been renewed. One line for each cause.
pub(crate) fn leases_lost(errors: &[QueueError]) {
    for ((code, what), messages) in by_queue_cause(errors) {
        tell(Happened::LeasesLost {
            messages,
            code,
            what,
        });
    }
}

/// Messages that are over could not be deleted. One line for each cause.
pub(crate) fn not_deleted(errors: &[QueueError]) {
    for ((code, what), messages) in by_queue_cause(errors) {
        tell(Happened::NotDeleted {
            messages,
            code,
            what,
        });
    }
}

/// Rows were to be written in one request of the ledger's, each answered alone.
pub(crate) fn ledger_written(writes: &[ports::Write], answers: &[Result<Written, StoreError>]) {
    tell(Happened::LedgerAsked {
        write_units: event::write_units(writes),
        read_units: 0,
        failed: answers.iter().any(Result::is_err),
    });
}

/// Rows were to be read in one request of the ledger's, each answered alone.
pub(crate) fn ledger_read<T>(rows: &[Result<T, StoreError>]) {
    tell(Happened::LedgerAsked {
        write_units: 0,
        read_units: rows.len(),
        failed: rows.iter().any(Result::is_err),
    });
}

/// A row was to be written in a transaction with an effect: a request, and a write that takes twice
/// the units.
pub(crate) fn row_transacted(row: &Record) {
    let write = ports::Write::Insert(row.clone());
    tell(Happened::LedgerAsked {
        write_units: 2 * event::write_units(&[write]),
        read_units: 0,
        failed: false,
    });
}

/// A request was made of a queue, and answered part by part.
pub(crate) fn queue_asked<T>(answers: &[Result<T, QueueError>]) {
    let failed = answers.iter().any(Result::is_err);
    tell(Happened::QueueAsked { failed });
}

/// How often each cause is named: a code, and a sentence.
fn by_cause<'a>(
    causes: impl Iterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<(&'a str, &'a str), u64> {
    causes.fold(BTreeMap::new(), |mut counts, cause| {
        *counts.entry(cause).or_default() += 1;
        counts
    })
}

/// The same of a queue's errors.
fn by_queue_cause(errors: &[QueueError]) -> BTreeMap<(&str, &str), u64> {
    by_cause(errors.iter().map(|e| (e.code.as_str(), e.message.as_str())))
}

/// How messages ended.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
    pub(crate) ignored: u64,
    pub(crate) scheduled: u64,
    pub(crate) retried: u64,
    pub(crate) dead: u64,
    pub(crate) deferred: u64,
    pub(crate) fenced: u64,
    pub(crate) attempts: u64,
}

impl Tally {
    /// Counts the end of one message.
    pub(crate) fn add(&mut self, end: &Finished) {
        self.received += 1;
        self.attempts += u64::from(end.attempts);
        self.fenced += u64::from(event::is_fenced(end));
        match end.disposition {
            Disposition::Ack => match end.over {
                Over::Delivered => self.delivered += 1,
                Over::Duplicate => self.duplicates += 1,
                Over::Ignored | Over::Canary => self.ignored += 1,
                Over::Scheduled => self.scheduled += 1,
            },
            Disposition::Retry { .. } => self.retried += 1,
            Disposition::Dead { .. } => self.dead += 1,
            Disposition::Defer { .. } => self.deferred += 1,
        }
    }
}

#[cfg(test)]
mod tests;
