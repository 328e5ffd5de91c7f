//! One call that has its claim: the work runs on a lease, and its end is written down.
//!
//! The lease is renewed while the work runs, where it is shorter than the call. Writes of the row
//! go one after the other: a renewal on its way is awaited before the end is written.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::future::{Either, FusedFuture, FutureExt, OptionFuture, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use waybill_core::lease::{Holding, Keep};
use waybill_core::ledger::{Fence, Record};
use waybill_core::limit::{LEASE_MARGIN, LEASE_SKEW};
use waybill_core::once::{End, ended};
use waybill_core::time::Timestamp;

use crate::ports::{Ambient, Ledger, StoreError};
use crate::settle::{Desk, Settled, drive};
use crate::telemetry::{self, Happened};

use super::{Call, Claimed, Effect, Failure, Once, RELEASE_TIME, Unwritten, Won, cut_off};

/// A call and its claim.
pub(super) struct Held<'o, L, A> {
    pub(super) once: &'o Once<L, A>,
    pub(super) call: &'o Call,
    pub(super) won: Won,
}

/// How the work ended.
struct Over<T> {
    /// What it said, or what is said of it where it was cut off.
    ended: Result<T, Failure>,
    /// What came of a renewal of its lease that was not written: then nothing more can be.
    trouble: Option<Settled>,
}

impl<L: Ledger, A: Ambient> Held<'_, L, A> {
    /// Runs the work to its end and writes it down.
    pub(super) async fn run<T, W, F>(mut self, claimed: Claimed, work: W) -> Effect<T>
    where
        T: Serialize + DeserializeOwned,
        W: FnOnce(Claimed) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let (desk, jobs) = Desk::new();
        let once = self.once;
        let until = self.call.budget.settle_until();
        let writing = pin!(drive(&once.ledger, &once.ambient, &desk, jobs, until));
        let work_until = once.ambient.now().after(claimed.limit);
        // Boxed, so that it can be dropped before anything is written.
        let working = pin!(async {
            let work = Box::pin(work(claimed));
            let over = self.work(&desk, work, work_until).await;
            self.settle(&desk, over).await
        });
        match select(working, writing).await {
            Either::Left((effect, _)) => effect,
            Either::Right(((), working)) => working.await,
        }
    }

    /// Polls the work, and renews its lease, until it has ended or must. The work is dropped then,
    /// and a renewal on its way is awaited: what is written next follows it.
    async fn work<T, F>(
        &mut self,
        desk: &Desk,
        mut work: Pin<Box<F>>,
        work_until: Timestamp,
    ) -> Over<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let ambient = &self.once.ambient;
        let mut renewal = OptionFuture::from(None);
        let mut trouble = None;
        let ended = loop {
            let now = ambient.now();
            let (cut_at, why) = self.cut_at(work_until);
            let renew_at = self.renew_at(now).filter(|_| renewal.is_terminated());
            if renew_at.is_some_and(|at| at <= now) && now < cut_at {
                let next = self.renewed(now);
                let settling = desk.settle(self.won.record.fence(), next.clone());
                let settling = settling.map(move |settled| (settled, next));
                renewal = OptionFuture::from(Some(Box::pin(settling.fuse())));
                continue;
            }
            let wake_at = renew_at.map_or(cut_at, |at| at.min(cut_at));
            // A process that was frozen sees the time before it goes on with its work.
            let working = poll_fn(|context| match ambient.now() >= cut_at {
                true => Poll::Ready(Err(cut_off(why))),
                false => work.as_mut().poll(context),
            });
            tokio::select! {
                biased;
                Some((settled, next)) = &mut renewal => match settled {
                    Settled::Written => self.won.record = next,
                    Settled::Fenced | Settled::Unconfirmed(_) => {
                        trouble = Some(settled);
                        break Err(cut_off("lease_ended"));
                    }
                },
                ended = working => break ended,
                () = sleep(wake_at.since(now)) => {}
            }
        };
        drop(work);
        if !renewal.is_terminated() {
            let left = self.settle_until().since(ambient.now());
            let wait = match ended {
                Ok(_) => left,
                Err(_) => left.min(RELEASE_TIME),
            };
            match timeout(wait, renewal).await {
                Ok(Some((Settled::Written, next))) => self.won.record = next,
                Ok(Some((settled, _))) => trouble = Some(settled),
                Ok(None) | Err(_) => {
                    trouble = Some(Settled::Unconfirmed(StoreError::unanswered()));
                }
            }
        }
        Over { ended, trouble }
    }

    /// Writes down how the work ended, and says what came of the call.
    async fn settle<T>(&mut self, desk: &Desk, over: Over<T>) -> Effect<T>
    where
        T: Serialize + DeserializeOwned,
    {
        match over.ended {
            Ok(value) => self.complete(desk, value, over.trouble).await,
            Err(failure) => self.fail(desk, failure, over.trouble).await,
        }
    }

    /// The work is done. Nothing that goes wrong from here on may bring it about again: where the
    /// ledger cannot be told, the caller is.
    async fn complete<T>(&mut self, desk: &Desk, value: T, trouble: Option<Settled>) -> Effect<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let (result, kept) = self.once.results.keep(|| json(&value));
        let settled = match trouble {
            Some(trouble) => trouble,
            None => self.write(desk, &End::Done { result }).await,
        };
        let why = match settled {
            Settled::Written => return Effect::Done { value, kept },
            Settled::Fenced => {
                telemetry::tell(Happened::OperationFenced(&self.once.operation));
                Unwritten::Fenced
            }
            Settled::Unconfirmed(error) => {
                telemetry::tell(Happened::OperationUnrecorded {
                    operation: &self.once.operation,
                    error: &error,
                });
                Unwritten::Unconfirmed(error)
            }
        };
        Effect::Unrecorded { value, why }
    }

    /// The work failed, or was cut off.
    async fn fail<T>(
        &mut self,
        desk: &Desk,
        failure: Failure,
        trouble: Option<Settled>,
    ) -> Effect<T> {
        let operation = &self.once.operation;
        telemetry::tell(Happened::OperationFailed {
            operation,
            attempt: failure.attempt(),
        });
        let settled = match trouble {
            Some(trouble) => trouble,
            None => {
                self.write(desk, &End::Failed(failure.attempt.clone()))
                    .await
            }
        };
        let row = &self.won.record;
        let again_at = match settled {
            Settled::Written => match &row.death {
                Some(death) => {
                    return Effect::Dead {
                        reason: death.reason,
                        failure: Some(failure),
                    };
                }
                None => row.due.unwrap_or_default(),
            },
            Settled::Fenced => {
                telemetry::tell(Happened::OperationFenced(operation));
                self.once.ambient.now()
            }
            Settled::Unconfirmed(error) => {
                telemetry::tell(Happened::OperationUnrecorded {
                    operation,
                    error: &error,
                });
                row.lease_until.after(LEASE_SKEW)
            }
        };
        Effect::Failed { failure, again_at }
    }

    /// Writes the end of the call. Store trouble is retried almost to the deadline.
    async fn write(&mut self, desk: &Desk, end: &End) -> Settled {
        let once = self.once;
        let now = once.ambient.now();
        let (held, record) = (self.won.record.fence(), self.won.record.clone());
        let next = ended(record, &once.operation, &self.won.id, end, now);
        let next = next.written(once.terms.expires_at(now, now));
        let left = self.settle_until().since(now);
        let settled = timeout(left, desk.settle(held, next.clone())).await;
        let settled = settled.unwrap_or(Settled::Unconfirmed(StoreError::unanswered()));
        if let Settled::Written = settled {
            once.remembered.keep(&next);
            self.won.record = next;
        }
        settled
    }

    /// When the work must be cut off, and why then: before its lease ends, or before the deadline.
    fn cut_at(&self, work_until: Timestamp) -> (Timestamp, &'static str) {
        let lease_end = self.won.record.lease_until.before(LEASE_MARGIN);
        match lease_end < work_until {
            true => (lease_end, "lease_ended"),
            false => (work_until, "timeout"),
        }
    }

    /// When the lease is to be renewed; never where it is long enough.
    fn renew_at(&self, now: Timestamp) -> Option<Timestamp> {
        let terms = self.once.terms.renewals(self.call.budget)?;
        let holding = Holding {
            received: now,
            visible_at: self.won.record.lease_until,
        };
        match terms.next(holding, now) {
            Keep::Wait(at) => Some(at),
            Keep::Extend { .. } => Some(now),
            Keep::Last => None,
        }
    }

    /// The row with its lease renewed.
    fn renewed(&self, now: Timestamp) -> Record {
        let terms = self.once.terms;
        let mut next = self.won.record.clone();
        next.lease_until = next
            .lease_until
            .max(terms.lease_until(self.call.budget, now));
        let expires_at = terms.expires_at(next.lease_until, now);
        next.written(expires_at)
    }

    /// When the last write must have been answered.
    fn settle_until(&self) -> Timestamp {
        self.call.budget.settle_until()
    }
}

/// One write without a work beside it.
pub(super) async fn settle_alone<L: Ledger, A: Ambient>(
    once: &Once<L, A>,
    held: Fence,
    next: Record,
    until: Timestamp,
) -> Settled {
    let (desk, jobs) = Desk::new();
    let left = until.since(once.ambient.now());
    let settling = pin!(timeout(left, desk.settle(held, next)));
    let writing = pin!(drive(&once.ledger, &once.ambient, &desk, jobs, until));
    match select(settling, writing).await {
        Either::Left((Ok(settled), _)) => settled,
        Either::Left((Err(_), _)) | Either::Right(_) => {
            Settled::Unconfirmed(StoreError::unanswered())
        }
    }
}

/// A result as JSON that can be read back; nothing where that fails, or panics.
fn json<T: Serialize + DeserializeOwned>(value: &T) -> Option<String> {
    let written = || {
        let text = serde_json::to_string(value).ok()?;
        serde_json::from_str::<T>(&text).ok()?;
        Some(text)
    };
    catch_unwind(AssertUnwindSafe(written)).ok().flatten()
}
