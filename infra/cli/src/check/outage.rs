//! The longest outage that a configuration survives, as it is told.

use std::time::Duration;

use crate::screen;

/// How long what a queue's events need may be away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    /// The queue.
    pub(crate) queue: String,
    /// Receives after which its redrive policy moves a message.
    pub(crate) receives: u64,
    /// How long the ledger may be away before that moves valid messages.
    pub(crate) ledger: Duration,
    /// How long the target of each route may be.
    pub(crate) routes: Vec<RouteOutage>,
}

/// How long the target of a route may be away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteOutage {
    /// The route.
    pub(crate) name: String,
    /// Whether a breaker keeps its tries while the target is away.
    pub(crate) breaker: bool,
    /// How long: with a breaker as long as the ledger.
    pub(crate) lasts: Duration,
}

impl Outage {
    /// The route whose target may be away for the shortest time, of those without a breaker.
    pub(crate) fn first(&self) -> Option<&RouteOutage> {
        let without = self.routes.iter().filter(|route| !route.breaker);
        without.min_by_key(|route| route.lasts)
    }

    /// In one line.
    pub(crate) fn said(&self) -> String {
        let ledger = long(self.ledger);
        let first = self.first().map(|route| {
            let lasts = long(route.lasts);
            format!(
                "; of the target of route `{}`, which has no breaker, {lasts}",
                route.name
            )
        });
        format!(
            "longest outage survived by `{}`: of the ledger {ledger}{}",
            self.queue,
            first.unwrap_or_default()
        )
    }
}

/// A duration, of which none is none.
pub(crate) fn long(lasts: Duration) -> String {
    match lasts.is_zero() {
        true => "none".to_owned(),
        false => screen::duration(lasts),
    }
}

#[cfg(test)]
mod tests;
