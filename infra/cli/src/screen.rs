//! What people and scripts are shown.

use std::io::{self, Write};

use crate::failure::Failure;

/// What stdout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// People.
    Text,
    /// Scripts: JSON alone; what people are told goes to stderr.
    Json,
}

impl Output {
    /// JSON where it is wanted.
    pub(crate) fn of(json: bool) -> Self {
        match json {
            true => Self::Json,
            false => Self::Text,
        }
    }
}

/// Writes a line to stderr; a stderr that is gone is no reason to stop.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}", line.as_ref());
}

/// Writes a line to stdout. A reader that has gone, as a pager does, has seen enough.
pub(crate) fn print(line: impl AsRef<str>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", line.as_ref()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to stdout: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
