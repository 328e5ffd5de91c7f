//! Retention, the quota of messages in flight, and copies that a delete missed.

use std::sync::Arc;
use std::time::Duration;

use waybill_engine::ports::Queue;

use super::{FakeQueue, HOUR, queue};
use crate::TestAmbient;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn what_is_older_than_the_retention_is_gone_even_in_flight_f08() {
    let queue = queue().with_retention(DAY);
    queue.put_body("a");
    let held = queue.receive(1, Duration::ZERO, 12 * HOUR).await.unwrap();
    assert_eq!(held.len(), 1);
    tokio::time::sleep(23 * HOUR).await;
    queue.put_body("b");
    assert_eq!(queue.expired(), []);
    tokio::time::sleep(HOUR).await;
    let left = queue.receive(10, Duration::ZERO, HOUR).await.unwrap();
    assert_eq!(left[0].body, "b");
    assert_eq!((queue.expired().len(), queue.len()), (1, 1));
    let gone = queue.delete(&[held[0].receipt_handle.clone()]).await;
    assert_eq!(gone, [Ok(())]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_received_beyond_the_quota_in_flight_f07() {
    let queue = queue().with_in_flight_max(3);
    for body in ["a", "b", "c", "d"] {
        queue.put_body(body);
    }
    assert_eq!(
        queue.receive(10, Duration::ZERO, HOUR).await.unwrap().len(),
        3
    );
    let refused = queue.receive(10, Duration::ZERO, HOUR).await.unwrap_err();
    assert_eq!(refused.code, "OverLimit");
    // A long poll says nothing, and receives what there is room for.
    let began = tokio::time::Instant::now();
    let waited = queue.receive(10, Duration::from_secs(20), HOUR).await;
    assert_eq!(waited.unwrap(), []);
    assert_eq!(began.elapsed().as_secs(), 20);
    tokio::time::sleep(HOUR).await;
    assert_eq!(
        queue.receive(10, Duration::ZERO, HOUR).await.unwrap().len(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_fifo_queue_gives_nothing_and_says_nothing_f07() {
    let queue = FakeQueue::new("orders.fifo", Arc::new(TestAmbient::default()));
    let queue = queue.with_in_flight_max(1);
    queue.put_in("g", "a");
    queue.put_in("h", "b");
    let receive = || queue.receive(10, Duration::ZERO, HOUR);
    assert_eq!(receive().await.unwrap().len(), 1);
    assert_eq!(receive().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_a_delete_missed_comes_again_f09() {
    let queue = queue();
    queue.put_body("a");
    let held = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    let copy = queue.messages().remove(0);
    queue.bring_back(&copy);
    assert_eq!(queue.len(), 1, "it still stands");
    queue.delete(&[held[0].receipt_handle.clone()]).await;
    queue.bring_back(&copy);
    let again = queue.receive(1, Duration::ZERO, HOUR).await.unwrap();
    assert_eq!(
        (&again[0].message_id, again[0].receive_count),
        (&held[0].message_id, 2)
    );
    queue.delete(&[again[0].receipt_handle.clone()]).await;
    assert!(queue.is_empty());
}
