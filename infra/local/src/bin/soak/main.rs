//! `cargo soak`: functions are killed at random for some minutes, under load; does the account
//! balance?
//!
//! Exit codes: 0, every promise was kept; 1, one was broken; 2, the soak could not run to its end.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum, value_parser};

use waybill_local::account::Verdict;
use waybill_local::command::{self, Output, StandIn};
use waybill_local::soak::{self, SoakOptions};
use waybill_local::{LocalError, QueueType};

/// Sends events without a pause through the bundle on a local AWS stand-in, kills its functions'
/// processes at random meanwhile, and accounts for each event.
#[derive(Debug, Parser)]
#[command(name = "soak", bin_name = "cargo soak")]
struct Arguments {
    /// The kind of the queue, which trigger and poller share.
    #[arg(long, value_enum, default_value_t = Kind::Standard)]
    queue: Kind,
    /// For how long events are sent and processes killed, 1 to 120; then the queue drains.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..=120))]
    minutes: u32,
    /// Events in a second, 1 to 100; one in ten is sent twice.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=100))]
    rate: u32,
    /// Seconds from one kill to the next, on average, 1 to 60. The closer the kills, the more events
    /// that are in hand of three processes as these die: such a one is dead, `crashed`.
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u32).range(1..=60))]
    kill_every: u32,
    /// What chance begins with: which function, which of its processes, when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the account as one JSON object on stdout, and all else on stderr.
    #[arg(long)]
    json: bool,
}

/// What `--queue` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Without order.
    Standard,
    /// In order within each of fifty message groups.
    Fifo,
}

impl Kind {
    /// As the bundle has it.
    fn queue_type(self) -> QueueType {
        match self {
            Self::Standard => QueueType::Standard,
            Self::Fifo => QueueType::Fifo,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    command::main("the soak", |note| run(arguments, note))
}

/// Builds, runs, prints; notes what was seen.
async fn run(arguments: Arguments, mut note: impl FnMut(Verdict) + Send) -> Result<(), LocalError> {
    let (workspace, built) = command::build(StandIn::Ours).await?;
    let options = SoakOptions {
        queue: arguments.queue.queue_type(),
        time: Duration::from_secs(60 * u64::from(arguments.minutes)),
        rate: arguments.rate,
        kill_every: arguments.kill_every,
        seed: arguments.seed,
    };
    let report = Box::pin(soak::run(&workspace, &built, options)).await?;
    let verdict = report.account.verdict();
    note(verdict);
    let (table, sentence) = (soak::table(&report), soak::sentence(&report));
    command::print(&table, &sentence, verdict, Output::beside(arguments.json))?;
    match arguments.json {
        true => command::write(&soak::json(&report)),
        false => Ok(()),
    }
}
