//! What each thing that happens adds to which metric, and to the bill.

use waybill_core::gate::breaker::Breaker;
use waybill_core::outcome::Disposition;
use waybill_core::price::Usage;

use crate::work::Over;

use super::event::is_fenced;
use super::meter::{By, Counts};
use super::{Happened, metric};

impl Happened<'_> {
    /// Counts it.
    pub(super) fn count(&self, counts: &mut Counts, usage: &mut Usage) {
        match *self {
            Self::Received { messages, now } => {
                let many = number(messages.len());
                counts.add(&metric::RECEIVED, By::Queue, many);
                counts.value(&metric::BATCH_FILL, By::Queue, many);
                for sent in messages.iter().filter_map(|message| message.sent) {
                    counts.time(&metric::AGE_AT_RECEIPT, By::Queue, now.since(sent));
                }
            }
            Self::AttemptEnded {
                route,
                attempt,
                took,
                ..
            } => {
                let (route, outcome) = (route.as_str(), attempt.outcome.word());
                counts.add(&metric::ATTEMPTS, By::Queue, 1.0);
                counts.add(&metric::ATTEMPTS, By::Outcome(route, outcome), 1.0);
                if let Some(took) = took {
                    counts.time(&metric::DELIVERY_TIME, By::Route(route), took);
                }
            }
            Self::BreakersSeen(breakers) => {
                let states = breakers
                    .iter()
                    .map(|(route, breaker)| (route, state(breaker)));
                for (route, state) in states.clone() {
                    counts.read(&metric::BREAKER_STATE, By::Route(route.as_str()), state);
                }
                let open = states.filter(|(_, state)| *state >= OPEN).count();
                if !breakers.is_empty() {
                    counts.read(&metric::BREAKERS_OPEN, By::Queue, number(open));
                }
            }
            Self::LedgerAsked {
                write_units,
                read_units,
                failed,
            } => {
                usage.write_units += number(write_units);
                usage.read_units += number(read_units);
                counts.add(&metric::LEDGER_REQUESTS, By::Queue, 1.0);
                if failed {
                    counts.add(&metric::LEDGER_FAILURES, By::Queue, 1.0);
                }
            }
            Self::QueueAsked { failed } => {
                usage.sqs_requests += 1.0;
                counts.add(&metric::QUEUE_REQUESTS, By::Queue, 1.0);
                if failed {
                    counts.add(&metric::QUEUE_FAILURES, By::Queue, 1.0);
                }
            }
            // Lambda received the batch, and deletes what is over of it.
            Self::InvocationEnded { .. } => usage.sqs_requests += 2.0,
            Self::LeaseEndedWithoutAWord { .. } => counts.add(&metric::CRASHES, By::Queue, 1.0),
            Self::LeasesExtended(messages) => {
                counts.add(&metric::LEASES_EXTENDED, By::Queue, number(messages));
            }
            Self::LeasesLost { messages, .. } => {
                counts.add(&metric::LEASES_LOST, By::Queue, number(messages));
            }
            Self::Died => counts.add(&metric::FAILED, By::Queue, 1.0),
            Self::MessageEnded { .. } => self.count_end(counts, usage),
            Self::CannotStart(_)
            | Self::RoutesTaken { .. }
            | Self::RoutesRefused { .. }
            | Self::RoutesUnread(_)
            | Self::SourceLowered { .. }
            | Self::SourceRestored { .. }
            | Self::SourceLeft(_)
            | Self::SourceUnmoved { .. }
            | Self::RecordUnread { .. }
            | Self::GivenUp { .. }
            | Self::ShadowEvaluated { .. }
            | Self::BreakerMoved { .. }
            | Self::GatesFailed(_)
            | Self::Unreadable { .. }
            | Self::ClaimsFailed { .. }
            | Self::RowsUnknown(_)
            | Self::SettleUnconfirmed { .. }
            | Self::Fenced(_)
            | Self::OperationUnrecorded { .. }
            | Self::OperationFenced(_)
            | Self::OperationFailed { .. }
            | Self::Leaving { .. }
            | Self::NotScheduled { .. }
            | Self::DeadLetterFailed { .. }
            | Self::VisibilityUnchanged { .. }
            | Self::RedrivePolicyMissing(_)
            | Self::HandBackCutOff
            | Self::NotDeleted { .. }
            | Self::DeleteFoundNothing(_)
            | Self::ReceiveFailed { .. }
            | Self::SpansLost { .. }
            | Self::PollEnded(_)
            | Self::RunStopped(_) => {}
        }
    }

    /// Counts the end of a message.
    fn count_end(&self, counts: &mut Counts, usage: &mut Usage) {
        let Self::MessageEnded {
            message,
            end,
            took,
            now,
        } = *self
        else {
            return;
        };
        // A canary has no target to wait for: on a quiet queue it would be most of what is seen.
        if end.over != Over::Canary {
            counts.time(&metric::PROCESSING_TIME, By::Queue, took);
        }
        let age = message.sent.map(|sent| now.since(sent));
        match end.disposition {
            Disposition::Ack => match end.over {
                Over::Delivered => {
                    counts.add(&metric::DELIVERED, By::Queue, 1.0);
                    if let Some(age) = age {
                        counts.time(&metric::END_TO_END_LATENCY, By::Queue, age);
                    }
                }
                Over::Duplicate => counts.add(&metric::DUPLICATES, By::Queue, 1.0),
                Over::Ignored => counts.add(&metric::IGNORED, By::Queue, 1.0),
                Over::Scheduled => {
                    usage.scheduler_invocations += 1.0;
                    counts.add(&metric::SCHEDULED, By::Queue, 1.0);
                }
                Over::Canary => {
                    counts.add(&metric::CANARY_DELIVERED, By::Queue, 1.0);
                    if let Some(age) = age {
                        counts.time(&metric::CANARY_LATENCY, By::Queue, age);
                    }
                }
            },
            Disposition::Retry { .. } => counts.add(&metric::RETRIED, By::Queue, 1.0),
            Disposition::Dead { reason } => {
                counts.add(&metric::DEAD, By::Queue, 1.0);
                counts.add(&metric::DEAD, By::Reason(reason.word()), 1.0);
            }
            Disposition::Defer { cause, .. } => {
                counts.add(&metric::DEFERRED, By::Queue, 1.0);
                counts.add(&metric::DEFERRED, By::Cause(cause.word()), 1.0);
                if is_fenced(end) {
                    counts.add(&metric::FENCED, By::Queue, 1.0);
                }
            }
        }
    }
}

/// What `BreakerState` says of an open breaker.
const OPEN: f64 = 2.0;

/// How a breaker stands, as a number that grows with the trouble.
fn state(breaker: &Breaker) -> f64 {
    match breaker {
        Breaker::Closed => 0.0,
        Breaker::Ramp { .. } => 1.0,
        Breaker::Open(_) => OPEN,
    }
}

/// A number of things, which no invocation has four billion of.
fn number(many: impl TryInto<u32>) -> f64 {
    f64::from(many.try_into().unwrap_or(u32::MAX))
}
