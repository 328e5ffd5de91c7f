//! What is known of a dead letter: its event, its row of the ledger, and why it is dead.
//!
//! Works for a message that SQS's redrive policy moved, untouched, and for one that was sent with
//! its reason as an attribute. Nothing here asks: message and row are what somebody read.

pub mod history;
mod json;

use std::sync::Arc;
use std::time::Duration;

use crate::ledger::{AttemptRecord, Record, RouteRecord, RouteState, Row, Status};
use crate::message::Message;
use crate::outcome::DeadReason;
use crate::reading::{Content, Reading};
use crate::time::Timestamp;

/// The message attribute that says what a message died of, where we sent it to the dead-letter
/// queue (`dead_letter: send`).
pub const REASON_ATTRIBUTE: &str = "waybill-reason";

/// A dead letter and all that is known of it.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// The message as it was received.
    pub message: Arc<Message>,
    /// What it is about.
    pub reading: Reading,
    /// Its event's row, where there is one that this release can read.
    pub record: Option<Box<Record>>,
    /// Why it is in the dead-letter queue.
    pub why: Why,
    /// When its queue drops it, where that is known.
    pub lives_until: Option<Timestamp>,
}

/// Why a message is in the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its event is dead.
    Dead(DeadReason),
    /// There is no row: no try was ever begun, so that its receives were used up by something else,
    /// as throttling does (F18); or its row has outlived its time.
    NeverAttempted,
    /// Its event is not dead: SQS moved the message though retries were left, or it is a copy, or a
    /// redrive was cut off.
    Unfinished(Status),
    /// Its event is done: the message is a copy, or its delete came too late.
    Completed,
    /// Its row was written by a release that this one cannot read; what is not understood.
    UnknownRow(String),
}

impl Dossier {
    /// What is known of a message of a dead-letter queue that keeps its messages for `retention`.
    pub fn new(
        message: Arc<Message>,
        reading: Reading,
        row: Option<Row>,
        retention: Option<Duration>,
    ) -> Self {
        let (record, unknown) = match row {
            Some(Row::Known(record)) => (Some(record), None),
            Some(Row::Unknown { what }) => (None, Some(what)),
            None => (None, None),
        };
        let why = match (unknown, &record) {
            (Some(what), _) => Why::UnknownRow(what),
            (None, Some(record)) => why(record, &reading),
            (None, None) => match said_reason(&message) {
                Some(reason) => Why::Dead(reason),
                None => Why::NeverAttempted,
            },
        };
        // A standard queue counts from the first enqueueing, wherever that was; a FIFO queue from
        // the move. `SentTimestamp` is either (F68).
        let lives_until = message
            .sent
            .zip(retention)
            .map(|(sent, keeps)| sent.after(keeps));
        Self {
            message,
            reading,
            record,
            why,
            lives_until,
        }
    }

    /// The message that its producer sent: what a schedule brought back is inside.
    pub fn inner(&self) -> &Message {
        match &self.reading.parcel {
            Some((inner, _)) => inner,
            None => &self.message,
        }
    }

    /// When its event died; where nobody says, nothing.
    pub fn died(&self) -> Option<Timestamp> {
        let death = self.record.as_ref()?.death.as_ref()?;
        matches!(self.why, Why::Dead(_)).then_some(death.at)
    }

    /// How old it is: since its event died, or else since its message was sent.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let since = self.died().or(self.message.sent)?;
        Some(now.since(since))
    }

    /// How long its queue still keeps it; nothing where that is not known.
    pub fn lives(&self, now: Timestamp) -> Option<Duration> {
        Some(self.lives_until?.since(now))
    }

    /// Its event's routes; none where the row is of other data.
    pub fn routes(&self) -> &[RouteRecord] {
        self.own_record().map_or(&[], |record| &record.routes)
    }

    /// The last tries, oldest first.
    pub fn attempts(&self) -> &[AttemptRecord] {
        self.own_record().map_or(&[], |record| &record.attempts)
    }

    /// The routes that are not done.
    pub fn undone(&self) -> impl Iterator<Item = &RouteRecord> {
        self.routes().iter().filter(|route| !is_done(route.state))
    }

    /// How often it was redriven.
    pub fn redrives(&self) -> u32 {
        self.own_record().map_or(0, |record| record.redrive_n)
    }

    /// The row, where it is of this message's data and not of another event with its key.
    pub fn own_record(&self) -> Option<&Record> {
        self.record.as_deref().filter(|_| self.is_own())
    }

    /// What is wrong with a body that cannot be read.
    pub fn unreadable(&self) -> Option<&str> {
        match &self.reading.content {
            Content::Unreadable { what, .. } => Some(what),
            Content::Event(_) | Content::TestEvent => None,
        }
    }

    /// Whether the row is of this message's data.
    fn is_own(&self) -> bool {
        self.why != Why::Dead(DeadReason::KeyConflict)
    }
}

/// Why a message is dead whose event has a row.
fn why(record: &Record, reading: &Reading) -> Why {
    if record.digest != reading.digest {
        return Why::Dead(DeadReason::KeyConflict);
    }
    match (record.status, &record.death) {
        (Status::Completed, _) => Why::Completed,
        (Status::Dead, Some(death)) => Why::Dead(death.reason),
        (status, _) => Why::Unfinished(status),
    }
}

/// What a message says that it died of.
fn said_reason(message: &Message) -> Option<DeadReason> {
    DeadReason::parse(message.text_attribute(REASON_ATTRIBUTE)?)
}

/// Whether nothing more is to be done at a route.
pub fn is_done(state: RouteState) -> bool {
    match state {
        RouteState::Delivered | RouteState::LetGo | RouteState::DeadLettered => true,
        RouteState::Open
        | RouteState::DeadLetter
        | RouteState::Rejected
        | RouteState::Spent
        | RouteState::Expired
        | RouteState::WouldExpire => false,
    }
}

impl Why {
    /// The word that selections and tables use: [`DeadReason::word`], or what else it is.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Dead(reason) => reason.word(),
            Self::NeverAttempted => "never_attempted",
            Self::Unfinished(_) => "unfinished",
            Self::Completed => "completed",
            Self::UnknownRow(_) => "unknown_row",
        }
    }

    /// What it means, in a sentence for people.
    pub fn says(&self) -> String {
        let text = match self {
            Self::Dead(DeadReason::Rejected) => "a target refused it for good",
            Self::Dead(DeadReason::AttemptsSpent) => "its tries at a target are used up",
            Self::Dead(DeadReason::Expired) => "it was older than its route lets it be",
            Self::Dead(DeadReason::WouldExpire) => {
                "it would have left its queue by age before its next try"
            }
            Self::Dead(DeadReason::Malformed) => "its body cannot be read",
            Self::Dead(DeadReason::Unrouted) => "no route takes it",
            Self::Dead(DeadReason::KeyMissing) => "it has no key where the routes file says",
            Self::Dead(DeadReason::KeyConflict) => "its key is known with other data",
            Self::Dead(DeadReason::Crashed) => "work on it ended without a word three times",
            Self::Dead(DeadReason::RedriveLoop) => "it was redriven too often, and died each time",
            Self::NeverAttempted => {
                "no try was begun: its receives were used up otherwise, as by throttling; or its \
                 row has outlived its time"
            }
            Self::Unfinished(status) => {
                return format!(
                    "its event is {} and not dead: it was moved too early, or is a copy",
                    status.word()
                );
            }
            Self::Completed => "its event is done: it is a copy, or its delete came too late",
            Self::UnknownRow(what) => return format!("its row cannot be read: {what}"),
        };
        text.to_owned()
    }

    /// Every word there is.
    pub fn words() -> impl Iterator<Item = &'static str> {
        let others = ["never_attempted", "unfinished", "completed", "unknown_row"];
        DeadReason::ALL
            .into_iter()
            .map(DeadReason::word)
            .chain(others)
    }
}

#[cfg(test)]
pub(crate) mod tests;
