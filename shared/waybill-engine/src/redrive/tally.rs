//! What the workers of one call share: the run, what is held, and whether to go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use waybill_core::dossier::Dossier;
use waybill_core::id::{LedgerKey, MessageId};
use waybill_core::redrive::order::Order;
use waybill_core::redrive::pace::Pace;
use waybill_core::redrive::progress::{Run, Stage, Stopped};
use waybill_core::selection::Selection;
use waybill_core::time::Timestamp;

use super::look::Held;
use super::trail::Trail;
use super::{REMARKS_MAX, RESERVE, Remark, Task};

/// One call of a run.
pub(super) struct Tally<'a> {
    pub(super) task: Task<'a>,
    pub(super) selection: Selection,
    /// What the run was told.
    pub(super) order: Order,
    /// When the first message's turn is.
    began: Instant,
    pace: Pace,
    /// Until then what a run held that was cut off may be hidden still.
    pub(super) not_over_before: Timestamp,
    state: Mutex<State>,
}

/// What changes.
pub(super) struct State {
    pub(super) run: Run,
    pub(super) held: Held,
    pub(super) trail: Trail,
    /// Groups of a FIFO queue of which one message was not sent: what is behind it stays.
    pub(super) blocked: BTreeSet<String>,
    pub(super) remarks: Vec<Remark>,
    pub(super) stopped: Option<Stopped>,
    pub(super) trouble: Option<String>,
    /// Messages whose turn has been given away.
    turns: u64,
    /// Dead letters that were taken up, done or not yet.
    taking: u64,
}

/// What becomes of one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Sent, its row having been dead; the row's `redrive_n`.
    Revived(u32),
    /// Sent without a row.
    NeverAttempted,
    /// Sent once more.
    Resent,
    /// Let go, because its event is done.
    Completed,
    /// Deleted, because that was asked.
    Discarded,
}

impl<'a> Tally<'a> {
    /// Nothing is done yet.
    pub(super) fn new(
        task: Task<'a>,
        selection: Selection,
        run: Run,
        not_over_before: Timestamp,
    ) -> Self {
        let ramp = Duration::from_secs(run.order.ramp_seconds.into());
        Self {
            task,
            selection,
            order: run.order.clone(),
            began: Instant::now(),
            pace: Pace::new(run.order.rate, ramp),
            not_over_before,
            state: Mutex::new(State {
                taking: run.counts.taken(),
                run,
                held: Held::default(),
                trail: Trail::default(),
                blocked: BTreeSet::new(),
                remarks: Vec::new(),
                stopped: None,
                trouble: None,
                turns: 0,
            }),
        }
    }

    /// What changes, to look at and to change at once.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is over; what it came to.
    pub(super) fn into_state(self) -> State {
        self.state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many may be taken up next; none where it is to stop, which is then noted.
    pub(super) fn room(&self, now: Timestamp) -> usize {
        let mut state = self.state();
        if state.stopped.is_some() {
            return 0;
        }
        let late = |until: Timestamp| now >= until.before(RESERVE);
        if (self.task.stop)() {
            state.stopped = Some(Stopped::Interrupted);
        } else if self.task.until.is_some_and(late) {
            state.stopped = Some(Stopped::Deadline);
        } else if state.left() == 0 {
            state.stopped = Some(Stopped::Limit);
        }
        match state.stopped {
            Some(_) => 0,
            None => self.pace.handful().min(state.wanted()),
        }
    }

    /// Whether a dead letter is meant.
    pub(super) fn takes(&self, dossier: &Dossier) -> bool {
        let state = self.state();
        state.run.takes(self.task.run, &self.selection, dossier)
    }

    /// Takes as many turns as dead letters are to be done: when the last of them is.
    pub(super) fn turns(&self, count: usize) -> Instant {
        let mut state = self.state();
        let turn = self.pace.turn(state.turns);
        state.turns += u64::try_from(count).unwrap_or(u64::MAX);
        self.began + turn
    }

    /// Notes that something is in the way of the whole run.
    pub(super) fn trouble(&self, what: impl Into<String>) {
        let mut state = self.state();
        state.stopped.get_or_insert(Stopped::Trouble);
        state.trouble.get_or_insert(what.into());
    }

    /// Tells how far the run has come.
    pub(super) fn tell(&self) {
        let run = self.state().run.clone();
        (self.task.tell)(&run);
    }
}

impl State {
    /// How many may still be taken up.
    fn left(&self) -> u64 {
        let limit = self.run.order.limit.unwrap_or(u64::MAX);
        limit.saturating_sub(self.taking)
    }

    /// How many are still wanted now: canaries come first, and alone.
    fn wanted(&self) -> usize {
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        match self.run.stage {
            Stage::Canary => left.min(self.canaries_missing()),
            Stage::Rest | Stage::Over => left,
        }
    }

    /// How many canaries are still to go.
    pub(super) fn canaries_missing(&self) -> usize {
        let wanted = usize::try_from(self.run.order.canary).unwrap_or(usize::MAX);
        wanted.saturating_sub(self.run.canaries.len())
    }

    /// Parts what was selected in those to take up, and those to show again at once, to come when
    /// their turn is: second copies of a key, and what would be too many.
    pub(super) fn part(
        &mut self,
        selected: Vec<(LedgerKey, Dossier)>,
    ) -> (Vec<(LedgerKey, Dossier)>, Vec<Dossier>) {
        let mut keys = BTreeSet::new();
        let (mut now, mut later) = (Vec::new(), Vec::new());
        let most = self.wanted();
        for (key, dossier) in selected {
            match now.len() < most && keys.insert(key.clone()) {
                true => now.push((key, dossier)),
                false => later.push(dossier),
            }
        }
        let taking = u64::try_from(now.len()).unwrap_or(u64::MAX);
        self.taking = self.taking.saturating_add(taking);
        (now, later)
    }

    /// Counts a dead letter that has ended; `key` is its row's.
    pub(super) fn ended(&mut self, key: &LedgerKey, end: &End) {
        let counts = &mut self.run.counts;
        let followed = match end {
            End::Revived(redrive_n) => {
                counts.revived += 1;
                Some(*redrive_n)
            }
            End::NeverAttempted => {
                counts.never_attempted += 1;
                Some(0)
            }
            End::Resent => {
                counts.resent += 1;
                None
            }
            End::Completed => {
                counts.completed += 1;
                None
            }
            End::Discarded => {
                counts.discarded += 1;
                None
            }
        };
        if let Some(redrive_n) = followed {
            match self.run.stage {
                Stage::Canary => {
                    let canary = (key.as_str().to_owned(), redrive_n);
                    self.run.canaries.push(canary);
                }
                Stage::Rest | Stage::Over => self.trail.follow(key.clone(), redrive_n),
            }
        }
    }

    /// Counts one that stays.
    pub(super) fn left_it(&mut self, word: &str) {
        let left: &mut BTreeMap<String, u64> = &mut self.run.counts.left;
        *left.entry(word.to_owned()).or_default() += 1;
        self.taking = self.taking.saturating_sub(1);
    }

    /// Counts one that failed, and stays.
    pub(super) fn failed(&mut self) {
        self.run.counts.failed += 1;
        self.taking = self.taking.saturating_sub(1);
    }

    /// Remarks on one that stays.
    pub(super) fn remark(&mut self, id: &MessageId, key: &str, word: &str, says: String) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(Remark {
                message_id: id.to_string(),
                key: key.to_owned(),
                word: word.to_owned(),
                says,
            });
        }
    }
}
