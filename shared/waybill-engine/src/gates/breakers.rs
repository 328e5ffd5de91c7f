//! The breakers of one process: what it has seen of each target, and what all processes know.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use waybill_core::gate::breaker::{Breaker, BreakerSpec, Open, Passes, Tally};
use waybill_core::gate::valve::Flow;
use waybill_core::gate::{GateKey, GateRow, GateState, Health};
use waybill_core::id::{Consumer, RouteName};
use waybill_core::limit::BATCH_GET_MAX;
use waybill_core::outcome::DeferCause;
use waybill_core::time::Timestamp;

use crate::ports::GatePut;
use crate::telemetry::{self, Happened};

use super::{BREAKER_LIFE, NotNow, Shared};

/// The breakers of a process's routes.
#[derive(Default)]
pub(super) struct Breakers {
    all: Vec<One>,
    keys: Vec<GateKey>,
    /// When the rows were last read, and last asked for.
    read: Mutex<LastRead>,
    /// Whoever has it reads or writes rows: what was read before a write is never taken for newer.
    requests: tokio::sync::Mutex<()>,
}

/// When rows were read.
#[derive(Debug, Clone, Copy, Default)]
struct LastRead {
    answered: Option<Timestamp>,
    asked: Option<Timestamp>,
}

/// One route's breaker.
struct One {
    spec: BreakerSpec,
    /// How long a probe may take until another may probe.
    lease: Duration,
    view: Mutex<View>,
}

/// What this process knows of one breaker.
#[derive(Default)]
struct View {
    /// The row's number; zero where none stands.
    rev: u64,
    breaker: Breaker,
    /// Whether its row is of another release.
    unknown: bool,
    /// When its row was read or written.
    seen: Timestamp,
    /// Until when what is read is older than what this process is about to write.
    written_until: Timestamp,
    /// Counts the changes: a try that began before the last one says nothing of the target now.
    epoch: u64,
    tally: Tally,
    /// Which second of the ramp it is, and how many went in it.
    ramp: (u64, u32),
}

/// The right to one try past a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    at: usize,
    epoch: u64,
    probe: Option<Open>,
}

/// What a breaker says to one who asks.
enum Says {
    Go(Ticket),
    WaitTo(Timestamp),
    Probe(GateRow, Open),
    NotNow(NotNow),
}

impl Breakers {
    /// Adds a breaker; its place.
    pub(super) fn add(
        &mut self,
        spec: BreakerSpec,
        consumer: &Consumer,
        route: &RouteName,
        time: Duration,
    ) -> usize {
        self.keys.push(GateKey::breaker(consumer, route));
        self.all.push(One {
            spec,
            lease: time.saturating_add(PROBE_OVER),
            view: Mutex::default(),
        });
        self.all.len() - 1
    }

    /// Waits until a breaker lets a try through, as far as is known, or a probe is due.
    pub(super) async fn wait_for(
        &self,
        shared: &Shared,
        at: usize,
        until: Timestamp,
    ) -> Result<Permit, NotNow> {
        loop {
            self.refresh(shared).await?;
            match self.ask(shared, at, Permit::Wanted) {
                Says::Go(_) => return Ok(Permit::Taken),
                Says::Probe(..) => return Ok(Permit::Wanted),
                Says::NotNow(not_now) => return Err(not_now),
                Says::WaitTo(next) if next > until => return Err(breaker_open(Duration::ZERO)),
                Says::WaitTo(next) => sleep(next.since(shared.ambient.now())).await,
            }
        }
    }

    /// Lets a try through that has waited for all else. A probe is taken here, by one write. `None`
    /// where it must wait once more: a probe was due, and another has made it meanwhile.
    pub(super) async fn enter(
        &self,
        shared: &Shared,
        at: usize,
        permit: Permit,
    ) -> Result<Option<Ticket>, NotNow> {
        let passed = |says| match says {
            Says::Go(ticket) => Some(Ok(Some(ticket))),
            Says::NotNow(not_now) => Some(Err(not_now)),
            Says::WaitTo(_) => Some(Ok(None)),
            Says::Probe(..) => None,
        };
        if let Some(passed) = passed(self.ask(shared, at, permit)) {
            return passed;
        }
        let _requests = self.requests.lock().await;
        // Another try of this process may have taken the probe, or ended it, meanwhile.
        let (row, probe) = match self.ask(shared, at, permit) {
            Says::Probe(row, probe) => (row, probe),
            says @ (Says::Go(_) | Says::NotNow(_) | Says::WaitTo(_)) => {
                return passed(says).unwrap_or(Ok(None));
            }
        };
        match self.put(shared, at, row).await {
            Wrote::Mine(epoch) => Ok(Some(Ticket {
                at,
                epoch,
                probe: Some(probe),
            })),
            Wrote::Others => passed(self.ask(shared, at, permit)).unwrap_or(Ok(None)),
            Wrote::Unsaid => Err(NotNow::store_down()),
        }
    }

    /// A try that was let through has ended. Answers what is to be written: that it opens, or how
    /// a probe ended, unless it has moved since the ticket was given; and how long the route waits
    /// of a probe that did not succeed.
    pub(super) fn ended(
        &self,
        shared: &Shared,
        ticket: Ticket,
        route: &RouteName,
        health: Health,
    ) -> (Option<GateRow>, Option<NotNow>) {
        let now = shared.ambient.now();
        let Some(one) = self.all.get(ticket.at) else {
            return (None, None);
        };
        let next = match ticket.probe {
            Some(probe) => Some(probe.probed(&one.spec, health, now)),
            None => one.counted(ticket, health, now).map(Breaker::Open),
        };
        let Some(next) = next else {
            return (None, None);
        };
        let not_now = match (ticket.probe, next) {
            (Some(_), Breaker::Open(open)) => Some(breaker_open(open.wait(now))),
            (Some(_), Breaker::Closed | Breaker::Ramp { .. }) | (None, _) => None,
        };
        let mut view = one.view();
        if view.epoch != ticket.epoch {
            return (None, not_now);
        }
        let row = self.row(ticket.at, &view, next, now);
        // Known here at once; what is read before the write has landed is older.
        view.breaker = next;
        view.epoch += 1;
        view.written_until = now.after(UNWRITTEN_FOR);
        telemetry::tell(Happened::BreakerMoved { route, to: &next });
        (row, not_now)
    }

    /// Writes what [`Self::ended`] answered.
    pub(super) async fn tell(&self, shared: &Shared, ticket: Ticket, row: GateRow) {
        let _requests = self.requests.lock().await;
        let _ = self.put(shared, ticket.at, row).await;
    }

    /// How a breaker stands, as far as this process knows; one whose ramp is over is closed.
    pub(super) fn stands(&self, at: usize, now: Timestamp) -> Option<Breaker> {
        let one = self.all.get(at)?;
        let breaker = one.view().breaker;
        Some(match breaker {
            Breaker::Ramp { since, .. } if now.since(since) >= one.spec.ramp => Breaker::Closed,
            Breaker::Closed | Breaker::Open(_) | Breaker::Ramp { .. } => breaker,
        })
    }

    /// Until when a breaker is known to let nobody through; the past where a probe is due; `None`
    /// where it is not open, or has been for so long that messages might leave the queue by age
    /// unseen. Somebody else's probe is looked for soon.
    pub(super) fn rests_until(&self, at: usize, now: Timestamp) -> Option<Timestamp> {
        let view = self.all.get(at)?.view();
        match view.breaker {
            Breaker::Open(open) if now.since(open.since) > RESTS_MOST => None,
            Breaker::Open(open) if open.probe_at > now => Some(open.probe_at),
            Breaker::Open(open) => match open.probing_until {
                Some(until) => Some(until.min(view.seen.after(LOOK_AGAIN))),
                None => Some(open.probe_at),
            },
            Breaker::Closed | Breaker::Ramp { .. } => None,
        }
    }

    /// What breakers say to whoever would lower the source, read anew where that was not done in
    /// the last second.
    pub(super) async fn flow(&self, shared: &Shared, of: &[usize]) -> Flow {
        if self.refresh(shared).await.is_err() {
            return Flow::Unknown;
        }
        let now = shared.ambient.now();
        let flows = of.iter().filter_map(|at| self.all.get(*at));
        let flows = flows.map(|one| one.flow(now)).reduce(Flow::and);
        flows.unwrap_or(Flow::Flows)
    }

    /// Asks a breaker as this process knows it.
    fn ask(&self, shared: &Shared, at: usize, permit: Permit) -> Says {
        let Some(one) = self.all.get(at) else {
            return Says::NotNow(NotNow::store_down());
        };
        let now = shared.ambient.now();
        let mut view = one.view();
        if view.unknown {
            return Says::NotNow(NotNow::store_down());
        }
        let ticket = Ticket {
            at,
            epoch: view.epoch,
            probe: None,
        };
        match view.breaker.passes(&one.spec, now, one.lease) {
            Passes::All => Says::Go(ticket),
            Passes::Some {
                second,
                permits,
                next,
            } => {
                if permit == Permit::Taken {
                    return Says::Go(ticket);
                }
                if view.ramp.0 != second {
                    view.ramp = (second, 0);
                }
                if view.ramp.1 >= permits {
                    return Says::WaitTo(next);
                }
                view.ramp.1 += 1;
                Says::Go(ticket)
            }
            Passes::Probe(open) => match self.row(at, &view, Breaker::Open(open), now) {
                Some(row) => Says::Probe(row, open),
                None => Says::NotNow(NotNow::store_down()),
            },
            Passes::None(open) => Says::NotNow(breaker_open(open.wait(now))),
        }
    }

    /// The row that makes a breaker say this.
    fn row(&self, at: usize, view: &View, breaker: Breaker, now: Timestamp) -> Option<GateRow> {
        Some(GateRow {
            key: self.keys.get(at)?.clone(),
            rev: view.rev.saturating_add(1),
            expires_at: now.after(BREAKER_LIFE).as_secs_ceil(),
            state: GateState::Breaker(breaker),
        })
    }

    /// Writes a row, and takes what stands there where another has written. The caller has the
    /// turn for requests.
    async fn put(&self, shared: &Shared, at: usize, row: GateRow) -> Wrote {
        let Some(one) = self.all.get(at) else {
            return Wrote::Unsaid;
        };
        let put = shared.put(&row).await;
        let now = shared.ambient.now();
        let mut view = one.view();
        match put {
            Ok(GatePut::Done) => {
                view.take(Some(row), now);
                Wrote::Mine(view.epoch)
            }
            Ok(GatePut::Refused(stands)) => {
                view.take(stands, now);
                Wrote::Others
            }
            Err(_) => Wrote::Unsaid,
        }
    }

    /// Reads the rows of all breakers, where that was not done in the last second. While they
    /// cannot be read, what was read in the last seconds still holds; then nothing passes (F43).
    async fn refresh(&self, shared: &Shared) -> Result<(), NotNow> {
        if self.is_fresh(shared.ambient.now()) {
            return Ok(());
        }
        let _requests = self.requests.lock().await;
        if !self.is_fresh(shared.ambient.now()) {
            self.read_all(shared).await;
        }
        let bound = shared.ambient.now().before(KNOWN_FOR);
        match self.last_read().answered {
            Some(answered) if answered >= bound => Ok(()),
            Some(_) | None => Err(NotNow::store_down()),
        }
    }

    /// Reads all rows, a hundred at once.
    async fn read_all(&self, shared: &Shared) {
        let keys = self.keys.chunks(BATCH_GET_MAX);
        let mut answered = true;
        for (keys, all) in keys.zip(self.all.chunks(BATCH_GET_MAX)) {
            let rows = shared.read(keys).await;
            let now = shared.ambient.now();
            answered &= rows.len() == keys.len();
            for (one, row) in all.iter().zip(rows) {
                match row {
                    Some(row) => one.view().take_read(row, now),
                    None => answered = false,
                }
            }
        }
        let now = Some(shared.ambient.now());
        let mut read = self.last_read();
        read.asked = now;
        if answered {
            read.answered = now;
        }
    }

    /// Whether the rows were asked for in the last second, with whatever answer.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let asked = self.last_read().asked;
        asked.is_some_and(|at| at.after(READ_EVERY) > now)
    }

    fn last_read(&self) -> MutexGuard<'_, LastRead> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl One {
    /// Counts a try; what the breaker becomes where that trips it.
    fn counted(&self, ticket: Ticket, health: Health, now: Timestamp) -> Option<Open> {
        let mut view = self.view();
        if view.epoch != ticket.epoch {
            return None;
        }
        view.tally.count(&self.spec, health, now);
        let ramping = view.breaker.is_ramping(&self.spec, now);
        let trips = view.tally.trips(&self.spec, ramping, now);
        trips.then(|| view.breaker.tripped(&self.spec, now))
    }

    /// Whether it lets events through, or since when it does not.
    fn flow(&self, now: Timestamp) -> Flow {
        let view = self.view();
        if view.unknown {
            return Flow::Unknown;
        }
        match view.breaker {
            Breaker::Open(open) => Flow::Shut { since: open.since },
            // It may open again at once, and nothing is won by haste.
            Breaker::Ramp { .. } if view.breaker.is_ramping(&self.spec, now) => Flow::Unknown,
            Breaker::Closed | Breaker::Ramp { .. } => Flow::Flows,
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// Takes a row as it was read, unless this process is about to write another.
    fn take_read(&mut self, row: Option<GateRow>, now: Timestamp) {
        if now >= self.written_until {
            self.take(row, now);
        }
    }

    /// Takes a row as it stands.
    fn take(&mut self, row: Option<GateRow>, now: Timestamp) {
        let (rev, breaker, unknown) = match row {
            None => (0, Breaker::Closed, false),
            Some(row) => match row.state {
                GateState::Breaker(breaker) => (row.rev, breaker, false),
                GateState::Rate { .. } | GateState::Valve(_) | GateState::Unknown => {
                    (row.rev, self.breaker, true)
                }
            },
        };
        self.seen = now;
        self.written_until = now;
        self.unknown = unknown;
        if rev != self.rev || breaker != self.breaker {
            self.rev = rev;
            self.breaker = breaker;
            self.epoch += 1;
            self.tally = Tally::default();
            self.ramp = (0, 0);
        }
    }
}

/// Whether one who asks has been let through before; what is let through by a ramp is counted
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    Wanted,
    Taken,
}

/// What became of a write.
enum Wrote {
    Mine(u64),
    Others,
    Unsaid,
}

fn breaker_open(at_least: Duration) -> NotNow {
    NotNow {
        at_least,
        cause: DeferCause::BreakerOpen,
    }
}

/// How often the rows are read at most.
const READ_EVERY: Duration = Duration::from_secs(1);

/// How long what was read holds while it cannot be read again.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// How much longer than a try a probe is waited for.
const PROBE_OVER: Duration = Duration::from_secs(5);

/// How long it may take until a write has landed.
const UNWRITTEN_FOR: Duration = Duration::from_secs(2);

/// How long a breaker may be open while a poller rests: what is received then is put off, and what
/// is too old for its queue is brought to the dead.
const RESTS_MOST: Duration = Duration::from_secs(3600);

/// How soon one who rests looks what became of another's probe.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
