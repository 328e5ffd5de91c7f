//! A load against what the template sets: what is, what is needed, and what to do.

use waybill_core::capacity::needs::{max_receive_count, visibility_seconds};
use waybill_core::limit::{IN_FLIGHT_MAX, LONG_POLL_MAX};

use super::Mode;
use super::report::Report;
use crate::check::settings::{Poller, Setting, Settings, Trigger};

/// Whether the template holds the load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holds {
    /// Setting by setting.
    pub(super) rows: Vec<Row>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// What CloudFormation calls it.
    pub(super) name: &'static str,
    /// What the template says; none where it says nothing or it is not known.
    pub(super) said: Option<u64>,
    /// What is needed; none where nothing that may be set is enough.
    pub(super) needed: Need,
    /// What follows.
    pub(super) verdict: Verdict,
    /// What to do, where something is to be done.
    pub(super) remedy: Option<String>,
    /// Why it is so much.
    pub(super) why: String,
}

/// What is needed of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// At least so much.
    AtLeast(u64),
    /// So much and nothing else.
    Just(u64),
    /// At most so much.
    AtMost(u64),
    /// More than there can be.
    MoreThan(u64),
}

/// Whether a setting holds the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does.
    Holds,
    /// It does not.
    Short,
    /// It is known only when it is deployed, or not set: why.
    Unknown(String),
}

impl Verdict {
    /// The word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Short => "does not hold",
            Self::Unknown(_) => "not known",
        }
    }
}

impl Need {
    /// How it is told.
    pub(super) fn told(self) -> String {
        match self {
            Self::AtLeast(number) => format!("{number} or more"),
            Self::Just(number) => number.to_string(),
            Self::AtMost(number) => format!("{number} or less"),
            Self::MoreThan(number) => format!("more than {number}"),
        }
    }

    /// Whether a number is enough.
    fn is_met(self, number: u64) -> bool {
        match self {
            Self::AtLeast(least) => number >= least,
            Self::Just(just) => number == just,
            Self::AtMost(most) => number <= most,
            Self::MoreThan(_) => false,
        }
    }
}

impl Holds {
    /// Compares.
    pub(super) fn of(report: &Report, settings: &Settings) -> Self {
        let mode = report.inputs.mode.value;
        let mut rows = match (mode, &settings.trigger, &settings.poller) {
            (Mode::Trigger, Some(trigger), _) => of_trigger(report, trigger, settings),
            (Mode::Poll, _, Some(poller)) => of_poller(report, poller),
            (Mode::Trigger, None, _) | (Mode::Poll, _, None) => Vec::new(),
        };
        rows.push(receives(report, settings));
        rows.push(retention(report, settings));
        rows.push(in_flight(report));
        Self { rows }
    }

    /// Whether every setting does, as far as it is known.
    pub(super) fn all(&self) -> bool {
        self.rows.iter().all(|row| match row.verdict {
            Verdict::Holds | Verdict::Unknown(_) => true,
            Verdict::Short => false,
        })
    }
}

/// What a trigger's function must have.
fn of_trigger(report: &Report, trigger: &Trigger, settings: &Settings) -> Vec<Row> {
    let timeout_needed = whole(report.slowest.p999_seconds.max(1.0));
    let timeout = trigger.timeout.number().unwrap_or(0).max(timeout_needed);
    let window = trigger.window.number().unwrap_or(0);
    let hidden = visibility_seconds(timeout, window);
    let at_once = concurrency(report, &trigger.concurrency);
    vec![
        row(
            &trigger.concurrency,
            at_once,
            concurrency_why(report, "invocations"),
        ),
        row(
            &trigger.reserved,
            at_once,
            "as many as may be invoked at once".to_owned(),
        ),
        row(
            &trigger.timeout,
            Need::AtLeast(timeout_needed),
            "999 in a thousand batches end within it, in seconds".to_owned(),
        ),
        row(
            &settings.queue.visibility,
            Need::AtLeast(hidden),
            format!("six times a Timeout of {timeout} s, and a window of {window} s"),
        ),
        row(
            &trigger.batch_size,
            Need::Just(u64::from(report.inputs.batch_size.value)),
            "what is planned with".to_owned(),
        ),
    ]
}

/// What a poller must have.
fn of_poller(report: &Report, poller: &Poller) -> Vec<Row> {
    let one = LONG_POLL_MAX.as_secs_f64() + report.slowest.p999_seconds;
    vec![
        row(
            &poller.pollers,
            concurrency(report, &poller.pollers),
            concurrency_why(report, "pollers"),
        ),
        row(
            &poller.timeout,
            Need::AtLeast(whole(one).saturating_add(1)),
            "a receive of 20 s, and what 999 in a thousand events take, in seconds".to_owned(),
        ),
    ]
}

/// How many must be at once, as far as the setting's parameter allows it.
fn concurrency(report: &Report, setting: &Setting) -> Need {
    let most = setting.allowed.last().copied();
    let Some(needed) = report.needed.map(u64::from) else {
        return Need::MoreThan(most.unwrap_or_else(|| match report.inputs.groups {
            Some(groups) => u64::from(groups),
            None => 1_000,
        }));
    };
    if setting.allowed.is_empty() {
        return Need::AtLeast(needed);
    }
    let allowed = setting.allowed.iter().find(|one| **one >= needed);
    match (allowed, most) {
        (Some(allowed), _) => Need::AtLeast(*allowed),
        (None, most) => Need::MoreThan(most.unwrap_or(0)),
    }
}

/// Why so many.
fn concurrency_why(report: &Report, what: &str) -> String {
    match report.needed {
        Some(needed) => format!("{needed} {what} reach what is wanted"),
        None => format!("no number of {what} reaches what is wanted"),
    }
}

/// Receives that a message must be allowed.
fn receives(report: &Report, settings: &Settings) -> Row {
    let inputs = &report.inputs;
    let needed = max_receive_count(inputs.queue.value, inputs.dead_letter.value, inputs.tries);
    let why = format!("an event may have {} tries", inputs.tries);
    row(&settings.queue.receives, Need::AtLeast(needed), why)
}

/// How long a message must be kept: for all its waits, and for the backlog before it.
fn retention(report: &Report, settings: &Settings) -> Row {
    let waits = report.inputs.retry.value.longest_waits();
    let drain = report.chosen().and_then(|choice| choice.drain_seconds);
    let needed = waits.as_secs_f64() + drain.unwrap_or(0.0);
    let why = match drain {
        Some(_) => "the waits of an event that is tried to the end, behind the backlog, in seconds",
        None => "the waits of an event that is tried to the end, in seconds",
    };
    let needed = whole(needed).saturating_add(1);
    row(
        &settings.queue.retention,
        Need::AtLeast(needed),
        why.to_owned(),
    )
}

/// How many may be hidden at once: nothing that is set, but a limit of the queue's.
fn in_flight(report: &Report) -> Row {
    let most = u64::from(IN_FLIGHT_MAX);
    let said = whole(report.in_flight);
    let holds = said <= most;
    Row {
        name: "messages in flight",
        said: Some(said),
        needed: Need::AtMost(most),
        verdict: match holds {
            true => Verdict::Holds,
            false => Verdict::Short,
        },
        remedy: (!holds).then(|| {
            "shorten the waits, or let events wait in schedules (`detach` of a route)".to_owned()
        }),
        why: "in work or waiting for a retry; more than that SQS does not hand out".to_owned(),
    }
}

/// A setting against what is needed.
fn row(setting: &Setting, needed: Need, why: String) -> Row {
    let verdict = match &setting.said {
        Ok(Some(number)) if needed.is_met(*number) => Verdict::Holds,
        Ok(Some(_)) => Verdict::Short,
        Ok(None) => Verdict::Unknown("it is not set".to_owned()),
        Err(reason) => Verdict::Unknown(reason.0.clone()),
    };
    let remedy = match verdict {
        Verdict::Short => Some(remedy(setting, needed)),
        Verdict::Holds | Verdict::Unknown(_) => None,
    };
    Row {
        name: setting.name,
        said: setting.number(),
        needed,
        verdict,
        remedy,
        why,
    }
}

/// What to do about a setting.
fn remedy(setting: &Setting, needed: Need) -> String {
    let number = match needed {
        Need::AtLeast(number) | Need::Just(number) | Need::AtMost(number) => number,
        Need::MoreThan(_) => {
            return "share the events among several queues, or make each take less time".to_owned();
        }
    };
    match &setting.parameter {
        // A parameter that is one of some numbers, none of which is this, is in another unit.
        Some(name) if setting.allowed.is_empty() || setting.allowed.contains(&number) => {
            format!("--parameter {name}={number}")
        }
        Some(name) => format!("raise parameter {name}"),
        None => format!("set {} to {}", setting.name, needed.told()),
    }
}

/// A number of seconds or messages as a whole one, the next above.
fn whole(number: f64) -> u64 {
    let rounded = format!("{:.0}", number.max(0.0).ceil());
    rounded.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
