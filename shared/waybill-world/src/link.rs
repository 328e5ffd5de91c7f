//! The network between a process and a service: every request travels on its own.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use waybill_core::gate::{GateKey, GateRow};
use waybill_core::id::{LedgerKey, MessageId, ReceiptHandle};
use waybill_core::ledger::Row;
use waybill_core::message::Message;
use waybill_engine::ports::{
    Appointment, GatePut, GateStore, Ledger, Outgoing, Queue, QueueError, QueueErrorKind,
    ScheduleError, Scheduler, StoreError, StoreErrorKind, VisibilityChange, Write, Written,
};

use waybill_testkit::FakeGates;

use crate::fault::Fault;
use crate::sandbox::{Asks, Sandbox};
use crate::world::{Outage, Weather};

/// A connection of a process to a service. It is the port that the service is.
///
/// A request takes some milliseconds each way. It can be lost, be late, arrive twice or have its
/// reply lost; the client gives up after three seconds beyond what it asked to wait, and what it
/// asked may still happen after that.
#[derive(Debug, Clone)]
pub struct Link<S> {
    sandbox: Sandbox,
    service: S,
    sort: Service,
}

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Store,
    Queue,
    Scheduler,
}

/// How one request travels.
#[derive(Debug, Default)]
struct Trip {
    there: Duration,
    back: Duration,
    arrives: Arrives,
    answered: Answered,
    /// Positions that are answered with an error and not done.
    undone: BTreeSet<usize>,
    /// Positions that are done and answered with an error.
    unsaid: BTreeSet<usize>,
}

/// How often a request arrives.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Arrives {
    Never,
    #[default]
    Once,
    Twice,
}

/// How a request is answered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Answered {
    #[default]
    Truly,
    /// By nothing: the client waits until it gives up.
    Silence,
    /// The connection breaks when the answer should come.
    Break,
    /// The service refuses it, and nothing is done.
    Refusal(Trouble),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Throttled,
    Denied,
    Unanswered,
}

impl<S> Link<S> {
    pub(crate) fn new(sandbox: Sandbox, service: S, sort: Service) -> Self {
        Self {
            sandbox,
            service,
            sort,
        }
    }

    /// What is at the other end.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// How the next request travels.
    fn trip(&self, positions: usize) -> Trip {
        let world = self.sandbox.world();
        let chance = world.chance();
        let mut trip = Trip {
            there: Duration::from_millis(1 + chance.below(8)),
            back: Duration::from_millis(1 + chance.below(8)),
            ..Trip::default()
        };
        if world.is_calm() {
            return trip;
        }
        let outage = match self.sort {
            Service::Store => world.weather(Outage::Store),
            Service::Queue | Service::Scheduler => None,
        };
        let trouble = self.trouble_of(&mut trip, outage, positions);
        if let Some(what) = trouble {
            self.sandbox.trouble();
            world.tell(|| format!("{:?} {:?}: {what}", self.sandbox, self.sort));
        }
        trip
    }

    /// What goes wrong with a request, if anything does.
    fn trouble_of(
        &self,
        trip: &mut Trip,
        outage: Option<Weather>,
        positions: usize,
    ) -> Option<String> {
        let world = self.sandbox.world();
        let chance = world.chance();
        let lossy = |trip: &mut Trip| {
            trip.answered = match chance.hits(500) {
                true => Answered::Silence,
                false => Answered::Break,
            };
        };
        if let Some(weather) = outage {
            match weather {
                Weather::Refuses => trip.answered = Answered::Refusal(Trouble::Throttled),
                Weather::Silent => {
                    trip.arrives = Arrives::Never;
                    trip.answered = Answered::Silence;
                }
                Weather::Mute => lossy(trip),
            }
            return Some("outage".to_owned());
        }
        let strikes = |fault| world.strikes(fault, COMMON).then(|| fault.to_string());
        if let Some(what) = strikes(Fault::LostRequest) {
            trip.arrives = Arrives::Never;
            lossy(trip);
            return Some(what);
        }
        if let Some(what) = strikes(Fault::LostReply) {
            lossy(trip);
            return Some(what);
        }
        if let Some(what) = strikes(Fault::RepeatedRequest) {
            trip.arrives = Arrives::Twice;
            return Some(what);
        }
        if let Some(what) = strikes(Fault::LateRequest) {
            trip.there += chance.time(LATE);
            return Some(what);
        }
        if let Some(what) = strikes(Fault::SlowReply) {
            trip.back += chance.time(LATE);
            return Some(what);
        }
        if let Some(what) = strikes(Fault::PartialFailure) {
            trip.undone.insert(chance.place(positions));
            trip.unsaid.insert(chance.place(positions));
            trip.undone.insert(chance.place(positions));
            return Some(what);
        }
        if let Some(what) = strikes(Fault::Throttle) {
            trip.answered = Answered::Refusal(Trouble::Throttled);
            return Some(what);
        }
        world.strikes(Fault::Denied, RARE).then(|| {
            trip.answered = Answered::Refusal(Trouble::Denied);
            Fault::Denied.to_string()
        })
    }

    /// Carries a request there and its answer back. Answers by position.
    async fn carry<A, T, E, F>(
        &self,
        asked: Vec<A>,
        wait: Duration,
        error: fn(Trouble) -> E,
        serve: F,
    ) -> Vec<Result<T, E>>
    where
        A: Clone + Send + 'static,
        T: Clone + Send + 'static,
        E: Clone + Send + 'static,
        F: Fn(Vec<A>) -> BoxFuture<'static, Vec<Result<T, E>>> + Send + 'static,
    {
        if self.sandbox.is_dead() {
            return std::future::pending().await;
        }
        let world = self.sandbox.world();
        let positions = asked.len();
        let trip = self.trip(positions);
        let fate = self.sandbox.asks();
        if fate == Asks::DiesBefore {
            world.count(Fault::CrashAtRequest);
            self.sandbox.kill();
            return std::future::pending().await;
        }
        let all = |trouble| vec![Err(error(trouble)); positions];
        let (tell, heard) = oneshot::channel();
        let (undone, unsaid) = (trip.undone, trip.unsaid);
        let reached: Vec<_> = asked
            .into_iter()
            .enumerate()
            .filter(|(position, _)| !undone.contains(position))
            .map(|(_, one)| one)
            .collect();
        let late = self.sandbox.clone();
        tokio::spawn(async move {
            sleep(trip.there).await;
            let refused = matches!(trip.answered, Answered::Refusal(_));
            let mut answers = Vec::new();
            if trip.arrives != Arrives::Never && !refused && !reached.is_empty() {
                answers = serve(reached.clone()).await;
                // Whoever asked has given up, and may be busy with something else by now.
                if trip.there > GIVES_UP {
                    late.trouble();
                }
                if trip.arrives == Arrives::Twice {
                    sleep(trip.back).await;
                    answers = serve(reached).await;
                }
            }
            sleep(trip.back).await;
            match trip.answered {
                Answered::Silence => sleep(GIVES_UP * 20).await,
                Answered::Break => {}
                Answered::Truly | Answered::Refusal(_) => {
                    // Whoever asked may be gone.
                    let _ = tell.send(answers);
                }
            }
        });
        if fate == Asks::DiesAfter {
            world.count(Fault::CrashAtRequest);
            self.sandbox.kill();
            return std::future::pending().await;
        }
        let answers = timeout(wait + GIVES_UP, heard).await;
        let Ok(Ok(answers)) = answers else {
            return all(Trouble::Unanswered);
        };
        if let Answered::Refusal(trouble) = trip.answered {
            return all(trouble);
        }
        let mut answers = answers.into_iter();
        let answer = |position| {
            if undone.contains(&position) {
                return Err(error(Trouble::Throttled));
            }
            let truly = answers.next();
            match truly {
                Some(_) if unsaid.contains(&position) => Err(error(Trouble::Unanswered)),
                Some(answer) => answer,
                None => Err(error(Trouble::Unanswered)),
            }
        };
        (0..positions).map(answer).collect()
    }
}

impl<L: Ledger + Clone + 'static> Ledger for Link<L> {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        let ledger = self.service.clone();
        let serve = move |writes: Vec<Write>| -> BoxFuture<'static, _> {
            let ledger = ledger.clone();
            Box::pin(async move { ledger.write(&writes).await })
        };
        self.carry(writes.to_vec(), Duration::ZERO, store_error, serve)
            .await
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        let ledger = self.service.clone();
        let serve = move |keys: Vec<LedgerKey>| -> BoxFuture<'static, _> {
            let ledger = ledger.clone();
            Box::pin(async move { ledger.read(&keys).await })
        };
        self.carry(keys.to_vec(), Duration::ZERO, store_error, serve)
            .await
    }
}

impl GateStore for Link<FakeGates> {
    fn read<'a>(
        &'a self,
        keys: &'a [GateKey],
    ) -> BoxFuture<'a, Vec<Result<Option<GateRow>, StoreError>>> {
        let store = self.service.clone();
        let serve = move |keys: Vec<GateKey>| -> BoxFuture<'static, _> {
            let store = store.clone();
            Box::pin(async move { store.read(&keys).await })
        };
        Box::pin(self.carry(keys.to_vec(), Duration::ZERO, store_error, serve))
    }

    fn put<'a>(&'a self, row: &'a GateRow) -> BoxFuture<'a, Result<GatePut, StoreError>> {
        let store = self.service.clone();
        let serve = move |rows: Vec<GateRow>| -> BoxFuture<'static, _> {
            let store = store.clone();
            Box::pin(async move {
                let mut answers = Vec::new();
                for row in &rows {
                    answers.push(store.put(row).await);
                }
                answers
            })
        };
        Box::pin(async move {
            let rows = vec![row.clone()];
            let carried = self.carry(rows, Duration::ZERO, store_error, serve);
            let answer = carried.await.pop();
            answer.unwrap_or_else(|| Err(store_error(Trouble::Unanswered)))
        })
    }
}

impl<Q: Queue + Clone + 'static> Queue for Link<Q> {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let queue = self.service.clone();
        let serve = move |_: Vec<()>| -> BoxFuture<'static, _> {
            let queue = queue.clone();
            Box::pin(async move { vec![queue.receive(max, wait, visibility).await] })
        };
        let mut answers = self.carry(vec![()], wait, queue_error, serve).await;
        answers
            .pop()
            .unwrap_or_else(|| Err(queue_error(Trouble::Unanswered)))
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        let queue = self.service.clone();
        let serve = move |changes: Vec<VisibilityChange>| -> BoxFuture<'static, _> {
            let queue = queue.clone();
            Box::pin(async move { queue.change_visibility(&changes).await })
        };
        self.carry(changes.to_vec(), Duration::ZERO, queue_error, serve)
            .await
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        let queue = self.service.clone();
        let serve = move |handles: Vec<ReceiptHandle>| -> BoxFuture<'static, _> {
            let queue = queue.clone();
            Box::pin(async move { queue.delete(&handles).await })
        };
        self.carry(handles.to_vec(), Duration::ZERO, queue_error, serve)
            .await
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        let queue = self.service.clone();
        let serve = move |messages: Vec<Outgoing>| -> BoxFuture<'static, _> {
            let queue = queue.clone();
            Box::pin(async move { queue.send(&messages).await })
        };
        self.carry(messages.to_vec(), Duration::ZERO, queue_error, serve)
            .await
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        let queue = self.service.clone();
        let serve = move |_: Vec<()>| -> BoxFuture<'static, _> {
            let queue = queue.clone();
            Box::pin(async move { vec![queue.has_redrive_policy().await] })
        };
        let mut answers = self
            .carry(vec![()], Duration::ZERO, queue_error, serve)
            .await;
        answers
            .pop()
            .unwrap_or_else(|| Err(queue_error(Trouble::Unanswered)))
    }
}

impl<S: Scheduler + Clone + 'static> Scheduler for Link<S> {
    fn schedule<'a>(
        &'a self,
        appointment: &'a Appointment,
    ) -> BoxFuture<'a, Result<(), ScheduleError>> {
        let scheduler = self.service.clone();
        let serve = move |asked: Vec<Appointment>| -> BoxFuture<'static, _> {
            let scheduler = scheduler.clone();
            Box::pin(async move {
                let mut answers = Vec::new();
                for appointment in &asked {
                    answers.push(scheduler.schedule(appointment).await);
                }
                answers
            })
        };
        Box::pin(async move {
            let asked = vec![appointment.clone()];
            let carried = self.carry(asked, Duration::ZERO, schedule_error, serve);
            let mut answers = carried.await;
            answers
                .pop()
                .unwrap_or_else(|| Err(schedule_error(Trouble::Unanswered)))
        })
    }
}

impl Trouble {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Throttled => ("ThrottlingException", "too many requests"),
            Self::Denied => ("AccessDeniedException", "not allowed"),
            Self::Unanswered => ("no_answer", "no answer in time"),
        }
    }
}

fn store_error(trouble: Trouble) -> StoreError {
    let (code, message) = trouble.words();
    StoreError {
        kind: match trouble {
            Trouble::Throttled | Trouble::Unanswered => StoreErrorKind::Transient,
            Trouble::Denied => StoreErrorKind::Permanent,
        },
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn queue_error(trouble: Trouble) -> QueueError {
    let (code, message) = trouble.words();
    QueueError {
        kind: match trouble {
            Trouble::Throttled | Trouble::Unanswered => QueueErrorKind::Transient,
            Trouble::Denied => QueueErrorKind::Permanent,
        },
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn schedule_error(trouble: Trouble) -> ScheduleError {
    let (code, message) = trouble.words();
    ScheduleError {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// When a client gives up, beyond what it asked to wait: the time limit of one request of ours.
const GIVES_UP: Duration = Duration::from_secs(3);

/// How late a late request or answer is at most.
const LATE: Duration = Duration::from_secs(20);

/// Common trouble of one request, per mille.
const COMMON: u64 = 12;

/// Rare trouble of one request, per mille.
const RARE: u64 = 2;
