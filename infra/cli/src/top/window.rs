//! What functions counted over the last while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Number;

use waybill_core::time::Timestamp;

use super::emf::Document;
use super::spread::{Spread, Times};

/// A sliding window over what functions logged of one queue, in steps of a second.
#[derive(Debug)]
pub(super) struct Window {
    queue: String,
    span: Duration,
    seconds: BTreeMap<u64, Second>,
    /// What was said last of each route's breaker, however long ago.
    breakers: BTreeMap<String, Said>,
}

/// What was said of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// When.
    pub(super) at: Timestamp,
    /// 0 is closed, 1 is closing, 2 is open.
    pub(super) state: u64,
}

/// What was counted in one second.
#[derive(Debug, Default)]
struct Second {
    counts: BTreeMap<Series, u64>,
    times: BTreeMap<Series, Times>,
}

/// A metric of a set of dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    metric: &'static str,
    route: Option<String>,
    word: Option<String>,
}

/// What a window holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Figures {
    /// Over how long.
    pub(super) span: Duration,
    /// Counts of the queue, each by its metric; [`COUNTS`] has their names. One that is zero is
    /// there too.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Messages that were deferred, by cause.
    pub(super) deferred: BTreeMap<String, u64>,
    /// Receipts of dead messages, by reason.
    pub(super) dead: BTreeMap<String, u64>,
    /// From sending to delivery.
    pub(super) end_to_end: Option<Spread>,
    /// From receipt to the end of the work.
    pub(super) processing: Option<Spread>,
    /// From sending to receipt.
    pub(super) age: Option<Spread>,
    /// What was tried, by route.
    pub(super) routes: BTreeMap<String, RouteFigures>,
    /// Messages delivered in each second, oldest first.
    pub(super) delivered: Vec<u64>,
}

/// What a window holds of a route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RouteFigures {
    /// Tries by their outcome.
    pub(super) outcomes: BTreeMap<String, u64>,
    /// How long a try took.
    pub(super) delivery: Option<Spread>,
    /// What was said last of its breaker.
    pub(super) breaker: Option<Said>,
}

impl Window {
    /// An empty window over what is logged of this queue.
    pub(super) fn new(queue: impl Into<String>, span: Duration) -> Self {
        Self {
            queue: queue.into(),
            span,
            seconds: BTreeMap::new(),
            breakers: BTreeMap::new(),
        }
    }

    /// Counts a document. What is of another queue is left out, and what no window will have
    /// again.
    pub(super) fn add(&mut self, document: &Document, now: Timestamp) {
        if document.queue != self.queue {
            return;
        }
        let at = document.at;
        let second = at.as_millis() / 1000;
        let in_window = second > self.before(now);
        for (name, values) in &document.metrics {
            match (name.as_str(), &document.route) {
                (BREAKER_STATE, Some(route)) => self.say(at, route, values),
                _ if in_window => self.count(second, name, document, values),
                _ => {}
            }
        }
    }

    /// The last second that is not in the window any more.
    fn before(&self, now: Timestamp) -> u64 {
        (now.as_millis() / 1000).saturating_sub(self.span.as_secs())
    }

    /// Notes what is said of a breaker, unless something later was.
    fn say(&mut self, at: Timestamp, route: &str, values: &[Number]) {
        let Some(state) = values.last().map(whole) else {
            return;
        };
        let said = self.breakers.entry(route.to_owned());
        let said = said.or_insert(Said { at, state });
        if said.at <= at {
            *said = Said { at, state };
        }
    }

    /// Counts the values of one metric.
    fn count(&mut self, second: u64, name: &str, document: &Document, values: &[Number]) {
        let known = |names: &[&'static str]| names.iter().find(|known| **known == name).copied();
        let series = |metric| Series {
            metric,
            route: document.route.clone(),
            word: document.word.clone(),
        };
        let second = self.seconds.entry(second).or_default();
        if let Some(metric) = known(&COUNTS) {
            let sum = values.iter().map(whole).fold(0, u64::saturating_add);
            let count = second.counts.entry(series(metric)).or_default();
            *count = count.saturating_add(sum);
        } else if let Some(metric) = known(&TIMES) {
            let times = second.times.entry(series(metric)).or_default();
            let values = values.iter().filter_map(Number::as_f64);
            values.for_each(|value| times.add(value));
        }
    }

    /// Names of routes that were seen.
    pub(super) fn routes(&self) -> BTreeSet<String> {
        let counted = self.seconds.values().flat_map(|second| {
            let counts = second.counts.keys();
            counts.chain(second.times.keys())
        });
        let counted = counted.filter_map(|series| series.route.clone());
        counted.chain(self.breakers.keys().cloned()).collect()
    }

    /// What the window holds now. What it has no more is forgotten.
    pub(super) fn figures(&mut self, now: Timestamp) -> Figures {
        let before = self.before(now);
        self.seconds.retain(|second, _| *second > before);
        let mut counts = BTreeMap::<Series, u64>::new();
        let mut times = BTreeMap::<Series, Times>::new();
        for second in self.seconds.values() {
            for (series, count) in &second.counts {
                *counts.entry(series.clone()).or_default() += count;
            }
            for (series, more) in &second.times {
                times.entry(series.clone()).or_default().merge(more);
            }
        }
        let delivered = Series::of_queue("Delivered");
        let in_second = |second: u64| {
            let second = self.seconds.get(&(before + 1 + second));
            second.and_then(|second| second.counts.get(&delivered).copied())
        };
        let seconds = (0..self.span.as_secs()).map(in_second);
        let mut figures = Figures {
            span: self.span,
            counts: COUNTS.map(|metric| (metric, 0)).into(),
            delivered: seconds.map(Option::unwrap_or_default).collect(),
            ..Figures::default()
        };
        for (series, count) in counts {
            figures.count(series, count);
        }
        for (series, times) in &times {
            figures.time(series, times.spread());
        }
        for (route, said) in &self.breakers {
            let route = figures.routes.entry(route.clone()).or_default();
            route.breaker = Some(*said);
        }
        figures
    }
}

impl Series {
    /// A metric of the whole queue.
    fn of_queue(metric: &'static str) -> Self {
        Self {
            metric,
            route: None,
            word: None,
        }
    }
}

impl Figures {
    /// A count of the queue.
    pub(super) fn of(&self, metric: &str) -> u64 {
        self.counts.get(metric).copied().unwrap_or_default()
    }

    /// So many in a second.
    pub(super) fn per_second(&self, count: u64) -> f64 {
        let count = u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
        count / self.span.as_secs_f64().max(1.0)
    }

    /// Puts a count in its place.
    fn count(&mut self, series: Series, count: u64) {
        match (series.metric, series.route, series.word) {
            (metric, None, None) => {
                self.counts.insert(metric, count);
            }
            ("Deferred", None, Some(cause)) => {
                self.deferred.insert(cause, count);
            }
            ("Dead", None, Some(reason)) => {
                self.dead.insert(reason, count);
            }
            ("Attempts", Some(route), Some(outcome)) => {
                let route = self.routes.entry(route).or_default();
                route.outcomes.insert(outcome, count);
            }
            _ => {}
        }
    }

    /// Puts times in their place.
    fn time(&mut self, series: &Series, spread: Option<Spread>) {
        match (series.metric, &series.route) {
            ("EndToEndLatency", None) => self.end_to_end = spread,
            ("ProcessingTime", None) => self.processing = spread,
            ("AgeAtReceipt", None) => self.age = spread,
            ("DeliveryTime", Some(route)) => {
                self.routes.entry(route.clone()).or_default().delivery = spread;
            }
            _ => {}
        }
    }
}

impl RouteFigures {
    /// How many tries ended so.
    pub(super) fn of(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }
}

/// A count; what is none is nothing.
fn whole(number: &Number) -> u64 {
    let rounded = || format!("{:.0}", number.as_f64().unwrap_or_default()).parse();
    number
        .as_u64()
        .or_else(|| rounded().ok())
        .unwrap_or_default()
}

/// The metrics that are counted.
pub(super) const COUNTS: [&str; 12] = [
    "Received",
    "Delivered",
    "Duplicates",
    "Ignored",
    "Scheduled",
    "Retried",
    "Deferred",
    "Dead",
    "Failed",
    "Fenced",
    "Crashes",
    "Attempts",
];

/// The metrics that are times.
const TIMES: [&str; 4] = [
    "EndToEndLatency",
    "ProcessingTime",
    "AgeAtReceipt",
    "DeliveryTime",
];

/// The metric that says of a route's breaker.
const BREAKER_STATE: &str = "BreakerState";

#[cfg(test)]
mod tests;
