//! The report, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::account::Verdict;
use crate::demo::Report;
use crate::demo::phase::Phase;

/// The report as one JSON object: `clean` is of the plain messages, all else of the mixed ones.
pub fn json(report: &Report) -> String {
    let Phase { account, took, .. } = &report.mixed;
    let requests = report.clean.requests;
    let object = Modes {
        modes: [Mode {
            mode: "trigger",
            sent: account.sent,
            distinct: account.distinct,
            delivered: account.delivered,
            delivered_twice: account.delivered_twice,
            lost: account.lost,
            dead: &account.dead,
            attempts: account.attempts,
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            clean: Clean {
                dynamodb_requests_per_message: requests.map(|r| r.dynamodb_per_message),
                sqs_requests_per_message: requests.map(|r| r.sqs_per_message),
            },
        }],
    };
    serde_json::to_string(&object).unwrap_or_default()
}

/// The report as a table, with a sentence below it.
pub fn table(report: &Report) -> String {
    let phases = [&report.clean, &report.mixed];
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "trigger mode",
        "clean path",
        "mixed kinds",
    ]);
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
    row("DynamoDB requests per message", &|p| {
        per_message(p.requests.map(|r| r.dynamodb_per_message))
    });
    row("SQS requests per message", &|p| {
        per_message(p.requests.map(|r| r.sqs_per_message))
    });
    row("seconds", &|p| format!("{:.1}", p.took.as_secs_f64()));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n{}", sentence(report))
}

/// What it comes to.
fn sentence(report: &Report) -> String {
    let undeserved = report.clean.account.dead_undeserved + report.mixed.account.dead_undeserved;
    match report.verdict() {
        Verdict::Kept => {
            "Every event was delivered once or is in the dead-letter queue for a reason.".to_owned()
        }
        Verdict::Unfinished => "Nothing happened any more before all was settled.".to_owned(),
        Verdict::Broken if undeserved > 0 => format!(
            "A promise was broken: {undeserved} events are dead that their target would have taken."
        ),
        Verdict::Broken => "A promise was broken.".to_owned(),
    }
}

/// A figure with two decimals.
fn per_message(figure: Option<f64>) -> String {
    figure.map_or_else(|| "not counted".to_owned(), |figure| format!("{figure:.2}"))
}

/// The whole object.
#[derive(Serialize)]
struct Modes<'a> {
    modes: [Mode<'a>; 1],
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
}

/// The clean path's figures; null where nobody could count.
#[derive(Serialize)]
struct Clean {
    dynamodb_requests_per_message: Option<f64>,
    sqs_requests_per_message: Option<f64>,
}

#[cfg(test)]
mod tests;
