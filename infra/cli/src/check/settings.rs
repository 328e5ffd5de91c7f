//! What a template sets of what a load needs: numbers, by the names that CloudFormation has for
//! them, with the parameters that decide them.
//!
//! Read by the same evaluator as the rules. What is known only when it is deployed is told so.

use waybill_core::capacity::usage::FirstWrite;
use waybill_core::ledger::{DeadLetter, OnceBy};
use waybill_core::price::{Architecture, QueueKind};
use waybill_core::retry::RetryPolicy;
use waybill_core::routes::{RoutesFile, TargetSpec};

use super::bundle::Mapping;
use super::resource::Resource;
use super::rules::{Checked, Known};
use super::template::Template;
use super::value::Unknown;

/// One number that the template sets.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// What CloudFormation calls it.
    pub(crate) name: &'static str,
    /// What it is; none where it is not set and has no default.
    pub(crate) said: Result<Option<u64>, Unknown>,
    /// The one parameter that decides it, where there is one.
    pub(crate) parameter: Option<String>,
    /// What that parameter may be, where it is one of some whole numbers.
    pub(crate) allowed: Vec<u64>,
}

/// The function behind a trigger.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    /// `MaximumConcurrency` of its mapping.
    pub(crate) concurrency: Setting,
    /// `ReservedConcurrentExecutions`.
    pub(crate) reserved: Setting,
    /// `Timeout`.
    pub(crate) timeout: Setting,
    /// `MaximumBatchingWindowInSeconds`.
    pub(crate) window: Setting,
    /// `BatchSize`.
    pub(crate) batch_size: Setting,
    /// What it runs on.
    pub(crate) machine: Machine,
}

/// The function that polls.
#[derive(Debug, Clone)]
pub(crate) struct Poller {
    /// `ReservedConcurrentExecutions`: how many run side by side.
    pub(crate) pollers: Setting,
    /// `Timeout`.
    pub(crate) timeout: Setting,
    /// How many events one works on at once.
    pub(crate) concurrency: Setting,
    /// For how long it hides a message at a time.
    pub(crate) visibility: Setting,
    /// What it runs on.
    pub(crate) machine: Machine,
}

/// What a function runs on.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `MemorySize`.
    pub(crate) memory: Setting,
    /// `Architectures`; none where it is not known.
    pub(crate) architecture: Option<Architecture>,
}

/// The source queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    /// Its kind.
    pub(crate) kind: Result<QueueKind, Unknown>,
    /// `VisibilityTimeout`.
    pub(crate) visibility: Setting,
    /// `MessageRetentionPeriod`.
    pub(crate) retention: Setting,
    /// `maxReceiveCount`.
    pub(crate) receives: Setting,
}

/// What a template sets of what a load needs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The source queue.
    pub(crate) queue: Queue,
    /// The function behind a trigger, where it makes one.
    pub(crate) trigger: Option<Trigger>,
    /// The function that polls, where it makes one.
    pub(crate) poller: Option<Poller>,
    /// How the dead leave.
    pub(crate) dead_letter: Result<DeadLetter, Unknown>,
    /// When an event's row is written first, where it goes along one route.
    pub(crate) first_write: Result<FirstWrite, Unknown>,
    /// The policy of the route that tries most often.
    pub(crate) retry: Result<RetryPolicy, Unknown>,
    /// Most tries of an event, those at a route's own dead-letter target among them.
    pub(crate) tries: Result<u64, Unknown>,
}

impl Settings {
    /// Of the first source queue and the functions that work it off; none where the template makes
    /// no such queue.
    pub(crate) fn of(checked: &Checked) -> Option<Self> {
        let known = Known::of(checked);
        let template = known.template?;
        let source = known.bundle.sources().next()?;
        let mapped = known.bundle.mappings.iter().find_map(|mapping| {
            let function = known.bundle.resource(mapping.function.as_ref()?)?;
            let of_source = mapping.queue.resource() == Some(&source.id);
            of_source.then_some((mapping, function))
        });
        let workers = || known.bundle.workers(&source.id);
        let polls = |one: &&Resource| known.bundle.pollers().any(|poller| poller.id == one.id);
        let longest = known.routes().map(|file| {
            let routes = file.routes.iter().map(|route| &route.retry);
            routes.max_by_key(|retry| retry.steps).cloned()
        });
        Some(Self {
            queue: queue(template, source),
            trigger: mapped.map(|(mapping, function)| trigger(template, mapping, function)),
            poller: workers().find(polls).map(|one| poller(template, one)),
            dead_letter: match workers().next() {
                Some(worker) => known.dead_letter_mode(worker),
                None => Ok(DeadLetter::default()),
            },
            first_write: known.routes().map(first_write),
            retry: longest.map(Option::unwrap_or_default),
            tries: known.most_tries(),
        })
    }
}

/// When the row of an event of these routes is written first. Where they differ, what costs most:
/// which of them an event goes along is not known.
pub(crate) fn first_write(file: &RoutesFile) -> FirstWrite {
    let on = || file.routes.iter().filter(|route| route.flags.enabled);
    if on().any(|route| route.once == OnceBy::Ledger) || on().next().is_none() {
        return FirstWrite::Claim;
    }
    match on().any(|route| matches!(route.target, TargetSpec::DynamoDb(_))) {
        true => FirstWrite::Effect,
        false => FirstWrite::Try,
    }
}

/// A source queue's.
fn queue(template: &Template, queue: &Resource) -> Queue {
    let setting = |name: &'static str, said| Setting::of(template, name, queue.path_of(name), said);
    let receives = queue.property("RedrivePolicy").get("maxReceiveCount");
    let path = queue.path_of("RedrivePolicy.maxReceiveCount");
    Queue {
        kind: queue.queue_kind(),
        visibility: setting("VisibilityTimeout", queue.visibility_seconds().map(Some)),
        retention: setting(
            "MessageRetentionPeriod",
            queue.retention_seconds().map(Some),
        ),
        receives: Setting::of(template, "maxReceiveCount", path, receives.number()),
    }
}

/// Those of a mapping and its function.
fn trigger(template: &Template, mapping: &Mapping, function: &Resource) -> Trigger {
    let of_mapping = |name: &'static str, default: Option<u64>| {
        let said = mapping.properties.get(name).number();
        let path = format!("{}.{name}", mapping.path);
        Setting::of(template, name, path, said.map(|said| said.or(default)))
    };
    let path = format!("{}.ScalingConfig.MaximumConcurrency", mapping.path);
    Trigger {
        concurrency: Setting::of(template, "MaximumConcurrency", path, mapping.concurrency()),
        reserved: reserved(template, function),
        timeout: timeout(template, function),
        window: of_mapping("MaximumBatchingWindowInSeconds", Some(0)),
        batch_size: of_mapping("BatchSize", Some(BATCH_DEFAULT)),
        machine: machine(template, function),
    }
}

/// A poller's.
fn poller(template: &Template, function: &Resource) -> Poller {
    let variable = |name: &'static str, default| {
        let said = function.variable(name).number();
        let said = said.map(|said| said.or(Some(default)));
        Setting::of(template, name, function.path_of_variable(name), said)
    };
    Poller {
        pollers: reserved(template, function),
        timeout: timeout(template, function),
        concurrency: variable("WAYBILL_CONCURRENCY", CONCURRENCY_DEFAULT),
        visibility: variable("WAYBILL_VISIBILITY_SECONDS", HELD_DEFAULT),
        machine: machine(template, function),
    }
}

/// How much is reserved for a function.
fn reserved(template: &Template, function: &Resource) -> Setting {
    let name = "ReservedConcurrentExecutions";
    let said = function.property(name).number();
    Setting::of(template, name, function.path_of(name), said)
}

/// How long a function may take.
fn timeout(template: &Template, function: &Resource) -> Setting {
    let said = function.timeout_seconds().map(Some);
    Setting::of(template, "Timeout", function.path_of("Timeout"), said)
}

/// What a function runs on.
fn machine(template: &Template, function: &Resource) -> Machine {
    let said = function.property("MemorySize").number();
    let said = said.map(|said| said.or(Some(MEMORY_DEFAULT)));
    let path = function.path_of("MemorySize");
    let named = function.property("Architectures").list();
    let named = named.map(|named| {
        named
            .first()
            .map(|one| one.text().ok().flatten().map(str::to_owned))
    });
    Machine {
        memory: Setting::of(template, "MemorySize", path, said),
        architecture: match named {
            // Lambda's own, where none is named.
            Ok(None) => Some(Architecture::X86),
            Ok(Some(Some(name))) if name == "arm64" => Some(Architecture::Arm64),
            Ok(Some(Some(name))) if name == "x86_64" => Some(Architecture::X86),
            Ok(Some(_)) | Err(Unknown(_)) => None,
        },
    }
}

impl Setting {
    /// One at a place of the template.
    fn of(
        template: &Template,
        name: &'static str,
        path: String,
        said: Result<Option<u64>, Unknown>,
    ) -> Self {
        let deciding = template.deciding(&path);
        let parameter = match deciding.as_slice() {
            [one] => one.strip_prefix("parameter ").map(str::to_owned),
            [] | [_, _, ..] => None,
        };
        let allowed = parameter.as_deref().map(|name| allowed(template, name));
        Self {
            name,
            said,
            parameter,
            allowed: allowed.unwrap_or_default(),
        }
    }

    /// The number, where it is known and set.
    pub(crate) fn number(&self) -> Option<u64> {
        self.said.as_ref().ok().copied().flatten()
    }
}

/// What a parameter may be, where it is one of some whole numbers, in order.
fn allowed(template: &Template, name: &str) -> Vec<u64> {
    let declared = template.root.get("Parameters");
    let values = declared.and_then(|all| all.get(name)?.get("AllowedValues"));
    let values = values.map(|values| values.list()).unwrap_or_default();
    let mut numbers: Vec<u64> = values
        .iter()
        .filter_map(|value| value.text()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Messages of a batch, where a mapping does not say it.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
const BATCH_DEFAULT: u64 = 10;

/// Memory of a function that does not say it.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
const MEMORY_DEFAULT: u64 = 128;

/// Events that a poller works on at once, where it is not told.
const CONCURRENCY_DEFAULT: u64 = 100;

/// Seconds for which a poller hides a message, where it is not told.
const HELD_DEFAULT: u64 = 30;

#[cfg(test)]
mod tests;
