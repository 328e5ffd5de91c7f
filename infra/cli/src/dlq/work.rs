//! `waybill dlq redrive`, `edit` and `discard`: runs over dead letters.

use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use waybill_core::edit;
use waybill_core::redrive::order::{Order, Work};
use waybill_core::redrive::progress::{Run, Stage};
use waybill_core::selection::duration;
use waybill_engine::redrive::{Report, Task};

use super::{Letters, Which, interruptible, letters, said};
use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};

/// What is brought back, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    common: Common,
    /// Go on with the run of this name, as it was told.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["expression", "pattern", "since", "key", "message_id", "limit", "run", "canary", "canary_time", "rate", "ramp", "stop_after", "max_redrives", "dry_run"])]
    resume: Option<String>,
}

/// What is brought back with another body.
#[derive(Debug, Clone, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    which: Which,
    /// A JSON Patch (RFC 6902) of the body, or `@` and a file that holds it.
    #[arg(long, value_name = "JSON|@FILE", required_unless_present = "body")]
    patch: Option<String>,
    /// A whole body instead, or `@` and a file that holds it.
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "patch")]
    body: Option<String>,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    common: Common,
}

/// What is deleted.
#[derive(Debug, Clone, Args)]
pub(crate) struct Discard {
    #[command(flatten)]
    which: Which,
    /// So many in a second, 1 to 500.
    #[arg(long, value_name = "NUMBER", default_value_t = Order::default().rate)]
    rate: u32,
    #[command(flatten)]
    common: Common,
}

/// How fast, and when to stop.
#[derive(Debug, Clone, Args)]
pub(crate) struct Pace {
    /// So many first; the others only when all of these are delivered.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        help_heading = "Pace"
    )]
    canary: u32,
    /// How long the canaries have.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        help_heading = "Pace"
    )]
    canary_time: String,
    /// So many in a second, 1 to 500.
    #[arg(long, value_name = "NUMBER", default_value_t = Order::default().rate, help_heading = "Pace")]
    rate: u32,
    /// How long the rate grows from nothing.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        help_heading = "Pace"
    )]
    ramp: String,
    /// Stop when so many have failed again; 0 is never.
    #[arg(long, value_name = "NUMBER", default_value_t = Order::default().stop_after, help_heading = "Pace")]
    stop_after: u32,
    /// Leave events that were redriven so often already.
    #[arg(long, value_name = "NUMBER", default_value_t = Order::default().max_redrives, help_heading = "Pace")]
    max_redrives: u32,
}

/// What every run is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    routes: reach::Routes,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Name of the run, under which it goes on when it was cut off. Without it the name is made of
    /// what is asked, so that the same command goes on.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Who does it, for the audit.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "somebody")]
    who: String,
    /// Tell what would happen, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl Pace {
    /// As the library reads it.
    fn order(&self) -> Result<Order, Failure> {
        Ok(Order {
            canary: self.canary,
            canary_seconds: seconds("--canary-time", &self.canary_time)?,
            rate: self.rate,
            ramp_seconds: seconds("--ramp", &self.ramp)?,
            stop_after: self.stop_after,
            max_redrives: self.max_redrives,
            ..Order::default()
        })
    }
}

/// A duration in whole seconds.
fn seconds(option: &str, text: &str) -> Result<u32, Failure> {
    let long = duration(text).map(|long| long.as_millis().div_ceil(1000));
    let long = long.and_then(|seconds| u32::try_from(seconds).ok());
    long.ok_or_else(|| {
        Failure::new(format!(
            "{option} is `{text}`: give a duration, as `30s`, `5m`"
        ))
    })
}

/// What an option says, or what stands in the file that it names.
fn text_of(option: &str, said: &str) -> Result<String, Failure> {
    let Some(path) = said.strip_prefix('@') else {
        return Ok(said.to_owned());
    };
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{option}: `{path}` cannot be read: {error}")))
}

/// Brings dead letters back.
pub(crate) async fn redrive(
    reach: &reach::Options,
    options: Redrive,
    output: Output,
) -> Result<Ended, Failure> {
    if let Some(run) = &options.resume {
        let letters = letters(reach, &options.common.routes).await?;
        let question = format!(
            "Go on with run `{run}`, as it was told, of about {} dead letters in {}?",
            screen::count(letters.about()),
            letters.settings.dead_letter_url
        );
        if !screen::confirm(&question, options.common.yes)? {
            screen::say("nothing was done");
            return Ok(Ended::InPart);
        }
        return work(&letters, run, None, &options.common, output).await;
    }
    let order = Order {
        wanted: options.which.wanted()?,
        limit: options.common.limit,
        ..options.pace.order()?
    };
    asked(reach, &options.which, order, &options.common, output).await
}

/// Brings dead letters back with another body.
pub(crate) async fn edit(
    reach: &reach::Options,
    options: Edit,
    output: Output,
) -> Result<Ended, Failure> {
    let edit = match (&options.patch, &options.body) {
        (Some(patch), _) => edit::Edit::patch(&text_of("--patch", patch)?)
            .map_err(|what| Failure::new(format!("--patch {what}")))?,
        (None, Some(body)) => edit::Edit::Body(text_of("--body", body)?),
        (None, None) => return Err(Failure::new("give --patch or --body")),
    };
    let order = Order {
        wanted: options.which.wanted()?,
        limit: options.common.limit,
        edit: Some(edit),
        ..options.pace.order()?
    };
    asked(reach, &options.which, order, &options.common, output).await
}

/// Deletes dead letters.
pub(crate) async fn discard(
    reach: &reach::Options,
    options: Discard,
    output: Output,
) -> Result<Ended, Failure> {
    let order = Order {
        work: Work::Discard,
        wanted: options.which.wanted()?,
        limit: options.common.limit,
        rate: options.rate,
        ..Order::default()
    };
    asked(reach, &options.which, order, &options.common, output).await
}

/// Asks whether it is meant so, and does it.
async fn asked(
    reach: &reach::Options,
    which: &Which,
    order: Order,
    common: &Common,
    output: Output,
) -> Result<Ended, Failure> {
    order.selection().map_err(said)?;
    let letters = letters(reach, &common.routes).await?;
    let name = common.run.clone().unwrap_or_else(|| order.name());
    if !common.dry_run {
        let question = question(&letters, which, &order);
        if !screen::confirm(&question, common.yes)? {
            screen::say("nothing was done");
            return Ok(Ended::InPart);
        }
    }
    work(&letters, &name, Some(&order), common, output).await
}

/// What is asked before anything is done.
fn question(letters: &Letters, which: &Which, order: &Order) -> String {
    let about = screen::count(letters.about());
    let (which, dead) = (which.says(), &letters.settings.dead_letter_url);
    match (order.work, &order.edit) {
        (Work::Discard, _) => {
            format!("Delete what is selected ({which}) of about {about} dead letters in {dead}?")
        }
        (Work::Redrive, edit) => format!(
            "Bring back what is selected ({which}) of about {about} dead letters in {dead}{}, \
             {}{} a second?",
            match edit {
                Some(_) => ", edited",
                None => "",
            },
            match order.canary {
                0 => String::new(),
                canary => format!("canaries {canary}, then "),
            },
            order.rate,
        ),
    }
}

/// Runs, and tells what came of it.
async fn work(
    letters: &Letters,
    name: &str,
    order: Option<&Order>,
    common: &Common,
    output: Output,
) -> Result<Ended, Failure> {
    let stop = interruptible();
    let bar = screen::bar(Some(letters.about()), "");
    let tell = |run: &Run| {
        bar.set_message(progress(run));
        bar.set_position(run.counts.seen);
        bar.set_length(letters.about().max(run.counts.seen));
    };
    if std::io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    let task = Task {
        run: name,
        order,
        who: &common.who,
        dry_run: common.dry_run,
        until: None,
        stop: &|| stop.load(Ordering::Relaxed),
        tell: &tell,
    };
    let report = letters.redriver.run(task).await;
    bar.finish_and_clear();
    let mut report = report.map_err(|error| Failure::of_words(&error.0))?;
    report.trouble = report.trouble.map(|what| Failure::of_words(&what).0);
    for remark in &mut report.remarks {
        remark.says = Failure::of_words(&remark.says).0;
    }
    match output {
        Output::Json => {
            let report = serde_json::to_string(&report);
            screen::print(report.map_err(|error| Failure::new(error.to_string()))?)?;
        }
        Output::Text => screen::print(text(&report))?,
    }
    match report.is_well() {
        true => Ok(Ended::Well),
        false => Ok(Ended::InPart),
    }
}

/// Where a run is.
fn progress(run: &Run) -> String {
    let sent = screen::count(run.counts.sent());
    let delivered = screen::count(run.counts.delivered);
    match (run.stage, run.order.work) {
        (Stage::Canary, _) => format!("canaries: {sent} sent, waiting for them"),
        (Stage::Rest | Stage::Over, Work::Redrive) => {
            format!("sent {sent}, seen delivered {delivered}")
        }
        (Stage::Rest | Stage::Over, Work::Discard) => {
            format!("deleted {}", screen::count(run.counts.discarded))
        }
    }
}

/// A report for people.
fn text(report: &Report) -> String {
    let counts = &report.counts;
    let mut lines = vec![format!(
        "{}{}: {}{}, {}",
        match report.dry_run {
            true => "dry run, nothing was changed".to_owned(),
            false => format!("run {}", report.run),
        },
        match report.resumed {
            true => ", gone on with",
            false => "",
        },
        report.stopped.word(),
        match &report.trouble {
            Some(what) => format!(" ({what})"),
            None => String::new(),
        },
        screen::duration(Duration::from_secs_f64(report.seconds)),
    )];
    let would = if report.dry_run { "would be " } else { "" };
    let rows = [
        (counts.revived, "sent back", "their tries begin anew"),
        (
            counts.never_attempted,
            "sent back, never attempted",
            "they have no row",
        ),
        (
            counts.resent,
            "sent once more",
            "not dead: copies, and what was cut off",
        ),
        (
            counts.completed,
            "let go",
            "their events are done; deleted, not sent",
        ),
        (counts.discarded, "discarded", "deleted"),
    ];
    let mut fact = |count: u64, what: &str, says: &str| {
        if count > 0 {
            let line = format!("{:>8}  {what:<28} {says}", screen::count(count));
            lines.push(line.trim_end().to_owned());
        }
    };
    for (count, what, says) in rows {
        fact(count, &format!("{would}{what}"), says);
    }
    for (word, count) in &counts.left {
        fact(*count, &format!("left: {word}"), "they stay; see below");
    }
    fact(
        counts.failed,
        "failed",
        "they stay; the same command tries again",
    );
    fact(counts.not_selected, "not selected", "they stay");
    fact(
        counts.undeleted,
        "not deleted",
        "sent; they come again, and are known",
    );
    fact(counts.seen, "seen", "");
    fact(
        counts.delivered,
        "seen delivered",
        "of those sent back, so far",
    );
    fact(
        counts.failed_again,
        "failed again",
        "of those sent back, so far",
    );
    for remark in &report.remarks {
        lines.push(format!(
            "{} (message {}): {}: {}",
            remark.key, remark.message_id, remark.word, remark.says
        ));
    }
    if !report.dry_run && !report.stopped.is_over() {
        lines.push(format!(
            "It can go on: the same command, or `waybill dlq redrive --resume {}`",
            report.run
        ));
    }
    lines.join("\n")
}
