//! What the commands that end in a verdict share: their build, their last words, their exit codes.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tokio::task::spawn_blocking;

use crate::account::Verdict;
use crate::demo::unless_interrupted;
use crate::error::LocalError;
use crate::functions::{self, BuiltFunctions, Profile};
use crate::local_aws::LocalAws;
use crate::say::say;
use crate::workspace::Workspace;

/// Where AWS is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    /// By MiniStack, which must be installed.
    Ours,
    /// By something that runs already.
    Running,
}

/// Where the account goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To people, on stdout.
    Text,
    /// To people on stderr, because stdout is for JSON.
    Beside,
}

impl Output {
    /// Beside JSON, where JSON is wanted.
    pub fn beside(json: bool) -> Self {
        match json {
            true => Self::Beside,
            false => Self::Text,
        }
    }
}

/// Finds the project and builds the functions as they are deployed, unless somebody interrupts.
/// First looks for what may be missing here, then does what takes minutes.
pub async fn build(stand_in: StandIn) -> Result<(Workspace, BuiltFunctions), LocalError> {
    let building = spawn_blocking(move || {
        let workspace = Workspace::find()?;
        match stand_in {
            StandIn::Ours => LocalAws::install(&workspace)?,
            StandIn::Running => {}
        }
        let built = functions::build(&workspace, Profile::Release)?;
        Ok((workspace, built))
    });
    unless_interrupted(async {
        building
            .await
            .unwrap_or_else(|error| Err(LocalError::because("the build broke off", error)))
    })
    .await
}

/// Runs a command to its exit code: 0 when every promise was kept, 1 when one was broken, 2 when it
/// could not run to its end. The work notes what it has seen so far, which counts even where it
/// ends early.
pub fn main<F: Future<Output = Result<(), LocalError>>>(
    name: &str,
    work: impl FnOnce(Box<dyn FnMut(Verdict) + Send>) -> F,
) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format!("cannot run: {error}"));
            return ExitCode::from(2);
        }
    };
    let (note, seen) = tokio::sync::watch::channel(Verdict::Kept);
    let note = Box::new(move |verdict| {
        note.send_replace(verdict);
    });
    let result = runtime.block_on(work(note));
    // A build may still run in a blocking thread; it ends with us, as every child does.
    runtime.shutdown_background();
    if let Err(error) = &result {
        say(format!("{name} could not run: {}", error.chain()));
    }
    let seen = *seen.borrow();
    match (seen, result) {
        (Verdict::Broken, _) => ExitCode::from(1),
        (Verdict::Kept, Ok(())) => ExitCode::SUCCESS,
        (Verdict::Unfinished, Ok(())) | (Verdict::Kept | Verdict::Unfinished, Err(_)) => {
            ExitCode::from(2)
        }
    }
}

/// Prints an account, and what it comes to in the colour of its verdict.
pub fn print(
    account: &str,
    sentence: &str,
    verdict: Verdict,
    output: Output,
) -> Result<(), LocalError> {
    let terminal = match output {
        Output::Text => io::stdout().is_terminal(),
        Output::Beside => io::stderr().is_terminal(),
    };
    let (colour, end) = match (terminal && is_coloured(), verdict) {
        (false, _) => ("", ""),
        (true, Verdict::Kept) => ("\x1b[32m", "\x1b[0m"),
        (true, Verdict::Broken | Verdict::Unfinished) => ("\x1b[31m", "\x1b[0m"),
    };
    let text = format!("{account}\n{colour}{sentence}{end}");
    match output {
        Output::Text => write(&text),
        Output::Beside => {
            say(text);
            Ok(())
        }
    }
}

/// Writes a line to stdout.
pub fn write(line: &str) -> Result<(), LocalError> {
    writeln!(io::stdout(), "{line}")
        .map_err(|error| LocalError::because("cannot write to stdout", error))
}

/// Whether a terminal is to have colours: see <https://no-color.org>.
fn is_coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
