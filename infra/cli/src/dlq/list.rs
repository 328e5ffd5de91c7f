//! `waybill dlq ls`: what is there, by reason.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use waybill_aws::ambient::System;
use waybill_core::dossier::Dossier;
use waybill_core::id::printable;
use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;
use waybill_engine::redrive::{Bounds, Looked};

use super::{Which, interruptible, letters};
use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};

/// What is listed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    routes: reach::Routes,
    /// Receive at most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    sample: u64,
    /// One line for each dead letter.
    #[arg(long)]
    each: bool,
}

/// One group of dead letters.
#[derive(Debug, Default)]
struct Group {
    count: u64,
    routes: BTreeMap<String, u64>,
    codes: BTreeMap<String, u64>,
    oldest: Option<Duration>,
    youngest: Option<Duration>,
    lives: Option<Duration>,
}

impl Group {
    /// Counts one more.
    fn add(&mut self, dossier: &Dossier, now: Timestamp) {
        self.count += 1;
        for route in dossier.undone() {
            *self.routes.entry(route.name.to_string()).or_default() += 1;
            if !route.last.is_empty() {
                *self.codes.entry(route.last.clone()).or_default() += 1;
            }
        }
        if let Some(age) = dossier.age(now) {
            self.oldest = Some(self.oldest.map_or(age, |oldest| oldest.max(age)));
            self.youngest = Some(self.youngest.map_or(age, |youngest| youngest.min(age)));
        }
        if let Some(lives) = dossier.lives(now) {
            self.lives = Some(self.lives.map_or(lives, |least| least.min(lives)));
        }
    }

    fn row(&self, reason: &str) -> Vec<String> {
        vec![
            reason.to_owned(),
            screen::count(self.count),
            counted(&self.routes),
            counted(&self.codes),
            told(self.oldest),
            told(self.youngest),
            told(self.lives),
        ]
    }

    fn to_json(&self, reason: &str) -> Value {
        let seconds = |long: Option<Duration>| long.map(|long| long.as_secs());
        json!({
            "reason": reason,
            "count": self.count,
            "routes": self.routes,
            "codes": self.codes,
            "oldest_seconds": seconds(self.oldest),
            "youngest_seconds": seconds(self.youngest),
            "lives_at_least_seconds": seconds(self.lives),
        })
    }
}

/// Lists.
pub(crate) async fn run(
    reach: &reach::Options,
    options: &Options,
    output: Output,
) -> Result<Ended, Failure> {
    let selection = options.which.selection()?;
    let letters = letters(reach, &options.routes).await?;
    let stop = interruptible();
    let bar = screen::bar(Some(letters.about().min(options.sample)), "looking");
    let mut groups = BTreeMap::<&'static str, Group>::new();
    let mut each = Vec::new();
    let bounds = Bounds {
        seen: options.sample,
        selected: u64::MAX,
    };
    let looked = letters
        .redriver
        .look(
            &selection,
            bounds,
            &|| stop.load(Ordering::Relaxed),
            &mut |dossier| {
                let now = System.now();
                bar.inc(1);
                groups
                    .entry(dossier.why.word())
                    .or_default()
                    .add(&dossier, now);
                if options.each {
                    each.push(match output {
                        Output::Text => Line::Text(line(&dossier, now)),
                        Output::Json => Line::Json(dossier.to_json(now)),
                    });
                }
            },
        )
        .await;
    bar.finish_and_clear();
    let looked = looked.map_err(|what| Failure::of_words(&what))?;
    match output {
        Output::Json => as_json(&groups, each, looked, letters.about(), options.each)?,
        Output::Text => as_text(&groups, each, looked, letters.about())?,
    }
    match stop.load(Ordering::Relaxed) {
        true => Ok(Ended::InPart),
        false => Ok(Ended::Well),
    }
}

/// One dead letter of a list.
enum Line {
    Text(Vec<String>),
    Json(Value),
}

fn as_json(
    groups: &BTreeMap<&'static str, Group>,
    each: Vec<Line>,
    looked: Looked,
    about: u64,
    with_each: bool,
) -> Result<(), Failure> {
    let groups: Vec<_> = groups
        .iter()
        .map(|(why, group)| group.to_json(why))
        .collect();
    let mut all = json!({
        "seen": looked.seen,
        "selected": looked.selected,
        "to_the_end": looked.to_the_end,
        "in_queue_about": about,
        "groups": groups,
    });
    if let (true, Some(members)) = (with_each, all.as_object_mut()) {
        let each = each.into_iter().filter_map(|line| match line {
            Line::Json(value) => Some(value),
            Line::Text(_) => None,
        });
        members.insert("dead_letters".to_owned(), each.collect());
    }
    screen::print(all.to_string())
}

fn as_text(
    groups: &BTreeMap<&'static str, Group>,
    each: Vec<Line>,
    looked: Looked,
    about: u64,
) -> Result<(), Failure> {
    if !each.is_empty() {
        let rows = each.into_iter().filter_map(|line| match line {
            Line::Text(row) => Some(row),
            Line::Json(_) => None,
        });
        let header = [
            "KEY",
            "MESSAGE ID",
            "REASON",
            "ROUTES",
            "CODES",
            "AGE",
            "TYPE",
        ];
        screen::print(screen::table(&header, rows))?;
        screen::print("")?;
    }
    if !groups.is_empty() {
        let header = [
            "REASON",
            "COUNT",
            "ROUTES",
            "CODES",
            "OLDEST",
            "YOUNGEST",
            "LIVES AT LEAST",
        ];
        let mut groups: Vec<_> = groups.iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        let rows = groups.into_iter().map(|(why, group)| group.row(why));
        screen::print(screen::table(&header, rows))?;
        screen::print("")?;
    }
    let sample = match looked.to_the_end {
        true => "all that nobody else holds".to_owned(),
        false => format!("a sample of about {}", screen::count(about)),
    };
    screen::print(format!(
        "{} selected of {} seen: {sample}. They were held while this ran; others can have them \
         again.",
        screen::count(looked.selected),
        screen::count(looked.seen),
    ))
}

/// One dead letter as a row.
fn line(dossier: &Dossier, now: Timestamp) -> Vec<String> {
    let names = |f: &dyn Fn(&waybill_core::ledger::RouteRecord) -> String| {
        let mut names: Vec<_> = dossier.undone().map(f).filter(|n| !n.is_empty()).collect();
        names.dedup();
        names.join(", ")
    };
    vec![
        printable(dossier.reading.key.as_str()).into_owned(),
        dossier.message.message_id.to_string(),
        dossier.why.word().to_owned(),
        names(&|route| route.name.to_string()),
        names(&|route| route.last.clone()),
        told(dossier.age(now)),
        dossier
            .reading
            .event()
            .map_or_else(|| "-".to_owned(), |event| event.kind.clone()),
    ]
}

/// Names with how often each is there, the most frequent first.
fn counted(names: &BTreeMap<String, u64>) -> String {
    const SHOWN: usize = 4;
    let mut all: Vec<_> = names.iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let more = all.len().saturating_sub(SHOWN);
    let shown = all.into_iter().take(SHOWN);
    let mut shown: Vec<_> = shown
        .map(|(name, count)| format!("{name} {}", screen::count(*count)))
        .collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    match shown.is_empty() {
        true => "-".to_owned(),
        false => shown.join(", "),
    }
}

/// How long, where it is known.
fn told(long: Option<Duration>) -> String {
    long.map_or_else(|| "-".to_owned(), screen::duration)
}
