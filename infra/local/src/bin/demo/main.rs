//! `cargo demo`: the whole way, on this machine.
//!
//! Exit codes: 0, every promise was kept; 1, one was broken; 2, the demo could not run.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum, value_parser};

use waybill_local::account::Verdict;
use waybill_local::demo::{self, Afterwards, DemoOptions, ModeReport, Report, WayIn};
use waybill_local::{LocalAws, LocalError, Profile, Workspace, functions, say};

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
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format!("cannot run: {error}"));
            return ExitCode::from(2);
        }
    };
    let mut seen = Verdict::Kept;
    let result = runtime.block_on(run(arguments, &mut seen));
    // A build may still run in a blocking thread; it ends with us, as every child does.
    runtime.shutdown_background();
    if let Err(error) = &result {
        say(format!("the demo could not run: {}", error.chain()));
    }
    match (seen, result) {
        (Verdict::Broken, _) => ExitCode::from(1),
        (Verdict::Kept, Ok(())) => ExitCode::SUCCESS,
        (Verdict::Unfinished, Ok(())) | (Verdict::Kept | Verdict::Unfinished, Err(_)) => {
            ExitCode::from(2)
        }
    }
}

/// Builds, runs, prints; notes what was seen so far, which counts even where it ends early.
async fn run(arguments: Arguments, seen: &mut Verdict) -> Result<(), LocalError> {
    let json = arguments.json;
    let ways = arguments.mode.ways();
    let modes = ways.len();
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
        *seen = report.verdict();
        if let Some(mode) = report.modes.last() {
            print(mode, json)?;
        }
        match json && report.modes.len() == modes {
            true => write(&mut io::stdout(), &demo::json(report)),
            false => Ok(()),
        }
    };
    let running = demo::run(&workspace, &built, options, publish);
    Box::pin(running).await.map(drop)
}

/// Prints a mode's account on stdout or, beside JSON, on stderr.
fn print(mode: &ModeReport, json: bool) -> Result<(), LocalError> {
    let terminal = match json {
        true => io::stderr().is_terminal(),
        false => io::stdout().is_terminal(),
    };
    let (colour, end) = match (terminal && coloured(), mode.verdict()) {
        (false, _) => ("", ""),
        (true, Verdict::Kept) => ("\x1b[32m", "\x1b[0m"),
        (true, Verdict::Broken | Verdict::Unfinished) => ("\x1b[31m", "\x1b[0m"),
    };
    let text = format!(
        "{}\n{colour}{}{end}",
        demo::table(mode),
        demo::sentence(mode)
    );
    match json {
        true => {
            say(text);
            Ok(())
        }
        false => write(&mut io::stdout(), &text),
    }
}

/// Whether a terminal is to have colours: see <https://no-color.org>.
fn coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a line.
fn write(to: &mut impl Write, line: &str) -> Result<(), LocalError> {
    writeln!(to, "{line}").map_err(|error| LocalError::because("cannot write to stdout", error))
}
