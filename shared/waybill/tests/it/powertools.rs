//! A handler that comes after a function under Powertools.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use waybill::testing::{Bench, Faults, play};
use waybill::{Context, Failure, HandlerBuilder, Powertools};

#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    #[serde(default)]
    fails: bool,
}

/// The orders that were booked, or tried.
type Tried = Arc<Mutex<Vec<String>>>;
type Answer = std::future::Ready<Result<(), Failure>>;

fn after(tried: &Tried) -> HandlerBuilder<impl Fn(Order, Context) -> Answer, Order> {
    let tried = Arc::clone(tried);
    let work = move |order: Order, context: Context| {
        tried.lock().unwrap().push(order.id);
        std::future::ready(match order.fails && !context.is_last_attempt() {
            true => Err(Failure::retry("busy", "come back later")),
            false => Ok(()),
        })
    };
    let earlier = Powertools::python("old", "orders.app.book", "data.id");
    waybill::handler("book-order", work)
        .key("data.id")
        .after_powertools(earlier)
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn what_powertools_has_done_is_done_and_looked_up_once() {
    let tried = Tried::default();
    let bench = Bench::new(after(&tried)).unwrap();
    bench.old_table().done("o-1", HOUR);
    for id in ["o-1", "o-1", "o-2"] {
        bench.send(json!({"id": id}));
    }
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead, report.left), (2, 0, 0));
    assert_eq!(*tried.lock().unwrap(), ["o-2"]);
    assert_eq!(bench.old_table().reads(), 2);
    // The ledger knows now, when Powertools has forgotten.
    bench.wait(2 * HOUR).await;
    bench.send(json!({"id": "o-1"}));
    bench.run_until_empty().await;
    assert_eq!(*tried.lock().unwrap(), ["o-2"]);
    assert_eq!(bench.old_table().reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_in_powertools_table_is_run() {
    let tried = Tried::default();
    let bench = Bench::new(after(&tried)).unwrap();
    bench.old_table().done("o-1", HOUR);
    bench.wait(HOUR + Duration::from_secs(2)).await;
    bench.send(json!({"id": "o-1"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 0));
    assert_eq!(*tried.lock().unwrap(), ["o-1"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_old_function_is_at_waits_for_its_end_and_no_try_is_charged_f46() {
    let tried = Tried::default();
    let bench = Bench::new(after(&tried)).unwrap();
    let (began, lasts) = (bench.now(), Duration::from_secs(600));
    bench.old_table().begun("o-1", lasts);
    // Its four tries are still its own.
    bench.send(json!({"id": "o-1", "fails": true}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 0));
    assert!(bench.now().since(began) > lasts);
    assert_eq!(tried.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_while_the_old_table_cannot_be_read_and_nothing_dies_of_it_f43() {
    let tried = Tried::default();
    let bench = Bench::new(after(&tried)).unwrap();
    bench.old_table().fail(Some("away"));
    bench.send(json!({"id": "o-1"}));
    // Its receives, 25 as in the template, must last.
    for _ in 0..4 * 60 {
        bench.batch().await;
        bench.wait(Duration::from_secs(60)).await;
    }
    assert!(bench.old_table().reads() > 10);
    assert!(tried.lock().unwrap().is_empty());
    bench.old_table().fail(None);
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 0));
    assert_eq!(tried.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_look_is_the_trys_own_time_and_one_without_an_end_is_not_charged_f43() {
    let left = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&left);
    let work = move |_: Order, context: Context| {
        seen.lock().unwrap().push(context.time_left());
        std::future::ready(Ok::<_, Failure>(()))
    };
    let earlier = Powertools::python("old", "orders.app.book", "data.id");
    let handler = waybill::handler("book-order", work).after_powertools(earlier);
    let bench = Bench::new(handler.timeout(Duration::from_secs(2))).unwrap();
    bench.old_table().delay(HOUR);
    bench.send(json!({"id": "o-1"}));
    for _ in 0..6 {
        bench.batch().await;
        bench.wait(Duration::from_secs(60)).await;
    }
    assert!(bench.dead().is_empty() && left.lock().unwrap().is_empty());
    bench.old_table().delay(Duration::from_millis(500));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 0));
    assert_eq!(*left.lock().unwrap(), [Duration::from_millis(1500)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_the_old_key_is_dead_f48() {
    let tried = Tried::default();
    let work = |_: serde_json::Value, _: Context| std::future::ready(Ok::<_, Failure>(()));
    let earlier = Powertools::python("old", "orders.app.book", "data.order");
    let handler = waybill::handler("book-order", work).after_powertools(earlier);
    let bench = Bench::new(handler).unwrap();
    bench.send(json!({"id": "o-1"}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (0, 1));
    assert_eq!(bench.dead()[0].code, "powertools_key_missing");
    assert!(tried.lock().unwrap().is_empty());
}

#[test]
fn an_engine_of_ones_own_and_a_played_world_refuse_what_they_cannot_read() {
    let handler = || {
        let work = |_: Order, _: Context| std::future::ready(Ok::<_, Failure>(()));
        let earlier = Powertools::typescript("old", "orders", "messageId");
        waybill::handler("book-order", work).after_powertools(earlier)
    };
    let built = handler().build().map(drop);
    let played = play(1, Faults::none(), Vec::new(), handler()).map(drop);
    for refused in [built, played] {
        let said = refused.unwrap_err().to_string();
        assert!(said.starts_with("after_powertools: "), "{said}");
    }
}

#[test]
fn what_names_no_rows_is_refused() {
    let of = |table: &str, prefix: &str, key: &str| {
        let work = |_: Order, _: Context| std::future::ready(Ok::<_, Failure>(()));
        let handler = waybill::handler("book-order", work);
        let handler = handler.after_powertools(Powertools::typescript(table, prefix, key));
        Bench::new(handler).err().map(|error| error.to_string())
    };
    assert_eq!(of("old", "orders", "messageId"), None);
    for (table, prefix, key) in [
        ("", "p", "id"),
        ("t", "", "id"),
        ("t", "p", "data.["),
        ("t", "p", ""),
    ] {
        let said = of(table, prefix, key).expect("it is refused");
        assert!(said.starts_with("after_powertools: "), "{said}");
    }
}
