//! Services as a world's engines reach them: looked at where things happen.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use waybill_core::id::{LedgerKey, MessageId, ReceiptHandle};
use waybill_core::ledger::Row;
use waybill_core::message::Message;
use waybill_engine::ports::{
    Appointment, Ledger, Outgoing, Queue, QueueError, QueueErrorKind, ScheduleError, Scheduler,
    StoreError, VisibilityChange, Write, Written,
};
use waybill_testkit::FakeQueue;

use crate::link::Link;

use super::watch::Watch;

/// The table, looked at.
#[derive(Clone)]
pub(crate) struct SeenLedger {
    pub(crate) watch: Arc<Watch>,
    pub(crate) by: usize,
}

impl Ledger for SeenLedger {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        let key = |write: &Write| match write {
            Write::Insert(next) | Write::TakeOver { next, .. } | Write::Settle { next, .. } => {
                next.key.clone()
            }
        };
        let before = writes.iter().map(|w| self.watch.ledger.record(&key(w)));
        let before: Vec<_> = before.collect();
        let answers = self.watch.ledger.write(writes).await;
        for ((write, before), answer) in writes.iter().zip(before).zip(&answers) {
            match answer {
                Ok(Written::Done(_)) => self.watch.written(self.by, write, before.as_ref()),
                Ok(Written::Refused(_)) if matches!(write, Write::Settle { .. }) => {
                    self.watch.log().counts.fenced += 1;
                }
                Ok(Written::Refused(_)) | Err(_) => {}
            }
        }
        answers
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        self.watch.ledger.read(keys).await
    }
}

/// The queue, or the one of the dead, looked at.
#[derive(Clone)]
pub(crate) struct SeenQueue {
    pub(crate) watch: Arc<Watch>,
    pub(crate) by: usize,
    pub(crate) queue: FakeQueue,
}

impl Queue for SeenQueue {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let received = self.queue.receive(max, wait, visibility).await?;
        self.watch.receives(self.by, &received);
        self.watch.world.tell(|| {
            let ids: Vec<_> = received
                .iter()
                .map(|m| {
                    format!(
                        "{} (receive {}, `{}`)",
                        m.message_id, m.receive_count, m.body
                    )
                })
                .collect();
            format!("process {} receives [{}]", self.by, ids.join(", "))
        });
        Ok(received)
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        self.queue.change_visibility(changes).await
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        for handle in handles {
            self.watch.deletes_one(handle);
        }
        self.queue.delete(handles).await
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        let sent = self.queue.send(messages).await;
        self.watch.buries(messages);
        sent
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        self.queue.has_redrive_policy().await
    }
}

/// The scheduler, looked at.
#[derive(Clone)]
pub(crate) struct SeenScheduler(pub(crate) Arc<Watch>);

impl fmt::Debug for SeenScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeenScheduler")
    }
}

impl Scheduler for SeenScheduler {
    fn schedule<'a>(
        &'a self,
        appointment: &'a Appointment,
    ) -> BoxFuture<'a, Result<(), ScheduleError>> {
        Box::pin(self.0.schedules(appointment))
    }
}

/// A process's end of its connection to the queue: what it asks, and what it hears.
#[derive(Clone)]
pub(crate) struct Ear {
    pub(crate) watch: Arc<Watch>,
    pub(crate) link: Link<SeenQueue>,
}

impl Queue for Ear {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let received = self.link.receive(max, wait, visibility).await?;
        self.watch.arrives(&received);
        Ok(received)
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        for change in changes {
            self.watch
                .changes(&change.receipt_handle, change.visible_in);
        }
        let answers = self.link.change_visibility(changes).await;
        for (change, answer) in changes.iter().zip(&answers) {
            let lost = matches!(answer, Err(error) if error.kind == QueueErrorKind::LeaseLost);
            if lost {
                self.watch.hears_of_a_lost_lease(&change.receipt_handle);
            }
        }
        answers
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        for handle in handles {
            self.watch.asks_to_delete(handle);
        }
        self.link.delete(handles).await
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        self.link.send(messages).await
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        self.link.has_redrive_policy().await
    }
}
