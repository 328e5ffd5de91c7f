//! Dead letters: looking at them without taking them, and bringing them back or deleting them in
//! runs that can be stopped, cut off, and gone on with.
//!
//! What is decided is decided in [`waybill_core::redrive`]; how it is used is told in
//! `docs/REDRIVE.md`.

mod hand;
mod look;
mod run;
mod tally;
mod trail;

use std::time::Duration;

use serde::Serialize;

use waybill_core::id::Consumer;
use waybill_core::key::KeyExpression;
use waybill_core::redrive::order::Order;
use waybill_core::redrive::progress::{Counts, Run, Stopped};
use waybill_core::time::Timestamp;

pub use look::{Bounds, Looked};

/// A dead-letter queue, the source queue of its messages, and the ledger that both share.
#[derive(Debug)]
pub struct Redriver<Q, L, R, A> {
    /// The dead-letter queue.
    dead: Q,
    /// The queue that its messages came from.
    source: Q,
    ledger: L,
    runs: R,
    ambient: A,
    config: Config,
}

/// What a redriver is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The ledger's namespace: the same as the consumer's, or no row would be found.
    pub consumer: Consumer,
    /// The key expression of the routes file, where it has one: as above.
    pub key: Option<KeyExpression>,
    /// How long a row lives after it was written.
    pub time_to_live: Duration,
    /// How long the dead-letter queue keeps a message, where that is known.
    pub retention: Option<Duration>,
    /// Whether both queues are FIFO queues.
    pub fifo: bool,
}

/// One call of [`Redriver::run`].
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// What the run is called, 1 to 64 characters of a-z, A-Z, 0-9, `.`, `_` and `-`: one that was
    /// cut off goes on under its name.
    pub run: &'a str,
    /// What is to be done; without it a run of this name must be there to go on with.
    pub order: Option<&'a Order>,
    /// Who says that they do it: kept in the rows' audit.
    pub who: &'a str,
    /// Look and count, and change nothing.
    pub dry_run: bool,
    /// When it must have ended; it stops taking up dead letters [`RESERVE`] before.
    pub until: Option<Timestamp>,
    /// Asked between dead letters, whether to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told how far the run has come.
    pub tell: &'a (dyn Fn(&Run) + Sync),
}

/// What came of one call of [`Redriver::run`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the run is called.
    pub run: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Whether it went on with a run that had been begun before.
    pub resumed: bool,
    /// Why it stopped.
    pub stopped: Stopped,
    /// What it counted, in this call and those before.
    pub counts: Counts,
    /// Some of what stayed, at most [`REMARKS_MAX`], each with its reason.
    pub remarks: Vec<Remark>,
    /// What was in the way, where something was.
    pub trouble: Option<String>,
    /// How long this call took.
    pub seconds: f64,
}

/// A dead letter that stayed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Which message.
    pub message_id: String,
    /// Of which event, as [`waybill_core::id::printable`] shows it.
    pub key: String,
    /// Why, in one word.
    pub word: String,
    /// Why, for people.
    pub says: String,
}

impl Report {
    /// Whether all was done that was asked.
    pub fn is_well(&self) -> bool {
        let counts = &self.counts;
        self.stopped.is_well() && counts.failed == 0 && counts.left.is_empty()
    }
}

/// A run that cannot be begun, or not be gone on with: why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotRun(pub String);

impl<Q, L, R, A> Redriver<Q, L, R, A> {
    /// A redriver. No request is made.
    pub fn new(dead: Q, source: Q, ledger: L, runs: R, ambient: A, config: Config) -> Self {
        Self {
            dead,
            source,
            ledger,
            runs,
            ambient,
            config,
        }
    }
}

/// How long what is received stays hidden from others at first: a dead letter that a run held when it was cut
/// off is back after this.
pub const HOLD: Duration = Duration::from_secs(60);

/// How long what stays is hidden from then on, so that it does not come between what was not seen
/// yet: shown again when the run or the look is over, and by itself when that was killed.
pub const STAY: Duration = Duration::from_secs(2 * 60);

/// How long before its end a run takes up no more.
pub const RESERVE: Duration = Duration::from_secs(20);

/// Most remarks of one report.
pub const REMARKS_MAX: usize = 20;

/// Of how many dead letters that stay the handles are remembered, so that they can be shown again
/// at once at the end; the others come back when [`STAY`] is over.
const HELD_MAX: usize = 20_000;

/// How long one receive waits for a message.
const WAIT: Duration = Duration::from_secs(1);

/// After so many receives in a row that brought nothing, there is nothing more: SQS may return nothing
/// though there is something, but hardly to long polls.
const QUIET: u32 = 3;

/// After so many receives in a row that brought nothing new, there is nothing new: what stays comes
/// back one after the other in a long run, and is hidden again at once, so that it hides nothing.
const NO_NEWS: u32 = 50;

/// How often one thing is tried that the queue or the ledger did not answer, and the first wait
/// between.
const TRIES: u32 = 4;
const BACKOFF: Duration = Duration::from_millis(200);

/// How long to wait before the next try.
fn backoff(tries: u32) -> Duration {
    BACKOFF * 2u32.pow(tries.min(TRIES))
}

/// Whether a run may be called so.
pub fn is_name(run: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&run.len()) && run.bytes().all(letters)
}
