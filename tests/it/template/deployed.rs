//! The template, deployed: a CloudFormation that is not ours reads it, in every mode and with both
//! kinds of queues. The functions are stand-ins that answer what they are told.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use waybill_local::{
    BuiltFunctions, Bundle, DeployOptions, GroupedMessage, LocalAws, LocalError, Mode, Queue,
    QueueType,
};

use super::chosen::Template;
use super::set;
use crate::support::ministack::ministack;
use crate::support::stage::workspace;

/// A function that answers with its event, and fails or hangs where the event says so. Python is
/// what MiniStack itself needs.
pub(crate) const ECHO: &str = r#"#!/usr/bin/env python3
import json, os, time
from urllib.request import Request, urlopen

base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urlopen(f"{base}/next") as invocation:
        request = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(invocation)
    print("event", json.dumps(event), flush=True)
    time.sleep(event.get("hang", 0))
    failed = "fail" in event
    answer = {"errorType": "Told", "errorMessage": "told to"} if failed else {"echo": event}
    path = f"{base}/{request}/{'error' if failed else 'response'}"
    urlopen(Request(path, json.dumps(answer).encode())).read()
"#;

/// How long a tick may take to come: a minute, and a machine that is busy.
const TICK_LIMIT: Duration = Duration::from_secs(240);

/// The stand-ins of both functions, in a folder that goes when it is dropped.
fn echoes() -> (tempfile::TempDir, BuiltFunctions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap");
    fs::write(&path, ECHO).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let binaries = ["consumer", "poller", "redrive"].map(|name| (name.to_owned(), path.clone()));
    let functions = BuiltFunctions::from_binaries(BTreeMap::from(binaries));
    (folder, functions)
}

async fn deploy(aws: &LocalAws, options: DeployOptions) -> Result<Bundle, LocalError> {
    let (_folder, functions) = echoes();
    Bundle::deploy(aws.endpoint(), &workspace(), &functions, options).await
}

/// An attribute of a queue.
async fn attribute(queue: &Queue, name: QueueAttributeName) -> Option<String> {
    let asked = queue.client().get_queue_attributes().queue_url(queue.url());
    let asked = asked.attribute_names(QueueAttributeName::All).send().await;
    asked.unwrap().attributes.unwrap_or_default().remove(&name)
}

/// Whether it is a version of something, whose name tells what is in it.
fn is_version(name: &str) -> bool {
    ["RoutesLayer", "ConsumerFunctionVersion"]
        .iter()
        .any(|of| name.starts_with(of))
}

/// What SAM makes beside what is written, by mode.
fn made_by_sam(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Trigger => &[
            "ConsumerFunctionAliaslive",
            "RedriveFunctionEventInvokeConfig",
        ],
        Mode::Poll => &[
            "PollerFunctionEventInvokeConfig",
            "RedriveFunctionEventInvokeConfig",
        ],
        Mode::Both => &[
            "RedriveFunctionEventInvokeConfig",
            "ConsumerFunctionAliaslive",
            "PollerFunctionEventInvokeConfig",
        ],
    }
}

#[tokio::test]
async fn every_mode_deploys_with_both_kinds_of_queues() {
    let aws = ministack().await;
    for mode in Mode::ALL {
        for kind in QueueType::ALL {
            let stack = format!("{}-{}", mode.word(), kind.word());
            let options = DeployOptions::new(&stack).mode(mode).queue_type(kind);
            let bundle = deploy(&aws, options).await.unwrap();

            let template = Template::new().with("Mode", mode.word());
            let template = template.with("Alarms", "false");
            let template = template.with("Dashboards", "false").with("Canary", "false");
            let template = match kind {
                QueueType::Standard => template,
                QueueType::Fifo => template.fifo(),
            };
            let expected = &template.made("Resources") | &set(made_by_sam(mode));
            let mut resources = bundle.resources().await.unwrap();
            resources.retain(|name| !is_version(name));
            assert_eq!(resources, &expected - &set(&["RoutesLayer"]), "{stack}");
            for output in ["ConsumerFunctionName", "PollerFunctionName"] {
                let there = bundle.output(output).is_some();
                assert_eq!(there, template.made("Outputs").contains(output), "{stack}");
            }

            let fifo = (kind == QueueType::Fifo).then(|| "true".to_owned());
            for queue in [bundle.source(), bundle.dead_letters()] {
                let said = attribute(queue, QueueAttributeName::FifoQueue).await;
                assert_eq!(said, fifo, "{}", queue.url());
            }
            bundle.remove().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_fifo_stack_that_leaves_its_dead_to_the_redrive_policy_is_refused() {
    let aws = ministack().await;
    let fifo = DeployOptions::new("fifo").queue_type(QueueType::Fifo);
    let error = deploy(&aws, fifo.parameter("DeadLetterMode", "redrive")).await;
    let said = error.unwrap_err().chain();
    assert!(said.contains("set DeadLetterMode to send"), "{said}");
}

#[tokio::test]
async fn a_poller_answers_who_invokes_it_and_says_when_it_fails() {
    let aws = ministack().await;
    let bundle = deploy(&aws, DeployOptions::new("invoked").mode(Mode::Poll));
    let bundle = bundle.await.unwrap();
    let event = json!({ "max_messages": 7 });
    let answer = bundle.invoke(bundle.poller_function(), &event).await;
    let answer = answer.unwrap();
    assert_eq!(answer.payload, json!({ "echo": event }));
    assert_eq!(answer.function_error, None);

    let failing = json!({ "fail": true });
    let failed = bundle.invoke(bundle.poller_function(), &failing).await;
    let failed = failed.unwrap();
    assert_eq!(failed.payload["errorMessage"], "told to");
    assert_eq!(failed.function_error.as_deref(), Some("Unhandled"));

    bundle
        .set_timeout(bundle.poller_function(), 1)
        .await
        .unwrap();
    let hanging = json!({ "hang": 60 });
    let cut = bundle.invoke(bundle.poller_function(), &hanging).await;
    assert_eq!(cut.unwrap().function_error.as_deref(), Some("Unhandled"));
}

#[tokio::test]
async fn a_tick_invokes_the_poller_with_an_empty_event() {
    let aws = ministack().await;
    let options = DeployOptions::new("ticking").mode(Mode::Poll);
    let options = options.parameter("PollerSchedule", "ENABLED");
    let bundle = deploy(&aws, options).await.unwrap();
    let poller = bundle.poller_function();
    bundle
        .until_logged(poller, "event {}", TICK_LIMIT)
        .await
        .unwrap();
}

#[tokio::test]
async fn dashboards_and_a_canary_deploy_and_the_canary_comes() {
    let aws = ministack().await;
    let options = DeployOptions::new("watched").mode(Mode::Both);
    let options = options.parameter("Dashboards", "true");
    let options = options.parameter("Canary", "true");
    let bundle = deploy(&aws, options).await.unwrap();
    let made = bundle.resources().await.unwrap();
    for name in [
        "EventFlowDashboard",
        "ServiceHealthDashboard",
        "PerformanceDashboard",
        "CanarySchedule",
    ] {
        assert!(made.contains(name), "{name} of {made:?}");
    }
    let consumer = bundle.consumer_function();
    let came = bundle
        .until_logged(consumer, "waybill.canary", TICK_LIMIT)
        .await;
    came.unwrap();
    bundle.remove().await.unwrap();
}

#[tokio::test]
async fn stacks_side_by_side_share_nothing() {
    let aws = ministack().await;
    let [orders, invoices] = ["orders", "invoices"].map(DeployOptions::new);
    let orders = deploy(&aws, orders).await.unwrap();
    let invoices = deploy(&aws, invoices).await.unwrap();
    let mut names = orders.resources().await.unwrap();
    names.retain(|name| !is_version(name));
    for name in names {
        let of_orders = orders.physical_id(&name).await.unwrap();
        let of_invoices = invoices.physical_id(&name).await.unwrap();
        assert_ne!(of_orders, of_invoices, "{name}");
    }
    orders
        .source()
        .send(&["for orders".to_owned()])
        .await
        .unwrap();
    invoices
        .source()
        .send(&["for invoices".to_owned()])
        .await
        .unwrap();
    for (bundle, own, other) in [
        (&orders, "for orders", "for invoices"),
        (&invoices, "for invoices", "for orders"),
    ] {
        let consumer = bundle.consumer_function();
        let lines = bundle
            .until_logged(consumer, own, TICK_LIMIT)
            .await
            .unwrap();
        assert!(!lines.iter().any(|line| line.contains(other)), "{lines:?}");
    }
    orders.remove().await.unwrap();
    let left = invoices.resources().await.unwrap();
    assert!(left.contains("LedgerTable"), "{left:?}");
    invoices.remove().await.unwrap();
}

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_of_its_groups_and_takes_each_message_once() {
    let aws = ministack().await;
    let options = DeployOptions::new("order").mode(Mode::Poll);
    let bundle = deploy(&aws, options.queue_type(QueueType::Fifo));
    let bundle = bundle.await.unwrap();
    let sent: Vec<_> = (0..25)
        .map(|n| GroupedMessage::new(format!("group-{}", n % 2), format!("id-{n}"), n.to_string()))
        .collect();
    let ids = bundle.source().send_in_groups(&sent).await.unwrap();
    let again = bundle.source().send_in_groups(&sent[..3]).await.unwrap();
    assert_eq!(again, ids[..3], "a repeat is no new message");

    let all = bundle.source().drain().await.unwrap();
    let bodies = |group: usize| {
        let bodies = all
            .iter()
            .filter_map(|message| message.body()?.parse().ok());
        bodies
            .filter(move |n: &usize| n % 2 == group)
            .collect::<Vec<_>>()
    };
    assert_eq!(bodies(0), (0..25).step_by(2).collect::<Vec<_>>());
    assert_eq!(bodies(1), (1..25).step_by(2).collect::<Vec<_>>());
    assert_eq!(bundle.source().depth().await.unwrap().total(), 0);
}
