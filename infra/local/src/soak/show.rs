//! The soak's report, for people and for programs.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::Report;
use super::account::Account;
use crate::account::Verdict;
use crate::bundle::QueueType;

/// The account as a table.
pub fn table(report: &Report) -> String {
    let Report {
        options,
        account,
        took,
    } = report;
    let mut table = Table::new();
    let head = format!("{} queue, trigger and poller", options.queue.word());
    let seed = format!("seed {}", options.seed);
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_header([head, seed]);
    let mut row = |name: &str, value: u64| {
        table.add_row([name.to_owned(), value.to_string()]);
    };
    row("messages sent", account.sent);
    row("distinct events", account.distinct);
    row("processes killed", account.kills);
    row("  with a delivery in hand", account.kills_in_delivery);
    row("requests to the target", account.requests);
    row(
        "  accepted by a target that honours the key",
        account.accepted,
    );
    row(
        "  effects again at one that does not",
        account.repeats.total(),
    );
    row("    killed before the ledger write", account.repeats.killed);
    row(
        "    lease ended, or ledger unwritable",
        account.repeats.lease_ended,
    );
    row("    answer lost after sending", account.repeats.answer_lost);
    row("    not explained", account.repeats.unexplained);
    row("events with another key at a repeat", account.other_key);
    match options.queue {
        QueueType::Standard => {}
        QueueType::Fifo => row("events overtaken in their group", account.out_of_order),
    }
    row("lost", account.lost);
    if account.unfinished > 0 {
        row("still in the queue", account.unfinished);
    }
    row("in the DLQ", account.dead.values().sum());
    for (reason, events) in &account.dead {
        row(&format!("  {reason}"), *events);
    }
    row("rows of the ledger", account.rows.values().sum());
    for (status, rows) in &account.rows {
        row(&format!("  {status}"), *rows);
    }
    row("  crashes they count", account.crashes);
    row("seconds", took.as_secs());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// What it comes to.
pub fn sentence(report: &Report) -> String {
    let account = &report.account;
    let repeats = account.repeats;
    match account.verdict() {
        Verdict::Kept => match account.dead.values().sum() {
            0u64 => "The account balances: every event was delivered, and every repeat carried \
                     its key and has a cause."
                .to_owned(),
            dead => format!(
                "The account balances: every event was delivered, or was in hand of three processes \
                 as they died ({dead}), and every repeat carried its key and has a cause."
            ),
        },
        Verdict::Unfinished => "The queue did not drain in time.".to_owned(),
        Verdict::Broken => {
            let faults = [
                (account.lost, "lost"),
                (repeats.unexplained, "repeated without a cause"),
                (account.other_key, "repeated with another key"),
                (account.out_of_order, "overtaken in their group"),
                (account.dead_undeserved, "dead without a cause"),
                (account.not_completed, "not completed in the ledger"),
            ];
            let faults = faults.into_iter().filter(|(count, _)| *count > 0);
            let faults: Vec<_> = faults.map(|(n, what)| format!("{n} {what}")).collect();
            format!("A promise was broken: {}.", faults.join(", "))
        }
    }
}

/// The report as one JSON object.
pub fn json(report: &Report) -> String {
    let Report {
        options,
        account,
        took,
    } = report;
    let Account { repeats, .. } = account;
    let object = Object {
        queue: options.queue.word(),
        seed: options.seed,
        rate: options.rate,
        kept: account.verdict() == Verdict::Kept,
        sent: account.sent,
        distinct: account.distinct,
        kills: account.kills,
        kills_in_delivery: account.kills_in_delivery,
        requests: account.requests,
        accepted: account.accepted,
        repeats: Doors {
            killed: repeats.killed,
            lease_ended: repeats.lease_ended,
            answer_lost: repeats.answer_lost,
            unexplained: repeats.unexplained,
        },
        other_key: account.other_key,
        out_of_order: account.out_of_order,
        lost: account.lost,
        unfinished: account.unfinished,
        dead: &account.dead,
        dead_undeserved: account.dead_undeserved,
        rows: &account.rows,
        crashes: account.crashes,
        not_completed: account.not_completed,
        seconds: took.as_secs(),
    };
    serde_json::to_string(&object).unwrap_or_default()
}

/// The whole object.
#[derive(Serialize)]
struct Object<'a> {
    queue: &'static str,
    seed: u64,
    rate: u32,
    kept: bool,
    sent: u64,
    distinct: u64,
    kills: u64,
    kills_in_delivery: u64,
    requests: u64,
    accepted: u64,
    repeats: Doors,
    other_key: u64,
    out_of_order: u64,
    lost: u64,
    unfinished: u64,
    dead: &'a BTreeMap<String, u64>,
    dead_undeserved: u64,
    rows: &'a BTreeMap<String, u64>,
    crashes: u64,
    not_completed: u64,
    seconds: u64,
}

/// Repeats by their cause.
#[derive(Serialize)]
struct Doors {
    killed: u64,
    lease_ended: u64,
    answer_lost: u64,
    unexplained: u64,
}

#[cfg(test)]
mod tests;
