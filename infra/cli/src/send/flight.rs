//! One batch on its way: sent, and what failed of it sent again.

use std::time::Duration;

use waybill_core::retry::{Backoff, Jitter};
use waybill_engine::ports::{Ambient, Queue, QueueError, QueueErrorKind};

use super::letter::Letter;
use crate::failure::Failure;

/// Whether the queue has taken anything yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contact {
    /// Not yet: nobody knows whether there is a queue.
    Unproven,
    /// It has.
    Proven,
}

/// What follows when a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another try, after this wait.
    Again(Duration),
    /// No other try.
    GiveUp,
}

/// What became of each message of a batch.
pub(crate) type Landed = Vec<(Letter, Result<(), QueueError>)>;

/// Sends a batch until each message of it was taken or given up.
pub(crate) async fn fly(
    queue: &impl Queue,
    ambient: &impl Ambient,
    contact: Contact,
    letters: Vec<Letter>,
) -> Landed {
    let mut landed = Landed::new();
    let mut aloft = letters;
    let mut contact = contact;
    for tries in 1..=TRIES {
        let messages: Vec<_> = aloft.iter().map(|letter| letter.message.clone()).collect();
        let answers = queue.send(&messages).await;
        if answers.iter().any(Result::is_ok) {
            contact = Contact::Proven;
        }
        let jitter = Jitter::from_bits(ambient.random());
        let mut again = Vec::new();
        let mut longest = Duration::ZERO;
        for (letter, answer) in aloft.into_iter().zip(answers) {
            match answer {
                Ok(_) => landed.push((letter, Ok(()))),
                Err(error) => match next(&error, tries, contact, jitter) {
                    Next::Again(wait) => {
                        longest = longest.max(wait);
                        again.push(letter);
                    }
                    Next::GiveUp => landed.push((letter, Err(error))),
                },
            }
        }
        aloft = again;
        if aloft.is_empty() {
            break;
        }
        tokio::time::sleep(longest).await;
    }
    landed
}

/// What follows when try number `tries`, counted from 1, ended so. What is the sender's fault stays
/// so (F31); where nobody answers and nobody ever has, the address is wrong rather than the network
/// slow.
pub(crate) fn next(error: &QueueError, tries: u32, contact: Contact, jitter: Jitter) -> Next {
    let is_silent = matches!(error.code.as_str(), "Dispatch" | "Timeout");
    match (error.kind, contact) {
        (QueueErrorKind::Permanent | QueueErrorKind::LeaseLost, _) => Next::GiveUp,
        (QueueErrorKind::Transient, Contact::Unproven) if is_silent => Next::GiveUp,
        (QueueErrorKind::Transient, _) if tries >= TRIES => Next::GiveUp,
        (QueueErrorKind::Transient, Contact::Unproven | Contact::Proven) => {
            let backoff = Backoff::Exponential {
                duration: FIRST_WAIT,
                factor: 2.0,
            };
            let wait = backoff.wait(tries).min(LONGEST_WAIT);
            Next::Again(wait.saturating_add(jitter.of(wait)))
        }
    }
}

/// Why nothing more can be sent, where a batch shows that: nothing of it was taken, and not for
/// what stands in it.
pub(crate) fn broken(landed: &Landed) -> Option<String> {
    let of_queue = |error: &QueueError| !error.is_of_message();
    let all = landed
        .iter()
        .all(|(_, end)| end.as_ref().is_err_and(of_queue));
    let first = landed.iter().find_map(|(_, end)| end.as_ref().err());
    let first = first.filter(|_| all)?;
    Some(Failure::from(first.clone()).to_string())
}

/// How often a message is tried at most; each try is three requests where nobody answers.
const TRIES: u32 = 8;

/// The first wait, without chance.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait, without chance.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
