//! `waybill`: what a person does with events that did not arrive, and before a deployment.
//!
//! Exit codes: 0, done; 1, done in part, or something was found that must be mended; 2, it could
//! not run.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod dlq;
mod failure;
mod generate;
mod ledger;
mod plan;
mod reach;
mod screen;
mod send;
mod top;

/// Dead letters, the ledger, sending events, what goes on now, and checks and plans before a
/// deployment.
#[derive(Debug, Parser)]
#[command(name = "waybill", version, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    reach: reach::Options,
    /// Print JSON on stdout, and all else on stderr.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
enum Command {
    /// Dead letters: what is there, why, and what becomes of it.
    #[command(subcommand)]
    Dlq(Box<dlq::Command>),
    /// Rows of the ledger: what is known of an event, and freeing what is stuck.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Sends events to the source queue, one for each line.
    Send(send::Options),
    /// Shows what goes on now: queues, rates, times, routes, breakers and the newest dead letters.
    Top(top::Options),
    /// Checks the routes file and the template before a deployment, or the stack after one.
    Check(check::Options),
    /// Plans for a load: what it needs, how long it waits, what it costs, and whether the template
    /// holds it.
    Plan(plan::Options),
    /// Prints a completion script for a shell.
    Completions(generate::Completions),
    /// Prints the manual page.
    Man,
}

/// How a command ended that could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All of it was done, and nothing is wrong.
    Well,
    /// Some of it was not done, or something was found that must be mended.
    InPart,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen::say(format!("cannot run: {error}"));
            return ExitCode::from(2);
        }
    };
    let ended = runtime.block_on(run(arguments));
    // Whatever still waits for something must not keep the command from ending.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::InPart) => ExitCode::from(1),
        Err(failure) => {
            screen::say(failure.to_string());
            ExitCode::from(2)
        }
    }
}

/// Runs one command.
async fn run(arguments: Arguments) -> Result<Ended, failure::Failure> {
    let output = screen::Output::of(arguments.json);
    match arguments.command {
        Command::Dlq(command) => Box::pin(dlq::run(&arguments.reach, *command, output)).await,
        Command::Ledger(command) => ledger::run(&arguments.reach, command, output).await,
        Command::Send(options) => send::run(&arguments.reach, options, output).await,
        Command::Top(options) => Box::pin(top::run(&arguments.reach, options, output)).await,
        Command::Check(options) => Box::pin(check::run(&arguments.reach, options, output)).await,
        Command::Plan(options) => plan::run(options, output),
        Command::Completions(options) => generate::completions(options),
        Command::Man => generate::manual(),
    }
}
