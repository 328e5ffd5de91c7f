//! What must hold while a world lives and when it ends.

use std::collections::{BTreeMap, BTreeSet};

use waybill_core::id::MessageId;
use waybill_core::ledger::{DeadLetter, Record, RouteState, Status};
use waybill_core::message::Message;
use waybill_core::outcome::DeadReason;
use waybill_core::time::Timestamp;
use waybill_testkit::fixtures;

use super::super::handler::{Answered, Try};
use super::super::watch::{attribute, digest, key_of};
use super::{Fate, Invocation, World, row_key};

impl World {
    /// Claims that an invocation leaves behind.
    pub(super) fn note_left(&self, messages: &[Message], (by, lease): (usize, Timestamp)) -> usize {
        let keys: BTreeSet<_> = messages.iter().map(key_of).collect();
        let rows = keys.iter().filter_map(|key| self.ledger.record(key));
        let owners: BTreeSet<_> = {
            let log = self.watch.log();
            let claims = log.claims.iter().filter(|c| c.by == by && c.lease == lease);
            claims.map(|c| c.owner).collect()
        };
        let mine = |row: &Record| row.status == Status::InProgress && owners.contains(&row.owner);
        let left: Vec<_> = rows.filter(mine).collect();
        let mut told = self.told();
        for row in &left {
            *told.left.entry(row.key.clone()).or_default() += 1;
        }
        left.len()
    }

    /// An invocation is over: every effect is in the ledger or has its door, no claim is left
    /// without a reason, and nothing is charged that did not happen.
    pub(super) fn look_at(&self, over: &Invocation<'_>) {
        let left = self.note_left(over.messages, (over.by, over.lease));
        let excused = over.fate != Fate::Runs || over.trouble;
        self.must(left == 0 || excused, || {
            format!("{left} claims were left without a reason")
        });
        let handles: BTreeSet<_> = over.messages.iter().map(|m| &m.receipt_handle.0).collect();
        let tries = self.tries();
        for this in tries.iter().filter(|t| handles.contains(&t.handle)) {
            self.must(this.answered != Answered::Not, || {
                format!("a try outlives its invocation: {this:?}")
            });
            let frozen = matches!(over.fate, Fate::Frozen(..));
            self.must(frozen || this.begun < over.deadline, || {
                format!("a try was begun after the deadline: {this:?}")
            });
            if this.effect {
                self.look_at_effect(over, this);
            }
        }
        for message in over.messages {
            if let Some(row) = self.ledger.record(&key_of(message)) {
                self.look_at_row(&row, &tries);
            }
        }
    }

    fn look_at_effect(&self, over: &Invocation<'_>, this: &Try) {
        let row = self.ledger.record(&row_key(&this.data));
        let frozen = self.skewed || matches!(over.fate, Fate::Frozen(..));
        let shown = row.is_some_and(|row| {
            let mine = row.lease_until == over.lease;
            let route = row.routes.iter().find(|r| r.name.as_str() == this.route);
            (mine || !frozen) && route.is_some_and(|r| r.state == RouteState::Delivered)
        });
        // What the engine did not hear of is never in the ledger by this try.
        if shown && this.answered != Answered::Otherwise {
            return;
        }
        let mut told = self.told();
        *told.doors.entry(this.idempotency_key.clone()).or_default() += 1;
        let seen = &mut told.seen;
        match (this.answered, over.fate) {
            (Answered::Otherwise, _) => seen.doors_unknown += 1,
            (_, Fate::Killed(_)) => seen.doors_killed += 1,
            (_, Fate::Frozen(..)) => seen.doors_lease += 1,
            (Answered::Delivered, Fate::Runs) if self.skewed => seen.doors_lease += 1,
            (Answered::Delivered, Fate::Runs) if over.trouble => seen.doors_unwritable += 1,
            (Answered::Delivered | Answered::Not | Answered::Killed, Fate::Runs) => {
                drop(told);
                self.must(false, || {
                    format!("an effect is not in the ledger, and no door was open: {this:?}")
                });
            }
        }
    }

    /// No more attempts are charged than there are steps, nor than there were tries.
    pub(super) fn look_at_row(&self, row: &Record, tries: &[Try]) {
        for route in &row.routes {
            let steps = self.shaky.policies[&route.name].retry.steps;
            let is_of = |t: &&Try| {
                row_key(&t.data) == row.key
                    && t.route == route.name.as_str()
                    && t.answered != Answered::Killed
            };
            let tried = tries.iter().filter(is_of).count();
            let charged = usize::try_from(route.attempts).unwrap();
            self.must(charged <= tried && route.attempts <= steps + 1, || {
                format!("charged {charged} of {tried} tries, with {steps} retries: {row:#?}")
            });
        }
        let left = self.told().left.get(&row.key).copied().unwrap_or_default();
        let crashed = self.watch.log().crashed.get(&row.key).copied();
        let left = left + crashed.unwrap_or_default();
        self.must(row.crashes <= left || self.skewed, || {
            format!(
                "{} crashes, but {left} claims were left: {row:#?}",
                row.crashes
            )
        });
    }

    /// A message may leave the queue only when the ledger says that all is done, or when it is
    /// where the dead go.
    pub(super) fn look_at_ack(&self, message: &Message) {
        let right = self.watch.may_leave(&message.body, &key_of(message));
        self.must(right.is_ok(), || format!("let go: {right:?}"));
    }

    /// The queue is empty: nothing is lost, and every row is terminal for a reason.
    pub(super) fn look_at_the_end(&self) {
        let dead = self.dead.messages();
        let is_dead = |id: &MessageId| dead.iter().any(|m| m.message_id == *id);
        let lost: Vec<_> = {
            let told = self.told();
            told.standing
                .iter()
                .filter(|id| !is_dead(id))
                .cloned()
                .collect()
        };
        self.must(lost.is_empty(), || format!("lost: {lost:?}"));
        let redrives = self.config.dead_letter == DeadLetter::Redrive;
        let moved = dead.iter().filter(|m| m.receive_count > 0);
        for message in moved {
            self.must(redrives, || format!("moved while valid: {message:?}"));
            let key = fixtures::key(&attribute(message.sent.attributes.get("waybill-key")));
            let row = self.ledger.record(&key);
            let right = row.as_ref().is_some_and(|row| {
                let conflict = row.digest != digest(&message.sent.body);
                conflict || row.status == Status::Dead || row.redrive_n > 0
            });
            self.must(right, || format!("moved while valid: {message:?} {row:#?}"));
        }
        let tries = self.tries();
        for row in self.rows() {
            self.look_at_row(&row, &tries);
            self.look_at_last_row(&row, &tries);
        }
        let mut effects: BTreeMap<_, usize> = BTreeMap::new();
        for this in tries.iter().filter(|t| t.effect) {
            *effects.entry(&this.idempotency_key).or_default() += 1;
        }
        for (key, count) in effects {
            let doors = self.told().doors.get(key).copied().unwrap_or_default();
            self.must(count <= 1 + doors, || {
                let of_key = tries.iter().filter(|t| t.idempotency_key == *key);
                format!(
                    "{count} effects, {doors} doors: {:#?}",
                    of_key.collect::<Vec<_>>()
                )
            });
        }
    }

    fn look_at_last_row(&self, row: &Record, tries: &[Try]) {
        let any = |state| row.routes.iter().any(|r| r.state == state);
        let taken = |route: &str| {
            let mut of_row = tries.iter().filter(|t| row_key(&t.data) == row.key);
            of_row.any(|t| t.route == route && t.effect)
        };
        for route in &row.routes {
            let name = route.name.as_str();
            self.must(route.state != RouteState::Delivered || taken(name), || {
                format!("delivered, but its target never took it: {row:#?}")
            });
        }
        let right = match (row.status, row.death.as_ref().map(|d| d.reason)) {
            (Status::Completed, _) => {
                !any(RouteState::Open) && !any(RouteState::Rejected) && !any(RouteState::Spent)
            }
            (Status::Dead, Some(DeadReason::AttemptsSpent)) => any(RouteState::Spent),
            (Status::Dead, Some(DeadReason::Rejected)) => any(RouteState::Rejected),
            (Status::Dead, Some(DeadReason::Crashed)) => row.crashes >= 3,
            (Status::Dead, Some(DeadReason::RedriveLoop)) => row.redrive_n > 3,
            (Status::Dead, Some(DeadReason::Unrouted | DeadReason::Malformed)) => {
                row.routes.is_empty()
            }
            (Status::Dead | Status::InProgress | Status::Pending, _) => false,
        };
        self.must(right, || format!("a row is not as it should end: {row:#?}"));
    }

    /// With healthy targets a redrive delivers what was dead, but for loops.
    pub(super) fn look_at_the_redriven(&self) {
        for row in self.rows().iter().filter(|row| !row.routes.is_empty()) {
            let reason = row.death.as_ref().map(|d| d.reason);
            let conflict = row.redrive_n == 0;
            let right = matches!(reason, None | Some(DeadReason::RedriveLoop)) || conflict;
            self.must(right, || format!("redriven in vain: {row:#?}"));
        }
    }
}
