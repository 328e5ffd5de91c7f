//! How many tries, and how much beyond them, one event sets going; and events too big to be passed
//! on.

use waybill_core::limit::{EXECUTION_INPUT_MAX, SQS_MESSAGE_MAX};
use waybill_core::routes::{Filter, Invocation, Route, TargetSpec};

use super::super::bundle::Mapping;
use super::super::finding::{Input, Severity};
use super::super::resource::Resource;
use super::super::value::Unknown;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "fan-out-unbounded",
        severity: Severity::Warning,
        failures: &[],
        relation: "a route that starts something and does not wait for its end has a `rate`, or \
                   starts a function for which concurrency is reserved",
        remedy: "give the route a `rate`, or reserve concurrency for the function",
        judge: |known| known.each_route(unbounded),
    },
    Rule {
        id: "fan-out-wide",
        severity: Severity::Warning,
        failures: &[],
        relation: "the routes that take every event make at most 1024 tries at once in a process, \
                   which may have no more files open",
        remedy: "give routes a `filter` or a `concurrency`, or have a process work on fewer events",
        judge: wide,
    },
    Rule {
        id: "fat-events",
        severity: Severity::Note,
        failures: &[],
        relation: "no source queue takes events that are too big for a route's target as they are",
        remedy: "lower MaximumMessageSize of the source queue, filter, or give the route a \
                 `transform`",
        judge: |known| known.each_source_route(fat),
    },
];

impl Known<'_> {
    /// One verdict for each route, with its place; none where no function has routes.
    pub(super) fn each_route(
        &self,
        judge: impl Fn(&Self, usize, &Route) -> Verdict,
    ) -> Vec<Verdict> {
        let mut functions = self.bundle.functions();
        if functions.all(|one| one.variable("WAYBILL_ROUTES").is_absent()) {
            return Vec::new();
        }
        match self.routes() {
            Ok(file) => {
                let routes = file.routes.iter().enumerate();
                let on = routes.filter(|(_, route)| route.flags.enabled);
                on.map(|(place, route)| judge(self, place, route)).collect()
            }
            Err(reason) => vec![Err(reason)],
        }
    }

    /// One verdict for each source queue with each route.
    fn each_source_route(&self, judge: fn(&Resource, usize, &Route) -> Verdict) -> Vec<Verdict> {
        let sources = self.bundle.sources();
        let verdicts = sources
            .flat_map(|queue| self.each_route(move |_, place, route| judge(queue, place, route)));
        verdicts.collect()
    }
}

impl Mapping {
    /// Events of this mapping that one process works on at once: a batch, of which the consumer
    /// takes up so many side by side.
    pub(super) fn batch_events(&self) -> Result<u64, Unknown> {
        let size = self.properties.get("BatchSize").number()?;
        Ok(size.unwrap_or(BATCH_DEFAULT).min(CONSUMER_EVENTS))
    }
}

/// A fault of a route.
pub(super) fn of_route(place: usize, name: &str, message: String, remedy: String) -> Fault {
    Fault {
        input: Input::Routes,
        path: format!("routes[{place}].{name}"),
        line: None,
        message,
        remedy,
    }
}

/// What is started without end.
fn unbounded(known: &Known<'_>, place: usize, route: &Route) -> Verdict {
    if route.gate.rate.is_some() {
        return Ok(None);
    }
    let (what, known_bound) = match &route.target {
        TargetSpec::Lambda(function) if function.invocation == Invocation::Event => {
            let resource = known.targeted(&route.target).ok_or_else(|| {
                Unknown::new(format!(
                    "what bounds function `{}` is not known, and route `{}` has no `rate`",
                    function.function, route.name
                ))
            })?;
            let reserved = resource.property("ReservedConcurrentExecutions");
            ("invokes a function", reserved.number()?.is_some())
        }
        TargetSpec::StepFunctions(_) => ("starts an execution", false),
        TargetSpec::Lambda(_)
        | TargetSpec::Http(_)
        | TargetSpec::Sqs(_)
        | TargetSpec::DynamoDb(_)
        | TargetSpec::Sns(_)
        | TargetSpec::EventBridge(_)
        | TargetSpec::Kinesis(_) => return Ok(None),
    };
    let name = &route.name;
    Ok((!known_bound).then(|| {
        of_route(
            place,
            "target",
            format!(
                "route `{name}` {what} with each event and does not wait for its end: nothing \
                 bounds how many run at once, and the queue's concurrency does not hold them back"
            ),
            format!(
                "give route `{name}` a `rate`; for a function, reserving concurrency bounds it too"
            ),
        )
    }))
}

/// More tries at once than a process has files.
fn wide(known: &Known<'_>) -> Vec<Verdict> {
    if known.each_route(|_, _, _| Ok(None)).is_empty() {
        return Vec::new();
    }
    let judge = |function: &Resource, events: Result<u64, Unknown>| -> Verdict {
        let events = events?;
        let routes = known.routes()?.routes.iter();
        let every =
            routes.filter(|route| route.filter == Filter::default() && !route.flags.holds());
        let tries = every.map(|route| {
            let own = route.gate.concurrency.map(|own| u64::from(own.max()));
            own.map_or(events, |own| own.min(events))
        });
        let (many, tries) = tries.fold((0_u64, 0_u64), |(many, sum), one| {
            (many + 1, sum.saturating_add(one))
        });
        let id = &function.id;
        Ok((tries > FILES_MAX).then(|| {
            Fault::new(
                function.path(),
                format!(
                    "`{id}` works on {events} events at once, and {many} routes take each of them: \
                     {tries} tries at once, with a connection each, and Lambda lets a process have \
                     {FILES_MAX} files open"
                ),
                "give routes a `filter` or a `concurrency`, or lower BatchSize or \
                 WAYBILL_CONCURRENCY",
            )
        }))
    };
    let mapped = known.bundle.mappings.iter().filter_map(|mapping| {
        let function = known.bundle.resource(mapping.function.as_deref()?)?;
        let size = mapping.batch_events();
        Some(judge(function, size))
    });
    let pollers = known.bundle.pollers().map(|poller| {
        let told = poller.variable("WAYBILL_CONCURRENCY").number();
        judge(poller, told.map(|told| told.unwrap_or(POLLER_EVENTS)))
    });
    mapped.chain(pollers).collect()
}

/// Events that a target does not take.
fn fat(queue: &Resource, place: usize, route: &Route) -> Verdict {
    let (most, what) = match &route.target {
        TargetSpec::StepFunctions(_) => (EXECUTION_INPUT_MAX, "an execution's input"),
        TargetSpec::Sns(_) => (
            SNS_DEFAULT,
            "a topic's message, unless its MaximumMessageSize is more,",
        ),
        TargetSpec::DynamoDb(_) => (ITEM_MAX, "an item"),
        TargetSpec::Http(_)
        | TargetSpec::Sqs(_)
        | TargetSpec::EventBridge(_)
        | TargetSpec::Lambda(_)
        | TargetSpec::Kinesis(_) => return Ok(None),
    };
    if route.transform.is_some() {
        return Ok(None);
    }
    let takes = queue.property("MaximumMessageSize").number()?;
    let takes = takes.unwrap_or(u64::try_from(SQS_MESSAGE_MAX).unwrap_or(u64::MAX));
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let (id, name) = (&queue.id, &route.name);
    Ok((takes > most).then(|| {
        of_route(
            place,
            "target",
            format!(
                "`{id}` takes messages of {takes} bytes, and {what} has {most} at most: what is \
                 between is refused by the target of route `{name}`, and dead"
            ),
            format!(
                "set MaximumMessageSize of `{id}` to {most}, so that who sends is told; or filter, \
                 or give route `{name}` a `transform`"
            ),
        )
    }))
}

/// Most files that an execution environment has open.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const FILES_MAX: u64 = 1024;

/// How many messages a batch has that is not told.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
const BATCH_DEFAULT: u64 = 10;

/// How many events the consumer works on at once.
const CONSUMER_EVENTS: u64 = 100;

/// How many events a poller works on at once that is not told.
pub(super) const POLLER_EVENTS: u64 = 100;

/// Longest message of a topic that does not say it, in bytes.
/// <https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html>
const SNS_DEFAULT: usize = 256 * 1024;

/// Longest item of a table, in bytes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const ITEM_MAX: usize = 400 * 1024;
