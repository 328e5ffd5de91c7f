//! The valve on the source, as it is deployed: the event source mapping is lowered while the only
//! target is away, and restored when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use waybill_local::{Received, Reply};

use crate::support::stage::{Setting, Stage, event};

/// One route, whose breaker opens at the first failure and looks again soon.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 5s}},
    breaker: {failures: 1, probe: 1s, probe_max: 2s, ramp: 1s}}]
}"#;

/// Sends an event every few seconds until the mapping brings at most so many invocations at once:
/// only an invocation looks.
async fn send_until(stage: &Stage, sent: &AtomicU32, most: u64) {
    let is_there = async |stage: &Stage| {
        let number = sent.fetch_add(1, Ordering::SeqCst);
        stage.send(&[event(&format!("e-{number}"))]).await;
        sleep(Duration::from_secs(2)).await;
        let function = stage.bundle.consumer_function();
        let now = stage.bundle.trigger_concurrency(function).await;
        now.expect("the mapping can be asked") == Some(most)
    };
    let what = format!("the mapping has {most}");
    stage.until(&what, is_there).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_lowered_while_the_only_target_is_away_and_restored_when_it_is_back() {
    let is_back = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&is_back);
    let setting = Setting::new("valve").await.routes(ROUTES);
    let setting = setting.with("SourceValve", true);
    let setting = setting.with("MaximumConcurrency", 5);
    let stage = setting
        .stage(
            move |_: &Received, _| match answers.load(Ordering::SeqCst) {
                true => Reply::status(200),
                false => Reply::status(503),
            },
        )
        .await;
    let sent = AtomicU32::new(0);
    send_until(&stage, &sent, 5).await;
    send_until(&stage, &sent, 2).await;
    let logs = stage.logs().await.join("\n");
    assert!(logs.contains("source lowered"), "{logs}");
    is_back.store(true, Ordering::SeqCst);
    send_until(&stage, &sent, 5).await;
    let logs = stage.logs().await.join("\n");
    assert!(logs.contains("source restored"), "{logs}");
}
