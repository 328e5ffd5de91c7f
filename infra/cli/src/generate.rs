//! What is made of the command's own description: completions and the manual page.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::{Arguments, Ended};

/// Which shell.
#[derive(Debug, Clone, Args)]
pub(crate) struct Completions {
    /// The shell that reads the script.
    shell: Shell,
}

/// Prints a completion script.
pub(crate) fn completions(options: Completions) -> Result<Ended, Failure> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(options.shell, &mut command, "waybill", &mut script);
    written(&script)
}

/// Prints the manual page.
pub(crate) fn manual() -> Result<Ended, Failure> {
    let mut page = Vec::new();
    let made = clap_mangen::Man::new(Arguments::command()).render(&mut page);
    made.map_err(|error| Failure::new(format!("cannot write the manual: {error}")))?;
    written(&page)
}

/// Writes to stdout.
fn written(bytes: &[u8]) -> Result<Ended, Failure> {
    let written = io::stdout().lock().write_all(bytes);
    written.map_err(|error| Failure::new(format!("cannot write to stdout: {error}")))?;
    Ok(Ended::Well)
}
