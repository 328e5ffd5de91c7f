//! Bringing dead letters back: which of them may go, how fast, and when to stop.
//!
//! The order on every path is ledger, send, delete: the row is `PENDING` before the message is on
//! its way, and the dead letter goes when the message is in its queue. Whoever is killed in between
//! leaves a row that is not dead and a dead letter that is still there; the next run sends it again,
//! and the ledger knows a repeat.

pub mod order;
pub mod pace;
pub mod progress;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::dossier::{Dossier, Why};
use crate::edit::Edit;
use crate::envelope;
use crate::id::{Consumer, MessageId, OwnerId};
use crate::key::{KEY_ATTRIBUTE, event_key, key_attribute};
use crate::ledger::{AuditRecord, Deed, Record, Row, Status};
use crate::limit::{LEASE_SKEW, SQS_ATTRIBUTES_MAX};
use crate::message::Message;
use crate::outcome::DeadReason;
use crate::reading::{self, Content};
use crate::time::Timestamp;

/// Who brings a dead letter back, and on what terms.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The ledger's namespace.
    pub consumer: &'a Consumer,
    /// How often an event may be redriven (F70).
    pub redrives_max: u32,
    /// What is changed on the way.
    pub edit: Option<&'a Edit>,
    /// Who says that they do it.
    pub who: &'a str,
    /// In which run.
    pub run: &'a str,
    /// Time to live of a row that is written now, in seconds since the epoch.
    pub expires_at: u64,
    /// The time.
    pub now: Timestamp,
}

/// What is to be done with one dead letter that was selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Its row is written so, then it is sent, then the dead letter goes.
    Revive {
        /// The row to be.
        next: Box<Record>,
        /// The message to be.
        parcel: Box<Message>,
    },
    /// It is sent, then the dead letter goes. No row is written.
    Send {
        /// The message to be.
        parcel: Box<Message>,
        /// Why no row is.
        why: NoWrite,
    },
    /// Its event is done: nothing is sent, and the dead letter goes.
    Done,
    /// It stays.
    Leave(Leave),
}

/// Why a dead letter is sent without its row being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoWrite {
    /// There is none, or one that has outlived its time.
    NoRow,
    /// Its event is not dead: a run was cut off, or it is a copy.
    NotDead,
}

/// Why a dead letter stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// Its key is known with other data (F47).
    Conflict,
    /// It was redriven so often already (F70).
    Loop(u32),
    /// Its row cannot be read; what is not understood.
    UnknownRow(String),
    /// It cannot be edited, or what comes of it cannot be sent; why.
    Unsendable(String),
    /// It is to be edited, and its event is not dead.
    NotDead(Status),
}

impl Leave {
    /// The word that reports use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Loop(_) => "loop",
            Self::UnknownRow(_) => "unknown_row",
            Self::Unsendable(_) => "unsendable",
            Self::NotDead(_) => "not_dead",
        }
    }

    /// A sentence for people.
    pub fn says(&self) -> String {
        match self {
            Self::Conflict => {
                "its key is known with other data, and would be again: discard it, or forget the \
                 row of that key"
                    .to_owned()
            }
            Self::Loop(redrives) => format!(
                "it was redriven {}, and died again each time: mend what it dies of, then allow \
                 more redrives",
                times(*redrives)
            ),
            Self::UnknownRow(what) => format!(
                "its row cannot be read ({what}): use the release that wrote it, or forget the row"
            ),
            Self::Unsendable(why) => why.clone(),
            Self::NotDead(status) => format!(
                "its event is {}, and what is under way cannot be edited",
                status.word()
            ),
        }
    }
}

/// How often, for people.
pub fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// Judges one dead letter. `owner` names the write, should there be one.
pub fn judge(dossier: &Dossier, terms: &Terms<'_>, owner: OwnerId) -> Verdict {
    if let Why::UnknownRow(what) = &dossier.why {
        return Verdict::Leave(Leave::UnknownRow(what.clone()));
    }
    let (parcel, digest) = match outgoing(dossier, terms) {
        Ok(outgoing) => outgoing,
        Err(why) => return Verdict::Leave(Leave::Unsendable(why)),
    };
    let parcel = Box::new(parcel);
    let Some(record) = standing(dossier, terms.now) else {
        let why = NoWrite::NoRow;
        return Verdict::Send { parcel, why };
    };
    // A run that was cut off after it wrote the row left the digest of the edited data there.
    if record.digest != dossier.reading.digest && record.digest != digest {
        return Verdict::Leave(Leave::Conflict);
    }
    match record.status {
        Status::Completed => Verdict::Done,
        Status::Dead if record.redrive_n >= terms.redrives_max => {
            Verdict::Leave(Leave::Loop(record.redrive_n))
        }
        Status::Dead => {
            let next = record.revived(owner, digest, entry(terms), terms.expires_at);
            let next = Box::new(next);
            Verdict::Revive { next, parcel }
        }
        Status::Pending | Status::Scheduled | Status::InProgress if record.digest == digest => {
            let why = NoWrite::NotDead;
            Verdict::Send { parcel, why }
        }
        status @ (Status::Pending | Status::Scheduled | Status::InProgress) => {
            Verdict::Leave(Leave::NotDead(status))
        }
    }
}

/// The row of a dead letter that is to be deleted, with that noted, where there is one; what must
/// be left is said instead.
pub fn discard(
    dossier: &Dossier,
    terms: &Terms<'_>,
    owner: OwnerId,
) -> Result<Option<Box<Record>>, Leave> {
    if let Why::UnknownRow(what) = &dossier.why {
        return Err(Leave::UnknownRow(what.clone()));
    }
    // Another event's row, or one that somebody works on, is not ours to write.
    let own = dossier
        .record
        .as_ref()
        .filter(|record| record.status == Status::Dead && record.digest == dossier.reading.digest);
    let entry = AuditRecord::new(terms.now, Deed::Discarded, terms.who, terms.run);
    Ok(own.map(|record| Box::new((**record).clone().with_deed(owner, entry, terms.expires_at))))
}

/// The row, unless it has outlived its time and nobody holds it (F41).
fn standing(dossier: &Dossier, now: Timestamp) -> Option<&Record> {
    let record = dossier.record.as_deref()?;
    let held = record.status == Status::InProgress && now <= record.lease_until.after(LEASE_SKEW);
    let over = Timestamp::from_secs(record.expires_at) <= now;
    (held || !over).then_some(record)
}

/// What the audit says of it.
fn entry(terms: &Terms<'_>) -> AuditRecord {
    match terms.edit {
        None => AuditRecord::new(terms.now, Deed::Redriven, terms.who, terms.run),
        Some(edit) => {
            let note = format!("{}: {}", terms.run, edit.note());
            AuditRecord::new(terms.now, Deed::Edited, terms.who, &note)
        }
    }
}

/// The message as it is sent, and the digest of its data. It carries its key, so that it stays the
/// same event under its new id (F69), and no trace header: Lambda takes a message that its own trace
/// leads back to for a loop (F28).
fn outgoing(dossier: &Dossier, terms: &Terms<'_>) -> Result<(Message, Digest), String> {
    let key = &dossier.reading.key;
    // Under the name of its message it would be another event than all its copies (F48).
    if let Content::Unreadable {
        reason: DeadReason::KeyMissing,
        what,
    } = &dossier.reading.content
    {
        return Err(format!(
            "it has no key ({what}): change `key` in the routes file, and bring it back then; or \
             send its event with a key"
        ));
    }
    let mut message = dossier.inner().clone();
    message.trace_header = None;
    let attributes = &mut message.attributes;
    attributes.remove(KEY_ATTRIBUTE);
    attributes.remove(crate::dossier::REASON_ATTRIBUTE);
    if let Some(edit) = terms.edit {
        message.body = edit.apply(&message.body)?.into();
    }
    if message.attributes.len() < SQS_ATTRIBUTES_MAX {
        let name = KEY_ATTRIBUTE.to_owned();
        message.attributes.insert(name, key_attribute(key));
    } else if !is_known_by(&message, key.as_str()) {
        return Err(format!(
            "it has {SQS_ATTRIBUTES_MAX} attributes, and no room for `{KEY_ATTRIBUTE}`, without \
             which it would be another event"
        ));
    }
    if terms.edit.is_none() {
        return Ok((message, dossier.reading.digest.clone()));
    }
    let reading = reading::read(&message, terms.consumer, None);
    match reading.content {
        Content::Unreadable {
            reason: DeadReason::Malformed,
            what,
        } => Err(format!("the edited body cannot be read: {what}")),
        Content::Event(_) | Content::TestEvent | Content::Unreadable { .. } => {
            Ok((message, reading.digest))
        }
    }
}

/// The deduplication id of a dead letter that is sent to a FIFO queue: of this death, so that a send
/// that is repeated is dropped and one after the next death is not (F26).
pub fn deduplication_id(dead_letter: &MessageId, redrive_n: u32) -> String {
    let death = format!("redrive#{redrive_n}#{dead_letter}");
    hex::encode(Sha256::digest(death.as_bytes()))
}

/// Whether a message has a key of its own that is this one, whatever its id.
fn is_known_by(message: &Message, key: &str) -> bool {
    let Ok(envelope::Envelope::Event(parsed)) = envelope::parse(message) else {
        return false;
    };
    event_key(message, Some(&parsed), None).is_ok_and(|own| own.as_str() == key)
        && !key.starts_with("sqs:")
}

/// What has become of an event that was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Delivered,
    /// Nothing is known yet.
    Waiting,
    /// It is dead again, or a try has failed; the reason, or the code of the try.
    Failed(String),
}

/// What a row says of an event that was brought back when it had been redriven `redrive_n` times,
/// this one included.
pub fn fate(row: Option<&Row>, redrive_n: u32) -> Fate {
    let record = match row {
        Some(Row::Known(record)) => record,
        Some(Row::Unknown { what }) => return Fate::Failed(what.clone()),
        // Not claimed yet.
        None => return Fate::Waiting,
    };
    if record.status == Status::Completed {
        return Fate::Delivered;
    }
    if let Some(death) = record
        .death
        .as_ref()
        .filter(|_| record.redrive_n >= redrive_n)
    {
        return Fate::Failed(death.reason.word().to_owned());
    }
    let open = record.routes.iter().filter(|route| route.state.is_open());
    let mut tried = open.filter(|route| route.attempts > 0);
    match tried.next() {
        Some(route) => Fate::Failed(route.last.clone()),
        None => Fate::Waiting,
    }
}

#[cfg(test)]
mod tests;
