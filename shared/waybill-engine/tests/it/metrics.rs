//! What is counted, and when it is written.

use std::time::Duration;

use futures_util::future::select;
use tokio::time::{advance, sleep};

use waybill_core::canary;
use waybill_core::key::KeyExpression;
use waybill_core::ledger::Status;
use waybill_core::outcome::Attempt;
use waybill_engine::ports::{Ambient, Outgoing, Queue};
use waybill_testkit::{Call, Fault, Trouble};

use crate::scene::{Answer, LONG, Scene, TIMEOUT};

/// A canary, as the template's schedule sends it.
fn canary_body(id: &str) -> String {
    let name = canary::NAME;
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"{name}","type":"{name}","data":{{}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_clean_batch_of_ten_costs_two_requests_and_says_so() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    (0..10).for_each(|n| drop(scene.send(&format!("e{n}"))));
    advance(Duration::from_secs(3)).await;
    scene.turn().await;
    let sum = |metric| written.sum(metric, &[]);
    assert_eq!((sum("Received"), sum("Delivered")), (10.0, 10.0));
    assert_eq!((sum("LedgerRequests"), sum("QueueRequests")), (2.0, 0.0));
    assert_eq!(sum("Attempts"), 10.0);
    let tries = [("Route", "crm"), ("Outcome", "delivered")];
    assert_eq!(written.sum("Attempts", &tries), 10.0);
    assert_eq!(written.values("BatchFill"), [10.0]);
    assert_eq!(written.values("AgeAtReceipt"), [3000.0; 10]);
    assert_eq!(written.values("EndToEndLatency").len(), 10);
    assert_eq!(written.values("DeliveryTime").len(), 10);
    let cost = sum("EstimatedCost");
    // 20 write units, an invocation, a receive and a delete of Lambda's.
    assert!(
        (cost - (20.0 * 0.625 + 0.2 + 0.8) / 1e6).abs() < 1e-9,
        "{cost}"
    );
}

#[tokio::test(start_paused = true)]
async fn each_end_of_a_message_is_counted_by_its_kind() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    for key in ["well", "busy", "bad"] {
        scene.send(key);
    }
    scene.answer(
        "busy",
        "crm",
        Answer::Give(Attempt::transient("http_503", "", None)),
    );
    scene.answer(
        "bad",
        "crm",
        Answer::Give(Attempt::rejected("http_422", "")),
    );
    scene.turn().await;
    scene.send("well");
    scene.turn().await;
    let sum = |metric| written.sum(metric, &[]);
    assert_eq!(
        (sum("Delivered"), sum("Duplicates"), sum("Retried")),
        (1.0, 1.0, 1.0)
    );
    assert_eq!(written.sum("Dead", &[("Reason", "rejected")]), sum("Dead"));
    assert!(sum("Dead") >= 1.0);
}

#[tokio::test(start_paused = true)]
async fn an_event_fails_once_however_often_its_dead_message_comes() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    scene.send("bad");
    scene.answer(
        "bad",
        "crm",
        Answer::Give(Attempt::rejected("http_422", "")),
    );
    for _ in 0..5 {
        scene.wait_for_next().await;
        scene.turn().await;
    }
    assert_eq!(written.sum("Dead", &[]), 5.0);
    assert_eq!(written.sum("Failed", &[]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_is_written_before_the_answer_also_when_the_time_is_out_f77() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    scene.send("slow");
    scene.answer("slow", "crm", Answer::Hang);
    let began = scene.ambient.now();
    scene.turn().await;
    let ended = scene.ambient.now();
    assert!(ended.since(began) > Duration::from_secs(5), "it hung");
    assert!(ended.since(began) < TIMEOUT);
    assert_eq!(written.sum("Received", &[]), 1.0);
    assert_eq!(
        written.sum("Attempts", &[("Route", "crm"), ("Outcome", "unknown")]),
        1.0
    );
    let last = written.all().last().unwrap()["_aws"]["Timestamp"].as_u64();
    assert_eq!(
        last,
        Some(ended.as_millis()),
        "the last are of the very end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_killed_poll_takes_ten_seconds_of_counts_with_it_and_no_more_f77() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    let killed = sleep(Duration::from_secs(35));
    let sending = async {
        for n in 0..35 {
            scene.send(&format!("e{n}"));
            sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    {
        let poll = std::pin::pin!(scene.poll(LONG, "{}"));
        let working = std::pin::pin!(futures_util::future::join(poll, sending));
        select(working, std::pin::pin!(killed)).await;
    }
    let delivered = written.sum("Delivered", &[]);
    assert!((25.0..=35.0).contains(&delivered), "{delivered}");
}

#[tokio::test(start_paused = true)]
async fn leases_and_requests_of_a_poll_are_counted() {
    let (mut scene, written) = Scene::new(&["crm"]).metered();
    scene.script.policy.time = Duration::from_secs(120);
    scene.send("slow");
    let after = Duration::from_secs(70);
    scene.answer(
        "slow",
        "crm",
        Answer::Slowly(after, Attempt::delivered("ok")),
    );
    let report = scene.poll_until_empty().await;
    assert!(report.leases_extended > 0);
    assert_eq!(
        written.sum("LeasesExtended", &[]),
        report.leases_extended as f64
    );
    let asked = scene.queue.inner().requests().len();
    assert_eq!(written.sum("QueueRequests", &[]), asked as f64);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_away_shows_as_failures_and_deferrals_by_cause() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    scene.send("e");
    scene
        .ledger
        .always(Call::Write, Fault::Before(Trouble::Transient));
    scene.turn().await;
    let failures = written.sum("LedgerFailures", &[]);
    let writes = scene.ledger.calls(Call::Write);
    let reads = scene.ledger.calls(Call::Read);
    assert_eq!(failures, writes as f64);
    assert_eq!(written.sum("LedgerRequests", &[]), (writes + reads) as f64);
    assert_eq!(written.sum("Deferred", &[("Cause", "store_down")]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_canary_goes_the_whole_way_and_along_no_route() {
    for key in [None, Some("data.orderId")] {
        let (mut scene, written) = Scene::new(&["crm"]).metered();
        scene.config.key = key.map(|key| KeyExpression::compile(key).unwrap());
        let canary = Outgoing {
            body: canary_body("tick-1"),
            ..Outgoing::default()
        };
        scene
            .queue
            .inner()
            .send(std::slice::from_ref(&canary))
            .await;
        advance(Duration::from_secs(2)).await;
        scene.turn().await;
        assert!(scene.queue.inner().is_empty(), "deleted");
        assert!(scene.tries().is_empty());
        let row = scene.row(&format!("ce:{}\0tick-1", canary::NAME));
        assert_eq!(row.status, Status::Completed);
        let sum = |metric| written.sum(metric, &[]);
        assert_eq!((sum("CanaryDelivered"), sum("LedgerRequests")), (1.0, 2.0));
        assert_eq!((sum("Delivered"), sum("Ignored")), (0.0, 0.0));
        assert!(written.values("CanaryLatency")[0] >= 2000.0);
        assert_eq!(written.values("ProcessingTime"), [0.0; 0]);
        scene.queue.inner().send(&[canary]).await;
        scene.turn().await;
        assert_eq!((sum("CanaryDelivered"), sum("Duplicates")), (1.0, 1.0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_waits_like_any_event_while_the_ledger_is_away() {
    let (scene, written) = Scene::new(&["crm"]).metered();
    let body = canary_body("tick-1");
    scene
        .queue
        .inner()
        .send(&[Outgoing {
            body,
            ..Outgoing::default()
        }])
        .await;
    scene
        .ledger
        .always(Call::Write, Fault::Before(Trouble::Transient));
    scene.turn().await;
    assert_eq!(written.sum("CanaryDelivered", &[]), 0.0);
    assert_eq!(scene.queue.inner().len(), 1);
}
