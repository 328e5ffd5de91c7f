//! What became of the lines: counted, told, and kept for another run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::Mode;
use super::line::{Content, Line};
use crate::Ended;
use crate::failure::Failure;
use crate::screen::{count, duration};

/// What became of the lines so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Whether nothing was to be sent.
    dry_run: bool,
    /// Lines that were taken, blank ones apart: those sent, refused and failed, and no others.
    pub(crate) lines: u64,
    /// Lines that the queue has; in a dry run, those that could be sent.
    pub(crate) sent: u64,
    /// Lines that cannot be sent as they are.
    pub(crate) refused: u64,
    /// Lines that the queue did not take, or that were not tried because of that.
    pub(crate) failed: u64,
    /// How long it took.
    seconds: f64,
    /// Lines sent in a second.
    rate: f64,
    /// Why there was an end before the end.
    pub(crate) stopped: Option<Stopped>,
    /// The first failures.
    failures: Vec<Told>,
    /// How many more there were.
    failures_left_out: u64,
}

/// An end before the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Stopped {
    /// The last line that was taken.
    pub(crate) after_line: u64,
    /// Why no other was.
    pub(crate) reason: String,
}

/// One line that was not sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Told {
    line: u64,
    reason: String,
}

impl Report {
    /// Nothing was taken yet.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            dry_run: match mode {
                Mode::Send => false,
                Mode::DryRun => true,
            },
            lines: 0,
            sent: 0,
            refused: 0,
            failed: 0,
            seconds: 0.0,
            rate: 0.0,
            stopped: None,
            failures: Vec::new(),
            failures_left_out: 0,
        }
    }

    /// Notes why a line was not sent; answers what to say of it now, which is nothing once too much
    /// was said.
    pub(crate) fn tell(&mut self, line: u64, reason: String) -> Option<String> {
        if self.failures.len() >= TOLD_MAX {
            self.failures_left_out += 1;
            return None;
        }
        let said = format!("line {line}: {reason}");
        self.failures.push(Told { line, reason });
        Some(said)
    }

    /// Notes how long it took.
    pub(crate) fn close(&mut self, took: Duration) {
        let millis = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        self.seconds = f64::from(millis) / 1000.0;
        let sent = u32::try_from(self.sent).unwrap_or(u32::MAX);
        if millis > 0 && !self.dry_run {
            self.rate = (f64::from(sent) * 10_000.0 / f64::from(millis)).round() / 10.0;
        }
    }

    /// How the command ended.
    pub(crate) fn ended(&self) -> Ended {
        let all = self.refused == 0 && self.failed == 0 && self.stopped.is_none();
        match all {
            true => Ended::Well,
            false => Ended::InPart,
        }
    }

    /// The report for people.
    pub(crate) fn sentence(&self) -> String {
        let verb = match self.dry_run {
            true => "can be sent",
            false => "sent",
        };
        let noun = match self.lines {
            1 => "line",
            _ => "lines",
        };
        let took = duration(Duration::try_from_secs_f64(self.seconds).unwrap_or_default());
        let rate = match self.rate > 0.0 {
            true => format!(", {} a second", self.rate),
            false => String::new(),
        };
        format!(
            "{} {noun}: {} {verb}, {} refused, {} failed; {took}{rate}",
            count(self.lines),
            count(self.sent),
            count(self.refused),
            count(self.failed),
        )
    }

    /// What else people should know.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.failures_left_out > 0 {
            let more = count(self.failures_left_out);
            remarks.push(format!("{more} more lines were refused or failed"));
        }
        if let Some(Stopped { after_line, reason }) = &self.stopped {
            let next = after_line.saturating_add(1);
            remarks.push(format!(
                "stopped after line {after_line}: {reason}; `tail -n +{next}` has the lines that \
                 were not taken"
            ));
        }
        remarks
    }
}

/// A file for the lines that were not sent.
#[derive(Debug)]
pub(crate) struct Unsent(BufWriter<File>);

impl Unsent {
    /// A new file; one that is there is emptied. `input` is where lines are read, which this must
    /// not be.
    pub(crate) fn create(path: &Path, input: &Path) -> Result<Self, Failure> {
        let is_input = match (path.canonicalize(), input.canonicalize()) {
            (Ok(path), Ok(input)) => path == input,
            (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
        };
        if is_input {
            return Err(Failure::new(format!(
                "--failed `{}` is the file that is read; give another",
                path.display()
            )));
        }
        match File::create(path) {
            Ok(file) => Ok(Self(BufWriter::new(file))),
            Err(error) => Err(Failure::new(format!(
                "cannot write --failed `{}`: {error}",
                path.display()
            ))),
        }
    }

    /// Keeps a line that was refused; one that no message can hold is not there any more.
    pub(crate) fn keep_line(&mut self, line: &Line) -> io::Result<()> {
        match &line.content {
            Content::Bytes(bytes) => self.keep(bytes),
            Content::TooLong(_) => Ok(()),
        }
    }

    /// Keeps the text of a line.
    pub(crate) fn keep(&mut self, text: &[u8]) -> io::Result<()> {
        self.0.write_all(text)?;
        self.0.write_all(b"\n")
    }

    /// Writes what is still in memory.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// How many failures are told one by one.
const TOLD_MAX: usize = 1000;

#[cfg(test)]
mod tests;
