//! One message for several targets: each route ends alone, and resumes where it was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use waybill_local::{Mode, Received, Reply};

use crate::support::stage::{Setting, Stage, event, events};

/// One target that takes it, one that fails three times, one that is slow.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [
    {name: takes, target: {http: {url: "URL/takes", timeout: 5s}}},
    {name: fails, target: {http: {url: "URL/fails", timeout: 5s}}},
    {name: slow, target: {http: {url: "URL/slow", timeout: 5s}}}
  ]
}"#;

/// How the targets answer the nth request for one event.
fn answer(received: &Received, nth: u32) -> Reply {
    match (received.path.as_str(), nth) {
        ("/fails", 1..=3) => Reply::status(503),
        ("/slow", _) => Reply::status(200).after(Duration::from_millis(1500)),
        _ => Reply::status(200),
    }
}

/// How many requests each target saw for an event.
fn requests(stage: &Stage, event_id: &str) -> BTreeMap<String, u32> {
    let mut requests = BTreeMap::new();
    for exchange in stage.requests(event_id) {
        *requests.entry(exchange.received.path).or_default() += 1;
    }
    requests
}

/// Requests by path.
fn counts(of: [(&str, u32); 3]) -> BTreeMap<String, u32> {
    of.map(|(path, count)| (path.to_owned(), count)).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_route_of_a_message_ends_alone_and_the_message_is_deleted_once() {
    let setting = Setting::new("fan-out").await.mode(Mode::Poll);
    let stage = setting.routes(ROUTES).stage(answer).await;
    stage.send(&[event("e-1")]).await;
    stage.poll_until_drained().await;
    let expected = counts([("/takes", 1), ("/fails", 4), ("/slow", 1)]);
    assert_eq!(requests(&stage, "e-1"), expected);
    assert_eq!(stage.aws.proxy().deletions().len(), 1);
    assert_eq!(stage.row("e-1").await.status(), "COMPLETED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_two_steps_each_route_resumes_where_it_was_f33() {
    let setting = Setting::new("fan-out-killed").await.routes(ROUTES);
    let aws = setting.aws();
    let stage = setting.stage(move |received, nth| {
        let at = (received.event_id(), received.path.as_str(), nth);
        let first = (Some("first"), "/takes", 1);
        let between = (Some("between"), "/fails", 2);
        let last = (Some("last"), "/fails", 4);
        if [first, between, last].contains(&at) {
            for sandbox in aws.sandboxes("") {
                let _ = sandbox.kill();
            }
        }
        answer(received, nth)
    });
    let stage = stage.await;
    for (sent, id) in ["first", "between", "last"].into_iter().enumerate() {
        stage.send(&[event(id)]).await;
        stage.until_delivered(3 * (sent + 1)).await;
        assert_eq!(stage.row(id).await.status(), "COMPLETED");
    }
    assert_eq!(
        stage.effects().len(),
        9,
        "a repeat has the key of its first try"
    );
    // What was under way at the kill may be repeated, with its key; what was done is not.
    let first = requests(&stage, "first");
    assert_eq!((first["/takes"], first["/fails"]), (2, 4));
    assert!((1..=2).contains(&first["/slow"]), "{first:?}");
    let expected = counts([("/takes", 1), ("/fails", 4), ("/slow", 1)]);
    assert_eq!(requests(&stage, "between"), expected);
    let expected = counts([("/takes", 1), ("/fails", 5), ("/slow", 1)]);
    assert_eq!(requests(&stage, "last"), expected);
}

/// A route with every gate: it opens at the first failure, and closes at the first success.
const GATED: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [{
    name: gated,
    target: {http: {url: "URL/gated", timeout: 5s}},
    breaker: {failures: 1, probe: 1s, ramp: 0s},
    rate: {limit: 50},
    concurrency: 1
  }]
}"#;

/// What waits at a gate comes back by itself, and what processes share is in the ledger's table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_with_gates_spares_a_target_that_fails_and_goes_on_when_it_is_back() {
    let setting = Setting::new("gated").await.mode(Mode::Poll).routes(GATED);
    let requests = AtomicU32::new(0);
    let stage = setting.stage(move |_, _| match requests.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Reply::status(503),
        _ => Reply::status(200),
    });
    let stage = stage.await;
    stage.send(&events("e", 5)).await;
    stage.poll_until_drained().await;
    let ledger = stage.bundle.ledger();
    let rows = ledger.rows().await.expect("rows are read");
    assert!(
        rows.iter().all(|row| row.status() == "COMPLETED"),
        "{rows:?}"
    );
    let asked = stage.receiver.exchanges().len();
    assert_eq!(
        asked,
        5 + 2,
        "one that opened it, and one probe that failed"
    );
    let key = |gate, of| format!("#{gate}#{}#gated{of}", stage.bundle.stack());
    let row = async |gate, of| ledger.row(&key(gate, of)).await.expect("a row is read");
    let breaker = row("breaker", "").await.expect("it was open");
    assert_eq!(breaker.text("gate"), Some("ramp"));
    assert_eq!(breaker.number("round"), Some(1), "the probe that failed");
    let rate = row("rate", "#20000#1").await.expect("slots were leased");
    assert!(rate.number("tat_us") > Some(0));
    for row in [breaker, rate] {
        assert!(row.number("expires_at") > Some(0), "it is swept: {row:?}");
    }
}
