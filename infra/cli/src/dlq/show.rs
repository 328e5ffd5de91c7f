//! `waybill dlq show`: all that is known of one dead letter.

use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serde_json::Value;

use waybill_aws::ambient::System;
use waybill_core::dossier::Dossier;
use waybill_core::dossier::history::with_history;
use waybill_core::id::printable;
use waybill_core::redrive::times;
use waybill_core::selection::Selection;
use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;
use waybill_engine::redrive::Bounds;

use super::{interruptible, letters};
use crate::Ended;
use crate::failure::Failure;
use crate::ledger::{audit, routes};
use crate::reach;
use crate::screen::{self, Output};

/// What is shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Key or id of its event, or id of its message.
    #[arg(value_name = "KEY|EVENT_ID|MESSAGE_ID")]
    which: String,
    #[command(flatten)]
    routes: reach::Routes,
    /// Receive at most so many to find it.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    sample: u64,
    /// Show the body too.
    #[arg(long)]
    body: bool,
}

/// Shows.
pub(crate) async fn run(
    reach: &reach::Options,
    options: &Options,
    output: Output,
) -> Result<Ended, Failure> {
    let letters = letters(reach, &options.routes).await?;
    let stop = interruptible();
    let found = AtomicBool::new(false);
    let mut letter = None;
    let bar = screen::bar(Some(letters.about().min(options.sample)), "looking");
    let bounds = Bounds {
        seen: options.sample,
        selected: u64::MAX,
    };
    let looked = letters
        .redriver
        .look(
            &Selection::default(),
            bounds,
            &|| stop.load(Ordering::Relaxed) || found.load(Ordering::Relaxed),
            &mut |dossier| {
                bar.inc(1);
                let event = dossier.reading.event();
                let is_it = printable(dossier.reading.key.as_str()) == options.which
                    || dossier.message.message_id.as_str() == options.which
                    || event.is_some_and(|event| event.id == options.which);
                if is_it && letter.is_none() {
                    found.store(true, Ordering::Relaxed);
                    letter = Some(dossier);
                }
            },
        )
        .await;
    bar.finish_and_clear();
    let looked = looked.map_err(|what| Failure::of_words(&what))?;
    let Some(dossier) = letter else {
        return Err(Failure::new(format!(
            "no dead letter with the key or id `{}` is among the {} seen{}; `waybill ledger show` \
             tells what the ledger knows of a key",
            options.which,
            screen::count(looked.seen),
            match looked.to_the_end {
                true => ", which are all that nobody else holds",
                false => ": it may be further behind, see --sample",
            },
        )));
    };
    let now = System.now();
    match output {
        Output::Json => {
            let mut told = dossier.to_json(now);
            if let (true, Some(members)) = (options.body, told.as_object_mut()) {
                members.insert("body".to_owned(), Value::from(&*dossier.inner().body));
                members.insert("body_with_history".to_owned(), with_history(&dossier));
            }
            screen::print(told.to_string())?;
        }
        Output::Text => screen::print(text(&dossier, now, options.body))?,
    }
    Ok(Ended::Well)
}

/// A dossier for people.
fn text(dossier: &Dossier, now: Timestamp, body: bool) -> String {
    let mut lines = Vec::new();
    let mut fact = |name: &str, what: String| lines.push(format!("{name:<10} {what}"));
    fact("key", printable(dossier.reading.key.as_str()).into_owned());
    fact("message", dossier.message.message_id.to_string());
    fact(
        "reason",
        format!("{}: {}", dossier.why.word(), dossier.why.says()),
    );
    if let Some(what) = dossier.unreadable() {
        fact("unreadable", what.to_owned());
    }
    if let Some(died) = dossier.died() {
        fact("died", ago(died, now));
    }
    if let Some(lives) = dossier.lives(now) {
        fact(
            "lives",
            format!("{} more, then its queue drops it", screen::duration(lives)),
        );
    }
    if let Some(event) = dossier.reading.event() {
        let subject = event.subject.as_deref().map(|s| format!(", subject {s}"));
        fact(
            "event",
            format!(
                "type {}, source {}, id {}{}",
                event.kind,
                event.source,
                event.id,
                subject.unwrap_or_default()
            ),
        );
    }
    let sent = dossier.message.sent.map(|sent| ago(sent, now));
    fact("sent", sent.unwrap_or_else(|| "not known".to_owned()));
    fact(
        "received",
        format!(
            "{}, this look included{}",
            times(dossier.message.receive_count),
            match dossier.reading.parcel {
                Some(_) => "; it waited in a schedule before",
                None => "",
            }
        ),
    );
    if let Some(group) = &dossier.message.group_id {
        fact("group", group.clone());
    }
    fact("queue", dossier.message.queue_arn.clone());
    if let Some(source) = &dossier.message.moved_from {
        fact("moved from", source.clone());
    }
    fact("redriven", times(dossier.redrives()));
    let record = dossier.record.as_deref();
    if let Some(crashes) = record.map(|r| r.crashes).filter(|crashes| *crashes > 0) {
        fact("crashes", format!("{crashes} claims ended without a word"));
    }
    lines.push(String::new());
    lines.push(routes(dossier.routes(), dossier.attempts()));
    lines.push(audit(record.map_or(&[], |record| &record.audit)));
    if body {
        lines.push("BODY".to_owned());
        lines.push(dossier.inner().body.to_string());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

/// When, and how long ago.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let text = at.to_rfc3339().unwrap_or_default();
    format!("{text}, {} ago", screen::duration(now.since(at)))
}
