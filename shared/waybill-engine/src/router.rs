//! The handler that delivers along the routes of a file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use waybill_core::event::{Data, Event};
use waybill_core::id::RouteName;
use waybill_core::limit::WAIT_MAX;
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::routes::{Part, Route, RoutesFile, TargetSpec, TransformFailed, Unrouted};

use crate::handler::{DeadLetterPolicy, Delivery, Handler, Plan, Policy};
use crate::ports::{Target, TargetRequest};
use crate::telemetry::{self, Shadow};

/// Delivers an event to the target of every route that wants it.
pub struct Router {
    file: RoutesFile,
    targets: HashMap<RouteName, Box<dyn Target>>,
    /// The routes' own dead-letter targets.
    dead_letters: HashMap<RouteName, Box<dyn Target>>,
    /// Whether any route is a shadow: without one, nothing is looked at twice.
    has_shadows: bool,
}

impl Router {
    /// Builds a target for every route, and a dead-letter target for those that have one; the
    /// first that cannot be built is the error.
    pub fn new<E>(
        file: RoutesFile,
        target: impl Fn(&Route, &TargetSpec) -> Result<Box<dyn Target>, E>,
    ) -> Result<Self, E> {
        let targets = file
            .routes
            .iter()
            .map(|route| Ok((route.name.clone(), target(route, &route.target)?)));
        let dead_letters = file.routes.iter().filter_map(|route| {
            let spec = &route.dead_letter.as_ref()?.target;
            Some(target(route, spec).map(|target| (route.name.clone(), target)))
        });
        Ok(Self {
            targets: targets.collect::<Result<_, E>>()?,
            dead_letters: dead_letters.collect::<Result<_, E>>()?,
            has_shadows: file.routes.iter().any(|route| route.flags.shadow),
            file,
        })
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

    fn policy(&self, route: &RouteName) -> Option<Policy> {
        let route = self.file.route(route)?;
        Some(Policy {
            retry: route.retry.clone(),
            on_rejected: route.on_rejected,
            time: route.target.timeout(),
            dead_letter: route.dead_letter.as_ref().map(|own| DeadLetterPolicy {
                retry: own.retry.clone(),
                time: own.target.timeout(),
            }),
        })
    }

    fn held_back(&self, route: &RouteName) -> Option<Duration> {
        let route = self.file.route(route)?;
        // The longest wait: an hour costs four receives, and a route that is switched on again
        // is noticed within a quarter of one.
        route.flags.holds().then_some(WAIT_MAX)
    }

    fn observe(&self, message: &Message, event: &Event) {
        if !self.has_shadows {
            return;
        }
        let shadows = self.parts(event).filter(|(_, part)| *part == Part::Shadow);
        for (route, _) in shadows {
            let what = match shaped(route, event) {
                Ok(_) if is_malformed(route, event) => Shadow::Malformed,
                Ok(data) => Shadow::WouldDeliver {
                    size_bytes: data.as_bytes().len(),
                },
                Err(why) => Shadow::TransformFailed(why.to_string()),
            };
            telemetry::shadow_evaluated(message, &route.name, &what);
        }
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let route = self.file.route(delivery.route);
        let targets = match delivery.given_up {
            None => &self.targets,
            Some(_) => &self.dead_letters,
        };
        let (Some(route), Some(target)) = (route, targets.get(delivery.route)) else {
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
