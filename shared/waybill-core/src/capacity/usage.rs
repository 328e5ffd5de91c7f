//! What one event uses of what AWS charges for.
//!
//! Counted are the requests and units that this project's functions make, and those that Lambda
//! makes in their name, for events that come once: the send is the sender's, and what a target
//! costs is not known. Rows are taken as at most 1 KB. Messages that are handed back cost a request
//! each, which is the most: several of one batch share one.

use super::needs::poller_receives;
use super::retries::Attempts;
use crate::ledger::DeadLetter;
use crate::limit::SQS_BATCH_MAX;
use crate::price::{Architecture, QueueKind, Usage};

/// What the usage of an event depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// How it comes in.
    pub intake: Intake,
    /// Events in a second, for what is paid by time.
    pub rate_per_second: f64,
    /// Its tries.
    pub attempts: Attempts,
    /// When its row is written first.
    pub first_write: FirstWrite,
    /// How the dead leave.
    pub dead_letter: DeadLetter,
    /// Receives after which the redrive policy takes it.
    pub max_receive_count: u32,
    /// Memory of the function.
    pub memory_mb: u32,
    /// Processor of the function.
    pub architecture: Architecture,
    /// Kind of the queue.
    pub queue: QueueKind,
    /// Custom metrics that are kept.
    pub custom_metrics: u32,
    /// How many days a row of the ledger is kept.
    pub row_days: u32,
}

/// When an event's row is written first: that is a write, and the settlement another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstWrite {
    /// Before the first try: a claim.
    #[default]
    Claim,
    /// After it, and that settles it ([`crate::ledger::OnceBy::Target`]).
    Try,
    /// With the effect, in one transaction, which takes twice the units.
    Effect,
}

impl FirstWrite {
    /// Write units of an event that is delivered at once.
    fn units(self) -> f64 {
        match self {
            Self::Claim | Self::Effect => 2.0,
            Self::Try => 1.0,
        }
    }
}

/// How events come in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Intake {
    /// Lambda receives, invokes and deletes.
    Trigger {
        /// Events of a batch on average.
        batch: f64,
        /// How long a batch takes on average.
        batch_seconds: f64,
    },
    /// Pollers receive and delete themselves, all the time.
    Poll {
        /// How many run side by side.
        pollers: u32,
        /// How long one event takes on average.
        handler_seconds: f64,
        /// How long a message is hidden at a time.
        visibility_seconds: f64,
    },
}

/// What one event uses on average.
pub fn per_event(work: &Work) -> Usage {
    let attempts = &work.attempts;
    let receives = attempts.receives(work.dead_letter, work.max_receive_count);
    let ledger = Ledger::of(work, receives);
    let (leaving, sends) = match work.dead_letter {
        DeadLetter::Redrive => (1.0 - attempts.spent(), 0.0),
        DeadLetter::Send => (1.0, attempts.spent()),
    };
    let handed_back = receives - leaving;
    let memory_gb = f64::from(work.memory_mb) / 1024.0;
    let failed_lines = (attempts.tries() - (1.0 - attempts.spent())) * FAILED_TRY_LOG_GB;
    let month = work.rate_per_second * MONTH_SECONDS;
    let kept = ROW_GB * f64::from(work.row_days) * DAY_SECONDS / MONTH_SECONDS;
    let shared = Usage {
        queue: work.queue,
        architecture: work.architecture,
        write_units: ledger.write_units,
        read_units: ledger.read_units,
        storage_gb_months: kept,
        recovery_gb_months: kept,
        metric_months: f64::from(work.custom_metrics) / month,
        ..Usage::default()
    };
    match work.intake {
        Intake::Trigger {
            batch,
            batch_seconds,
        } => {
            let of_ten = batch.min(MESSAGES_OF_A_REQUEST);
            Usage {
                sqs_requests: (receives + leaving) / of_ten + handed_back + sends,
                lambda_requests: receives / batch,
                // What is only handed back, as the dead are, takes next to no time.
                lambda_gb_seconds: attempts.tries() / batch * batch_seconds * memory_gb,
                logs_gb: receives / batch * INVOCATION_LOG_GB + failed_lines,
                ..shared
            }
        }
        Intake::Poll {
            pollers,
            handler_seconds,
            visibility_seconds,
        } => {
            let renewals = renewals(handler_seconds, visibility_seconds) * attempts.tries();
            let ticks = 1.0 / (60.0 * work.rate_per_second);
            let busy = f64::from(pollers) * poller_receives(pollers);
            let taken = receives + leaving + renewals;
            Usage {
                sqs_requests: taken / MESSAGES_OF_A_REQUEST + handed_back + sends,
                write_units: shared.write_units + renewals,
                lambda_requests: ticks,
                lambda_gb_seconds: busy * memory_gb / work.rate_per_second,
                scheduler_invocations: ticks,
                logs_gb: busy / WRITTEN_SECONDS / work.rate_per_second * INVOCATION_LOG_GB
                    + failed_lines,
                ..shared
            }
        }
    }
}

/// What an event costs the ledger.
struct Ledger {
    /// Write request units.
    write_units: f64,
    /// Read request units.
    read_units: f64,
}

impl Ledger {
    /// A claim and a settlement, or the one write in their place. A retry adds a release and a take-over, each with one unit of the
    /// index `by-status`; a death one unit of the index; a dead message that is sent, the mark of
    /// that and two units of the index. Each receive but the first reads the row.
    fn of(work: &Work, receives: f64) -> Self {
        let death = match work.dead_letter {
            DeadLetter::Redrive => 1.0,
            DeadLetter::Send => 4.0,
        };
        let attempts = &work.attempts;
        Self {
            write_units: work.first_write.units()
                + 4.0 * attempts.retries()
                + death * attempts.spent(),
            read_units: receives - 1.0,
        }
    }
}

/// How often a message is held again while it is worked on: half a period before it would be shown.
fn renewals(handler_seconds: f64, visibility_seconds: f64) -> f64 {
    (handler_seconds / (visibility_seconds / 2.0)).floor()
}

/// Most messages of one request to SQS.
const MESSAGES_OF_A_REQUEST: f64 = 10.0;

// A number that is not `usize` is what is divided by.
const _: () = assert!(SQS_BATCH_MAX == 10);

/// What an invocation writes to the log, about: three lines of Lambda's, one of ours, and the
/// documents of its metrics, with one route. A poller writes as much every [`WRITTEN_SECONDS`].
const INVOCATION_LOG_GB: f64 = 2_200.0 / 1e9;

/// What is written to the log about a failed try, about: the try, what becomes of the message, and
/// their metrics.
const FAILED_TRY_LOG_GB: f64 = 1_000.0 / 1e9;

/// How often an invocation that lasts writes its metrics.
const WRITTEN_SECONDS: f64 = 10.0;

/// What a row of a done event takes in its table, about: 400 bytes of its own, and 100 that DynamoDB
/// adds to each.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
const ROW_GB: f64 = 500.0 / 1e9;

/// A day.
const DAY_SECONDS: f64 = 86_400.0;

/// A month of thirty days.
const MONTH_SECONDS: f64 = 30.0 * DAY_SECONDS;

#[cfg(test)]
mod tests;
