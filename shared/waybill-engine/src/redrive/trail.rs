//! What has become of what was brought back: the canaries, and the last of the others.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use waybill_core::id::{LedgerKey, printable};
use waybill_core::limit::BATCH_GET_MAX;
use waybill_core::redrive::progress::{Stage, Stopped};
use waybill_core::redrive::{Fate, fate};
use waybill_core::time::Timestamp;

use super::tally::Tally;
use super::{RESERVE, Redriver};
use crate::ports::{Ambient, Ledger, Queue, RunStore};

/// Events that were brought back, and of which nothing is known yet.
#[derive(Debug, Default)]
pub(super) struct Trail {
    events: VecDeque<(LedgerKey, u32)>,
}

impl Trail {
    /// Follows one more; the oldest is given up where there are too many.
    pub(super) fn follow(&mut self, key: LedgerKey, redrive_n: u32) {
        if self.events.len() == FOLLOWED_MAX {
            self.events.pop_front();
        }
        self.events.push_back((key, redrive_n));
    }

    /// Those to be asked about next, which come last from now on.
    fn next(&mut self) -> Vec<(LedgerKey, u32)> {
        let count = self.events.len().min(BATCH_GET_MAX);
        self.events.drain(..count).collect()
    }
}

impl<Q: Queue, L: Ledger, R: RunStore, A: Ambient> Redriver<Q, L, R, A> {
    /// Waits until every canary is delivered, and the others may go; or stops the run.
    pub(super) async fn watch_canaries(&self, tally: &Tally<'_>) {
        let limit = Duration::from_secs(tally.order.canary_seconds.into());
        let until = self.ambient.now().after(limit);
        loop {
            let canaries = tally.state().run.canaries.clone();
            let keys = canaries.iter().map(|(key, _)| LedgerKey::from_stored(key));
            let rows = self.rows(keys.collect()).await;
            let fate = |(key, redrive_n): &(String, u32)| {
                let row = match rows.get(&LedgerKey::from_stored(key)) {
                    Some(Ok(row)) => row.as_ref(),
                    Some(Err(_)) | None => None,
                };
                fate(row, *redrive_n)
            };
            let fates: Vec<_> = canaries.iter().map(fate).collect();
            let keys = canaries.iter().map(|(key, _)| key.as_str());
            if tally.canaries_decided(keys.zip(fates).collect(), self.ambient.now(), until) {
                return;
            }
            tally.tell();
            sleep(LOOK_EVERY).await;
        }
    }

    /// Asks once what has become of the others, and stops the run where too many failed again.
    pub(super) async fn follow(&self, tally: &Tally<'_>) {
        let asked = tally.state().trail.next();
        if asked.is_empty() || tally.task.dry_run {
            return;
        }
        let mut keys: Vec<_> = asked.iter().map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys.dedup();
        let rows = self.rows(keys).await;
        let mut state = tally.state();
        for (key, redrive_n) in asked {
            let row = match rows.get(&key) {
                Some(Ok(row)) => row.as_ref(),
                Some(Err(_)) | None => None,
            };
            match fate(row, redrive_n) {
                Fate::Delivered => state.run.counts.delivered += 1,
                Fate::Waiting => state.trail.follow(key, redrive_n),
                Fate::Failed(why) => {
                    state.run.counts.failed_again += 1;
                    let says = format!("it failed again after it was brought back: {why}");
                    state
                        .trouble
                        .get_or_insert(format!("`{}`: {says}", printable(key.as_str())));
                }
            }
        }
        let most = tally.order.stop_after.into();
        if most > 0 && state.run.counts.failed_again >= most {
            state.stopped.get_or_insert(Stopped::Failing);
        }
    }
}

impl Tally<'_> {
    /// Whether it is decided how the canaries have ended, or the run is to stop; either is noted.
    fn canaries_decided(&self, fates: Vec<(&str, Fate)>, now: Timestamp, until: Timestamp) -> bool {
        let mut state = self.state();
        let all = fates.len();
        let mut waiting = 0;
        for (key, fate) in fates {
            match fate {
                Fate::Delivered => {}
                Fate::Waiting => waiting += 1,
                Fate::Failed(why) => {
                    state.run.counts.failed_again += 1;
                    state.stopped = Some(Stopped::CanaryFailed);
                    let what = format!("canary `{}` failed again: {why}", printable(key));
                    state.trouble.get_or_insert(what);
                }
            }
        }
        if state.stopped.is_some() {
            return true;
        }
        if waiting == 0 {
            state.run.counts.delivered += u64::try_from(all).unwrap_or(u64::MAX);
            state.run.stage = Stage::Rest;
            return true;
        }
        let late = |until: Timestamp| now >= until.before(RESERVE);
        if (self.task.stop)() {
            state.stopped = Some(Stopped::Interrupted);
        } else if self.task.until.is_some_and(late) {
            state.stopped = Some(Stopped::Deadline);
        } else if now >= until {
            state.stopped = Some(Stopped::CanaryUndecided);
            state.trouble = Some(format!(
                "{waiting} of {all} canaries are not delivered after {} s, and have not failed: \
                 see that the consumer works, and how long its queue is",
                self.order.canary_seconds
            ));
        }
        state.stopped.is_some()
    }
}

/// Of how many events it is followed what becomes of them.
const FOLLOWED_MAX: usize = 1000;

/// How long between two looks at what has become of events.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);
