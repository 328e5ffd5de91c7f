//! Two customers before a FIFO queue in memory.

use std::sync::{Arc, Mutex};

use serde_json::json;

use waybill::testing::Bench;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_customer_whose_head_fails_waits_in_order_and_another_does_not() {
    let entered = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&entered);
    let work = move |entry: Entry, context: Context| {
        let seen = Arc::clone(&seen);
        async move {
            let said = (entry.customer.clone(), entry.cents);
            enter(entry, context).await?;
            seen.lock().unwrap().push(said);
            Ok::<_, Failure>(())
        }
    };
    let bench = Bench::fifo(waybill::handler("enter", work)).unwrap();
    for cents in [0, 5, -3] {
        bench.send_in("ann", json!({"customer": "ann", "cents": cents}));
    }
    bench.send_in("bob", json!({"customer": "bob", "cents": 7}));
    let report = bench.run_until_empty().await;
    assert_eq!((report.done, report.dead), (4, 0));
    let entered = entered.lock().unwrap();
    let of = |name: &str| -> Vec<i64> {
        let of = entered.iter().filter(|(customer, _)| customer == name);
        of.map(|(_, cents)| *cents).collect()
    };
    assert_eq!(of("ann"), [0, 5, -3]);
    assert_eq!(entered.first().unwrap().0, "bob", "bob waits for nobody");
}
