//! A queue in memory with SQS's visibility, handles, order and redrive policy.

mod refusal;
mod request;
mod state;

pub use request::{QueueAsk, QueueCounts, QueueRequest};
pub use state::Standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::limit::{SQS_BATCH_MAX, VISIBILITY_MAX};
use waybill_core::message::Message;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{
    Ambient, Outgoing, Queue, QueueError, QueueErrorKind, VisibilityChange,
};

use refusal::{lease_lost, permanent};
use state::State;

/// A queue in memory: a FIFO queue where its name ends in `.fifo`, else a standard one. Clones
/// share their messages.
///
/// Of both sorts:
///
/// * Each receive counts, hides the message and issues a new handle. A change of visibility by an
///   older handle, or after the message became visible again, finds its lease lost (F02); one
///   beyond twelve hours from the receive is refused.
/// * With a redrive policy a receive that would exceed `maxReceiveCount` moves the message to the
///   dead-letter queue instead, untouched: same id, same group, its count going on.
///
/// Of a standard queue:
///
/// * A delete by an older handle is accepted and does nothing (F01); one by the newest handle works
///   even after the message became visible again.
/// * A moved message keeps its `SentTimestamp`.
/// * Messages come oldest first, and none twice at once; SQS promises neither.
///
/// Of a FIFO queue:
///
/// * A message has a group and a deduplication id of its own: there is no content-based
///   deduplication. For five minutes after a send the same deduplication id, of whatever group and
///   even if the message is deleted, is answered with the first one's id and keeps nothing.
/// * Within a group messages come in the order in which they were sent, and none comes while one
///   before it is in flight. So a message that is visible again comes before its followers, and
///   it may come while followers are still in flight.
///   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>
/// * A receive takes as many of one group as it can, then of the next. Groups that were not served
///   for longest come first; SQS promises no order between groups.
/// * A delete by an expired handle is refused.
///   <https://repost.aws/knowledge-center/sqs-receipt-handle-error>
///   A repeated delete is accepted; SQS does not say what it answers.
/// * A moved message's `SentTimestamp` begins anew and its deduplication id is its message id.
///   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
///
/// Where it is told so, of both sorts:
///
/// * [`FakeQueue::with_retention`]: a message that is older than that is gone, in flight or not, as
///   soon as anything is received.
/// * [`FakeQueue::with_in_flight_max`]: while so many are in flight nothing more is received. A
///   standard queue says `OverLimit` to a receive that does not wait.
///   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
///
/// What SQS does to a standard queue by chance is done on purpose: [`FakeQueue::show_in`] delivers
/// a message twice, [`FakeQueue::bring_back`] once more after its delete (F09).
///
/// Not modelled: receive request attempt ids, the scope of high throughput.
#[derive(Clone)]
pub struct FakeQueue {
    arn: String,
    ambient: Arc<dyn Ambient>,
    redrive: Option<Arc<Redrive>>,
    retention: Option<Duration>,
    in_flight_max: Option<usize>,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

/// The two sorts of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueueKind {
    /// At least once, in any order.
    Standard,
    /// In order within a group, sends deduplicated.
    Fifo,
}

/// A redrive policy.
struct Redrive {
    max_receive_count: u32,
    dead_letters: FakeQueue,
}

impl FakeQueue {
    /// An empty queue without a redrive policy. Its name tells its ids and handles apart from
    /// those of other queues.
    pub fn new(name: &str, ambient: Arc<dyn Ambient>) -> Self {
        Self {
            arn: format!("arn:aws:sqs:eu-central-1:000000000000:{name}"),
            ambient,
            redrive: None,
            retention: None,
            in_flight_max: None,
            state: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// The same queue with a redrive policy: receives beyond `max_receive_count` go to
    /// `dead_letters`. Clones made before do not have it.
    ///
    /// # Panics
    ///
    /// When one of them is a FIFO queue and the other is not.
    #[must_use]
    pub fn with_redrive(mut self, max_receive_count: u32, dead_letters: FakeQueue) -> Self {
        let of_one_sort = self.kind() == dead_letters.kind();
        assert!(
            of_one_sort,
            "a FIFO queue's dead letters are FIFO, and only they"
        );
        self.redrive = Some(Arc::new(Redrive {
            max_receive_count,
            dead_letters,
        }));
        self
    }

    /// The same queue, which keeps a message for this long after it was sent. Clones made before
    /// keep it for ever.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// The same queue with a quota of messages in flight: 120,000 on the service. Clones made
    /// before have none.
    #[must_use]
    pub fn with_in_flight_max(mut self, max: usize) -> Self {
        self.in_flight_max = Some(max);
        self
    }

    /// ARN of the queue.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Sends one message, at once and without being counted as a request.
    ///
    /// # Panics
    ///
    /// When the queue refuses it.
    pub fn put(&self, outgoing: Outgoing) -> MessageId {
        let sent = self.accept(&outgoing);
        sent.expect("a test puts messages that the queue takes")
    }

    /// Sends one message with this body, at once and without being counted as a request.
    ///
    /// # Panics
    ///
    /// When the queue refuses it, as a FIFO queue does.
    pub fn put_body(&self, body: impl Into<String>) -> MessageId {
        let body = body.into();
        self.put(Outgoing {
            body,
            ..Outgoing::default()
        })
    }

    /// Sends one message of a group with this body, at once and without being counted as a request.
    /// To a FIFO queue it is no duplicate of any other.
    ///
    /// # Panics
    ///
    /// When the queue refuses it.
    pub fn put_in(&self, group: &str, body: impl Into<String>) -> MessageId {
        let unique = || format!("put-{:016x}", self.ambient.random());
        self.put(Outgoing {
            body: body.into(),
            group_id: Some(group.to_owned()),
            deduplication_id: (self.kind() == QueueKind::Fifo).then(unique),
            ..Outgoing::default()
        })
    }

    /// Every message that stands in the queue, visible or in flight.
    pub fn messages(&self) -> Vec<Standing> {
        self.state().messages.clone()
    }

    /// How many messages stand in the queue, visible or in flight.
    pub fn len(&self) -> usize {
        self.state().messages.len()
    }

    /// Whether no message stands in the queue.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages can be received now.
    pub fn visible(&self) -> usize {
        let now = self.ambient.now();
        let messages = self.messages();
        messages.iter().filter(|m| m.visible_at <= now).count()
    }

    /// What was asked of it so far, in order.
    pub fn requests(&self) -> Vec<QueueRequest> {
        self.state().requests.clone()
    }

    /// How much was asked of it so far.
    pub fn counts(&self) -> QueueCounts {
        QueueCounts::of(&self.state().requests)
    }

    /// Which message a handle of a fake queue was issued for; `None` for any other handle.
    pub fn message_of(handle: &ReceiptHandle) -> Option<MessageId> {
        let (message_id, _) = handle.0.rsplit_once('@')?;
        MessageId::new(message_id)
    }

    /// Lets a message be visible this long from now, as another process does that holds its newest
    /// handle; zero ends its flight. No request is counted, and no handle changes.
    ///
    /// # Panics
    ///
    /// When no such message stands in the queue.
    pub fn show_in(&self, message_id: &MessageId, wait: Duration) {
        let now = self.ambient.now();
        let mut state = self.state();
        let is_it = |message: &&mut Standing| message.message_id == *message_id;
        let message = state.messages.iter_mut().find(is_it);
        let message = message.expect("the message stands in the queue");
        message.visible_at = now.after(wait);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Puts a message that was deleted where others can receive it, as a server of a standard queue
    /// does that missed the delete. Nothing happens while it still stands.
    pub fn bring_back(&self, message: &Standing) {
        let now = self.ambient.now();
        let mut state = self.state();
        let stands = |m: &Standing| m.message_id == message.message_id;
        if !state.messages.iter().any(stands) {
            state.messages.push(Standing {
                visible_at: now,
                ..message.clone()
            });
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Takes a message away, as a delete by its newest handle does. No request is counted.
    pub fn forget(&self, message_id: &MessageId) {
        self.state()
            .messages
            .retain(|m| m.message_id != *message_id);
        self.changed.notify_waiters();
    }

    /// What was in the queue for longer than its retention, and is gone.
    pub fn expired(&self) -> Vec<Standing> {
        self.state().expired.clone()
    }

    /// Moves every message to `source` as `StartMessageMoveTask` does: with a new id, a new
    /// `SentTimestamp` and no receives (F69).
    pub fn redrive_to(&self, source: &FakeQueue) {
        let moved = std::mem::take(&mut self.state().messages);
        for message in moved {
            source.put(message.sent);
        }
    }

    /// What the queue remembers.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its sort, as its name says.
    fn kind(&self) -> QueueKind {
        match self.arn.ends_with(".fifo") {
            true => QueueKind::Fifo,
            false => QueueKind::Standard,
        }
    }

    /// Notes a request.
    fn asked(&self, ask: QueueAsk) {
        self.state().asked(self.ambient.now(), ask);
    }

    /// Takes a message, or refuses it as SQS does.
    fn accept(&self, outgoing: &Outgoing) -> Result<MessageId, QueueError> {
        if let Some(refusal) = refusal::of_send(outgoing, self.kind()) {
            return Err(refusal);
        }
        let name = self.arn.rsplit(':').next().unwrap_or_default();
        let now = self.ambient.now();
        let message_id = self.state().accept(name, outgoing.clone(), now);
        self.changed.notify_waiters();
        Ok(message_id)
    }

    /// Receives what can be received now; moves what was received too often.
    fn take(&self, max: usize, visibility: Duration) -> Vec<Message> {
        let now = self.ambient.now();
        let mut state = self.state();
        if let Some(retention) = self.retention {
            state.expire(retention, now);
        }
        let max = max.min(self.room(&state, now));
        let mut taken = Vec::new();
        let mut spent = Vec::new();
        for place in state.receivable(self.kind(), now) {
            if taken.len() == max {
                break;
            }
            match state.messages.get(place) {
                Some(message) if self.is_spent(message) => {
                    spent.push(message.message_id.clone());
                }
                Some(_) | None => taken.extend(state.receive(place, visibility, now)),
            }
        }
        let moved = state
            .messages
            .extract_if(.., |m| spent.contains(&m.message_id));
        let moved: Vec<_> = moved.collect();
        drop(state);
        self.move_to_dead_letters(moved);
        let message = |(standing, handle)| self.message(&standing, handle);
        taken.into_iter().map(message).collect()
    }

    /// How many more may be in flight.
    fn room(&self, state: &State, now: Timestamp) -> usize {
        let Some(max) = self.in_flight_max else {
            return usize::MAX;
        };
        let all = state.messages.iter();
        max.saturating_sub(all.filter(|m| m.is_in_flight(now)).count())
    }

    /// Whether it was received as often as the redrive policy allows.
    fn is_spent(&self, message: &Standing) -> bool {
        let max = self.redrive.as_ref().map(|r| r.max_receive_count);
        max.is_some_and(|max| message.receive_count >= max)
    }

    /// Puts what was received too often into the dead-letter queue.
    fn move_to_dead_letters(&self, spent: Vec<Standing>) {
        let Some(redrive) = self.redrive.as_ref().filter(|_| !spent.is_empty()) else {
            return;
        };
        let at = self.ambient.now();
        let moved = spent.into_iter().map(|message| self.moved(message, at));
        redrive.dead_letters.state().messages.extend(moved);
        redrive.dead_letters.changed.notify_waiters();
    }

    /// A message as it stands in the dead-letter queue.
    fn moved(&self, message: Standing, at: Timestamp) -> Standing {
        let mut moved = Standing {
            visible_at: at,
            newest: None,
            moved_from: Some(self.arn.clone()),
            ..message
        };
        match self.kind() {
            QueueKind::Standard => {}
            QueueKind::Fifo => {
                moved.sent_at = at;
                moved.sent.deduplication_id = Some(moved.message_id.as_str().to_owned());
            }
        }
        moved
    }

    /// What a receive hands over.
    fn message(&self, message: &Standing, receipt_handle: ReceiptHandle) -> Message {
        Message {
            message_id: message.message_id.clone(),
            receipt_handle,
            body: message.sent.body.as_str().into(),
            receive_count: message.receive_count,
            sent: Some(message.sent_at),
            group_id: message.sent.group_id.clone(),
            trace_header: message.sent.trace_header.clone(),
            attributes: message.sent.attributes.clone(),
            queue_arn: self.arn.clone(),
            moved_from: message.moved_from.clone(),
        }
    }

    /// Changes one visibility.
    fn change_one(&self, change: &VisibilityChange) -> Result<(), QueueError> {
        if change.visible_in > VISIBILITY_MAX {
            let message = "a message is hidden for at most twelve hours";
            return Err(permanent("InvalidParameterValue", message));
        }
        let now = self.ambient.now();
        let whole = Duration::from_secs(ceil_secs(change.visible_in));
        let mut state = self.state();
        let held = |m: &&mut Standing| m.newest.as_ref() == Some(&change.receipt_handle);
        match state.messages.iter_mut().find(held) {
            None => Err(lease_lost("ReceiptHandleIsInvalid")),
            Some(message) if message.visible_at <= now => Err(lease_lost("MessageNotInflight")),
            Some(message) if is_too_long(message, now.after(whole)) => {
                let text = "a message is hidden for at most twelve hours from its receive";
                Err(permanent("InvalidParameterValue", text))
            }
            Some(message) => {
                message.visible_at = now.after(whole);
                Ok(())
            }
        }
    }

    /// Deletes one message, or refuses its handle.
    fn delete_one(&self, handle: &ReceiptHandle) -> Result<(), QueueError> {
        let now = self.ambient.now();
        let mut state = self.state();
        let Some((message_id, number)) = handle.0.rsplit_once('@') else {
            return Err(lease_lost("ReceiptHandleIsInvalid"));
        };
        // What this queue never issued holds nothing.
        if !number.parse().is_ok_and(|number| state.gave(number)) {
            return Err(lease_lost("ReceiptHandleIsInvalid"));
        }
        let mut all = state.messages.iter();
        let place = all.position(|m| m.message_id.as_str() == message_id);
        let Some((place, message)) = place.and_then(|p| Some((p, state.messages.get(p)?))) else {
            return Ok(());
        };
        let is_newest = message.newest.as_ref() == Some(handle);
        match (self.kind(), is_newest, message.is_in_flight(now)) {
            (QueueKind::Standard, false, _) => Ok(()),
            (QueueKind::Fifo, false, _) | (QueueKind::Fifo, true, false) => {
                Err(lease_lost("ReceiptHandleIsInvalid"))
            }
            (QueueKind::Standard, true, _) | (QueueKind::Fifo, true, true) => {
                state.messages.remove(place);
                Ok(())
            }
        }
    }
}

impl Queue for FakeQueue {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        self.asked(QueueAsk::Receive {
            max,
            wait,
            visibility,
        });
        if !(1..=SQS_BATCH_MAX).contains(&max) {
            let message = "a receive asks for 1 to 10 messages";
            return Err(permanent("InvalidParameterValue", message));
        }
        if visibility > VISIBILITY_MAX || wait > WAIT_MAX {
            let message = "a receive waits at most 20 s and hides for at most twelve hours";
            return Err(permanent("InvalidParameterValue", message));
        }
        let full = self.room(&self.state(), self.ambient.now()) == 0;
        if full && wait.is_zero() && self.kind() == QueueKind::Standard {
            return Err(QueueError {
                kind: QueueErrorKind::Transient,
                code: "OverLimit".to_owned(),
                message: "too many messages are in flight".to_owned(),
            });
        }
        let visibility = Duration::from_secs(ceil_secs(visibility));
        let until = Instant::now() + wait;
        loop {
            let changed = self.changed.notified();
            let taken = self.take(max, visibility);
            let left = until.saturating_duration_since(Instant::now());
            if !taken.is_empty() || left.is_zero() {
                return Ok(taken);
            }
            let next = self.next_visible().map_or(left, |next| next.min(left));
            // Woken by a change or by time, it looks again; which of the two does not matter.
            let _ = tokio::time::timeout(next, changed).await;
        }
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        self.asked(QueueAsk::Change(changes.to_vec()));
        if let Some(refusal) = refusal::of_batch(changes.len()) {
            return vec![Err(refusal); changes.len()];
        }
        let answers = changes.iter().map(|c| self.change_one(c)).collect();
        self.changed.notify_waiters();
        answers
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        self.asked(QueueAsk::Delete(handles.to_vec()));
        if let Some(refusal) = refusal::of_batch(handles.len()) {
            return vec![Err(refusal); handles.len()];
        }
        let answers = handles.iter().map(|h| self.delete_one(h)).collect();
        self.changed.notify_waiters();
        answers
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        self.asked(QueueAsk::Send(messages.to_vec()));
        if let Some(refusal) = refusal::of_batch(messages.len()) {
            return vec![Err(refusal); messages.len()];
        }
        messages.iter().map(|m| self.accept(m)).collect()
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        self.asked(QueueAsk::Attributes);
        Ok(self.redrive.is_some())
    }
}

impl FakeQueue {
    /// How long until a message in flight is visible again.
    fn next_visible(&self) -> Option<Duration> {
        let now = self.ambient.now();
        let state = self.state();
        let later = state.messages.iter().filter(|m| m.visible_at > now);
        later.map(|m| m.visible_at.since(now)).min()
    }
}

/// Whether a message would be hidden for too long since it was received.
fn is_too_long(message: &Standing, until: Timestamp) -> bool {
    let received_at = message.received_at.unwrap_or(message.sent_at);
    until.since(received_at) > VISIBILITY_MAX
}

/// Whole seconds, rounded up.
fn ceil_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Longest long poll.
const WAIT_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
