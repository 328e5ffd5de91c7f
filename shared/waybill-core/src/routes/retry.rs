//! How hard a route tries: `retry` and `max_event_age`, of a route and of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::delivery::Delivery;
use super::fields::{Faults, Fields, join};
use super::span;
use super::tree::{Node, Value};
use crate::limit::{RETENTION_MAX, SCHEDULE_WAIT_MAX, WAIT_MAX};
use crate::retry::{Backoff, OnCode, RetryPolicy};

/// What routes do unless they say otherwise.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    /// What is merged under the keys of a route's `retry`.
    keys: Keys,
    /// The policy of a route that says nothing.
    policy: RetryPolicy,
}

impl Defaults {
    /// Reads `defaults` over the built-in policy.
    pub(super) fn read(node: Option<&Node>, faults: &mut Faults) -> Self {
        let known = ["retry", "max_event_age"];
        let fields = node.and_then(|node| Fields::open(node, "defaults", &known, faults));
        let mut keys = Keys::default();
        let mut policy = RetryPolicy::default();
        if let Some(fields) = fields {
            if let Some(node) = fields.get("retry") {
                (keys, policy) = Keys::read(node, "defaults.retry", &keys, faults);
            }
            policy.max_event_age = max_event_age(&fields, faults);
        }
        Self { keys, policy }
    }

    /// Reads what a route says over these: `retry`, or `delivery` in its place, and
    /// `max_event_age`. A `delivery` may also say how long a try of its target may take.
    pub(super) fn of_route(
        &self,
        fields: &Fields<'_>,
        faults: &mut Faults,
    ) -> (RetryPolicy, Option<Delivery>) {
        let delivery = fields.get("delivery").and_then(|node| {
            let path = join(fields.path, "delivery");
            if fields.get("retry").is_some() {
                let message = "stands for `retry`, in other words; say one of the two";
                faults.add(&path, node.at, message);
            }
            Delivery::read(node, &path, faults)
        });
        let said = fields.get("retry").map(|node| {
            let path = join(fields.path, "retry");
            let (_, policy) = Keys::read(node, &path, &self.keys, faults);
            policy
        });
        let said = said.or(delivery.as_ref().map(|delivery| delivery.retry.clone()));
        let age = max_event_age(fields, faults);
        let policy = RetryPolicy {
            max_event_age: age.or(self.policy.max_event_age),
            ..said.unwrap_or_else(|| self.policy.clone())
        };
        (policy, delivery)
    }
}

impl Defaults {
    /// Reads how a route's own dead-letter target is tried: `retry` over these. No event is too old
    /// for it.
    pub(super) fn of_dead_letter(&self, fields: &Fields<'_>, faults: &mut Faults) -> RetryPolicy {
        let said = fields.get("retry").map(|node| {
            let path = join(fields.path, "retry");
            Keys::read(node, &path, &self.keys, faults).1
        });
        RetryPolicy {
            max_event_age: None,
            ..said.unwrap_or_else(|| self.policy.clone())
        }
    }
}

/// Reads `max_event_age`.
fn max_event_age(fields: &Fields<'_>, faults: &mut Faults) -> Option<Duration> {
    fields.duration(
        "max_event_age",
        Duration::from_secs(1),
        RETENTION_MAX,
        faults,
    )
}

/// What `steps` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// The tries after the first.
    Retries,
    /// The first try too, as Argo's code does.
    Attempts,
}

/// The keys of `retry` that are said, here or in `defaults`.
#[derive(Debug, Clone, Default)]
struct Keys {
    /// Those that say how the waits grow, and how many there are.
    growth: Growth,
    /// The list of waits that stands for them.
    schedule: Option<Arc<[Duration]>>,
    /// How much longer chance may make a wait.
    jitter: Option<f64>,
    /// The shortest wait after an overload.
    overload_floor: Option<Duration>,
    /// By the attempt's code.
    on: BTreeMap<String, Growth>,
    /// After how many attempts the event waits outside the queue.
    detach: Option<u32>,
}

/// The keys that a list of waits stands for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Growth {
    /// How many there are.
    steps: Option<u32>,
    /// What that counts.
    counted: Option<Counted>,
    /// The first wait.
    duration: Option<Duration>,
    /// What each further one is multiplied by.
    factor: Option<f64>,
    /// The longest.
    cap: Option<Duration>,
}

impl Keys {
    /// Reads `retry` over what was said before, and makes a policy of both.
    fn read(node: &Node, path: &str, base: &Self, faults: &mut Faults) -> (Self, RetryPolicy) {
        let known = [
            "steps",
            "steps_semantics",
            "duration",
            "factor",
            "jitter",
            "cap",
            "schedule",
            "overload_floor",
            "on",
            "detach",
        ];
        let Some(fields) = Fields::open(node, path, &known, faults) else {
            return (base.clone(), RetryPolicy::default());
        };
        let before = faults.count();
        let growth = Growth::read(&fields, faults);
        let schedule = match fields.get("schedule") {
            Some(node) => schedule(node, &join(path, "schedule"), faults),
            None => None,
        };
        if fields.get("schedule").is_some() && growth != Growth::default() {
            let message = "`schedule` says every wait: leave out `steps`, `steps_semantics`, \
                 `duration`, `factor` and `cap`, or leave out `schedule`";
            faults.add(path, node.at, message);
        }
        let mut on = base.on.clone();
        if let Some(node) = fields.get("on") {
            on.extend(by_code(node, &join(path, "on"), faults));
        }
        // A list of waits and the keys that it stands for: what is said here goes before both.
        let keys = Self {
            schedule: match growth == Growth::default() {
                true => schedule.or_else(|| base.schedule.clone()),
                false => None,
            },
            growth: growth.over(&base.growth),
            jitter: fields.number("jitter", 0.0, 1.0, faults).or(base.jitter),
            overload_floor: fields
                .duration("overload_floor", Duration::ZERO, WAIT_MAX, faults)
                .or(base.overload_floor),
            on,
            detach: fields
                .integer("detach", 1, 100, faults)
                .and_then(|after| u32::try_from(after).ok())
                .or(base.detach),
        };
        if faults.count() == before {
            keys.check(path, node, faults);
        }
        let policy = keys.policy();
        (keys, policy)
    }

    /// Tells what the keys must not say together.
    fn check(&self, path: &str, node: &Node, faults: &mut Faults) {
        if self.schedule.is_none() {
            self.growth.check(path, node, faults);
        }
        for (code, growth) in &self.on {
            let path = join(&join(path, "on"), code);
            growth.over(&self.growth).check(&path, node, faults);
        }
    }

    /// The policy that the keys say.
    fn policy(&self) -> RetryPolicy {
        let built_in = RetryPolicy::default();
        let (steps, backoff, cap) = match &self.schedule {
            Some(waits) => {
                let longest = waits.iter().max().copied().unwrap_or_default();
                let steps = u32::try_from(waits.len()).unwrap_or(u32::MAX);
                (steps, Backoff::Schedule(Arc::clone(waits)), longest)
            }
            None => (
                self.growth.retries(),
                self.growth.backoff(),
                self.growth.cap(),
            ),
        };
        let on = self.on.iter().map(|(code, growth)| {
            let growth = growth.over(&self.growth);
            let (backoff, cap) = (growth.backoff(), growth.cap());
            (code.clone(), OnCode { backoff, cap })
        });
        let on: BTreeMap<_, _> = on.collect();
        RetryPolicy {
            steps,
            backoff,
            jitter: self.jitter.unwrap_or(built_in.jitter),
            cap,
            overload_floor: self.overload_floor.unwrap_or(built_in.overload_floor),
            on: (!on.is_empty()).then(|| Arc::new(on)),
            max_event_age: built_in.max_event_age,
            detach: self.detach,
        }
    }
}

impl Growth {
    /// Reads the keys of it that stand in a mapping.
    fn read(fields: &Fields<'_>, faults: &mut Faults) -> Self {
        let counted = [
            ("retries", Counted::Retries),
            ("attempts", Counted::Attempts),
        ];
        Self {
            steps: fields
                .integer("steps", 0, 100, faults)
                .and_then(|steps| u32::try_from(steps).ok()),
            counted: fields.word("steps_semantics", &counted, faults),
            ..Self::read_waits(fields, faults)
        }
    }

    /// Reads those that say how the waits grow.
    fn read_waits(fields: &Fields<'_>, faults: &mut Faults) -> Self {
        Self {
            steps: None,
            counted: None,
            duration: fields.duration("duration", Duration::ZERO, SCHEDULE_WAIT_MAX, faults),
            factor: fields.number("factor", 1.0, 100.0, faults),
            cap: fields.duration("cap", Duration::ZERO, SCHEDULE_WAIT_MAX, faults),
        }
    }

    /// These, and what they do not say from others.
    fn over(&self, base: &Self) -> Self {
        Self {
            steps: self.steps.or(base.steps),
            counted: self.counted.or(base.counted),
            duration: self.duration.or(base.duration),
            factor: self.factor.or(base.factor),
            cap: self.cap.or(base.cap),
        }
    }

    /// How many tries follow the first at most.
    fn retries(&self) -> u32 {
        let steps = self.steps.unwrap_or(RetryPolicy::default().steps);
        match self.counted {
            None | Some(Counted::Retries) => steps,
            Some(Counted::Attempts) => steps.saturating_sub(1),
        }
    }

    /// How the waits grow.
    fn backoff(&self) -> Backoff {
        Backoff::Exponential {
            duration: self.duration.unwrap_or(DURATION),
            factor: self.factor.unwrap_or(FACTOR),
        }
    }

    /// The longest wait.
    fn cap(&self) -> Duration {
        self.cap.unwrap_or(RetryPolicy::default().cap)
    }

    /// Tells what they must not say together.
    fn check(&self, path: &str, node: &Node, faults: &mut Faults) {
        if self.counted == Some(Counted::Attempts) && self.steps == Some(0) {
            let message = "`steps: 0` with `steps_semantics: attempts` is no try at all; `steps: 1` \
                 is one try without a retry";
            faults.add(path, node.at, message);
        }
        let (duration, cap) = (self.duration.unwrap_or(DURATION), self.cap());
        if duration > cap {
            let message = format!(
                "`duration` is {} and `cap` is {}; the first wait must not be above the longest",
                span::show(duration),
                span::show(cap),
            );
            faults.add(path, node.at, message);
        }
    }
}

/// Reads `schedule`. `None` only after a fault was told.
fn schedule(node: &Node, path: &str, faults: &mut Faults) -> Option<Arc<[Duration]>> {
    let Value::List(entries) = &node.value else {
        return faults.wrong_kind(path, node, "a list of durations");
    };
    if !(1..=SCHEDULE_MAX).contains(&entries.len()) {
        let message = format!("must have 1 to {SCHEDULE_MAX} waits; no retry is `steps: 0`");
        return faults.refuse(path, node, message);
    }
    let waits = entries.iter().enumerate().map(|(index, entry)| {
        let wait = entry.value.as_text().and_then(span::parse);
        wait.filter(|wait| *wait <= SCHEDULE_WAIT_MAX).or_else(|| {
            let message = "must be a duration from 0ms to 336h: digits and `ms`, `s`, `m` or `h`, \
                 like `10s`";
            faults.refuse(&format!("{path}[{index}]"), entry, message)
        })
    });
    // Every entry's fault is told.
    let waits: Vec<_> = waits.collect();
    waits.into_iter().collect()
}

/// Reads `on`: for each code the waits that go before the others.
fn by_code(node: &Node, path: &str, faults: &mut Faults) -> BTreeMap<String, Growth> {
    let mut read = BTreeMap::new();
    let Value::Map(entries) = &node.value else {
        faults.wrong_kind::<()>(path, node, "a mapping");
        return read;
    };
    for (key, waits) in entries {
        let path = join(path, &key.name);
        if !is_code(&key.name) {
            let codes = CODES.map(|code| format!("`{code}`")).join(", ");
            let message = format!(
                "is no code that a try fails with; known here: `http_` and a status from 200 to \
                 599, like `http_503`, and {codes}"
            );
            faults.add(&path, key.at, message);
            continue;
        }
        let known = ["duration", "factor", "cap"];
        let Some(fields) = Fields::open(waits, &path, &known, faults) else {
            continue;
        };
        if fields.get("duration").is_none() {
            fields.missing::<()>("duration", "say the first wait after this code", faults);
        }
        read.insert(key.name.clone(), Growth::read_waits(&fields, faults));
    }
    read
}

/// Whether a try can fail with this code.
fn is_code(name: &str) -> bool {
    let status = name
        .strip_prefix("http_")
        .filter(|digits| digits.len() == 3);
    let status = status.and_then(|digits| digits.parse::<u16>().ok());
    CODES.contains(&name) || status.is_some_and(|status| (200..=599).contains(&status))
}

/// The codes of tries that are made again and that are no status; `docs/FAILURES.md` says what each
/// means.
const CODES: [&str; 33] = [
    "access_denied",
    "address_refused",
    "bus_missing",
    "client_failed",
    "conflict",
    "connect_failed",
    "connect_refused",
    "connect_timeout",
    "connection_lost",
    "dns_failed",
    "execution_unread",
    "function_error",
    "function_missing",
    "lease_ended",
    "marker_unread",
    "no_answer",
    "panicked",
    "queue_missing",
    "request_failed",
    "request_refused",
    "secret_refused",
    "secret_unavailable",
    "secret_unfit",
    "service_failed",
    "state_machine_express",
    "state_machine_missing",
    "stream_missing",
    "table_missing",
    "target_is_source",
    "throttled",
    "timeout",
    "tls_failed",
    "topic_missing",
];

/// The first wait where nothing is said.
const DURATION: Duration = Duration::from_secs(10);

/// What each further wait is multiplied by where nothing is said.
const FACTOR: f64 = 2.0;

/// Most waits of a list: as many as there may be retries.
const SCHEDULE_MAX: usize = 100;

#[cfg(test)]
mod tests;
