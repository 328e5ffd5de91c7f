//! The handler before a queue in memory.

use serde_json::json;

use waybill::testing::Bench;

use super::*;

#[tokio::test(start_paused = true)]
async fn an_order_is_booked_once_and_one_without_an_amount_is_dead() {
    let bench = Bench::new(waybill::handler("book-order", book).key("data.id")).unwrap();
    bench.send(json!({"id": "o-1", "cents": 100}));
    bench.send(json!({"id": "o-1", "cents": 100}));
    bench.send(json!({"id": "o-2", "cents": 0}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (1, 1));
    assert_eq!(bench.dead()[0].code, "no_amount");
}

#[tokio::test(start_paused = true)]
async fn what_the_bank_does_not_take_now_is_tried_again_and_dead_at_last() {
    let bench = Bench::new(waybill::handler("book-order", book).key("data.id")).unwrap();
    let began = bench.now();
    bench.send(json!({"id": "o-3", "cents": 13}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (0, 1));
    assert_eq!(bench.dead()[0].reason, "attempts_spent");
    assert!(
        bench.now().since(began) >= Duration::from_secs(180),
        "three waits"
    );
}
