//! What is said of a run: while it goes on, and when it is over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use waybill_world::Faults;
use waybill_world::trial::{Account, Broken, Door, tell_seed};

use super::Ran;

/// How often progress is said.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// One line about how far it is; on a terminal always the same line.
pub(crate) fn progress(account: &Account, points: u64, took: Duration, terminal: bool) {
    let seconds = took.as_secs();
    let line = format!(
        "{seconds:>5} s  {} worlds  {} deliveries  {} effects  {} repeats  {} worlds/s",
        grouped(account.worlds),
        grouped(account.deliveries),
        grouped(account.effects),
        grouped(account.repeats),
        grouped(rate(account.worlds, took)),
    );
    let line = match points {
        0 => line,
        points => format!("{seconds:>5} s  {} points", grouped(points)),
    };
    if terminal {
        eprint!("\r\x1b[2K{line}");
    } else if seconds.is_multiple_of(15) && took.subsec_millis() < 500 {
        eprintln!("{line}");
    }
}

/// Leaves the line of progress.
pub(crate) fn end_of_progress(terminal: bool) {
    if terminal {
        eprint!("\r\x1b[2K");
    }
}

/// The account, for people.
pub(crate) fn table(ran: &Ran) {
    let account = &ran.account;
    if ran.points > 0 {
        println!(
            "points at which a process died  {:>14}",
            grouped(ran.points)
        );
        return;
    }
    let row = |name: &str, count: u64| println!("{name:<36}{:>14}", grouped(count));
    row("worlds", account.worlds);
    row("messages sent", account.sent);
    row("deliveries (messages handed over)", account.deliveries);
    row("invocations by a mapping", account.invocations);
    row("invocations of pollers", account.polls);
    row("tries at targets", account.tries);
    row("  without a claim", account.unclaimed);
    row("effects", account.effects);
    println!("\neffects beyond the first of an event and route");
    row("  in all", account.repeats);
    row("  without a door", account.unexplained);
    println!("\nuse of doors (an open door need not end in a repeat)");
    for door in Door::ALL {
        let count = account.doors.get(&door).copied().unwrap_or_default();
        row(&format!("  {}", door.word()), count);
    }
    println!("\nevents at the end");
    row("  completed", account.completed);
    for (reason, count) in &account.dead {
        row(&format!("  dead: {reason}"), *count);
    }
    row("  lost", account.lost);
    row("valid, moved after burnt receives", account.moved_valid);
    row("dead messages brought back", account.redriven);
    row("tries in their turn (FIFO)", account.in_turn);
    row("tries before their turn", account.out_of_turn);
    row("writes refused by a fence", account.fenced);
    row("leases lost and heard of", account.lost_leases);
    row("messages sent by schedules", account.scheduled);
    println!("\ntrouble");
    for (fault, count) in &account.faults {
        row(&format!("  {fault}"), *count);
    }
    println!();
    row("virtual hours", account.seconds / 3600);
    row("seconds", ran.took.as_secs());
    row("worlds per second", rate(account.worlds, ran.took));
    row("deliveries per second", rate(account.deliveries, ran.took));
}

/// The account, for machines.
pub(crate) fn json(ran: &Ran) -> Value {
    let account = &ran.account;
    let named = |counts: BTreeMap<String, u64>| -> Map<String, Value> {
        counts.into_iter().map(|(k, v)| (k, v.into())).collect()
    };
    let doors = account.doors.iter().map(|(d, n)| (d.word().to_owned(), *n));
    let dead = account.dead.iter().map(|(r, n)| ((*r).to_owned(), *n));
    let faults = account.faults.iter().map(|(f, n)| (f.to_string(), *n));
    json!({
        "worlds": account.worlds,
        "points": ran.points,
        "sent": account.sent,
        "deliveries": account.deliveries,
        "invocations": account.invocations,
        "polls": account.polls,
        "tries": account.tries,
        "unclaimed": account.unclaimed,
        "effects": account.effects,
        "repeats": account.repeats,
        "doors": named(doors.collect()),
        "completed": account.completed,
        "dead": named(dead.collect()),
        "moved_valid": account.moved_valid,
        "redriven": account.redriven,
        "unexplained": account.unexplained,
        "lost": account.lost,
        "in_turn": account.in_turn,
        "out_of_turn": account.out_of_turn,
        "fenced": account.fenced,
        "lost_leases": account.lost_leases,
        "scheduled": account.scheduled,
        "faults": named(faults.collect()),
        "virtual_seconds": account.seconds,
        "seconds": ran.took.as_secs_f64(),
        "broken": ran.broken.as_ref().map(|b| json!({"seed": b.seed, "what": b.what})),
    })
}

/// A broken promise: what was seen, what came before it, and how to see it again.
pub(crate) fn broken(broken: &Broken, faults: Faults, sweeps: bool, again: &str) {
    eprintln!("\nseed {} broke a promise: {}", broken.seed, broken.what);
    if !sweeps {
        let (_, history) = tell_seed(broken.seed, faults);
        let seen = history.iter().position(|line| line.contains("BROKEN"));
        if let Some(seen) = seen {
            eprintln!("\nbefore it:");
            for line in history.iter().take(seen).rev().take(BEFORE).rev() {
                eprintln!("{line}");
            }
        }
    }
    eprintln!("\nagain: {again}");
}

fn rate(count: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1000) / millis
}

/// A number in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How many lines of history are shown before a broken promise.
const BEFORE: usize = 60;
