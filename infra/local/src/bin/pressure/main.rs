//! `cargo pressure`: what a target cannot take, under load, with the functions as deployed.
//!
//! Exit codes: 0, every promise was kept; 1, one was broken; 2, it could not run to its end.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum, value_parser};

use waybill_local::account::Verdict;
use waybill_local::command::{self, Output, StandIn};
use waybill_local::functions;
use waybill_local::pressure::{self, OutageOptions, RateOptions, RedriveOptions};
use waybill_local::{LocalError, Mode};

/// Puts a target of the bundle under pressure on a local AWS stand-in, and looks what it sees.
#[derive(Debug, Parser)]
#[command(name = "pressure", bin_name = "cargo pressure")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Print the report as one JSON object on stdout, and all else on stderr.
    #[arg(long, global = true)]
    json: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// One of two targets answers 503 for a while, behind a circuit breaker.
    Outage {
        /// How messages come in.
        #[arg(long, value_enum, default_value_t = Way::Trigger)]
        mode: Way,
        /// Events in a second, 1 to 100.
        #[arg(long, default_value_t = 50, value_parser = value_parser!(u32).range(1..=100))]
        rate: u32,
        /// For how many seconds the target is down, 10 to 3600.
        #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(10..=3600))]
        seconds: u32,
    },
    /// Several processes share the rate of one route, with more to deliver than it allows.
    Rate {
        /// Requests in a second, 1 to 100.
        #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Processes, 1 to 10.
        #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..=10))]
        sandboxes: u32,
        /// For how many seconds, 20 to 600.
        #[arg(long, default_value_t = 60, value_parser = value_parser!(u32).range(20..=600))]
        seconds: u32,
    },
    /// Every event dies, the target is mended, and the command brings nine in ten of them back.
    Redrive {
        /// Dead letters, 1000 to 100000.
        #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1000..=100_000))]
        messages: u32,
        /// Messages in a second, 10 to 500.
        #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(10..=500))]
        rate: u32,
    },
}

/// What `--mode` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// SQS invokes the consumer.
    Trigger,
    /// The poller receives by itself.
    Poll,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    command::main("the run", |note| run(arguments, note))
}

/// Builds, runs, prints; notes what was seen.
async fn run(arguments: Arguments, mut note: impl FnMut(Verdict) + Send) -> Result<(), LocalError> {
    let (workspace, built) = command::build(StandIn::Ours).await?;
    let report = match arguments.what {
        What::Outage {
            mode,
            rate,
            seconds,
        } => {
            let options = OutageOptions {
                mode: match mode {
                    Way::Trigger => Mode::Trigger,
                    Way::Poll => Mode::Poll,
                },
                rate,
                down: Duration::from_secs(seconds.into()),
            };
            Box::pin(pressure::outage(&workspace, &built, options)).await?
        }
        What::Rate {
            limit,
            sandboxes,
            seconds,
        } => {
            let options = RateOptions {
                limit,
                sandboxes,
                time: Duration::from_secs(seconds.into()),
            };
            Box::pin(pressure::rate(&workspace, &built, options)).await?
        }
        What::Redrive { messages, rate } => {
            let options = RedriveOptions {
                messages: usize::try_from(messages).unwrap_or(usize::MAX),
                rate,
            };
            let command = functions::command(&workspace)?;
            Box::pin(pressure::redrive(&workspace, &built, &command, options)).await?
        }
    };
    note(report.verdict);
    let (table, sentence) = (report.table(), &report.sentence);
    let output = Output::beside(arguments.json);
    command::print(&table, sentence, report.verdict, output)?;
    match arguments.json {
        true => command::write(&report.json()),
        false => Ok(()),
    }
}
