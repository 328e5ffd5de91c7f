//! The poller and what invokes it.

use waybill_core::limit::LONG_POLL_MAX;

use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::value::{Unknown, Value};
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "poller-not-reserved",
        severity: Severity::Error,
        failures: &["F18"],
        relation: "as much concurrency is reserved for a poller as pollers are to run at once",
        remedy: "set ReservedConcurrentExecutions of the poller",
        judge: |known| known.each_poller(reserved),
    },
    Rule {
        id: "poller-ticks-pile-up",
        severity: Severity::Error,
        failures: &["F18"],
        relation: "a poller's Timeout is at most its reserved concurrency times the time between two \
                   ticks",
        remedy: "lower the poller's Timeout, or raise its ReservedConcurrentExecutions",
        judge: |known| known.each_poller(pile_up),
    },
    Rule {
        id: "poller-ticks-kept",
        severity: Severity::Warning,
        failures: &["F18"],
        relation: "a tick that fails is not run again, and none runs later than the next comes",
        remedy: "set MaximumRetryAttempts to 0 and MaximumEventAgeInSeconds to 60, of the schedule and \
                 of the function",
        judge: |known| known.each_poller(kept),
    },
    Rule {
        id: "poller-too-short",
        severity: Severity::Warning,
        failures: &["F61"],
        relation: "a poller's Timeout is longer than a receive's 20 s and the longest timeout of a \
                   target together",
        remedy: "raise the poller's Timeout, or lower the targets'",
        judge: |known| known.each_poller(too_short),
    },
];

/// What invokes a poller.
struct Tick<'a> {
    /// Its place in the template.
    path: String,
    /// When it comes.
    expression: &'a Value,
    /// How often it is tried again.
    retry: &'a Value,
}

impl Known<'_> {
    /// One look at each poller; what it comes to is one verdict or several.
    fn each_poller(&self, judge: fn(&Self, &Resource) -> Vec<Verdict>) -> Vec<Verdict> {
        let pollers = self.bundle.pollers();
        pollers.flat_map(|poller| judge(self, poller)).collect()
    }

    /// The schedules that invoke a poller; where the template has none, they cannot be known.
    fn ticks<'a>(&'a self, poller: &'a Resource) -> Result<Vec<Tick<'a>>, Unknown> {
        if self.stack.is_some() {
            return Err(Unknown::new("what invokes a poller is not read of a stack"));
        }
        let mut ticks = self.written_ticks(poller);
        for (name, event) in poller.property("Events").entries() {
            let expression = match event.get("Type").text() {
                Ok(Some("ScheduleV2")) => "ScheduleExpression",
                Ok(Some("Schedule")) => "Schedule",
                Ok(_) | Err(_) => continue,
            };
            let properties = event.get("Properties");
            ticks.push(Tick {
                path: poller.path_of(&format!("Events.{name}.Properties.RetryPolicy")),
                expression: properties.get(expression),
                retry: properties.get("RetryPolicy"),
            });
        }
        match ticks.is_empty() {
            true => Err(Unknown::new(format!(
                "no schedule of the template invokes `{}`",
                poller.id
            ))),
            false => Ok(ticks),
        }
    }

    /// The schedules that are resources of their own.
    fn written_ticks<'a>(&'a self, poller: &Resource) -> Vec<Tick<'a>> {
        let mut ticks = Vec::new();
        for schedule in self.bundle.of_kind(&["AWS::Scheduler::Schedule"]) {
            let target = schedule.property("Target");
            if target.get("Arn").resource() == Some(&poller.id) {
                ticks.push(Tick {
                    path: schedule.path_of("Target.RetryPolicy"),
                    expression: schedule.property("ScheduleExpression"),
                    retry: target.get("RetryPolicy"),
                });
            }
        }
        for rule in self.bundle.of_kind(&["AWS::Events::Rule"]) {
            let targets = rule.property("Targets").list().unwrap_or_default();
            let to_poller = |target: &&Value| target.get("Arn").resource() == Some(&poller.id);
            if let Some(target) = targets.into_iter().find(to_poller) {
                ticks.push(Tick {
                    path: rule.path_of("Targets"),
                    expression: rule.property("ScheduleExpression"),
                    retry: target.get("RetryPolicy"),
                });
            }
        }
        ticks
    }
}

/// Something reserved.
fn reserved(_: &Known<'_>, poller: &Resource) -> Vec<Verdict> {
    let reserved = poller.property("ReservedConcurrentExecutions");
    let id = &poller.id;
    vec![Ok(reserved.is_absent().then(|| {
        Fault::new(
            poller.path_of("ReservedConcurrentExecutions"),
            format!("nothing is reserved for poller `{id}`: nothing bounds how many run at once"),
            format!("set ReservedConcurrentExecutions of `{id}` to how many pollers are wanted"),
        )
    }))]
}

/// Ticks find a place.
fn pile_up(known: &Known<'_>, poller: &Resource) -> Vec<Verdict> {
    let one = |tick: &Tick<'_>| -> Verdict {
        let places = poller.property("ReservedConcurrentExecutions").number()?;
        let timeout = poller.timeout_seconds()?;
        let every = period_seconds(tick.expression)?;
        let Some((places, every)) = places.zip(every) else {
            return Ok(None);
        };
        let room = places.saturating_mul(every);
        let id = &poller.id;
        Ok((timeout > room).then(|| {
            Fault::new(
                poller.path_of("Timeout"),
                format!(
                    "`{id}` runs for {timeout} s, a tick comes each {every} s, and {places} may run \
                     at once: ticks find no place, and pile up"
                ),
                format!(
                    "set Timeout of `{id}` to {room} or less, or ReservedConcurrentExecutions to {} \
                     or more",
                    timeout.div_ceil(every.max(1))
                ),
            )
        }))
    };
    match known.ticks(poller) {
        Ok(ticks) => ticks.iter().map(one).collect(),
        Err(reason) => vec![Err(reason)],
    }
}

/// Ticks are not kept.
fn kept(known: &Known<'_>, poller: &Resource) -> Vec<Verdict> {
    let ticks = match known.ticks(poller) {
        Ok(ticks) => ticks,
        Err(reason) => return vec![Err(reason)],
    };
    let own = known.bundle.of_kind(&["AWS::Lambda::EventInvokeConfig"]);
    let mut own = own.filter(|one| one.property("FunctionName").resource() == Some(&poller.id));
    let (path, config) = match own.next() {
        Some(own) => (own.path(), &own.properties),
        None => (
            poller.path_of("EventInvokeConfig"),
            poller.property("EventInvokeConfig"),
        ),
    };
    let of_ticks = ticks.iter().map(|tick| (tick.path.clone(), tick.retry));
    let each = of_ticks.chain([(path, config)]);
    each.map(|(path, policy)| {
        let attempts = policy.get("MaximumRetryAttempts").number()?;
        let age = policy.get("MaximumEventAgeInSeconds").number()?;
        let once = attempts == Some(0) && age.is_some_and(|age| age <= TICK_AGE_SECONDS);
        Ok((!once).then(|| {
            let said = |number: Option<u64>| {
                number.map_or_else(|| "not set".to_owned(), |number| number.to_string())
            };
            Fault::new(
                path,
                format!(
                    "a tick of poller `{}` is kept: MaximumRetryAttempts is {}, \
                     MaximumEventAgeInSeconds {}",
                    poller.id,
                    said(attempts),
                    said(age)
                ),
                "set MaximumRetryAttempts to 0 and MaximumEventAgeInSeconds to 60",
            )
        }))
    })
    .collect()
}

/// Time for a receive and a try.
fn too_short(known: &Known<'_>, poller: &Resource) -> Vec<Verdict> {
    let judge = || -> Verdict {
        let timeout = poller.timeout_seconds()?;
        let routes = known.routes()?.routes.iter();
        let tries = routes.flat_map(|route| {
            let own = route.dead_letter.as_ref().map(|own| own.target.timeout());
            own.into_iter().chain([route.target.timeout()])
        });
        let longest = tries.max().unwrap_or_default();
        let wanted = LONG_POLL_MAX.saturating_add(longest).as_secs();
        let id = &poller.id;
        Ok((timeout <= wanted).then(|| {
            Fault::new(
                poller.path_of("Timeout"),
                format!(
                    "`{id}` runs for {timeout} s; a receive of {} s and a try of {} s leave no time \
                     for a second",
                    LONG_POLL_MAX.as_secs(),
                    longest.as_secs()
                ),
                format!("set Timeout of `{id}` well above {wanted}"),
            )
        }))
    };
    vec![judge()]
}

/// The time between two ticks; none where it is no rate.
fn period_seconds(expression: &Value) -> Result<Option<u64>, Unknown> {
    let Some(text) = expression.text()? else {
        return Ok(None);
    };
    let rate = text
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'));
    let Some((number, unit)) = rate.and_then(|rate| rate.trim().split_once(' ')) else {
        return Err(Unknown::new(format!("`{text}` is no rate")));
    };
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => Some(60),
        "hour" => Some(3600),
        "day" => Some(86_400),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    Ok(number
        .zip(seconds)
        .map(|(number, seconds)| number.saturating_mul(seconds)))
}

/// How old a tick may become: the next one is there by then, and Lambda takes no less.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
const TICK_AGE_SECONDS: u64 = 60;
