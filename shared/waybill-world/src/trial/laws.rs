//! What must hold when a world has come to rest.

use std::collections::BTreeMap;

use waybill_core::id::MessageId;
use waybill_core::ledger::{Record, RouteRecord, RouteState, Row, Status};
use waybill_core::outcome::DeadReason;
use waybill_core::retry::outage_survived;
use waybill_testkit::TestAmbient;

use super::plan::{ByTarget, steps as steps_of};
use super::target::{Heard, Try, dead_letter_of};
use super::watch::{Log, digest, key_of_standing, opened_standing};
use super::{Account, Door, SIX_HOURS, Trial};
use crate::fault::Fault;

impl Trial {
    /// The queue is empty: nothing is lost, every row is terminal for a reason, and every effect
    /// beyond the first has its door.
    pub(super) fn look_at_the_end(&self) {
        self.look_at_the_lost();
        self.look_at_the_moved();
        for row in self.rows() {
            self.look_at_row(&row);
            self.look_at_last_row(&row);
            self.look_at_the_dead(&row);
        }
        self.look_at_effects();
    }

    /// What is dead is where the dead are. (A redrive is known by being sent after the death: where
    /// clocks differ by more than a lease allows for, one that comes soon is taken for a copy.)
    fn look_at_the_dead(&self, row: &Record) {
        let dead = self.dead.messages();
        let is_it = |key| key == row.key;
        let buried = dead.iter().any(|message| is_it(key_of_standing(message)));
        let right = row.status != Status::Dead || buried || self.plan.wild;
        self.watch.must(right, || {
            format!("dead, and not in the dead-letter queue: {row:#?}")
        });
    }

    /// Each message that was sent is over, or with the dead.
    fn look_at_the_lost(&self) {
        let expired = self.queue.expired();
        self.watch.must(expired.is_empty(), || {
            format!("kept for too long: {expired:#?}")
        });
        let lost = self.lost();
        self.watch
            .must(lost.is_empty(), || format!("lost: {lost:?}"));
    }

    /// Messages that are neither over nor with the dead.
    fn lost(&self) -> Vec<MessageId> {
        let dead = self.dead.messages();
        let is_dead = |id: &MessageId| dead.iter().any(|m| m.message_id == *id);
        let log = self.watch.log();
        let lost = log.standing.iter().filter(|id| !is_dead(id));
        lost.cloned().collect()
    }

    /// The redrive policy moves what is dead, and what trouble burnt the receives of.
    fn look_at_the_moved(&self) {
        for message in self.moved_while_valid() {
            let log = self.watch.log();
            let burnt = log.burnt.get(&message).copied().unwrap_or_default();
            drop(log);
            let room = 2 * (self.plan.steps + 1) + 3;
            let spare = self.plan.max_receive_count.saturating_sub(room);
            let survives = outage_survived(self.plan.max_receive_count, self.plan.steps);
            let long = self.plan.long_outage == Some(Fault::LongStoreOutage);
            let long = long && survives < SIX_HOURS;
            // Of copies of one event each costs the others receives: one may be moved while another
            // is delivered.
            let done = self.is_completed(&message);
            self.watch.must(burnt * 2 >= spare || long || done, || {
                format!("moved while valid, with {burnt} receives burnt by trouble: {message:?}")
            });
        }
    }

    /// Whether the event of a message that was moved was delivered all the same.
    fn is_completed(&self, message: &MessageId) -> bool {
        let dead = self.dead.messages();
        let moved = dead.iter().find(|m| m.message_id == *message);
        let row = moved.and_then(|m| self.watch.ledger.record(&key_of_standing(m)));
        row.is_some_and(|row| row.status == Status::Completed)
    }

    /// Messages that the redrive policy moved though their rows are not dead.
    fn moved_while_valid(&self) -> Vec<MessageId> {
        let dead = self.dead.messages();
        let moved = dead.iter().filter(|m| m.receive_count > 0);
        let valid = moved.filter(|message| {
            let row = self.watch.ledger.record(&key_of_standing(message));
            !row.as_ref().is_some_and(|row| {
                let conflict = row.digest != digest(&opened_standing(message).body);
                conflict || row.status == Status::Dead || row.redrive_n > 0
            })
        });
        valid.map(|m| m.message_id.clone()).collect()
    }

    /// No more attempts are charged than there are steps, nor than there were tries; no more
    /// crashes than claims that ended without a word.
    fn look_at_row(&self, row: &Record) {
        let log = self.watch.log();
        let of_row = log.tries.iter().filter(|(key, _)| *key == row.key);
        let tries: Vec<_> = of_row.map(|(_, this)| this.clone()).collect();
        let left = log.left.get(&row.key).copied().unwrap_or_default();
        drop(log);
        for route in &row.routes {
            let steps = self.plan.policies.get(&route.name);
            let steps = steps.map_or(0, |policy| steps_of(policy));
            let own = dead_letter_of(&route.name);
            let here = |t: &&Try| t.route == route.name.as_str() || t.route == own;
            let tried = tries.iter().filter(here);
            // A row that is written with its effect counts the try, whoever hears of it.
            let with_row = self.plan.by_target == Some(ByTarget::Transaction);
            let written = |t: &&Try| with_row && !t.effects.is_empty();
            let tried = tried.filter(|t| t.heard != Heard::Death || written(t));
            let tried = tried.count();
            let charged = usize::try_from(route.attempts).unwrap_or(usize::MAX);
            self.watch
                .must(charged <= tried && route.attempts <= steps + 1, || {
                    format!("charged {charged} of {tried} tries, with {steps} retries: {row:#?}")
                });
        }
        self.watch.must(row.crashes <= left, || {
            format!(
                "{} crashes, but {left} claims were left: {row:#?}",
                row.crashes
            )
        });
    }

    /// A row ends completed or dead, for a reason that its routes show.
    fn look_at_last_row(&self, row: &Record) {
        let any = |state| row.routes.iter().any(|r| r.state == state);
        let log = self.watch.log();
        let taken = |route: &str| {
            let mut of_row = log.tries.iter().filter(|(key, _)| *key == row.key);
            of_row.any(|(_, t)| t.route == route && !t.effects.is_empty())
        };
        let invented = |r: &&RouteRecord| {
            (r.state == RouteState::Delivered && !taken(r.name.as_str()))
                || (r.state == RouteState::DeadLettered && !taken(&dead_letter_of(&r.name)))
        };
        let invented = row.routes.iter().filter(invented).count();
        drop(log);
        self.watch.must(invented == 0, || {
            format!("delivered, but its target never took it: {row:#?}")
        });
        let right = match (row.status, row.death.as_ref().map(|d| d.reason)) {
            (Status::Completed, _) => {
                use RouteState::{DeadLettered, Delivered, LetGo};
                let ended = |state| [Delivered, LetGo, DeadLettered].contains(&state);
                row.routes.iter().all(|r| ended(r.state))
            }
            (Status::Dead, Some(DeadReason::AttemptsSpent)) => any(RouteState::Spent),
            (Status::Dead, Some(DeadReason::Rejected)) => any(RouteState::Rejected),
            (Status::Dead, Some(DeadReason::Crashed)) => row.crashes >= 3,
            (Status::Dead, Some(DeadReason::RedriveLoop)) => row.redrive_n > 3,
            (Status::Dead, Some(DeadReason::Unrouted | DeadReason::Malformed)) => {
                row.routes.is_empty()
            }
            // Its message was moved by the redrive policy in the middle of its retries.
            (Status::InProgress | Status::Pending | Status::Scheduled, _) => {
                let dead = self.dead.messages();
                let moved = dead.iter().filter(|m| m.receive_count > 0);
                moved.into_iter().any(|m| key_of_standing(m) == row.key)
            }
            (Status::Dead, _) => false,
        };
        self.watch
            .must(right, || format!("a row is not as it should end: {row:#?}"));
    }

    /// At most one effect of an event and route, but for doors; and at most one that a target
    /// accepts which honours the idempotency key.
    fn look_at_effects(&self) {
        let mut doors: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut effects: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let tries = self.watch.log().tries.clone();
        for (key, this) in &tries {
            let of = (key.as_str().to_owned(), this.route.clone());
            for _ in &this.effects {
                let keys = effects.entry(of.clone()).or_default();
                keys.push(this.idempotency_key.clone());
            }
            // A target that makes each effect once leaves no door open.
            let once = self.plan.by_target(&this.route).is_some();
            if this.effects.is_empty() || once || self.shows(this) {
                continue;
            }
            let door = self.door(this);
            self.watch.must(door.is_ok(), || {
                format!("an effect is not in the ledger, and no door was open: {this:?}")
            });
            *doors.entry(of).or_default() += 1;
        }
        for (of, keys) in effects {
            let open = doors.get(&of).copied().unwrap_or_default();
            self.watch.must(keys.len() <= self.lives() + open, || {
                let of_key = tries.iter().filter(|(key, _)| key.as_str() == of.0);
                let (count, of_key) = (keys.len(), of_key.collect::<Vec<_>>());
                format!("{count} effects, {open} doors: {of_key:#?}")
            });
            let first = keys.first();
            self.watch
                .must(keys.iter().all(|key| Some(key) == first), || {
                    format!("a target that honours keys accepts it twice: {of:?} {keys:?}")
                });
        }
    }

    /// Whether the ledger shows what a try did, by the claim that it was begun on.
    fn shows(&self, this: &Try) -> bool {
        let shown = |owner| {
            let shown = (owner, this.route.clone());
            self.watch.log().delivered.contains(&shown)
        };
        // What the engine did not hear of is never in the ledger by this try.
        this.heard == Heard::Delivered && this.owner.is_some_and(shown)
    }

    /// The door that an effect went through which the ledger does not show.
    fn door(&self, this: &Try) -> Result<Door, ()> {
        let log = self.watch.log();
        let claim = this.owner.and_then(|owner| log.claims.get(&owner));
        let overtaken = claim.and_then(|claim| claim.overtaken);
        match this.heard {
            _ if overtaken.is_some_and(|at| Some(at) <= this.ended) => Ok(Door::LeaseEnded),
            Heard::Otherwise | Heard::Nothing => Ok(Door::AnswerLost),
            Heard::Death => Ok(Door::Killed),
            Heard::Delivered => unwritten(&log, this, self.plan.wild),
        }
    }

    /// With healthy targets a redrive delivers what was dead, but for loops.
    pub(super) fn look_at_the_redriven(&self) {
        for row in self.rows().iter().filter(|row| !row.routes.is_empty()) {
            let reason = row.death.as_ref().map(|d| d.reason);
            let conflict = row.redrive_n == 0;
            let loops = matches!(reason, None | Some(DeadReason::RedriveLoop));
            let right = loops || conflict || self.plan.wild;
            self.watch
                .must(right, || format!("redriven in vain: {row:#?}"));
        }
    }

    /// Every row that there is.
    pub(super) fn rows(&self) -> Vec<Record> {
        let rows = self.watch.ledger.rows().into_values();
        let known = rows.filter_map(|row| match row {
            Row::Known(record) => Some(*record),
            Row::Unknown { .. } => None,
        });
        known.collect()
    }

    /// What the world held.
    pub(super) fn account(&self) -> Account {
        let mut account = Account {
            worlds: 1,
            faults: self.world.counts(),
            moved_valid: self.moved_while_valid().len() as u64,
            seconds: self.world.now().since(TestAmbient::BASE).as_secs(),
            ..Account::default()
        };
        for row in self.rows() {
            match (row.status, &row.death) {
                (Status::Completed, _) => account.completed += 1,
                (Status::Dead, Some(death)) => {
                    *account.dead.entry(death.reason.word()).or_default() += 1;
                }
                (Status::Dead | Status::InProgress | Status::Pending | Status::Scheduled, _) => {}
            }
        }
        let tries = self.watch.log().tries.clone();
        let mut taken: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut open: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (key, this) in &tries {
            account.tries += 1;
            account.effects += this.effects.len() as u64;
            if this.effects.is_empty() {
                continue;
            }
            let of = (key.as_str(), this.route.as_str());
            *taken.entry(of).or_default() += this.effects.len() as u64;
            if self.plan.by_target(&this.route).is_none()
                && !self.shows(this)
                && let Ok(door) = self.door(this)
            {
                *account.doors.entry(door).or_default() += 1;
                *open.entry(of).or_default() += 1;
            }
        }
        let lives = self.lives() as u64;
        for (of, count) in taken {
            let repeats = count.saturating_sub(lives);
            let doors = open.get(&of).copied().unwrap_or_default();
            account.repeats += repeats;
            account.unexplained += repeats.saturating_sub(doors);
        }
        account.lost = self.lost().len() as u64;
        let log = self.watch.log();
        account.deliveries = log.counts.deliveries;
        account.invocations = log.counts.invocations;
        account.polls = log.counts.polls;
        account.sent = log.counts.sent;
        account.redriven = log.counts.redriven;
        account.in_turn = log.counts.in_turn;
        account.out_of_turn = log.counts.out_of_turn;
        account.fenced = log.counts.fenced;
        account.lost_leases = log.counts.lost_leases;
        account.scheduled = log.counts.scheduled;
        account.unclaimed = log.counts.unclaimed;
        account
    }
}

/// Why what the engine knew was delivered is not in the ledger by its claim.
fn unwritten(log: &Log, this: &Try, wild: bool) -> Result<Door, ()> {
    let claim = this.owner.and_then(|owner| log.claims.get(&owner));
    let seen = log.sandboxes.get(&this.by);
    match (claim, seen) {
        (_, Some(seen)) if seen.sandbox.is_dead() => Ok(Door::Killed),
        (Some(claim), Some(seen)) if seen.sandbox.troubles() > claim.troubles => {
            Ok(Door::Unwritable)
        }
        // Between the answer and the write, by one whose clock is ahead.
        (Some(claim), _) if wild && claim.overtaken.is_some() => Ok(Door::LeaseEnded),
        _ => Err(()),
    }
}
