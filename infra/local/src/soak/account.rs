//! The account of a soak: what became of every event, and why some were sent to their target again.
//!
//! It holds two witnesses against each other that know nothing of one another: who was killed when,
//! which only the killer knows, and the crashes that the ledger counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::account::Verdict;

/// What was seen. Events are named by the id that the sender gave them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Messages sent, copies included.
    pub sent: u64,
    /// The events in them, each with its message group, in the order they were sent first. The
    /// group is empty on a standard queue.
    pub events: Vec<(String, String)>,
    /// Every request that reached the target, in order; it answered each of them 2xx.
    pub deliveries: Vec<Delivery>,
    /// Every process that was killed.
    pub kills: Vec<Kill>,
    /// The events found in the dead-letter queue, with the reason that the ledger gives.
    pub dead: BTreeMap<String, String>,
    /// The ledger's rows by event.
    pub rows: BTreeMap<String, Row>,
    /// Messages still in the queue when the run was given up; none where it came to its end.
    pub in_queue: u64,
}

/// One request that reached the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event it carried.
    pub event: String,
    /// The idempotency key it carried.
    pub key: String,
    /// When it came.
    pub arrived: Instant,
    /// When its answer went out; `None` where nobody waited for it any more.
    pub answered: Option<Instant>,
    /// The process that sent it; `None` where it was gone when its request was read.
    pub process: Option<i32>,
}

/// One process that was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// The process.
    pub process: i32,
    /// When.
    pub at: Instant,
}

/// What the account needs of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Its status.
    pub status: String,
    /// How often its lease ended without a word.
    pub crashes: u64,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Messages sent, copies included.
    pub sent: u64,
    /// Events in them.
    pub distinct: u64,
    /// Processes killed.
    pub kills: u64,
    /// Those of them that were killed while their target had a request of theirs in hand.
    pub kills_in_delivery: u64,
    /// Requests that reached the target.
    pub requests: u64,
    /// Requests that a target accepts which honours the key: the first of each.
    pub accepted: u64,
    /// The others, by the door that they came through.
    pub repeats: Repeats,
    /// Events that were sent with more than one key.
    pub other_key: u64,
    /// Events of a message group that a later one of it overtook.
    pub out_of_order: u64,
    /// Events in the dead-letter queue, by reason.
    pub dead: BTreeMap<String, u64>,
    /// Those of them that did not take down three processes.
    pub dead_undeserved: u64,
    /// Rows of the ledger, by status.
    pub rows: BTreeMap<String, u64>,
    /// Crashes that the ledger counted, all rows together.
    pub crashes: u64,
    /// Events that are not dead, and not completed for the ledger.
    pub not_completed: u64,
    /// Events that may still be in the queue: the run was given up before its end.
    pub unfinished: u64,
    /// Events that are nowhere.
    pub lost: u64,
}

/// Effects beyond the first, each by what explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeats {
    /// The process that had the effect before was killed by us since, and the ledger counts the
    /// crash.
    pub killed: u64,
    /// Its lease ended without a word otherwise, and the ledger counts that: cut off by Lambda at
    /// its deadline, or it could not write to the ledger.
    pub lease_ended: u64,
    /// The answer came too late or never.
    pub answer_lost: u64,
    /// Nothing explains it.
    pub unexplained: u64,
}

impl Account {
    /// Draws up the account. An answer that took as long as `timeout` was not waited for.
    pub fn of(evidence: &Evidence, timeout: Duration) -> Self {
        let mut of_event: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
        for delivery in &evidence.deliveries {
            of_event.entry(&delivery.event).or_default().push(delivery);
        }
        let mut account = Self {
            sent: evidence.sent,
            distinct: count(evidence.events.iter()),
            kills: count(evidence.kills.iter()),
            kills_in_delivery: count(evidence.kills.iter().filter(|kill| hit(evidence, kill))),
            out_of_order: out_of_order(evidence),
            ..Self::default()
        };
        for (event, _) in &evidence.events {
            let deliveries = of_event.get(event.as_str()).map_or(&[][..], Vec::as_slice);
            account.add(evidence, event, deliveries, timeout);
        }
        for row in evidence.rows.values() {
            *account.rows.entry(row.status.clone()).or_default() += 1;
            account.crashes += row.crashes;
        }
        account.unfinished = account.lost.min(evidence.in_queue);
        account.lost -= account.unfinished;
        account
    }

    /// Judges it.
    pub fn verdict(&self) -> Verdict {
        let broken = [
            self.lost,
            self.repeats.unexplained,
            self.other_key,
            self.out_of_order,
            self.dead_undeserved,
        ];
        if broken.iter().any(|events| *events > 0) {
            Verdict::Broken
        } else if self.unfinished > 0 {
            Verdict::Unfinished
        } else if self.not_completed > 0 {
            Verdict::Broken
        } else {
            Verdict::Kept
        }
    }

    /// Adds one event.
    fn add(
        &mut self,
        evidence: &Evidence,
        event: &str,
        deliveries: &[&Delivery],
        timeout: Duration,
    ) {
        let keys: BTreeSet<&str> = deliveries.iter().map(|one| one.key.as_str()).collect();
        self.requests += count(deliveries.iter());
        self.accepted += count(keys.iter());
        self.other_key += u64::from(keys.len() > 1);
        let row = evidence.rows.get(event);
        let crashes = row.map_or(0, |row| row.crashes);
        self.repeats
            .add(&evidence.kills, deliveries, crashes, timeout);
        match evidence.dead.get(event) {
            Some(reason) => {
                *self.dead.entry(reason.clone()).or_default() += 1;
                let deserved = reason == "crashed" && crashes >= CRASHES_DEAD;
                self.dead_undeserved += u64::from(!deserved);
            }
            None => {
                self.lost += u64::from(deliveries.is_empty());
                let completed = row.is_some_and(|row| row.status == "COMPLETED");
                self.not_completed += u64::from(!completed);
            }
        }
    }
}

impl Repeats {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.killed + self.lease_ended + self.answer_lost + self.unexplained
    }

    /// Explains the repeats of one event, whose row counts so many crashes: no more of them than
    /// that can have come of one.
    fn add(&mut self, kills: &[Kill], deliveries: &[&Delivery], crashes: u64, timeout: Duration) {
        let mut crashes_left = crashes;
        for pair in deliveries.windows(2) {
            let [before, after] = pair else { continue };
            let killed = kills.iter().any(|kill| match before.process {
                Some(process) => {
                    process == kill.process && (before.arrived..=after.arrived).contains(&kill.at)
                }
                // It was killed with its request on the way, or as we looked.
                None => {
                    let on_the_way = before.arrived..=before.arrived + 2 * ON_THE_WAY;
                    on_the_way.contains(&(kill.at + ON_THE_WAY))
                }
            });
            let waited_for = |answered| answered < before.arrived + timeout;
            let answer_lost = !before.answered.is_some_and(waited_for);
            let door = match (killed, answer_lost) {
                (true, _) if crashes_left > 0 => {
                    crashes_left -= 1;
                    &mut self.killed
                }
                (_, true) => &mut self.answer_lost,
                (false, false) if crashes_left > 0 => {
                    crashes_left -= 1;
                    &mut self.lease_ended
                }
                (_, false) => &mut self.unexplained,
            };
            *door += 1;
        }
    }
}

/// Whether the target had a request in hand of the process that was killed.
fn hit(evidence: &Evidence, kill: &Kill) -> bool {
    evidence.deliveries.iter().any(|delivery| {
        delivery.process == Some(kill.process)
            && delivery.arrived <= kill.at
            && delivery.answered.is_none_or(|at| at >= kill.at)
    })
}

/// Events whose first delivery came after that of a later event of their group.
fn out_of_order(evidence: &Evidence) -> u64 {
    let places = (0..).zip(&evidence.events);
    let places: BTreeMap<&str, (&str, u64)> = places
        .map(|(place, (event, group))| (event.as_str(), (group.as_str(), place)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut overtaken = 0;
    for delivery in &evidence.deliveries {
        let Some((group, place)) = places.get(delivery.event.as_str()) else {
            continue;
        };
        if group.is_empty() || !seen.insert(&delivery.event) {
            continue;
        }
        let latest = latest.entry(group).or_insert(*place);
        overtaken += u64::from(*place < *latest);
        *latest = (*latest).max(*place);
    }
    overtaken
}

/// How many there are.
fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

/// How long a request may be on its way to a target on this machine, busy as it may be.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// Processes that an event takes down before it is dead.
const CRASHES_DEAD: u64 = 3;

#[cfg(test)]
mod tests;
