//! From lines to the queue: the loop.
//!
//! What is in memory is bounded: some lines that were read ahead, the batch that is packed, and the
//! few batches that are on their way.

use std::collections::HashSet;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use indicatif::ProgressBar;
use tokio::sync::mpsc::Receiver;

use waybill_engine::ports::{Ambient, Queue};

use super::Mode;
use super::flight::{Contact, Landed, broken, fly};
use super::letter::{Form, Letter};
use super::line::Line;
use super::pack::{Order, Packer};
use super::report::{Report, Stopped, Unsent};
use crate::failure::Failure;
use crate::screen::say;

/// What all is sent with.
#[derive(Debug)]
pub(crate) struct Means<'a, Q, A> {
    /// Where it is sent.
    pub(crate) queue: &'a Q,
    /// Chance.
    pub(crate) ambient: &'a A,
    /// What messages are given.
    pub(crate) form: Form,
    /// What of an order is kept.
    pub(crate) order: Order,
    /// Whether anything is sent.
    pub(crate) mode: Mode,
    /// Where lines go that were not sent.
    pub(crate) unsent: Option<Unsent>,
    /// What people watch.
    pub(crate) bar: ProgressBar,
}

/// A run under way.
struct Course<'a, Q, A> {
    means: Means<'a, Q, A>,
    report: Report,
    packer: Packer,
    flights: FuturesUnordered<BoxFuture<'a, Landed>>,
    contact: Contact,
    /// Groups of a FIFO queue of which a message was not taken: what comes later must not overtake.
    blocked: HashSet<String>,
    /// The last line that was taken.
    taken: u64,
    intake: Intake,
}

/// Whether lines are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Intake {
    /// They are.
    Open,
    /// There are no more.
    Ended,
    /// No more are taken, and what was taken is sent.
    Interrupted,
    /// Nothing more is sent.
    Broken(String),
}

/// What happens next.
enum Event {
    /// A line was read, or could not be, or there are no more.
    Read(Option<io::Result<Line>>),
    /// A batch is over.
    Landed(Landed),
    /// No line came for a while.
    Idle,
    /// Somebody wants it to end.
    Interrupted,
}

/// Sends all lines, until there are no more or `interrupt` comes; a second one ends it at once.
///
/// # Errors
///
/// When nothing was sent and nothing can be, or when it was interrupted twice.
pub(crate) async fn run<Q: Queue, A: Ambient>(
    means: Means<'_, Q, A>,
    mut lines: Receiver<io::Result<Line>>,
    mut interrupts: Receiver<()>,
) -> Result<Report, Failure> {
    let begun = Instant::now();
    let mut course = Course::new(means);
    while let Some(event) = course.event(&mut lines, &mut interrupts).await {
        match event {
            Event::Read(Some(Ok(line))) => course.take(line),
            Event::Read(Some(Err(error))) => {
                course.intake = Intake::Broken(format!("cannot read on: {error}"));
            }
            Event::Read(None) => course.intake = Intake::Ended,
            Event::Landed(landed) => course.settle(landed),
            Event::Idle => course.launch_rest(),
            Event::Interrupted => course.interrupted()?,
        }
    }
    course.end(begun.elapsed())
}

impl<'a, Q: Queue, A: Ambient> Course<'a, Q, A> {
    /// Nothing was taken yet.
    fn new(means: Means<'a, Q, A>) -> Self {
        Self {
            report: Report::new(means.mode),
            packer: Packer::new(means.order),
            flights: FuturesUnordered::new(),
            contact: Contact::Unproven,
            blocked: HashSet::new(),
            taken: 0,
            intake: Intake::Open,
            means,
        }
    }

    /// Whether another batch may be on its way: one at a time where there is an order, and as long
    /// as it is not known whether there is a queue.
    fn has_room(&self) -> bool {
        let most = match (self.means.order, self.contact) {
            (Order::Free, Contact::Proven) => FLIGHTS_MAX,
            (Order::Free, Contact::Unproven) | (Order::ByGroup, _) => 1,
        };
        self.flights.len() < most
    }

    /// Waits for what happens next; nothing does when all is over.
    async fn event(
        &mut self,
        lines: &mut Receiver<io::Result<Line>>,
        interrupts: &mut Receiver<()>,
    ) -> Option<Event> {
        let is_open = self.intake == Intake::Open;
        if !is_open && self.has_room() {
            self.launch_rest();
        }
        if !is_open && self.flights.is_empty() && self.packer.is_empty() {
            return None;
        }
        let takes = is_open && self.has_room();
        let waits = takes && !self.packer.is_empty();
        let idle = pin!(tokio::time::sleep(IDLE));
        Some(tokio::select! {
            biased;
            Some(()) = interrupts.recv() => Event::Interrupted,
            Some(landed) = self.flights.next() => Event::Landed(landed),
            line = lines.recv(), if takes => Event::Read(line),
            () = idle, if waits => Event::Idle,
        })
    }

    /// Takes a line.
    fn take(&mut self, line: Line) {
        self.taken = line.number;
        self.report.lines += 1;
        match self.means.bar.length() {
            Some(_) => self.means.bar.set_position(line.read),
            None => self.means.bar.inc(1),
        }
        match (self.means.form.letter(&line), self.means.mode) {
            (Err(reason), _) => {
                self.report.refused += 1;
                self.tell(line.number, reason);
                self.keep(|unsent| unsent.keep_line(&line));
            }
            (Ok(_), Mode::DryRun) => self.report.sent += 1,
            (Ok(letter), Mode::Send) => {
                if let Some(batch) = self.packer.push(letter) {
                    self.launch(batch);
                }
            }
        }
    }

    /// Sends what is packed.
    fn launch_rest(&mut self) {
        if let Some(batch) = self.packer.take() {
            self.launch(batch);
        }
    }

    /// Sends a batch, without what must not overtake; nothing of it where nothing is sent any more.
    fn launch(&mut self, batch: Vec<Letter>) {
        let mut letters = Vec::with_capacity(batch.len());
        for letter in batch {
            let group = letter.message.group_id.as_ref();
            if matches!(self.intake, Intake::Broken(_)) {
                self.failed(&letter, "not tried: see why it stopped");
            } else if group.is_some_and(|group| self.blocked.contains(group)) {
                let why = "not tried: an earlier line of its group was not sent";
                self.failed(&letter, why);
            } else {
                letters.push(letter);
            }
        }
        if !letters.is_empty() {
            let (queue, ambient, contact) = (self.means.queue, self.means.ambient, self.contact);
            self.flights
                .push(Box::pin(fly(queue, ambient, contact, letters)));
        }
    }

    /// Counts what became of a batch.
    fn settle(&mut self, landed: Landed) {
        let broken = broken(&landed);
        let is_broken = broken.is_some();
        if let Some(reason) = broken {
            self.intake = Intake::Broken(reason);
        }
        for (letter, end) in landed {
            match end {
                Ok(()) => {
                    self.report.sent += 1;
                    self.contact = Contact::Proven;
                }
                Err(error) => {
                    let reason = match is_broken {
                        true => "not sent: see why it stopped".to_owned(),
                        false => Failure::from(error).to_string(),
                    };
                    self.failed(&letter, &reason);
                    match (self.means.order, letter.message.group_id) {
                        (Order::ByGroup, Some(group)) => {
                            self.blocked.insert(group);
                        }
                        (Order::ByGroup, None) | (Order::Free, _) => {}
                    }
                }
            }
        }
    }

    /// Takes no more lines; the second time it does not wait for those that were taken.
    fn interrupted(&mut self) -> Result<(), Failure> {
        match self.intake {
            Intake::Interrupted => Err(Failure::new(format!(
                "interrupted twice: {} lines were sent up to line {}, and what was on its way may \
                 have been",
                self.report.sent, self.taken
            ))),
            Intake::Open | Intake::Ended => {
                say("interrupted: waiting for what is on its way; once more ends it at once");
                self.intake = Intake::Interrupted;
                Ok(())
            }
            Intake::Broken(_) => Ok(()),
        }
    }

    /// Notes that a message was not sent.
    fn failed(&mut self, letter: &Letter, reason: &str) {
        self.report.failed += 1;
        self.tell(letter.line, reason.to_owned());
        self.keep(|unsent| unsent.keep(letter.message.body.as_bytes()));
    }

    /// Says why a line was not sent; what holds for all that is left is said once, at the end.
    fn tell(&mut self, line: u64, reason: String) {
        let said = self.report.tell(line, reason);
        let is_broken = matches!(self.intake, Intake::Broken(_));
        if let Some(said) = said.filter(|_| !is_broken) {
            self.means.bar.suspend(|| say(said));
        }
    }

    /// Keeps a line for another run. Where that is not possible, no more is sent.
    fn keep(&mut self, how: impl FnOnce(&mut Unsent) -> io::Result<()>) {
        let kept = self.means.unsent.as_mut().map_or(Ok(()), how);
        if let Err(error) = kept {
            self.means.unsent = None;
            self.intake = Intake::Broken(format!("cannot write the file of --failed: {error}"));
        }
    }

    /// The report.
    fn end(mut self, took: Duration) -> Result<Report, Failure> {
        self.keep(Unsent::close);
        self.means.bar.finish_and_clear();
        let reason = match self.intake {
            Intake::Open | Intake::Ended => None,
            Intake::Interrupted => Some("interrupted".to_owned()),
            Intake::Broken(reason) if self.report.sent == 0 => return Err(Failure::new(reason)),
            Intake::Broken(reason) => Some(reason),
        };
        let after_line = self.taken;
        self.report.stopped = reason.map(|reason| Stopped { after_line, reason });
        self.report.close(took);
        Ok(self.report)
    }
}

/// How many batches are on their way at once to a standard queue.
const FLIGHTS_MAX: usize = 4;

/// How long a batch waits for more lines.
const IDLE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
