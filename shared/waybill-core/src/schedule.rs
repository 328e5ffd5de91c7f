//! Waiting outside the queue: when an event leaves it, and what its schedule is called.
//!
//! A message that waits in its queue costs a receive each time it comes back, and holds a place
//! among those in flight. What waits long, or has come back often, waits in a schedule instead: the
//! ledger says so first (`SCHEDULED`), then the schedule is made, then the message goes. Whoever
//! finds such a row early makes the schedule once more, under the same name, and lets its message
//! go too; so it does not matter where in between somebody was killed.

use sha2::{Digest, Sha256};

use crate::id::LedgerKey;
use crate::ledger::{Record, RouteRecord, Status};
use crate::limit::{RECEIVES_SPARED, SCHEDULE_WAIT_MIN, WAIT_MAX};
use crate::retry::Life;
use crate::time::Timestamp;

/// Why an event leaves its queue to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Its wait is longer than [`WAIT_MAX`].
    LongWait,
    /// Its message would leave the queue by age before the wait is over (F08).
    Age,
    /// Its message was received so often that more waits would use up what the redrive policy
    /// allows (F07).
    Receives,
    /// Every route that is still open says that it is to go on by itself (`detach`).
    Detached,
}

impl Leaves {
    /// The word that logs use.
    pub fn word(self) -> &'static str {
        match self {
            Self::LongWait => "long_wait",
            Self::Age => "age",
            Self::Receives => "receives",
            Self::Detached => "detached",
        }
    }
}

/// How the message of an event stands when a turn at its row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Now.
    pub now: Timestamp,
    /// How often the message was received, this time included.
    pub receive_count: u32,
    /// How long the message is there.
    pub life: Life,
}

impl Record {
    /// Why this event leaves the queue, where it does; `detach` says after how many attempts a
    /// route goes on by itself. Only a row that waits can: `PENDING`, with a due time.
    pub fn leaves(
        &self,
        standing: Standing,
        detach: impl Fn(&RouteRecord) -> Option<u32>,
    ) -> Option<Leaves> {
        let due = self.due.filter(|_| self.status == Status::Pending)?;
        let mut open = self.routes.iter().filter(|r| r.state.is_open());
        if due.since(standing.now) > WAIT_MAX {
            return Some(Leaves::LongWait);
        }
        if standing.life.is_too_short(due) {
            return Some(Leaves::Age);
        }
        if standing.receive_count >= RECEIVES_SPARED {
            return Some(Leaves::Receives);
        }
        let detached = open.all(|r| detach(r).is_some_and(|after| r.attempts >= after));
        detached.then_some(Leaves::Detached)
    }

    /// Makes a row that waits say that it waits outside the queue: until its due time, in whole
    /// seconds as schedules are, and not so short that the schedule would come too late to be made.
    pub fn schedule(&mut self, now: Timestamp) {
        let soonest = now.after(SCHEDULE_WAIT_MIN);
        let due = self.due.unwrap_or(soonest).max(soonest);
        self.status = Status::Scheduled;
        self.due = Some(Timestamp::from_secs(due.as_secs_ceil()));
    }

    /// The name of this row's schedule: the same for whoever finds the row like this, another for
    /// its next wait.
    pub fn schedule_name(&self) -> String {
        schedule_name(&self.key, self.rev)
    }
}

/// At most 64 characters that schedules may be called by, of a row's key and `rev`.
fn schedule_name(key: &LedgerKey, rev: u64) -> String {
    let mut hash = Sha256::digest(format!("{}\0{rev}", key.as_str())).to_vec();
    hash.truncate(NAME_HASH);
    format!("waybill-{}", hex::encode(hash))
}

/// How many bytes of a hash name a schedule: with `waybill-` before them they fill its 64
/// characters.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>
const NAME_HASH: usize = 28;

#[cfg(test)]
mod tests;
