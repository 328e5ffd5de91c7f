//! One SQS queue, standard or FIFO: visibility, receive counts, long polls, a redrive policy, message
//! groups. Of its dead-letter queue no more is played than that letters are sent to it, and counted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use md5::{Digest, Md5};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Refusal, lock};

/// The path of the account's queues in a URL.
const ACCOUNT: &str = "000000000000";

/// A queue, and its dead-letter queue.
#[derive(Debug)]
pub struct Queue {
    names: Names,
    visibility: Duration,
    receives: u32,
    state: Mutex<State>,
    arrived: Notify,
}

/// What the queues are called.
#[derive(Debug)]
struct Names {
    queue: &'static str,
    arn: &'static str,
    dead: &'static str,
    dead_arn: &'static str,
}

/// Of a standard queue.
const STANDARD: Names = Names {
    queue: "measured",
    arn: "arn:aws:sqs:us-east-1:000000000000:measured",
    dead: "measured-dlq",
    dead_arn: "arn:aws:sqs:us-east-1:000000000000:measured-dlq",
};

/// Of a FIFO queue.
const FIFO: Names = Names {
    queue: "measured.fifo",
    arn: "arn:aws:sqs:us-east-1:000000000000:measured.fifo",
    dead: "measured-dlq.fifo",
    dead_arn: "arn:aws:sqs:us-east-1:000000000000:measured-dlq.fifo",
};

/// What is in it.
#[derive(Debug, Default)]
struct State {
    /// Everything that was sent and is not deleted or dead, by number.
    messages: HashMap<u64, Message>,
    /// What may be received, in order; some of it may be gone. Messages of groups are in the order in
    /// which they were sent.
    visible: VecDeque<u64>,
    /// What is hidden, until when.
    hidden: Vec<(Instant, u64)>,
    sent: u64,
    dead: u64,
}

/// One message.
#[derive(Debug, Clone)]
struct Message {
    group: Option<String>,
    body: String,
    md5: String,
    sent_ms: u128,
    receives: u32,
    hidden_until: Option<Instant>,
}

/// One message as it was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its handle: the message's number and its receive's.
    pub handle: String,
    /// Its id.
    pub id: String,
    /// Its `MessageGroupId`.
    pub group: Option<String>,
    /// Its body.
    pub body: String,
    /// How often it was received, this receive included.
    pub receives: u32,
    /// When it was sent, in milliseconds since the epoch.
    pub sent_ms: u128,
    md5: String,
}

impl Queue {
    /// An empty standard queue.
    pub(super) fn standard(visibility: Duration, receives: u32) -> Self {
        Self::new(STANDARD, visibility, receives)
    }

    /// An empty FIFO queue.
    pub(super) fn fifo(visibility: Duration, receives: u32) -> Self {
        Self::new(FIFO, visibility, receives)
    }

    fn new(names: Names, visibility: Duration, receives: u32) -> Self {
        Self {
            names,
            visibility,
            receives,
            state: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Its ARN.
    pub fn arn(&self) -> &'static str {
        self.names.arn
    }

    /// Whether it is a FIFO queue.
    fn is_fifo(&self) -> bool {
        self.names.arn == FIFO.arn
    }

    /// The path of its URL.
    pub(super) fn path(&self) -> String {
        format!("{ACCOUNT}/{}", self.names.queue)
    }

    /// The path of its dead-letter queue's URL.
    pub(super) fn dead_letter_path(&self) -> String {
        format!("{ACCOUNT}/{}", self.names.dead)
    }

    /// Puts messages without a group in.
    pub fn send(&self, bodies: impl IntoIterator<Item = String>) {
        self.send_in_groups(bodies.into_iter().map(|body| (None, body)));
    }

    /// Puts messages in, each with its group, which a message of a FIFO queue must have.
    pub fn send_in_groups(&self, messages: impl IntoIterator<Item = (Option<String>, String)>) {
        let sent_ms = millis_since_epoch();
        let mut state = lock(&self.state);
        for (group, body) in messages {
            state.sent += 1;
            let number = state.sent;
            let md5 = hex(&Md5::digest(body.as_bytes()));
            let message = Message {
                group,
                body,
                md5,
                sent_ms,
                receives: 0,
                hidden_until: None,
            };
            state.messages.insert(number, message);
            state.visible.push_back(number);
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Receives up to so many. No message of a group is received while another of it is hidden.
    pub fn receive(&self, most: usize, visibility: Option<Duration>) -> Vec<Received> {
        let now = Instant::now();
        let visibility = visibility.unwrap_or(self.visibility);
        let mut state = lock(&self.state);
        state.show_again(now);
        let held = match self.is_fifo() {
            true => state.held_groups(now),
            false => HashSet::new(),
        };
        let mut passed_over = Vec::new();
        let mut received = Vec::new();
        while received.len() < most {
            let Some(number) = state.visible.pop_front() else {
                break;
            };
            let Some(message) = state.messages.get_mut(&number) else {
                continue;
            };
            if message.group.as_ref().is_some_and(|it| held.contains(it)) {
                passed_over.push(number);
                continue;
            }
            if message.receives >= self.receives {
                state.messages.remove(&number);
                state.dead += 1;
                continue;
            }
            message.receives += 1;
            message.hidden_until = Some(now + visibility);
            received.push(Received {
                handle: format!("{number}:{}", message.receives),
                id: format!("message-{number}"),
                group: message.group.clone(),
                body: message.body.clone(),
                receives: message.receives,
                sent_ms: message.sent_ms,
                md5: message.md5.clone(),
            });
            state.hidden.push((now + visibility, number));
        }
        for number in passed_over.into_iter().rev() {
            state.visible.push_front(number);
        }
        received
    }

    /// Deletes what this handle is of.
    pub fn delete(&self, handle: &str) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let Some((number, receive)) = parse(handle) else {
            return;
        };
        // A handle of an earlier receive deletes nothing; nor, in a FIFO queue, one whose time is over.
        let current = state.messages.get(&number);
        if current.is_some_and(|message| {
            message.receives == receive && (message.group.is_none() || message.is_hidden(now))
        }) {
            state.messages.remove(&number);
            drop(state);
            // The rest of its group may be received now.
            if self.is_fifo() {
                self.arrived.notify_waiters();
            }
        }
    }

    /// Hides what this handle is of for another time from now.
    fn hide(&self, handle: &str, time: Duration) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let Some((number, receive)) = parse(handle) else {
            return;
        };
        let Some(message) = state.messages.get_mut(&number) else {
            return;
        };
        if message.receives == receive {
            message.hidden_until = Some(now + time);
            state.hidden.push((now + time, number));
        }
    }

    /// How many are neither deleted nor dead.
    pub fn left(&self) -> usize {
        lock(&self.state).messages.len()
    }

    /// How many the redrive policy took.
    pub fn dead(&self) -> u64 {
        lock(&self.state).dead
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *lock(&self.state) = State::default();
    }

    /// Answers a request.
    pub(super) async fn answer(&self, operation: &str, asked: &Value) -> Result<Value, Refusal> {
        match operation {
            "ReceiveMessage" => Ok(self.poll(asked).await),
            "DeleteMessage" => {
                self.delete(text(asked, "ReceiptHandle"));
                Ok(json!({}))
            }
            "DeleteMessageBatch" => Ok(self.each(asked, |queue, entry| {
                queue.delete(text(entry, "ReceiptHandle"));
            })),
            "ChangeMessageVisibility" => {
                self.hide(text(asked, "ReceiptHandle"), seconds(asked));
                Ok(json!({}))
            }
            "ChangeMessageVisibilityBatch" => Ok(self.each(asked, |queue, entry| {
                queue.hide(text(entry, "ReceiptHandle"), seconds(entry));
            })),
            "SendMessageBatch" if text(asked, "QueueUrl").ends_with(self.names.dead) => {
                Ok(self.bury(asked))
            }
            "GetQueueAttributes" => {
                let policy = json!({
                    "deadLetterTargetArn": self.names.dead_arn,
                    "maxReceiveCount": self.receives,
                });
                Ok(json!({ "Attributes": {
                    "QueueArn": self.names.arn,
                    "VisibilityTimeout": self.visibility.as_secs().to_string(),
                    "RedrivePolicy": policy.to_string(),
                } }))
            }
            other => Err(Refusal::of(
                "UnsupportedOperation",
                format!("`{other}` is not played here"),
            )),
        }
    }

    /// A long poll.
    async fn poll(&self, asked: &Value) -> Value {
        let number = |name: &str| asked.get(name).and_then(Value::as_u64);
        let most = number("MaxNumberOfMessages").unwrap_or(1).clamp(1, 10);
        let most = usize::try_from(most).unwrap_or(1);
        let visibility = number("VisibilityTimeout").map(Duration::from_secs);
        let end = Instant::now() + Duration::from_secs(number("WaitTimeSeconds").unwrap_or(0));
        loop {
            let arrived = self.arrived.notified();
            let received = self.receive(most, visibility);
            let left = end.saturating_duration_since(Instant::now());
            if received.is_empty() && !left.is_zero() {
                let again = self.next_shown().min(left).max(LOOK_AGAIN);
                let _ = tokio::time::timeout(again, arrived).await;
                continue;
            }
            if received.is_empty() {
                return json!({});
            }
            let messages = received.into_iter().map(|message| {
                let mut attributes = json!({
                    "ApproximateReceiveCount": message.receives.to_string(),
                    "SentTimestamp": message.sent_ms.to_string(),
                });
                if let (Some(group), Some(all)) = (message.group, attributes.as_object_mut()) {
                    all.insert("MessageGroupId".to_owned(), json!(group));
                }
                json!({
                    "MessageId": message.id,
                    "ReceiptHandle": message.handle,
                    "MD5OfBody": message.md5,
                    "Body": message.body,
                    "Attributes": attributes,
                })
            });
            return json!({ "Messages": messages.collect::<Vec<_>>() });
        }
    }

    /// How long it is until something hidden may be received.
    fn next_shown(&self) -> Duration {
        let state = lock(&self.state);
        let next = state.hidden.iter().map(|(until, _)| *until).min();
        next.map_or(Duration::MAX, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Takes dead letters, and counts them.
    fn bury(&self, asked: &Value) -> Value {
        let entries = asked.get("Entries").and_then(Value::as_array);
        let mut state = lock(&self.state);
        let sent = entries.into_iter().flatten().map(|entry| {
            state.dead += 1;
            json!({
                "Id": text(entry, "Id"),
                "MessageId": format!("dead-{}", state.dead),
                "MD5OfMessageBody": hex(&Md5::digest(text(entry, "MessageBody"))),
            })
        });
        let sent: Vec<_> = sent.collect();
        json!({ "Successful": sent, "Failed": [] })
    }

    /// Does something with each entry of a batch.
    fn each(&self, asked: &Value, mut take: impl FnMut(&Self, &Value)) -> Value {
        let entries = asked.get("Entries").and_then(Value::as_array);
        let done = entries.into_iter().flatten().map(|entry| {
            take(self, entry);
            json!({ "Id": text(entry, "Id") })
        });
        let done: Vec<_> = done.collect();
        json!({ "Successful": done, "Failed": [] })
    }
}

impl Message {
    /// Whether it is hidden at this time.
    fn is_hidden(&self, now: Instant) -> bool {
        self.hidden_until.is_some_and(|until| until > now)
    }
}

impl State {
    /// The groups that a message is of that is hidden at this time.
    fn held_groups(&self, now: Instant) -> HashSet<String> {
        let hidden = self.hidden.iter();
        let messages = hidden.filter_map(|(_, number)| self.messages.get(number));
        let messages = messages.filter(|message| message.is_hidden(now));
        messages.filter_map(|it| it.group.clone()).collect()
    }

    /// Lets be received what is hidden no more.
    fn show_again(&mut self, now: Instant) {
        let (shown, hidden): (Vec<_>, Vec<_>) =
            self.hidden.drain(..).partition(|(until, _)| *until <= now);
        self.hidden = hidden;
        for (_, number) in shown {
            let Some(message) = self.messages.get_mut(&number) else {
                continue;
            };
            // It may have been hidden for longer since, or shown already.
            if message.hidden_until.is_some_and(|until| until <= now) {
                message.hidden_until = None;
                match message.group {
                    Some(_) => {
                        let place = self.visible.partition_point(|other| *other < number);
                        self.visible.insert(place, number);
                    }
                    None => self.visible.push_back(number),
                }
            }
        }
        let messages = &self.messages;
        self.hidden
            .retain(|(_, number)| messages.contains_key(number));
    }
}

/// A text of a request.
fn text<'a>(asked: &'a Value, name: &str) -> &'a str {
    asked.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// For how long something is to be hidden.
fn seconds(asked: &Value) -> Duration {
    let seconds = asked.get("VisibilityTimeout").and_then(Value::as_u64);
    Duration::from_secs(seconds.unwrap_or_default())
}

/// The message's number and its receive's.
fn parse(handle: &str) -> Option<(u64, u32)> {
    let (number, receive) = handle.split_once(':')?;
    Some((number.parse().ok()?, receive.parse().ok()?))
}

/// Hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Now.
fn millis_since_epoch() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

/// The shortest time after which a long poll looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
