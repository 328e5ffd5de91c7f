//! What is done with an event: delivering along routes is one handler, an async function of your
//! own another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use waybill_core::event::Event;
use waybill_core::gate::breaker::Breaker;
use waybill_core::gate::valve::Flow;
use waybill_core::id::RouteName;
use waybill_core::ledger::{OnRejected, OnceBy, Record};
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, Charge, DeadReason, DeferCause};
use waybill_core::polling::Appetite;
use waybill_core::retry::RetryPolicy;
use waybill_core::time::Timestamp;

use crate::ports::{Carried, GivenUp};

/// What is done with an event, in one or several parts that succeed or fail alone. The ledger
/// keeps each part's state by its name, so that what is done is not done again.
pub trait Handler: Send + Sync {
    /// Says which parts an event has. Asked at the first claim; the answer is fixed then.
    fn plan(&self, event: &Event) -> Plan;

    /// How a part is tried; `None` when this release does not know the part, which is then tried
    /// again later as a transient failure.
    fn policy(&self, route: &RouteName) -> Option<Arc<Policy>>;

    /// Whether a part that is known may be tried now. It may wait for that, up to `asks.until`,
    /// and holds up nothing else meanwhile; a part that waits longer is put off. Waiting is no
    /// attempt. By default everything may.
    fn admit<'a>(&'a self, _: Asks<'a>) -> impl Future<Output = Admission> + Send + 'a {
        async { Admission::Go(Pass::default()) }
    }

    /// How much a poller should receive now, as far as is known without a request; by default
    /// whatever there is room for.
    fn appetite(&self) -> Appetite {
        Appetite::Full
    }

    /// How the breakers of its parts stand, as far as is known without a request; by default it has
    /// none.
    fn breakers(&self) -> Vec<(RouteName, Breaker)> {
        Vec::new()
    }

    /// Whether any part is taken by its target; by default that is not known, and the source is
    /// never lowered.
    fn flow(&self) -> impl Future<Output = Flow> + Send {
        async { Flow::Unknown }
    }

    /// Told of an event when its row is claimed for the first time, when it is tried without a claim
    /// ([`OnceBy::Target`]), or when [`Plan::Ignore`] lets it go: once, but for crashes and for repeats
    /// of what was let go. Nothing follows from it.
    fn observe(&self, _: &Message, _: &Event) {}

    /// Makes one try of one part. Every failure is an outcome; a panic counts as
    /// [`waybill_core::outcome::Outcome::Unknown`] and touches this message alone (F15).
    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> impl Future<Output = Attempt> + Send + 'a;
}

/// What is to be done with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// These parts, each once in effect.
    Deliver {
        /// Which release of the plan this is, for people.
        version: String,
        /// The parts; not empty, no name twice.
        routes: Vec<RouteName>,
    },
    /// Nothing, and that is right: it leaves the queue.
    Ignore,
    /// Nothing can be: it is dead.
    Dead(DeadReason),
}

/// How a part is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How often and how long apart, and until when.
    pub retry: RetryPolicy,
    /// What a final refusal means.
    pub on_rejected: OnRejected,
    /// How long a try may take; none starts with less time left.
    pub time: Duration,
    /// What is done with an event that the part gives up. Without it the message is dead.
    pub dead_letter: Option<DeadLetterPolicy>,
    /// Who makes its effect happen once. [`OnceBy::Target`] only where a repeat of a try, by the
    /// same idempotency key and at whatever time, has no second effect.
    pub once: OnceBy,
}

/// How what a part gives up is handed to a dead-letter target of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetterPolicy {
    /// How often and how long apart. After the last the message is dead.
    pub retry: RetryPolicy,
    /// How long a try may take; none starts with less time left.
    pub time: Duration,
}

impl Default for Policy {
    /// Of a part that is not known: retried as usual, and begun whatever time is left.
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            on_rejected: OnRejected::default(),
            time: Duration::ZERO,
            dead_letter: None,
            once: OnceBy::Ledger,
        }
    }
}

/// A part that wants to be tried.
#[derive(Debug, Clone, Copy)]
pub struct Asks<'a> {
    /// Which part.
    pub route: &'a RouteName,
    /// How often its message was received.
    pub receive_count: u32,
    /// When the try must have begun.
    pub until: Timestamp,
    /// Whether the try is one at the part's own dead-letter target.
    pub given_up: bool,
}

/// Whether a part may be tried.
#[derive(Debug)]
pub enum Admission {
    /// Now.
    Go(Pass),
    /// Not in this turn; nothing is charged.
    Wait {
        /// How long it is put off.
        after: Duration,
        /// Why.
        cause: DeferCause,
    },
}

/// The right to make one try. What it holds is given back when it is dropped.
#[derive(Default)]
pub struct Pass(Option<Box<dyn Passage>>);

/// What a pass stands for, told how its try ended.
pub trait Passage: Send {
    /// The try ended like this after so long. Dropped without it, the try was broken off or never
    /// made.
    ///
    /// What must be written for others is the answer's future: the ledger never waits for it, and
    /// it may be dropped.
    fn ended(self: Box<Self>, attempt: &Attempt, took: Duration) -> PassEnd;
}

/// What follows from a try's end beside its outcome.
#[derive(Default)]
pub struct PassEnd {
    /// Whether the try counts.
    pub charge: Charge,
    /// What others are to be told, where anything is.
    pub tell: Option<BoxFuture<'static, ()>>,
}

impl Pass {
    /// A pass that is told of its try's end.
    pub fn new(passage: impl Passage + 'static) -> Self {
        Self(Some(Box::new(passage)))
    }

    /// Tells how the try ended.
    pub(crate) fn ended(self, attempt: &Attempt, took: Duration) -> PassEnd {
        match self.0 {
            Some(passage) => passage.ended(attempt, took),
            None => PassEnd::default(),
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.is_some();
        f.debug_tuple("Pass").field(&told).finish()
    }
}

/// What a handler is given for one try.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The event.
    pub event: &'a Event,
    /// The message that carries it.
    pub message: &'a Message,
    /// Which part.
    pub route: &'a RouteName,
    /// Hex SHA-256 of consumer, event key and part: the same on every try, different for every
    /// part.
    pub idempotency_key: &'a str,
    /// Which try this is, by the ledger's count: 1 for the first.
    pub attempt: u32,
    /// How often the event's row had been written when the try began: whoever takes the claim over
    /// has a larger number. 0 where the event was not claimed.
    pub revision: u64,
    /// How long it may take at most; it is cut off then.
    pub limit: Duration,
    /// Where the part gave the event up: it is to be handed to the part's own dead-letter target,
    /// by an idempotency key of its own. Never where [`Policy::dead_letter`] is none.
    pub given_up: Option<GivenUp<'a>>,
    /// Where traces are on: where this try stands in its event's.
    pub trace: Option<&'a Carried>,
    /// Where the event was not claimed: its row as it stands once this try has delivered it, for
    /// [`crate::ports::TargetRequest::row`].
    pub row: Option<&'a Record>,
}
