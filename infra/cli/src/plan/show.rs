//! A plan as people read it: tables, and a plot.

use std::time::Duration;

use clap::builder::styling::AnsiColor;
use waybill_core::capacity::service::ServiceTime;
use waybill_core::ledger::DeadLetter;
use waybill_core::limit::NEW_TABLE_WRITES;
use waybill_core::price::{Architecture, QueueKind, US_EAST_1};

use super::Mode;
use super::compare::{Holds, Row, Verdict};
use super::inputs::{From, Given};
use super::plot::Plot;
use super::report::{Choice, Report};
use crate::screen::{self, Colour};

/// The whole of it.
pub(super) fn text(report: &Report, holds: Option<&Holds>, width: usize, colour: Colour) -> String {
    let mut parts = vec![
        titled("what is planned with", &inputs(report)),
        titled("the load", &load(report)),
        titled(at_once(report), &choices(report)),
    ];
    if let Some(choice) = report.chosen() {
        let title = format!(
            "the wait of 99 in a hundred by utilisation, at {}",
            counted(report, choice.at_once)
        );
        let plot = Plot {
            station: choice.station,
            good: report.inputs.goal.utilisation,
        };
        parts.push(titled(&title, &plot.lines(width, colour).join("\n")));
    }
    parts.push(titled("tries", &tries(report)));
    parts.push(titled("the ledger", &ledger(report)));
    let cost = format!(
        "dollars for a million events ({}, list prices of {})",
        US_EAST_1.region, US_EAST_1.as_of
    );
    parts.push(titled(&cost, &dollars(report)));
    if let Some(holds) = holds {
        parts.push(titled("the template", &compared(holds, colour)));
    }
    parts.push(last(report, holds));
    parts.join("\n\n")
}

/// A part with its title.
fn titled(title: &str, text: &str) -> String {
    format!("{title}\n{text}")
}

/// So many of what is counted.
fn counted(report: &Report, number: u32) -> String {
    let what = at_once(report);
    match number {
        1 => format!("1 {}", what.replacen("s at", " at", 1)),
        _ => format!("{number} {what}"),
    }
}

/// What is counted.
fn at_once(report: &Report) -> &'static str {
    match report.inputs.mode.value {
        Mode::Trigger => "invocations at once",
        Mode::Poll => "pollers at once",
    }
}

/// Every value that it was made of, and where that comes from.
fn inputs(report: &Report) -> String {
    let inputs = &report.inputs;
    let row = |name: &str, value: String, from: From| {
        vec![name.to_owned(), value, from.word().to_owned()]
    };
    let given = |name: &str, value: String, from: From| row(name, value, from);
    let retry = &inputs.retry;
    let mut rows = vec![
        row("rate", format!("{} /s", short(inputs.rate)), From::Said),
        given("one event takes", spread(report), inputs.handler_ms.from),
        given(
            "tries that fail",
            percent(inputs.failure_rate.value),
            inputs.failure_rate.from,
        ),
        given("retries", retry.value.steps.to_string(), retry.from),
        given(
            "mode",
            inputs.mode.value.word().to_owned(),
            inputs.mode.from,
        ),
        given(
            "queue",
            kind(inputs.queue.value).to_owned(),
            inputs.queue.from,
        ),
    ];
    match inputs.mode.value {
        Mode::Trigger => rows.push(number("batch size", inputs.batch_size)),
        Mode::Poll => {
            rows.push(number(
                "events of a poller at once",
                inputs.poller_concurrency,
            ));
            rows.push(number(
                "seconds hidden at a time",
                inputs.poller_visibility_seconds,
            ));
        }
    }
    if let Some(groups) = inputs.groups {
        rows.push(row("active groups", groups.to_string(), From::Said));
    }
    rows.extend([
        number("memory, MB", inputs.memory_mb),
        row(
            "processor",
            processor(inputs.architecture.value).to_owned(),
            inputs.architecture.from,
        ),
        row(
            "dead letters",
            dead_letter(inputs.dead_letter.value).to_owned(),
            inputs.dead_letter.from,
        ),
        number("maxReceiveCount", inputs.max_receive_count),
        row(
            "good is a utilisation of",
            format!("{} or less", percent(inputs.goal.utilisation)),
            inputs.goal_from,
        ),
        number("custom metrics", inputs.custom_metrics),
        number("days a row is kept", inputs.row_days),
    ]);
    rows.extend(goals(report));
    screen::table(&["what", "is", "from"], rows)
}

/// What else is good, where it was said.
fn goals(report: &Report) -> impl Iterator<Item = Vec<String>> {
    let goal = &report.inputs.goal;
    let wait = goal.wait_p99_seconds.map(|seconds| {
        (
            "good is a wait p99 of",
            format!("{} or less", long(seconds)),
        )
    });
    let waits = goal.waits.map(|waits| {
        (
            "good is that there wait",
            format!("{} or fewer", percent(waits)),
        )
    });
    let said =
        |(name, value): (&str, String)| vec![name.to_owned(), value, From::Said.word().to_owned()];
    wait.into_iter().chain(waits).map(said)
}

/// A row of a whole number.
fn number(name: &str, given: Given<u32>) -> Vec<String> {
    let value = screen::count(u64::from(given.value));
    vec![name.to_owned(), value, given.from.word().to_owned()]
}

/// How the time of an event is spread.
fn spread(report: &Report) -> String {
    let mean = short(report.inputs.handler_ms.value);
    match (report.service, report.inputs.handler_p99_ms) {
        (ServiceTime::Exponential { .. }, _) | (ServiceTime::Lognormal { .. }, None) => {
            format!("{mean} ms, exponential")
        }
        (ServiceTime::Lognormal { .. }, Some(p99)) => {
            format!("{mean} ms, p99 {} ms, lognormal", short(p99))
        }
    }
}

/// The load.
fn load(report: &Report) -> String {
    let inputs = &report.inputs;
    let one = report.choice(1);
    let row = |name: String, value: String| vec![name, value];
    let mut rows = Vec::new();
    match inputs.mode.value {
        Mode::Trigger => {
            rows.push(row(
                format!(
                    "a batch of {} takes, as its slowest",
                    inputs.batch_size.value
                ),
                long(report.slowest.mean_seconds),
            ));
            rows.push(row(
                "batches".to_owned(),
                format!("{} /s", short(one.station.rate_per_second)),
            ));
        }
        Mode::Poll => rows.push(row(
            "tries".to_owned(),
            format!("{} /s", short(inputs.rate * report.attempts.tries())),
        )),
    }
    let load = inputs.rate
        * report.attempts.tries()
        * match inputs.mode.value {
            Mode::Trigger => report.slowest.mean_seconds / f64::from(inputs.batch_size.value),
            Mode::Poll => report.service.mean_seconds(),
        };
    rows.push(row(
        "offered load".to_owned(),
        format!("{} Erlangs", short(load)),
    ));
    rows.push(row(
        "messages in flight, by Little's law".to_owned(),
        short(report.in_flight),
    ));
    rows.push(row(
        "needed".to_owned(),
        match report.needed {
            Some(needed) => counted(report, needed),
            None => format!("more {} than there can be", at_once(report)),
        },
    ));
    screen::table(&["what", "is"], rows)
}

/// What several numbers at once come to.
fn choices(report: &Report) -> String {
    let backlog = report.inputs.backlog;
    let mut header = vec![
        "at once",
        "utilisation",
        "wait at all",
        "mean wait",
        "wait p99",
        "events/s at most",
    ];
    header.push(match report.inputs.mode.value {
        Mode::Trigger => "Lambda is there in",
        Mode::Poll => "all run after",
    });
    let gone = backlog.map(|backlog| format!("{} are gone in", screen::count(backlog)));
    header.extend(gone.as_deref());
    header.push("");
    let rows = report
        .choices
        .iter()
        .map(|choice| choice_row(report, choice));
    screen::table(&header, rows)
}

/// One of them.
fn choice_row(report: &Report, choice: &Choice) -> Vec<String> {
    let station = &choice.station;
    let never = || "without bound".to_owned();
    let wait = |seconds: Option<f64>| seconds.map_or_else(never, long);
    let mut row = vec![
        choice.at_once.to_string(),
        percent(station.utilisation()),
        percent(station.waits()),
        wait(station.mean_wait_seconds()),
        wait(station.wait_seconds(0.99)),
        short(choice.events_per_second),
        long(choice.ramp_seconds),
    ];
    if report.inputs.backlog.is_some() {
        row.push(
            choice
                .drain_seconds
                .map_or_else(|| "never".to_owned(), long),
        );
    }
    let needed = report.needed == Some(choice.at_once);
    let template = report.inputs.at_once == Some(choice.at_once);
    row.push(
        match (needed, template) {
            (true, true) => "needed, and the template's",
            (true, false) => "needed",
            (false, true) => "the template's",
            (false, false) => "",
        }
        .to_owned(),
    );
    row
}

/// Tries and receives.
fn tries(report: &Report) -> String {
    let inputs = &report.inputs;
    let longest = inputs.retry.value.longest_waits();
    let rows = [
        (
            "tries of an event, on average",
            exact(report.attempts.tries()),
        ),
        (
            "receives of its message, on average",
            exact(report.receives),
        ),
        (
            "spend all their tries, and are dead",
            rare(report.attempts.spent()),
        ),
        ("dead in a day", {
            let dead = report.attempts.spent() * inputs.rate * 86_400.0;
            short(dead)
        }),
        (
            "waits for retries, on average over all",
            long(report.retry_wait_seconds),
        ),
        (
            "waits of one that is tried to the end",
            screen::duration(longest),
        ),
    ];
    screen::table(
        &["what", "is"],
        rows.map(|(name, value)| vec![name.to_owned(), value]),
    )
}

/// The ledger's units.
fn ledger(report: &Report) -> String {
    let usage = report
        .usages
        .first()
        .map(|(_, usage)| *usage)
        .unwrap_or_default();
    let [writes, reads] = report.units_per_second();
    let rows = [
        ("write units", exact(usage.write_units), short(writes)),
        ("read units", exact(usage.read_units), short(reads)),
    ];
    let rows = rows.map(|(name, each, second)| vec![name.to_owned(), each, second]);
    let mut text = screen::table(&["what", "of an event", "in a second"], rows);
    if writes > f64::from(NEW_TABLE_WRITES) {
        text.push_str(&format!(
            "\na new on-demand table takes {} write units a second at once, and doubles from there",
            screen::count(u64::from(NEW_TABLE_WRITES))
        ));
    }
    text
}

/// What a million events cost, line by line.
fn dollars(report: &Report) -> String {
    let columns = report.dollars();
    let header: Vec<&str> = std::iter::once("line")
        .chain(columns.iter().map(|(name, _)| *name))
        .collect();
    let lines = columns.first().map(|(_, dollars)| dollars.lines());
    let names = lines.into_iter().flatten().map(|(name, _)| name);
    let mut rows: Vec<Vec<String>> = names
        .enumerate()
        .map(|(at, name)| {
            let of = columns.iter().map(|(_, dollars)| {
                let lines = dollars.lines();
                lines
                    .get(at)
                    .map_or_else(String::new, |(_, one)| money(*one))
            });
            std::iter::once(name.to_owned()).chain(of).collect()
        })
        .collect();
    let totals = columns.iter().map(|(_, dollars)| money(dollars.total()));
    rows.push(
        std::iter::once("together".to_owned())
            .chain(totals)
            .collect(),
    );
    screen::table(&header, rows)
}

/// Setting by setting.
fn compared(holds: &Holds, colour: Colour) -> String {
    let rows = holds.rows.iter().map(|row| {
        vec![
            row.name.to_owned(),
            row.said
                .map_or_else(|| "-".to_owned(), |said| said.to_string()),
            row.needed.told(),
            row.verdict.word().to_owned(),
            told(row),
        ]
    });
    let table = screen::table(
        &[
            "setting",
            "is",
            "needed",
            "verdict",
            "because, and what to do",
        ],
        rows,
    );
    let short = Verdict::Short.word();
    let red = AnsiColor::Red.on_default().bold();
    table.replace(short, &colour.paint(red, short))
}

/// Why it is needed, and what to do.
fn told(row: &Row) -> String {
    match (&row.verdict, &row.remedy) {
        (Verdict::Unknown(reason), _) => reason.clone(),
        (Verdict::Holds | Verdict::Short, Some(remedy)) => format!("{}: {remedy}", row.why),
        (Verdict::Holds | Verdict::Short, None) => row.why.clone(),
    }
}

/// What it comes to, in a sentence.
fn last(report: &Report, holds: Option<&Holds>) -> String {
    let rate = format!("{} events a second", short(report.inputs.rate));
    match (holds, report.needed) {
        (Some(holds), _) if holds.all() => format!("the template holds {rate}"),
        (Some(_), _) => format!("the template does not hold {rate}"),
        (None, Some(needed)) => format!("{rate} need {}", counted(report, needed)),
        (None, None) => format!("{rate} are more than one queue's functions can work on"),
    }
}

/// The kind of a queue.
pub(super) fn kind(kind: QueueKind) -> &'static str {
    match kind {
        QueueKind::Standard => "standard",
        QueueKind::Fifo => "fifo",
    }
}

/// A processor.
pub(super) fn processor(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "arm64",
        Architecture::X86 => "x86_64",
    }
}

/// How the dead leave.
pub(super) fn dead_letter(dead_letter: DeadLetter) -> &'static str {
    match dead_letter {
        DeadLetter::Redrive => "redrive",
        DeadLetter::Send => "send",
    }
}

/// A number with three digits that count.
fn short(number: f64) -> String {
    match number {
        n if n >= 1_000.0 => {
            let whole = format!("{n:.0}");
            whole.parse().map_or(whole, screen::count)
        }
        n if n >= 100.0 => trimmed(format!("{n:.1}")),
        n if n >= 1.0 => trimmed(format!("{n:.2}")),
        n => trimmed(format!("{n:.4}")),
    }
}

/// A number with four places.
fn exact(number: f64) -> String {
    trimmed(format!("{number:.4}"))
}

/// A part of one in a hundred.
fn percent(part: f64) -> String {
    format!("{} %", trimmed(format!("{:.1}", part * 100.0)))
}

/// A part of one that may be very small.
fn rare(part: f64) -> String {
    match part {
        p if p <= 0.0 => "none".to_owned(),
        p if p >= 0.001 => percent(p),
        p => format!("{p:.1e}"),
    }
}

/// A number without zeroes that say nothing.
fn trimmed(number: String) -> String {
    match number.contains('.') {
        true => number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        false => number,
    }
}

/// How long.
fn long(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(_) if seconds < 0.000_05 => "0 ms".to_owned(),
        Ok(_) if seconds < 1.0 => format!("{} ms", trimmed(format!("{:.1}", seconds * 1e3))),
        Ok(_) if seconds < 60.0 => format!("{} s", trimmed(format!("{seconds:.1}"))),
        Ok(long) => screen::duration(long),
        Err(_) => "ages".to_owned(),
    }
}

/// Dollars.
fn money(dollars: f64) -> String {
    format!("{dollars:.4}")
}

#[cfg(test)]
mod tests;
