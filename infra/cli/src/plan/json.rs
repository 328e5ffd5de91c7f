//! A plan as scripts read it: every number, its unit in its name.

use serde_json::{Map, Value, json};
use waybill_core::price::US_EAST_1;

use super::compare::{Holds, Need, Verdict};
use super::report::{Choice, Report};
use super::show::{dead_letter, kind, processor};

/// The whole of it.
pub(super) fn report(report: &Report, holds: Option<&Holds>) -> Value {
    let attempts = &report.attempts;
    let [writes, reads] = report.units_per_second();
    let usage = report
        .usages
        .first()
        .map(|(_, usage)| *usage)
        .unwrap_or_default();
    let choices = report.choices.iter().map(choice);
    json!({
        "inputs": inputs(report),
        "load": {
            "together_mean_seconds": report.slowest.mean_seconds,
            "together_p999_seconds": report.slowest.p999_seconds,
            "in_flight_messages": report.in_flight,
        },
        "needed_at_once": report.needed,
        "template_at_once": report.inputs.at_once,
        "at_once": choices.collect::<Vec<_>>(),
        "tries": {
            "tries_per_event": attempts.tries(),
            "receives_per_event": report.receives,
            "spent_probability": attempts.spent(),
            "mean_wait_seconds": report.retry_wait_seconds,
            "longest_wait_seconds": report.inputs.retry.value.longest_waits().as_secs_f64(),
        },
        "ledger": {
            "write_units_per_event": usage.write_units,
            "read_units_per_event": usage.read_units,
            "write_units_per_second": writes,
            "read_units_per_second": reads,
        },
        "cost": {
            "region": US_EAST_1.region,
            "prices_as_of": US_EAST_1.as_of,
            "dollars_per_million_events": costs(report),
        },
        "template": holds.map(template),
    })
}

/// What it was made of.
fn inputs(report: &Report) -> Value {
    let inputs = &report.inputs;
    json!({
        "rate_per_second": inputs.rate,
        "handler_ms": inputs.handler_ms.value,
        "handler_p99_ms": inputs.handler_p99_ms,
        "failure_rate": inputs.failure_rate.value,
        "retries": inputs.retry.value.steps,
        "tries_at_most": inputs.tries,
        "mode": inputs.mode.value.word(),
        "queue": kind(inputs.queue.value),
        "groups": inputs.groups,
        "batch_size": inputs.batch_size.value,
        "poller_concurrency": inputs.poller_concurrency.value,
        "poller_visibility_seconds": inputs.poller_visibility_seconds.value,
        "memory_mb": inputs.memory_mb.value,
        "processor": processor(inputs.architecture.value),
        "dead_letter": dead_letter(inputs.dead_letter.value),
        "max_receive_count": inputs.max_receive_count.value,
        "good_utilisation": inputs.goal.utilisation,
        "good_wait_p99_seconds": inputs.goal.wait_p99_seconds,
        "good_wait_probability": inputs.goal.waits,
        "backlog_events": inputs.backlog,
        "custom_metrics": inputs.custom_metrics.value,
        "row_days": inputs.row_days.value,
        "from": {
            "handler_ms": inputs.handler_ms.from.word(),
            "failure_rate": inputs.failure_rate.from.word(),
            "retries": inputs.retry.from.word(),
            "mode": inputs.mode.from.word(),
            "queue": inputs.queue.from.word(),
            "batch_size": inputs.batch_size.from.word(),
            "poller_concurrency": inputs.poller_concurrency.from.word(),
            "poller_visibility_seconds": inputs.poller_visibility_seconds.from.word(),
            "memory_mb": inputs.memory_mb.from.word(),
            "processor": inputs.architecture.from.word(),
            "dead_letter": inputs.dead_letter.from.word(),
            "max_receive_count": inputs.max_receive_count.from.word(),
            "good_utilisation": inputs.goal_from.word(),
            "custom_metrics": inputs.custom_metrics.from.word(),
            "row_days": inputs.row_days.from.word(),
        },
    })
}

/// What a number at once comes to. What grows without bound is null.
fn choice(choice: &Choice) -> Value {
    let station = &choice.station;
    json!({
        "at_once": choice.at_once,
        "servers": station.servers,
        "offered_load_erlangs": station.load(),
        "utilisation": station.utilisation(),
        "keeps_up": station.keeps_up(),
        "wait_probability": station.waits(),
        "mean_wait_seconds": station.mean_wait_seconds(),
        "wait_p99_seconds": station.wait_seconds(0.99),
        "events_per_second": choice.events_per_second,
        "ramp_seconds": choice.ramp_seconds,
        "drain_seconds": choice.drain_seconds,
    })
}

/// Dollars by what they are for.
fn costs(report: &Report) -> Value {
    let columns = report.dollars().into_iter().map(|(name, dollars)| {
        let lines = dollars
            .lines()
            .map(|(line, one)| (line.to_owned(), one.into()));
        let together = ("together".to_owned(), dollars.total().into());
        let lines: Map<String, Value> = lines.into_iter().chain([together]).collect();
        (name.to_owned(), Value::Object(lines))
    });
    Value::Object(columns.collect())
}

/// Setting by setting.
fn template(holds: &Holds) -> Value {
    let rows = holds.rows.iter().map(|row| {
        let (relation, number) = match row.needed {
            Need::AtLeast(number) => ("at_least", number),
            Need::Just(number) => ("just", number),
            Need::AtMost(number) => ("at_most", number),
            Need::MoreThan(number) => ("more_than", number),
        };
        let unknown = match &row.verdict {
            Verdict::Unknown(reason) => Some(reason),
            Verdict::Holds | Verdict::Short => None,
        };
        json!({
            "setting": row.name,
            "is": row.said,
            "relation": relation,
            "needed": number,
            "verdict": row.verdict.word(),
            "why": row.why,
            "remedy": row.remedy,
            "not_known_because": unknown,
        })
    });
    json!({ "holds": holds.all(), "settings": rows.collect::<Vec<_>>() })
}
