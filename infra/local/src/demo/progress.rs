//! How far a phase is: a bar on a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::say::say;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// How far a phase is.
pub(crate) struct Progress {
    name: String,
    total: usize,
    /// Absent where stderr is no terminal.
    bar: Option<ProgressBar>,
    said: Cell<Instant>,
}

impl Progress {
    /// Begins a phase of so many events.
    pub(crate) fn new(name: &str, total: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let length = u64::try_from(total).unwrap_or(u64::MAX);
            let template = "{prefix:20} [{bar:24}] {pos}/{len} {msg}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(length)
                .with_prefix(name.to_owned())
                .with_style(style.progress_chars("=> "))
        });
        if bar.is_none() {
            say(format!("{name}: {total} events"));
        }
        Self {
            name: name.to_owned(),
            total,
            bar,
            said: Cell::new(Instant::now()),
        }
    }

    /// So many messages are sent.
    pub(crate) fn sent(&self, messages: usize) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{messages} messages sent")),
            None => self.line(&format!("{messages} messages sent")),
        }
    }

    /// So many events are delivered and dead.
    pub(crate) fn settled(&self, delivered: usize, dead: u64) {
        let settled = u64::try_from(delivered)
            .unwrap_or(u64::MAX)
            .saturating_add(dead);
        match &self.bar {
            Some(bar) => {
                bar.set_position(settled);
                bar.set_message(format!("{delivered} delivered, {dead} dead"));
            }
            None => {
                let total = self.total;
                self.line(&format!(
                    "{delivered} delivered, {dead} dead, of {total} events"
                ));
            }
        }
    }

    /// It is so far, in these words.
    pub(crate) fn told(&self, position: usize, what: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(u64::try_from(position).unwrap_or(u64::MAX));
                bar.set_message(what.to_owned());
            }
            None => self.line(what),
        }
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }

    /// Writes a line, unless one was written just now.
    fn line(&self, what: &str) {
        if self.said.get().elapsed() >= LINE_EVERY {
            self.said.set(Instant::now());
            say(format!("{}: {what}", self.name));
        }
    }
}
