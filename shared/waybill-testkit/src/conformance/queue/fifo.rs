//! What a caller may rely on of a FIFO queue besides what both sorts promise. Nothing is said of
//! the order between groups.

use super::*;

/// Runs every case of FIFO queues, each with queues of its own; answers how many there are.
///
/// # Panics
///
/// When a case fails that is no deviation, or passes though it is one; the message names all that
/// did.
pub async fn fifo_queue<M: MakeQueue>(queues: &M, deviations: &[Deviation]) -> usize {
    let cases = vec![
        ("a group comes in order", in_order(queues).boxed_local()),
        (
            "a message carries its group",
            carries_its_group(queues).boxed_local(),
        ),
        (
            "a group waits for what is in flight",
            group_waits(queues).boxed_local(),
        ),
        (
            "what is handed back comes in order",
            handed_back_in_order(queues).boxed_local(),
        ),
        (
            "what lapsed comes before what follows",
            lapsed_first(queues).boxed_local(),
        ),
        (
            "a follower waits for its head",
            follower_waits(queues).boxed_local(),
        ),
        (
            "a head waits for no follower",
            head_waits_for_none(queues).boxed_local(),
        ),
        (
            "an expired handle deletes nothing",
            expired_handle(queues).boxed_local(),
        ),
        (
            "a stale handle deletes nothing",
            stale_handle(queues).boxed_local(),
        ),
        (
            "a repeated delete harms nothing",
            repeated_delete(queues).boxed_local(),
        ),
        ("a duplicate is not kept", duplicate(queues).boxed_local()),
        (
            "a send without its ids fails alone",
            without_ids(queues).boxed_local(),
        ),
        (
            "the redrive policy moves and frees the group",
            redrive_policy(queues).boxed_local(),
        ),
    ];
    run(cases, deviations).await
}

async fn in_order<M: MakeQueue>(queues: &M) {
    let queue = queues.make("order.fifo").await;
    let bodies: Vec<_> = (0..2 * SQS_BATCH_MAX).map(|n| format!("{n:02}")).collect();
    let group = |n: usize| ["a", "b", "c"].get(n % 3).copied().unwrap_or_default();
    let sent: Vec<_> = (0..)
        .zip(&bodies)
        .map(|(n, b)| grouped(group(n), b))
        .collect();
    for ten in sent.chunks(SQS_BATCH_MAX) {
        send_all(&queue, ten).await;
    }
    let mut came: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for message in drain(&queue, sent.len()).await {
        came.entry(message.group_id).or_default().push(message.body);
    }
    assert_eq!(came.len(), 3);
    assert!(came.values().all(|bodies| bodies.is_sorted()), "{came:?}");
}

async fn carries_its_group<M: MakeQueue>(queues: &M) {
    let queue = queues.make("carries.fifo").await;
    let outgoing = Outgoing {
        attributes: [("waybill-key".to_owned(), text("k"))].into(),
        ..grouped("tenant-7", "a")
    };
    send_all(&queue, std::slice::from_ref(&outgoing)).await;
    let received = receive_one(&queue, HOUR).await;
    assert_eq!(received.group_id, outgoing.group_id);
    assert_eq!(received.attributes, outgoing.attributes);
    assert_eq!(received.receive_count, 1);
    assert!(
        received.queue_arn.ends_with(":carries.fifo"),
        "{}",
        received.queue_arn
    );
}

async fn group_waits<M: MakeQueue>(queues: &M) {
    let queue = queues.make("waits.fifo").await;
    let sent = [
        grouped("a", "1"),
        grouped("a", "2"),
        grouped("b", "1"),
        grouped("b", "2"),
    ];
    send_all(&queue, &sent).await;
    let first = receive_one(&queue, HOUR).await;
    let others = receive(&queue, PATIENCE).await;
    assert!(!others.is_empty(), "other groups go on");
    assert!(
        others.iter().all(|m| m.group_id != first.group_id),
        "{others:?}"
    );
    delete(&queue, &first).await;
    let next = receive_one(&queue, HOUR).await;
    assert_eq!((next.group_id, &*next.body), (first.group_id, "2"));
}

async fn handed_back_in_order<M: MakeQueue>(queues: &M) {
    let queue = queues.make("back.fifo").await;
    let held = three_in_flight(&queue, HOUR).await;
    for message in held.iter().rev() {
        hand_back(&queue, message, Duration::ZERO).await;
    }
    assert_eq!(bodies(&receive(&queue, PATIENCE).await), ["1", "2", "3"]);
}

async fn lapsed_first<M: MakeQueue>(queues: &M) {
    let queue = queues.make("lapsed.fifo").await;
    three_in_flight(&queue, Duration::from_secs(2)).await;
    send_all(&queue, &[grouped("a", "4")]).await;
    let again = receive(&queue, PATIENCE).await;
    assert_eq!(bodies(&again), ["1", "2", "3", "4"]);
    let counts: Vec<_> = again.iter().map(|m| m.receive_count).collect();
    assert_eq!(counts, [2, 2, 2, 1]);
}

async fn follower_waits<M: MakeQueue>(queues: &M) {
    let queue = queues.make("follower.fifo").await;
    let held = three_in_flight(&queue, HOUR).await;
    let mut held = held.iter();
    let head = held.next().expect("three are held");
    for follower in held {
        hand_back(&queue, follower, Duration::ZERO).await;
    }
    assert_nothing(&queue, Duration::from_secs(2)).await;
    delete(&queue, head).await;
    assert_eq!(bodies(&receive(&queue, PATIENCE).await), ["2", "3"]);
}

/// A group is not locked by what comes later in it: whoever hands a head back while he works on
/// its followers will see it overtaken by nobody, but come again.
async fn head_waits_for_none<M: MakeQueue>(queues: &M) {
    let queue = queues.make("head.fifo").await;
    let held = three_in_flight(&queue, HOUR).await;
    let head = held.first().expect("three are held");
    hand_back(&queue, head, Duration::ZERO).await;
    let wait = Duration::from_secs(2);
    assert_eq!(bodies(&receive(&queue, wait).await), ["1"]);
}

async fn expired_handle<M: MakeQueue>(queues: &M) {
    let queue = queues.make("expired.fifo").await;
    send_all(&queue, &[grouped("a", "1")]).await;
    let held = receive_one(&queue, Duration::ZERO).await;
    let answers = queue.delete(&[held.receipt_handle]).await;
    let kinds: Vec<_> = answers.into_iter().map(|a| a.map_err(|e| e.kind)).collect();
    assert_eq!(kinds, [Err(QueueErrorKind::LeaseLost)]);
    receive_one(&queue, HOUR).await;
}

async fn stale_handle<M: MakeQueue>(queues: &M) {
    let queue = queues.make("stale.fifo").await;
    send_all(&queue, &[grouped("a", "1")]).await;
    let stale = receive_one(&queue, HOUR).await;
    hand_back(&queue, &stale, Duration::ZERO).await;
    let newest = receive_one(&queue, HOUR).await;
    let answers = queue.delete(&[stale.receipt_handle]).await;
    let kinds: Vec<_> = answers.into_iter().map(|a| a.map_err(|e| e.kind)).collect();
    assert_eq!(kinds, [Err(QueueErrorKind::LeaseLost)]);
    delete(&queue, &newest).await;
}

/// What a second delete is answered is not promised.
async fn repeated_delete<M: MakeQueue>(queues: &M) {
    let queue = queues.make("repeated.fifo").await;
    send_all(&queue, &[grouped("a", "1"), grouped("a", "2")]).await;
    let held = receive_one(&queue, HOUR).await;
    delete(&queue, &held).await;
    for answer in queue.delete(&[held.receipt_handle]).await {
        let kind = answer.err().map(|error| error.kind);
        assert!(
            matches!(kind, None | Some(QueueErrorKind::LeaseLost)),
            "{kind:?}"
        );
    }
    assert_eq!(receive_one(&queue, HOUR).await.body, "2");
}

async fn duplicate<M: MakeQueue>(queues: &M) {
    let queue = queues.make("duplicate.fifo").await;
    let outgoing = grouped("a", "1");
    let first = send_all(&queue, std::slice::from_ref(&outgoing)).await;
    assert_eq!(
        send_all(&queue, std::slice::from_ref(&outgoing)).await,
        first
    );
    let held = receive_one(&queue, HOUR).await;
    assert_eq!(first.first(), Some(&held.message_id));
    delete(&queue, &held).await;
    let of_other_group = Outgoing {
        group_id: Some("b".to_owned()),
        ..outgoing
    };
    assert_eq!(send_all(&queue, &[of_other_group]).await, first);
    assert_nothing(&queue, Duration::from_secs(1)).await;
}

async fn without_ids<M: MakeQueue>(queues: &M) {
    let queue = queues.make("without.fifo").await;
    let whole = grouped("a", "1");
    let no_group = Outgoing {
        group_id: None,
        ..grouped("a", "2")
    };
    let no_deduplication = Outgoing {
        deduplication_id: None,
        ..grouped("a", "3")
    };
    let answers = queue.send(&[no_group, whole, no_deduplication]).await;
    let code = |code: &str| code.rsplit('.').next().map(str::to_owned);
    let refusals = answers
        .into_iter()
        .map(|a| a.map_err(|e| (e.kind, code(&e.code))));
    let refusals: Vec<_> = refusals.map(Result::err).collect();
    let refused = |code: &str| Some((QueueErrorKind::Permanent, Some(code.to_owned())));
    let missing = refused("MissingParameter");
    assert_eq!(refusals, [missing, None, refused("InvalidParameterValue")]);
    assert_eq!(bodies(&receive(&queue, PATIENCE).await), ["1"]);
}

/// A poison head leaves its group, and the followers come in order.
async fn redrive_policy<M: MakeQueue>(queues: &M) {
    let (queue, dead_letters) = queues.make_with_redrive("redrive.fifo", 2).await;
    send_all(
        &queue,
        &[grouped("a", "1"), grouped("a", "2"), grouped("a", "3")],
    )
    .await;
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let head = receive_one(&queue, HOUR).await;
        hand_back(&queue, &head, Duration::ZERO).await;
        ids.insert(head.message_id);
    }
    assert_eq!(bodies(&receive(&queue, PATIENCE).await), ["2", "3"]);
    let dead = receive_one(&dead_letters, HOUR).await;
    assert_eq!((&*dead.body, dead.group_id.as_deref()), ("1", Some("a")));
    ids.insert(dead.message_id);
    assert_eq!(ids.len(), 1, "a move keeps the message's id");
}

/// A message of a group, told apart from the others of its queue by group and body.
fn grouped(group: &str, body: &str) -> Outgoing {
    Outgoing {
        group_id: Some(group.to_owned()),
        deduplication_id: Some(format!("{group}#{body}")),
        ..plain(body)
    }
}

async fn send_all<Q: Queue>(queue: &Q, messages: &[Outgoing]) -> Vec<waybill_core::id::MessageId> {
    let answers = queue.send(messages).await.into_iter();
    answers
        .map(|a| a.expect("a valid message is sent"))
        .collect()
}

async fn receive<Q: Queue>(queue: &Q, wait: Duration) -> Vec<Message> {
    let received = queue.receive(SQS_BATCH_MAX, wait, HOUR).await;
    received.expect("a receive is answered")
}

/// Three messages of one group, received together.
async fn three_in_flight<Q: Queue>(queue: &Q, visibility: Duration) -> Vec<Message> {
    send_all(
        queue,
        &[grouped("a", "1"), grouped("a", "2"), grouped("a", "3")],
    )
    .await;
    let held = queue.receive(3, PATIENCE, visibility).await;
    let held = held.expect("a receive is answered");
    assert_eq!(bodies(&held), ["1", "2", "3"]);
    held
}

async fn delete<Q: Queue>(queue: &Q, message: &Message) {
    let handles = [message.receipt_handle.clone()];
    assert_eq!(queue.delete(&handles).await, [Ok(())]);
}

/// Receives and deletes so many messages.
async fn drain<Q: Queue>(queue: &Q, expected: usize) -> Vec<Message> {
    let mut drained = Vec::new();
    for _ in 0..expected {
        for message in receive(queue, PATIENCE).await {
            delete(queue, &message).await;
            drained.push(message);
        }
        if drained.len() >= expected {
            break;
        }
    }
    assert_eq!(drained.len(), expected, "every message comes once");
    drained
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| &*m.body).collect()
}
