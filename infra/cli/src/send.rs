//! `waybill send`: events to the source queue.
//!
//! A line is checked when its turn comes, so that a file may be longer than memory; `--dry-run`
//! checks all of them and sends nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;

use waybill_aws::ambient::System;
use waybill_core::message::is_fifo;

use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};
use letter::{Deduplication, Form, Group};
use line::{Line, Lines};
use pack::Order;
use report::{Report, Unsent};

mod course;
mod flight;
mod letter;
mod line;
mod pack;
mod report;

/// What is sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// A file with one event on each line, as JSON, or `-` for standard input.
    file: PathBuf,
    /// Check every line, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the lines that were not sent to this file, for another run.
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,
    /// Give every message this attribute, of type String; at most ten.
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// Let every message appear so many seconds later; not in a FIFO queue.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(0..=900))]
    delay: Option<u16>,
    /// Give every message this message group.
    #[arg(long, value_name = "ID", conflicts_with = "group_pointer")]
    group: Option<String>,
    /// Take the message group from each event, by a JSON pointer, as /payload/customer.
    #[arg(long, value_name = "POINTER")]
    group_pointer: Option<String>,
    /// Take the deduplication id from each event, by a JSON pointer; FIFO queues only. The SHA-256
    /// of the line where it is not said.
    #[arg(long, value_name = "POINTER")]
    deduplication_pointer: Option<String>,
}

/// Whether anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It is.
    Send,
    /// Lines are checked, and that is all.
    DryRun,
}

/// Sends.
pub(crate) async fn run(
    reach: &reach::Options,
    options: Options,
    output: Output,
) -> Result<Ended, Failure> {
    let url = reach.queue_url()?;
    let (form, order) = (form(&options, url)?, order(url));
    let mode = match options.dry_run {
        true => Mode::DryRun,
        false => Mode::Send,
    };
    let (input, size) = open(&options.file)?;
    let queue = reach.connect().await?.queue(url).patient(SEND_TIMEOUT);
    let failed = options.failed.as_deref();
    let unsent = failed.map(|path| Unsent::create(path, &options.file));
    let delay = Duration::from_secs(options.delay.unwrap_or_default().into());
    let means = course::Means {
        queue: &queue.delayed(delay),
        ambient: &System,
        form,
        order,
        mode,
        unsent: unsent.transpose()?,
        bar: match size {
            Some(size) => screen::bytes_bar(size, "sending"),
            None => screen::bar(None, "sending"),
        },
    };
    let report = course::run(means, read(input), interrupts()).await?;
    show(&report, output)?;
    Ok(report.ended())
}

/// What the options say of each message, where this queue can have that.
fn form(options: &Options, url: &str) -> Result<Form, Failure> {
    let pointers = [
        ("--group-pointer", &options.group_pointer),
        ("--deduplication-pointer", &options.deduplication_pointer),
    ];
    for (option, pointer) in pointers {
        if let Some(pointer) = pointer.as_ref().filter(|text| !text.starts_with('/')) {
            return Err(Failure::new(format!(
                "{option} `{pointer}` is no JSON pointer: one begins with `/`, as /id"
            )));
        }
    }
    let group = match (&options.group, &options.group_pointer) {
        (Some(group), _) => match letter::fault_of_id(group) {
            None => Group::Fixed(group.clone()),
            Some(fault) => return Err(Failure::new(format!("--group `{group}` {fault}"))),
        },
        (None, Some(pointer)) => Group::At(pointer.clone()),
        (None, None) => Group::Absent,
    };
    let deduplication = match (order(url), &options.deduplication_pointer) {
        (Order::Free, None) => Deduplication::Absent,
        (Order::Free, Some(_)) => {
            return Err(Failure::new(
                "--deduplication-pointer is for FIFO queues; this one is none",
            ));
        }
        (Order::ByGroup, _) if options.delay.is_some() => {
            return Err(Failure::new(
                "--delay is for standard queues; in a FIFO queue all messages have the queue's own",
            ));
        }
        (Order::ByGroup, _) if group == Group::Absent => {
            return Err(Failure::new(
                "this is a FIFO queue, whose messages have a group: give --group or \
                 --group-pointer",
            ));
        }
        (Order::ByGroup, None) => Deduplication::Line,
        (Order::ByGroup, Some(pointer)) => Deduplication::At(pointer.clone()),
    };
    Ok(Form {
        attributes: letter::attributes(&options.attributes).map_err(Failure::new)?,
        group,
        deduplication,
    })
}

/// What of an order a queue has.
fn order(url: &str) -> Order {
    match is_fifo(url) {
        true => Order::ByGroup,
        false => Order::Free,
    }
}

/// What is read.
type Input = Box<dyn BufRead + Send>;

/// Opens what is read; answers its length too, where it has one.
fn open(path: &Path) -> Result<(Input, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let failed = |error| Failure::new(format!("cannot read `{}`: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::new(format!(
            "cannot read `{}`: it is a directory; give a file with one event on each line",
            path.display()
        )));
    }
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::new(file)), size))
}

/// Reads lines ahead, in a thread of its own: a read of a terminal or a pipe can be neither awaited
/// nor ended, and must not keep the command from ending.
fn read(input: Input) -> mpsc::Receiver<io::Result<Line>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        for line in Lines::of(input) {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// Ctrl-C, as often as it comes.
fn interrupts() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// Shows the report.
fn show(report: &Report, output: Output) -> Result<(), Failure> {
    for remark in report.remarks() {
        screen::say(remark);
    }
    match output {
        Output::Text => screen::print(report.sentence()),
        Output::Json => match serde_json::to_string(report) {
            Ok(text) => screen::print(text),
            Err(error) => Err(Failure::new(format!("cannot write JSON: {error}"))),
        },
    }
}

/// How long one try of a batch may take: enough for a full one on a line of half a megabit a second.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// How many lines are read ahead, none longer than a message.
const LINES_AHEAD: usize = 16;

#[cfg(test)]
mod tests;
