//! `waybill top`, where stdout is no terminal: what it tells is what the account holds.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{Instant, sleep, timeout};

use waybill_core::gate::breaker::{Breaker, Open};
use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_core::id::{Consumer, RouteName};
use waybill_core::ledger::{RouteState, Status};
use waybill_core::outcome::DeadReason;
use waybill_core::time::Timestamp;
use waybill_local::api::Api;
use waybill_local::{Received, Reply};
use waybill_testkit::fixtures;

use super::bare::{Bare, now, row, typed};
use crate::support::cli::Cli;
use crate::support::stage::{Setting, event};

/// A log group, as a function's is.
struct Group(Api);

impl Group {
    const NAME: &str = "of-a-function";

    /// An empty one.
    async fn new(bare: &Bare) -> Self {
        let group = Self(Api::new(bare.aws.endpoint()).unwrap());
        let name = json!({ "logGroupName": Self::NAME });
        group.ask("CreateLogGroup", name).await;
        let stream = json!({ "logGroupName": Self::NAME, "logStreamName": "s" });
        group.ask("CreateLogStream", stream).await;
        group
    }

    async fn ask(&self, operation: &str, parameters: Value) {
        let target = format!("Logs_20140328.{operation}");
        let asked = self.0.json("logs", &target, &parameters).await;
        asked.unwrap_or_else(|error| panic!("{operation}: {error}"));
    }

    /// Writes lines, now.
    async fn log(&self, lines: &[String]) {
        let lines = lines.iter();
        let lines = lines.map(|line| json!({ "timestamp": now().as_millis(), "message": line }));
        let put = json!({
            "logGroupName": Self::NAME, "logStreamName": "s",
            "logEvents": lines.collect::<Vec<_>>(),
        });
        self.ask("PutLogEvents", put).await;
    }
}

/// A line of metrics of the queue `orders`.
fn line(dimensions: &[(&str, &str)], metrics: &Value) -> String {
    let mut document = json!({ "Queue": "orders" });
    let members = document.as_object_mut().unwrap();
    let mut names = vec!["Queue"];
    for (name, value) in dimensions {
        names.push(name);
        members.insert((*name).to_owned(), json!(value));
    }
    let metrics = metrics.as_object().unwrap();
    let described: Vec<_> = metrics.keys().map(|name| json!({ "Name": name })).collect();
    members.extend(metrics.clone());
    let told = json!({
        "Timestamp": now().as_millis(),
        "CloudWatchMetrics":
            [{ "Namespace": "Waybill", "Dimensions": [names], "Metrics": described }],
    });
    members.insert("_aws".to_owned(), told);
    document.to_string()
}

/// What a function has logged of two messages, one of which died.
fn logged() -> Vec<String> {
    let crm = ("Route", "crm");
    vec![
        "START RequestId: 8f3f Version: $LATEST".to_owned(),
        line(
            &[],
            &json!({ "Received": 2, "Delivered": 1, "Dead": 1, "Failed": 1 }),
        ),
        line(
            &[],
            &json!({ "EndToEndLatency": [120], "ProcessingTime": [7, 9] }),
        ),
        line(&[("Reason", "rejected")], &json!({ "Dead": 1 })),
        line(&[crm, ("Outcome", "delivered")], &json!({ "Attempts": 1 })),
        line(&[crm, ("Outcome", "rejected")], &json!({ "Attempts": 1 })),
        line(
            &[crm],
            &json!({ "DeliveryTime": [3, 4], "BreakerState": 0 }),
        ),
        line(&[], &json!({ "Received": 1 })).replace("\"orders\"", "\"another\""),
    ]
}

/// A breaker that opened then.
fn opened(since: Timestamp) -> GateRow {
    let consumer = Consumer::new(fixtures::CONSUMER).unwrap();
    let open = Open {
        since,
        probe_at: since,
        round: 1,
        probing_until: None,
    };
    GateRow {
        key: GateKey::breaker(&consumer, &RouteName::new("crm").unwrap()),
        rev: 1,
        expires_at: now().after(Duration::from_secs(3600)).as_secs_ceil(),
        state: GateState::Breaker(Breaker::Open(open)),
    }
}

#[tokio::test]
async fn what_is_told_is_what_queues_logs_and_ledger_hold() {
    let bare = Bare::new().await;
    let group = Group::new(&bare).await;
    group.log(&logged()).await;
    for n in 0..5 {
        let send = bare.sqs.send_message().queue_url(&bare.source);
        let send = send.message_body(event(&format!("e-{n}")));
        send.send().await.unwrap();
    }
    let receive = bare.sqs.receive_message().queue_url(&bare.source);
    receive.max_number_of_messages(2).send().await.unwrap();
    bare.bury(&event("dead")).await;
    let since = now();
    bare.put_gate(&opened(since)).await;
    let mut dead = row("dead", Status::Dead);
    dead.death.as_mut().unwrap().reason = DeadReason::Rejected;
    dead.routes = vec![
        fixtures::route_record("crm", RouteState::Rejected, 1),
        fixtures::route_record("audit", RouteState::Delivered, 1),
    ];
    for record in [
        dead,
        row("waits", Status::Pending),
        row("done", Status::Completed),
    ] {
        bare.plant(&record).await;
    }

    let top = ["top", "--once", "--log-group", Group::NAME];
    let ran = bare
        .cli(top.into_iter().chain(["--json"]))
        .run()
        .await
        .expect(0);
    let told = ran.json();
    let held = |depth: &Value| {
        let parts = ["visible", "in_flight", "delayed"];
        parts.map(|part| depth[part].as_u64().unwrap())
    };
    assert_eq!(
        (held(&told["source"]), held(&told["dlq"])),
        ([3, 2, 0], [1, 0, 0])
    );
    let counts = &told["window"]["counts"];
    let counts = ["received", "delivered", "failed", "dead", "retried"].map(|name| &counts[name]);
    assert_eq!(counts, [2, 1, 1, 1, 0]);
    assert_eq!(told["window"]["dead"], json!({ "rejected": 1 }));
    assert_eq!(told["window"]["end_to_end_ms"]["max"], 120.0);
    let route = &told["routes"][0];
    assert_eq!(
        (&route["delivered"], &route["rejected"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(route["delivery_ms"]["count"], 2);
    // The row is right, whatever a function said before.
    assert_eq!(
        (&route["breaker"], &route["open_since"]),
        (&json!("open"), &json!(since.to_rfc3339()))
    );
    let [letter] = told["dead_letters"].as_array().unwrap().as_slice() else {
        panic!("{told:#}");
    };
    assert_eq!(
        (&letter["key"], &letter["reason"]),
        (&json!(typed("dead")), &json!("rejected"))
    );
    assert_eq!(letter["routes"][0]["route"], "crm");
    assert_eq!(letter["routes"].as_array().unwrap().len(), 1);
    assert_eq!(letter["age_seconds"].as_u64().unwrap() / 60, 180);
    assert_eq!(
        (&told["queue"], &told["trouble"]),
        (&json!("orders"), &json!([]))
    );

    let ran = bare.cli(top).run().await.expect(0);
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [header, line] = lines.as_slice() else {
        panic!("{ran:?}");
    };
    let word = |name: &str| {
        let place = header
            .split_whitespace()
            .position(|header| header == name)
            .unwrap();
        line.split_whitespace().nth(place).unwrap()
    };
    let names = [
        "WAITING",
        "IN_FLIGHT",
        "DELAYED",
        "DLQ",
        "FAILED",
        "P50_MS",
        "BREAKERS_OPEN",
    ];
    assert_eq!(names.map(word), ["3", "2", "0", "1", "1", "120", "1"]);
}

#[tokio::test]
async fn what_was_counted_once_is_not_counted_again_at_the_next_look() {
    let bare = Bare::new().await;
    let group = Group::new(&bare).await;
    // Two lines that are alike are two.
    let twice = line(&[], &json!({ "Received": 1 }));
    group.log(&[twice.clone(), twice]).await;
    let top = [
        "top",
        "--count",
        "3",
        "--interval",
        "1",
        "--json",
        "--log-group",
        Group::NAME,
    ];
    let ran = bare.cli(top).run().await.expect(0);
    let received = ran.stdout.lines().map(|line| {
        let told: Value = serde_json::from_str(line).unwrap();
        told["window"]["counts"]["received"].as_u64().unwrap()
    });
    assert_eq!(received.collect::<Vec<_>>(), [2, 2, 2]);
}

#[tokio::test]
async fn a_source_that_fails_takes_nothing_else_away() {
    let bare = Bare::new().await;
    bare.bury(&event("dead")).await;
    let top = ["top", "--once", "--json", "--log-group", "nowhere"];
    let ran = bare.cli(top).run().await.expect(1);
    let ran = ran.says(&["log group `nowhere` does not exist"]);
    let told = ran.json();
    assert_eq!(
        (&told["window"], &told["dlq"]["visible"]),
        (&Value::Null, &json!(1))
    );
    assert_eq!(told["dead_letters"], json!([]));
    assert_eq!(told["trouble"].as_array().unwrap().len(), 1);

    // Nothing triggers a function, and nobody named a log; no ledger is named either.
    let bare_of_ledger = bare.cli(["top", "--once"]);
    let ran = bare_of_ledger
        .with("WAYBILL_LEDGER_TABLE", "")
        .with("WAYBILL_CONSUMER", "");
    let ran = ran.run().await.expect(1).says(&["--log-group"]);
    assert_eq!(ran.stdout.lines().count(), 2, "{ran:?}");

    let elsewhere = bare
        .cli(["top", "--once", "--json"])
        .with("WAYBILL_LEDGER_TABLE", "elsewhere");
    let ran = elsewhere.run().await.expect(1).says(&["`elsewhere`"]);
    assert_eq!(
        (&ran.json()["dead_letters"], &ran.json()["dlq"]["visible"]),
        (&Value::Null, &json!(1))
    );
}

#[tokio::test]
async fn what_top_cannot_do_without_is_asked_for() {
    let bare = Bare::new().await;
    let other = bare.source.replace("/orders", "/nothing");
    let table = [
        ("WAYBILL_QUEUE_URL", "", "give --queue-url"),
        ("WAYBILL_QUEUE_URL", other.as_str(), "does not exist"),
        ("WAYBILL_CONSUMER", "", "give --consumer"),
        (
            "WAYBILL_ROUTES",
            "/nowhere/routes.yaml",
            "`/nowhere/routes.yaml`",
        ),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "--endpoint-url"),
    ];
    for (name, value, sentence) in table {
        let ran = bare.cli(["top"]).with(name, value).run().await.expect(2);
        let ran = ran.says(&[sentence]);
        assert_eq!(ran.stdout, "", "{name}");
    }
    for words in [
        &["--interval", "0"][..],
        &["--window", "9"],
        &["--once", "--count", "2"],
    ] {
        let words = ["top"].into_iter().chain(words.iter().copied());
        bare.cli(words).run().await.expect(2).says(&["error: "]);
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_it() {
    let bare = Bare::new().await;
    let mut child = bare.cli(["top", "--interval", "1"]).start();
    let stdout = child.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines();
    for _ in 0..2 {
        let line = timeout(Duration::from_secs(60), lines.next_line()).await;
        assert!(line.expect("a line comes").unwrap().is_some());
    }
    drop(lines);
    let ended = timeout(Duration::from_secs(60), child.wait()).await;
    assert_eq!(
        ended.expect("it ends").unwrap().code(),
        Some(1),
        "no log was read"
    );
}

/// The sum of a metric of the whole queue in lines that a function logged.
fn sum(lines: &[String], metric: &str) -> u64 {
    let documents = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_queue = documents.filter(|document| {
        document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == json!([["Queue"]])
    });
    of_queue
        .filter_map(|document| document[metric].as_u64())
        .sum()
}

#[tokio::test]
async fn what_functions_logged_is_found_and_counted_to_the_last_message() {
    let refused =
        |received: &Received, _| match String::from_utf8_lossy(&received.body).contains("e-7") {
            true => Reply::status(422),
            false => Reply::status(200),
        };
    let stage = Setting::new("top").await.stage(refused).await;
    let bodies: Vec<_> = (0..20).map(|n| event(&format!("e-{n}"))).collect();
    stage.send(&bodies).await;
    stage.until_dead(1).await;
    let function = stage.bundle.consumer_function();
    let end = Instant::now() + Duration::from_secs(120);
    // A stand-in has an invocation's lines a moment after its end.
    let told = loop {
        let top = ["top", "--once", "--json", "--window", "600"];
        let told = Cli::new(top).of(&stage).run().await.expect(0).json();
        if told["window"]["counts"]["delivered"] == 19 && told["window"]["counts"]["failed"] == 1 {
            break told;
        }
        assert!(Instant::now() < end, "{told:#}");
        sleep(Duration::from_millis(500)).await;
    };
    let lines = stage.bundle.logs(function).await.unwrap();
    let counts = &told["window"]["counts"];
    for metric in [
        "Received",
        "Delivered",
        "Failed",
        "Dead",
        "Duplicates",
        "Retried",
        "Attempts",
    ] {
        assert_eq!(
            counts[metric.to_lowercase()],
            sum(&lines, metric),
            "{metric}"
        );
    }
    assert_eq!(told["log_groups"].as_array().unwrap().len(), 1);
    let [route] = told["routes"].as_array().unwrap().as_slice() else {
        panic!("{told:#}");
    };
    assert_eq!(
        (&route["delivered"], &route["rejected"]),
        (&json!(19), &json!(1))
    );
    assert_eq!(route["delivery_ms"]["count"], counts["attempts"]);
    assert_eq!(told["window"]["end_to_end_ms"]["count"], 19);
    assert_eq!(told["dead_letters"][0]["reason"], "rejected");
    assert_eq!(
        (&told["source"]["visible"], &told["dlq"]["visible"]),
        (&json!(0), &json!(1))
    );
}
