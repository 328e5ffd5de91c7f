//! `cargo demo`: the whole way, on this machine.
//!
//! Exit codes: 0, every promise was kept; 1, one was broken; 2, the demo could not run.

use std::process::ExitCode;

use clap::{Parser, ValueEnum, value_parser};

use waybill_local::LocalError;
use waybill_local::account::Verdict;
use waybill_local::command::{self, Output, StandIn};
use waybill_local::demo::{self, Afterwards, DemoOptions, Report, WayIn};
use waybill_local::drill;

/// Sends events of every kind through the bundle on a local AWS stand-in, to a target that
/// misbehaves on purpose, and accounts for each of them.
#[derive(Debug, Parser)]
#[command(name = "demo", bin_name = "cargo demo")]
struct Arguments {
    /// How messages come in; `both` means one after the other.
    #[arg(long, value_enum, default_value_t = Modes::Both)]
    mode: Modes,
    /// Messages of mixed kinds to send in each mode, 20 to 100000, after 200 plain ones.
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(20..=100_000))]
    events: u32,
    /// Print the account as one JSON object on stdout, and all else on stderr.
    #[arg(long)]
    json: bool,
    /// Use the stand-in that runs at this URL; neither requests nor deletions are watched then.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The name by which functions in containers reach this machine (`host.docker.internal`). The
    /// target then listens on every address of this machine.
    #[arg(long, value_name = "HOST", requires = "endpoint")]
    receiver_host: Option<String>,
    /// Leave everything up after the account, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Instead of all that, break a target, the table and the function in turn under load, and show
    /// what an operator sees of it. Takes about five minutes.
    #[arg(long, conflicts_with_all = ["mode", "events", "endpoint", "receiver_host", "keep"])]
    drill: bool,
}

/// What `--mode` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Modes {
    /// SQS triggers the consumer.
    Trigger,
    /// The poller receives by itself.
    Poll,
    /// Trigger mode, then poll mode.
    Both,
}

impl Modes {
    /// The ways in, in their order.
    fn ways(self) -> Vec<WayIn> {
        match self {
            Self::Trigger => vec![WayIn::Trigger],
            Self::Poll => vec![WayIn::Poll],
            Self::Both => vec![WayIn::Trigger, WayIn::Poll],
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.drill {
        true => command::main("the drill", |note| drill(arguments.json, note)),
        false => command::main("the demo", |note| run(arguments, note)),
    }
}

/// Builds, breaks, prints; notes what was seen.
async fn drill(json: bool, mut note: impl FnMut(Verdict) + Send) -> Result<(), LocalError> {
    let (workspace, built) = command::build(StandIn::Ours).await?;
    let output = Output::beside(json);
    let tell = |scene: &drill::Scene| match output {
        Output::Text => command::write(&scene.table()),
        Output::Beside => Ok(()),
    };
    let report = Box::pin(drill::drill(&workspace, &built, tell)).await?;
    note(report.verdict());
    command::print("", &report.sentence(), report.verdict(), output)?;
    match json {
        true => command::write(&report.json()),
        false => Ok(()),
    }
}

/// Builds, runs, prints; notes what was seen so far.
async fn run(arguments: Arguments, mut note: impl FnMut(Verdict) + Send) -> Result<(), LocalError> {
    let json = arguments.json;
    let ways = arguments.mode.ways();
    let modes = ways.len();
    let (workspace, built) = command::build(match arguments.endpoint {
        None => StandIn::Ours,
        Some(_) => StandIn::Running,
    })
    .await?;
    let options = DemoOptions {
        ways,
        messages: usize::try_from(arguments.events)
            .map_err(|error| LocalError::because("too many events", error))?,
        endpoint: arguments.endpoint,
        receiver_host: arguments.receiver_host,
        template: None,
        afterwards: match arguments.keep {
            true => Afterwards::Keep,
            false => Afterwards::Remove,
        },
    };
    let publish = |report: &Report| {
        note(report.verdict());
        if let Some(mode) = report.modes.last() {
            let (table, sentence) = (demo::table(mode), demo::sentence(mode));
            command::print(&table, &sentence, mode.verdict(), Output::beside(json))?;
        }
        match json && report.modes.len() == modes {
            true => command::write(&demo::json(report)),
            false => Ok(()),
        }
    };
    let running = demo::run(&workspace, &built, options, publish);
    Box::pin(running).await.map(drop)
}
