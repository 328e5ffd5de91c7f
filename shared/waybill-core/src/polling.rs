//! What a poller does next: receive, wait, or drain and stop.
//!
//! It holds no more messages than it can work on, asks several times at once while answers come
//! full, and goes back to one long poll when there is little.

use std::time::Duration;

use crate::deadline::Budget;
use crate::limit::{LONG_POLL_MAX, SQS_BATCH_MAX};
use crate::time::Timestamp;

/// What bounds one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The time there is.
    pub budget: Budget,
    /// The time kept for working on what the last receive brings, at most half of what there is.
    pub reserve: Duration,
    /// How many messages can be worked on at once.
    pub capacity: usize,
    /// How many messages are received at most in all.
    pub max_messages: Option<u64>,
    /// Whether to stop once the queue has nothing to give and nothing is held.
    pub stop_when_empty: bool,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// Messages received and not yet ended.
    pub held: usize,
    /// Receives that were not answered yet.
    pub receiving: usize,
    /// Messages that these may bring.
    pub expected: usize,
    /// Messages received in all.
    pub received: u64,
    /// When a message last came or ended.
    pub changed: Timestamp,
    /// Whether something wants to run alone.
    pub quiet: bool,
    /// How much there is use for.
    pub appetite: Appetite,
}

/// How much there is use for, as far as the targets take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Appetite {
    /// Whatever there is room for.
    #[default]
    Full,
    /// One message, with which one of them may be probed.
    Taste,
    /// Nothing until then: none of them takes anything.
    Sated(Timestamp),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Receive.
    Receive {
        /// Messages at most, 1 to 10.
        max: usize,
        /// Whole seconds to wait for the first.
        wait: Duration,
    },
    /// Nothing before an answer, an end, or this moment.
    Wait(Timestamp),
    /// Receive no more; work on what is held, then stop.
    Drain(Stop),
}

/// Why a poll stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// Too little time is left to work on what another receive would bring.
    Deadline,
    /// The queue had nothing to give.
    Empty,
    /// As many messages were received as were asked for.
    Enough,
    /// The queue refuses to be read; a person must mend it.
    Refused,
}

impl Stop {
    /// The word that the report and logs use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Empty => "empty",
            Self::Enough => "max_messages",
            Self::Refused => "refused",
        }
    }
}

/// What came of a receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// So many messages of so many asked for.
    Messages {
        /// Asked for at most.
        asked: usize,
        /// Received.
        got: usize,
    },
    /// Nothing this time; it may be tried again.
    Failed,
    /// It will not come, whatever is tried.
    Refused,
}

/// How many receives run at once, learned from their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    wanted: usize,
    empty: bool,
    failures: u32,
    paused_until: Option<Timestamp>,
    refused: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            wanted: 1,
            empty: false,
            failures: 0,
            paused_until: None,
            refused: false,
        }
    }
}

impl Pace {
    /// Learns from an answer: a full one asks for twice as many receives at once, a poor one for
    /// one less, an empty one for a single long poll. A failure pauses, longer each time.
    pub fn learn(&mut self, answer: Answer, now: Timestamp) {
        match answer {
            Answer::Messages { asked, got } => {
                self.failures = 0;
                self.paused_until = None;
                self.empty = got == 0;
                self.wanted = if got == 0 {
                    1
                } else if got >= asked {
                    (self.wanted * 2).min(RECEIVES_MAX)
                } else if got * 2 < asked {
                    self.wanted.saturating_sub(1).max(1)
                } else {
                    self.wanted
                };
            }
            Answer::Failed => {
                let wait = PAUSE * 2u32.saturating_pow(self.failures.min(PAUSE_DOUBLINGS));
                self.failures = self.failures.saturating_add(1);
                self.wanted = 1;
                self.paused_until = Some(now.after(wait));
            }
            Answer::Refused => self.refused = true,
        }
    }

    /// How many receives are wanted at once.
    pub fn wanted(&self) -> usize {
        self.wanted
    }
}

impl Rules {
    /// What to do next. Ends: once it says [`Next::Drain`] it says so for ever.
    ///
    /// Nothing is received whose wait and work would not fit into what is left. A receive asks for a
    /// full batch, because each costs the same; where slow work keeps the places, for as many as
    /// are free.
    pub fn next(&self, pace: &Pace, moment: Moment) -> Next {
        if let Some(stop) = self.stop(pace, moment) {
            return Next::Drain(stop);
        }
        let until = self.receive_until();
        if let Some(pause) = pace.paused_until.filter(|pause| moment.now < *pause) {
            return Next::Wait(pause.min(until));
        }
        match moment.appetite {
            Appetite::Full => {}
            Appetite::Sated(rest) if rest > moment.now => return Next::Wait(rest.min(until)),
            Appetite::Sated(_) | Appetite::Taste => return self.taste(moment, until),
        }
        let room = self.capacity.saturating_sub(moment.held + moment.expected);
        let full = self.capacity.min(self.left(moment)).min(SQS_BATCH_MAX);
        let max = room.min(full);
        if moment.quiet || max == 0 || moment.receiving >= pace.wanted {
            return Next::Wait(until);
        }
        let patient_until = moment.changed.after(PATIENCE);
        if max < full && moment.now < patient_until {
            return Next::Wait(patient_until.min(until));
        }
        self.receive(max, moment, until)
    }

    /// One message at a time, of which nothing else is under way.
    fn taste(&self, moment: Moment, until: Timestamp) -> Next {
        if moment.quiet || moment.held + moment.receiving > 0 || self.left(moment) == 0 {
            return Next::Wait(until);
        }
        self.receive(1, moment, until)
    }

    /// A receive that is answered in time.
    fn receive(&self, max: usize, moment: Moment, until: Timestamp) -> Next {
        let wait = match self.stop_when_empty || moment.receiving > 0 {
            true => SHORT_WAIT,
            false => LONG_POLL_MAX,
        };
        let left = Duration::from_secs(until.since(moment.now).as_secs());
        Next::Receive {
            max,
            wait: wait.min(left),
        }
    }

    /// Why nothing more is received, where that is so.
    fn stop(&self, pace: &Pace, moment: Moment) -> Option<Stop> {
        if pace.refused {
            Some(Stop::Refused)
        } else if self
            .max_messages
            .is_some_and(|most| moment.received >= most)
        {
            Some(Stop::Enough)
        } else if self.stop_when_empty && pace.empty && moment.held + moment.receiving == 0 {
            Some(Stop::Empty)
        } else if moment.now.after(WAIT_MIN) > self.receive_until() {
            Some(Stop::Deadline)
        } else {
            None
        }
    }

    /// When the last receive must have been answered.
    fn receive_until(&self) -> Timestamp {
        let whole = self.budget.work_until().since(self.budget.started);
        self.budget.work_until().before(self.reserve.min(whole / 2))
    }

    /// How many messages may still be asked for.
    fn left(&self, moment: Moment) -> usize {
        let Some(most) = self.max_messages else {
            return usize::MAX;
        };
        let left = most.saturating_sub(moment.received);
        usize::try_from(left)
            .unwrap_or(usize::MAX)
            .saturating_sub(moment.expected)
    }
}

/// Most receives at once.
const RECEIVES_MAX: usize = 10;

/// The shortest wait that is a long poll: below it SQS asks only some of its servers.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// The wait of a receive beside another, or of one that would find the queue empty.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// How long nothing must come or end before less than a full batch is asked for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause after a failed receive, and how often it is doubled.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_DOUBLINGS: u32 = 6;

#[cfg(test)]
mod tests;
