//! What happens, as one line of JSON each. Only this module writes, so that a thing has one name
//! everywhere. Never a body, a header, a token or a key.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use waybill_core::gate::breaker::Breaker;
use waybill_core::id::{MessageId, Operation, RouteName};
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, DeadReason, DeferCause, Disposition, Outcome};
use waybill_core::schedule::Leaves;

use crate::poller::Report;
use crate::ports::{QueueError, ScheduleError, StoreError};
use crate::redrive;
use crate::work::{Finished, Over};

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
    error!("cannot start: {what}");
}

/// Routes that are kept in a parameter were read and are in force from the next invocation on.
pub fn routes_taken(version: &str) {
    info!(
        routes.version = version,
        "routes taken from their parameter"
    );
}

/// A version of the routes is not taken: the faults, each with its remedy. Once for each version.
pub(crate) fn routes_refused(version: &str, what: &str) {
    error!(
        routes.version = version,
        failure.message = what,
        "new routes refused; those in force stay"
    );
}

/// The routes could not be read again; they are tried again with a later invocation.
pub(crate) fn routes_unread(what: &str) {
    warn!(
        failure.message = what,
        "routes not read again; those in force stay"
    );
}

/// Every route's target is away: the mapping of a queue was lowered.
pub(crate) fn source_lowered(queue_arn: &str, normal: Option<u32>) {
    warn!(
        queue.arn = queue_arn,
        mapping.normal = normal,
        "source lowered; no route's target takes anything"
    );
}

/// A mapping has again what it had before it was lowered.
pub(crate) fn source_restored(queue_arn: &str, normal: Option<u32>) {
    info!(
        queue.arn = queue_arn,
        mapping.normal = normal,
        "source restored"
    );
}

/// Somebody else has changed a mapping that was lowered.
pub(crate) fn source_left(queue_arn: &str) {
    info!(
        queue.arn = queue_arn,
        "source left as somebody has set it meanwhile"
    );
}

/// The mapping of a queue, or its row, could not be read or changed.
pub(crate) fn source_unmoved(queue_arn: &str, what: &str) {
    warn!(
        queue.arn = queue_arn,
        failure.message = what,
        "valve not moved; it is looked at again"
    );
}

/// A record could not be read although it has an id: it stays in the queue.
pub fn record_unread(message_id: &str, what: &str) {
    error!(
        message.id = message_id,
        failure.message = what,
        "record unread; it stays in the queue"
    );
}

/// One try ended. `unknown` is the third of the open doors: sent, and no answer.
///
/// `dead_letter`: it was made at the route's own dead-letter target.
pub(crate) fn attempt_ended(
    message: &Message,
    route: &RouteName,
    dead_letter: bool,
    attempt: &Attempt,
) {
    let (outcome, code) = (attempt.outcome.word(), attempt.code.as_ref());
    match attempt.outcome {
        Outcome::Delivered => debug!(
            message.id = message.message_id.as_str(),
            route.name = route.as_str(),
            dead_letter,
            delivery.outcome = outcome,
            failure.code = code,
            "attempt ended"
        ),
        Outcome::Rejected | Outcome::Transient { .. } | Outcome::Unknown => info!(
            message.id = message.message_id.as_str(),
            route.name = route.as_str(),
            dead_letter,
            delivery.outcome = outcome,
            failure.code = code,
            failure.message = attempt.message,
            "attempt ended"
        ),
    }
}

/// A route gave its event up: from here on it is for the route's own dead-letter target.
pub(crate) fn given_up(message: &Message, route: &RouteName, reason: DeadReason) {
    warn!(
        message.id = message.message_id.as_str(),
        route.name = route.as_str(),
        reason = reason.word(),
        "route gave up; its dead-letter target is next"
    );
}

/// A shadow route takes an event: what would have become of it, and how long what would have been
/// sent is.
pub(crate) fn shadow_evaluated(message: &Message, route: &RouteName, what: &Shadow) {
    let (outcome, size_bytes, why) = match what {
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

/// What would have become of an event along a shadow route.
pub(crate) enum Shadow {
    /// A try with so many bytes.
    WouldDeliver { size_bytes: usize },
    /// Its message would be dead: the route requires JSON.
    Malformed,
    /// It would be refused: the transform makes nothing of it; why.
    TransformFailed(String),
}

/// A breaker moved, by what this process saw or probed.
pub(crate) fn breaker_moved(route: &RouteName, to: &Breaker) {
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

/// The rows of gates could not be read or written: what waits for them is put off.
pub(crate) fn gates_failed(error: &StoreError) {
    warn!(
        failure.code = error.code,
        failure.message = error.message,
        "gates cannot be read or written; their routes wait, nothing is charged"
    );
}

/// A body has no meaning, or not the key that it should.
pub(crate) fn unreadable(message: &Message, reason: DeadReason, what: &dyn std::fmt::Display) {
    warn!(
        message.id = message.message_id.as_str(),
        dead.reason = reason.word(),
        failure.message = %what,
        "message unreadable"
    );
}

/// Claims had no answer: nothing was begun, the messages stay. One line for each cause, since a
/// ledger that is away is away for a whole window.
pub(crate) fn claims_failed<'a>(errors: impl Iterator<Item = &'a StoreError>) {
    let causes = errors.map(|error| (error.code.as_str(), error.message.as_str()));
    for ((code, what), messages) in by_cause(causes) {
        error!(
            messages,
            failure.code = code,
            failure.message = what,
            "no claim without the ledger; the messages stay, nothing is begun or charged"
        );
    }
}

/// Ledger rows cannot be read, mostly because a newer release wrote them: nothing is begun.
pub(crate) fn rows_unknown(messages: usize) {
    if messages > 0 {
        error!(
            messages,
            "ledger rows are of a form that this release does not know; the messages stay, \
             nothing is begun or charged. Deploy the release that wrote them"
        );
    }
}

/// A lease ended without a word and its row is taken over: whoever held it was killed, perhaps
/// after an effect. The first of the open doors.
pub(crate) fn lease_ended_without_a_word(message_id: &MessageId, crashes: u32) {
    warn!(
        message.id = message_id.as_str(),
        crashes, "a lease ended without a word; taking over"
    );
}

/// A write after an effect had no answer: the second of the open doors.
pub(crate) fn settle_unconfirmed(message: &Message, error: &StoreError) {
    error!(
        message.id = message.message_id.as_str(),
        failure.code = error.code,
        failure.message = error.message,
        "ledger unwritable after the effect; the message stays and may be delivered again"
    );
}

/// Another holds what we worked on: our lease ended, perhaps while a request was in flight (F39).
/// The fourth of the open doors.
pub(crate) fn fenced(message: &Message) {
    warn!(
        message.id = message.message_id.as_str(),
        fenced = 1,
        "fenced; the message stays"
    );
}

/// An operation is done and no write said so: the second of the open doors, for handlers.
pub(crate) fn operation_unrecorded(operation: &Operation, error: &StoreError) {
    error!(
        operation.name = operation.as_str(),
        failure.code = error.code,
        failure.message = error.message,
        "operation ended, but the ledger does not say so; it may be run again"
    );
}

/// Another holds the row of an operation that we ran (F39): the fourth of the open doors, for
/// handlers.
pub(crate) fn operation_fenced(operation: &Operation) {
    warn!(
        operation.name = operation.as_str(),
        fenced = 1,
        "operation fenced; another holds its row"
    );
}

/// An operation failed, or was cut off. `unknown` is the third of the open doors, for handlers.
pub(crate) fn operation_failed(operation: &Operation, attempt: &Attempt) {
    info!(
        operation.name = operation.as_str(),
        delivery.outcome = attempt.outcome.word(),
        failure.code = attempt.code.as_ref(),
        failure.message = attempt.message,
        "operation failed"
    );
}

/// An event leaves its queue to wait in a schedule.
pub(crate) fn leaves(message: &Message, why: Leaves, wait: Duration) {
    info!(
        message.id = message.message_id.as_str(),
        cause = why.word(),
        retry_after_s = wait.as_secs_f64(),
        "event leaves its queue to wait"
    );
}

/// A schedule could not be made: the message stays, and comes back to have it made.
pub(crate) fn not_scheduled(message: &Message, error: &ScheduleError) {
    error!(
        message.id = message.message_id.as_str(),
        failure.code = error.code,
        failure.message = error.message,
        "schedule not made; the message stays"
    );
}

/// A dead message could not be sent to its queue.
pub(crate) fn dead_letter_failed(message: &Message, what: &str) {
    error!(
        message.id = message.message_id.as_str(),
        failure.message = what,
        "dead letter not sent; the message stays"
    );
}

/// Visibilities could not be set: the messages come back when the queue's own timeout ends. One
/// line for each cause.
pub(crate) fn visibility_unchanged(errors: &[QueueError]) {
    for ((code, what), messages) in by_queue_cause(errors) {
        warn!(
            messages,
            failure.code = code,
            failure.message = what,
            "visibility unchanged; the queue's own timeout holds"
        );
    }
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

/// Dead messages cannot leave the queue.
pub(crate) fn redrive_policy_missing(what: &str) {
    error!(
        failure.message = what,
        "no redrive policy seen on the source queue; dead messages wait in it. Give the queue a \
         redrive policy, or set `dead_letter: send`"
    );
}

/// There was no time left to set visibilities.
pub(crate) fn hand_back_cut_off() {
    warn!("the deadline cut handing back; the queue's own visibility timeout holds");
}

/// Leases ended that should have been renewed: others may receive the messages. One line for each
/// cause.
pub(crate) fn leases_lost(errors: &[QueueError]) {
    for ((code, what), messages) in by_queue_cause(errors) {
        warn!(
            messages,
            failure.code = code,
            failure.message = what,
            "leases lost; nothing more is begun for the messages"
        );
    }
}

/// Messages that are over could not be deleted: they come again and are found done. One line for
/// each cause.
pub(crate) fn not_deleted(errors: &[QueueError]) {
    for ((code, what), messages) in by_queue_cause(errors) {
        warn!(
            messages,
            failure.code = code,
            failure.message = what,
            "done but not deleted; the messages come again and are found done"
        );
    }
}

/// A message that is over was received by another meanwhile, who will find it done.
pub(crate) fn delete_found_nothing(message: &Message) {
    debug!(
        message.id = message.message_id.as_str(),
        "nothing to delete under this handle"
    );
}

/// A receive failed; it is tried again.
pub(crate) fn receive_failed(error: &QueueError) {
    warn!(
        failure.code = error.code,
        failure.message = error.message,
        "receive failed"
    );
}

/// An invocation ended: one line with its counts.
pub(crate) fn invocation_ended(tally: &Tally, took: Duration) {
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

/// A poll ended: one line with its report, since the answer of an asynchronous invocation is
/// thrown away.
pub(crate) fn poll_ended(report: &Report) {
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

/// A run over dead letters has stopped.
pub(crate) fn run_stopped(report: &redrive::Report) {
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

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
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
    /// Counts the end of one message; one that did not leave by the clean way has a line too.
    pub(crate) fn add(&mut self, message: &Message, end: &Finished) {
        self.received += 1;
        self.attempts += u64::from(end.attempts);
        let id = message.message_id.as_str();
        let seconds = |after: Duration| after.as_secs_f64();
        match end.disposition {
            Disposition::Ack => match end.over {
                Over::Delivered => self.delivered += 1,
                Over::Duplicate => self.duplicates += 1,
                Over::Ignored => self.ignored += 1,
                Over::Scheduled => self.scheduled += 1,
            },
            Disposition::Retry { after } => {
                self.retried += 1;
                info!(
                    message.id = id,
                    retry_after_s = seconds(after),
                    "message handed back"
                );
            }
            Disposition::Dead { reason } => {
                self.dead += 1;
                warn!(message.id = id, dead.reason = reason.word(), "message dead");
            }
            Disposition::Defer { after, cause } => {
                self.deferred += 1;
                self.fenced += u64::from(cause == DeferCause::Fenced);
                let cause = cause.word();
                info!(
                    message.id = id,
                    cause,
                    retry_after_s = seconds(after),
                    "message deferred"
                );
            }
        }
    }
}
