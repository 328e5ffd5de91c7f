//! What becomes of an event, by what its handler says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use waybill::testing::{Bench, Dead};
use waybill::{Backoff, Context, Failure, HandlerBuilder, RetryPolicy};

#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    #[serde(default)]
    fails: u32,
}

/// Every try: order, attempt, idempotency key, whether it was the last.
type Tries = Arc<Mutex<Vec<(String, u32, String, bool)>>>;

/// A handler that fails the first tries of an order, as `failure` says.
fn failing(
    tries: &Tries,
    failure: fn() -> Failure,
) -> HandlerBuilder<impl Fn(Order, Context) -> Answer, Order> {
    let tries = Arc::clone(tries);
    let work = move |order: Order, context: Context| {
        let key = context.idempotency_key().to_owned();
        let told = (order.id, context.attempt(), key, context.is_last_attempt());
        tries.lock().unwrap().push(told);
        std::future::ready(match context.attempt() <= order.fails {
            true => Err(failure()),
            false => Ok(()),
        })
    };
    waybill::handler("book-order", work).key("data.id")
}

type Answer = std::future::Ready<Result<(), Failure>>;

fn busy() -> Failure {
    Failure::retry("busy", "come back later")
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_sent_twice_is_booked_once_f45() {
    let tries = Tries::default();
    let bench = Bench::new(failing(&tries, busy)).unwrap();
    bench.send(json!({"id": "o-1"}));
    bench.send(json!({"id": "o-1"}));
    assert_eq!(bench.batch().await, [""; 0]);
    bench.send(json!({"id": "o-1"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead, report.left), (1, 0, 0));
    assert_eq!(tries.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_with_its_key_and_told_of_the_last_try() {
    let tries = Tries::default();
    let bench = Bench::new(failing(&tries, busy)).unwrap();
    let began = bench.now();
    bench.send(json!({"id": "o-1", "fails": 3}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.batches), (1, 4));
    let tries = tries.lock().unwrap();
    let (key, counts): (Vec<_>, Vec<_>) = tries
        .iter()
        .map(|(_, n, key, last)| (key, (*n, *last)))
        .unzip();
    assert_eq!(counts, [(1, false), (2, false), (3, false), (4, true)]);
    assert!(
        key.windows(2)
            .all(|two| two[0] == two[1] && two[0].len() == 64)
    );
    // 10, 20 and 40 s, and up to a tenth more.
    let took = bench.now().since(began);
    assert!((70..=80).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_asks_for_a_wait_gets_it_f58() {
    let tries = Tries::default();
    let later = || Failure::retry_after(Duration::from_secs(300), "busy", "in five minutes");
    let bench = Bench::new(failing(&tries, later)).unwrap();
    let began = bench.now();
    bench.send(json!({"id": "o-1", "fails": 1}));
    bench.run_until_empty().await;
    assert!(bench.now().since(began) >= Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn what_is_permanent_is_dead_after_one_try_and_harms_nobody_else() {
    let tries = Tries::default();
    let never = || Failure::permanent("no_stock", "there is none");
    let bench = Bench::new(failing(&tries, never)).unwrap();
    bench.send(json!({"id": "o-1", "fails": 99}));
    bench.send(json!({"id": "o-2"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 1));
    assert_eq!(tries.lock().unwrap().len(), 2);
    let dead = Dead {
        body: r#"{"fails":99,"id":"o-1"}"#.to_owned(),
        reason: "rejected".to_owned(),
        code: "no_stock".to_owned(),
    };
    assert_eq!(bench.dead(), [dead]);
}

#[tokio::test(start_paused = true)]
async fn what_has_had_all_its_tries_is_dead() {
    let tries = Tries::default();
    let two = RetryPolicy {
        steps: 1,
        backoff: Backoff::Linear {
            duration: Duration::from_secs(1),
        },
        ..RetryPolicy::default()
    };
    let bench = Bench::new(failing(&tries, busy).retry(two)).unwrap();
    bench.send(json!({"id": "o-1", "fails": 99}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (0, 1));
    assert_eq!(tries.lock().unwrap().len(), 2);
    assert_eq!(bench.dead()[0].reason, "attempts_spent");
}

#[tokio::test(start_paused = true)]
async fn data_of_another_type_is_dead_and_never_reaches_the_handler_f14() {
    let tries = Tries::default();
    let bench = Bench::new(failing(&tries, busy)).unwrap();
    bench.send(json!({"id": "o-1", "fails": "4111"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (0, 1));
    assert_eq!(bench.dead()[0].code, "data_unfit");
    assert!(tries.lock().unwrap().is_empty());
}

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct NoBank;

#[tokio::test(start_paused = true)]
async fn an_error_by_question_mark_and_a_panic_may_have_happened_and_come_again_f15() {
    let tries = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let seen = Arc::clone(&tries);
    let work = move |order: Order, context: Context| {
        let seen = Arc::clone(&seen);
        async move {
            *seen.lock().unwrap().entry(order.id.clone()).or_default() += 1;
            match (order.id.as_str(), context.attempt()) {
                ("error", 1) => Err(NoBank)?,
                ("panic", 1) => panic!("a bug"),
                _ => Ok::<_, Failure>("booked"),
            }
        }
    };
    let bench = Bench::new(waybill::handler("book-order", work).key("data.id")).unwrap();
    for id in ["error", "panic", "fine"] {
        bench.send(json!({"id": id}));
    }
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (3, 0));
    let tries: Vec<_> = tries.lock().unwrap().values().copied().collect();
    assert_eq!(tries, [2, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_a_fifo_queue_stays_in_order_while_its_head_fails_f24() {
    let tries = Tries::default();
    let bench = Bench::fifo(failing(&tries, busy)).unwrap();
    for (id, fails) in [("a-1", 2), ("a-2", 0), ("a-3", 0)] {
        bench.send_in("a", json!({"id": id, "fails": fails}));
    }
    bench.send_in("b", json!({"id": "b-1"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (4, 0));
    let of_a = tries.lock().unwrap().clone().into_iter();
    let of_a: Vec<_> = of_a
        .map(|(id, ..)| id)
        .filter(|id| id.starts_with('a'))
        .collect();
    assert_eq!(of_a, ["a-1", "a-1", "a-1", "a-2", "a-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_takes_too_long_is_cut_off_and_knows_how_long_it_has() {
    let left = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&left);
    let work = move |_: Order, context: Context| {
        let seen = Arc::clone(&seen);
        async move {
            seen.lock().unwrap().push(context.time_left());
            if context.attempt() == 1 {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            Ok::<_, Failure>(())
        }
    };
    let handler = waybill::handler("slow", work).timeout(Duration::from_secs(5));
    let bench = Bench::new(handler).unwrap();
    bench.send(json!({"id": "o-1"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 0));
    assert_eq!(*left.lock().unwrap(), [Duration::from_secs(5); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_word_of_any_length_ends_its_event_after_one_try_f50() {
    let tries = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&tries);
    let work = move |_: Order, _: Context| {
        *counted.lock().unwrap() += 1;
        std::future::ready(Ok::<_, Failure>("é".repeat(300_000)))
    };
    let bench = Bench::new(waybill::handler("book-order", work).key("data.id")).unwrap();
    bench.send(json!({"id": "o-1"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead, report.left), (1, 0, 0));
    assert_eq!(*tries.lock().unwrap(), 1);
}
