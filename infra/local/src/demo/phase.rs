//! One phase of the demo: send, wait until all is settled, look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::account::{Account, Attempt, AttemptResult, Delete, Evidence};
use crate::bundle::{Bundle, LedgerRow};
use crate::demo::WayIn;
use crate::demo::mix::Mix;
use crate::demo::poll::{Polled, Turn, poll};
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
    /// What the poller reported, in poll mode.
    pub polled: Option<Polled>,
}

/// Where a phase happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'s> {
    pub(super) way: WayIn,
    pub(super) bundle: &'s Bundle,
    pub(super) receiver: &'s Receiver,
    pub(super) proxy: Option<&'s Proxy>,
}

/// A phase that is over. Its account is drawn up when the mode is over: until then an event may
/// still be delivered again.
#[derive(Debug)]
pub(super) struct Observed {
    /// Everything but the target's side and the deletions.
    evidence: Evidence,
    /// The events' ids by message id.
    sent: BTreeMap<String, String>,
    requests: Option<Requests>,
    took: Duration,
    polled: Option<Polled>,
}

impl Observed {
    /// Draws up the account, with what the target has seen by now.
    pub(super) fn account(self, site: Site<'_>) -> Phase {
        let seen = |exchanges: &[_]| exchanges.iter().filter_map(attempt).collect();
        let deletions = match site.way {
            WayIn::Trigger => None,
            WayIn::Poll => site.proxy.map(|proxy| deletions(proxy, &self.sent)),
        };
        Phase {
            account: Account::of(&Evidence {
                attempts: site.receiver.inspect(seen),
                deletions,
                ..self.evidence
            }),
            requests: self.requests,
            took: self.took,
            polled: self.polled,
        }
    }
}

/// What the functions asked of AWS for one message on average; a trigger's own polling is not
/// among it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requests {
    /// Of DynamoDB.
    pub dynamodb_per_message: f64,
    /// Of SQS, but for the empty receives.
    pub sqs_per_message: f64,
    /// Receives that found nothing, in all: the price of asking, whatever there is to do.
    pub empty_receives: u64,
}

/// How full the batches are that the function is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batches {
    /// As they come while we send.
    AsTheyCome,
    /// Full: nobody receives while we send. Without that, luck would decide over the requests per
    /// message. No more messages are sent than a backlog may hold.
    Full,
}

/// Runs a phase to its end, or until nothing happens any more.
pub(super) async fn run(
    name: &str,
    site: Site<'_>,
    mix: &Mix,
    batches: Batches,
) -> Result<Observed, LocalError> {
    let Site {
        way, bundle, proxy, ..
    } = site;
    let counted = proxy.map(Proxy::counts);
    let start = Instant::now();
    let progress = Progress::new(&format!("{}, {name}", way.word()), mix.events.len());
    let feeding = async |feed: Feed<'_>| {
        let dead_before = bundle.dead_letters().depth().await?.total();
        let sent = match batches {
            Batches::AsTheyCome => {
                feed.go().await?;
                send(bundle, mix, &progress).await?
            }
            Batches::Full => {
                feed.rest().await?;
                let sent = send(bundle, mix, &progress).await?;
                feed.go().await?;
                sent
            }
        };
        let in_queue = settle(site, mix, dead_before, &progress).await?;
        feed.end();
        Ok::<_, LocalError>((sent, in_queue, start.elapsed()))
    };
    let ((sent, in_queue, took), polled) = match way {
        WayIn::Trigger => (Box::pin(feeding(Feed::Trigger(bundle))).await?, None),
        WayIn::Poll => {
            let (turn, turns) = watch::channel(Turn::Rest);
            let feeding = Box::pin(feeding(Feed::Poller(turn)));
            let polling = Box::pin(poll(bundle, turns));
            let (fed, polled) = tokio::try_join!(feeding, polling)?;
            (fed, Some(polled))
        }
    };
    progress.end();
    let requests = proxy.zip(counted).map(|(proxy, before)| {
        let counts = proxy.counts().since(&before);
        let empty_receives = counts.empty_receives();
        let sqs = counts.of_service("sqs").saturating_sub(empty_receives);
        Requests {
            dynamodb_per_message: ratio(counts.of_service("dynamodb"), sent.len()),
            sqs_per_message: ratio(sqs, sent.len()),
            empty_receives,
        }
    });
    let evidence = Evidence {
        sent: u64::try_from(sent.len()).unwrap_or(u64::MAX),
        events: mix.ids(),
        undeliverable: mix.undeliverable(),
        dead: dead(bundle, mix, &sent).await?,
        in_queue,
        ..Evidence::default()
    };
    Ok(Observed {
        evidence,
        sent,
        requests,
        took,
        polled,
    })
}

/// Who takes messages off the queue.
enum Feed<'s> {
    /// The trigger.
    Trigger(&'s Bundle),
    /// One poll after the other.
    Poller(watch::Sender<Turn>),
}

impl Feed<'_> {
    /// Nobody takes any for a while.
    async fn rest(&self) -> Result<(), LocalError> {
        match self {
            Self::Trigger(bundle) => bundle.pause(bundle.consumer_function()).await,
            Self::Poller(turn) => {
                turn.send_replace(Turn::Rest);
                Ok(())
            }
        }
    }

    /// From now on they are taken.
    async fn go(&self) -> Result<(), LocalError> {
        match self {
            Self::Trigger(bundle) => bundle.resume(bundle.consumer_function()).await,
            Self::Poller(turn) => {
                turn.send_replace(Turn::Poll);
                Ok(())
            }
        }
    }

    /// Nobody needs to take any more.
    fn end(&self) {
        match self {
            Self::Trigger(_) => {}
            Self::Poller(turn) => {
                turn.send_replace(Turn::Over);
            }
        }
    }
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
    site: Site<'_>,
    mix: &Mix,
    dead_before: u64,
    progress: &Progress,
) -> Result<u64, LocalError> {
    let Site {
        bundle, receiver, ..
    } = site;
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
        answered: exchange.answered_at(),
    })
}

/// What the functions asked SQS to delete, of these messages and of those that nobody knows.
fn deletions(proxy: &Proxy, sent: &BTreeMap<String, String>) -> Vec<Delete> {
    let all = proxy.deletions().into_iter();
    all.filter_map(|deletion| {
        let event = match deletion.message_id {
            Some(message) => Some(sent.get(&message)?.clone()),
            None => None,
        };
        Some(Delete {
            event,
            at: deletion.at,
        })
    })
    .collect()
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
