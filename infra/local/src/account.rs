//! What became of everything that was sent: the demo's judgement, from what was seen outside.
//!
//! It believes neither the functions nor their logs: a delivery is an answer of 2xx that the target
//! gave, a dead event is a message found in the dead-letter queue. Only *why* an event is dead is
//! read from the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What was seen from outside. Events are named by the id that the sender gave them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Messages sent, copies included.
    pub sent: u64,
    /// The events in them.
    pub events: BTreeSet<String>,
    /// The events whose target would never take them.
    pub undeliverable: BTreeSet<String>,
    /// Every request that reached the target, in order.
    pub attempts: Vec<Attempt>,
    /// The events found in the dead-letter queue, with the reason.
    pub dead: BTreeMap<String, String>,
    /// Every message that the functions asked SQS to delete; `None` where nobody could watch, as
    /// behind a trigger, which deletes by itself.
    pub deletions: Option<Vec<Delete>>,
    /// Messages still in the queue when the run was given up; none where it came to its end.
    pub in_queue: u64,
}

/// One request that reached the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The event it carried.
    pub event: String,
    /// What the target did.
    pub result: AttemptResult,
    /// When its answer went out; `None` where there was none.
    pub answered: Option<Instant>,
}

/// One message that was to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// The event it carried; `None` where nobody knows.
    pub event: Option<String>,
    /// When SQS was asked.
    pub at: Instant,
}

/// What the target did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// It answered 2xx: the event had its effect.
    Effect,
    /// It answered anything else, or not at all.
    NoEffect,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Messages sent, copies included.
    pub sent: u64,
    /// Events in them.
    pub distinct: u64,
    /// Events that had their effect.
    pub delivered: u64,
    /// Events that had it more than once.
    pub delivered_twice: u64,
    /// Events in the dead-letter queue, by reason.
    pub dead: BTreeMap<String, u64>,
    /// Events in the dead-letter queue that their target would have taken.
    pub dead_undeserved: u64,
    /// Events that may still be in the queue: the run was given up before its end.
    pub unfinished: u64,
    /// Events that are nowhere.
    pub lost: u64,
    /// Requests that reached the target.
    pub attempts: u64,
    /// Messages that the functions deleted, where that was watched.
    pub deletes: Option<Deletes>,
}

/// The messages that the functions deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deletes {
    /// All of them.
    pub seen: u64,
    /// Those whose target had not answered 2xx by then.
    pub too_early: u64,
}

/// What an account comes to, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every promise was kept.
    Kept,
    /// Nothing was broken, but the run did not come to its end.
    Unfinished,
    /// A promise was broken.
    Broken,
}

impl Account {
    /// Draws up the account.
    pub fn of(evidence: &Evidence) -> Self {
        let mut effects: BTreeMap<&str, u64> = BTreeMap::new();
        let mut answered: BTreeMap<&str, Instant> = BTreeMap::new();
        let mut attempts = 0;
        for attempt in &evidence.attempts {
            if !evidence.events.contains(&attempt.event) {
                continue;
            }
            attempts += 1;
            match attempt.result {
                AttemptResult::Effect => {
                    *effects.entry(&attempt.event).or_default() += 1;
                    if let Some(at) = attempt.answered {
                        let first = answered.entry(&attempt.event).or_insert(at);
                        *first = at.min(*first);
                    }
                }
                AttemptResult::NoEffect => {}
            }
        }
        let mut dead: BTreeMap<String, u64> = BTreeMap::new();
        for (event, reason) in &evidence.dead {
            if evidence.events.contains(event) {
                *dead.entry(reason.clone()).or_default() += 1;
            }
        }
        let missing = count(evidence.events.iter().filter(|event| {
            !effects.contains_key(event.as_str()) && !evidence.dead.contains_key(*event)
        }));
        let unfinished = missing.min(evidence.in_queue);
        Self {
            sent: evidence.sent,
            distinct: count(evidence.events.iter()),
            delivered: count(effects.keys()),
            delivered_twice: count(effects.values().filter(|effects| **effects > 1)),
            dead,
            dead_undeserved: count(evidence.dead.keys().filter(|event| {
                evidence.events.contains(*event) && !evidence.undeliverable.contains(*event)
            })),
            unfinished,
            lost: missing - unfinished,
            attempts,
            deletes: evidence
                .deletions
                .as_ref()
                .map(|all| Deletes::of(all, &answered)),
        }
    }

    /// Judges it. A good event in the dead-letter queue is a broken promise too: nothing that the
    /// demo sends may take its neighbours down.
    pub fn verdict(&self) -> Verdict {
        let too_early = self.deletes.map_or(0, |deletes| deletes.too_early);
        let broken = [
            self.delivered_twice,
            self.lost,
            self.dead_undeserved,
            too_early,
        ];
        if broken.iter().any(|events| *events > 0) {
            Verdict::Broken
        } else if self.unfinished > 0 {
            Verdict::Unfinished
        } else {
            Verdict::Kept
        }
    }

    /// Events in the dead-letter queue, whatever the reason.
    pub fn dead_total(&self) -> u64 {
        self.dead.values().sum()
    }
}

impl Deletes {
    /// Holds each deletion against the first answer of 2xx to its event. In the demo a message may
    /// go for no other reason: what is dead is moved by the queue's redrive policy.
    fn of(deletions: &[Delete], answered: &BTreeMap<&str, Instant>) -> Self {
        let in_time = |delete: &&Delete| {
            let event = delete.event.as_deref();
            let answered = event.and_then(|event| answered.get(event));
            answered.is_some_and(|answered| *answered <= delete.at)
        };
        let seen = count(deletions.iter());
        Self {
            seen,
            too_early: seen - count(deletions.iter().filter(in_time)),
        }
    }
}

/// How many there are.
fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
