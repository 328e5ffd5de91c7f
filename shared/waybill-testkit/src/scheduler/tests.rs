//! What a test may rely on.

use std::time::Duration;

use waybill_engine::ports::{Ambient, Queue};

use super::*;
use crate::TestAmbient;

fn appointment(name: &str, at: Timestamp, body: &str) -> Appointment {
    Appointment {
        name: name.to_owned(),
        at,
        queue_arn: "arn:aws:sqs:eu-central-1:000000000000:orders".to_owned(),
        body: body.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_sent_once_and_the_first_of_a_name_stays() {
    let ambient = Arc::new(TestAmbient::default());
    let queue = FakeQueue::new("orders", ambient.clone());
    let scheduler = FakeScheduler::new(queue.clone());
    let now = ambient.now();
    let later = now.after(Duration::from_secs(60));
    for (name, at, body) in [("a", now, "first"), ("a", now, "second"), ("b", later, "b")] {
        let made = appointment(name, at, body);
        assert_eq!(scheduler.schedule(&made).await, Ok(()));
    }
    assert_eq!(scheduler.fire(now).len(), 1);
    assert_eq!(scheduler.fire(now), []);
    let received = queue.receive(10, Duration::ZERO, Duration::from_secs(30));
    let bodies: Vec<_> = received
        .await
        .unwrap()
        .into_iter()
        .map(|m| m.body.to_string())
        .collect();
    assert_eq!(bodies, ["first"]);
    assert_eq!(scheduler.standing(), [appointment("b", later, "b")]);
    assert!(scheduler.fire_one("b").is_some() && scheduler.fire_one("b").is_none());
}

#[tokio::test(start_paused = true)]
async fn another_queue_s_schedule_is_refused() {
    let queue = FakeQueue::new("other", Arc::new(TestAmbient::default()));
    let scheduler = FakeScheduler::new(queue);
    let made = appointment("a", TestAmbient::BASE, "x");
    assert!(scheduler.schedule(&made).await.is_err());
}
