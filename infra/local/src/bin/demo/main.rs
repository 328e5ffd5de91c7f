//! `cargo demo`: the whole way, on this machine.
//!
//! Exit codes: 0, every promise was kept; 1, one was broken; 2, the demo could not run.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, value_parser};

use waybill_local::account::Verdict;
use waybill_local::demo::{self, Afterwards, DemoOptions, Report};
use waybill_local::{LocalAws, LocalError, Profile, Workspace, functions, say};

/// Sends events of every kind through the bundle on a local AWS stand-in, to a target that
/// misbehaves on purpose, and accounts for each of them.
#[derive(Debug, Parser)]
#[command(name = "demo", bin_name = "cargo demo")]
struct Arguments {
    /// Messages of mixed kinds to send, 20 to 100000, after 200 plain ones.
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(20..=100_000))]
    events: u32,
    /// Print the account as one JSON object on stdout, and all else on stderr.
    #[arg(long)]
    json: bool,
    /// Use the stand-in that runs at this URL; requests are not counted then.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The name by which functions in containers reach this machine (`host.docker.internal`). The
    /// target then listens on every address of this machine.
    #[arg(long, value_name = "HOST", requires = "endpoint")]
    receiver_host: Option<String>,
    /// Leave everything up after the account, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format!("cannot run: {error}"));
            return ExitCode::from(2);
        }
    };
    let result = runtime.block_on(run(arguments));
    // A build may still run in a blocking thread; it ends with us, as every child does.
    runtime.shutdown_background();
    match result.map(|report| report.verdict()) {
        Ok(Verdict::Kept) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::from(1),
        Ok(Verdict::Unfinished) => ExitCode::from(2),
        Err(error) => {
            say(format!("the demo could not run: {}", error.chain()));
            ExitCode::from(2)
        }
    }
}

/// Builds, runs, prints.
async fn run(arguments: Arguments) -> Result<Report, LocalError> {
    let json = arguments.json;
    let needs_stand_in = arguments.endpoint.is_none();
    let building = tokio::task::spawn_blocking(move || {
        let workspace = Workspace::find()?;
        // First what may be missing here, then what takes minutes.
        if needs_stand_in {
            LocalAws::install(&workspace)?;
        }
        let built = functions::build(&workspace, Profile::Release)?;
        Ok((workspace, built))
    });
    let (workspace, built) = demo::unless_interrupted(async {
        building
            .await
            .unwrap_or_else(|error| Err(LocalError::because("the build broke off", error)))
    })
    .await?;
    let options = DemoOptions {
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
    demo::run(&workspace, &built, options, |report| print(report, json)).await
}

/// Prints the account: the table on stdout or, beside JSON, on stderr.
fn print(report: &Report, json: bool) -> Result<(), LocalError> {
    let failed = |error| LocalError::because("cannot write to stdout", error);
    let mut stdout = io::stdout().lock();
    let table = demo::table(report);
    if json {
        say(table);
        return writeln!(stdout, "{}", demo::json(report)).map_err(failed);
    }
    let colour = match (stdout.is_terminal(), report.verdict()) {
        (false, _) => "",
        (true, Verdict::Kept) => "\x1b[32m",
        (true, Verdict::Broken | Verdict::Unfinished) => "\x1b[31m",
    };
    let (rows, sentence) = table.rsplit_once('\n').unwrap_or(("", &table));
    let end = if colour.is_empty() { "" } else { "\x1b[0m" };
    writeln!(stdout, "{rows}\n{colour}{sentence}{end}").map_err(failed)
}
