//! A process: what runs in it dies with it, stands still with it, and sees its clock.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;

use crate::fault::Fault;
use crate::link::{Link, Service};
use crate::world::World;

/// A process of a world, such as a Lambda sandbox. Clones are the same process.
///
/// It reaches services through [`Link`]s of its own. A request that has left it goes on when it
/// dies; an answer that arrives while it stands still waits for it.
#[derive(Clone)]
pub struct Sandbox {
    world: World,
    process: Arc<Process>,
}

#[derive(Debug)]
struct Process {
    number: usize,
    ahead: Duration,
    dead: AtomicBool,
    died: Notify,
    polls: AtomicU64,
    dies_at_poll: AtomicU64,
    requests: AtomicU64,
    dies_at_request: AtomicU64,
    troubles: AtomicU64,
    thaws: Mutex<Option<Instant>>,
}

impl Sandbox {
    pub(crate) fn new(world: World, number: usize, ahead: Duration) -> Self {
        Self {
            world,
            process: Arc::new(Process {
                number,
                ahead,
                dead: AtomicBool::new(false),
                died: Notify::new(),
                polls: AtomicU64::new(0),
                dies_at_poll: AtomicU64::new(u64::MAX),
                requests: AtomicU64::new(0),
                dies_at_request: AtomicU64::new(u64::MAX),
                troubles: AtomicU64::new(0),
                thaws: Mutex::default(),
            }),
        }
    }

    /// Its world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Its number: processes are numbered from zero.
    pub fn number(&self) -> usize {
        self.process.number
    }

    /// Its own clock and chance.
    pub fn ambient(&self) -> Arc<dyn Ambient> {
        Arc::new(Clock(self.clone()))
    }

    /// How far its clock is ahead.
    pub fn ahead(&self) -> Duration {
        self.process.ahead
    }

    /// A time as its clock shows it.
    pub fn by_its_clock(&self, time: Timestamp) -> Timestamp {
        time.after(self.process.ahead)
    }

    /// Its connection to a queue.
    pub fn queue<Q>(&self, queue: Q) -> Link<Q> {
        Link::new(self.clone(), queue, Service::Queue)
    }

    /// Its connection to a table.
    pub fn ledger<L>(&self, ledger: L) -> Link<L> {
        Link::new(self.clone(), ledger, Service::Store)
    }

    /// Its connection to a scheduler.
    pub fn scheduler<S>(&self, scheduler: S) -> Link<S> {
        Link::new(self.clone(), scheduler, Service::Scheduler)
    }

    /// Lets it die now: nothing of it runs any more.
    pub fn kill(&self) {
        if !self.process.dead.swap(true, Ordering::Relaxed) {
            self.world.tell(|| format!("{self:?} dies"));
            self.process.died.notify_waiters();
        }
    }

    /// Whether it is dead.
    pub fn is_dead(&self) -> bool {
        self.process.dead.load(Ordering::Relaxed)
    }

    /// Lets it die when what runs in it has been polled so many times more: at some await point.
    pub fn die_after_polls(&self, more: u64) {
        let at = self.process.polls.load(Ordering::Relaxed) + more;
        self.process.dies_at_poll.store(at, Ordering::Relaxed);
    }

    /// Lets it die at one of its next requests: before it leaves, or where the count is odd, right
    /// after it has left.
    pub fn die_at_request(&self, more: u64) {
        let at = self.process.requests.load(Ordering::Relaxed) + more;
        self.process.dies_at_request.store(at, Ordering::Relaxed);
    }

    /// Lets it stand still for some time.
    pub fn freeze(&self, lasts: Duration) {
        self.trouble();
        self.world
            .tell(|| format!("{self:?} stands still for {lasts:?}"));
        let thaws = Instant::now() + lasts;
        *self.thaws() = Some(thaws);
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        self.thaws().is_some_and(|at| at > Instant::now())
    }

    /// Notes that something went wrong for it.
    pub fn trouble(&self) {
        self.process.troubles.fetch_add(1, Ordering::Relaxed);
    }

    /// How much went wrong for it so far.
    pub fn troubles(&self) -> u64 {
        self.process.troubles.load(Ordering::Relaxed)
    }

    /// Runs something in it; `None` when it died before the end.
    pub async fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        let died = self.process.died.notified();
        if self.is_dead() {
            return None;
        }
        let inside = Inside {
            sandbox: self.clone(),
            future: Box::pin(future),
            still: None,
        };
        tokio::select! {
            biased;
            () = died => None,
            output = inside => output,
        }
    }

    /// A request is about to leave: whether the process lives on.
    pub(crate) fn asks(&self) -> Asks {
        let before = self.process.requests.fetch_add(2, Ordering::Relaxed);
        let dies = self.process.dies_at_request.load(Ordering::Relaxed);
        if dies > before.saturating_add(1) {
            return Asks::LivesOn;
        }
        self.trouble();
        match dies % 2 {
            0 => Asks::DiesBefore,
            _ => Asks::DiesAfter,
        }
    }

    fn thaws(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.process
            .thaws
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one poll; false when it is the last.
    fn goes_on(&self) -> bool {
        let polls = self.process.polls.fetch_add(1, Ordering::Relaxed);
        if polls >= self.process.dies_at_poll.load(Ordering::Relaxed) {
            self.trouble();
            self.world.count(Fault::Crash);
            self.kill();
        }
        !self.is_dead()
    }
}

/// What becomes of a process when a request leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    LivesOn,
    DiesBefore,
    DiesAfter,
}

/// What runs in a process: not polled while that stands still, dropped when it dies.
struct Inside<F> {
    sandbox: Sandbox,
    future: Pin<Box<F>>,
    still: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Inside<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let thaws = *this.sandbox.thaws();
        if let Some(thaws) = thaws {
            let still = this
                .still
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(thaws)));
            if still.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.still = None;
            this.sandbox.thaws().take();
        }
        if !this.sandbox.goes_on() {
            return Poll::Ready(None);
        }
        let polled = this.future.as_mut().poll(cx);
        match polled {
            _ if this.sandbox.is_dead() => Poll::Ready(None),
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The clock of a process.
struct Clock(Sandbox);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        self.0.by_its_clock(self.0.world.now())
    }

    fn random(&self) -> u64 {
        self.0.world.chance().bits()
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.process.number)
    }
}
