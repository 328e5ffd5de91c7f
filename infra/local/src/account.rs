//! What became of everything that was sent: the demo's judgement, from what was seen outside.
//!
//! It believes neither the functions nor their logs: a delivery is an answer of 2xx that the target
//! gave, a dead event is a message found in the dead-letter queue. Only *why* an event is dead is
//! read from the ledger.

use std::collections::{BTreeMap, BTreeSet};

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
}

/// What an account comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every promise was kept.
    Kept,
    /// A promise was broken.
    Broken,
    /// Nothing was broken, but the run did not come to its end.
    Unfinished,
}

impl Account {
    /// Draws up the account.
    pub fn of(evidence: &Evidence) -> Self {
        let mut effects: BTreeMap<&str, u64> = BTreeMap::new();
        let mut attempts = 0;
        for attempt in &evidence.attempts {
            if !evidence.events.contains(&attempt.event) {
                continue;
            }
            attempts += 1;
            match attempt.result {
                AttemptResult::Effect => *effects.entry(&attempt.event).or_default() += 1,
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
        }
    }

    /// Judges it. A good event in the dead-letter queue is a broken promise too: nothing that the
    /// demo sends may take its neighbours down.
    pub fn verdict(&self) -> Verdict {
        if self.delivered_twice > 0 || self.lost > 0 || self.dead_undeserved > 0 {
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

/// How many there are.
fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
