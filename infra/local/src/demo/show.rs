//! The report, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::account::{Account, Verdict};
use crate::demo::phase::Phase;
use crate::demo::poll::Polled;
use crate::demo::{Arrived, FanOut, ModeReport, Report, WayIn};

/// The report as one JSON object: of each mode `clean` is of the plain messages, all else of the
/// mixed ones.
pub fn json(report: &Report) -> String {
    let object = Modes {
        modes: report.modes.iter().map(Mode::of).collect(),
    };
    serde_json::to_string(&object).unwrap_or_default()
}

/// What happened in one mode, as a table.
pub fn table(report: &ModeReport) -> String {
    let ModeReport {
        way, clean, mixed, ..
    } = report;
    let phases = [clean, mixed];
    let mut table = Table::new();
    let head = format!("{} mode", way.word());
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_header([head.as_str(), "clean path", "mixed kinds"]);
    let mut row = |name: &str, value: &dyn Fn(&Phase) -> String| {
        let cells = phases.map(value);
        table.add_row(std::iter::once(name.to_owned()).chain(cells));
    };
    row("messages sent", &|p| p.account.sent.to_string());
    row("distinct events", &|p| p.account.distinct.to_string());
    row("delivered", &|p| p.account.delivered.to_string());
    row("delivered twice", &|p| {
        p.account.delivered_twice.to_string()
    });
    row("lost", &|p| p.account.lost.to_string());
    if phases.iter().any(|phase| phase.account.unfinished > 0) {
        row("still in the queue", &|p| p.account.unfinished.to_string());
    }
    row("in the DLQ", &|p| p.account.dead_total().to_string());
    let reasons: BTreeSet<&String> = phases.iter().flat_map(|p| p.account.dead.keys()).collect();
    for reason in reasons {
        let count = |p: &Phase| p.account.dead.get(reason).copied().unwrap_or(0).to_string();
        row(&format!("  {reason}"), &count);
    }
    row("attempts", &|p| p.account.attempts.to_string());
    match way {
        // The trigger deletes by itself, where nobody can watch.
        WayIn::Trigger => {}
        WayIn::Poll => {
            row("deleted", &|p| counted(p.account.deletes.map(|d| d.seen)));
            row("  before the target's answer", &|p| {
                counted(p.account.deletes.map(|d| d.too_early))
            });
        }
    }
    row("DynamoDB requests per message", &|p| {
        per_message(p.requests.map(|r| r.dynamodb_per_message))
    });
    row("SQS requests per message", &|p| {
        per_message(p.requests.map(|r| r.sqs_per_message))
    });
    match way {
        WayIn::Trigger => {}
        WayIn::Poll => row("  and empty receives, in all", &|p| {
            counted(p.requests.map(|r| r.empty_receives))
        }),
    }
    row("seconds", &|p| format!("{:.1}", p.took.as_secs_f64()));
    if phases.iter().any(|phase| phase.polled.is_some()) {
        let polled = |p: &Phase| p.polled.clone().unwrap_or_default();
        row("reported, receive by receive", &|_| String::new());
        row("  invocations", &|p| polled(p).invocations.to_string());
        for name in names(phases) {
            let count = |p: &Phase| polled(p).counts.get(name).copied().unwrap_or(0);
            row(&format!("  {name}"), &|p| count(p).to_string());
        }
        row("  seconds", &|p| format!("{:.1}", polled(p).seconds));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n{}", fan_out(report))
}

/// What came to each of three targets, as a table.
fn fan_out(report: &ModeReport) -> Table {
    let account = &report.fan_out.account;
    let FanOut { queue, table } = report.arrived;
    let url = Arrived::at_http(&report.fan_out);
    let mut rows = Table::new();
    rows.load_preset(UTF8_FULL_CONDENSED).set_header([
        "one event, three targets",
        "events",
        "delivered",
        "twice",
        "attempts",
    ]);
    let attempts = account.attempts.to_string();
    for (name, arrived, attempts) in [
        ("http, down at first", url, attempts.as_str()),
        ("sqs", queue, "not counted"),
        ("dynamodb", table, "not counted"),
    ] {
        let counts = [account.distinct, arrived.delivered, arrived.delivered_twice];
        let counts = counts.map(|count| count.to_string());
        let counts = counts.into_iter().chain([attempts.to_owned()]);
        rows.add_row(std::iter::once(name.to_owned()).chain(counts));
    }
    for column in rows.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    rows
}

/// What one mode comes to, as a sentence.
pub fn sentence(report: &ModeReport) -> String {
    let phases = [&report.clean, &report.mixed, &report.fan_out];
    let accounts = phases.map(|phase| &phase.account);
    let sum = |count: fn(&Account) -> u64| accounts.into_iter().map(count).sum::<u64>();
    let FanOut { queue, table } = report.arrived;
    let amiss = |at: Arrived| {
        let missing = report.fan_out.account.distinct.saturating_sub(at.delivered);
        missing + at.delivered_twice
    };
    let faults = [
        (amiss(queue), "not once in their queue"),
        (amiss(table), "not once in their table"),
        (sum(|a| a.delivered_twice), "delivered twice"),
        (sum(|a| a.lost), "lost"),
        (
            sum(|a| a.dead_undeserved),
            "dead though their target would have taken them",
        ),
        (
            too_early(report).unwrap_or(0),
            "deleted before their target's answer",
        ),
    ];
    match report.verdict() {
        Verdict::Kept if too_early(report).is_some() => {
            "Every event was delivered once or is in the dead-letter queue for a reason.\n\
             No message was deleted before its target had acknowledged it."
                .to_owned()
        }
        Verdict::Kept => {
            "Every event was delivered once or is in the dead-letter queue for a reason.".to_owned()
        }
        Verdict::Unfinished => "Nothing happened any more before all was settled.".to_owned(),
        Verdict::Broken => {
            let faults = faults.into_iter().filter(|(count, _)| *count > 0);
            let faults: Vec<_> = faults.map(|(n, what)| format!("{n} {what}")).collect();
            format!("A promise was broken: {}.", faults.join(", "))
        }
    }
}

/// Messages that were deleted before their target's answer, where that was watched.
fn too_early(report: &ModeReport) -> Option<u64> {
    let phases = [&report.clean, &report.mixed, &report.fan_out];
    let deletes = phases.map(|phase| phase.account.deletes);
    let watched = deletes
        .into_iter()
        .flatten()
        .map(|deletes| deletes.too_early);
    watched.reduce(|all, more| all + more)
}

/// The counts of the poller's reports that are worth a row: in the report's own order as far as it
/// is known here, and none that is zero throughout.
fn names(phases: [&Phase; 2]) -> Vec<&str> {
    let polled = phases.into_iter().filter_map(|phase| phase.polled.as_ref());
    let counts = polled.flat_map(|polled| &polled.counts);
    let counts: BTreeMap<&str, u64> =
        counts
            .filter(|(_, n)| **n > 0)
            .fold(BTreeMap::new(), |mut all, (name, n)| {
                *all.entry(name.as_str()).or_default() += n;
                all
            });
    let rank = |name: &&str| ORDER.iter().position(|known| known == name);
    let mut names: Vec<&str> = counts.into_keys().collect();
    names.sort_by_key(|name| rank(name).unwrap_or(ORDER.len()));
    names
}

/// The counts of a report, as the poller orders them.
const ORDER: [&str; 10] = [
    "received",
    "delivered",
    "duplicates",
    "ignored",
    "retried",
    "dead",
    "deferred",
    "fenced",
    "attempts",
    "deleted",
];

/// A count, where somebody could count.
fn counted(count: Option<u64>) -> String {
    count.map_or_else(|| "not counted".to_owned(), |count| count.to_string())
}

/// A figure with two decimals.
fn per_message(figure: Option<f64>) -> String {
    figure.map_or_else(|| "not counted".to_owned(), |figure| format!("{figure:.2}"))
}

/// The whole object.
#[derive(Serialize)]
struct Modes<'a> {
    modes: Vec<Mode<'a>>,
}

/// One way in.
#[derive(Serialize)]
struct Mode<'a> {
    mode: &'static str,
    sent: u64,
    distinct: u64,
    delivered: u64,
    delivered_twice: u64,
    lost: u64,
    dead: &'a BTreeMap<String, u64>,
    attempts: u64,
    seconds: f64,
    clean: Clean,
    fan_out: Targets,
    /// Of all messages. Poll mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_before_acknowledged: Option<u64>,
    /// Poll mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    poller: Option<Poller<'a>>,
}

/// The clean path's figures; null where nobody could count.
#[derive(Serialize)]
struct Clean {
    dynamodb_requests_per_message: Option<f64>,
    sqs_requests_per_message: Option<f64>,
    /// Poll mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    empty_receives: Option<u64>,
}

/// The events that went to three targets.
#[derive(Serialize)]
struct Targets {
    distinct: u64,
    attempts_at_http: u64,
    http: Arrived,
    sqs: Arrived,
    dynamodb: Arrived,
}

/// The poller's reports, added up.
#[derive(Serialize)]
struct Poller<'a> {
    invocations: u64,
    #[serde(flatten)]
    counts: &'a BTreeMap<String, u64>,
    seconds: f64,
    stopped: &'a BTreeMap<String, u64>,
}

impl<'a> Mode<'a> {
    /// Of a mode's report.
    fn of(report: &'a ModeReport) -> Self {
        let ModeReport {
            way,
            clean,
            mixed,
            fan_out,
            arrived,
        } = report;
        let account = &mixed.account;
        let requests = clean.requests;
        Self {
            mode: way.word(),
            sent: account.sent,
            distinct: account.distinct,
            delivered: account.delivered,
            delivered_twice: account.delivered_twice,
            lost: account.lost,
            dead: &account.dead,
            attempts: account.attempts,
            seconds: rounded(mixed.took.as_secs_f64()),
            clean: Clean {
                dynamodb_requests_per_message: requests.map(|r| r.dynamodb_per_message),
                sqs_requests_per_message: requests.map(|r| r.sqs_per_message),
                empty_receives: match way {
                    WayIn::Trigger => None,
                    WayIn::Poll => requests.map(|r| r.empty_receives),
                },
            },
            fan_out: Targets {
                distinct: fan_out.account.distinct,
                attempts_at_http: fan_out.account.attempts,
                http: Arrived::at_http(fan_out),
                sqs: arrived.queue,
                dynamodb: arrived.table,
            },
            deleted_before_acknowledged: too_early(report),
            poller: mixed.polled.as_ref().map(Poller::of),
        }
    }
}

impl<'a> Poller<'a> {
    /// Of what was polled.
    fn of(polled: &'a Polled) -> Self {
        Self {
            invocations: polled.invocations,
            counts: &polled.counts,
            seconds: rounded(polled.seconds),
            stopped: &polled.stopped,
        }
    }
}

/// Seconds to the millisecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
