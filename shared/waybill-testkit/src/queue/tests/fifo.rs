//! Facts about the fake FIFO queue that the conformance suite does not show.

use super::*;

fn fifo() -> FakeQueue {
    FakeQueue::new("orders.fifo", Arc::new(TestAmbient::default()))
}

async fn bodies(queue: &FakeQueue, max: usize, visibility: Duration) -> Vec<String> {
    let received = queue.receive(max, Duration::ZERO, visibility).await;
    received
        .unwrap()
        .into_iter()
        .map(|m| m.body.into())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_receive_takes_one_group_before_the_next_and_serves_groups_in_turn() {
    let queue = fifo();
    for (group, body) in [
        ("a", "a1"),
        ("b", "b1"),
        ("a", "a2"),
        ("b", "b2"),
        ("c", "c1"),
    ] {
        queue.put_in(group, body);
    }
    assert_eq!(bodies(&queue, 3, Duration::ZERO).await, ["a1", "a2", "b1"]);
    let rest = ["c1", "a1", "a2", "b1", "b2"];
    assert_eq!(bodies(&queue, 10, Duration::ZERO).await, rest);
}

#[tokio::test(start_paused = true)]
async fn a_head_comes_again_while_its_followers_are_in_flight() {
    let queue = fifo();
    let head = queue.put_in("a", "a1");
    queue.put_in("a", "a2");
    assert_eq!(bodies(&queue, 2, HOUR).await, ["a1", "a2"]);
    queue.put_in("a", "a3");
    assert_eq!(bodies(&queue, 10, HOUR).await.len(), 0);
    queue.show_in(&head, Duration::ZERO);
    assert_eq!(bodies(&queue, 10, HOUR).await, ["a1"]);
}

#[tokio::test(start_paused = true)]
async fn a_follower_handed_back_waits_for_its_head() {
    let queue = fifo();
    let head = queue.put_in("a", "a1");
    let next = queue.put_in("a", "a2");
    bodies(&queue, 2, HOUR).await;
    queue.show_in(&next, Duration::ZERO);
    assert_eq!(bodies(&queue, 10, HOUR).await.len(), 0);
    queue.show_in(&head, Duration::ZERO);
    assert_eq!(bodies(&queue, 10, HOUR).await, ["a1", "a2"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_handle_deletes_nothing() {
    let queue = fifo();
    queue.put_in("a", "a1");
    let held = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    let handles = [held[0].receipt_handle.clone()];
    tokio::time::advance(HOUR).await;
    let expired = queue.delete(&handles).await.remove(0).unwrap_err();
    assert_eq!(expired.kind, QueueErrorKind::LeaseLost);
    let newest = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    let stale = queue.delete(&handles).await.remove(0).unwrap_err();
    assert_eq!(stale.kind, QueueErrorKind::LeaseLost);
    assert_eq!(
        queue.delete(&[newest[0].receipt_handle.clone()]).await,
        [Ok(())]
    );
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_answered_for_five_minutes_even_after_a_delete() {
    let queue = fifo();
    let sent = Outgoing {
        body: "a1".to_owned(),
        group_id: Some("a".to_owned()),
        deduplication_id: Some("d".to_owned()),
        ..Outgoing::default()
    };
    let first = queue.put(sent.clone());
    let held = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    queue.delete(&[held[0].receipt_handle.clone()]).await;
    tokio::time::advance(Duration::from_secs(299)).await;
    let other_group = Outgoing {
        group_id: Some("b".to_owned()),
        ..sent.clone()
    };
    assert_eq!(queue.put(other_group), first);
    assert!(queue.is_empty());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_ne!(queue.put(sent), first);
    assert_eq!(queue.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_head_wakes_a_long_poll_for_its_followers() {
    let queue = fifo();
    queue.put_in("a", "a1");
    let held = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    queue.put_in("a", "a2");
    let other = queue.clone();
    let delete = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        other.delete(&[held[0].receipt_handle.clone()]).await
    });
    let began = tokio::time::Instant::now();
    let poll = Duration::from_secs(20);
    let next = queue.receive(10, poll, HOUR).await.unwrap();
    assert_eq!((&*next[0].body, began.elapsed().as_secs()), ("a2", 4));
    assert_eq!(delete.await.unwrap(), [Ok(())]);
}

#[tokio::test(start_paused = true)]
async fn a_moved_message_keeps_its_group_and_is_sent_anew() {
    let ambient = Arc::new(TestAmbient::default());
    let dead = FakeQueue::new("dead.fifo", ambient.clone());
    let queue = FakeQueue::new("orders.fifo", ambient).with_redrive(1, dead.clone());
    let id = queue.put_in("a", "a1");
    queue.put_in("a", "a2");
    let before = queue.messages()[0].sent_at;
    assert_eq!(bodies(&queue, 1, Duration::from_secs(5)).await, ["a1"]);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(bodies(&queue, 10, HOUR).await, ["a2"]);
    let moved = &dead.messages()[0];
    assert_eq!((&moved.message_id, moved.group()), (&id, Some("a")));
    assert_eq!(moved.sent.deduplication_id.as_deref(), Some(id.as_str()));
    assert_eq!(moved.sent_at.since(before).as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_too_long_or_has_a_space_is_refused() {
    for id in ["", "a b", "é", &"x".repeat(129)] {
        let sent = Outgoing {
            body: "a".to_owned(),
            group_id: Some(id.to_owned()),
            deduplication_id: Some("d".to_owned()),
            ..Outgoing::default()
        };
        let refused = fifo().send(&[sent]).await.remove(0).unwrap_err();
        assert_eq!(refused.kind, QueueErrorKind::Permanent);
        assert_eq!(refused.code, "InvalidParameterValue");
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "FIFO")]
async fn a_fifo_queue_has_fifo_dead_letters() {
    let _ = fifo().with_redrive(1, queue());
}
