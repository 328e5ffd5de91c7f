//! Kills functions at random, as an out-of-memory kill would: half of the time any process, idle
//! ones among them, else one that has a delivery in hand.
//!
//! Only what runs in the process group of our own stand-in and has a function's name is killed, by
//! its number: see [`LocalAws::sandboxes`](crate::LocalAws::sandboxes).

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::account::Kill;
use super::{Site, SoakOptions};
use crate::dice::Dice;

impl Site<'_> {
    /// Kills one process after the other until then, at irregular times.
    pub(super) async fn kill_until(&self, end: Instant, options: SoakOptions) {
        let mut dice = Dice::new(options.seed);
        let every = usize::try_from(options.kill_every).unwrap_or(1) * 1000;
        loop {
            // From half to one and a half of the time.
            let wait = every / 2 + dice.below(every);
            let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
            if Instant::now() + wait >= end {
                tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
                return;
            }
            tokio::time::sleep(wait).await;
            // The consumer's processes are many, the poller's is one: each has its turn.
            let functions = [
                self.bundle.consumer_function(),
                self.bundle.poller_function(),
            ];
            let function = functions.get(dice.below(functions.len()));
            let mut running = self.aws.sandboxes(function.copied().unwrap_or_default());
            if dice.below(2) == 0 {
                let delivering = self.delivering();
                if running.iter().any(|one| delivering.contains(&one.pid())) {
                    running.retain(|one| delivering.contains(&one.pid()));
                }
            }
            let victim = running.get(dice.below(running.len()));
            let Some(victim) = victim else { continue };
            let at = Instant::now();
            if victim.kill().is_ok() {
                let mut kills = self.kills.lock().unwrap_or_else(PoisonError::into_inner);
                kills.push(Kill {
                    process: victim.pid(),
                    at,
                });
            }
        }
    }

    /// The processes that wait for an answer of the target's, some that are gone among them.
    fn delivering(&self) -> BTreeSet<i32> {
        let deliveries = self.deliveries().into_iter();
        let waiting = deliveries.filter(|delivery| delivery.answered.is_none());
        waiting.filter_map(|delivery| delivery.process).collect()
    }
}
