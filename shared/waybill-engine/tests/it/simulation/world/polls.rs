//! Pollers: what befalls their polls, and what must hold when one is over.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use tokio::time::{sleep, timeout};

use waybill_core::id::OwnerId;
use waybill_core::ledger::Status;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::poller::{PollRefused, Poller, PollerConfig, Report};
use waybill_engine::ports::Ambient;
use waybill_testkit::{Call, Fault, Faulty, Standing, Trouble};

use super::super::handler::{Answered, Shaky, Try};
use super::super::watch::{Terms, WatchedLedger, WatchedQueue};
use super::{Ahead, Fate, World, row_key};

/// A poller of a world.
type Worker =
    Poller<Shaky, Faulty<WatchedLedger>, std::sync::Arc<dyn Ambient>, Faulty<WatchedQueue>>;

/// What a poll came to.
type Polled = Result<Report, PollRefused>;

/// One poll as it is looked at when it is over.
struct Poll {
    by: usize,
    terms: Terms,
    fate: Fate,
    most: Option<u64>,
}

/// Where the faults of a poll are put.
struct Lines {
    ledger: Faulty<WatchedLedger>,
    queue: Faulty<WatchedQueue>,
    dead: Faulty<WatchedQueue>,
}

impl World {
    /// Some polls one after the other, each in a process of its own.
    pub(super) async fn poll_lane(&self, ahead: Duration) {
        for _ in 0..=self.below(3) {
            sleep(self.ms(10_000)).await;
            let lasts = match self.hits(10) {
                true => Duration::from_secs(3),
                false => Duration::from_secs(20 + self.below(100)),
            };
            let troubled = !self.skewed && self.hits(60);
            let fate = match troubled && self.hits(50) {
                true => self.poll_fate(lasts),
                false => Fate::Runs,
            };
            Box::pin(self.poll(lasts, troubled, fate, ahead)).await;
        }
    }

    /// One poll without trouble, until the queue has nothing to give.
    pub(super) async fn poll_calmly(&self) {
        let lasts = Duration::from_secs(120);
        Box::pin(self.poll(lasts, false, Fate::Runs, Duration::ZERO)).await;
    }

    fn poll_fate(&self, lasts: Duration) -> Fate {
        let lasts = u64::try_from(lasts.as_millis()).unwrap();
        let mut chance = self.chance.lock().unwrap();
        let spans = [800, 4_000, 20_000, lasts];
        let at = chance.pick(&spans);
        let at = chance.ms(at);
        match chance.hits(70) {
            true => Fate::Killed(at),
            false => Fate::Frozen(at, Duration::from_secs(3 + chance.below(60))),
        }
    }

    async fn poll(&self, lasts: Duration, troubled: bool, fate: Fate, ahead: Duration) {
        let healthy = self
            .shaky
            .healthy
            .load(std::sync::atomic::Ordering::Relaxed);
        let by = self.number();
        // Two at once in one process, as a managed instance runs them.
        let side_by_side = !healthy && !matches!(fate, Fate::Frozen(..)) && self.hits(15);
        let hears = troubled && fate == Fate::Runs && self.hits(30);
        let terms = Terms {
            hears,
            troubled: troubled || self.skewed || matches!(fate, Fate::Killed(_)),
            visibility: Duration::from_secs(5 + self.below(26)),
            deadline: self.ambient.now().after(lasts),
            concurrency: self.config.concurrency * (1 + usize::from(side_by_side)),
        };
        self.watch.log().polls.insert(by, terms);
        let most = (!healthy && self.hits(20)).then(|| 1 + self.below(15));
        let payload = match (most, healthy || self.hits(30)) {
            (Some(most), until_empty) => {
                format!(r#"{{"max_messages": {most}, "stop_when_empty": {until_empty}}}"#)
            }
            (None, until_empty) => format!(r#"{{"stop_when_empty": {until_empty}}}"#),
        };
        let (worker, lines) = self.worker(by, terms, ahead);
        if troubled && !hears {
            self.plant_poll_faults(&lines);
        } else if !healthy {
            self.plant_harmless_faults(&lines);
        }
        let poll = Poll {
            by,
            terms,
            fate,
            most,
        };
        let deadline = terms.deadline.after(ahead);
        let polling = async {
            match side_by_side {
                true => {
                    let both = (
                        worker.handle(&payload, deadline),
                        worker.handle(&payload, deadline),
                    );
                    let (one, two) = join(both.0, both.1).await;
                    vec![one, two]
                }
                false => vec![worker.handle(&payload, deadline).await],
            }
        };
        let trouble = async {
            match (troubled, hears) {
                (true, true) => self.show_some(by).await,
                (true, false) => self.trouble_a_poll(by, &lines).await,
                (false, _) => {}
            }
            std::future::pending::<()>().await;
        };
        let polling = self.fated_poll(polling, fate, by);
        let answers = match select(pin!(polling), pin!(trouble)).await {
            Either::Left((answers, _)) => answers,
            Either::Right(_) => None,
        };
        drop(worker);
        self.look_at_poll(&poll, answers).await;
    }

    fn worker(&self, by: usize, terms: Terms, ahead: Duration) -> (Worker, Lines) {
        let watched = |queue| WatchedQueue {
            watch: self.watch.clone(),
            by,
            queue,
        };
        let lines = Lines {
            ledger: Faulty::new(WatchedLedger {
                watch: self.watch.clone(),
                by,
            }),
            queue: Faulty::new(watched(self.queue.clone())),
            dead: Faulty::new(watched(self.dead.clone())),
        };
        let clock = || -> std::sync::Arc<dyn Ambient> {
            std::sync::Arc::new(Ahead(self.ambient.clone(), ahead))
        };
        let engine = Engine::new(
            self.shaky.clone(),
            lines.ledger.clone(),
            clock(),
            self.config.clone(),
        );
        let longest = self.shaky.policies.values().map(|policy| policy.time);
        let config = PollerConfig {
            queue_url: self.queue.arn().to_owned(),
            visibility: terms.visibility,
            reserve: match self.hits(10) {
                true => Duration::from_secs(300),
                false => longest.max().unwrap_or_default(),
            },
        };
        let (queue, dead) = (lines.queue.clone(), lines.dead.clone());
        let open = move |_: &str| Source::new(queue.clone(), Some(dead.clone()));
        (Poller::new(engine, clock(), config, open), lines)
    }

    /// Faults that cost no lease.
    fn plant_harmless_faults(&self, lines: &Lines) {
        let positions = || [self.at(), self.at(), self.at()];
        for _ in 0..self.below(3) {
            let fault = match self.below(4) {
                0 => Fault::refused(),
                1 => Fault::refused_at(positions()),
                2 => Fault::lost_reply_at(positions()),
                _ => Fault::lost_reply(),
            };
            lines.queue.next(Call::Delete, fault);
        }
        for _ in 0..self.below(4) {
            lines.ledger.next(Call::Write, Fault::slow(self.ms(60)));
            lines.ledger.next(Call::Read, Fault::slow(self.ms(60)));
        }
        if self.hits(20) {
            let fault = self.fault().0;
            lines.dead.next(Call::Send, fault);
        }
    }

    /// Faults of every call of a poll.
    fn plant_poll_faults(&self, lines: &Lines) {
        for call in [Call::Write, Call::Read] {
            for _ in 0..self.below(12) {
                let (fault, _) = self.fault();
                lines.ledger.next(call, fault);
            }
        }
        let troubles = [Trouble::Transient, Trouble::LeaseLost, Trouble::Permanent];
        for call in [Call::ChangeVisibility, Call::Delete, Call::Receive] {
            for _ in 0..self.below(5) {
                let trouble = self.chance.lock().unwrap().pick(&troubles);
                let at = || BTreeSet::from([self.at(), self.at()]);
                let fault = match self.below(6) {
                    0 => Fault::Pass,
                    1 => Fault::BeforeAt(at(), trouble),
                    2 => Fault::AfterAt(at(), trouble),
                    3 if call == Call::Receive => Fault::Before(Trouble::Transient),
                    3 => Fault::Before(trouble),
                    4 if call == Call::Receive => Fault::After(Trouble::Transient),
                    4 => Fault::After(trouble),
                    _ => self.fault().0,
                };
                lines.queue.next(call, fault);
            }
        }
        for _ in 0..self.below(3) {
            let (fault, _) = self.fault();
            lines.dead.next(Call::Send, fault);
        }
    }

    fn at(&self) -> usize {
        usize::try_from(self.below(10)).unwrap()
    }

    /// What comes from outside while a poll runs: outages, and messages that others may have.
    async fn trouble_a_poll(&self, by: usize, lines: &Lines) {
        for _ in 0..self.below(5) {
            sleep(self.ms(20_000)).await;
            match self.below(3) {
                0 => {
                    lines.ledger.always(Call::Write, Fault::refused());
                    lines.ledger.always(Call::Read, Fault::refused());
                    sleep(self.ms(40_000)).await;
                    lines.ledger.always(Call::Write, Fault::Pass);
                    lines.ledger.always(Call::Read, Fault::Pass);
                }
                1 => {
                    let call = [Call::ChangeVisibility, Call::Delete];
                    let call = self.chance.lock().unwrap().pick(&call);
                    lines.queue.always(call, Fault::refused());
                    sleep(self.ms(40_000)).await;
                    lines.queue.always(call, Fault::Pass);
                }
                _ => self.show_one(by),
            }
        }
    }

    async fn show_some(&self, by: usize) {
        for _ in 0..self.below(8) {
            sleep(self.ms(8_000)).await;
            self.show_one(by);
        }
    }

    /// Lets others have a message that a poll holds.
    fn show_one(&self, by: usize) {
        let now = self.ambient.now();
        let standing = self.queue.messages();
        let of_poll = |message: &&Standing| {
            let log = self.watch.log();
            let newest = message.newest.as_ref();
            let receipt = newest.and_then(|handle| log.receipts.get(&handle.0));
            message.is_in_flight(now) && receipt.is_some_and(|receipt| receipt.by == by)
        };
        let held: Vec<_> = standing.iter().filter(of_poll).collect();
        if held.is_empty() {
            return;
        }
        let message = self.chance.lock().unwrap().pick(&held);
        self.queue.show_in(&message.message_id, self.ms(2_000));
    }

    /// Runs a poll to its fate; nothing comes of one that was killed.
    async fn fated_poll(
        &self,
        run: impl Future<Output = Vec<Polled>>,
        fate: Fate,
        by: usize,
    ) -> Option<Vec<Polled>> {
        match fate {
            Fate::Runs => Some(run.await),
            Fate::Killed(after) => {
                let mut run = Box::pin(run);
                if let Ok(answers) = timeout(after, &mut run).await {
                    return Some(answers);
                }
                let handles = self.handles_of(by);
                self.shaky.book.lock().unwrap().killed.extend(handles);
                drop(run);
                self.shaky.book.lock().unwrap().killed.clear();
                None
            }
            Fate::Frozen(at, how_long) => {
                let mut run = pin!(run);
                if let Ok(answers) = timeout(at, &mut run).await {
                    return Some(answers);
                }
                sleep(how_long).await;
                Some(run.await)
            }
        }
    }

    fn handles_of(&self, by: usize) -> BTreeSet<String> {
        let log = self.watch.log();
        let of_poll = log.receipts.iter().filter(|(_, receipt)| receipt.by == by);
        of_poll.map(|(handle, _)| handle.clone()).collect()
    }

    /// A poll is over: every effect is in the ledger or has its door, nothing was cut off without
    /// a reason, no claim is left, and what stays is shown again when the ledger says.
    async fn look_at_poll(&self, poll: &Poll, answers: Option<Vec<Polled>>) {
        let now = self.ambient.now();
        let gone = std::mem::take(&mut self.watch.log().gone);
        self.told().standing.retain(|id| !gone.contains(id));
        let handles = self.handles_of(poll.by);
        let tries = self.tries();
        for this in tries.iter().filter(|t| handles.contains(&t.handle)) {
            self.look_at_polled_try(poll, this);
        }
        let (terms, fate) = (poll.terms, poll.fate);
        let owners: BTreeSet<OwnerId> = {
            let log = self.watch.log();
            let claims = log.claims.iter().filter(|claim| claim.by == poll.by);
            claims.map(|claim| claim.owner).collect()
        };
        for row in self.rows().iter().filter(|row| owners.contains(&row.owner)) {
            let left = row.status == Status::InProgress;
            self.must(!left || terms.troubled, || {
                format!("a poll without trouble left a claim: {row:#?} {terms:?}")
            });
            self.look_at_row(row, &tries);
        }
        let mut told = self.told();
        told.seen.polls += 1;
        told.seen.polls_killed += usize::from(answers.is_none());
        drop(told);
        for answer in answers.into_iter().flatten() {
            self.look_at_answer(poll, &answer);
        }
        let frozen = matches!(fate, Fate::Frozen(..));
        self.must(frozen || now <= terms.deadline, || {
            format!("a poll ended {now:?}, after its deadline: {terms:?}")
        });
        if !terms.troubled {
            self.look_at_what_stays(poll, &handles, &owners);
        }
    }

    fn look_at_answer(&self, poll: &Poll, answer: &Polled) {
        let report = match answer {
            Ok(report) => report,
            Err(error) => {
                self.must(poll.terms.troubled, || format!("refused: {error}"));
                return;
            }
        };
        let most = poll.most.unwrap_or(u64::MAX);
        let ended = report.delivered
            + report.duplicates
            + report.ignored
            + report.retried
            + report.dead
            + report.deferred;
        let over = report.delivered + report.duplicates + report.ignored + report.dead;
        let frozen = matches!(poll.fate, Fate::Frozen(..));
        let right = report.received <= most
            && (ended == report.received || frozen)
            && report.deleted <= over
            && (report.leases_lost == 0 || poll.terms.troubled);
        self.must(right, || {
            format!("a report does not add up: {report:?} {:?}", poll.terms)
        });
        let mut told = self.told();
        told.seen.extended += usize::try_from(report.leases_extended).unwrap();
        told.seen.lost += usize::try_from(report.leases_lost).unwrap();
    }

    fn look_at_polled_try(&self, poll: &Poll, this: &Try) {
        let (terms, fate) = (poll.terms, poll.fate);
        self.must(this.answered != Answered::Not, || {
            format!("a try outlives its poll: {this:?}")
        });
        self.must(this.begun < terms.deadline, || {
            format!("a try was begun after the deadline: {this:?}")
        });
        let time = self
            .shaky
            .policies
            .iter()
            .find(|(name, _)| name.as_str() == this.route);
        let time = time.map_or(Duration::ZERO, |(_, policy)| policy.time);
        let ended = this.ended.unwrap_or(terms.deadline);
        let had_its_time = ended.since(this.begun) >= time
            || ended.after(Duration::from_secs(2)) >= terms.deadline;
        let cut = this.cut && !had_its_time;
        self.must(!cut || terms.troubled, || {
            format!("a try was cut off without a reason: {this:?} {terms:?}")
        });
        let owner = self.watch.claim(poll.by, &row_key(&this.data), this.begun);
        let stops = fate == Fate::Runs && !self.skewed;
        self.must(!stops || self.watch.had_its_lease(owner, ended), || {
            format!("a try went on when its lease had ended: {this:?} {terms:?}")
        });
        if !this.effect {
            return;
        }
        let shown = self.watch.shows(owner, &this.route);
        if shown && this.answered == Answered::Delivered {
            return;
        }
        let mut told = self.told();
        *told.doors.entry(this.idempotency_key.clone()).or_default() += 1;
        let seen = &mut told.seen;
        match (this.answered, fate) {
            (Answered::Otherwise, _) => seen.doors_unknown += 1,
            (_, Fate::Killed(_)) => seen.doors_killed += 1,
            (_, Fate::Frozen(..)) => seen.doors_lease += 1,
            (Answered::Delivered | Answered::Not | Answered::Killed, Fate::Runs) => {
                seen.doors_unwritable += 1;
                drop(told);
                self.must(terms.troubled, || {
                    format!("an effect is not in the ledger, and no door was open: {this:?}")
                });
            }
        }
    }

    /// What a poll without trouble leaves is visible again soon, or when its row says.
    fn look_at_what_stays(
        &self,
        poll: &Poll,
        handles: &BTreeSet<String>,
        owners: &BTreeSet<OwnerId>,
    ) {
        let now = self.ambient.now();
        let standing = self.queue.messages();
        let tries = self.tries();
        let tried: BTreeSet<_> = tries.iter().map(|t| &t.handle).collect();
        // What was tried ended by itself: it neither waits for a copy nor behind another.
        let of_poll = |m: &&Standing| {
            let newest = m.newest.as_ref().map(|handle| &handle.0);
            newest.is_some_and(|handle| handles.contains(handle) && tried.contains(handle))
        };
        for message in standing.iter().filter(of_poll) {
            let Some(row) = self.ledger.record(&row_key(&message.sent.body)) else {
                continue;
            };
            if !owners.contains(&row.owner) || row.status != Status::Pending {
                continue;
            }
            let soon = now.after(Duration::from_secs(2));
            let due = row.due.map_or(soon, |due| due.max(soon));
            let slack = Duration::from_millis(1_100);
            self.must(message.visible_at <= due.after(slack), || {
                format!(
                    "at {now:?} it is not shown as its row says: {message:?} {row:#?} {:?}",
                    poll.terms
                )
            });
        }
    }
}
