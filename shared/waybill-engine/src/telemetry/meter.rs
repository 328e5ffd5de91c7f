//! What one invocation counts, until it is written.
//!
//! A meter belongs to the task that runs an invocation: whatever happens in it is counted there,
//! without being handed the meter. Nothing of an invocation runs outside its task (F64).

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use waybill_core::price::{Architecture, QueueKind, US_EAST_1, Usage};
use waybill_core::time::Timestamp;

use super::metric::{Dimension, ESTIMATED_COST, Metric};
use super::{Happened, Metrics, emf};

tokio::task_local! {
    /// The meter of the invocation that runs.
    pub(super) static METER: Arc<Meter>;
}

/// What one invocation has counted and not yet written.
pub(crate) struct Meter {
    /// Name of the source queue.
    queue: String,
    metrics: Metrics,
    open: Mutex<Open>,
}

/// What changes.
struct Open {
    counts: Counts,
    /// What was used since the last writing, the function's time apart.
    usage: Usage,
    /// Until when the function's time is written.
    written: Timestamp,
}

/// Sums and values, by labels.
#[derive(Debug, Default)]
pub(super) struct Counts {
    sets: Vec<Set>,
}

/// What has one set of labels.
#[derive(Debug)]
pub(super) struct Set {
    /// Beside the queue's.
    pub(super) labels: Vec<(Dimension, Cow<'static, str>)>,
    /// Sums and readings.
    pub(super) sums: Vec<(&'static Metric, f64)>,
    /// Values one by one.
    pub(super) values: Vec<(&'static Metric, Vec<f64>)>,
}

/// Labels beside the queue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By<'a> {
    /// None.
    Queue,
    /// Why a message was put off.
    Cause(&'static str),
    /// Why a message is dead.
    Reason(&'static str),
    /// Along which route.
    Route(&'a str),
    /// Along which route, and how it ended.
    Outcome(&'a str, &'static str),
}

impl Meter {
    /// A meter for an invocation on this queue.
    pub(crate) fn new(queue: &str, metrics: Metrics, started: Timestamp) -> Self {
        Self {
            queue: queue.to_owned(),
            open: Mutex::new(Open {
                counts: Counts::default(),
                usage: Usage {
                    lambda_requests: 1.0,
                    ..metrics.usage(queue)
                },
                written: started,
            }),
            metrics,
        }
    }

    /// Counts what happened.
    pub(super) fn note(&self, event: &Happened<'_>) {
        let mut open = self.open();
        let Open { counts, usage, .. } = &mut *open;
        event.count(counts, usage);
    }

    /// Writes what was counted since the last time, and begins anew.
    pub(crate) fn flush(&self, now: Timestamp) {
        let mut open = self.open();
        let took = now.since(open.written);
        open.written = now;
        let anew = self.metrics.usage(&self.queue);
        let mut usage = std::mem::replace(&mut open.usage, anew);
        let mut counts = std::mem::take(&mut open.counts);
        drop(open);
        usage.lambda_gb_seconds = took.as_secs_f64() * f64::from(self.metrics.memory_mb) / 1024.0;
        let dollars = US_EAST_1.dollars(&usage).total();
        counts.add(&ESTIMATED_COST, By::Queue, dollars);
        let lines = emf::lines(&self.queue, now, &counts.sets);
        self.metrics.sink.write(&lines);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    /// The usage of none, for what it is priced by.
    fn usage(&self, queue: &str) -> Usage {
        Usage {
            queue: match waybill_core::message::is_fifo(queue) {
                true => QueueKind::Fifo,
                false => QueueKind::Standard,
            },
            architecture: match cfg!(target_arch = "x86_64") {
                true => Architecture::X86,
                false => Architecture::Arm64,
            },
            ..Usage::default()
        }
    }
}

impl Counts {
    /// Adds to a sum.
    pub(super) fn add(&mut self, metric: &'static Metric, by: By<'_>, more: f64) {
        self.within(by, |set| {
            match set.sums.iter_mut().find(|(of, _)| *of == metric) {
                Some((_, sum)) => *sum += more,
                None => set.sums.push((metric, more)),
            }
        });
    }

    /// Takes a reading in place of the one before.
    pub(super) fn read(&mut self, metric: &'static Metric, by: By<'_>, reading: f64) {
        self.within(by, |set| {
            set.sums.retain(|(of, _)| *of != metric);
            set.sums.push((metric, reading));
        });
    }

    /// Keeps how long something took, in milliseconds.
    pub(super) fn time(&mut self, metric: &'static Metric, by: By<'_>, took: Duration) {
        self.value(metric, by, (took.as_secs_f64() * 1000.0).round());
    }

    /// Keeps a value.
    pub(super) fn value(&mut self, metric: &'static Metric, by: By<'_>, value: f64) {
        self.within(by, |set| {
            match set.values.iter_mut().find(|(of, _)| *of == metric) {
                Some((_, values)) => values.push(value),
                None => set.values.push((metric, vec![value])),
            }
        });
    }

    /// Changes what has these labels.
    fn within(&mut self, by: By<'_>, change: impl FnOnce(&mut Set)) {
        match self.sets.iter_mut().find(|set| set.is(by)) {
            Some(set) => change(set),
            None => {
                let mut set = Set {
                    labels: by.labels(),
                    sums: Vec::new(),
                    values: Vec::new(),
                };
                change(&mut set);
                self.sets.push(set);
            }
        }
    }
}

impl Set {
    /// Whether it has these labels.
    fn is(&self, by: By<'_>) -> bool {
        let mut labels = self.labels.iter().map(|(of, value)| (*of, &**value));
        let (first, second) = (labels.next(), labels.next());
        match by {
            By::Queue => first.is_none(),
            By::Cause(cause) => first == Some((Dimension::Cause, cause)),
            By::Reason(reason) => first == Some((Dimension::Reason, reason)),
            By::Route(route) => first == Some((Dimension::Route, route)) && second.is_none(),
            By::Outcome(route, outcome) => {
                first == Some((Dimension::Route, route))
                    && second == Some((Dimension::Outcome, outcome))
            }
        }
    }
}

impl By<'_> {
    /// The same, to be kept.
    fn labels(self) -> Vec<(Dimension, Cow<'static, str>)> {
        let route = |route: &str| (Dimension::Route, Cow::Owned(route.to_owned()));
        match self {
            Self::Queue => Vec::new(),
            Self::Cause(cause) => vec![(Dimension::Cause, Cow::Borrowed(cause))],
            Self::Reason(reason) => vec![(Dimension::Reason, Cow::Borrowed(reason))],
            Self::Route(name) => vec![route(name)],
            Self::Outcome(name, outcome) => {
                vec![route(name), (Dimension::Outcome, Cow::Borrowed(outcome))]
            }
        }
    }
}
