//! The flow of messages: which may begin now, which wait for others, and what follows when one
//! ends.
//!
//! Events are claimed in windows as places get free. Copies of an event wait for its first (F45);
//! messages of a FIFO group for the one before (F24); what took processes down before runs alone,
//! once everything else is settled.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use waybill_core::batch::Handed;
use waybill_core::deadline::{Budget, Start};
use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Record, Row, Status, Verdict, judge};
use waybill_core::limit::STATEMENTS_MAX;
use waybill_core::message::Message;
use waybill_core::outcome::{DeferCause, Disposition};
use waybill_core::retry::store_trouble_wait;
use waybill_core::routes::OnConflict;

use crate::claims::{Claim, Request, claim};
use crate::engine::{Engine, Prepared};
use crate::handler::Handler;
use crate::keeper::Hold;
use crate::ports::{Ambient, Ledger, Queue};
use crate::telemetry::{self, Happened};
use crate::traces::RecordSpan;
use crate::work::{Finished, HandOver, Opening, Over, Shift, UNSTARTED_WAIT, Work, Worked};

/// A message on its way through.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// What its giver knows it by.
    pub(crate) place: usize,
    /// The message.
    pub(crate) message: Arc<Message>,
    /// How long it is ours.
    pub(crate) hold: Hold,
    /// Its span, where traces are on.
    pub(crate) span: Option<Arc<RecordSpan>>,
}

/// Where messages come in, and whether none must at the moment.
pub(crate) struct Intake {
    /// Messages; closed when no more will come.
    pub(crate) items: mpsc::UnboundedReceiver<Item>,
    /// Set while something waits to run alone, or does.
    pub(crate) quiet: Arc<AtomicBool>,
}

/// Told of each end, in the order in which they come.
pub(crate) type Ends<'f> = &'f mut (dyn FnMut(&Item, Finished) + Send);

/// What waits for its turn.
struct Flow<'f, H, L, A> {
    engine: &'f Engine<H, L, A>,
    budget: Budget,
    ends: Ends<'f>,
    /// May be claimed.
    queue: VecDeque<Arc<Work>>,
    /// The events that are under way, and their copies.
    copies: HashMap<LedgerKey, Vec<Arc<Work>>>,
    /// The FIFO groups that are under way, and what comes behind.
    groups: HashMap<String, VecDeque<Item>>,
    /// Took processes down before.
    alone: VecDeque<Arc<Work>>,
    /// How many are being claimed.
    asked: usize,
}

impl<H: Handler, L: Ledger, A: Ambient> Engine<H, L, A> {
    /// Works through what comes in until no more does and all of it has ended.
    pub(crate) async fn work_through<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        mut intake: Intake,
        ends: Ends<'_>,
    ) {
        let mut flow = Flow::new(self, shift.budget, ends);
        let mut running = FuturesUnordered::new();
        let mut claiming = FuturesUnordered::new();
        let (mut open, mut lone) = (true, false);
        loop {
            while let Ok(item) = intake.items.try_recv() {
                flow.enter(item);
            }
            // Those that one write settles end together: their places make one window.
            while let Some(Some((work, end))) = running.next().now_or_never() {
                let work: Arc<Work> = work;
                flow.finish(&work, end);
            }
            if claiming.is_empty() {
                lone &= !running.is_empty();
            }
            let taken = running.len() + flow.asked;
            let places = match lone {
                true => 0,
                false => self.config.concurrency.saturating_sub(taken),
            };
            let (window, starting) = flow.window(places);
            let starting = starting.into_iter();
            running.extend(starting.map(|work| self.run_task(shift, work, Task::Try)));
            if !window.is_empty() {
                claiming.push(self.claim_window(shift.budget, window, false).boxed());
                continue;
            }
            if running.is_empty() && claiming.is_empty() {
                let alone = match flow.queue.is_empty() {
                    true => flow.next_alone(),
                    false => None,
                };
                if let Some(work) = alone {
                    lone = true;
                    flow.asked += 1;
                    claiming.push(self.claim_window(shift.budget, vec![work], true).boxed());
                } else if !flow.queue.is_empty() {
                    // What has just ended let others begin.
                    continue;
                } else if !open {
                    return;
                }
            }
            let quiet = lone || !flow.alone.is_empty();
            intake.quiet.store(quiet, Ordering::Relaxed);
            tokio::select! {
                biased;
                Some((work, end)) = running.next() => flow.finish(&work, end),
                Some(claims) = claiming.next() => {
                    flow.asked = flow.asked.saturating_sub(claims.len());
                    for (work, claim) in claims {
                        match self.claimed(&work, claim) {
                            Next::Finished(end) => flow.finish(&work, end),
                            Next::Alone => flow.alone.push_back(work),
                            Next::Run(task) => running.push(self.run_task(shift, work, task.into())),
                        }
                    }
                }
                item = intake.items.recv(), if open => match item {
                    Some(item) => flow.enter(item),
                    None => open = false,
                },
            }
        }
    }

    /// Claims a window.
    async fn claim_window(
        &self,
        budget: Budget,
        window: Vec<Arc<Work>>,
        alone: bool,
    ) -> Vec<(Arc<Work>, Claim)> {
        let requests: Vec<_> = window
            .iter()
            .map(|work| Request {
                ask: &work.ask,
                first: &work.first,
                repeat: alone || work.opening != Opening::Claim,
                alone,
            })
            .collect();
        let claims = claim(&self.ledger, &self.ambient, &requests, budget.work_until()).await;
        telemetry::claims_failed(claims.iter().filter_map(Claim::failure));
        let unknown = claims.iter().filter(|claim| claim.is_unknown()).count();
        if unknown > 0 {
            telemetry::tell(Happened::RowsUnknown(unknown));
        }
        window.into_iter().zip(claims).collect()
    }

    /// What follows from a claim.
    fn claimed(&self, work: &Work, claim: Claim) -> Next {
        let now = self.ambient.now();
        let trouble_wait = store_trouble_wait(work.item.message.receive_count);
        if let (Claim::Won(record), Some(event)) = (&claim, &work.event)
            && record.rev == 1
            && record.status != Status::Dead
        {
            self.handler.observe(&work.item.message, event);
        }
        Next::Finished(match claim {
            Claim::Won(record) if record.status == Status::Completed => {
                Finished::over(Over::Ignored)
            }
            Claim::Won(record) => return Next::Run(Claimed::Deliver(record)),
            Claim::SendDead { row } => return Next::Run(Claimed::Bury(row)),
            Claim::HandOver { row } => return Next::Run(Claimed::HandOver(row)),
            Claim::Conflict => match self.config.on_conflict {
                OnConflict::Dead => return Next::Run(Claimed::Conflict),
                OnConflict::Ack => Finished::over(Over::Ignored),
            },
            Claim::Alone => return Next::Alone,
            Claim::Completed { row } => Finished {
                row: Some(row),
                ..Finished::over(Over::Duplicate)
            },
            Claim::Dead { reason, row } => Finished::tried(Disposition::Dead { reason }, *row, 0),
            Claim::Defer { until, cause, .. } => {
                let wait = until.since(now).max(DEFER_MIN);
                let wait = if cause == DeferCause::UnknownRow {
                    trouble_wait
                } else {
                    wait
                };
                Finished::deferred(wait, cause)
            }
            Claim::Failed { written, .. } => match written {
                Some(row) if row.status == Status::InProgress => {
                    return Next::Run(Claimed::Release(row));
                }
                Some(_) | None => Finished::deferred(trouble_wait, DeferCause::StoreDown),
            },
        })
    }

    /// Runs one task to its end; a panic of ours touches its message alone.
    async fn run_task<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: Arc<Work>,
        task: Task,
    ) -> (Arc<Work>, Finished) {
        let running = async {
            match task {
                Task::Try => self.try_first(shift, &work).await,
                Task::Claimed(task) => self.run_claimed(shift, &work, task).await,
            }
        };
        let end = AssertUnwindSafe(running)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let after = store_trouble_wait(work.item.message.receive_count);
                Finished::deferred(after, DeferCause::Panicked)
            });
        (work, end)
    }

    /// Runs what follows from a claim.
    async fn run_claimed<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        task: Claimed,
    ) -> Finished {
        match task {
            Claimed::Deliver(record) => match self.work(shift, work, *record).await {
                Worked::Over(end) => end,
                Worked::RowStands { attempts } => row_stands(attempts),
            },
            Claimed::Bury(record) => self.bury(shift, work, *record, 0).await,
            Claimed::HandOver(record) => {
                self.hand_over(shift, work, *record, HandOver::Found).await
            }
            Claimed::Conflict => self.conflict(shift, work).await,
            Claimed::Release(record) => self.release(shift, work, *record).await,
        }
    }

    /// Tries an event without a claim, and writes its row after the try. Where a row stands there,
    /// it is read and judged as that of an event which comes again: its target makes no second
    /// effect of a second try.
    async fn try_first<Q: Queue>(&self, shift: Shift<'_, Q>, work: &Work) -> Finished {
        if let Some(event) = &work.event {
            self.handler.observe(&work.item.message, event);
        }
        let record = work.first.clone().unwritten();
        let attempts = match self.work(shift, work, record).await {
            Worked::Over(end) => return end,
            Worked::RowStands { attempts } => attempts,
        };
        let again = work.asking_anew(self.ambient.owner());
        let window = vec![Arc::new(again).held_anew()];
        let claims = self.claim_window(shift.budget, window, false).await;
        let mut claims = claims.into_iter();
        let next = claims
            .next()
            .map(|(work, claim)| (self.claimed(&work, claim), work));
        let end = match next {
            Some((Next::Finished(end), _)) => end,
            Some((Next::Run(task), work)) => Box::pin(self.run_claimed(shift, &work, task)).await,
            Some((Next::Alone, _)) | None => row_stands(0),
        };
        Finished {
            attempts: end.attempts.saturating_add(attempts),
            ..end
        }
    }

    /// How a copy ends, judged by the row as its first left it; `None` when nothing of that ends
    /// it, so that it begins itself. Where the first could not go on, its copy ends later.
    fn copy_end(&self, copy: &Work, first: &Finished) -> Option<Finished> {
        let now = self.ambient.now();
        let Some(row) = &first.row else {
            let after = match first.disposition {
                Disposition::Defer { after, .. } | Disposition::Retry { after } => after,
                Disposition::Ack | Disposition::Dead { .. } => return None,
            };
            return Some(Finished::deferred(
                after.max(UNSTARTED_WAIT),
                DeferCause::Copy,
            ));
        };
        match judge(&Row::Known(row.clone()), &copy.ask, now) {
            Verdict::Completed => Some(Finished::over(Over::Duplicate)),
            Verdict::Dead(reason) => Some(Finished::untried(Disposition::Dead { reason })),
            Verdict::Defer { until, cause } => Some(Finished::deferred(until.since(now), cause)),
            Verdict::Mine
            | Verdict::HandOver
            | Verdict::TakeOver(_)
            | Verdict::Conflict
            | Verdict::SendDead(_) => None,
        }
    }
}

impl<'f, H: Handler, L: Ledger, A: Ambient> Flow<'f, H, L, A> {
    /// Nothing waits.
    fn new(engine: &'f Engine<H, L, A>, budget: Budget, ends: Ends<'f>) -> Self {
        Self {
            engine,
            budget,
            ends,
            queue: VecDeque::new(),
            copies: HashMap::new(),
            groups: HashMap::new(),
            alone: VecDeque::new(),
            asked: 0,
        }
    }

    /// Takes a message in: it begins, or waits for the one before it in its group.
    fn enter(&mut self, item: Item) {
        if let Some(group) = group(&item) {
            match self.groups.entry(group.to_owned()) {
                Entry::Occupied(mut behind) => {
                    behind.get_mut().push_back(item);
                    return;
                }
                Entry::Vacant(first) => {
                    first.insert(VecDeque::new());
                }
            }
        }
        self.begin(item);
    }

    /// Reads a message and lines it up. One that ends at once lets the next of its group begin.
    fn begin(&mut self, item: Item) {
        let mut next = Some(item);
        while let Some(item) = next.take() {
            match self.engine.prepare(&item) {
                Prepared::Finished(end) => next = self.leave(&item, end),
                Prepared::Work(work) => {
                    if let Some(end) = self.engine.known_end(&work) {
                        next = self.leave(&item, end);
                    } else if let Some(waiting) = self.copies.get_mut(&work.ask.key) {
                        waiting.push(work);
                    } else {
                        self.copies.insert(work.ask.key.clone(), Vec::new());
                        self.queue.push_back(work);
                    }
                }
            }
        }
    }

    /// Takes from the queue, in its order, what can start now, at most as many as there are places:
    /// a window to be claimed, and beside it what needs no claim. Full windows are claimed side by
    /// side; one that is not full waits for those before it, and fills. What cannot start any more is
    /// handed back uncharged (F16).
    fn window(&mut self, places: usize) -> (Vec<Arc<Work>>, Vec<Arc<Work>>) {
        let (mut window, mut starting) = (Vec::new(), Vec::new());
        let next = self.queue.iter().take(places);
        let to_claim = next.filter(|work| work.opening != Opening::Try);
        let is_full = to_claim.take(STATEMENTS_MAX).count() == STATEMENTS_MAX;
        let claims = match self.asked == 0 || is_full {
            true => STATEMENTS_MAX,
            false => 0,
        };
        while window.len() + starting.len() < places {
            let may = |work: &Arc<Work>| work.opening == Opening::Try || window.len() < claims;
            let Some(work) = self.queue.pop_front_if(|work| may(work)) else {
                break;
            };
            if let Some(cause) = self.too_late(&work) {
                self.finish(&work, Finished::deferred(UNSTARTED_WAIT, cause));
                continue;
            }
            match work.opening {
                Opening::Try => starting.push(work.held_anew()),
                Opening::Claim | Opening::Read => window.push(work.held_anew()),
            }
        }
        self.asked += window.len();
        (window, starting)
    }

    /// The next that runs alone. It is read again, since its lease may be another by now.
    fn next_alone(&mut self) -> Option<Arc<Work>> {
        while let Some(work) = self.alone.pop_front() {
            let again = self.engine.prepare(&work.item);
            match (self.too_late(&work), again) {
                (Some(cause), _) => self.finish(&work, Finished::deferred(UNSTARTED_WAIT, cause)),
                (None, Prepared::Finished(end)) => self.finish(&work, end),
                (None, Prepared::Work(work)) => return Some(work),
            }
        }
        None
    }

    /// Why a work cannot begin any more.
    fn too_late(&self, work: &Work) -> Option<DeferCause> {
        let now = self.engine.ambient.now();
        if !work.item.hold.may_begin(now) {
            return Some(DeferCause::LeaseLost);
        }
        match self.budget.start(now, work.wanted) {
            Start::Now { .. } => None,
            Start::TooLate => Some(DeferCause::Deadline),
        }
    }

    /// Notes the end of a work, and of the copies that waited for it. The first copy that it does
    /// not end begins, and the others wait for that one: what conflicts with a row, or is dead,
    /// holds up nobody who may work.
    fn finish(&mut self, work: &Work, end: Finished) {
        let mut ended = Vec::new();
        let mut waiting = Vec::new();
        for copy in self.copies.remove(&work.ask.key).unwrap_or_default() {
            match self.engine.copy_end(&copy, &end) {
                Some(end) => ended.push((copy, end)),
                None => waiting.push(copy),
            }
        }
        if !waiting.is_empty() {
            // The first has left a row, or found one.
            self.queue.push_back(waiting.remove(0).claiming());
            self.copies.insert(work.ask.key.clone(), waiting);
        }
        let mut next: Vec<_> = self.leave(&work.item, end).into_iter().collect();
        for (copy, end) in ended {
            next.extend(self.leave(&copy.item, end));
        }
        next.into_iter().for_each(|item| self.begin(item));
    }

    /// Tells of the end of a message. The next of its group may begin when it has left the queue;
    /// while it stays the rest of its group is handed back untried, to come after it (F24).
    fn leave(&mut self, item: &Item, mut end: Finished) -> Option<Item> {
        self.engine.remember_end(&end);
        let at = *end.at.get_or_insert(self.engine.ambient.now());
        if let Disposition::Defer { after, .. } = &mut end.disposition {
            *after = self
                .engine
                .life_in_queue(&item.message)
                .shortened(*after, at);
        }
        let leaves = self.engine.handed(&end) == Handed::Over;
        let blocked = Finished {
            at: end.at,
            ..Finished::deferred(end.disposition.wait(), DeferCause::GroupBlocked)
        };
        (self.ends)(item, end);
        let group = group(item)?;
        let behind = self.groups.get_mut(group)?;
        if leaves && let Some(next) = behind.pop_front() {
            return Some(next);
        }
        for item in self.groups.remove(group).into_iter().flatten() {
            (self.ends)(&item, blocked.clone());
        }
        None
    }
}

/// The FIFO group of a message, where its queue has an order.
fn group(item: &Item) -> Option<&str> {
    let message = &item.message;
    let group = message.group_id.as_deref().unwrap_or_default();
    message.is_fifo().then_some(group)
}

/// What follows from a claim.
enum Next {
    Finished(Finished),
    Alone,
    Run(Claimed),
}

/// The end of a message that was tried in vain, because a row stands that says what becomes of it,
/// and could not be gone by at once.
fn row_stands(attempts: u32) -> Finished {
    Finished {
        attempts,
        ..Finished::deferred(UNSTARTED_WAIT, DeferCause::Copy)
    }
}

/// What is run.
enum Task {
    /// An event that was not claimed.
    Try,
    /// What follows from a claim.
    Claimed(Claimed),
}

impl From<Claimed> for Task {
    fn from(task: Claimed) -> Self {
        Self::Claimed(task)
    }
}

/// What is run for a claim.
enum Claimed {
    Deliver(Box<Record>),
    Bury(Box<Record>),
    HandOver(Box<Record>),
    Conflict,
    Release(Box<Record>),
}

/// The shortest wait of a message that is not for us now.
const DEFER_MIN: Duration = Duration::from_secs(1);
