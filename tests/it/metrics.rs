//! Metrics as they are deployed: the real poller through good and bad, and every document that it
//! wrote held to the format's specification by a program that knows nothing of Waybill.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use waybill_core::canary;
use waybill_engine::telemetry::metric::ALL;
use waybill_local::{Fault, FaultAction, Mode, Reply};

use crate::support::stage::{Setting, Stage, event, workspace};

/// A route for each way in which things go.
const ROUTES: &str = r#"{
  unrouted: ack,
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [
    {name: hook, filter: {data: {order: [{prefix: "ok-"}, {prefix: "bad-"}]}},
     target: {http: {url: "URL/hook", timeout: 5s}}},
    {name: slow, filter: {data: {order: [{prefix: "slow-"}]}},
     target: {http: {url: "URL/slow", timeout: 50s}}},
    {name: down, filter: {data: {order: [{prefix: "down-"}]}},
     breaker: {failures: 1, probe: 1s, probe_max: 2s, ramp: 1s},
     target: {http: {url: "URL/down", timeout: 5s}}},
    {name: late, filter: {data: {order: [{prefix: "late-"}]}},
     retry: {duration: 60s, detach: 1},
     target: {http: {url: "URL/late", timeout: 5s}}}
  ]
}"#;

/// A canary, as the template's schedule sends it.
fn canary_event() -> String {
    let name = canary::NAME;
    json!({"specversion": "1.0", "id": "tick-1", "source": name, "type": name, "data": {}})
        .to_string()
}

/// What the metrics' documents are found to be; each is held to the specification.
fn found_by_the_specification(documents: &[String]) -> BTreeMap<String, Value> {
    let script = workspace().root().join("tests/it/metrics/validate.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python 3 is there");
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(documents.join("\n").as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "a document is not as it should be");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The documents among what the functions said.
async fn documents(stage: &Stage) -> Vec<String> {
    let mut lines = stage.logs().await;
    lines.retain(|line| line.starts_with("{\"_aws\""));
    lines
}

/// The sum of a metric over documents of the queue alone.
fn sum(documents: &[String], metric: &str) -> u64 {
    let parsed = documents
        .iter()
        .map(|line| serde_json::from_str(line).unwrap());
    let counts = parsed.filter_map(|document: Value| {
        let set = &document["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0];
        match set == &json!(["Queue"]) {
            true => document[metric].as_u64(),
            false => None,
        }
    });
    counts.sum()
}

/// A message is in flight and its row is made another's: what its holder writes is fenced.
async fn take_the_row_away(stage: &Stage) {
    stage
        .until("it is in flight", async |stage| {
            !stage.requests("slow-1").is_empty()
        })
        .await;
    let ledger = stage.bundle.ledger();
    let row = stage.row("slow-1").await;
    let key = AttributeValue::S(row.pk().to_owned());
    let taken = ledger.client().update_item().table_name(ledger.name());
    let taken = taken.key("pk", key).update_expression("SET #o = :o");
    let taken = taken.expression_attribute_names("#o", "owner");
    let other = AttributeValue::S(format!("{:032x}", 1));
    let taken = taken.expression_attribute_values(":o", other);
    taken.send().await.unwrap();
}

/// A message is in flight and its poller is killed.
async fn kill(stage: &Stage) {
    stage
        .until("it is in flight", async |stage| {
            !stage.requests("slow-2").is_empty()
        })
        .await;
    for sandbox in stage.sandboxes() {
        sandbox.kill().unwrap();
    }
}

/// A message is in flight and somebody else shows it and receives it.
async fn steal(stage: &Stage) {
    stage
        .until("it is in flight", async |stage| {
            !stage.requests("slow-3").is_empty()
        })
        .await;
    let recorded = stage.aws.proxy().recorded();
    let receives = recorded
        .iter()
        .filter(|asked| asked.is("sqs", "ReceiveMessage"));
    let bodies = receives.filter_map(|asked| asked.reply()["Messages"].as_array().cloned());
    let handle = bodies.flatten().last().unwrap()["ReceiptHandle"].clone();
    let source = stage.bundle.source();
    let shown = source.client().change_message_visibility();
    let shown = shown.queue_url(source.url()).visibility_timeout(0);
    let shown = shown.receipt_handle(handle.as_str().unwrap());
    shown.send().await.unwrap();
    let taken = source.client().receive_message().queue_url(source.url());
    let taken = taken.visibility_timeout(1).send().await.unwrap();
    assert_eq!(taken.messages.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_written_by_a_real_function_as_the_specification_wants_it_f77() {
    let setting = Setting::new("metrics")
        .await
        .mode(Mode::Poll)
        .routes(ROUTES);
    let setting = setting.with("PollerVisibilitySeconds", 12);
    let stage = setting.stage(|received, nth| match received.path.as_str() {
        "/slow" if nth == 1 => Reply::status(200).after(Duration::from_secs(9)),
        "/late" if nth == 1 => Reply::status(503),
        "/down" if nth <= 2 => Reply::status(503),
        "/hook" if received.event_id().is_some_and(|id| id.starts_with("bad")) => {
            Reply::status(422)
        }
        _ => Reply::status(200),
    });
    let stage = stage.await;
    let one = json!({"max_messages": 1});

    let mut first: Vec<_> = (0..10).map(|n| event(&format!("ok-{n}"))).collect();
    first.extend([
        event("ok-0"),
        event("none-0"),
        event("bad-0"),
        canary_event(),
    ]);
    first.extend([event("down-0"), event("down-1"), event("late-0")]);
    stage.send(&first).await;
    stage.poll(json!({"max_messages": 17})).await;
    let at_first = documents(&stage).await;
    let names = [
        "Delivered",
        "Duplicates",
        "Ignored",
        "Scheduled",
        "Failed",
        "CanaryDelivered",
    ];
    assert_eq!(
        names.map(|name| sum(&at_first, name)),
        [10, 1, 1, 1, 1, 1],
        "{at_first:#?}"
    );
    stage.poll_until_drained().await;

    stage.send(&[event("slow-1")]).await;
    tokio::join!(stage.poll(one.clone()), take_the_row_away(&stage));
    stage.poll_until_drained().await;

    stage.send(&[event("slow-2")]).await;
    let (killed, ()) = tokio::join!(stage.try_poll(one.clone()), kill(&stage));
    assert!(killed.is_err(), "{killed:?}");
    stage.poll_until_drained().await;

    stage.aws.proxy().record();
    stage.send(&[event("slow-3")]).await;
    tokio::join!(stage.poll(one.clone()), steal(&stage));
    stage.poll_until_drained().await;

    stage.poller_time(20).await;
    stage.send(&[event("ok-away")]).await;
    stage
        .aws
        .proxy()
        .inject(Fault::new(FaultAction::Refuse).service("dynamodb"));
    stage.poll(one).await;
    stage.aws.proxy().heal();

    let documents = documents(&stage).await;
    let found = found_by_the_specification(&documents);
    let names: BTreeSet<_> = found.keys().map(String::as_str).collect();
    let all: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names, all, "{:#?}", stage.logs().await);
    for metric in ALL {
        let found = &found[metric.name];
        assert_eq!(found["unit"], metric.unit.word(), "{}", metric.name);
        let sets = metric.dimensions.iter().map(|set| {
            let words = set.iter().map(|dimension| dimension.word());
            words.collect::<Vec<_>>()
        });
        let sets: BTreeSet<_> = sets.map(|set| json!(set).to_string()).collect();
        let written = found["dimensions"].as_array().unwrap().iter();
        let written: BTreeSet<_> = written.map(Value::to_string).collect();
        assert_eq!(written, sets, "{}", metric.name);
    }
    let private = ["payload", "dispatch_date", "idempotency"];
    let told = documents
        .iter()
        .find(|line| private.iter().any(|word| line.contains(word)));
    assert_eq!(told, None);
}
