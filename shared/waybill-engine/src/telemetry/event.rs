//! The things that happen. This enum alone knows the words and fields of each line, and, in
//! `measure`, what each adds to which metric.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use waybill_core::gate::breaker::Breaker;
use waybill_core::id::{MessageId, Operation, RouteName};
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, DeadReason, DeferCause, Disposition};
use waybill_core::schedule::Leaves;
use waybill_core::time::Timestamp;

use crate::poller::Report;
use crate::ports::{ScheduleError, StoreError, Write};
use crate::redrive;
use crate::work::{Finished, Over};

use super::Tally;

/// One thing that happened: at most one line, and at most one set of metrics.
///
/// `error` lines need a person, `warn` lines say that we coped, `info` lines come once for an
/// invocation and for each failure that was settled, `debug` lines once for a message.
#[derive(Clone, Copy)]
pub(crate) enum Happened<'a> {
    /// The process cannot start: what is wrong, and what to do.
    CannotStart(&'a str),
    /// Routes that are kept in a parameter were read and are in force from the next invocation on.
    RoutesTaken {
        /// Which version of the parameter.
        version: &'a str,
    },
    /// A version of the routes is not taken. Once for each version.
    RoutesRefused {
        /// Which version of the parameter.
        version: &'a str,
        /// The faults, each with its remedy.
        what: &'a str,
    },
    /// The routes could not be read again; they are tried again with a later invocation.
    RoutesUnread(&'a str),
    /// Every route's target is away: the mapping of a queue was lowered.
    SourceLowered {
        /// Which queue's.
        queue_arn: &'a str,
        /// What it had before.
        normal: Option<u32>,
    },
    /// A mapping has again what it had before it was lowered.
    SourceRestored {
        /// Which queue's.
        queue_arn: &'a str,
        /// What it has.
        normal: Option<u32>,
    },
    /// Somebody else has changed the mapping of this queue while it was lowered.
    SourceLeft(&'a str),
    /// The mapping of a queue, or its row, could not be read or changed.
    SourceUnmoved {
        /// Which queue's.
        queue_arn: &'a str,
        /// Why.
        what: &'a str,
    },
    /// A record could not be read although it has an id: it stays in the queue.
    RecordUnread {
        /// Its id.
        message_id: &'a str,
        /// What is wrong.
        what: &'a str,
    },
    /// Messages came in, by one invocation or one receive.
    Received {
        /// They.
        messages: &'a [Arc<Message>],
        /// When.
        now: Timestamp,
    },
    /// One try ended. `unknown` is the third of the open doors: sent, and no answer.
    AttemptEnded {
        /// Of which message.
        message: &'a Message,
        /// Along which route.
        route: &'a RouteName,
        /// Whether it was made at the route's own dead-letter target.
        dead_letter: bool,
        /// How.
        attempt: &'a Attempt,
        /// After how long; none where it was not made.
        took: Option<Duration>,
    },
    /// A route gave its event up: from here on it is for the route's own dead-letter target.
    GivenUp {
        /// The event's message.
        message: &'a Message,
        /// Which route.
        route: &'a RouteName,
        /// Why.
        reason: DeadReason,
    },
    /// A shadow route takes an event: what would have become of it.
    ShadowEvaluated {
        /// The event's message.
        message: &'a Message,
        /// Which route.
        route: &'a RouteName,
        /// What would have become of it.
        shadow: &'a Shadow,
    },
    /// A breaker moved, by what this process saw or probed.
    BreakerMoved {
        /// Of which route.
        route: &'a RouteName,
        /// To where.
        to: &'a Breaker,
    },
    /// How the breakers of a function's routes stand, each as far as this process knows.
    BreakersSeen(&'a [(RouteName, Breaker)]),
    /// The rows of gates could not be read or written: what waits for them is put off.
    GatesFailed(&'a StoreError),
    /// A body has no meaning, or not the key that it should.
    Unreadable {
        /// The message.
        message: &'a Message,
        /// What that makes of it.
        reason: DeadReason,
        /// What is wrong.
        what: &'a dyn Display,
    },
    /// A request was made of the ledger's table.
    LedgerAsked {
        /// Write units that it takes, estimated: see [`write_units`].
        write_units: usize,
        /// Read units that it takes: one for each row, consistently and below 4 KB.
        read_units: usize,
        /// Whether any part of it failed.
        failed: bool,
    },
    /// A request was made of a queue.
    QueueAsked {
        /// Whether any part of it failed.
        failed: bool,
    },
    /// Claims had no answer, all for one cause: nothing was begun, the messages stay.
    ClaimsFailed {
        /// Of how many messages.
        messages: u64,
        /// The cause, for queries.
        code: &'a str,
        /// The cause, for people.
        what: &'a str,
    },
    /// Ledger rows of so many messages cannot be read, mostly because a newer release wrote them.
    RowsUnknown(usize),
    /// A lease ended without a word and its row is taken over: whoever held it was killed, perhaps
    /// after an effect. The first of the open doors.
    LeaseEndedWithoutAWord {
        /// Of which message.
        message_id: &'a MessageId,
        /// How often that has happened to the event.
        crashes: u32,
    },
    /// A write after an effect had no answer: the second of the open doors.
    SettleUnconfirmed {
        /// Of which message.
        message: &'a Message,
        /// What the ledger said.
        error: &'a StoreError,
    },
    /// Another holds what we worked on: our lease ended, perhaps while a request was in flight
    /// (F39). The fourth of the open doors.
    Fenced(&'a Message),
    /// An operation is done and no write said so: the second of the open doors, for handlers.
    OperationUnrecorded {
        /// Which.
        operation: &'a Operation,
        /// What the ledger said.
        error: &'a StoreError,
    },
    /// Another holds the row of an operation that we ran (F39): the fourth of the open doors, for
    /// handlers.
    OperationFenced(&'a Operation),
    /// An operation failed, or was cut off. `unknown` is the third of the open doors, for handlers.
    OperationFailed {
        /// Which.
        operation: &'a Operation,
        /// How.
        attempt: &'a Attempt,
    },
    /// An event leaves its queue to wait in a schedule.
    Leaving {
        /// Its message.
        message: &'a Message,
        /// Why.
        why: Leaves,
        /// For how long.
        wait: Duration,
    },
    /// A schedule could not be made: the message stays, and comes back to have it made.
    NotScheduled {
        /// Of which message.
        message: &'a Message,
        /// Why.
        error: &'a ScheduleError,
    },
    /// A dead message could not be sent to its queue.
    DeadLetterFailed {
        /// Which.
        message: &'a Message,
        /// Why.
        what: &'a str,
    },
    /// Visibilities could not be set, all for one cause: the messages come back when the queue's
    /// own timeout ends.
    VisibilityUnchanged {
        /// Of how many messages.
        messages: u64,
        /// The cause, for queries.
        code: &'a str,
        /// The cause, for people.
        what: &'a str,
    },
    /// Dead messages cannot leave the queue.
    RedrivePolicyMissing(&'a str),
    /// There was no time left to set visibilities.
    HandBackCutOff,
    /// Leases were renewed, of so many messages.
    LeasesExtended(u64),
    /// Leases ended that should have been renewed, all for one cause: others may receive the
    /// messages.
    LeasesLost {
        /// Of how many messages.
        messages: u64,
        /// The cause, for queries.
        code: &'a str,
        /// The cause, for people.
        what: &'a str,
    },
    /// Messages that are over could not be deleted, all for one cause: they come again and are
    /// found done.
    NotDeleted {
        /// How many.
        messages: u64,
        /// The cause, for queries.
        code: &'a str,
        /// The cause, for people.
        what: &'a str,
    },
    /// A message that is over was received by another meanwhile, who will find it done.
    DeleteFoundNothing(&'a Message),
    /// A receive failed; it is tried again.
    ReceiveFailed {
        /// The cause, for queries.
        code: &'a str,
        /// The cause, for people.
        what: &'a str,
    },
    /// Spans were not exported: the trace has a gap, and nothing else follows from it.
    SpansLost {
        /// How many.
        spans: u64,
        /// The cause, for people.
        what: &'a str,
    },
    /// An event came to its end undelivered: once for each death, however often its message is
    /// received afterwards.
    Died,
    /// A message ended in this invocation.
    MessageEnded {
        /// Which.
        message: &'a Message,
        /// How.
        end: &'a Finished,
        /// How long after its receive.
        took: Duration,
        /// When.
        now: Timestamp,
    },
    /// An invocation behind a trigger ended: its counts.
    InvocationEnded {
        /// How its messages ended.
        tally: &'a Tally,
        /// After how long.
        took: Duration,
    },
    /// A poll ended: its report, since the answer of an asynchronous invocation is thrown away.
    PollEnded(&'a Report),
    /// A run over dead letters has stopped.
    RunStopped(&'a redrive::Report),
}

/// What would have become of an event along a shadow route.
#[derive(Debug, Clone)]
pub(crate) enum Shadow {
    /// A try with so many bytes.
    WouldDeliver {
        /// How many.
        size_bytes: usize,
    },
    /// Its message would be dead: the route requires JSON.
    Malformed,
    /// It would be refused: the transform makes nothing of it; why.
    TransformFailed(String),
}

impl Happened<'_> {
    /// Writes its line, where it has one. One arm for each thing that happens.
    pub(super) fn log(&self) {
        match *self {
            Self::CannotStart(what) => error!("cannot start: {what}"),
            Self::RoutesTaken { version } => info!(
                routes.version = version,
                "routes taken from their parameter"
            ),
            Self::RoutesRefused { version, what } => error!(
                routes.version = version,
                failure.message = what,
                "new routes refused; those in force stay"
            ),
            Self::RoutesUnread(what) => warn!(
                failure.message = what,
                "routes not read again; those in force stay"
            ),
            Self::SourceLowered { queue_arn, normal } => warn!(
                queue.arn = queue_arn,
                mapping.normal = normal,
                "source lowered; no route's target takes anything"
            ),
            Self::SourceRestored { queue_arn, normal } => info!(
                queue.arn = queue_arn,
                mapping.normal = normal,
                "source restored"
            ),
            Self::SourceLeft(queue_arn) => info!(
                queue.arn = queue_arn,
                "source left as somebody has set it meanwhile"
            ),
            Self::SourceUnmoved { queue_arn, what } => warn!(
                queue.arn = queue_arn,
                failure.message = what,
                "valve not moved; it is looked at again"
            ),
            Self::RecordUnread { message_id, what } => error!(
                message.id = message_id,
                failure.message = what,
                "record unread; it stays in the queue"
            ),
            Self::AttemptEnded {
                message,
                route,
                dead_letter,
                attempt,
                took,
            } => attempt_ended(message, route, dead_letter, attempt, took),
            Self::GivenUp {
                message,
                route,
                reason,
            } => warn!(
                message.id = message.message_id.as_str(),
                route.name = route.as_str(),
                dead.reason = reason.word(),
                "route gave up; its dead-letter target is next"
            ),
            Self::ShadowEvaluated {
                message,
                route,
                shadow,
            } => shadow_evaluated(message, route, shadow),
            Self::BreakerMoved { route, to } => breaker_moved(route, to),
            Self::GatesFailed(error) => warn!(
                failure.code = error.code,
                failure.message = error.message,
                "gates cannot be read or written; their routes wait, nothing is charged"
            ),
            Self::Unreadable {
                message,
                reason,
                what,
            } => warn!(
                message.id = message.message_id.as_str(),
                dead.reason = reason.word(),
                failure.message = %what,
                "message unreadable"
            ),
            Self::ClaimsFailed {
                messages,
                code,
                what,
            } => error!(
                messages,
                failure.code = code,
                failure.message = what,
                "no claim without the ledger; the messages stay, nothing is begun or charged"
            ),
            Self::RowsUnknown(messages) => error!(
                messages,
                "ledger rows are of a form that this release does not know; the messages stay, \
                 nothing is begun or charged. Deploy the release that wrote them"
            ),
            Self::LeaseEndedWithoutAWord {
                message_id,
                crashes,
            } => warn!(
                message.id = message_id.as_str(),
                crashes, "a lease ended without a word; taking over"
            ),
            Self::SettleUnconfirmed { message, error } => error!(
                message.id = message.message_id.as_str(),
                failure.code = error.code,
                failure.message = error.message,
                "ledger unwritable after the effect; the message stays and may be delivered again"
            ),
            Self::Fenced(message) => warn!(
                message.id = message.message_id.as_str(),
                fenced = 1,
                "fenced; the message stays"
            ),
            Self::OperationUnrecorded { operation, error } => error!(
                operation.name = operation.as_str(),
                failure.code = error.code,
                failure.message = error.message,
                "operation ended, but the ledger does not say so; it may be run again"
            ),
            Self::OperationFenced(operation) => warn!(
                operation.name = operation.as_str(),
                fenced = 1,
                "operation fenced; another holds its row"
            ),
            Self::OperationFailed { operation, attempt } => info!(
                operation.name = operation.as_str(),
                delivery.outcome = attempt.outcome.word(),
                failure.code = attempt.code.as_ref(),
                failure.message = attempt.message,
                "operation failed"
            ),
            Self::Leaving { message, why, wait } => info!(
                message.id = message.message_id.as_str(),
                cause = why.word(),
                retry_after_s = wait.as_secs_f64(),
                "event leaves its queue to wait"
            ),
            Self::NotScheduled { message, error } => error!(
                message.id = message.message_id.as_str(),
                failure.code = error.code,
                failure.message = error.message,
                "schedule not made; the message stays"
            ),
            Self::DeadLetterFailed { message, what } => error!(
                message.id = message.message_id.as_str(),
                failure.message = what,
                "dead letter not sent; the message stays"
            ),
            Self::VisibilityUnchanged {
                messages,
                code,
                what,
            } => warn!(
                messages,
                failure.code = code,
                failure.message = what,
                "visibility unchanged; the queue's own timeout holds"
            ),
            Self::RedrivePolicyMissing(what) => error!(
                failure.message = what,
                "no redrive policy seen on the source queue; dead messages wait in it. Give the \
                 queue a redrive policy, or set `dead_letter: send`"
            ),
            Self::HandBackCutOff => {
                warn!("the deadline cut handing back; the queue's own visibility timeout holds");
            }
            Self::LeasesLost {
                messages,
                code,
                what,
            } => warn!(
                messages,
                failure.code = code,
                failure.message = what,
                "leases lost; nothing more is begun for the messages"
            ),
            Self::NotDeleted {
                messages,
                code,
                what,
            } => warn!(
                messages,
                failure.code = code,
                failure.message = what,
                "done but not deleted; the messages come again and are found done"
            ),
            Self::DeleteFoundNothing(message) => debug!(
                message.id = message.message_id.as_str(),
                "nothing to delete under this handle"
            ),
            Self::ReceiveFailed { code, what } => warn!(
                failure.code = code,
                failure.message = what,
                "receive failed"
            ),
            Self::SpansLost { spans, what } => warn!(
                spans,
                failure.message = what,
                "spans lost; their traces have a gap"
            ),
            Self::MessageEnded {
                message, end, took, ..
            } => message_ended(message, end, took),
            Self::InvocationEnded { tally, took } => invocation_ended(tally, took),
            Self::PollEnded(report) => poll_ended(report),
            Self::RunStopped(report) => run_stopped(report),
            Self::Received { .. }
            | Self::BreakersSeen(_)
            | Self::LedgerAsked { .. }
            | Self::QueueAsked { .. }
            | Self::LeasesExtended(_)
            | Self::Died => {}
        }
    }
}

/// A delivery is a line of `debug`; what else a try ends with, one of `info`.
fn attempt_ended(
    message: &Message,
    route: &RouteName,
    dead_letter: bool,
    attempt: &Attempt,
    took: Option<Duration>,
) {
    use waybill_core::outcome::Outcome;

    let (outcome, code) = (attempt.outcome.word(), attempt.code.as_ref());
    let duration_ms = took.map(millis);
    match attempt.outcome {
        Outcome::Delivered => debug!(
            message.id = message.message_id.as_str(),
            route.name = route.as_str(),
            dead_letter,
            delivery.outcome = outcome,
            failure.code = code,
            duration_ms,
            "attempt ended"
        ),
        Outcome::Rejected | Outcome::Transient { .. } | Outcome::Unknown => info!(
            message.id = message.message_id.as_str(),
            route.name = route.as_str(),
            dead_letter,
            delivery.outcome = outcome,
            failure.code = code,
            failure.message = attempt.message,
            duration_ms,
            "attempt ended"
        ),
    }
}

/// What would have become of an event, and how long what would have been sent is.
fn shadow_evaluated(message: &Message, route: &RouteName, shadow: &Shadow) {
    let (outcome, size_bytes, why) = match shadow {
        Shadow::WouldDeliver { size_bytes } => ("would_deliver", *size_bytes, ""),
        Shadow::Malformed => ("malformed", 0, "the route requires JSON"),
        Shadow::TransformFailed(why) => ("transform_failed", 0, why.as_str()),
    };
    info!(
        message.id = message.message_id.as_str(),
        route.name = route.as_str(),
        shadow.outcome = outcome,
        size_bytes,
        failure.message = why,
        "shadow route evaluated; nothing was sent"
    );
}

/// Opening is a warning; each later move is a line of `info`.
fn breaker_moved(route: &RouteName, to: &Breaker) {
    let route = route.as_str();
    match to {
        Breaker::Open(open) if open.round == 0 => {
            warn!(
                route.name = route,
                "breaker opened; nothing is sent to the target but probes"
            );
        }
        Breaker::Open(open) => {
            info!(
                route.name = route,
                probes = open.round,
                "breaker stays open"
            );
        }
        Breaker::Ramp { round, .. } => {
            info!(
                route.name = route,
                probes = round,
                "breaker closes; more and more is sent to the target"
            );
        }
        Breaker::Closed => {}
    }
}

/// A message that did not leave by the clean way has a line of `info` or more.
fn message_ended(message: &Message, end: &Finished, took: Duration) {
    let id = message.message_id.as_str();
    let duration_ms = millis(took);
    match end.disposition {
        Disposition::Ack => debug!(
            message.id = id,
            message.over = end.over.word(),
            duration_ms,
            "message over"
        ),
        Disposition::Retry { after } => info!(
            message.id = id,
            retry_after_s = after.as_secs_f64(),
            duration_ms,
            "message handed back"
        ),
        Disposition::Dead { reason } => warn!(
            message.id = id,
            dead.reason = reason.word(),
            duration_ms,
            "message dead"
        ),
        Disposition::Defer { after, cause } => info!(
            message.id = id,
            cause = cause.word(),
            retry_after_s = after.as_secs_f64(),
            duration_ms,
            "message deferred"
        ),
    }
}

/// One line with an invocation's counts.
fn invocation_ended(tally: &Tally, took: Duration) {
    info!(
        received = tally.received,
        delivered = tally.delivered,
        duplicates = tally.duplicates,
        ignored = tally.ignored,
        scheduled = tally.scheduled,
        retried = tally.retried,
        dead = tally.dead,
        deferred = tally.deferred,
        fenced = tally.fenced,
        attempts = tally.attempts,
        duration_ms = millis(took),
        "invocation ended"
    );
}

/// One line with a poll's report.
fn poll_ended(report: &Report) {
    info!(
        received = report.received,
        delivered = report.delivered,
        duplicates = report.duplicates,
        ignored = report.ignored,
        scheduled = report.scheduled,
        retried = report.retried,
        dead = report.dead,
        deferred = report.deferred,
        fenced = report.fenced,
        attempts = report.attempts,
        deleted = report.deleted,
        leases_extended = report.leases_extended,
        leases_lost = report.leases_lost,
        seconds = report.seconds,
        stopped = report.stopped,
        "poll ended"
    );
}

/// One line with the report of a run.
fn run_stopped(report: &redrive::Report) {
    let counts = &report.counts;
    let left = counts.left.values().sum::<u64>();
    info!(
        run = report.run,
        dry_run = report.dry_run,
        resumed = report.resumed,
        stopped = report.stopped.word(),
        seen = counts.seen,
        not_selected = counts.not_selected,
        sent = counts.sent(),
        completed = counts.completed,
        discarded = counts.discarded,
        left,
        failed = counts.failed,
        undeleted = counts.undeleted,
        delivered = counts.delivered,
        failed_again = counts.failed_again,
        trouble = report.trouble,
        seconds = report.seconds,
        "run over dead letters stopped"
    );
}

impl Over {
    /// The word that lines use.
    fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Scheduled => "scheduled",
            Self::Canary => "canary",
        }
    }
}

/// Whether a message was put off because another holds its row.
pub(super) fn is_fenced(end: &Finished) -> bool {
    match end.disposition {
        Disposition::Defer { cause, .. } => cause == DeferCause::Fenced,
        Disposition::Ack | Disposition::Retry { .. } | Disposition::Dead { .. } => false,
    }
}

/// The write units that writes take, estimated: one for each row below 1 KB, one where it is put
/// into the table's index, and one where it is taken from it.
pub(super) fn write_units(writes: &[Write]) -> usize {
    let units = writes.iter().map(|write| {
        let (next, taken) = match write {
            Write::Insert(next) | Write::Settle { next, .. } => (next, 0),
            // Mostly it is a row that waited, or was dead, and was found by the index.
            Write::TakeOver { next, .. } => (next, 1),
        };
        1 + taken + usize::from(next.index_key().is_some())
    });
    units.sum()
}

/// Whole milliseconds.
fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
