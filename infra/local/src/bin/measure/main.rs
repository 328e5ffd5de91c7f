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

use rig::{Ground, Rig};

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
    /// A variable more for the project's functions, as NAME=VALUE: to see what it gives. May be
    /// said several times.
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
}

/// Reads `NAME=VALUE`.
fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("say it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
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
    let ground = match arguments.what {
        Some(What::Bare(_)) => Ok(None),
        Some(What::Own | What::Peers | What::Scale(_)) | None => Ground::prepare().map(Some),
    };
    let result = ground.and_then(|ground| {
        let runtime = tokio::runtime::Runtime::new();
        let runtime = runtime.map_err(|error| LocalError::because("no runtime", error))?;
        runtime.block_on(run(&arguments, ground))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format!("cannot measure: {}", error.chain()));
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for.
async fn run(arguments: &Arguments, ground: Option<Ground>) -> Result<(), LocalError> {
    let rig = match ground {
        Some(ground) => Some(Rig::on(ground, arguments.rounds, &arguments.env).await?),
        None => None,
    };
    let show = match (&arguments.what, rig) {
        (Some(What::Bare(asked)), _) => return bare::run(asked).await,
        (_, None) => return Err(LocalError::failed("there is nothing to measure with")),
        (Some(What::Own) | None, Some(rig)) => own::measure(&rig).await?,
        (Some(What::Peers), Some(rig)) => peers::measure(&rig).await?,
        (Some(What::Scale(asked)), Some(rig)) => scale::measure(&rig, asked).await?,
    };
    show.print(arguments.json)
}
