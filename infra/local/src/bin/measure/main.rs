//! `cargo measure`: how fast the functions are, and what they cost, as they are deployed.
//!
//! Each function runs alone under Lambda's Runtime API, on a core of its own, before a stand-in
//! of AWS and a target that take as long as they are told. The harness has the other core. Figures
//! of different machines, or of different runs, are no comparison: ratios within one run are.

mod bare;
mod figures;
mod load;
mod own;
mod peers;
mod rig;
mod scale;
mod show;
mod subject;
mod trouble;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use waybill_local::{LocalError, say};

use rig::Rig;
use show::Show;

/// Measures the functions as they are deployed: start, speed, memory, requests.
#[derive(Debug, Parser)]
#[command(name = "measure", bin_name = "cargo measure")]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Print one JSON object on stdout instead of tables.
    #[arg(long, global = true)]
    json: bool,
    /// How often everything is measured; the median counts.
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
}

/// What is measured.
#[derive(Debug, Subcommand)]
enum What {
    /// The project's own functions (the default).
    Own,
    /// The same beside other ways to do it, which `infra/peers/install` installs.
    Peers,
    /// Many messages through several sandboxes.
    Scale(scale::Arguments),
    /// The bare client that the harness compares with.
    #[command(hide = true)]
    Bare(bare::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new();
    let result = runtime
        .map_err(|error| LocalError::because("no runtime", error))
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format!("cannot measure: {}", error.chain()));
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for.
async fn run(arguments: &Arguments) -> Result<(), LocalError> {
    let what = arguments.what.as_ref().unwrap_or(&What::Own);
    if let What::Bare(asked) = what {
        return bare::run(asked).await;
    }
    let rig = Rig::prepare(arguments.rounds).await?;
    let show = match what {
        What::Own => own::measure(&rig).await?,
        What::Peers => peers::measure(&rig).await?,
        What::Scale(asked) => scale::measure(&rig, asked).await?,
        What::Bare(_) => Show::default(),
    };
    show.print(arguments.json)
}
