//! A standard queue in memory with SQS's visibility, handles and redrive policy.

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

/// A standard queue in memory. Clones share their messages.
///
/// * Each receive counts, hides the message and issues a new handle. A delete by an older handle is
///   accepted and does nothing (F01); a change of visibility by one finds its lease lost.
/// * A message whose visibility lapsed can still be deleted by its newest handle, but it is no
///   longer in flight: a change of visibility finds its lease lost (F02).
/// * With a redrive policy a receive that would exceed `maxReceiveCount` moves the message to the
///   dead-letter queue instead, untouched: same id, same `SentTimestamp`, its count going on.
/// * Messages come oldest first, which SQS does not promise.
#[derive(Clone)]
pub struct FakeQueue {
    arn: String,
    ambient: Arc<dyn Ambient>,
    redrive: Option<Arc<Redrive>>,
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

/// How much was asked of a [`FakeQueue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounts {
    /// `ReceiveMessage` requests.
    pub receives: usize,
    /// `ChangeMessageVisibilityBatch` requests.
    pub changes: usize,
    /// `DeleteMessageBatch` requests.
    pub deletes: usize,
    /// `SendMessageBatch` requests.
    pub sends: usize,
}

/// A message as it stands in a [`FakeQueue`].
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its id.
    pub message_id: MessageId,
    /// What was sent.
    pub sent: Outgoing,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How often it was received.
    pub receive_count: u32,
    /// When it can be received: now or earlier when it is visible.
    pub visible_at: Timestamp,
    /// The handle of the newest receive.
    pub newest: Option<ReceiptHandle>,
}

struct Redrive {
    max_receive_count: u32,
    dead_letters: FakeQueue,
}

#[derive(Default)]
struct State {
    messages: Vec<Standing>,
    names: u64,
    counts: QueueCounts,
}

impl FakeQueue {
    /// An empty queue without a redrive policy. Its name tells its ids and handles apart from
    /// those of other queues.
    pub fn new(name: &str, ambient: Arc<dyn Ambient>) -> Self {
        Self {
            arn: format!("arn:aws:sqs:eu-central-1:000000000000:{name}"),
            ambient,
            redrive: None,
            state: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// The same queue with a redrive policy: receives beyond `max_receive_count` go to
    /// `dead_letters`. Clones made before do not have it.
    #[must_use]
    pub fn with_redrive(mut self, max_receive_count: u32, dead_letters: FakeQueue) -> Self {
        self.redrive = Some(Arc::new(Redrive {
            max_receive_count,
            dead_letters,
        }));
        self
    }

    /// ARN of the queue.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Sends one message, at once and without being counted as a request.
    pub fn put(&self, outgoing: Outgoing) -> MessageId {
        let sent_at = self.ambient.now();
        let mut state = self.state();
        let message_id = state.next_message_id(&self.arn);
        state.messages.push(Standing {
            message_id: message_id.clone(),
            sent: outgoing,
            sent_at,
            receive_count: 0,
            visible_at: sent_at,
            newest: None,
        });
        drop(state);
        self.changed.notify_waiters();
        message_id
    }

    /// Sends one message with this body, at once and without being counted as a request.
    pub fn put_body(&self, body: impl Into<String>) -> MessageId {
        let body = body.into();
        self.put(Outgoing {
            body,
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

    /// What was asked of it so far.
    pub fn counts(&self) -> QueueCounts {
        self.state().counts
    }

    /// Moves every message to `source` as `StartMessageMoveTask` does: with a new id, a new
    /// `SentTimestamp` and no receives (F69).
    pub fn redrive_to(&self, source: &FakeQueue) {
        let moved = std::mem::take(&mut self.state().messages);
        for message in moved {
            source.put(message.sent);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives what is visible now; moves what was received too often.
    fn take(&self, max: usize, visibility: Duration) -> Vec<Message> {
        let now = self.ambient.now();
        let mut state = self.state();
        let mut taken = Vec::new();
        let mut kept = Vec::with_capacity(state.messages.len());
        let mut spent = Vec::new();
        for mut message in std::mem::take(&mut state.messages) {
            if message.visible_at > now || taken.len() == max {
                kept.push(message);
                continue;
            }
            if self.is_spent(&message) {
                spent.push(message);
                continue;
            }
            message.receive_count += 1;
            message.visible_at = now.after(visibility);
            let handle = state.next_handle(&message.message_id);
            message.newest = Some(handle.clone());
            taken.push(self.message(&message, handle));
            kept.push(message);
        }
        state.messages = kept;
        drop(state);
        self.move_to_dead_letters(spent);
        taken
    }

    fn is_spent(&self, message: &Standing) -> bool {
        let max = self.redrive.as_ref().map(|r| r.max_receive_count);
        max.is_some_and(|max| message.receive_count >= max)
    }

    fn move_to_dead_letters(&self, spent: Vec<Standing>) {
        let Some(redrive) = self.redrive.as_ref().filter(|_| !spent.is_empty()) else {
            return;
        };
        let at = self.ambient.now();
        let moved = spent.into_iter().map(|message| Standing {
            visible_at: at,
            newest: None,
            ..message
        });
        redrive.dead_letters.state().messages.extend(moved);
        redrive.dead_letters.changed.notify_waiters();
    }

    fn message(&self, message: &Standing, receipt_handle: ReceiptHandle) -> Message {
        Message {
            message_id: message.message_id.clone(),
            receipt_handle,
            body: message.sent.body.clone(),
            receive_count: message.receive_count,
            sent: Some(message.sent_at),
            group_id: message.sent.group_id.clone(),
            trace_header: message.sent.trace_header.clone(),
            attributes: message.sent.attributes.clone(),
            queue_arn: self.arn.clone(),
        }
    }

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
            Some(message) => {
                message.visible_at = now.after(whole);
                Ok(())
            }
        }
    }

    fn delete_one(&self, handle: &ReceiptHandle) -> Result<(), QueueError> {
        if !self.issued(handle) {
            return Err(lease_lost("ReceiptHandleIsInvalid"));
        }
        let stands = |m: &Standing| m.newest.as_ref() != Some(handle);
        self.state().messages.retain(stands);
        Ok(())
    }

    /// Whether this queue, or the one it serves as dead-letter queue, ever issued the handle.
    fn issued(&self, handle: &ReceiptHandle) -> bool {
        let number = handle.0.rsplit_once('@').map(|(_, number)| number.parse());
        matches!(number, Some(Ok(n)) if (1..=self.state().names).contains(&n))
    }
}

impl Queue for FakeQueue {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        self.state().counts.receives += 1;
        if !(1..=SQS_BATCH_MAX).contains(&max) {
            let message = "a receive asks for 1 to 10 messages";
            return Err(permanent("InvalidParameterValue", message));
        }
        if visibility > VISIBILITY_MAX || wait > WAIT_MAX {
            let message = "a receive waits at most 20 s and hides for at most twelve hours";
            return Err(permanent("InvalidParameterValue", message));
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
        self.state().counts.changes += 1;
        if let Some(refusal) = too_many(changes.len()) {
            return vec![Err(refusal); changes.len()];
        }
        let answers = changes.iter().map(|c| self.change_one(c)).collect();
        self.changed.notify_waiters();
        answers
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        self.state().counts.deletes += 1;
        if let Some(refusal) = too_many(handles.len()) {
            return vec![Err(refusal); handles.len()];
        }
        handles.iter().map(|h| self.delete_one(h)).collect()
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        self.state().counts.sends += 1;
        if let Some(refusal) = too_many(messages.len()) {
            return vec![Err(refusal); messages.len()];
        }
        messages.iter().map(|m| self.send_one(m)).collect()
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        Ok(self.redrive.is_some())
    }
}

impl FakeQueue {
    fn send_one(&self, message: &Outgoing) -> Result<MessageId, QueueError> {
        if message.body.is_empty() {
            return Err(permanent("MissingParameter", "a message has a body"));
        }
        if message.attributes.len() > ATTRIBUTES_MAX {
            let message = "a message has at most ten attributes";
            return Err(permanent("InvalidParameterValue", message));
        }
        Ok(self.put(message.clone()))
    }

    /// How long until a message in flight is visible again.
    fn next_visible(&self) -> Option<Duration> {
        let now = self.ambient.now();
        let state = self.state();
        let later = state.messages.iter().filter(|m| m.visible_at > now);
        later.map(|m| m.visible_at.since(now)).min()
    }
}

impl State {
    fn next_message_id(&mut self, arn: &str) -> MessageId {
        self.names += 1;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let id = format!("{name}-{:08}", self.names);
        MessageId::new(id).expect("the id ends in eight digits")
    }

    fn next_handle(&mut self, message_id: &MessageId) -> ReceiptHandle {
        self.names += 1;
        ReceiptHandle(format!("{message_id}@{}", self.names))
    }
}

/// What an empty or overfull batch is answered.
fn too_many(entries: usize) -> Option<QueueError> {
    let message = "a batch request has 1 to 10 entries";
    match entries {
        1..=SQS_BATCH_MAX => None,
        0 => Some(permanent(
            "AWS.SimpleQueueService.EmptyBatchRequest",
            message,
        )),
        _ => {
            let code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
            Some(permanent(code, message))
        }
    }
}

fn permanent(code: &str, message: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::Permanent,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn lease_lost(code: &str) -> QueueError {
    QueueError {
        kind: QueueErrorKind::LeaseLost,
        code: code.to_owned(),
        message: "the receipt handle holds nothing any more".to_owned(),
    }
}

/// Whole seconds, rounded up.
fn ceil_secs(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Longest long poll.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Most message attributes of one message.
const ATTRIBUTES_MAX: usize = 10;

#[cfg(test)]
mod tests;
