//! `waybill dlq export`: dead letters as lines of JSON.

use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serde_json::{Value, json};

use waybill_aws::ambient::System;
use waybill_core::dossier::Dossier;
use waybill_core::dossier::history::with_history;
use waybill_core::message::{AttributeValue, MessageAttribute};
use waybill_engine::ports::Ambient;
use waybill_engine::redrive::Bounds;

use super::{Which, interruptible, letters};
use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};

/// What is exported.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    routes: reach::Routes,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Write the bodies alone, each with its failed tries in its member `error`:
    /// `[{status_code, message, stack_trace, date}]`.
    #[arg(long)]
    history: bool,
}

/// Exports. What is written is JSON in either output.
pub(crate) async fn run(
    reach: &reach::Options,
    options: &Options,
    _: Output,
) -> Result<Ended, Failure> {
    let selection = options.which.selection()?;
    let letters = letters(reach, &options.routes).await?;
    let stop = interruptible();
    let failed = AtomicBool::new(false);
    let mut failure = None;
    let bar = screen::bar(Some(letters.about()), "exporting");
    let bounds = Bounds {
        seen: u64::MAX,
        selected: options.limit.unwrap_or(u64::MAX),
    };
    let looked = letters
        .redriver
        .look(
            &selection,
            bounds,
            &|| stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed),
            &mut |dossier| {
                bar.inc(1);
                let line = match options.history {
                    true => with_history(&dossier),
                    false => whole(&dossier),
                };
                if let Err(error) = screen::print(line.to_string()) {
                    failed.store(true, Ordering::Relaxed);
                    failure = Some(error);
                }
            },
        )
        .await;
    bar.finish_and_clear();
    if let Some(failure) = failure {
        return Err(failure);
    }
    let looked = looked.map_err(|what| Failure::of_words(&what))?;
    screen::say(format!(
        "{} written of {} seen{}",
        screen::count(looked.selected),
        screen::count(looked.seen),
        match looked.to_the_end {
            true => ", which are all that nobody else holds",
            false => "",
        }
    ));
    match stop.load(Ordering::Relaxed) {
        true => Ok(Ended::InPart),
        false => Ok(Ended::Well),
    }
}

/// All of a dead letter: its dossier, its body and its attributes.
fn whole(dossier: &Dossier) -> Value {
    let mut told = dossier.to_json(System.now());
    let attribute = |attribute: &MessageAttribute| match &attribute.value {
        AttributeValue::Text(text) => json!({"type": attribute.data_type, "text": text}),
        AttributeValue::Bytes(bytes) => {
            json!({"type": attribute.data_type, "bytes": bytes})
        }
    };
    let attributes = dossier.inner().attributes.iter();
    let attributes = attributes.map(|(name, value)| (name.clone(), attribute(value)));
    if let Some(members) = told.as_object_mut() {
        members.insert("attributes".to_owned(), Value::Object(attributes.collect()));
        members.insert("body".to_owned(), Value::from(&*dossier.inner().body));
    }
    told
}
