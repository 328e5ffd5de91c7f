//! Schedules in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use waybill_core::id::MessageId;
use waybill_core::limit::SCHEDULE_INPUT_MAX;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Appointment, Outgoing, ScheduleError, Scheduler};

use crate::queue::FakeQueue;

/// A scheduler in memory, of one queue. Clones share their schedules.
///
/// A schedule is made once under its name, and is gone when it was fired ([`FakeScheduler::fire`]):
/// nothing is fired by itself. A time that is past is taken and fired next, a name or an input that
/// EventBridge Scheduler does not take is refused.
#[derive(Clone)]
pub struct FakeScheduler {
    queue: FakeQueue,
    standing: Arc<Mutex<BTreeMap<String, Appointment>>>,
}

impl FakeScheduler {
    /// A scheduler without schedules, which sends to this queue.
    pub fn new(queue: FakeQueue) -> Self {
        Self {
            queue,
            standing: Arc::default(),
        }
    }

    /// Every schedule that is still to be fired, by name.
    pub fn standing(&self) -> Vec<Appointment> {
        self.lock().values().cloned().collect()
    }

    /// Sends what is due by then and forgets it; the messages' ids.
    pub fn fire(&self, now: Timestamp) -> Vec<MessageId> {
        let mut fired = Vec::new();
        self.lock().retain(|_, appointment| {
            let is_due = appointment.at <= now;
            if is_due {
                fired.push(self.send(appointment));
            }
            !is_due
        });
        fired
    }

    /// Sends what one schedule says and forgets it; the message's id, where there is such a
    /// schedule.
    pub fn fire_one(&self, name: &str) -> Option<MessageId> {
        let appointment = self.lock().remove(name)?;
        Some(self.send(&appointment))
    }

    /// Sends the message of a schedule, which stays as it is: schedulers may fire twice.
    pub fn send(&self, appointment: &Appointment) -> MessageId {
        self.queue.put(Outgoing {
            body: appointment.body.clone(),
            ..Outgoing::default()
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Appointment>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, appointment: &Appointment) -> Result<(), ScheduleError> {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let name = &appointment.name;
        let right = (1..=64).contains(&name.len()) && name.bytes().all(named);
        if !right
            || appointment.body.is_empty()
            || appointment.body.len() > SCHEDULE_INPUT_MAX
            || appointment.queue_arn != self.queue.arn()
        {
            return Err(ScheduleError {
                code: "ValidationException".to_owned(),
                message: "a name, an input or a queue that is not taken".to_owned(),
            });
        }
        self.lock()
            .entry(name.clone())
            .or_insert_with(|| appointment.clone());
        Ok(())
    }
}

impl Scheduler for FakeScheduler {
    fn schedule<'a>(
        &'a self,
        appointment: &'a Appointment,
    ) -> BoxFuture<'a, Result<(), ScheduleError>> {
        Box::pin(async move { self.make(appointment) })
    }
}

impl fmt::Debug for FakeScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeScheduler({} schedules)", self.lock().len())
    }
}

#[cfg(test)]
mod tests;
