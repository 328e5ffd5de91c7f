//! The poll mode: receives messages itself, holds them while they are worked on, and deletes them
//! only after the ledger says that they are over.
//!
//! What to do next is decided by `waybill_core::polling`, how long to hold by
//! `waybill_core::lease`; nothing here outlives the invocation (F64).

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{join, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::lease::{Holding, Terms};
use waybill_core::ledger::DeadLetter;
use waybill_core::message::{Message, is_fifo};
use waybill_core::outcome::{DeferCause, Disposition};
use waybill_core::polling::{Answer, Appetite, Moment, Next, Pace, Rules, Stop};
use waybill_core::time::Timestamp;
use waybill_core::trace::Upstream;

use crate::acker::{Acker, LINGER, LINGER_FIFO, Leaving, ON_THEIR_WAY_MAX, Staying, Tray};
use crate::engine::{Engine, Source, cut_off};
use crate::flow::{Intake, Item};
use crate::handler::Handler;
use crate::keeper::Keeper;
use crate::ports::{Ambient, Ledger, Queue, QueueError, QueueErrorKind};
use crate::telemetry::{self, Happened, Tally};
use crate::traces::Traces;
use crate::work::Finished;

/// The function that polls, kept between invocations; it may serve several at once.
pub struct Poller<H, L, A, Q> {
    engine: Engine<H, L, A>,
    ambient: A,
    config: PollerConfig,
    open: Box<Open<Q>>,
    sources: Mutex<HashMap<String, Arc<Source<Q>>>>,
}

/// Makes a source of a queue's URL.
type Open<Q> = dyn Fn(&str) -> Source<Q> + Send + Sync;

/// What a poller is told once.
#[derive(Debug, Clone)]
pub struct PollerConfig {
    /// The queue that is polled where the invocation names none.
    pub queue_url: String,
    /// How long a receive, and each renewal, holds a message: 1 s to 12 h. A killed poller's
    /// messages are hidden for this long.
    pub visibility: Duration,
    /// The time kept for working on what the last receive brings: the longest that a try may take.
    pub reserve: Duration,
}

/// What one invocation asks for. `{}` polls the configured queue until the deadline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollRequest {
    /// Another queue.
    pub queue_url: Option<String>,
    /// Messages at most; at least 1.
    pub max_messages: Option<u64>,
    /// Whether to stop once the queue has nothing to give and nothing is held.
    pub stop_when_empty: bool,
}

/// What one poll did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Messages received.
    pub received: u64,
    /// Messages whose event was delivered, now or piece by piece.
    pub delivered: u64,
    /// Messages whose event had been done before.
    pub duplicates: u64,
    /// Messages that asked for nothing.
    pub ignored: u64,
    /// Messages whose event left the queue to wait in a schedule.
    pub scheduled: u64,
    /// Messages handed back after a try, for the next one.
    pub retried: u64,
    /// Messages left to the redrive policy, or sent to the dead-letter queue.
    pub dead: u64,
    /// Messages handed back untried.
    pub deferred: u64,
    /// Of these, those whose row another took over meanwhile.
    pub fenced: u64,
    /// Tries made.
    pub attempts: u64,
    /// Messages deleted. Below what is over when a delete failed: such a message comes again and
    /// is found done.
    pub deleted: u64,
    /// Renewals of visibility and lease.
    pub leases_extended: u64,
    /// Messages whose visibility could not be kept.
    pub leases_lost: u64,
    /// How long it took, to the millisecond.
    pub seconds: f64,
    /// Why it stopped: `deadline`, `empty`, `max_messages`.
    pub stopped: &'static str,
}

/// Why a poll is refused, or has failed as a whole. Nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum PollRefused {
    /// The payload says something that is not understood.
    #[error(
        "the payload is not understood ({0}); send `{{}}`, or an object of `queue_url`, \
         `max_messages` and `stop_when_empty`"
    )]
    Payload(serde_json::Error),
    /// No message may be received.
    #[error("`max_messages` is 0; leave it out, or say at least 1")]
    NoMessages,
    /// Handing back the head of a FIFO group again and again would carry its followers into the
    /// dead-letter queue.
    #[error("{}", fifo_needs_send(.0))]
    Fifo(String),
    /// The queue cannot be read.
    #[error("the queue `{url}` cannot be read: {error}")]
    Queue {
        /// Which.
        url: String,
        /// What it answered.
        error: QueueError,
    },
}

/// Why a FIFO queue's dead are never left to the redrive policy.
pub(crate) fn fifo_needs_send(queue: &str) -> String {
    format!(
        "queue `{queue}` is a FIFO queue: set `dead_letter: send` (WAYBILL_DEAD_LETTER, the \
         template's DeadLetterMode), because handing a dead head back would carry the valid \
         messages behind it into the dead-letter queue"
    )
}

impl<H: Handler, L: Ledger, A: Ambient, Q: Queue> Poller<H, L, A, Q> {
    /// A function over its engine; `open` makes a source of a queue's URL, once for each.
    pub fn new(
        engine: Engine<H, L, A>,
        ambient: A,
        config: PollerConfig,
        open: impl Fn(&str) -> Source<Q> + Send + Sync + 'static,
    ) -> Self {
        Self {
            engine,
            ambient,
            config,
            open: Box::new(open),
            sources: Mutex::default(),
        }
    }

    /// Runs one invocation.
    ///
    /// # Errors
    ///
    /// When the payload is not understood, or the queue cannot be read: it refuses, or did not
    /// answer once. What had been received was worked on first.
    pub async fn handle(&self, payload: &str, deadline: Timestamp) -> Result<Report, PollRefused> {
        self.handle_traced(payload, deadline, None).await
    }

    /// The same in an invocation of this trace, as X-Ray's header has it: every record's span is
    /// linked to it.
    ///
    /// # Errors
    ///
    /// As above.
    pub async fn handle_traced(
        &self,
        payload: &str,
        deadline: Timestamp,
        trace_header: Option<&str>,
    ) -> Result<Report, PollRefused> {
        let budget = Budget {
            started: self.ambient.now(),
            deadline,
        };
        let request = PollRequest::parse(payload)?;
        let url = request.queue_url.as_ref().unwrap_or(&self.config.queue_url);
        if is_fifo(url) && self.engine.config.dead_letter == DeadLetter::Redrive {
            return Err(PollRefused::Fifo(url.clone()));
        }
        let source = self.source(url);
        let rules = Rules {
            budget,
            reserve: self.config.reserve,
            capacity: self.engine.config.concurrency,
            max_messages: request.max_messages,
            stop_when_empty: request.stop_when_empty,
        };
        let linger = match is_fifo(url) {
            true => LINGER_FIFO,
            false => LINGER,
        };
        let invocation = trace_header.and_then(Upstream::of_trace_header);
        let polled = self
            .engine
            .poll(&source, rules, self.config.visibility, linger, invocation);
        let told = Box::pin(async {
            let polled = polled.await;
            telemetry::tell(Happened::PollEnded(&polled.0));
            polled
        });
        let (report, unreadable) = self.engine.metered(url, budget.started, told).await;
        self.engine.traces.flush(deadline).await;
        match unreadable {
            Some(error) => Err(PollRefused::Queue {
                url: url.clone(),
                error,
            }),
            None => Ok(report),
        }
    }

    /// The source of a queue, opened when it is first polled.
    fn source(&self, url: &str) -> Arc<Source<Q>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(url) {
            return Arc::clone(source);
        }
        let source = Arc::new((self.open)(url));
        sources.insert(url.to_owned(), Arc::clone(&source));
        source
    }
}

impl PollRequest {
    /// Reads an invocation's payload. What a schedule of EventBridge's sends by itself, known by
    /// its `detail-type`, asks for nothing in particular.
    ///
    /// # Errors
    ///
    /// When it is no object, or says what is not understood: a word misspelt must not poll for
    /// ever.
    pub fn parse(payload: &str) -> Result<Self, PollRefused> {
        let said: Map<String, Value> =
            serde_json::from_str(payload).map_err(PollRefused::Payload)?;
        if said.contains_key("detail-type") {
            return Ok(Self::default());
        }
        let request: Self =
            serde_json::from_value(Value::Object(said)).map_err(PollRefused::Payload)?;
        match request.max_messages {
            Some(0) => Err(PollRefused::NoMessages),
            Some(_) | None => Ok(request),
        }
    }
}

/// What one poll knows, shared by its parts.
struct Poll<'p, Q, A> {
    source: &'p Source<Q>,
    ambient: &'p A,
    rules: Rules,
    keeper: &'p Keeper<'p, Q, A>,
    state: Mutex<State>,
    /// A message ended: there is room.
    ended: Notify,
    quiet: Arc<AtomicBool>,
    /// How much there is use for.
    appetite: &'p (dyn Fn() -> Appetite + Sync),
    /// How many ended messages are not gone yet.
    on_their_way: Arc<AtomicUsize>,
    traces: &'p Traces,
    /// The trace of the invocation.
    invocation: Option<Upstream>,
}

/// How one poll stands.
#[derive(Default)]
struct State {
    /// Received and not ended, by place.
    held: BTreeMap<usize, Receipt>,
    tally: Tally,
    received: u64,
    /// When a message last came or ended.
    changed: Timestamp,
    stopped: Option<Stop>,
    /// Whether a receive was ever answered with messages, or with none.
    answered: bool,
    /// Why the queue cannot be read: it refuses, or has never answered.
    unreadable: Option<QueueError>,
}

/// One receive, answered.
struct Received {
    asked: usize,
    visibility: Duration,
    answer: Result<Vec<Message>, QueueError>,
}

/// A message that was received.
struct Receipt {
    message: Arc<Message>,
    received: Timestamp,
}

impl<H: Handler, L: Ledger, A: Ambient> Engine<H, L, A> {
    /// Polls a queue until there is no more time, or no more to do.
    async fn poll<Q: Queue>(
        &self,
        source: &Source<Q>,
        rules: Rules,
        visibility: Duration,
        linger: Duration,
        invocation: Option<Upstream>,
    ) -> (Report, Option<QueueError>) {
        let budget = rules.budget;
        let terms = Terms {
            period: visibility,
            until: budget.deadline.after(HELD_OVER_DEADLINE),
        };
        let keeper = Keeper::new(&source.queue, &self.ambient, terms);
        let (tray, handed, on_their_way) = Tray::new();
        let poll = Poll {
            source,
            ambient: &self.ambient,
            rules,
            keeper: &keeper,
            state: Mutex::default(),
            ended: Notify::new(),
            quiet: Arc::default(),
            appetite: &|| self.handler.appetite(),
            on_their_way: Arc::clone(&on_their_way),
            traces: &self.traces,
            invocation,
        };
        let until = budget.settle_until();
        let acker = Acker::new(source, &keeper, &self.ambient, until, on_their_way);
        {
            let working = async {
                let (intake, items) = mpsc::unbounded_channel();
                let quiet = Arc::clone(&poll.quiet);
                let mut ends =
                    |item: &Item, end: Finished| self.ended(&poll, &tray, item.place, &end);
                let intake_out = Intake { items, quiet };
                let working = self.work_off(source, budget, intake_out, &mut ends);
                join(poll.receive(intake), working).await;
                // What the deadline cut off.
                let left: Vec<_> = poll.state().held.keys().copied().collect();
                for place in left {
                    self.ended(&poll, &tray, place, &cut_off());
                }
                drop(tray);
            };
            let all = pin!(join(working, acker.run(handed, linger)));
            let keeping = pin!(keeper.keep());
            let left = budget.stop_at().since(self.ambient.now());
            if timeout(left, select(all, keeping)).await.is_err() {
                telemetry::tell(Happened::HandBackCutOff);
            }
        }
        let mut state = poll.state();
        let (leases_extended, leases_lost) = keeper.counts();
        let tally = state.tally;
        let report = Report {
            received: state.received,
            delivered: tally.delivered,
            duplicates: tally.duplicates,
            ignored: tally.ignored,
            scheduled: tally.scheduled,
            retried: tally.retried,
            dead: tally.dead,
            deferred: tally.deferred,
            fenced: tally.fenced,
            attempts: tally.attempts,
            deleted: acker.deleted(),
            leases_extended,
            leases_lost,
            seconds: self.ambient.now().since(budget.started).as_secs_f64(),
            stopped: state.stopped.unwrap_or(Stop::Deadline).word(),
        };
        let unreadable = state.unreadable.take();
        drop(state);
        (report, unreadable)
    }

    /// Counts the end of a message and sends it on its way.
    fn ended<Q: Queue>(&self, poll: &Poll<'_, Q, A>, tray: &Tray, place: usize, end: &Finished) {
        let Some(Receipt { message, received }) = poll.take(place, end) else {
            return;
        };
        let leaving = Leaving {
            place,
            message,
            received,
        };
        let handed = self.handed(end);
        // Whoever has it now holds it: a change under our handle could show it meanwhile (F02).
        if handed == Handed::Back && !poll.keeper.holds(place) {
            return;
        }
        let at = match end.disposition {
            Disposition::Dead { .. } => None,
            // Its end is near, and nothing more is asked for it.
            Disposition::Defer {
                cause: DeferCause::LeaseLost,
                ..
            } => {
                poll.keeper.forget(&[place]);
                return;
            }
            Disposition::Ack | Disposition::Retry { .. } | Disposition::Defer { .. } => {
                let decided = end.at.unwrap_or_else(|| self.ambient.now());
                Some(decided.after(end.disposition.wait()))
            }
        };
        match handed {
            Handed::Over => tray.delete(leaving),
            Handed::Back => tray.show(Staying { leaving, at }),
        }
    }
}

impl<Q: Queue, A: Ambient> Poll<'_, Q, A> {
    /// Receives while there is time, room and need; then waits for what was asked for.
    async fn receive(&self, intake: mpsc::UnboundedSender<Item>) {
        let mut pace = Pace::default();
        let mut receiving = FuturesUnordered::new();
        let mut expected = 0;
        let mut places = 0..;
        loop {
            let moment = self.moment(receiving.len(), expected);
            let wake = match self.rules.next(&pace, moment) {
                Next::Receive { max, wait } => {
                    expected += max;
                    receiving.push(self.receive_once(max, wait));
                    continue;
                }
                Next::Wait(until) if moment.quiet => until.min(moment.now.after(LOOK_AGAIN)),
                Next::Wait(until) => until,
                Next::Drain(stop) => {
                    self.state().stopped.get_or_insert(stop);
                    let until = self.rules.budget.work_until();
                    // What is answered later is visible again by itself.
                    if receiving.is_empty() || moment.now >= until {
                        return;
                    }
                    until
                }
            };
            tokio::select! {
                biased;
                Some(received) = receiving.next() => {
                    expected -= received.asked;
                    let answer = self.take_in(received, &intake, &mut places);
                    pace.learn(answer, self.ambient.now());
                }
                () = self.ended.notified() => {}
                () = sleep(wake.since(moment.now)) => {}
            }
        }
    }

    /// How things stand.
    fn moment(&self, receiving: usize, expected: usize) -> Moment {
        let state = self.state();
        let on_their_way = self.on_their_way.load(Ordering::Relaxed);
        Moment {
            now: self.ambient.now(),
            held: state.held.len(),
            receiving,
            expected,
            received: state.received,
            changed: state.changed,
            quiet: self.quiet.load(Ordering::Relaxed) || on_their_way > ON_THEIR_WAY_MAX,
            appetite: (self.appetite)(),
        }
    }

    /// Makes one receive.
    async fn receive_once(&self, asked: usize, wait: Duration) -> Received {
        let last = self.ambient.now().after(wait);
        let visibility = self.keeper.terms().first(last);
        let answer = self.source.queue.receive(asked, wait, visibility).await;
        telemetry::tell(Happened::QueueAsked {
            failed: answer.is_err(),
        });
        Received {
            asked,
            visibility,
            answer,
        }
    }

    /// Holds what was received and lets it in.
    fn take_in(
        &self,
        received: Received,
        intake: &mpsc::UnboundedSender<Item>,
        places: &mut impl Iterator<Item = usize>,
    ) -> Answer {
        let asked = received.asked;
        let messages = match received.answer {
            Ok(messages) => messages,
            Err(error) if error.kind == QueueErrorKind::Permanent => {
                self.state().unreadable = Some(error);
                return Answer::Refused;
            }
            Err(error) => {
                telemetry::tell(Happened::ReceiveFailed {
                    code: &error.code,
                    what: &error.message,
                });
                let mut state = self.state();
                if !state.answered {
                    state.unreadable = Some(error);
                }
                return Answer::Failed;
            }
        };
        let got = messages.len();
        let now = self.ambient.now();
        let messages: Vec<_> = messages.into_iter().map(Arc::new).collect();
        if got > 0 {
            telemetry::tell(Happened::Received {
                messages: &messages,
                now,
            });
        }
        let holding = Holding {
            received: now,
            visible_at: now.after(received.visibility),
        };
        let mut state = self.state();
        state.changed = now;
        if !state.answered {
            state.answered = true;
            state.unreadable = None;
        }
        for (message, place) in messages.into_iter().zip(places) {
            let hold = self.keeper.hold(place, &message, holding);
            let receipt = Receipt {
                message: Arc::clone(&message),
                received: now,
            };
            state.held.insert(place, receipt);
            state.received += 1;
            let span = self.traces.record(&message, self.invocation);
            let _ = intake.send(Item {
                place,
                message,
                hold,
                span,
            });
        }
        Answer::Messages { asked, got }
    }

    /// Takes a message that ended off the list; nothing when it was taken before.
    fn take(&self, place: usize, end: &Finished) -> Option<Receipt> {
        let mut state = self.state();
        let receipt = state.held.remove(&place)?;
        state.tally.add(end);
        let now = self.ambient.now();
        state.changed = now;
        drop(state);
        telemetry::tell(Happened::MessageEnded {
            message: &receipt.message,
            end,
            took: now.since(receipt.received),
            now,
        });
        self.ended.notify_one();
        Some(receipt)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a message is held over the deadline: it comes back soon after a poller was killed
/// there.
const HELD_OVER_DEADLINE: Duration = Duration::from_secs(2);

/// How soon to look whether what runs alone has ended, or enough has left.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
