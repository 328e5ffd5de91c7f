//! Trouble on purpose, call by call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use waybill_core::id::{LedgerKey, MessageId, ReceiptHandle};
use waybill_core::ledger::Row;
use waybill_core::message::Message;
use waybill_engine::ports::{
    Appointment, Ledger, Outgoing, Queue, QueueError, QueueErrorKind, ScheduleError, Scheduler,
    StoreError, StoreErrorKind, VisibilityChange, Write, Written,
};

/// A port whose calls meet the faults that a test scripted. Clones share the script.
///
/// Each call of a sort takes the next fault of its own line; when the line is empty it meets the
/// standing fault of its sort, or none. The port underneath sees of a call what reaches it: nothing
/// of a refused one, and of one refused in part the rest.
#[derive(Debug, Clone)]
pub struct Faulty<P> {
    inner: P,
    script: Arc<Mutex<Script>>,
}

/// The sorts of calls, each with its own line of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// [`Ledger::write`].
    Write,
    /// [`Ledger::read`].
    Read,
    /// [`Queue::receive`].
    Receive,
    /// [`Queue::change_visibility`].
    ChangeVisibility,
    /// [`Queue::delete`].
    Delete,
    /// [`Queue::send`].
    Send,
    /// [`Queue::has_redrive_policy`].
    HasRedrivePolicy,
    /// [`Scheduler::schedule`].
    Schedule,
}

/// What befalls one call.
#[derive(Clone)]
pub enum Fault {
    /// Nothing: the call goes through.
    Pass,
    /// An error for every position, and no effect.
    Before(Trouble),
    /// The effect, then an error for every position: the reply is lost (F40).
    After(Trouble),
    /// An error and no effect at these positions; the others go through. Where positions have no
    /// meaning, as in a receive, it is [`Fault::Before`].
    BeforeAt(BTreeSet<usize>, Trouble),
    /// The effect everywhere, then an error at these positions. Where positions have no meaning,
    /// as in a receive, it is [`Fault::After`].
    AfterAt(BTreeSet<usize>, Trouble),
    /// Waits, then meets the other fault.
    DelayBefore(Duration, Box<Fault>),
    /// Meets the other fault, then waits: the effect is there long before its answer.
    DelayAfter(Duration, Box<Fault>),
    /// Does something first, like letting a successor write, then goes through.
    Meanwhile(Arc<dyn Fn() + Send + Sync>),
}

/// What the error says follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// May be tried again.
    Transient,
    /// A person must mend it.
    Permanent,
    /// The handle holds nothing any more; to a ledger it means [`Trouble::Permanent`].
    LeaseLost,
}

#[derive(Debug, Default)]
struct Script {
    lines: BTreeMap<Call, VecDeque<Fault>>,
    standing: BTreeMap<Call, Fault>,
    calls: BTreeMap<Call, usize>,
}

impl<P> Faulty<P> {
    /// The port, without any fault yet.
    pub fn new(inner: P) -> Self {
        Self {
            inner,
            script: Arc::default(),
        }
    }

    /// The port underneath.
    pub fn inner(&self) -> &P {
        &self.inner
    }

    /// Adds a fault to the end of a line: it befalls one call.
    pub fn next(&self, call: Call, fault: Fault) -> &Self {
        self.with(|script| script.lines.entry(call).or_default().push_back(fault));
        self
    }

    /// Lets this befall every call of a sort whose line is empty; [`Fault::Pass`] ends it.
    pub fn always(&self, call: Call, fault: Fault) -> &Self {
        self.with(|script| script.standing.insert(call, fault));
        self
    }

    /// How many calls of a sort were made.
    pub fn calls(&self, call: Call) -> usize {
        self.with(|script| script.calls.get(&call).copied().unwrap_or_default())
    }

    /// How many faults wait in a line: a test that scripted some can show that they all happened.
    pub fn pending(&self, call: Call) -> usize {
        self.with(|script| script.lines.get(&call).map_or(0, VecDeque::len))
    }

    fn take(&self, call: Call) -> Fault {
        self.with(|script| {
            *script.calls.entry(call).or_default() += 1;
            let line = script.lines.entry(call).or_default();
            let fault = line.pop_front();
            fault
                .or_else(|| script.standing.get(&call).cloned())
                .unwrap_or(Fault::Pass)
        })
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Script) -> T) -> T {
        use_it(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fault {
    /// An error that may be tried again, and no effect.
    pub fn refused() -> Self {
        Self::Before(Trouble::Transient)
    }

    /// The effect, but no answer (F40).
    pub fn lost_reply() -> Self {
        Self::After(Trouble::Transient)
    }

    /// An error that may be tried again, and no effect, at these positions.
    pub fn refused_at(positions: impl IntoIterator<Item = usize>) -> Self {
        Self::BeforeAt(positions.into_iter().collect(), Trouble::Transient)
    }

    /// The effect everywhere, but no answer at these positions.
    pub fn lost_reply_at(positions: impl IntoIterator<Item = usize>) -> Self {
        Self::AfterAt(positions.into_iter().collect(), Trouble::Transient)
    }

    /// A lost lease and no effect at these positions.
    pub fn lease_lost_at(positions: impl IntoIterator<Item = usize>) -> Self {
        Self::BeforeAt(positions.into_iter().collect(), Trouble::LeaseLost)
    }

    /// The answer comes this late.
    pub fn slow(wait: Duration) -> Self {
        Self::DelayAfter(wait, Box::new(Self::Pass))
    }

    /// Does something before the call goes through.
    pub fn meanwhile(act: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Meanwhile(Arc::new(act))
    }
}

/// A fault as what is done: waits around a call that reaches some positions and answers some.
struct Plan {
    before: Duration,
    after: Duration,
    act: Option<Arc<dyn Fn() + Send + Sync>>,
    error: Option<(Reach, Positions, Trouble)>,
}

enum Reach {
    NoEffect,
    Effect,
}

enum Positions {
    All,
    Some(BTreeSet<usize>),
}

impl Plan {
    fn of(fault: Fault) -> Self {
        let (reach, positions, trouble) = match fault {
            Fault::Pass => return Self::clear(),
            Fault::Before(trouble) => (Reach::NoEffect, Positions::All, trouble),
            Fault::After(trouble) => (Reach::Effect, Positions::All, trouble),
            Fault::BeforeAt(at, trouble) => (Reach::NoEffect, Positions::Some(at), trouble),
            Fault::AfterAt(at, trouble) => (Reach::Effect, Positions::Some(at), trouble),
            Fault::DelayBefore(wait, then) => {
                let mut plan = Self::of(*then);
                plan.before += wait;
                return plan;
            }
            Fault::DelayAfter(wait, then) => {
                let mut plan = Self::of(*then);
                plan.after += wait;
                return plan;
            }
            Fault::Meanwhile(act) => {
                let mut plan = Self::clear();
                plan.act = Some(act);
                return plan;
            }
        };
        Self {
            error: Some((reach, positions, trouble)),
            ..Self::clear()
        }
    }

    fn clear() -> Self {
        Self {
            before: Duration::ZERO,
            after: Duration::ZERO,
            act: None,
            error: None,
        }
    }

    async fn begin(&self) {
        if !self.before.is_zero() {
            tokio::time::sleep(self.before).await;
        }
        if let Some(act) = &self.act {
            act();
        }
    }

    async fn end(&self) {
        if !self.after.is_zero() {
            tokio::time::sleep(self.after).await;
        }
    }

    /// The trouble that a position meets.
    fn trouble_at(&self, position: usize) -> Option<Trouble> {
        let (_, positions, trouble) = self.error.as_ref()?;
        match positions {
            Positions::All => Some(*trouble),
            Positions::Some(at) => at.contains(&position).then_some(*trouble),
        }
    }

    /// The trouble of a call that has no positions.
    fn trouble(&self) -> Option<Trouble> {
        self.error.as_ref().map(|(_, _, trouble)| *trouble)
    }

    /// Whether the call is made for a position.
    fn reaches(&self, position: usize) -> bool {
        match self.error {
            Some((Reach::NoEffect, _, _)) => self.trouble_at(position).is_none(),
            Some((Reach::Effect, _, _)) | None => true,
        }
    }

    /// Puts the answers of the positions that were reached, and errors, where they belong.
    fn answers<T, E: Clone>(
        &self,
        asked: usize,
        reached: Vec<Result<T, E>>,
        error: impl Fn(Trouble) -> E,
    ) -> Vec<Result<T, E>> {
        let mut reached = reached.into_iter();
        let answer = |position| {
            let real = match self.reaches(position) {
                true => reached.next(),
                false => None,
            };
            match (self.trouble_at(position), real) {
                (Some(trouble), _) => Err(error(trouble)),
                (None, Some(real)) => real,
                (None, None) => Err(error(Trouble::Transient)),
            }
        };
        (0..asked).map(answer).collect()
    }

    /// The part of the asked that is reached.
    fn part<T: Clone>(&self, asked: &[T]) -> Vec<T> {
        let all = asked.iter().enumerate();
        let reached = all.filter(|(position, _)| self.reaches(*position));
        reached.map(|(_, one)| one.clone()).collect()
    }
}

impl<P: Ledger> Ledger for Faulty<P> {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        let plan = Plan::of(self.take(Call::Write));
        plan.begin().await;
        let part = plan.part(writes);
        let reached = match part.is_empty() {
            true => Vec::new(),
            false => self.inner.write(&part).await,
        };
        plan.end().await;
        plan.answers(writes.len(), reached, store_error)
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        let plan = Plan::of(self.take(Call::Read));
        plan.begin().await;
        let part = plan.part(keys);
        let reached = match part.is_empty() {
            true => Vec::new(),
            false => self.inner.read(&part).await,
        };
        plan.end().await;
        plan.answers(keys.len(), reached, store_error)
    }
}

impl<P: Queue> Queue for Faulty<P> {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let plan = Plan::of(self.take(Call::Receive));
        plan.begin().await;
        let real = match plan.error {
            Some((Reach::NoEffect, _, _)) => Ok(Vec::new()),
            Some((Reach::Effect, _, _)) | None => self.inner.receive(max, wait, visibility).await,
        };
        plan.end().await;
        plan.trouble()
            .map_or(real, |trouble| Err(queue_error(trouble)))
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        let plan = Plan::of(self.take(Call::ChangeVisibility));
        plan.begin().await;
        let part = plan.part(changes);
        let reached = match part.is_empty() {
            true => Vec::new(),
            false => self.inner.change_visibility(&part).await,
        };
        plan.end().await;
        plan.answers(changes.len(), reached, queue_error)
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        let plan = Plan::of(self.take(Call::Delete));
        plan.begin().await;
        let part = plan.part(handles);
        let reached = match part.is_empty() {
            true => Vec::new(),
            false => self.inner.delete(&part).await,
        };
        plan.end().await;
        plan.answers(handles.len(), reached, queue_error)
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        let plan = Plan::of(self.take(Call::Send));
        plan.begin().await;
        let part = plan.part(messages);
        let reached = match part.is_empty() {
            true => Vec::new(),
            false => self.inner.send(&part).await,
        };
        plan.end().await;
        plan.answers(messages.len(), reached, queue_error)
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        let plan = Plan::of(self.take(Call::HasRedrivePolicy));
        plan.begin().await;
        let real = self.inner.has_redrive_policy().await;
        plan.end().await;
        plan.trouble()
            .map_or(real, |trouble| Err(queue_error(trouble)))
    }
}

impl<P: Scheduler> Scheduler for Faulty<P> {
    fn schedule<'a>(
        &'a self,
        appointment: &'a Appointment,
    ) -> BoxFuture<'a, Result<(), ScheduleError>> {
        Box::pin(async move {
            let plan = Plan::of(self.take(Call::Schedule));
            plan.begin().await;
            let real = match plan.error {
                Some((Reach::NoEffect, _, _)) => Ok(()),
                Some((Reach::Effect, _, _)) | None => self.inner.schedule(appointment).await,
            };
            plan.end().await;
            plan.trouble().map_or(real, |_| {
                Err(ScheduleError {
                    code: "Scripted".to_owned(),
                    message: "a fault that the test scripted".to_owned(),
                })
            })
        })
    }
}

fn store_error(trouble: Trouble) -> StoreError {
    StoreError {
        kind: match trouble {
            Trouble::Transient => StoreErrorKind::Transient,
            Trouble::Permanent | Trouble::LeaseLost => StoreErrorKind::Permanent,
        },
        code: "Scripted".to_owned(),
        message: "a fault that the test scripted".to_owned(),
    }
}

fn queue_error(trouble: Trouble) -> QueueError {
    QueueError {
        kind: match trouble {
            Trouble::Transient => QueueErrorKind::Transient,
            Trouble::Permanent => QueueErrorKind::Permanent,
            Trouble::LeaseLost => QueueErrorKind::LeaseLost,
        },
        code: "Scripted".to_owned(),
        message: "a fault that the test scripted".to_owned(),
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("Pass"),
            Self::Before(trouble) => write!(f, "Before({trouble:?})"),
            Self::After(trouble) => write!(f, "After({trouble:?})"),
            Self::BeforeAt(at, trouble) => write!(f, "BeforeAt({at:?}, {trouble:?})"),
            Self::AfterAt(at, trouble) => write!(f, "AfterAt({at:?}, {trouble:?})"),
            Self::DelayBefore(wait, then) => write!(f, "DelayBefore({wait:?}, {then:?})"),
            Self::DelayAfter(wait, then) => write!(f, "DelayAfter({wait:?}, {then:?})"),
            Self::Meanwhile(_) => f.write_str("Meanwhile"),
        }
    }
}

#[cfg(test)]
mod tests;
