//! The event source mapping: what it hands over, and what an answer means to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use waybill_core::message::Message;
use waybill_core::sqs_event::Batch;
use waybill_core::time::Timestamp;
use waybill_testkit::FakeQueue;
use waybill_world::{Answer, Fault, Faults, Function, Mapping, Nobody, Observer, Sandbox, World};

const SECOND: Duration = Duration::from_secs(1);

fn mapping() -> Mapping {
    Mapping {
        batch_size: 10,
        window: Duration::ZERO,
        concurrency: 1,
        timeout: 10 * SECOND,
        visibility: 60 * SECOND,
        shared: false,
    }
}

/// Answers the same to every batch, and remembers the batches.
#[derive(Clone)]
struct Says {
    answer: Result<&'static str, &'static str>,
    after: Duration,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl Says {
    fn now(answer: Result<&'static str, &'static str>) -> Self {
        Self {
            answer,
            after: Duration::ZERO,
            batches: Arc::default(),
        }
    }
}

impl Function for Says {
    async fn invoke(&self, payload: String, _: Timestamp) -> Result<String, String> {
        let batch = Batch::parse(&payload).expect("what Lambda sends");
        self.batches.lock().unwrap().push(batch.messages.len());
        tokio::time::sleep(self.after).await;
        self.answer.map(str::to_owned).map_err(str::to_owned)
    }
}

/// What is left of two messages, `orders-00000001` and `orders-00000002`, after one batch.
fn left_after(answer: Result<&'static str, &'static str>) -> Vec<String> {
    World::play(1, Faults::none(), |world| async move {
        let queue = FakeQueue::new("orders", world.ambient());
        queue.put_body("a");
        queue.put_body("b");
        let says = Says::now(answer);
        let start = move |_: &Sandbox| says.clone();
        let sandbox = {
            let world = world.clone();
            move || world.sandbox()
        };
        let mapping = mapping();
        let running = mapping.run(&world, &queue, Arc::new(Nobody), start, sandbox);
        let ending = async {
            tokio::time::sleep(30 * SECOND).await;
            world.end();
        };
        tokio::join!(running, ending);
        let left = queue.messages();
        assert!(left.iter().all(|m| m.receive_count == 1));
        left.into_iter().map(|m| m.sent.body).collect()
    })
}

#[test]
fn an_answer_lets_go_all_that_it_does_not_name() {
    let none: [&str; 0] = [];
    assert_eq!(left_after(Ok(r#"{"batchItemFailures":[]}"#)), none);
    assert_eq!(
        left_after(Ok(
            r#"{"batchItemFailures":[{"itemIdentifier":"orders-00000002"}]}"#
        )),
        ["b"]
    );
}

#[test]
fn an_answer_of_another_shape_deletes_or_keeps_the_whole_batch_f12() {
    let none: [&str; 0] = [];
    for deletes in ["null", "{}", r#"{"batchItemFailures":null}"#] {
        assert_eq!(left_after(Ok(deletes)), none, "{deletes}");
    }
    for keeps in [
        "",
        "[]",
        "\"ok\"",
        r#"{"batchItemFailures":"orders-00000001"}"#,
        r#"{"batchItemFailures":[{}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
        r#"{"batchItemFailures":[{"id":"orders-00000001"}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":"orders-00000009"}]}"#,
        r#"{"batchitemfailures":[]}"#,
    ] {
        assert_eq!(left_after(Ok(keeps)), ["a", "b"], "{keeps}");
    }
    assert_eq!(left_after(Err("thrown")), ["a", "b"]);
}

/// Counts how invocations ended, and throttled receives.
#[derive(Default)]
struct Counts {
    said: Mutex<usize>,
    failed: Mutex<Vec<String>>,
    throttled: Mutex<usize>,
}

impl Observer for Counts {
    fn ended(&self, _: &Sandbox, _: &[Message], answer: &Answer) {
        match answer {
            Answer::Said(_) => *self.said.lock().unwrap() += 1,
            Answer::Failed(why) => self.failed.lock().unwrap().push(why.clone()),
        }
    }

    fn throttled(&self, messages: &[Message]) {
        *self.throttled.lock().unwrap() += messages.len();
    }
}

/// Plays one queue of `messages` messages for a time.
fn play(
    faults: Faults,
    mapping: Mapping,
    messages: usize,
    says: Says,
    lasts: Duration,
) -> (Arc<Counts>, Vec<u32>) {
    World::play(7, faults, |world| async move {
        let queue = FakeQueue::new("orders", world.ambient());
        for n in 0..messages {
            queue.put_body(n.to_string());
        }
        let counts = Arc::new(Counts::default());
        let start = move |_: &Sandbox| says.clone();
        let sandbox = {
            let world = world.clone();
            move || world.sandbox()
        };
        let running = mapping.run(&world, &queue, counts.clone(), start, sandbox);
        let ending = async {
            tokio::time::sleep(lasts).await;
            world.end();
        };
        tokio::join!(running, ending);
        let receives = queue.messages().iter().map(|m| m.receive_count).collect();
        (counts, receives)
    })
}

#[test]
fn a_function_that_takes_too_long_fails_and_its_messages_come_again_f16() {
    let says = Says {
        after: 11 * SECOND,
        ..Says::now(Ok("null"))
    };
    let (counts, receives) = play(Faults::none(), mapping(), 1, says, 61 * SECOND);
    let failed = counts.failed.lock().unwrap();
    assert_eq!(failed.as_slice(), ["it had no more time"; 2]);
    assert_eq!(
        (receives.as_slice(), *counts.said.lock().unwrap()),
        (&[2][..], 0)
    );
}

#[test]
fn a_large_batch_is_filled_by_several_receives() {
    let says = Says::now(Ok("null"));
    let batches = says.batches.clone();
    let large = Mapping {
        batch_size: 25,
        window: 2 * SECOND,
        ..mapping()
    };
    let (_, left) = play(Faults::none(), large, 30, says, 60 * SECOND);
    assert_eq!(
        (batches.lock().unwrap().as_slice(), left.len()),
        (&[25, 5][..], 0)
    );
}

#[test]
fn throttling_burns_receives_and_invokes_nothing_f18() {
    let says = Says::now(Ok("null"));
    let faults = Faults::none().with(Fault::MappingThrottle);
    let one_by_one = Mapping {
        batch_size: 1,
        visibility: SECOND,
        ..mapping()
    };
    let (counts, left) = play(faults, one_by_one, 300, says, 600 * SECOND);
    let throttled = *counts.throttled.lock().unwrap();
    let invoked = *counts.said.lock().unwrap();
    assert!(throttled > 0, "some receives found no function");
    assert_eq!(
        (invoked, left.len()),
        (300, 0),
        "and each message came again"
    );
}
