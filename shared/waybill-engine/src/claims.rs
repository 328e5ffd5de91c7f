//! Claiming: the right to work on events, taken by conditional writes before any effect.
//!
//! A window costs one request when its events are new. A message received before is read first;
//! a refused insert is read and judged; take-overs and inserts share the next request.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use waybill_core::ledger::{Ask, Record, Row, TakeOver, Verdict, judge};
use waybill_core::limit::{CRASHES_ALONE, CRASHES_DEAD};
use waybill_core::outcome::{DeadReason, DeferCause};
use waybill_core::time::Timestamp;

use crate::ports::{Ambient, Ledger, StoreError, StoreErrorKind, Write, Written};
use crate::telemetry::{self, Happened};

/// One event that wants a claim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Who asks.
    pub(crate) ask: &'a Ask,
    /// The row of a first claim.
    pub(crate) first: &'a Record,
    /// Whether a row is expected: the message was received before.
    pub(crate) repeat: bool,
    /// Whether the event may run although it took processes down before.
    pub(crate) alone: bool,
}

/// What came of a request for a claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Mine; the row as it is after my write.
    Won(Box<Record>),
    /// It took processes down before: to be asked again, alone.
    Alone,
    /// Not now; the row as it was read, where it is one that this release knows.
    Defer {
        until: Timestamp,
        cause: DeferCause,
        row: Option<Box<Record>>,
    },
    /// It waits in a schedule, and its message may go once that is sure to be there.
    HandOver { row: Box<Record> },
    /// The key is known with other data.
    Conflict,
    /// Done before.
    Completed { row: Box<Record> },
    /// Dead before.
    Dead {
        reason: DeadReason,
        row: Box<Record>,
    },
    /// Dead before, and still to be sent to the dead-letter queue.
    SendDead { row: Box<Record> },
    /// The ledger did not answer. A write of mine without an answer may have happened: then this
    /// is the row as it made it.
    Failed {
        error: StoreError,
        written: Option<Box<Record>>,
    },
}

impl Claim {
    /// Whether the row was written by a release that this one does not know.
    pub(crate) fn is_unknown(&self) -> bool {
        let unknown = DeferCause::UnknownRow;
        matches!(self, Self::Defer { cause, .. } if *cause == unknown)
    }

    /// Why the ledger did not answer, where it did not.
    pub(crate) fn failure(&self) -> Option<&StoreError> {
        match self {
            Self::Failed { error, .. } => Some(error),
            Self::Won(_)
            | Self::Alone
            | Self::Defer { .. }
            | Self::HandOver { .. }
            | Self::Conflict
            | Self::Completed { .. }
            | Self::Dead { .. }
            | Self::SendDead { .. } => None,
        }
    }
}

/// Where one request stands between two round trips.
enum Step {
    /// The row must be read.
    Read,
    /// The first row is to be written.
    Insert,
    /// The row is to be taken over.
    TakeOver {
        seen: Box<Record>,
        next: Box<Record>,
    },
    /// Answered.
    Done(Claim),
}

/// Claims at most 25 distinct keys. Answers by position.
///
/// Store trouble is retried a few times, and no answer is waited for after `until`; a request that
/// then has none is [`Claim::Failed`]: nothing was begun for it.
pub(crate) async fn claim<L: Ledger, A: Ambient>(
    ledger: &L,
    ambient: &A,
    requests: &[Request<'_>],
    until: Timestamp,
) -> Vec<Claim> {
    let mut steps: Vec<Step> = requests
        .iter()
        .map(|request| {
            if request.repeat {
                Step::Read
            } else {
                Step::Insert
            }
        })
        .collect();
    let mut trouble = None;
    let mut written = vec![None; requests.len()];
    for round in 0..ROUNDS {
        let left = until.since(ambient.now());
        let asking = async {
            read(ledger, ambient, requests, &mut steps, &mut trouble).await;
            write(
                ledger,
                ambient,
                requests,
                &mut steps,
                &mut written,
                &mut trouble,
            )
            .await;
        };
        if timeout(left, asking).await.is_err() {
            trouble = Some(StoreError::unanswered());
            break;
        }
        if steps.iter().all(|step| matches!(step, Step::Done(_))) {
            break;
        }
        if trouble.is_some() {
            let wait = BACKOFF * 2u32.pow(round);
            if ambient.now().after(wait) >= until {
                break;
            }
            sleep(wait).await;
        }
    }
    let steps = steps.into_iter().zip(written);
    let claims = requests
        .iter()
        .zip(steps)
        .map(|(request, (step, written))| {
            // What is still to be written may have been sent when the time was over.
            let sent = row_of(request, &step).cloned().map(Box::new);
            match step {
                Step::Done(claim) => claim,
                Step::Read | Step::Insert | Step::TakeOver { .. } => Claim::Failed {
                    error: trouble.clone().unwrap_or_else(raced),
                    written: sent.or(written),
                },
            }
        });
    claims.collect()
}

/// Reads the rows that must be read, in one request, and judges them.
async fn read<L: Ledger, A: Ambient>(
    ledger: &L,
    ambient: &A,
    requests: &[Request<'_>],
    steps: &mut [Step],
    trouble: &mut Option<StoreError>,
) {
    let wanted = || {
        requests
            .iter()
            .zip(&*steps)
            .filter(|(_, step)| matches!(step, Step::Read))
    };
    let keys: Vec<_> = wanted()
        .map(|(request, _)| request.ask.key.clone())
        .collect();
    if keys.is_empty() {
        return;
    }
    let rows = ledger.read(&keys).await;
    telemetry::ledger_read(&rows);
    let mut rows = rows.into_iter();
    let now = ambient.now();
    for (request, step) in requests
        .iter()
        .zip(steps)
        .filter(|(_, step)| matches!(step, Step::Read))
    {
        match rows.next() {
            Some(Ok(Some(row))) => *step = judged(request, row, now),
            Some(Ok(None)) => *step = Step::Insert,
            Some(Err(error)) => *step = failed(error, trouble),
            None => *step = failed(StoreError::unanswered(), trouble),
        }
    }
}

/// Writes inserts and take-overs, in one request, and judges what refused them. A write without an
/// answer may have happened: its row is kept in `written`.
async fn write<L: Ledger, A: Ambient>(
    ledger: &L,
    ambient: &A,
    requests: &[Request<'_>],
    steps: &mut [Step],
    written: &mut [Option<Box<Record>>],
    trouble: &mut Option<StoreError>,
) {
    let writes: Vec<_> = requests
        .iter()
        .zip(&*steps)
        .filter_map(|(request, step)| to_write(request, step))
        .collect();
    if writes.is_empty() {
        return;
    }
    let answers = ledger.write(&writes).await;
    telemetry::ledger_written(&writes, &answers);
    let mut answers = answers.into_iter();
    let now = ambient.now();
    for ((request, step), written) in requests.iter().zip(steps).zip(written) {
        if matches!(step, Step::Read | Step::Done(_)) {
            continue;
        }
        let answer = answers
            .next()
            .unwrap_or_else(|| Err(StoreError::unanswered()));
        *step = match (answer, &*step) {
            (Ok(Written::Done(Some(row))), _) => judged(request, row, now),
            (Ok(Written::Done(None)), Step::Insert) => {
                Step::Done(Claim::Won(Box::new(request.first.clone())))
            }
            (Ok(Written::Refused(Some(row))), _) => judged(request, row, now),
            // A take-over goes on from the row as it is after it, never from the earlier read.
            (Ok(Written::Done(None)), _) => {
                *written = row_of(request, step).cloned().map(Box::new);
                Step::Read
            }
            (Ok(Written::Refused(None)), _) => Step::Read,
            (Err(error), _) => {
                *written = row_of(request, step).cloned().map(Box::new);
                failed(error, trouble)
            }
        };
    }
}

/// The write that a step asks for.
fn to_write(request: &Request<'_>, step: &Step) -> Option<Write> {
    let next = row_of(request, step)?.clone();
    Some(match step {
        Step::TakeOver { seen, .. } => Write::TakeOver {
            seen: seen.fence(),
            next,
        },
        Step::Insert | Step::Read | Step::Done(_) => Write::Insert(next),
    })
}

/// The row that a step writes.
fn row_of<'a>(request: &Request<'a>, step: &'a Step) -> Option<&'a Record> {
    match step {
        Step::Insert => Some(request.first),
        Step::TakeOver { next, .. } => Some(next),
        Step::Read | Step::Done(_) => None,
    }
}

/// What a row means for a request.
fn judged(request: &Request<'_>, row: Row, now: Timestamp) -> Step {
    let verdict = judge(&row, request.ask, now);
    let Row::Known(record) = row else {
        return Step::Done(Claim::Defer {
            until: now,
            cause: DeferCause::UnknownRow,
            row: None,
        });
    };
    let done = match verdict {
        Verdict::Mine => Claim::Won(record),
        Verdict::Defer { until, cause } => Claim::Defer {
            until,
            cause,
            row: Some(record),
        },
        Verdict::HandOver => Claim::HandOver { row: record },
        Verdict::Conflict => Claim::Conflict,
        Verdict::Completed => Claim::Completed { row: record },
        Verdict::Dead(reason) => Claim::Dead {
            reason,
            row: record,
        },
        Verdict::SendDead(_) => {
            let mut row = record;
            row.death
                .iter_mut()
                .for_each(|death| death.dlq_sent = false);
            Claim::SendDead { row }
        }
        Verdict::TakeOver(why) if must_run_alone(request, &record, why) => Claim::Alone,
        Verdict::TakeOver(why) => {
            let next = request.ask.take_over(&record, why, request.first, now);
            if why == TakeOver::Crashed {
                telemetry::tell(Happened::LeaseEndedWithoutAWord {
                    message_id: &request.ask.message_id,
                    crashes: next.crashes,
                });
            }
            return Step::TakeOver {
                seen: record,
                next: Box::new(next),
            };
        }
    };
    Step::Done(done)
}

/// Whether an event has taken processes down so often that nothing else may run beside it: not
/// when it was released since either, or a neighbour could be taken for what takes them down.
fn must_run_alone(request: &Request<'_>, record: &Record, why: TakeOver) -> bool {
    let crashes = match why {
        TakeOver::Crashed => record.crashes.saturating_add(1),
        TakeOver::Retry => record.crashes,
        TakeOver::Expired | TakeOver::Redrive => 0,
    };
    !request.alone && (CRASHES_ALONE..CRASHES_DEAD).contains(&crashes)
}

/// Trouble that may pass is looked at again; the rest is an answer.
fn failed(error: StoreError, trouble: &mut Option<StoreError>) -> Step {
    match error.kind {
        StoreErrorKind::Transient => {
            *trouble = Some(error);
            Step::Read
        }
        StoreErrorKind::Permanent => Step::Done(Claim::Failed {
            error,
            written: None,
        }),
    }
}

/// Others kept changing the row between our reads and writes.
fn raced() -> StoreError {
    StoreError {
        kind: StoreErrorKind::Transient,
        code: "raced".to_owned(),
        message: "the row changed between every read and write".to_owned(),
    }
}

/// Round trips for one window, the two of a repeat included.
const ROUNDS: u32 = 4;

/// The first wait after store trouble.
const BACKOFF: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
