//! Facts about the fake queue that the conformance suite does not show.

use std::sync::Arc;
use std::time::Duration;

use waybill_engine::ports::{Outgoing, Queue, QueueErrorKind, VisibilityChange};

use super::{FakeQueue, QueueAsk};
use crate::TestAmbient;

mod fifo;
mod limits;

const HOUR: Duration = Duration::from_secs(3600);

fn queue() -> FakeQueue {
    FakeQueue::new("orders", Arc::new(TestAmbient::default()))
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_when_a_message_becomes_visible() {
    let queue = queue();
    queue.put_body("a");
    let second = Duration::from_secs(1);
    let held = queue.receive(10, Duration::ZERO, 5 * second).await.unwrap();
    assert_eq!(held.len(), 1);
    let began = tokio::time::Instant::now();
    let again = queue.receive(10, 20 * second, second).await.unwrap();
    assert_eq!(again[0].receive_count, 2);
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_when_a_message_is_sent() {
    let queue = queue();
    let sender = queue.clone();
    let send = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        sender.put_body("a");
    });
    let began = tokio::time::Instant::now();
    let wait = Duration::from_secs(20);
    assert_eq!(queue.receive(10, wait, HOUR).await.unwrap().len(), 1);
    assert_eq!(began.elapsed().as_secs(), 3);
    send.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stale_delete_is_accepted_and_keeps_the_message_f01() {
    let queue = queue();
    queue.put_body("a");
    let first = queue
        .receive(1, Duration::ZERO, Duration::ZERO)
        .await
        .unwrap();
    let second = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    let stale = queue.delete(&[first[0].receipt_handle.clone()]).await;
    assert_eq!(stale, [Ok(())]);
    assert_eq!(queue.len(), 1);
    queue.delete(&[second[0].receipt_handle.clone()]).await;
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lapsed_message_can_be_deleted_but_not_extended_f02() {
    let queue = queue();
    queue.put_body("a");
    let held = queue
        .receive(1, Duration::ZERO, Duration::ZERO)
        .await
        .unwrap();
    let receipt_handle = held[0].receipt_handle.clone();
    let change = VisibilityChange {
        receipt_handle: receipt_handle.clone(),
        visible_in: HOUR,
    };
    let answers = queue.change_visibility(&[change]).await;
    assert_eq!(
        answers[0].as_ref().unwrap_err().kind,
        QueueErrorKind::LeaseLost
    );
    assert_eq!(queue.delete(&[receipt_handle]).await, [Ok(())]);
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_visibility_is_rounded_up_to_seconds_and_ends_at_twelve_hours() {
    let queue = queue();
    queue.put_body("a");
    let held = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    let change = |visible_in| {
        [VisibilityChange {
            receipt_handle: held[0].receipt_handle.clone(),
            visible_in,
        }]
    };
    let answers = queue
        .change_visibility(&change(Duration::from_millis(1)))
        .await;
    assert_eq!(answers, [Ok(())]);
    tokio::time::advance(Duration::from_millis(999)).await;
    assert_eq!(queue.visible(), 0);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(queue.visible(), 1);
    let answers = queue.change_visibility(&change(13 * HOUR)).await;
    assert_eq!(
        answers[0].as_ref().unwrap_err().kind,
        QueueErrorKind::Permanent
    );
}

#[tokio::test(start_paused = true)]
async fn twelve_hours_count_from_the_receive() {
    let queue = queue();
    queue.put_body("a");
    let held = queue.receive(1, Duration::ZERO, 12 * HOUR).await.unwrap();
    tokio::time::advance(HOUR).await;
    let change = |visible_in| {
        [VisibilityChange {
            receipt_handle: held[0].receipt_handle.clone(),
            visible_in,
        }]
    };
    let answers = queue.change_visibility(&change(12 * HOUR)).await;
    assert_eq!(
        answers[0].as_ref().unwrap_err().code,
        "InvalidParameterValue"
    );
    assert_eq!(queue.change_visibility(&change(11 * HOUR)).await, [Ok(())]);
}

#[tokio::test(start_paused = true)]
async fn a_flight_ended_from_outside_is_a_lost_lease_f02() {
    let queue = queue();
    let id = queue.put_body("a");
    let held = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    queue.show_in(&id, Duration::from_secs(2));
    assert_eq!(queue.visible(), 0);
    let poll = Duration::from_secs(20);
    let again = queue.receive(1, poll, HOUR).await.unwrap();
    assert_eq!(again[0].receive_count, 2);
    let change = VisibilityChange {
        receipt_handle: held[0].receipt_handle.clone(),
        visible_in: HOUR,
    };
    let lost = queue.change_visibility(&[change]).await.remove(0);
    assert_eq!(lost.unwrap_err().kind, QueueErrorKind::LeaseLost);
}

#[tokio::test(start_paused = true)]
async fn every_request_is_remembered_with_its_time_and_its_entries() {
    let queue = queue();
    let id = queue.put_body("a");
    let held = queue.receive(10, Duration::ZERO, HOUR).await.unwrap();
    let handle = held[0].receipt_handle.clone();
    tokio::time::advance(Duration::from_secs(3)).await;
    queue.delete(std::slice::from_ref(&handle)).await;
    let requests = queue.requests();
    let receive = QueueAsk::Receive {
        max: 10,
        wait: Duration::ZERO,
        visibility: HOUR,
    };
    assert_eq!(requests[0].ask, receive);
    assert_eq!(requests[1].ask, QueueAsk::Delete(vec![handle.clone()]));
    assert_eq!(requests[1].at.since(requests[0].at).as_secs(), 3);
    assert_eq!(FakeQueue::message_of(&handle), Some(id));
    assert_eq!((queue.counts().receives, queue.counts().deletes), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_redrive_gives_a_new_id_and_counts_from_zero_f69() {
    let ambient = Arc::new(TestAmbient::default());
    let dead = FakeQueue::new("dead", ambient.clone());
    let queue = FakeQueue::new("orders", ambient).with_redrive(1, dead.clone());
    let id = queue.put_body("a");
    for _ in 0..2 {
        queue
            .receive(1, Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
    }
    assert_eq!(dead.messages()[0].message_id, id);
    dead.redrive_to(&queue);
    let back = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    assert_ne!(back[0].message_id, id);
    assert_eq!(back[0].receive_count, 1);
    assert_eq!(back[0].body, "a");
}
