//! What stands in a queue, and what of it can be received.

use std::collections::BTreeMap;
use std::time::Duration;

use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::time::Timestamp;
use waybill_engine::ports::Outgoing;

use super::QueueKind;
use super::request::{QueueAsk, QueueRequest};

/// A message as it stands in a [`super::FakeQueue`].
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
    /// When it was last received.
    pub received_at: Option<Timestamp>,
    /// When it can be received: now or earlier when it is visible.
    pub visible_at: Timestamp,
    /// The handle of the newest receive.
    pub newest: Option<ReceiptHandle>,
    /// ARN of the queue that a redrive policy moved it from.
    pub moved_from: Option<String>,
}

impl Standing {
    /// Its `MessageGroupId`.
    pub fn group(&self) -> Option<&str> {
        self.sent.group_id.as_deref()
    }

    /// Whether it is received and not visible again.
    pub fn is_in_flight(&self, now: Timestamp) -> bool {
        self.visible_at > now
    }
}

/// What a queue remembers. Messages stand in the order in which they were sent.
#[derive(Default)]
pub(super) struct State {
    /// What was sent and not deleted.
    pub(super) messages: Vec<Standing>,
    /// What stood for longer than the retention.
    pub(super) expired: Vec<Standing>,
    /// Every request, in order.
    pub(super) requests: Vec<QueueRequest>,
    /// The last number given to a message or a receive.
    names: u64,
    /// When a deduplication id was first sent, and the message it stands for.
    deduplications: BTreeMap<String, (Timestamp, MessageId)>,
    /// Which group comes next.
    turns: Turns,
}

/// When each group last had its turn: groups that had none come first.
#[derive(Default)]
struct Turns {
    /// How many turns there were.
    latest: u64,
    /// The last turn of each group.
    of: BTreeMap<String, u64>,
}

impl State {
    /// Notes a request.
    pub(super) fn asked(&mut self, at: Timestamp, ask: QueueAsk) {
        self.requests.push(QueueRequest { at, ask });
    }

    /// Takes away what is older than the retention.
    pub(super) fn expire(&mut self, retention: Duration, now: Timestamp) {
        let is_old = |m: &mut Standing| m.sent_at.after(retention) <= now;
        self.expired.extend(self.messages.extract_if(.., is_old));
    }

    /// Takes a message that the queue accepts; where it repeats one, answers that one's id and
    /// keeps nothing.
    pub(super) fn accept(&mut self, queue: &str, sent: Outgoing, now: Timestamp) -> MessageId {
        let repeated = sent.deduplication_id.as_ref();
        let repeated = repeated.and_then(|id| self.deduplications.get(id));
        if let Some((at, first)) = repeated
            && now.since(*at) < DEDUPLICATION_INTERVAL
        {
            return first.clone();
        }
        let message_id = self.next_message_id(queue);
        if let Some(id) = sent.deduplication_id.clone() {
            self.deduplications.insert(id, (now, message_id.clone()));
        }
        self.messages.push(Standing {
            message_id: message_id.clone(),
            sent,
            sent_at: now,
            receive_count: 0,
            received_at: None,
            visible_at: now,
            newest: None,
            moved_from: None,
        });
        message_id
    }

    /// Where the messages stand that can be received now, in the order in which they come.
    ///
    /// Of a group of a FIFO queue these are the ones before its first message in flight.
    pub(super) fn receivable(&self, kind: QueueKind, now: Timestamp) -> Vec<usize> {
        let all = self.messages.iter().enumerate();
        match kind {
            QueueKind::Standard => {
                let visible = all.filter(|(_, message)| !message.is_in_flight(now));
                visible.map(|(place, _)| place).collect()
            }
            QueueKind::Fifo => {
                let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
                for (place, message) in all {
                    groups
                        .entry(message.group())
                        .or_default()
                        .push((place, message));
                }
                let free = groups.into_iter().map(|(group, messages)| {
                    let visible = messages.iter().take_while(|(_, m)| !m.is_in_flight(now));
                    let places: Vec<_> = visible.map(|(place, _)| *place).collect();
                    (self.turns.last(group), places)
                });
                let mut free: Vec<_> = free.collect();
                free.sort();
                free.into_iter().flat_map(|(_, places)| places).collect()
            }
        }
    }

    /// Hands out the message that stands there.
    pub(super) fn receive(
        &mut self,
        place: usize,
        visibility: Duration,
        now: Timestamp,
    ) -> Option<(Standing, ReceiptHandle)> {
        let message_id = self.messages.get(place)?.message_id.clone();
        let handle = self.next_handle(&message_id);
        let message = self.messages.get_mut(place)?;
        message.receive_count += 1;
        message.received_at = Some(now);
        message.visible_at = now.after(visibility);
        message.newest = Some(handle.clone());
        if let Some(group) = message.group() {
            self.turns.had(group);
        }
        Some((message.clone(), handle))
    }

    /// Whether a number of this queue was ever given out.
    pub(super) fn gave(&self, number: u64) -> bool {
        (1..=self.names).contains(&number)
    }

    /// An id that no other message has.
    fn next_message_id(&mut self, queue: &str) -> MessageId {
        self.names += 1;
        let id = format!("{queue}-{:08}", self.names);
        MessageId::new(id).expect("the id ends in eight digits")
    }

    /// A handle that no other receive has.
    fn next_handle(&mut self, message_id: &MessageId) -> ReceiptHandle {
        self.names += 1;
        ReceiptHandle(format!("{message_id}@{}", self.names))
    }
}

impl Turns {
    /// When a group last had its turn; zero where it had none.
    fn last(&self, group: Option<&str>) -> u64 {
        let turn = group.and_then(|group| self.of.get(group));
        turn.copied().unwrap_or_default()
    }

    /// Notes that a group has its turn.
    fn had(&mut self, group: &str) {
        self.latest += 1;
        self.of.insert(group.to_owned(), self.latest);
    }
}

/// How long a deduplication id is remembered, counted from the send.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>
const DEDUPLICATION_INTERVAL: Duration = Duration::from_secs(5 * 60);
