//! One phase of the demo: send, wait until all is settled, look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::account::{Account, Attempt, AttemptResult, Evidence};
use crate::bundle::{Bundle, LedgerRow};
use crate::demo::mix::Mix;
use crate::demo::progress::Progress;
use crate::error::LocalError;
use crate::proxy::Proxy;
use crate::receiver::Receiver;

/// How often we look whether all is settled.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long nothing at all may happen before the phase is given up: three visibility timeouts.
const STANDSTILL: Duration = Duration::from_secs(90);

/// How long the queue must be empty while events are missing before they are missed for good.
const EMPTY_FOR: Duration = Duration::from_secs(3);

/// Most messages in the queue while we send: stand-ins receive slowly from a long queue.
const BACKLOG: u64 = 1000;

/// What a phase came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What became of every event.
    pub account: Account,
    /// What the functions asked of AWS, where there was a proxy to count it.
    pub requests: Option<Requests>,
    /// From the first send until the queue was empty.
    pub took: Duration,
}

/// A phase that is over. Its account is drawn up when the demo is over: until then an event may
/// still be delivered again.
#[derive(Debug)]
pub(super) struct Observed {
    /// Everything but the target's side.
    evidence: Evidence,
    requests: Option<Requests>,
    took: Duration,
}

impl Observed {
    /// Draws up the account, with what the target has seen by now.
    pub(super) fn account(self, receiver: &Receiver) -> Phase {
        let attempts = receiver.inspect(|exchanges| exchanges.iter().filter_map(attempt).collect());
        Phase {
            account: Account::of(&Evidence {
                attempts,
                ..self.evidence
            }),
            requests: self.requests,
            took: self.took,
        }
    }
}

/// What the functions asked of AWS for one message on average; a trigger's own polling is not
/// among it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requests {
    /// Of DynamoDB.
    pub dynamodb_per_message: f64,
    /// Of SQS.
    pub sqs_per_message: f64,
}

/// How full the batches are that the function is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batches {
    /// As the stand-in's poller makes them while we send.
    AsTheyCome,
    /// Full: the trigger rests while we send. Without that, the poller's luck would decide over
    /// the requests per message. No more messages are sent than a backlog may hold.
    Full,
}

/// Runs a phase to its end, or until nothing happens any more.
pub(super) async fn run(
    name: &str,
    bundle: &Bundle,
    receiver: &Receiver,
    proxy: Option<&Proxy>,
    mix: &Mix,
    batches: Batches,
) -> Result<Observed, LocalError> {
    let counted = proxy.map(Proxy::counts);
    let dead_before = bundle.dead_letters().depth().await?.total();
    let start = Instant::now();
    let progress = Progress::new(name, mix.events.len());
    let sent = match batches {
        Batches::AsTheyCome => send(bundle, mix, &progress).await?,
        Batches::Full => {
            bundle.pause(bundle.consumer_function()).await?;
            let sent = send(bundle, mix, &progress).await?;
            bundle.resume(bundle.consumer_function()).await?;
            sent
        }
    };
    let in_queue = settle(bundle, receiver, mix, dead_before, &progress).await?;
    let took = start.elapsed();
    progress.end();
    let requests = proxy.zip(counted).map(|(proxy, before)| {
        let counts = proxy.counts().since(&before);
        Requests {
            dynamodb_per_message: ratio(counts.of_service("dynamodb"), sent.len()),
            sqs_per_message: ratio(counts.of_service("sqs"), sent.len()),
        }
    });
    let evidence = Evidence {
        sent: u64::try_from(sent.len()).unwrap_or(u64::MAX),
        events: mix.ids(),
        undeliverable: mix.undeliverable(),
        attempts: Vec::new(),
        dead: dead(bundle, mix, &sent).await?,
        in_queue,
    };
    Ok(Observed {
        evidence,
        requests,
        took,
    })
}

/// Sends every message; answers the events' ids by message id.
async fn send(
    bundle: &Bundle,
    mix: &Mix,
    progress: &Progress,
) -> Result<BTreeMap<String, String>, LocalError> {
    let mut sent = BTreeMap::new();
    for hundred in mix.messages().chunks(100) {
        let bodies: Vec<String> = hundred.iter().map(|event| event.body.clone()).collect();
        let ids = bundle.source().send(&bodies).await?;
        sent.extend(
            ids.into_iter()
                .zip(hundred.iter().map(|event| event.id.clone())),
        );
        loop {
            progress.sent(sent.len());
            if sent.len() < 1000 || bundle.source().depth().await?.total() <= BACKLOG {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    Ok(sent)
}

/// Waits until every event is delivered or dead and the queue is empty; answers how many messages
/// are left in it, which are none unless the wait was given up.
async fn settle(
    bundle: &Bundle,
    receiver: &Receiver,
    mix: &Mix,
    dead_before: u64,
    progress: &Progress,
) -> Result<u64, LocalError> {
    let wanted = mix.ids();
    let mut last = None;
    let mut moved = Instant::now();
    let mut emptied = None;
    loop {
        let left = bundle.source().depth().await?.total();
        let dead = bundle.dead_letters().depth().await?.total();
        let dead = dead.saturating_sub(dead_before);
        let (delivered, attempts) = receiver.inspect(|exchanges| {
            let attempts = exchanges.iter().filter_map(attempt);
            let effects = attempts.filter(|attempt| attempt.result == AttemptResult::Effect);
            let events: BTreeSet<String> = effects.map(|attempt| attempt.event).collect();
            (events.intersection(&wanted).count(), exchanges.len())
        });
        progress.settled(delivered, dead);
        let now = Some((left, dead, delivered, attempts));
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        let settled = delivered + usize::try_from(dead).unwrap_or(usize::MAX);
        let empty_for = match left {
            0 => emptied.get_or_insert_with(Instant::now).elapsed(),
            _ => {
                emptied = None;
                Duration::ZERO
            }
        };
        if left == 0 && (settled >= wanted.len() || empty_for > EMPTY_FOR) {
            return Ok(0);
        }
        if moved.elapsed() > STANDSTILL {
            return Ok(left);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the target saw in one request.
fn attempt(exchange: &crate::receiver::Exchange) -> Option<Attempt> {
    let effect = exchange
        .status
        .is_some_and(|status| (200..300).contains(&status));
    Some(Attempt {
        event: exchange.received.event_id()?.to_owned(),
        result: match effect {
            true => AttemptResult::Effect,
            false => AttemptResult::NoEffect,
        },
    })
}

/// The events of this mix in the dead-letter queue, with the reason that the ledger gives.
async fn dead(
    bundle: &Bundle,
    mix: &Mix,
    sent: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, LocalError> {
    let rows = bundle.ledger().rows().await?;
    let reasons: BTreeMap<String, &str> = rows
        .iter()
        .filter_map(|row| Some((event_of(row, mix, sent)?, row.dead_reason()?)))
        .collect();
    let known: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| event_of(row, mix, sent))
        .collect();
    let messages = bundle.dead_letters().peek().await?;
    let events = messages
        .iter()
        .filter_map(|message| mix.id_in(message.body().unwrap_or_default()));
    let with_reason = events.map(|event| {
        let reason = match (reasons.get(&event), known.contains(&event)) {
            (Some(reason), _) => *reason,
            (None, true) => "unknown",
            (None, false) => "never_attempted",
        };
        let reason = reason.to_owned();
        (event, reason)
    });
    Ok(with_reason.collect())
}

/// The event that a row is about: the one whose message it died with, or the one whose id (where
/// the body is no event, its message's id) its key ends with.
fn event_of(row: &LedgerRow, mix: &Mix, sent: &BTreeMap<String, String>) -> Option<String> {
    let died_with = row.text("dead_message_id");
    let key = row.pk().rsplit(['#', '\0', ':']).next()?;
    died_with
        .and_then(|message| sent.get(message).cloned())
        .or_else(|| mix.id_in(key))
        .or_else(|| sent.get(key).cloned())
}

/// So many for each.
fn ratio(count: u64, messages: usize) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let messages = u32::try_from(messages.max(1)).unwrap_or(u32::MAX);
    f64::from(count) / f64::from(messages)
}
