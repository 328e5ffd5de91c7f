//! What holds a route back: `breaker`, `rate` and `concurrency` of a route.

use std::time::Duration;

use super::fields::{Faults, Fields, join};
use super::tree::{Node, Value};
use crate::gate::GateSpec;
use crate::gate::breaker::BreakerSpec;
use crate::gate::concurrency::Concurrency;
use crate::gate::rate::RateSpec;

/// Reads what holds a route back.
pub(super) fn read(fields: &Fields<'_>, faults: &mut Faults) -> GateSpec {
    let mut read = GateSpec::default();
    if let Some(node) = fields.get("breaker") {
        read.breaker = breaker(node, &join(fields.path, "breaker"), faults);
    }
    if let Some(node) = fields.get("rate") {
        read.rate = rate(node, &join(fields.path, "rate"), faults);
    }
    if let Some(node) = fields.get("concurrency") {
        read.concurrency = concurrency(fields, node, faults);
    }
    read
}

/// Reads `breaker`; `{}` is one with the built-in numbers.
fn breaker(node: &Node, path: &str, faults: &mut Faults) -> Option<BreakerSpec> {
    let known = [
        "failures",
        "rate",
        "calls",
        "window",
        "probe",
        "probe_max",
        "ramp",
    ];
    let fields = Fields::open(node, path, &known, faults)?;
    let built_in = BreakerSpec::default();
    let failures = count(&fields, "failures", FAILURES_MAX, faults);
    let calls = count(&fields, "calls", CALLS_MAX, faults);
    let rate = fields.integer("rate", 1, 100, faults);
    let seconds = Duration::from_secs;
    let window = fields.duration("window", seconds(1), seconds(600), faults);
    let probe = fields.duration("probe", seconds(1), seconds(600), faults);
    let probe_max = fields.duration("probe_max", seconds(1), seconds(3600), faults);
    let ramp = fields.duration("ramp", Duration::ZERO, seconds(600), faults);
    let read = BreakerSpec {
        failures: failures.unwrap_or(built_in.failures),
        rate: rate
            .and_then(|rate| u8::try_from(rate).ok())
            .unwrap_or(built_in.rate),
        calls: calls.unwrap_or(built_in.calls),
        window: window.unwrap_or(built_in.window),
        probe: probe.unwrap_or(built_in.probe),
        probe_max: probe_max.unwrap_or_else(|| built_in.probe_max.max(probe.unwrap_or_default())),
        ramp: ramp.unwrap_or(built_in.ramp),
    };
    if read.probe > read.probe_max {
        let message = "`probe` is the first wait and `probe_max` the longest: raise `probe_max`";
        faults.add(path, node.at, message);
    }
    Some(read)
}

/// Reads `rate`.
fn rate(node: &Node, path: &str, faults: &mut Faults) -> Option<RateSpec> {
    let fields = Fields::open(node, path, &["limit", "per", "burst"], faults)?;
    let limit = match fields.get("limit") {
        Some(_) => count(&fields, "limit", LIMIT_MAX, faults),
        None => fields.missing("limit", "say how many tries may begin in `per`", faults),
    };
    let per = fields.duration(
        "per",
        Duration::from_secs(1),
        Duration::from_secs(3600),
        faults,
    );
    let burst = count(&fields, "burst", LIMIT_MAX, faults);
    Some(RateSpec {
        limit: limit?,
        per: per.unwrap_or(Duration::from_secs(1)),
        burst: burst.unwrap_or(1),
    })
}

/// Reads `concurrency`: a number, or how it is learned.
fn concurrency(fields: &Fields<'_>, node: &Node, faults: &mut Faults) -> Option<Concurrency> {
    if !matches!(node.value, Value::Map(_)) {
        return count(fields, "concurrency", PLACES_MAX, faults).map(Concurrency::Fixed);
    }
    let path = join(fields.path, "concurrency");
    let fields = Fields::open(node, &path, &["max", "adaptive"], faults)?;
    let max = match fields.get("max") {
        Some(_) => count(&fields, "max", PLACES_MAX, faults),
        None => fields.missing("max", "say how many tries there may be at once", faults),
    };
    let max = max?;
    match fields.boolean("adaptive", faults).unwrap_or_default() {
        true => Some(Concurrency::Adaptive { max }),
        false => Some(Concurrency::Fixed(max)),
    }
}

/// Reads a number from 1 on.
fn count(fields: &Fields<'_>, name: &str, max: u32, faults: &mut Faults) -> Option<u32> {
    let read = fields.integer(name, 1, max.into(), faults);
    read.and_then(|read| u32::try_from(read).ok())
}

/// Most failures in a row that a breaker waits for.
const FAILURES_MAX: u32 = 1000;

/// Most calls that a breaker's rate waits for.
const CALLS_MAX: u32 = 10_000;

/// Most tries in a rate's time, and most at once.
const LIMIT_MAX: u32 = 10_000;

/// Most tries at once in a process.
const PLACES_MAX: u32 = 1000;

#[cfg(test)]
mod tests;
