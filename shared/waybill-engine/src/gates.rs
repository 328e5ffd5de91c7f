//! What the routes of one process wait at before a try: breakers, rates, places.
//!
//! What is decided is decided in `waybill_core::gate`; what processes share is in a [`GateStore`].
//! A route without a gate costs nothing here, and one without a breaker or a rate makes no request.
//! Nothing runs by itself: each request is made by a try that waits for its answer, and others that
//! wait for the same share it.

mod breakers;
mod places;
mod rate;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use waybill_core::gate::breaker::Breaker;
use waybill_core::gate::valve::Flow;
use waybill_core::gate::{GateKey, GateRow, Health, put_off_wait};
use waybill_core::id::{Consumer, RouteName};
use waybill_core::outcome::{Attempt, Charge, DeferCause, Outcome};
use waybill_core::polling::Appetite;
use waybill_core::retry::Jitter;
use waybill_core::routes::Route;
use waybill_core::time::Timestamp;

use crate::handler::{Admission, Asks, Pass, PassEnd, Passage};
use crate::ports::{Ambient, GatePut, GateStore, StoreError};
use crate::telemetry::{self, Happened};

use breakers::{Breakers, Ticket};
use places::{Place, Places};
use rate::RateGate;

/// The gates of one process's routes.
pub struct Gates {
    shared: Arc<Shared>,
    routes: HashMap<RouteName, Arc<Gate>>,
    /// How long a try waits in the process at most, where it is not told less.
    patience: Option<Duration>,
}

/// What gates need of the outside.
struct Shared {
    store: Arc<dyn GateStore>,
    ambient: Arc<dyn Ambient>,
    breakers: Breakers,
}

/// The gates of one route.
struct Gate {
    /// How long a try may take.
    time: Duration,
    places: Option<Places>,
    rate: Option<RateGate>,
    /// Its breaker's place among [`Breakers`].
    breaker: Option<usize>,
}

/// Why a try may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotNow {
    /// How long it is put off at least.
    at_least: Duration,
    cause: DeferCause,
}

/// What a try holds while it is under way.
struct Held {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    route: RouteName,
    receive_count: u32,
    place: Option<Place>,
    ticket: Option<Ticket>,
}

impl Gates {
    /// The gates of these routes, of processes that share `store` and are one consumer.
    pub fn new(
        routes: &[Route],
        consumer: &Consumer,
        store: Arc<dyn GateStore>,
        ambient: Arc<dyn Ambient>,
    ) -> Self {
        let mut breakers = Breakers::default();
        // An invocation ends with its slowest message: while one route waits in it, the events of
        // others wait outside.
        let patience = (routes.len() > 1).then_some(PATIENCE);
        let gated = routes.iter().filter(|route| !route.gate.is_open());
        let routes = gated.map(|route| {
            let time = route.target.timeout();
            let spec = &route.gate;
            let gate = Gate {
                time,
                places: spec.concurrency.map(Places::new),
                rate: spec
                    .rate
                    .map(|rate| RateGate::new(rate, consumer, &route.name)),
                breaker: spec
                    .breaker
                    .map(|spec| breakers.add(spec, consumer, &route.name, time)),
            };
            (route.name.clone(), Arc::new(gate))
        });
        Self {
            routes: routes.collect(),
            patience,
            shared: Arc::new(Shared {
                store,
                ambient,
                breakers,
            }),
        }
    }

    /// Whether a route may be tried now; waits for it up to `asks.until`.
    pub async fn admit(&self, asks: Asks<'_>) -> Admission {
        let Some(gate) = self.routes.get(asks.route) else {
            return Admission::Go(Pass::default());
        };
        let latest = self
            .patience
            .map(|patience| self.shared.ambient.now().after(patience));
        let until = latest.map_or(asks.until, |latest| latest.min(asks.until));
        match self.shared.admit(gate, Asks { until, ..asks }).await {
            Ok(held) => Admission::Go(Pass::new(held)),
            Err(not_now) => {
                let (after, cause) = self.shared.put_off(not_now, asks.receive_count);
                Admission::Wait { after, cause }
            }
        }
    }

    /// How much there is use for, where every one of these routes is known to be shut.
    pub fn appetite<'r>(&self, routes: impl Iterator<Item = &'r RouteName>) -> Appetite {
        let now = self.shared.ambient.now();
        let mut rest: Option<Timestamp> = None;
        for route in routes {
            let breaker = self.routes.get(route).and_then(|gate| gate.breaker);
            let shut = breaker.and_then(|at| self.shared.breakers.rests_until(at, now));
            let Some(until) = shut else {
                return Appetite::Full;
            };
            rest = Some(rest.map_or(until, |rest| rest.min(until)));
        }
        match rest {
            None => Appetite::Full,
            Some(until) if until <= now => Appetite::Taste,
            Some(until) => Appetite::Sated(until),
        }
    }

    /// How the breakers stand, as far as this process knows, by the names of their routes.
    pub fn breakers(&self) -> Vec<(RouteName, Breaker)> {
        let now = self.shared.ambient.now();
        let routes = self.routes.iter();
        let breakers = routes.filter_map(|(route, gate)| {
            let breaker = self.shared.breakers.stands(gate.breaker?, now)?;
            Some((route.clone(), breaker))
        });
        let mut breakers: Vec<_> = breakers.collect();
        breakers.sort_by(|(one, _), (other, _)| one.cmp(other));
        breakers
    }

    /// Whether any of these routes takes events. One without a breaker does; where all have one
    /// their rows are read, unless that was done in the last second.
    pub async fn flow<'r>(&self, routes: impl Iterator<Item = &'r RouteName>) -> Flow {
        let breaker = |route| self.routes.get(route).and_then(|gate| gate.breaker);
        match routes.map(breaker).collect::<Option<Vec<_>>>() {
            None => Flow::Flows,
            Some(of) if of.is_empty() => Flow::Flows,
            Some(of) => self.shared.breakers.flow(&self.shared, &of).await,
        }
    }
}

impl Shared {
    /// Waits at each gate of a route. The breaker is asked first and last: what waits long must not
    /// begin at a target that failed meanwhile, and a probe's lease must not be waited away.
    async fn admit(self: &Arc<Self>, gate: &Arc<Gate>, asks: Asks<'_>) -> Result<Held, NotNow> {
        let mut permit = match gate.breaker {
            Some(at) => Some((at, self.breakers.wait_for(self, at, asks.until).await?)),
            None => None,
        };
        let place = match &gate.places {
            Some(places) => Some(places.take(self, asks.until).await?),
            None => None,
        };
        if let Some(rate) = &gate.rate {
            rate.wait_for(self, asks.until).await?;
        }
        let mut ticket = None;
        while let Some((at, taken)) = permit {
            ticket = self.breakers.enter(self, at, taken).await?;
            if ticket.is_some() {
                break;
            }
            permit = Some((at, self.breakers.wait_for(self, at, asks.until).await?));
        }
        Ok(Held {
            shared: Arc::clone(self),
            gate: Arc::clone(gate),
            route: asks.route.clone(),
            receive_count: asks.receive_count,
            place,
            ticket,
        })
    }

    /// Puts a row; whatever fails is told in the log, and nothing passes.
    async fn put(&self, row: &GateRow) -> Result<GatePut, NotNow> {
        let put = timeout(REQUEST_TIME, self.store.put(row)).await;
        let put = put.unwrap_or_else(|_| Err(StoreError::unanswered()));
        telemetry::tell(Happened::LedgerAsked {
            write_units: 1,
            read_units: 0,
            failed: put.is_err(),
        });
        put.map_err(|error| {
            telemetry::tell(Happened::GatesFailed(&error));
            NotNow::store_down()
        })
    }

    /// Reads rows by position; `None` for one that was not read, which is told in the log.
    async fn read(&self, keys: &[GateKey]) -> Vec<Option<Option<GateRow>>> {
        let read = timeout(REQUEST_TIME, self.store.read(keys)).await;
        let rows = read.unwrap_or_else(|_| vec![Err(StoreError::unanswered())]);
        telemetry::ledger_read(&rows);
        if let Some(error) = rows.iter().find_map(|row| row.as_ref().err()) {
            telemetry::tell(Happened::GatesFailed(error));
        }
        rows.into_iter().map(Result::ok).collect()
    }

    /// How long a route is put off, and why.
    fn put_off(&self, not_now: NotNow, receive_count: u32) -> (Duration, DeferCause) {
        let jitter = Jitter::from_bits(self.ambient.random());
        let after = put_off_wait(not_now.at_least, receive_count, jitter);
        (after, not_now.cause)
    }
}

impl Passage for Held {
    fn ended(self: Box<Self>, attempt: &Attempt, took: Duration) -> PassEnd {
        let health = Health::of(attempt, took, self.gate.time);
        if let Some(place) = &self.place {
            place.learn(took, health);
        }
        let Some(ticket) = self.ticket else {
            return PassEnd::default();
        };
        let shared = Arc::clone(&self.shared);
        let (row, not_now) = shared.breakers.ended(&shared, ticket, &self.route, health);
        let receive_count = self.receive_count;
        let charge = match (attempt.outcome, not_now) {
            // Whatever is said of the target: the event has had its answer.
            (Outcome::Delivered | Outcome::Rejected, _) | (_, None) => Charge::Charged,
            (Outcome::Transient { .. } | Outcome::Unknown, Some(not_now)) => {
                let (after, cause) = shared.put_off(not_now, receive_count);
                Charge::Free { after, cause }
            }
        };
        let tell =
            row.map(|row| async move { shared.breakers.tell(&shared, ticket, row).await }.boxed());
        PassEnd { charge, tell }
    }
}

impl NotNow {
    /// The rows cannot be read or written: nothing passes (F43).
    fn store_down() -> Self {
        Self {
            at_least: Duration::ZERO,
            cause: DeferCause::StoreDown,
        }
    }
}

/// How long a try waits in the process where the file has other routes.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a request for a gate's row may take.
const REQUEST_TIME: Duration = Duration::from_secs(1);

/// How long a rate's row lives after its last write: after that time it says nothing.
const RATE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// How long a breaker's row lives after its last write.
const BREAKER_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
