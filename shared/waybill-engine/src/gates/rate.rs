//! The slots of one route in this process, leased of the rate that all processes share.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use waybill_core::gate::rate::RateSpec;
use waybill_core::gate::{GateKey, GateRow, GateState, micros};
use waybill_core::id::{Consumer, RouteName};
use waybill_core::outcome::DeferCause;
use waybill_core::time::Timestamp;

use crate::ports::GatePut;

use super::{NotNow, RATE_LIFE, Shared};

/// The rate of one route.
pub(super) struct RateGate {
    spec: RateSpec,
    key: GateKey,
    slots: Mutex<Slots>,
    /// Whoever has it takes a slot, and leases more where there is none. The others wait in order.
    turn: tokio::sync::Mutex<()>,
}

/// What this process knows and has.
#[derive(Default)]
struct Slots {
    /// The row's number; zero where none stands, or it was not seen yet.
    rev: u64,
    /// What the row says.
    tat_us: u64,
    /// When tries may begin, in microseconds.
    leased: VecDeque<u64>,
    /// How many tries wait for a slot.
    waiting: u32,
    /// How long the last write took: slots begin after that.
    lead: Duration,
}

/// Counts one who waits.
struct Waiting<'r>(&'r RateGate);

impl RateGate {
    pub(super) fn new(spec: RateSpec, consumer: &Consumer, route: &RouteName) -> Self {
        Self {
            spec,
            key: GateKey::rate(consumer, route, &spec),
            slots: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits for a slot.
    pub(super) async fn wait_for(&self, shared: &Shared, until: Timestamp) -> Result<(), NotNow> {
        self.slots().waiting += 1;
        let waiting = Waiting(self);
        let turn = timeout(until.since(shared.ambient.now()), self.turn.lock());
        let Ok(turn) = turn.await else {
            return Err(self.too_late(shared.ambient.now()));
        };
        let slot = loop {
            let now = shared.ambient.now();
            if let Some(slot) = self.next_leased(now, until)? {
                break slot;
            }
            self.lease(shared, until).await?;
        };
        drop(turn);
        drop(waiting);
        let now = micros(shared.ambient.now());
        sleep(Duration::from_micros(slot.saturating_sub(now))).await;
        Ok(())
    }

    /// The next slot that this process has; those that were not used in time are gone.
    fn next_leased(&self, now: Timestamp, until: Timestamp) -> Result<Option<u64>, NotNow> {
        let mut slots = self.slots();
        while slots
            .leased
            .front()
            .is_some_and(|slot| self.spec.is_late(*slot, now))
        {
            slots.leased.pop_front();
        }
        match slots.leased.front() {
            Some(slot) if *slot > micros(until) => {
                let wait = Duration::from_micros(slot.saturating_sub(micros(now)));
                Err(rate_limited(wait))
            }
            Some(_) => Ok(slots.leased.pop_front()),
            None => Ok(None),
        }
    }

    /// Leases slots for all who wait, with one write; with another where others wrote meanwhile.
    async fn lease(&self, shared: &Shared, until: Timestamp) -> Result<(), NotNow> {
        for _ in 0..TRIES {
            let began = shared.ambient.now();
            let (row, lease) = {
                let slots = self.slots();
                let start = began.after(slots.lead);
                let lease = self.spec.lease(slots.tat_us, start, until, slots.waiting);
                let Some(lease) = lease else {
                    drop(slots);
                    return Err(self.too_late(began));
                };
                let row = GateRow {
                    key: self.key.clone(),
                    rev: slots.rev.saturating_add(1),
                    expires_at: began.after(RATE_LIFE).as_secs_ceil(),
                    state: GateState::Rate {
                        tat_us: lease.tat_us,
                    },
                };
                (row, lease)
            };
            let put = shared.put(&row).await;
            let now = shared.ambient.now();
            let mut slots = self.slots();
            slots.lead = now.since(began);
            match put {
                Ok(GatePut::Done) => {
                    (slots.rev, slots.tat_us) = (row.rev, lease.tat_us);
                    slots.leased.extend(lease.slots);
                    return Ok(());
                }
                Ok(GatePut::Refused(None)) => (slots.rev, slots.tat_us) = (0, 0),
                Ok(GatePut::Refused(Some(stands))) => match stands.state {
                    GateState::Rate { tat_us } => (slots.rev, slots.tat_us) = (stands.rev, tat_us),
                    GateState::Breaker(_) | GateState::Valve(_) | GateState::Unknown => {
                        return Err(NotNow::store_down());
                    }
                },
                Err(not_now) => return Err(not_now),
            }
        }
        Err(self.too_late(shared.ambient.now()))
    }

    /// There is no slot in time; when the next one is likely.
    fn too_late(&self, now: Timestamp) -> NotNow {
        let slots = self.slots();
        let last = slots.leased.back().copied().unwrap_or_default();
        let first = self.spec.first_slot(slots.tat_us, now).max(last);
        rate_limited(Duration::from_micros(first.saturating_sub(micros(now))))
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut slots = self.0.slots();
        slots.waiting = slots.waiting.saturating_sub(1);
    }
}

fn rate_limited(at_least: Duration) -> NotNow {
    NotNow {
        at_least,
        cause: DeferCause::RateLimited,
    }
}

/// How often a lease is tried while others write the same row.
const TRIES: usize = 8;
