//! The handler that delivers along the routes of a file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use waybill_core::event::{Data, Event};
use waybill_core::gate::breaker::Breaker;
use waybill_core::gate::valve::Flow;
use waybill_core::id::RouteName;
use waybill_core::limit::WAIT_MAX;
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, DeadReason, DeferCause};
use waybill_core::polling::Appetite;
use waybill_core::retry::store_trouble_wait;
use waybill_core::routes::{Part, Route, RoutesFile, TargetSpec, TransformFailed, Unrouted};

use crate::gates::Gates;
use crate::handler::{Admission, Asks, DeadLetterPolicy, Delivery, Handler, Pass, Plan, Policy};
use crate::ports::{Target, TargetRequest};
use crate::telemetry::{self, Happened, Shadow};

/// Delivers an event to the target of every route that wants it.
pub struct Router {
    file: RoutesFile,
    ways: HashMap<RouteName, Way>,
    gates: Option<Gates>,
    /// Whether any route is a shadow: without one, nothing is looked at twice.
    has_shadows: bool,
}

/// What is known of one route before any event of it comes.
struct Way {
    /// Where it stands in the file.
    at: usize,
    target: Box<dyn Target>,
    /// The route's own dead-letter target.
    dead_letter: Option<Box<dyn Target>>,
    policy: Arc<Policy>,
}

impl Router {
    /// Builds a target for every route, and a dead-letter target for those that have one; the
    /// first that cannot be built is the error. Routes that have a gate wait until it is there: see
    /// [`Router::with_gates`].
    pub fn new<E>(
        file: RoutesFile,
        target: impl Fn(&Route, &TargetSpec) -> Result<Box<dyn Target>, E>,
    ) -> Result<Self, E> {
        let routes = file.routes.iter().enumerate();
        let ways = routes.map(|(at, route)| {
            let own = route.dead_letter.as_ref();
            let policy = Policy {
                retry: route.retry.clone(),
                on_rejected: route.on_rejected,
                time: route.target.timeout(),
                dead_letter: own.map(|own| DeadLetterPolicy {
                    retry: own.retry.clone(),
                    time: own.target.timeout(),
                }),
                once: route.once,
            };
            let way = Way {
                at,
                target: target(route, &route.target)?,
                dead_letter: own.map(|own| target(route, &own.target)).transpose()?,
                policy: Arc::new(policy),
            };
            Ok((route.name.clone(), way))
        });
        Ok(Self {
            ways: ways.collect::<Result<_, E>>()?,
            gates: None,
            has_shadows: file.routes.iter().any(|route| route.flags.shadow),
            file,
        })
    }

    /// The same with the gates of its routes: breakers, rates, places.
    #[must_use]
    pub fn with_gates(mut self, gates: Gates) -> Self {
        self.gates = Some(gates);
        self
    }

    /// The route of this name, and what is known of it.
    fn way(&self, name: &RouteName) -> Option<(&Route, &Way)> {
        let way = self.ways.get(name)?;
        Some((self.file.routes.get(way.at)?, way))
    }

    /// The routes of the file that are switched on.
    fn on(&self) -> impl Iterator<Item = &RouteName> {
        let routes = self.file.routes.iter();
        let on = routes.filter(|route| !route.flags.holds());
        on.map(|route| &route.name)
    }

    /// The routes that take an event and are not disabled, and what each has to do with it.
    fn parts<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a Route, Part)> {
        let matching = self.file.matching(event);
        let parts = matching.map(|route| (route, route.flags.part(&route.name, event)));
        parts.filter(|(_, part)| *part != Part::Off)
    }
}

impl Handler for Router {
    fn plan(&self, event: &Event) -> Plan {
        let taking: Vec<_> = self.parts(event).collect();
        if taking.is_empty() {
            return match self.file.unrouted {
                Unrouted::Ack => Plan::Ignore,
                Unrouted::Dead => Plan::Dead(DeadReason::Unrouted),
            };
        }
        let delivering = taking.iter().filter(|(_, part)| *part == Part::Deliver);
        let delivering: Vec<_> = delivering.map(|(route, _)| *route).collect();
        if delivering.is_empty() {
            return Plan::Ignore;
        }
        if delivering.iter().any(|route| is_malformed(route, event)) {
            return Plan::Dead(DeadReason::Malformed);
        }
        let routes = delivering
            .into_iter()
            .map(|route| route.name.clone())
            .collect();
        Plan::Deliver {
            version: self.file.version.clone(),
            routes,
        }
    }

    fn policy(&self, route: &RouteName) -> Option<Arc<Policy>> {
        let (_, way) = self.way(route)?;
        Some(Arc::clone(&way.policy))
    }

    async fn admit<'a>(&'a self, asks: Asks<'a>) -> Admission {
        let Some((route, _)) = self.way(asks.route) else {
            return Admission::Go(Pass::default());
        };
        if route.flags.holds() {
            // The longest wait: an hour costs four receives, and a route that is switched on again
            // is noticed within a quarter of one.
            return Admission::Wait {
                after: WAIT_MAX,
                cause: DeferCause::RouteOff,
            };
        }
        if asks.given_up {
            // The gates are the target's, and this is another.
            return Admission::Go(Pass::default());
        }
        match &self.gates {
            Some(gates) => gates.admit(asks).await,
            None if route.gate.is_open() => Admission::Go(Pass::default()),
            None => Admission::Wait {
                after: store_trouble_wait(asks.receive_count),
                cause: DeferCause::StoreDown,
            },
        }
    }

    fn appetite(&self) -> Appetite {
        let Some(gates) = &self.gates else {
            return Appetite::Full;
        };
        gates.appetite(self.on())
    }

    fn breakers(&self) -> Vec<(RouteName, Breaker)> {
        self.gates.as_ref().map_or_else(Vec::new, Gates::breakers)
    }

    async fn flow(&self) -> Flow {
        match &self.gates {
            Some(gates) => gates.flow(self.on()).await,
            None => Flow::Unknown,
        }
    }

    fn observe(&self, message: &Message, event: &Event) {
        if !self.has_shadows {
            return;
        }
        let shadows = self.parts(event).filter(|(_, part)| *part == Part::Shadow);
        for (route, _) in shadows {
            let shadow = match shaped(route, event) {
                Ok(_) if is_malformed(route, event) => Shadow::Malformed,
                Ok(data) => Shadow::WouldDeliver {
                    size_bytes: data.as_bytes().len(),
                },
                Err(why) => Shadow::TransformFailed(why.to_string()),
            };
            telemetry::tell(Happened::ShadowEvaluated {
                message,
                route: &route.name,
                shadow: &shadow,
            });
        }
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let way = self.way(delivery.route).and_then(|(route, way)| {
            let target = match delivery.given_up {
                None => &way.target,
                Some(_) => way.dead_letter.as_ref()?,
            };
            Some((route, target))
        });
        let Some((route, target)) = way else {
            return Attempt::transient("route_unknown", "the route has no target", None);
        };
        // A dead letter is the event as it came: the transform may be why it is one.
        let data = match delivery.given_up {
            None => shaped(route, delivery.event),
            Some(_) => Ok(Cow::Borrowed(&delivery.event.data)),
        };
        let data = match data {
            Ok(data) => data,
            Err(why) => return Attempt::rejected("transform_failed", why.to_string()),
        };
        let request = TargetRequest {
            event: delivery.event,
            data: &data,
            message: delivery.message,
            idempotency_key: delivery.idempotency_key,
            limit: delivery.limit,
            given_up: delivery.given_up,
            trace: delivery.trace,
            row: delivery.row,
        };
        target.send(request).await
    }
}

/// Whether the route requires JSON and the event has other data.
fn is_malformed(route: &Route, event: &Event) -> bool {
    route.require_json && !matches!(event.data, Data::Json(_))
}

/// What is delivered of an event along a route: its data, or what the route's transform makes.
fn shaped<'a>(route: &Route, event: &'a Event) -> Result<Cow<'a, Data>, TransformFailed> {
    match &route.transform {
        None => Ok(Cow::Borrowed(&event.data)),
        Some(transform) => transform.apply(event).map(Cow::Owned),
    }
}
