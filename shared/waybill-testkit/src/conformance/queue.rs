//! What a caller may rely on of a queue.
//!
//! Cases wait by long polls only, so that they end at once under a paused clock and as soon as
//! they can against a real one.

mod fifo;

pub use fifo::fifo_queue;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use waybill_core::id::ReceiptHandle;
use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_engine::ports::{Outgoing, Queue, QueueErrorKind, VisibilityChange};

use super::{Deviation, run};
use crate::fixtures::text;

/// Makes empty queues: FIFO queues where the name ends in `.fifo`, else standard ones.
pub trait MakeQueue: Sync {
    /// What it makes.
    type Queue: Queue;

    /// A queue of this name without a redrive policy.
    fn make(&self, name: &str) -> impl Future<Output = Self::Queue> + Send;

    /// A queue of this name and its dead-letter queue, of the same sort, where what was received
    /// `max_receive_count` times goes.
    fn make_with_redrive(
        &self,
        name: &str,
        max_receive_count: u32,
    ) -> impl Future<Output = (Self::Queue, Self::Queue)> + Send;
}

/// The name of a queue's dead-letter queue, of the same sort.
pub fn dead_letters_of(name: &str) -> String {
    match name.strip_suffix(".fifo") {
        Some(stem) => format!("{stem}-dead.fifo"),
        None => format!("{name}-dead"),
    }
}

/// Runs every case of standard queues, each with queues of its own; answers how many there are.
///
/// # Panics
///
/// When a case fails that is no deviation, or passes though it is one; the message names all that
/// did.
pub async fn queue<M: MakeQueue>(queues: &M, deviations: &[Deviation]) -> usize {
    let cases = vec![
        ("sent is received", sent_is_received(queues).boxed_local()),
        (
            "attributes survive",
            attributes_survive(queues).boxed_local(),
        ),
        (
            "a received message is hidden",
            received_is_hidden(queues).boxed_local(),
        ),
        (
            "a long poll waits for its time",
            long_poll(queues).boxed_local(),
        ),
        (
            "zero makes visible at once",
            zero_is_now(queues).boxed_local(),
        ),
        (
            "a change replaces from now",
            change_replaces(queues).boxed_local(),
        ),
        (
            "a stale handle promises nothing",
            stale_handle(queues).boxed_local(),
        ),
        ("a bad handle fails alone", bad_handle(queues).boxed_local()),
        (
            "a deleted message is gone",
            deleted_is_gone(queues).boxed_local(),
        ),
        (
            "more than ten are refused whole",
            more_than_ten(queues).boxed_local(),
        ),
        (
            "nothing asked is nothing answered",
            nothing_asked(queues).boxed_local(),
        ),
        (
            "the redrive policy moves",
            redrive_policy(queues).boxed_local(),
        ),
        (
            "a moved message says from where",
            moved_from(queues).boxed_local(),
        ),
        (
            "a trace header survives",
            trace_header(queues).boxed_local(),
        ),
        (
            "a deduplication id is refused",
            no_deduplication(queues).boxed_local(),
        ),
    ];
    run(cases, deviations).await
}

async fn sent_is_received<M: MakeQueue>(queues: &M) {
    let queue = queues.make("sent").await;
    let bodies: Vec<_> = (0..SQS_BATCH_MAX)
        .map(|n| format!("{{\"n\": {n}, \"text\": \"naïve 鍵 🚚 \\\" <&>\"}}"))
        .collect();
    let outgoing: Vec<_> = bodies.iter().map(|body| plain(body)).collect();
    let mut sent = BTreeMap::new();
    for (answer, body) in queue.send(&outgoing).await.into_iter().zip(&bodies) {
        sent.insert(answer.expect("a valid message is sent"), body.clone());
    }
    assert_eq!(
        sent.len(),
        SQS_BATCH_MAX,
        "every message has an id of its own"
    );
    let received = receive_all(&queue, SQS_BATCH_MAX).await;
    for message in &received {
        assert_eq!(message.receive_count, 1);
        assert!(message.sent.is_some(), "SentTimestamp is there");
        assert!(message.group_id.is_none());
        assert!(message.attributes.is_empty());
        assert!(
            message.queue_arn.starts_with("arn:"),
            "{}",
            message.queue_arn
        );
    }
    let received: BTreeMap<_, _> = received
        .into_iter()
        .map(|message| (message.message_id, message.body.into()))
        .collect();
    assert_eq!(received, sent);
}

async fn attributes_survive<M: MakeQueue>(queues: &M) {
    let queue = queues.make("attributes").await;
    let number = MessageAttribute {
        data_type: "Number".to_owned(),
        value: AttributeValue::Text("42".to_owned()),
    };
    let bytes = MessageAttribute {
        data_type: "Binary.raw".to_owned(),
        value: AttributeValue::Bytes(vec![0, 255, 1]),
    };
    let outgoing = Outgoing {
        body: "a".to_owned(),
        attributes: [
            ("waybill-key".to_owned(), text("ключ")),
            ("count".to_owned(), number),
            ("raw".to_owned(), bytes),
        ]
        .into(),
        group_id: Some("tenant-7".to_owned()),
        ..Outgoing::default()
    };
    for answer in queue.send(std::slice::from_ref(&outgoing)).await {
        answer.expect("a valid message is sent");
    }
    let received = receive_one(&queue, HOUR).await;
    assert_eq!(received.attributes, outgoing.attributes);
    assert_eq!(received.group_id, outgoing.group_id);
    assert_eq!(received.text_attribute("waybill-key"), Some("ключ"));
}

async fn trace_header<M: MakeQueue>(queues: &M) {
    let queue = queues.make("trace").await;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let outgoing = Outgoing {
        trace_header: Some(header.to_owned()),
        ..plain("a")
    };
    for answer in queue.send(&[outgoing]).await {
        answer.expect("a valid message is sent");
    }
    let received = receive_one(&queue, HOUR).await;
    assert_eq!(received.trace_header.as_deref(), Some(header));
}

async fn received_is_hidden<M: MakeQueue>(queues: &M) {
    let queue = queues.make("hidden").await;
    send_body(&queue, "a").await;
    receive_one(&queue, HOUR).await;
    assert_nothing(&queue, Duration::from_secs(1)).await;
}

/// Longer than any other request may take.
async fn long_poll<M: MakeQueue>(queues: &M) {
    let queue = queues.make("long").await;
    let began = Instant::now();
    assert_nothing(&queue, Duration::from_secs(5)).await;
    assert!(
        began.elapsed() > Duration::from_secs(4),
        "answered too early"
    );
}

async fn zero_is_now<M: MakeQueue>(queues: &M) {
    let queue = queues.make("zero").await;
    send_body(&queue, "a").await;
    for count in 1..=3 {
        let message = receive_one(&queue, HOUR).await;
        assert_eq!(message.receive_count, count);
        hand_back(&queue, &message, Duration::ZERO).await;
    }
}

/// A visibility counts from the change, not from the receive, and does not add to what was left
/// (F06).
async fn change_replaces<M: MakeQueue>(queues: &M) {
    let queue = queues.make("replaces").await;
    send_body(&queue, "a").await;
    let message = receive_one(&queue, HOUR).await;
    let changed = Instant::now();
    hand_back(&queue, &message, Duration::from_secs(2)).await;
    let message = receive_one(&queue, Duration::from_secs(1)).await;
    // Services keep whole seconds: one may seem shorter by what its beginning was late.
    assert!(
        changed.elapsed() > Duration::from_secs(1),
        "visible too early"
    );
    hand_back(&queue, &message, HOUR).await;
    assert_nothing(&queue, Duration::from_secs(2)).await;
}

/// A standard queue may accept a stale handle and keep the message: whatever it answers, the
/// newest handle is the one that counts (F01).
async fn stale_handle<M: MakeQueue>(queues: &M) {
    let queue = queues.make("stale").await;
    send_body(&queue, "a").await;
    let stale = receive_one(&queue, HOUR).await;
    hand_back(&queue, &stale, Duration::ZERO).await;
    let newest = receive_one(&queue, HOUR).await;
    assert_ne!(stale.receipt_handle, newest.receipt_handle);
    for answer in queue.delete(&[stale.receipt_handle]).await {
        let lost = |error: &_| matches!(error, QueueErrorKind::LeaseLost);
        let kind = answer.map_err(|error| error.kind);
        assert!(kind.as_ref().err().is_none_or(lost), "{kind:?}");
    }
    let answers = queue.delete(&[newest.receipt_handle]).await;
    assert_eq!(answers, [Ok(())]);
}

/// Each entry is answered at its own place (F31).
async fn bad_handle<M: MakeQueue>(queues: &M) {
    let queue = queues.make("bad").await;
    for body in ["a", "b", "c"] {
        send_body(&queue, body).await;
    }
    let held = receive_all(&queue, 3).await;
    let mut handles: Vec<_> = held.into_iter().map(|m| m.receipt_handle).collect();
    handles.insert(1, ReceiptHandle("no handle of this queue".to_owned()));
    let change = |receipt_handle: &ReceiptHandle| VisibilityChange {
        receipt_handle: receipt_handle.clone(),
        visible_in: Duration::from_secs(30),
    };
    let changes: Vec<_> = handles.iter().map(change).collect();
    assert_only_second_lost(queue.change_visibility(&changes).await);
    assert_only_second_lost(queue.delete(&handles).await);
}

fn assert_only_second_lost(answers: Vec<Result<(), waybill_engine::ports::QueueError>>) {
    let kinds: Vec<_> = answers.into_iter().map(|a| a.map_err(|e| e.kind)).collect();
    let lost = Err(QueueErrorKind::LeaseLost);
    assert_eq!(kinds, [Ok(()), lost, Ok(()), Ok(())]);
}

async fn deleted_is_gone<M: MakeQueue>(queues: &M) {
    let queue = queues.make("deleted").await;
    send_body(&queue, "a").await;
    let message = receive_one(&queue, Duration::from_secs(1)).await;
    let handles = [message.receipt_handle];
    assert_eq!(queue.delete(&handles).await, [Ok(())]);
    assert_nothing(&queue, Duration::from_secs(2)).await;
}

async fn more_than_ten<M: MakeQueue>(queues: &M) {
    let queue = queues.make("many").await;
    let outgoing = vec![plain("a"); SQS_BATCH_MAX + 1];
    let answers = queue.send(&outgoing).await;
    assert_eq!(answers.len(), outgoing.len());
    for answer in answers {
        let kind = answer.map_err(|error| error.kind);
        assert_eq!(kind, Err(QueueErrorKind::Permanent));
    }
    assert_nothing(&queue, Duration::ZERO).await;
}

async fn nothing_asked<M: MakeQueue>(queues: &M) {
    let queue = queues.make("nothing").await;
    assert_eq!(queue.send(&[]).await, []);
    assert_eq!(queue.delete(&[]).await, []);
    assert_eq!(queue.change_visibility(&[]).await, []);
}

/// What was received too often goes to the dead-letter queue untouched.
async fn redrive_policy<M: MakeQueue>(queues: &M) {
    let without = queues.make("without").await;
    assert_eq!(without.has_redrive_policy().await, Ok(false));
    let (queue, dead_letters) = queues.make_with_redrive("with", 2).await;
    assert_eq!(queue.has_redrive_policy().await, Ok(true));
    let sent = Outgoing {
        attributes: [("waybill-key".to_owned(), text("k"))].into(),
        ..plain("poison")
    };
    queue.send(std::slice::from_ref(&sent)).await;
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let message = receive_one(&queue, HOUR).await;
        hand_back(&queue, &message, Duration::ZERO).await;
        ids.insert(message.message_id);
    }
    assert_nothing(&queue, Duration::from_secs(1)).await;
    let dead = receive_one(&dead_letters, HOUR).await;
    ids.insert(dead.message_id);
    assert_eq!(ids.len(), 1, "a move keeps the message's id");
    assert_eq!(dead.body, sent.body);
    assert_eq!(dead.attributes, sent.attributes);
}

/// What the policy moved names the queue that it was in; what was not moved names none.
async fn moved_from<M: MakeQueue>(queues: &M) {
    let (queue, dead_letters) = queues.make_with_redrive("moved-from", 1).await;
    queue.send(&[plain("poison")]).await;
    let message = receive_one(&queue, HOUR).await;
    assert_eq!(message.moved_from, None);
    hand_back(&queue, &message, Duration::ZERO).await;
    assert_nothing(&queue, Duration::from_secs(1)).await;
    let dead = receive_one(&dead_letters, HOUR).await;
    assert_eq!(dead.moved_from, Some(message.queue_arn));
}

/// Deduplication is for FIFO queues; a group is not.
async fn no_deduplication<M: MakeQueue>(queues: &M) {
    let queue = queues.make("no-deduplication").await;
    let grouped = Outgoing {
        group_id: Some("tenant-7".to_owned()),
        ..plain("a")
    };
    let deduplicated = Outgoing {
        deduplication_id: Some("d".to_owned()),
        ..grouped.clone()
    };
    let mut answers = queue.send(&[deduplicated, grouped]).await.into_iter();
    let refusal = answers.next().and_then(Result::err).expect("a refusal");
    assert_eq!(refusal.kind, QueueErrorKind::Permanent);
    assert!(
        refusal.code.ends_with("InvalidParameterValue"),
        "{}",
        refusal.code
    );
    assert!(answers.all(|answer| answer.is_ok()), "a group is taken");
    receive_one(&queue, HOUR).await;
}

fn plain(body: &str) -> Outgoing {
    Outgoing {
        body: body.to_owned(),
        ..Outgoing::default()
    }
}

async fn send_body<Q: Queue>(queue: &Q, body: &str) {
    for answer in queue.send(&[plain(body)]).await {
        answer.expect("a valid message is sent");
    }
}

async fn hand_back<Q: Queue>(queue: &Q, message: &Message, visible_in: Duration) {
    let change = VisibilityChange {
        receipt_handle: message.receipt_handle.clone(),
        visible_in,
    };
    assert_eq!(queue.change_visibility(&[change]).await, [Ok(())]);
}

/// Receives until so many messages are held: a standard queue may hand over fewer than it has.
async fn receive_all<Q: Queue>(queue: &Q, expected: usize) -> Vec<Message> {
    let mut held = Vec::new();
    for _ in 0..expected {
        let received = queue.receive(SQS_BATCH_MAX, PATIENCE, HOUR).await;
        held.extend(received.expect("a receive is answered"));
        if held.len() >= expected {
            break;
        }
    }
    assert_eq!(held.len(), expected, "every message arrives once");
    held
}

async fn receive_one<Q: Queue>(queue: &Q, visibility: Duration) -> Message {
    let received = queue.receive(1, PATIENCE, visibility).await;
    let mut received = received.expect("a receive is answered");
    assert_eq!(received.len(), 1, "a message is there");
    received.remove(0)
}

async fn assert_nothing<Q: Queue>(queue: &Q, wait: Duration) {
    let received = queue.receive(SQS_BATCH_MAX, wait, HOUR).await;
    let received = received.expect("a receive is answered");
    assert_eq!(received, [], "nothing is visible");
}

/// A visibility that no case outlasts.
const HOUR: Duration = Duration::from_secs(3600);

/// How long a case waits for a message that must come.
const PATIENCE: Duration = Duration::from_secs(10);
