//! `waybill dlq`: dead letters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Subcommand};

use waybill_aws::assemble::AwsRedriver;
use waybill_aws::connect::Connection;
use waybill_aws::sqs::Described;
use waybill_core::selection::{Selection, Wanted};
use waybill_engine::env::DeadLetterSettings;

use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::Output;

mod export;
mod list;
mod show;
mod work;

/// What is to be done.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Lists dead letters, grouped by reason.
    ///
    /// It receives them and holds them while it runs, so that nobody else sees them meanwhile, and
    /// gives them back at its end. What it shows is a sample: the first that the queue hands out.
    Ls(list::Options),
    /// Tells all that is known of one dead letter.
    Show(show::Options),
    /// Brings dead letters back to the source queue.
    ///
    /// For each: the ledger is told, the message is sent, the dead letter is deleted, in this order.
    /// Killed at any point, the same command goes on, and delivers nothing twice.
    Redrive(work::Redrive),
    /// Brings dead letters back with another body.
    Edit(work::Edit),
    /// Deletes dead letters, and notes in their rows who did it.
    Discard(work::Discard),
    /// Writes dead letters to stdout, one JSON object on each line.
    Export(export::Options),
}

/// Which dead letters. All that is said must hold; nothing takes all.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// An expression, as `reason = attempts_spent and route = crm and age < 2h`.
    #[arg(
        long = "where",
        value_name = "EXPRESSION",
        help_heading = "Which dead letters"
    )]
    expression: Option<String>,
    /// A pattern over the event, as in a route's `filter`: `{"type": ["order.placed"]}`.
    #[arg(long, value_name = "JSON", help_heading = "Which dead letters")]
    pattern: Option<String>,
    /// Only what is no older than this: `2h`, `3d`.
    #[arg(long, value_name = "DURATION", help_heading = "Which dead letters")]
    since: Option<String>,
    /// Only those of the event of this key.
    #[arg(long, value_name = "KEY", help_heading = "Which dead letters")]
    key: Option<String>,
    /// Only the message of this id.
    #[arg(long, value_name = "ID", help_heading = "Which dead letters")]
    message_id: Option<String>,
}

impl Which {
    /// As the library reads it.
    fn wanted(&self) -> Result<Wanted, Failure> {
        let pattern = self.pattern.as_deref().map(serde_json::from_str);
        let pattern = pattern.transpose();
        let pattern =
            pattern.map_err(|error| Failure::new(format!("--pattern is no JSON: {error}")))?;
        Ok(Wanted {
            expression: self.expression.clone(),
            pattern,
            since: self.since.clone(),
            message_id: self.message_id.clone(),
            key: self.key.clone(),
        })
    }

    /// Ready to be asked.
    fn selection(&self) -> Result<Selection, Failure> {
        Selection::read(&self.wanted()?).map_err(said)
    }

    /// In the words of who gave it.
    fn says(&self) -> String {
        let parts = [
            ("", &self.expression),
            ("pattern ", &self.pattern),
            ("since ", &self.since),
            ("key ", &self.key),
            ("message ", &self.message_id),
        ];
        let parts = parts.into_iter();
        let said = parts.filter_map(|(name, part)| Some(format!("{name}{}", part.as_ref()?)));
        let said: Vec<_> = said.collect();
        match said.is_empty() {
            true => "all".to_owned(),
            false => said.join(", "),
        }
    }
}

/// What the library says is wrong, in the words of the command line: its names are our options'.
fn said(what: String) -> Failure {
    let names = [
        ("`where`", "--where"),
        ("`pattern`", "--pattern"),
        ("`since`", "--since"),
        ("`rate`", "--rate"),
        ("`canary`", "--canary"),
        ("`limit`", "--limit"),
    ];
    let text = names
        .into_iter()
        .fold(what, |text, (name, option)| text.replace(name, option));
    Failure::new(text)
}

/// Does it.
pub(crate) async fn run(
    reach: &reach::Options,
    command: Command,
    output: Output,
) -> Result<Ended, Failure> {
    match command {
        Command::Ls(options) => list::run(reach, &options, output).await,
        Command::Show(options) => show::run(reach, &options, output).await,
        Command::Redrive(options) => Box::pin(work::redrive(reach, options, output)).await,
        Command::Edit(options) => Box::pin(work::edit(reach, options, output)).await,
        Command::Discard(options) => Box::pin(work::discard(reach, options, output)).await,
        Command::Export(options) => export::run(reach, &options, output).await,
    }
}

/// The dead letters of a bundle.
struct Letters {
    redriver: AwsRedriver,
    queue: Described,
    settings: DeadLetterSettings,
}

/// Finds the dead letters of the bundle that is meant.
async fn letters(reach: &reach::Options, routes: &reach::Routes) -> Result<Letters, Failure> {
    let settings = reach.dead_letters(routes)?;
    let connection = reach.connect().await?;
    let (redriver, queue) = redriver(&connection, settings.clone()).await?;
    Ok(Letters {
        redriver,
        queue,
        settings,
    })
}

/// What looks at these dead letters, and what their queue says of itself now.
pub(crate) async fn redriver(
    connection: &Connection,
    settings: DeadLetterSettings,
) -> Result<(AwsRedriver, Described), Failure> {
    let opened = connection.redriver(settings).await;
    opened.map_err(|error| {
        // No queue but that of the dead letters is asked; the adapter thinks of the functions'.
        let message = error.message.replace("WAYBILL_QUEUE_URL", "--dlq-url");
        Failure::of_service(&error.code, &message)
    })
}

impl Letters {
    /// About how many there are.
    fn about(&self) -> u64 {
        self.queue.visible.saturating_add(self.queue.in_flight)
    }
}

/// A flag that Ctrl-C raises; a second Ctrl-C ends the process as ever.
pub(crate) fn interruptible() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            raised.store(true, Ordering::Relaxed);
            crate::screen::say("stopping; what is under way is ended first");
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        }
    });
    flag
}
