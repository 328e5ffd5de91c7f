//! How far a run has come: what its row keeps, so that it goes on where it was cut off.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::Order;
use crate::dossier::Dossier;
use crate::id::OwnerId;
use crate::ledger::Deed;
use crate::selection::Selection;
use crate::time::Timestamp;

/// A run and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What it was told.
    pub order: Order,
    /// When it began, in milliseconds since the epoch: what dies later is not its concern, or a
    /// target that still fails would have it go round for ever.
    pub began_ms: u64,
    /// When this was last written, in milliseconds since the epoch.
    pub saved_ms: u64,
    /// Where it is.
    pub stage: Stage,
    /// Ledger keys of the canaries, with the `redrive_n` of each.
    pub canaries: Vec<(String, u32)>,
    /// What it counted so far.
    pub counts: Counts,
    /// Who works on it, as 32 hexadecimal digits.
    pub owner: String,
    /// Until when nobody else may, in milliseconds since the epoch; 0 where it was stopped in good
    /// order, and holds nothing.
    pub lease_until_ms: u64,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its canaries go, and are looked after.
    Canary,
    /// The others go.
    Rest,
    /// It is over.
    Over,
}

/// What a run counted. Each dead letter that it took up counts once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Dead letters looked at.
    pub seen: u64,
    /// Of them, those that were not selected.
    pub not_selected: u64,
    /// Sent back, their rows being dead before.
    pub revived: u64,
    /// Sent back without a row: never attempted.
    pub never_attempted: u64,
    /// Sent once more, their rows being not dead: copies, and what a run had left that was cut off.
    pub resent: u64,
    /// Let go, because their events are done.
    pub completed: u64,
    /// Deleted, because that was asked.
    pub discarded: u64,
    /// Left, by why ([`super::Leave::word`]).
    pub left: BTreeMap<String, u64>,
    /// Not done for want of an answer: they stay, and may be tried again.
    pub failed: u64,
    /// Sent, and not deleted for want of an answer: they come again, and are known.
    pub undeleted: u64,
    /// Of those sent back, seen to be delivered.
    pub delivered: u64,
    /// Of those sent back, seen to fail again.
    pub failed_again: u64,
}

impl Counts {
    /// Messages sent.
    pub fn sent(&self) -> u64 {
        self.revived
            .saturating_add(self.never_attempted)
            .saturating_add(self.resent)
    }

    /// Dead letters taken up: what `limit` counts.
    pub fn taken(&self) -> u64 {
        self.sent()
            .saturating_add(self.completed)
            .saturating_add(self.discarded)
    }

    /// All that were looked at, by what became of them: what [`Counts::seen`] must be.
    pub fn accounted(&self) -> u64 {
        let left = self
            .left
            .values()
            .fold(0u64, |sum, n| sum.saturating_add(*n));
        self.taken()
            .saturating_add(self.not_selected)
            .saturating_add(left)
            .saturating_add(self.failed)
    }
}

impl Run {
    /// A run that begins now.
    pub fn new(order: Order, owner: OwnerId, now: Timestamp) -> Self {
        let stage = match order.canary {
            0 => Stage::Rest,
            _ => Stage::Canary,
        };
        Self {
            order,
            began_ms: now.as_millis(),
            saved_ms: now.as_millis(),
            stage,
            canaries: Vec::new(),
            counts: Counts::default(),
            owner: owner.to_string(),
            lease_until_ms: 0,
        }
    }

    /// Somebody takes it up again. What stays in the queue is looked at and counted anew.
    pub fn go_on(&mut self, owner: OwnerId) {
        self.owner = owner.to_string();
        let counts = &mut self.counts;
        counts.seen = counts.taken();
        counts.not_selected = 0;
        counts.left.clear();
        counts.failed = 0;
    }

    /// When it began.
    pub fn began(&self) -> Timestamp {
        Timestamp::from_millis(self.began_ms)
    }

    /// Whether a dead letter is meant, of a run of this name. One that this run brought back when it
    /// was cut off is, and one that died or was sent since the run began is not: a target that still
    /// fails would have it go round for ever (F70).
    pub fn takes(&self, name: &str, selection: &Selection, dossier: &Dossier) -> bool {
        let began = self.began();
        let since = |at: Option<Timestamp>| at.is_some_and(|at| at > began);
        if since(dossier.died()) || since(dossier.message.sent) {
            return false;
        }
        let last = dossier
            .record
            .as_ref()
            .and_then(|record| record.audit.last());
        let left_by_it = last.is_some_and(|entry| {
            let run = entry.note.split(':').next().unwrap_or_default();
            matches!(entry.deed, Deed::Redriven | Deed::Edited) && run == name
        });
        left_by_it || selection.takes(dossier, began)
    }

    /// Whether so much time has passed since that the same order is meant as a new one.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.since(Timestamp::from_millis(self.saved_ms)) > STALE
    }

    /// Until when somebody else works on it; nothing where it is free for this owner.
    pub fn held_by_another(&self, owner: OwnerId, now: Timestamp) -> Option<Timestamp> {
        let until = Timestamp::from_millis(self.lease_until_ms);
        (self.owner != owner.to_string() && now < until).then_some(until)
    }
}

/// After this an unfinished run is gone on with only by its name: what died since it began is not
/// its concern, and who gives the same order days later means that too.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Nothing more was selected.
    Done,
    /// It has taken up as many as it may.
    Limit,
    /// Its time is up; it can go on.
    Deadline,
    /// Somebody stopped it; it can go on.
    Interrupted,
    /// A canary failed again: the run is over.
    CanaryFailed,
    /// The canaries were not delivered in their time; it can go on, and waits for them again.
    CanaryUndecided,
    /// Too many failed again: the run is over.
    Failing,
    /// A queue or the ledger did not answer, or refused; it can go on.
    Trouble,
}

impl Stopped {
    /// Whether it was all that was asked.
    pub fn is_well(self) -> bool {
        match self {
            Self::Done | Self::Limit => true,
            Self::Deadline
            | Self::Interrupted
            | Self::CanaryFailed
            | Self::CanaryUndecided
            | Self::Failing
            | Self::Trouble => false,
        }
    }

    /// Whether the run is over with it: the same order begins a new one. What has failed again is to
    /// be mended first, and is then dead since before the new one.
    pub fn is_over(self) -> bool {
        match self {
            Self::Done | Self::Limit | Self::CanaryFailed | Self::Failing => true,
            Self::Deadline | Self::Interrupted | Self::CanaryUndecided | Self::Trouble => false,
        }
    }

    /// The word that reports use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Limit => "limit",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
            Self::CanaryFailed => "canary_failed",
            Self::CanaryUndecided => "canary_undecided",
            Self::Failing => "failing",
            Self::Trouble => "trouble",
        }
    }
}
