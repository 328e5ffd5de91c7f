//! The targets of a world, and the handler that reaches them: what each try was, and what it did.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use waybill_core::event::Event;
use waybill_core::id::{OwnerId, RouteName};
use waybill_core::outcome::{Attempt, DeadReason, RowEnd};
use waybill_core::polling::Appetite;
use waybill_core::time::Timestamp;
use waybill_engine::gates::Gates;
use waybill_engine::handler::{Admission, Asks, Delivery, Handler, Pass, Plan, Policy};
use waybill_testkit::fixtures;

use crate::fault::Fault;
use crate::sandbox::Sandbox;
use crate::world::{Outage, Weather};

use super::watch::{Asked, Watch, key_of};

/// One try of one route.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    /// Data of the event.
    #[expect(dead_code, reason = "said where a promise is broken")]
    pub(crate) data: String,
    pub(crate) route: String,
    pub(crate) idempotency_key: String,
    /// Which process.
    pub(crate) by: usize,
    /// The claim that it was begun on.
    pub(crate) owner: Option<OwnerId>,
    #[expect(dead_code, reason = "said where a promise is broken")]
    pub(crate) begun: Timestamp,
    /// When its answer was handed over, or its future dropped.
    pub(crate) ended: Option<Timestamp>,
    /// When the target took it, each time.
    pub(crate) effects: Vec<Timestamp>,
    /// What the engine heard of it.
    pub(crate) heard: Heard,
}

/// How a try ended for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It has not.
    Nothing,
    /// It heard that the target took it.
    Delivered,
    /// It heard something else, or cut it off.
    Otherwise,
    /// Its process died.
    Death,
}

/// The handler of one process.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) sandbox: Sandbox,
    pub(crate) watch: Arc<Watch>,
    pub(crate) gates: Option<Arc<Gates>>,
}

/// What the tries at a route's own dead-letter target are noted under.
pub(crate) fn dead_letter_of(route: &RouteName) -> String {
    format!("{route}!")
}

/// What a target does with one request.
#[derive(Debug, Clone, Copy)]
struct Mood {
    there: Duration,
    back: Duration,
    takes: bool,
    says: Says,
}

/// A target that refuses for now.
const SICK: Mood = Mood {
    there: Duration::from_millis(20),
    back: Duration::from_millis(20),
    takes: false,
    says: Says::Busy,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Taken,
    Busy,
    BusyFor(Duration),
    Refused,
    Nothing,
}

impl Worker {
    /// What a target is asked that makes each effect once; none of any other.
    fn asked(&self, delivery: &Delivery<'_>) -> Option<Asked> {
        let how = self.watch.plan.by_target(delivery.route.as_str());
        how.filter(|_| delivery.given_up.is_none())
            .map(|how| Asked {
                how,
                idempotency_key: delivery.idempotency_key.to_owned(),
                row: delivery.row.cloned(),
            })
    }

    fn mood(&self) -> Mood {
        let world = self.sandbox.world();
        let chance = world.chance();
        let slow = u32::try_from(self.watch.plan.slow).unwrap_or(1);
        let time = |ms: u64| chance.time(Duration::from_millis(ms)) * slow;
        let good = Mood {
            there: chance.time(Duration::from_millis(150)),
            back: time(300),
            takes: true,
            says: Says::Taken,
        };
        let bad = |says| Mood {
            takes: false,
            says,
            ..good
        };
        if world.is_calm() {
            return good;
        }
        if let Some(weather) = world.weather(Outage::Target) {
            return match weather {
                Weather::Refuses => bad(Says::Busy),
                Weather::Silent => bad(Says::Nothing),
                Weather::Mute => Mood {
                    says: Says::Nothing,
                    ..good
                },
            };
        }
        if world.strikes(Fault::LateAnswer, 60) {
            let there = time(4_000);
            let back = time(8_000);
            let says = match chance.hits(500) {
                true => Says::Taken,
                false => Says::Nothing,
            };
            return Mood {
                there,
                back,
                takes: true,
                says,
            };
        }
        if world.strikes(Fault::Busy, 120) {
            return match chance.hits(500) {
                true => bad(Says::Busy),
                false => bad(Says::BusyFor(time(20_000))),
            };
        }
        if world.strikes(Fault::Refusal, 40) {
            return bad(Says::Refused);
        }
        good
    }
}

impl Handler for Worker {
    /// The data's first word says what is wanted.
    fn plan(&self, event: &Event) -> Plan {
        let text = String::from_utf8_lossy(event.data.as_bytes()).into_owned();
        let word = text.split(':').next().unwrap_or_default();
        let routes = match word {
            "ignored" => return Plan::Ignore,
            "unrouted" => return Plan::Dead(DeadReason::Unrouted),
            word => word.chars().map(|c| fixtures::route(&c.to_string())),
        };
        Plan::Deliver {
            version: "v".to_owned(),
            routes: routes.collect(),
        }
    }

    fn policy(&self, route: &RouteName) -> Option<Arc<Policy>> {
        self.watch.plan.policies.get(route).cloned()
    }

    async fn admit<'a>(&'a self, asks: Asks<'a>) -> Admission {
        match &self.gates {
            Some(gates) if !asks.given_up => gates.admit(asks).await,
            Some(_) | None => Admission::Go(Pass::default()),
        }
    }

    fn appetite(&self) -> Appetite {
        let routes = self.watch.plan.policies.keys();
        let gates = self.gates.as_ref();
        gates.map_or(Appetite::Full, |gates| gates.appetite(routes))
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let world = self.sandbox.world();
        if self.sandbox.is_dead() {
            return std::future::pending().await;
        }
        let owner = self.watch.begins(&self.sandbox, &delivery);
        let entry = Entry::begin(self, delivery, owner);
        if self.watch.aborts(delivery.message) && world.strikes(Fault::Abort, 700) {
            self.sandbox.trouble();
            self.sandbox.kill();
            return std::future::pending().await;
        }
        if world.strikes(Fault::Panic, 10) {
            world.tell(|| format!("{:?} panics in try {}", self.sandbox, entry.1));
            resume_unwind(Box::new("before the request"));
        }
        let mood = match delivery.attempt <= self.watch.plan.sick {
            true => SICK,
            false => self.mood(),
        };
        world.tell(|| {
            let (n, id) = (entry.1, &delivery.message.message_id);
            format!(
                "{:?} try {n} of {id} at `{}`: {mood:?}",
                self.sandbox, delivery.route
            )
        });
        let (tell, heard) = oneshot::channel();
        let (watch, place, by) = (self.watch.clone(), entry.1, self.sandbox.number());
        let asked = self.asked(&delivery);
        tokio::spawn(async move {
            sleep(mood.there).await;
            let row = match (mood.takes, &asked) {
                (true, Some(asked)) => watch.takes_once(place, by, asked),
                (true, None) => {
                    watch.takes(place);
                    RowEnd::Untouched
                }
                (false, _) => RowEnd::Untouched,
            };
            sleep(mood.back).await;
            if mood.says != Says::Nothing {
                // Whoever asked may be gone.
                let _ = tell.send((mood.says, row));
            } else {
                sleep(Duration::from_secs(3600)).await;
            }
        });
        let silent = (Says::Nothing, RowEnd::Untouched);
        let (said, row) = heard.await.unwrap_or(silent);
        if world.strikes(Fault::Panic, 10) {
            world.tell(|| format!("{:?} panics in try {}", self.sandbox, entry.1));
            resume_unwind(Box::new("after the answer"));
        }
        match said {
            Says::Taken if row == RowEnd::Refused => {
                Attempt::transient("conflict", "", None).with_row(row)
            }
            Says::Taken => {
                entry.hears(Heard::Delivered);
                Attempt::delivered("written").with_row(row)
            }
            Says::Busy => Attempt::transient("http_503", "", None),
            Says::BusyFor(wait) => Attempt::transient("http_429", "", Some(wait)),
            Says::Refused => Attempt::rejected("http_422", ""),
            Says::Nothing => Attempt::unknown("no_answer", ""),
        }
    }
}

/// A try's entry in the book, closed when its future is dropped.
struct Entry<'a>(&'a Worker, usize);

impl<'a> Entry<'a> {
    fn begin(worker: &'a Worker, delivery: Delivery<'_>, owner: Option<OwnerId>) -> Self {
        let place = worker.watch.notes(
            key_of(delivery.message),
            Try {
                data: String::from_utf8_lossy(delivery.event.data.as_bytes()).into_owned(),
                route: match delivery.given_up {
                    None => delivery.route.as_str().to_owned(),
                    Some(_) => dead_letter_of(delivery.route),
                },
                idempotency_key: delivery.idempotency_key.to_owned(),
                by: worker.sandbox.number(),
                owner,
                begun: worker.sandbox.world().now(),
                ended: None,
                effects: Vec::new(),
                heard: Heard::Nothing,
            },
        );
        Self(worker, place)
    }

    fn hears(&self, heard: Heard) {
        self.0.watch.of_try(self.1, |this| this.heard = heard);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let now = self.0.sandbox.world().now();
        let died = self.0.sandbox.is_dead();
        self.0.watch.of_try(self.1, |this| {
            this.ended = Some(now);
            if this.heard == Heard::Nothing {
                this.heard = match died {
                    true => Heard::Death,
                    false => Heard::Otherwise,
                };
            }
        });
    }
}
