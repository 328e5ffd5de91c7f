//! Handing back: when the messages that stay are visible again.
//!
//! The ledger has been written before. A change that fails loses nothing: the message comes back
//! when the queue's own visibility timeout ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use waybill_core::ledger::DeadLetter;
use waybill_core::limit::{SQS_BATCH_MAX, VISIBILITY_MAX, WAIT_MAX};
use waybill_core::message::Message;
use waybill_core::outcome::Disposition;

use crate::engine::Source;
use crate::ports::{Ambient, Queue, VisibilityChange};
use crate::telemetry::{self, Happened};
use crate::work::Finished;

/// Sets the visibility of every message that stays, in requests of ten.
pub(crate) async fn hand_back<Q: Queue, A: Ambient>(
    source: &Source<Q>,
    dead_letter: DeadLetter,
    messages: &[Arc<Message>],
    finished: &[Finished],
    ambient: &A,
) {
    let began = ambient.now();
    let any_dead = finished
        .iter()
        .any(|end| matches!(end.disposition, Disposition::Dead { .. }));
    let dead_wait = match dead_letter {
        DeadLetter::Redrive if any_dead => Some(dead_wait(source).await),
        DeadLetter::Redrive | DeadLetter::Send => None,
    };
    let now = ambient.now();
    let mut changes = Vec::new();
    for (message, end) in messages.iter().zip(finished) {
        let visible_in = match end.disposition {
            Disposition::Ack => None,
            Disposition::Retry { after } | Disposition::Defer { after, .. } => Some(
                after
                    .saturating_sub(now.since(end.at.unwrap_or(began)))
                    .min(VISIBILITY_MAX.saturating_sub(SINCE_RECEIVE)),
            ),
            Disposition::Dead { .. } => dead_wait,
        };
        if let Some(visible_in) = visible_in {
            let receipt_handle = message.receipt_handle.clone();
            changes.push(VisibilityChange {
                receipt_handle,
                visible_in,
            });
        }
    }
    let mut unchanged = Vec::new();
    for chunk in changes.chunks(SQS_BATCH_MAX) {
        let answers = source.queue.change_visibility(chunk).await;
        telemetry::queue_asked(&answers);
        unchanged.extend(answers.into_iter().filter_map(Result::err));
    }
    telemetry::visibility_unchanged(&unchanged);
}

/// How long a dead message stays invisible: not at all, so that SQS moves it soon; but without a
/// redrive policy it would come back for ever, so it waits long, and a person is told.
pub(crate) async fn dead_wait<Q: Queue>(source: &Source<Q>) -> Duration {
    if source.has_redrive_policy.load(Ordering::Relaxed) {
        return Duration::ZERO;
    }
    let answer = source.queue.has_redrive_policy().await;
    telemetry::tell(Happened::QueueAsked {
        failed: answer.is_err(),
    });
    match answer {
        Ok(true) => {
            source.has_redrive_policy.store(true, Ordering::Relaxed);
            Duration::ZERO
        }
        Ok(false) => {
            telemetry::tell(Happened::RedrivePolicyMissing("the queue has none"));
            WAIT_MAX
        }
        Err(error) => {
            telemetry::tell(Happened::RedrivePolicyMissing(&error.message));
            WAIT_MAX
        }
    }
}

/// How long ago a message was received at most: SQS counts the twelve hours from there, and
/// refuses what is beyond them (F05).
const SINCE_RECEIVE: Duration = Duration::from_secs(20 * 60);
