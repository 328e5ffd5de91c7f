//! A batch of messages, from what was received to what is answered.
//!
//! Every message ends in one of four ways (`Disposition`), and no end of one touches another:
//! reading, planning and delivering are each caught when they panic (F15). State is per call, so
//! that one engine serves several invocations at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::canary;
use waybill_core::deadline::Budget;
use waybill_core::digest::Digest;
use waybill_core::event::Event;
use waybill_core::id::{Consumer, EventKey, LedgerKey};
use waybill_core::key::{KEY_ATTRIBUTE, KeyExpression};
use waybill_core::ledger::{Ask, DeadLetter, OnceBy, Row, Verdict, judge};
use waybill_core::limit::LEASE_OVER_DEADLINE;
use waybill_core::message::Message;
use waybill_core::outcome::{DeferCause, Disposition};
use waybill_core::reading::{self, Content};
use waybill_core::retry::store_trouble_wait;
use waybill_core::routes::OnConflict;
use waybill_core::time::Timestamp;
use waybill_core::trace::Upstream;

use crate::flow::{Ends, Intake, Item};
use crate::hand_back::hand_back;
use crate::handler::{Handler, Plan, Policy};
use crate::keeper::Hold;
use crate::ports::{Ambient, Ledger, Queue, Scheduler};
use crate::remembered::Remembered;
use crate::settle::{Desk, drive};
use crate::telemetry::{self, Happened, Meter, Metrics, Tally};
use crate::traces::Traces;
use crate::work::{Finished, Opening, Over, Shift, Told, UNSTARTED_WAIT, Work};

/// What an engine is told once.
#[derive(Debug, Clone)]
pub struct Config {
    /// The ledger's namespace.
    pub consumer: Consumer,
    /// What an event is known by, where that is configured.
    pub key: Option<KeyExpression>,
    /// How dead messages reach their queue.
    pub dead_letter: DeadLetter,
    /// What becomes of a message whose key is known with other data.
    pub on_conflict: OnConflict,
    /// How long a row lives after its last write. At least the retention of the source queue, of
    /// the dead-letter queue, and the time in which a redrive is expected (F37).
    pub time_to_live: Duration,
    /// How long the source queue keeps a message, where that is known: a try that would come too
    /// late for it is not waited for (F08).
    pub retention: Option<Duration>,
    /// How often an event may be redriven (F70).
    pub redrive_limit: u32,
    /// How many events are worked on at once; none is as good as one.
    pub concurrency: usize,
    /// Where metrics go, where any are wanted.
    pub metrics: Option<Metrics>,
}

/// A queue that messages come from, kept between invocations.
#[derive(Debug)]
pub struct Source<Q> {
    /// The queue.
    pub queue: Q,
    /// Where the dead go with `dead_letter: send`.
    pub dead_letter_queue: Option<Q>,
    /// Where events wait that leave the queue; without it none does.
    pub(crate) scheduler: Option<Arc<dyn Scheduler>>,
    /// Whether the queue is known to have a redrive policy.
    pub(crate) has_redrive_policy: AtomicBool,
}

impl<Q> Source<Q> {
    /// A queue, and the queue for its dead where we send them ourselves.
    pub fn new(queue: Q, dead_letter_queue: Option<Q>) -> Self {
        Self {
            queue,
            dead_letter_queue,
            scheduler: None,
            has_redrive_policy: AtomicBool::new(false),
        }
    }

    /// The same, whose events may wait outside it: its messages come back by this scheduler. A
    /// FIFO queue's never leave, because they would lose their turn (F24).
    #[must_use]
    pub fn with_scheduler(mut self, scheduler: Arc<dyn Scheduler>) -> Self {
        self.scheduler = Some(scheduler);
        self
    }
}

/// Claims, delivers, settles and hands back.
pub struct Engine<H, L, A> {
    pub(crate) handler: H,
    pub(crate) ledger: L,
    pub(crate) ambient: A,
    pub(crate) config: Config,
    pub(crate) traces: Traces,
    /// Rows known to be dead, so that a dead message's quick receives cost no read; apart from the
    /// next, which are many more.
    dead: Remembered,
    /// Rows known to be done, so that a repeat costs no request (F49).
    completed: Remembered,
}

/// A message read, or an end that needs no ledger.
pub(crate) enum Prepared {
    Work(Arc<Work>),
    Finished(Finished),
}

impl<H: Handler, L: Ledger, A: Ambient> Engine<H, L, A> {
    /// An engine over its ports.
    pub fn new(handler: H, ledger: L, ambient: A, mut config: Config) -> Self {
        config.concurrency = config.concurrency.max(1);
        Self {
            handler,
            ledger,
            ambient,
            config,
            traces: Traces::default(),
            dead: Remembered::new(REMEMBERED),
            completed: Remembered::new(REMEMBERED),
        }
    }

    /// The same with a span for each record and each try.
    #[must_use]
    pub fn with_traces(mut self, traces: Traces) -> Self {
        self.traces = traces;
        self
    }

    /// Runs a batch to its end. Answers by position.
    ///
    /// Ends before `budget.deadline`: what is not settled by then is handed back, and its row is
    /// free when its lease ends.
    pub async fn run<Q: Queue>(
        &self,
        messages: Vec<Message>,
        source: &Source<Q>,
        budget: Budget,
    ) -> Vec<Handed> {
        self.run_in(messages, source, budget, None).await
    }

    /// The same in an invocation of this trace.
    pub(crate) async fn run_in<Q: Queue>(
        &self,
        messages: Vec<Message>,
        source: &Source<Q>,
        budget: Budget,
        invocation: Option<Upstream>,
    ) -> Vec<Handed> {
        let messages: Vec<_> = messages.into_iter().map(Arc::new).collect();
        let queue = messages.first().map(Arc::clone);
        let queue = queue.as_ref().map_or("", |first| first.queue_arn.as_str());
        let running = Box::pin(self.run_batch(messages, source, budget, invocation));
        self.metered(queue, budget.started, running).await
    }

    /// The same, whatever is counted of it.
    async fn run_batch<Q: Queue>(
        &self,
        messages: Vec<Arc<Message>>,
        source: &Source<Q>,
        budget: Budget,
        invocation: Option<Upstream>,
    ) -> Vec<Handed> {
        telemetry::tell(Happened::Received {
            messages: &messages,
            now: budget.started,
        });
        let hold = Hold::Fixed(budget.deadline.after(LEASE_OVER_DEADLINE));
        let (intake, items) = mpsc::unbounded_channel();
        for (place, message) in messages.iter().enumerate() {
            let span = self.traces.record(message, invocation);
            let (message, hold) = (Arc::clone(message), hold.clone());
            let _ = intake.send(Item {
                place,
                message,
                hold,
                span,
            });
        }
        drop(intake);
        let intake = Intake {
            items,
            quiet: Arc::default(),
        };
        let mut finished = vec![None; messages.len()];
        let mut tally = Tally::default();
        let ended = |tally: &mut Tally, message: &Message, end: &Finished| {
            tally.add(end);
            let now = self.ambient.now();
            let took = now.since(budget.started);
            telemetry::tell(Happened::MessageEnded {
                message,
                end,
                took,
                now,
            });
        };
        let mut note = |item: &Item, end: Finished| {
            if let Some(finished) = finished.get_mut(item.place) {
                ended(&mut tally, &item.message, &end);
                *finished = Some(end);
            }
        };
        self.work_off(source, budget, intake, &mut note).await;
        let cut_off = |(message, finished): (&Arc<Message>, Option<Finished>)| {
            finished.unwrap_or_else(|| {
                let end = cut_off();
                ended(&mut tally, message, &end);
                end
            })
        };
        let finished: Vec<_> = messages.iter().zip(finished).map(cut_off).collect();
        let took = self.ambient.now().since(budget.started);
        telemetry::tell(Happened::InvocationEnded {
            tally: &tally,
            took,
        });
        let left = budget.stop_at().since(self.ambient.now());
        let handing = hand_back(
            source,
            self.config.dead_letter,
            &messages,
            &finished,
            &self.ambient,
        );
        if timeout(left, handing).await.is_err() {
            telemetry::tell(Happened::HandBackCutOff);
        }
        finished
            .iter()
            .map(|finished| self.handed(finished))
            .collect()
    }

    /// Runs an invocation's work with a meter, where metrics are wanted. What is counted is written
    /// when the work ends, so before the answer, and now and then before that: a process that is
    /// killed takes no more than [`FLUSH_APART`] of it with it (F77).
    pub(crate) async fn metered<T>(
        &self,
        queue: &str,
        started: Timestamp,
        mut work: Pin<Box<impl Future<Output = T>>>,
    ) -> T {
        let Some(metrics) = &self.config.metrics else {
            return work.await;
        };
        let meter = Arc::new(Meter::new(queue_name(queue), metrics.clone(), started));
        let flushing = async {
            loop {
                let done = timeout(FLUSH_APART, work.as_mut()).await;
                telemetry::tell(Happened::BreakersSeen(&self.handler.breakers()));
                meter.flush(self.ambient.now());
                if let Ok(done) = done {
                    return done;
                }
            }
        };
        telemetry::metered(Arc::clone(&meter), flushing).await
    }

    /// Works on what comes in, and writes down what becomes of it, until all of it has ended or
    /// there is no more time.
    pub(crate) async fn work_off<Q: Queue>(
        &self,
        source: &Source<Q>,
        budget: Budget,
        intake: Intake,
        ends: Ends<'_>,
    ) {
        let (desk, jobs) = Desk::new();
        let shift = Shift {
            source,
            budget,
            desk: &desk,
        };
        let until = budget.settle_until();
        let mut ends = |item: &Item, end: Finished| {
            if let Some(span) = &item.span {
                span.end(&end);
            }
            ends(item, end);
        };
        let working = pin!(self.work_through(shift, intake, &mut ends));
        let writing = pin!(drive(&self.ledger, &self.ambient, &desk, jobs, until));
        let end = sleep(until.since(self.ambient.now()));
        let exporting = pin!(self.traces.export_what_is_enough());
        let _ = select(select(working, writing), select(exporting, pin!(end))).await;
    }

    /// Whether a message leaves the queue.
    pub(crate) fn handed(&self, finished: &Finished) -> Handed {
        match finished.disposition {
            Disposition::Ack => Handed::Over,
            Disposition::Dead { .. } => match self.config.dead_letter {
                DeadLetter::Send => Handed::Over,
                DeadLetter::Redrive => Handed::Back,
            },
            Disposition::Retry { .. } | Disposition::Defer { .. } => Handed::Back,
        }
    }

    /// Reads a message and plans what is to be done; a panic touches it alone.
    pub(crate) fn prepare(&self, item: &Item) -> Prepared {
        let prepared = catch_unwind(AssertUnwindSafe(|| self.read_and_plan(item)));
        prepared.unwrap_or_else(|_| {
            let after = store_trouble_wait(item.message.receive_count);
            Prepared::Finished(Finished::deferred(after, DeferCause::Panicked))
        })
    }

    /// Reads a message and plans what is to be done.
    fn read_and_plan(&self, item: &Item) -> Prepared {
        let reading = reading::read(
            &item.message,
            &self.config.consumer,
            self.config.key.as_ref(),
        );
        let told = match reading.parcel {
            Some((message, redrive_n)) => Told {
                message,
                redrive_n: Some(redrive_n),
            },
            None => Told::plainly(&item.message),
        };
        if let Some(span) = &item.span {
            let event = match &reading.content {
                Content::Event(event) => Some(&**event),
                Content::TestEvent | Content::Unreadable { .. } => None,
            };
            span.settle_place(&told.message, event);
        }
        let (event, plan) = match reading.content {
            Content::TestEvent => return Prepared::Finished(Finished::over(Over::Ignored)),
            Content::Unreadable { reason, what } => {
                telemetry::tell(Happened::Unreadable {
                    message: &item.message,
                    reason,
                    what: &what,
                });
                (None, Plan::Dead(reason))
            }
            Content::Event(event) => {
                let plan = match canary::is_canary(&event) {
                    true => Plan::Deliver {
                        version: String::new(),
                        routes: Vec::new(),
                    },
                    false => self.handler.plan(&event),
                };
                (Some(*event), plan)
            }
        };
        self.planned(item, told, event, reading.key, reading.digest, plan)
    }

    /// What a plan asks of the ledger.
    fn planned(
        &self,
        item: &Item,
        told: Told,
        event: Option<Event>,
        key: EventKey,
        digest: Digest,
        plan: Plan,
    ) -> Prepared {
        let message = &item.message;
        let now = self.ambient.now();
        let ask = Ask {
            key: LedgerKey::new(&self.config.consumer, &key),
            owner: self.ambient.owner(),
            digest,
            message_id: message.message_id.clone(),
            sent: message.sent,
            lease_until: item.hold.until(),
            expires_at: self.expires_at(now),
            redrive_limit: self.config.redrive_limit,
            dead_letter: self.config.dead_letter,
        };
        let first = match plan {
            // What comes again may have been claimed when it was still wanted (F55): the ledger says
            // so, or that it is over.
            Plan::Ignore if message.receive_count > 1 || told.redrive_n.is_some() => ask.done(),
            Plan::Ignore => {
                event.iter().for_each(|e| self.handler.observe(message, e));
                return Prepared::Finished(Finished::over(Over::Ignored));
            }
            Plan::Deliver { version, routes } => ask.first(&version, &routes),
            Plan::Dead(reason) => {
                let mut dead = ask.first("", &[]);
                dead.die(reason, &message.message_id, now);
                dead
            }
        };
        let policies = first.routes.iter().map(|at| self.handler.policy(&at.name));
        let policies: Vec<_> = policies.collect();
        let opening = opening(&told, message, &policies);
        let wanted = policies.iter().flatten().map(|policy| policy.time).min();
        Prepared::Work(Arc::new(Work {
            item: item.clone(),
            told,
            event,
            key,
            ask,
            first,
            opening,
            wanted: wanted.unwrap_or_default(),
            fits: OnceLock::new(),
        }))
    }

    /// The end of a message whose row is known to have come to its end, and stays so. In doubt the
    /// ledger is asked.
    pub(crate) fn known_end(&self, work: &Work) -> Option<Finished> {
        let key = &work.ask.key;
        let row = self.completed.row(key).or_else(|| self.dead.row(key))?;
        match judge(&Row::Known(Box::new(row)), &work.ask, self.ambient.now()) {
            Verdict::Completed => Some(Finished::over(Over::Duplicate)),
            Verdict::Dead(reason) => Some(Finished::untried(Disposition::Dead { reason })),
            Verdict::Mine
            | Verdict::Defer { .. }
            | Verdict::HandOver
            | Verdict::TakeOver(_)
            | Verdict::Conflict
            | Verdict::SendDead(_) => None,
        }
    }

    /// Remembers a row that has come to its end, a bounded number of them.
    pub(crate) fn remember_end(&self, end: &Finished) {
        match (end.disposition, &end.row) {
            (Disposition::Dead { .. }, Some(row)) => self.dead.keep(row),
            (Disposition::Ack, Some(row)) => self.completed.keep(row),
            (Disposition::Retry { .. } | Disposition::Defer { .. }, _) | (_, None) => {}
        }
    }

    /// The time to live of a row written now, in seconds since the epoch.
    pub(crate) fn expires_at(&self, now: Timestamp) -> u64 {
        now.after(self.config.time_to_live).as_secs_ceil()
    }
}

/// How work on a message begins, whose routes are tried by these policies. No claim is needed where
/// it comes for the first time, by whatever is known of it, and has one route, whose target makes
/// its effect happen once.
fn opening(told: &Told, message: &Message, policies: &[Option<Arc<Policy>>]) -> Opening {
    if message.receive_count > 1 || told.redrive_n.is_some() {
        return Opening::Read;
    }
    let by_target = match policies {
        [Some(policy)] => policy.once == OnceBy::Target,
        [] | [None] | [_, _, ..] => false,
    };
    // What we sent anew has a row.
    match by_target && !message.attributes.contains_key(KEY_ATTRIBUTE) {
        true => Opening::Try,
        false => Opening::Claim,
    }
}

/// The end of a message that the deadline cut off: its row is free when its lease ends.
pub(crate) fn cut_off() -> Finished {
    Finished::deferred(UNSTARTED_WAIT, DeferCause::Deadline)
}

/// The name in a queue's ARN or URL.
fn queue_name(place: &str) -> &str {
    place.rsplit([':', '/']).next().unwrap_or(place)
}

/// The longest time for which what was counted is not written.
const FLUSH_APART: Duration = Duration::from_secs(10);

/// How many dead rows a process remembers, and how many that are done.
const REMEMBERED: usize = 1000;
