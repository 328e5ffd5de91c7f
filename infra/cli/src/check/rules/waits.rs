//! Waits for what a target does: that they end within the function's time, and not before the
//! target's.

use std::time::Duration;

use waybill_core::deadline::Budget;
use waybill_core::routes::{Invocation, Route, TargetSpec};
use waybill_core::time::Timestamp;

use super::super::bundle::Mapping;
use super::super::finding::Severity;
use super::fan_out::of_route;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "try-outlasts-function",
        severity: Severity::Warning,
        failures: &["F61"],
        relation: "the longest timeout of a target fits into the function's Timeout, with what is \
                   kept for writing down and handing back",
        remedy: "raise the function's Timeout, or lower the target's",
        judge: |known| known.each_mapping(outlasts),
    },
    Rule {
        id: "wait-too-short",
        severity: Severity::Warning,
        failures: &["F61"],
        relation: "a route that waits for a function's end waits longer than that function may run",
        remedy: "raise the route's timeout above the function's Timeout, or use `invocation: event`",
        judge: |known| known.each_route(wait),
    },
];

/// A target slower than the function.
fn outlasts(known: &Known<'_>, mapping: &Mapping) -> Verdict {
    let function = mapping.function.as_deref();
    let Some(function) = function.and_then(|id| known.bundle.resource(id)) else {
        return Ok(None);
    };
    if function.variable("WAYBILL_ROUTES").is_absent() {
        return Ok(None);
    }
    let time = function.property("Timeout").number()?.unwrap_or(3);
    let budget = Budget {
        started: Timestamp::from_millis(0),
        deadline: Timestamp::from_millis(0).after(Duration::from_secs(time)),
    };
    let most = budget.work_until().since(budget.started);
    let tries = known.routes()?.routes.iter().flat_map(|route| {
        let own = route.dead_letter.as_ref().map(|own| own.target.timeout());
        let each = own.into_iter().chain([route.target.timeout()]);
        each.map(move |timeout| (timeout, route.name.to_string()))
    });
    let Some((timeout, name)) = tries.max() else {
        return Ok(None);
    };
    let id = &function.id;
    let (said, most_said) = (timeout.as_secs_f64(), most.as_secs_f64());
    Ok((timeout > most).then(|| {
        Fault::new(
            function.path_of("Timeout"),
            format!(
                "route `{name}` may wait {said} s for its target, and `{id}` runs for {time} s, of \
                 which {most_said} s are for work: each slow try is cut off, and made again"
            ),
            format!(
                "set Timeout of `{id}` to more than {}, or `timeout` of route `{name}` to less",
                timeout.as_secs().saturating_add(2)
            ),
        )
    }))
}

/// A function slower than the wait for it.
fn wait(known: &Known<'_>, place: usize, route: &Route) -> Verdict {
    let TargetSpec::Lambda(function) = &route.target else {
        return Ok(None);
    };
    if function.invocation == Invocation::Event {
        return Ok(None);
    }
    let Some(target) = known.targeted(&route.target) else {
        return Ok(None);
    };
    let time = target.property("Timeout").number()?.unwrap_or(3);
    let (id, name) = (&target.id, &route.name);
    let waits = route.target.timeout();
    Ok((waits <= Duration::from_secs(time)).then(|| {
        of_route(
            place,
            "target.lambda.timeout",
            format!(
                "route `{name}` waits {} s for `{id}`, which may run for {time} s: what takes \
                 longer is not known to have been done, and begun again beside it",
                waits.as_secs_f64()
            ),
            format!(
                "set `timeout` of route `{name}` to more than {time} s, lower Timeout of `{id}`, or \
                 use `invocation: event`"
            ),
        )
    }))
}
