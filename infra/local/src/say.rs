//! One line of progress for the person who waits.

use std::io::{self, Write};

/// Writes a line to stderr; a stderr that is gone is no reason to stop.
pub fn say(line: impl AsRef<str>) {
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}", line.as_ref());
}
