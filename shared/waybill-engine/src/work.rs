//! One claimed event: its routes tried side by side, each end written down, the message's fate
//! decided from the routes' states.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{BoxFuture, FusedFuture, FutureExt, OptionFuture, join};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{sleep, timeout};

use waybill_core::canary;
use waybill_core::deadline::Budget;
use waybill_core::dossier::REASON_ATTRIBUTE;
use waybill_core::event::Event;
use waybill_core::id::{EventKey, OwnerId, RouteName};
use waybill_core::key::{KEY_ATTRIBUTE, key_attribute};
use waybill_core::ledger::{Ask, DeadLetter, Record, RouteRecord, RouteState, Status, TryTerms};
use waybill_core::limit::{SCHEDULE_WAIT_MIN, SQS_ATTRIBUTES_MAX, WAIT_MAX};
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::outcome::{Attempt, Charge, DeadReason, DeferCause, Disposition, RowEnd};
use waybill_core::parcel::{self, Parcel};
use waybill_core::retry::{Jitter, Life, Moment, store_trouble_wait};
use waybill_core::schedule::Standing;
use waybill_core::time::Timestamp;

use crate::engine::{Engine, Source};
use crate::flow::Item;
use crate::handler::{Handler, PassEnd};
use crate::keeper::Hold;
use crate::ports::{Ambient, Appointment, Ledger, Outgoing, Queue};
use crate::settle::{Desk, Settled};
use crate::telemetry::{self, Happened};

mod trial;

use trial::{Ended, Trying};

/// An event that is to be worked on.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The message that carries it.
    pub(crate) item: Item,
    /// That message as its producer sent it.
    pub(crate) told: Told,
    /// The event; none when the body could not be read.
    pub(crate) event: Option<Event>,
    /// What it is known by.
    pub(crate) key: EventKey,
    /// Who asks for the claim.
    pub(crate) ask: Ask,
    /// The row of a first claim.
    pub(crate) first: Record,
    /// How work on it begins.
    pub(crate) opening: Opening,
    /// The shortest time that any of its routes needs.
    pub(crate) wanted: Duration,
    /// Whether its message is short enough for a schedule, once that was asked.
    pub(crate) fits: OnceLock<bool>,
}

/// How work on a message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// With a claim: it came for the first time.
    Claim,
    /// With a look at the row that is expected, and a claim.
    Read,
    /// With a try; the row is written after it ([`waybill_core::ledger::OnceBy::Target`]).
    Try,
}

/// A message as its producer sent it: what is read, planned, delivered and sent to the dead.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The message itself, or what is in it where it is a parcel.
    pub(crate) message: Arc<Message>,
    /// Of a parcel: how often its event had been redriven when it was packed.
    pub(crate) redrive_n: Option<u32>,
}

/// How one message ended in this invocation.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// What becomes of it.
    pub(crate) disposition: Disposition,
    /// The row as it stands, where we know it: copies of the event are judged by it.
    pub(crate) row: Option<Box<Record>>,
    /// Tries made.
    pub(crate) attempts: u32,
    /// How a message that is over came to be.
    pub(crate) over: Over,
    /// When it was decided: its wait counts from there (F06).
    pub(crate) at: Option<Timestamp>,
}

/// How a message that leaves the queue came to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It was delivered, now or piece by piece.
    Delivered,
    /// It was done before.
    Duplicate,
    /// Nothing was to be done.
    Ignored,
    /// It waits in a schedule.
    Scheduled,
    /// It was a canary, and came through.
    Canary,
}

impl Told {
    /// A message that is no parcel.
    pub(crate) fn plainly(message: &Arc<Message>) -> Self {
        Self {
            message: Arc::clone(message),
            redrive_n: None,
        }
    }
}

impl Work {
    /// How it is over once it has come through.
    fn over(&self) -> Over {
        match self.event.as_ref().is_some_and(canary::is_canary) {
            true => Over::Canary,
            false => Over::Delivered,
        }
    }

    /// The same, which begins with a look at the row: one is there by now.
    pub(crate) fn claiming(self: Arc<Self>) -> Arc<Self> {
        if self.opening != Opening::Try {
            return self;
        }
        let mut work = Arc::unwrap_or_clone(self);
        work.opening = Opening::Read;
        Arc::new(work)
    }

    /// The same, which begins with a look at the row and asks by another name: what it tried and
    /// wrote before is not its claim.
    pub(crate) fn asking_anew(&self, owner: OwnerId) -> Self {
        let mut work = self.clone();
        work.opening = Opening::Read;
        work.ask.owner = owner;
        work.first.owner = owner;
        work
    }

    /// When the event was first sent, as far as its age is concerned: a redrive makes it young
    /// again.
    fn first_sent(&self, record: &Record) -> Option<Timestamp> {
        match self.told.redrive_n == Some(record.redrive_n) {
            true => self.told.message.sent,
            false => self.item.message.sent,
        }
    }

    /// The same with a lease for as long as its message is held now: it may have waited.
    pub(crate) fn held_anew(self: Arc<Self>) -> Arc<Self> {
        let until = self.item.hold.until();
        if until <= self.ask.lease_until {
            return self;
        }
        let mut work = Arc::unwrap_or_clone(self);
        work.ask.lease_until = until;
        work.first.lease_until = until;
        Arc::new(work)
    }
}

impl Finished {
    /// An end without a try.
    pub(crate) fn untried(disposition: Disposition) -> Self {
        Self {
            disposition,
            row: None,
            attempts: 0,
            over: Over::Delivered,
            at: None,
        }
    }

    /// Over without a try.
    pub(crate) fn over(over: Over) -> Self {
        Self {
            over,
            ..Self::untried(Disposition::Ack)
        }
    }

    /// An end after tries, with the row as it stands.
    pub(crate) fn tried(disposition: Disposition, row: Record, attempts: u32) -> Self {
        Self {
            row: Some(Box::new(row)),
            attempts,
            ..Self::untried(disposition)
        }
    }

    /// An end without a try, for now.
    pub(crate) fn deferred(after: Duration, cause: DeferCause) -> Self {
        Self::untried(Disposition::Defer { after, cause })
    }
}

/// What became of a work's routes in one turn.
#[derive(Default)]
struct Turn {
    /// Tries made.
    attempts: u32,
    /// Of these, those that count.
    charged: u32,
    /// Why a route was put off, where one was.
    put_off: Option<DeferCause>,
    /// What a try did to the row by itself.
    row: RowEnd,
    /// What is to be told of its tries' ends; never before the ledger.
    tell: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Turn {
    /// A try has ended.
    fn notes_try(
        &mut self,
        work: &Work,
        route: &RouteName,
        dead_letter: bool,
        attempt: &Attempt,
        took: Option<Duration>,
    ) {
        self.attempts = self.attempts.saturating_add(1);
        telemetry::tell(Happened::AttemptEnded {
            message: &work.item.message,
            route,
            dead_letter,
            attempt,
            took,
        });
    }
}

/// How a turn at an event ended.
pub(crate) enum Worked {
    /// So.
    Over(Finished),
    /// It was not claimed, and a row stands there, which says what becomes of its message.
    RowStands {
        /// Tries made.
        attempts: u32,
    },
}

/// What the works of one invocation share.
pub(crate) struct Shift<'a, Q> {
    /// Where the messages came from.
    pub(crate) source: &'a Source<Q>,
    /// The time there is.
    pub(crate) budget: Budget,
    /// Where writes are handed in.
    pub(crate) desk: &'a Desk,
}

impl<Q> Clone for Shift<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Shift<'_, Q> {}

impl<H: Handler, L: Ledger, A: Ambient> Engine<H, L, A> {
    /// Works on an event whose row is mine; or that has none yet, which is then written as it
    /// stands after the try.
    pub(crate) async fn work<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        mut record: Record,
    ) -> Worked {
        if record.status == Status::Dead {
            telemetry::tell(Happened::Died);
            return Worked::Over(self.bury(shift, work, record, 0).await);
        }
        let mut turn = Turn::default();
        let tried = self.try_routes(shift, work, &mut record, &mut turn).await;
        let attempts = turn.attempts;
        if let Err(settled) = tried {
            return Worked::Over(self.unsettled(work, settled, attempts));
        }
        match turn.row {
            RowEnd::Refused => Worked::RowStands { attempts },
            RowEnd::Written => {
                let at = self.ambient.now();
                let _ = timeout(TELL_TIME, turn.tell.collect::<()>()).await;
                Worked::Over(done(work, record, attempts, at))
            }
            RowEnd::Untouched => self.write_down(shift, work, record, turn).await,
        }
    }

    /// Decides what becomes of an event whose turn is over, and writes it down.
    async fn write_down<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        mut record: Record,
        turn: Turn,
    ) -> Worked {
        let attempts_made = turn.attempts;
        let now = self.ambient.now();
        let held = record.held();
        let disposition = self.close(work, &mut record, &turn, now);
        self.leave(shift.source, work, &mut record, disposition, now);
        if held.is_none() && attempts_made == 0 && record.status == Status::Pending {
            // Nothing was begun, and nobody need know.
            return Worked::Over(Finished {
                at: Some(now),
                ..Finished::untried(disposition)
            });
        }
        // What waits outside the queue is sent anew when it is due.
        let sent_last = match record.status {
            Status::Scheduled => record.due.unwrap_or(now),
            Status::InProgress | Status::Pending | Status::Completed | Status::Dead => now,
        };
        let record = record.written(self.expires_at(sent_last));
        let told = timeout(TELL_TIME, turn.tell.collect::<()>());
        let settling = shift.desk.settle(held, record.clone());
        Worked::Over(match join(settling, told).await.0 {
            Settled::Written if record.status == Status::Scheduled => {
                let mine = HandOver::Mine {
                    attempts: attempts_made,
                };
                self.hand_over(shift, work, record, mine).await
            }
            Settled::Written => match disposition {
                Disposition::Dead { .. } => {
                    telemetry::tell(Happened::Died);
                    self.bury(shift, work, record, attempts_made).await
                }
                Disposition::Ack => done(work, record, attempts_made, now),
                Disposition::Retry { .. } | Disposition::Defer { .. } => Finished {
                    at: Some(now),
                    ..Finished::tried(disposition, record, attempts_made)
                },
            },
            Settled::Fenced if held.is_none() => {
                return Worked::RowStands {
                    attempts: attempts_made,
                };
            }
            settled @ (Settled::Fenced | Settled::Unconfirmed(_)) => {
                self.unsettled(work, settled, attempts_made)
            }
        })
    }

    /// What becomes of the message, by the routes' states and by what this turn did.
    fn close(&self, work: &Work, record: &mut Record, turn: &Turn, now: Timestamp) -> Disposition {
        let mut disposition = record.close(&work.item.message.message_id, now, UNSTARTED_WAIT);
        if let Disposition::Retry { after } = disposition
            && turn.charged == 0
            && let Some(cause) = turn.put_off
        {
            disposition = Disposition::Defer { after, cause };
        }
        if let Disposition::Defer { after, cause } = disposition
            && cause == DeferCause::Deadline
            && turn.charged > 0
        {
            disposition = Disposition::Retry { after };
        }
        if let Disposition::Defer { cause, .. } = &mut disposition
            && !work.item.hold.may_begin(now)
        {
            *cause = DeferCause::LeaseLost;
        }
        disposition
    }

    /// Lets an event wait outside its queue where it should and can: the row then says so.
    fn leave<Q: Queue>(
        &self,
        source: &Source<Q>,
        work: &Work,
        record: &mut Record,
        disposition: Disposition,
        now: Timestamp,
    ) {
        let stays = match disposition {
            Disposition::Retry { .. } => false,
            Disposition::Defer { cause, .. } => cause == DeferCause::LeaseLost,
            Disposition::Ack | Disposition::Dead { .. } => true,
        };
        if stays || !may_leave(source, work) {
            return;
        }
        let standing = Standing {
            now,
            receive_count: work.item.message.receive_count,
            life: self.life_in_queue(&work.item.message),
        };
        let detach = |at: &RouteRecord| {
            let policy = self.handler.policy(&at.name)?;
            if at.state == RouteState::DeadLetter {
                return policy.dead_letter.as_ref()?.retry.detach;
            }
            policy.retry.detach
        };
        if let Some(why) = record.leaves(standing, detach) {
            record.schedule(now);
            telemetry::tell(Happened::Leaving {
                message: &work.item.message,
                why,
                wait: record.due.unwrap_or(now).since(now),
            });
        }
    }

    /// Hands an event whose row says `SCHEDULED` over to its schedule, which is made, or is there
    /// already; then its message goes. Where it cannot be made, the message comes back to try again,
    /// and nothing is charged. The row may be anybody's: it says the same to all.
    pub(crate) async fn hand_over<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        record: Record,
        whose: HandOver,
    ) -> Finished {
        let attempts = match whose {
            HandOver::Mine { attempts } => attempts,
            HandOver::Found => 0,
        };
        let now = self.ambient.now();
        let due = record.due.unwrap_or(now);
        let wait = due.since(now);
        // One that is due before it can be made might never send anything.
        let in_time = wait >= SCHEDULE_WAIT_MIN / 2;
        let scheduler = shift.source.scheduler.as_ref();
        let may = in_time && may_leave(shift.source, work);
        let Some(scheduler) = scheduler.filter(|_| may) else {
            return Finished {
                attempts,
                ..Finished::deferred(wait, DeferCause::NotDue)
            };
        };
        let message = Message {
            sent: work.first_sent(&record),
            ..Message::clone(&work.told.message)
        };
        let parcel = Parcel {
            key: work.key.clone(),
            redrive_n: record.redrive_n,
            message,
        };
        let appointment = Appointment {
            name: record.schedule_name(),
            at: due,
            queue_arn: work.item.message.queue_arn.clone(),
            body: parcel.pack(&self.config.consumer),
        };
        let error = match scheduler.schedule(&appointment).await {
            Ok(()) => {
                return Finished {
                    over: Over::Scheduled,
                    ..Finished::tried(Disposition::Ack, record, attempts)
                };
            }
            Err(error) => error,
        };
        telemetry::tell(Happened::NotScheduled {
            message: &work.item.message,
            error: &error,
        });
        let now = self.ambient.now();
        let after = due.since(now).min(WAIT_MAX);
        // A row that was found may have its schedule, which this message knows nothing of.
        let life = self.life_in_queue(&work.item.message);
        if whose != HandOver::Found && life.is_too_short(now.after(after)) {
            return self.die_in_time(shift, work, record, attempts).await;
        }
        Finished {
            attempts,
            ..Finished::deferred(after, DeferCause::SchedulerUnavailable)
        }
    }

    /// An event that should wait outside its queue and cannot is dead before its message leaves the
    /// queue by age (F08).
    async fn die_in_time<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        mut record: Record,
        attempts: u32,
    ) -> Finished {
        let now = self.ambient.now();
        let held = record.fence();
        record.die(DeadReason::WouldExpire, &work.item.message.message_id, now);
        let record = record.written(self.expires_at(now));
        match shift.desk.settle(held, record.clone()).await {
            Settled::Written => {
                telemetry::tell(Happened::Died);
                self.bury(shift, work, record, attempts).await
            }
            settled @ (Settled::Fenced | Settled::Unconfirmed(_)) => {
                self.unsettled(work, settled, attempts)
            }
        }
    }

    /// Tries every route that is due, side by side. A route that ends while others still run is
    /// written down at once; a write that is fenced cancels the rest before its next effect.
    ///
    /// When the message is held longer, so is the lease; where it is not, what still runs is cut
    /// off just before the lease ends, so that what became of it can be written down.
    async fn try_routes<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        record: &mut Record,
        turn: &mut Turn,
    ) -> Result<(), Settled> {
        let mut hold = work.item.hold.clone();
        self.renew_an_old_lease(shift, &hold, record).await?;
        let now = self.ambient.now();
        if !hold.may_begin(now) || lease_is_old(&hold, record, now) {
            return Ok(());
        }
        record.expire(self.life(shift.source, work, record), now, |route| {
            let policy = self.handler.policy(route);
            policy.map_or((None, false), |policy| {
                (policy.retry.max_event_age, policy.dead_letter.is_some())
            })
        });
        let ready = record.ready(now);
        let mut running = FuturesUnordered::new();
        let mut under_way = Vec::new();
        for route in &ready {
            let state = Arc::new(Trying::new(record.lease_until));
            let told = Arc::clone(&state);
            if let Some(trying) = self.start_route(shift, work, record, route, told) {
                running.push(trying);
                under_way.push((route, state));
            }
        }
        let mut write = OptionFuture::from(None);
        let mut unwritten = false;
        while !running.is_empty() || !write.is_terminated() {
            let idle = write.is_terminated() && !running.is_empty();
            let cut_in = hold
                .cut_at(record.lease_until)
                .filter(|_| !running.is_empty())
                .map(|at| at.since(self.ambient.now()));
            tokio::select! {
                biased;
                Some((route, ended)) = running.next() => {
                    under_way.retain(|(at, _)| *at != route);
                    self.take_in(shift.source, work, record, turn, route, ended);
                    unwritten |= is_terminal(record, route);
                }
                Some((settled, next)) = &mut write => {
                    match settled {
                        Settled::Written => {
                            let (rev, expires_at, lease_until) = next;
                            record.rev = rev;
                            record.expires_at = expires_at;
                            record.lease_until = lease_until;
                            under_way.iter().for_each(|(_, at)| at.set_lease(lease_until));
                        }
                        Settled::Fenced | Settled::Unconfirmed(_) => return Err(settled),
                    }
                    write = OptionFuture::from(None);
                }
                Some(()) = turn.tell.next(), if !turn.tell.is_empty() => {}
                () = hold.renewed(record.lease_until), if idle => unwritten = true,
                () = sleep(cut_in.unwrap_or_default()), if cut_in.is_some() => {
                    running.clear();
                    // What still waited for its turn was not begun, and is not charged.
                    for (route, _) in under_way.drain(..).filter(|(_, at)| at.has_begun()) {
                        let what = "the lease ended while the handler was at work";
                        let attempt = Attempt::unknown("lease_ended", what);
                        let policy = self.handler.policy(route);
                        let ended = Ended::Tried(attempt, policy, PassEnd::default(), None);
                        self.take_in(shift.source, work, record, turn, route, ended);
                    }
                }
            }
            let Some(held) = record.held() else {
                // Nobody else goes by the lease of a row that is not written.
                record.lease_until = record.lease_until.max(hold.until());
                let under_way = under_way.iter();
                under_way.for_each(|(_, at)| at.set_lease(record.lease_until));
                continue;
            };
            if unwritten && write.is_terminated() && !running.is_empty() {
                unwritten = false;
                let mut next = record.clone().written(self.expires_at(self.ambient.now()));
                next.lease_until = next.lease_until.max(hold.until());
                let now_is = (next.rev, next.expires_at, next.lease_until);
                let settle = shift.desk.settle(held, next);
                let settle = settle.map(move |settled| (settled, now_is));
                write = OptionFuture::from(Some(Box::pin(settle.fuse())));
            }
        }
        Ok(())
    }

    /// Renews a lease that ended, or is about to, while its claim was on its way: others may take
    /// such a row, so nothing begins on it (F04).
    async fn renew_an_old_lease<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        hold: &Hold,
        record: &mut Record,
    ) -> Result<(), Settled> {
        let now = self.ambient.now();
        if !hold.may_begin(now) || !lease_is_old(hold, record, now) {
            return Ok(());
        }
        let Some(held) = record.held() else {
            record.lease_until = hold.until();
            return Ok(());
        };
        let mut next = record.clone().written(self.expires_at(now));
        next.lease_until = hold.until();
        match shift.desk.settle(held, next.clone()).await {
            Settled::Written => *record = next,
            settled @ (Settled::Fenced | Settled::Unconfirmed(_)) => return Err(settled),
        }
        Ok(())
    }

    /// Notes in the row how a route's turn ended.
    fn take_in<Q: Queue>(
        &self,
        source: &Source<Q>,
        work: &Work,
        record: &mut Record,
        turn: &mut Turn,
        route: &RouteName,
        ended: Ended,
    ) {
        let now = self.ambient.now();
        let (attempt, policy, told, took) = match ended {
            Ended::Unbegun => return,
            Ended::Recorded(attempt, told, took, row) => {
                telemetry::row_transacted(&row);
                turn.notes_try(work, route, false, &attempt, Some(took));
                turn.row = RowEnd::Written;
                turn.tell.extend(told.tell);
                *record = *row;
                return;
            }
            Ended::RowStands(row) => {
                telemetry::row_transacted(&row);
                turn.row = RowEnd::Refused;
                return;
            }
            Ended::PutOff(until, cause) => {
                record.put_off(route, until);
                turn.put_off = Some(cause);
                return;
            }
            Ended::Tried(attempt, policy, told, took) => (attempt, policy, told, took),
        };
        let dead_letter = record.given_up(route).is_some();
        turn.notes_try(work, route, dead_letter, &attempt, took);
        turn.tell.extend(told.tell);
        let charge = match attempt.charge {
            Charge::Charged => told.charge,
            own @ Charge::Free { .. } => own,
        };
        if let Charge::Free { after, cause } = charge
            && record.note_uncharged(route, &attempt, now, now.after(after))
        {
            turn.put_off = Some(cause);
            return;
        }
        turn.charged = turn.charged.saturating_add(1);
        let policy = policy.unwrap_or_default();
        let moment = Moment {
            now,
            jitter: Jitter::from_bits(self.ambient.random()),
            life: self.life(source, work, record),
        };
        let terms = TryTerms {
            retry: &policy.retry,
            on_rejected: policy.on_rejected,
            dead_letter: policy.dead_letter.as_ref().map(|own| &own.retry),
        };
        record.note(route, &attempt, terms, moment);
        if let Some((reason, _)) = record.given_up(route).filter(|_| !dead_letter) {
            telemetry::tell(Happened::GivenUp {
                message: &work.item.message,
                route,
                reason,
            });
        }
    }

    /// How old an event is, and how long its message is there: where it may leave the queue, that
    /// ends no route.
    fn life<Q: Queue>(&self, source: &Source<Q>, work: &Work, record: &Record) -> Life {
        let stays = self.life_in_queue(&work.item.message);
        Life {
            retention: stays.retention.filter(|_| !may_leave(source, work)),
            first_sent: work.first_sent(record),
            ..stays
        }
    }

    /// How long a message is there.
    pub(crate) fn life_in_queue(&self, message: &Message) -> Life {
        Life {
            sent: message.sent,
            retention: self.config.retention,
            first_sent: None,
        }
    }

    /// What becomes of a message whose row could not be written: it stays in the queue, and
    /// nothing is released, because an effect may have happened.
    fn unsettled(&self, work: &Work, settled: Settled, attempts: u32) -> Finished {
        let after = store_trouble_wait(work.item.message.receive_count);
        let cause = match settled {
            Settled::Unconfirmed(error) => {
                telemetry::tell(Happened::SettleUnconfirmed {
                    message: &work.item.message,
                    error: &error,
                });
                DeferCause::StoreDown
            }
            Settled::Fenced | Settled::Written => {
                telemetry::tell(Happened::Fenced(&work.item.message));
                DeferCause::Fenced
            }
        };
        Finished {
            attempts,
            ..Finished::deferred(after, cause)
        }
    }

    /// Brings a message whose row says `DEAD` on its way: with `redrive` SQS moves it at a later
    /// receive; with `send` it is sent with its reason, the row says so, and it is deleted (F36).
    pub(crate) async fn bury<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        record: Record,
        attempts: u32,
    ) -> Finished {
        let reason = record
            .death
            .as_ref()
            .map_or(DeadReason::Crashed, |death| death.reason);
        let disposition = Disposition::Dead { reason };
        let sent = record.death.as_ref().is_some_and(|death| death.dlq_sent);
        if self.config.dead_letter == DeadLetter::Redrive || sent {
            return Finished::tried(disposition, record, attempts);
        }
        if !work.item.hold.may_begin(self.ambient.now()) {
            return Finished {
                attempts,
                ..Finished::deferred(UNSTARTED_WAIT, DeferCause::LeaseLost)
            };
        }
        let redrive_n = record.redrive_n;
        if !self.send_dead(shift.source, work, reason, redrive_n).await {
            let after = store_trouble_wait(work.item.message.receive_count);
            let cause = DeferCause::DeadLetterUnavailable;
            return Finished {
                attempts,
                ..Finished::deferred(after, cause)
            };
        }
        let held = record.fence();
        let mut record = record.written(self.expires_at(self.ambient.now()));
        record
            .death
            .iter_mut()
            .for_each(|death| death.dlq_sent = true);
        match shift.desk.settle(held, record.clone()).await {
            Settled::Written => Finished::tried(disposition, record, attempts),
            settled @ (Settled::Fenced | Settled::Unconfirmed(_)) => {
                self.unsettled(work, settled, attempts)
            }
        }
    }

    /// Sends a message to the dead-letter queue with its reason; whether it is there.
    async fn send_dead<Q: Queue>(
        &self,
        source: &Source<Q>,
        work: &Work,
        reason: DeadReason,
        redrive_n: u32,
    ) -> bool {
        let failed = |what: &str| {
            telemetry::tell(Happened::DeadLetterFailed {
                message: &work.item.message,
                what,
            });
        };
        let Some(queue) = &source.dead_letter_queue else {
            failed("no dead-letter queue is configured");
            return false;
        };
        let sent = queue
            .send(&[dead_letter(
                &work.told.message,
                &work.key,
                reason,
                redrive_n,
            )])
            .await;
        telemetry::queue_asked(&sent);
        match sent.into_iter().next() {
            Some(Ok(_)) => true,
            Some(Err(error)) => {
                failed(&error.message);
                false
            }
            None => {
                failed("the queue gave no answer");
                false
            }
        }
    }

    /// A message whose key is known with other data is dead; the row is the other's and stays as
    /// it is.
    pub(crate) async fn conflict<Q: Queue>(&self, shift: Shift<'_, Q>, work: &Work) -> Finished {
        let reason = DeadReason::KeyConflict;
        let send = self.config.dead_letter == DeadLetter::Send;
        if send && !work.item.hold.may_begin(self.ambient.now()) {
            return Finished::deferred(UNSTARTED_WAIT, DeferCause::LeaseLost);
        }
        if send && !self.send_dead(shift.source, work, reason, 0).await {
            let after = store_trouble_wait(work.item.message.receive_count);
            return Finished::deferred(after, DeferCause::DeadLetterUnavailable);
        }
        // No row says that it died: left to the redrive policy, it comes here again and again.
        if send || work.item.message.receive_count == 1 {
            telemetry::tell(Happened::Died);
        }
        Finished::untried(Disposition::Dead { reason })
    }

    /// A claim without an answer may stand. It is given back, in a short time: nothing was begun,
    /// and a lease that ends without a word would count as a crash.
    pub(crate) async fn release<Q: Queue>(
        &self,
        shift: Shift<'_, Q>,
        work: &Work,
        mut record: Record,
    ) -> Finished {
        let held = record.fence();
        record.status = Status::Pending;
        let released = shift.desk.settle(held, record.written(work.ask.expires_at));
        let _ = timeout(RELEASE_TIME, released).await;
        let after = store_trouble_wait(work.item.message.receive_count);
        Finished::deferred(after, DeferCause::StoreDown)
    }
}

/// The end of a message whose event is done, by a row that says so since then.
fn done(work: &Work, record: Record, attempts: u32, at: Timestamp) -> Finished {
    Finished {
        at: Some(at),
        over: work.over(),
        ..Finished::tried(Disposition::Ack, record, attempts)
    }
}

/// Whose row says `SCHEDULED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// This turn wrote it, after so many tries.
    Mine {
        /// Tries made.
        attempts: u32,
    },
    /// It was found so.
    Found,
}

/// Whether an event may wait outside its queue: there is a way back, it has no turn to lose, and it
/// is short enough.
fn may_leave<Q>(source: &Source<Q>, work: &Work) -> bool {
    let message = &work.told.message;
    let fits = || *work.fits.get_or_init(|| parcel::fits(message));
    source.scheduler.is_some() && !message.is_fifo() && fits()
}

/// Whether a lease has ended, or is about to.
fn lease_is_old(hold: &Hold, record: &Record, now: Timestamp) -> bool {
    hold.cut_at(record.lease_until).is_some_and(|at| at <= now)
}

/// Whether a route has come to its end.
fn is_terminal(record: &Record, route: &RouteName) -> bool {
    record
        .routes
        .iter()
        .any(|at| at.name == *route && !at.state.is_open())
}

/// The message as it goes to the dead-letter queue: its body untouched, its key, so that a
/// redrive finds the same row although the copy has an id of its own (F69), and its reason. SQS
/// takes ten attributes (F74): the sender's own come first, the reason is left out first; the
/// ledger has it in any case. In a FIFO queue it keeps its group, and its deduplication id is of
/// this death: a send that is repeated is dropped, the next death's is not (F26).
fn dead_letter(message: &Message, key: &EventKey, reason: DeadReason, redrive_n: u32) -> Outgoing {
    let mut attributes = message.attributes.clone();
    attributes.retain(|name, _| name != KEY_ATTRIBUTE && name != REASON_ATTRIBUTE);
    let reason = MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text(reason.word().to_owned()),
    };
    for (name, attribute) in [
        (KEY_ATTRIBUTE, key_attribute(key)),
        (REASON_ATTRIBUTE, reason),
    ] {
        if attributes.len() < SQS_ATTRIBUTES_MAX {
            attributes.insert(name.to_owned(), attribute);
        }
    }
    Outgoing {
        body: message.body.to_string(),
        attributes,
        group_id: message.group_id.clone(),
        deduplication_id: message
            .is_fifo()
            .then(|| format!("{}#{redrive_n}", message.message_id.as_str())),
        trace_header: message.trace_header.clone(),
    }
}

/// How long a message waits that was not begun, for want of time.
pub(crate) const UNSTARTED_WAIT: Duration = Duration::from_secs(1);

/// How long is tried to tell others how tries ended.
const TELL_TIME: Duration = Duration::from_secs(1);

/// How long is tried to give back a claim that may stand.
const RELEASE_TIME: Duration = Duration::from_secs(2);
