//! The handler that delivers along the routes of a file.

use std::collections::HashMap;

use waybill_core::event::{Data, Event};
use waybill_core::id::RouteName;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::routes::{Route, RoutesFile, Unrouted};

use crate::handler::{Delivery, Handler, Plan, Policy};
use crate::ports::{Target, TargetRequest};

/// Delivers an event to the target of every route that wants it.
pub struct Router {
    file: RoutesFile,
    targets: HashMap<RouteName, Box<dyn Target>>,
}

impl Router {
    /// Builds a target for every route; the first that cannot be built is the error.
    pub fn new<E>(
        file: RoutesFile,
        target: impl Fn(&Route) -> Result<Box<dyn Target>, E>,
    ) -> Result<Self, E> {
        let targets = file
            .routes
            .iter()
            .map(|route| Ok((route.name.clone(), target(route)?)));
        Ok(Self {
            targets: targets.collect::<Result<_, E>>()?,
            file,
        })
    }
}

impl Handler for Router {
    fn plan(&self, event: &Event) -> Plan {
        let matching: Vec<_> = self.file.matching(event).collect();
        let is_json = matches!(event.data, Data::Json(_));
        if matching.is_empty() {
            return match self.file.unrouted {
                Unrouted::Ack => Plan::Ignore,
                Unrouted::Dead => Plan::Dead(DeadReason::Unrouted),
            };
        }
        if matching.iter().any(|route| route.require_json && !is_json) {
            return Plan::Dead(DeadReason::Malformed);
        }
        let routes = matching
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
        })
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let Some(target) = self.targets.get(delivery.route) else {
            return Attempt::transient("route_unknown", "the route has no target", None);
        };
        let request = TargetRequest {
            event: delivery.event,
            data: &delivery.event.data,
            message: delivery.message,
            idempotency_key: delivery.idempotency_key,
            limit: delivery.limit,
        };
        target.send(request).await
    }
}
