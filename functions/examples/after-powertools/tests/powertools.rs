//! The function's binary under Lambda's Runtime API, over a table that Powertools itself has written.

#![allow(clippy::panic, reason = "a test that cannot go on should stop")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use waybill_local::runtime_api::sqs_event;
use waybill_local::{Answer, Environment, Function, LocalAws, Venv, Workspace};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:orders";

/// The bodies of orders that the old function has booked: each kind of value is hashed otherwise.
const DONE: [&str; 5] = [
    r#"{"user": "ключ 😀", "order_id": "o-1"}"#,
    r#"{"user": 7, "order_id": "o-2"}"#,
    r#"{"user": 0.00001, "order_id": "o-3"}"#,
    r#"{"user": {"b": [1.0, null], "a": true}, "order_id": "o-4"}"#,
    r#"{"order_id": "o-5", "text": "without a user"}"#,
];

/// One that it has begun and not ended.
const BEGUN: &str = r#"{"user": "u", "order_id": "o-6"}"#;

/// One that it has never seen.
const NEW: &str = r#"{"user": "u", "order_id": "o-7"}"#;

/// Has the old function do something with these bodies; how many it booked.
async fn old_function(python: &Path, aws: &LocalAws, doing: &str, bodies: &[&str]) -> usize {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/old_function.py");
    let mut child = Command::new(python)
        .arg(script)
        .args([aws.endpoint(), doing])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python runs");
    let bodies = serde_json::to_vec(bodies).expect("texts");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(&bodies).await.expect("it reads");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("a number")
}

/// The messages that stay in the queue when these have come.
async fn left(function: &Function, bodies: &[&str]) -> String {
    let ids: Vec<_> = (1..=bodies.len()).map(|n| format!("m-{n}")).collect();
    let messages = ids.iter().map(String::as_str).zip(bodies.iter().copied());
    let payload = sqs_event(QUEUE, messages);
    match function.invoke(payload, PATIENCE).await {
        Ok(Answer::Response(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_powertools_itself_wrote_is_not_done_again_and_what_it_never_saw_is_f46() {
    let workspace = Workspace::find().expect("the tests run inside the project");
    let of_python = workspace.clone();
    let python = tokio::task::spawn_blocking(move || Venv::PEERS.python(&of_python));
    let python = python.await.expect("it ends").expect("it can be installed");
    let aws = LocalAws::start(&workspace).await.expect("it starts");
    assert_eq!(old_function(&python, &aws, "book", &DONE).await, DONE.len());
    assert_eq!(old_function(&python, &aws, "begin", &[BEGUN]).await, 0);

    let environment = Environment::of("orders")
        .with("WAYBILL_CONSUMER", "shop")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("AWS_ENDPOINT_URL", aws.proxy().endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_after-powertools"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");
    let mut bodies = DONE.to_vec();
    bodies.extend([BEGUN, NEW]);
    let busy = r#"{"batchItemFailures":[{"itemIdentifier":"m-6"}]}"#;
    assert_eq!(left(&function, &bodies).await, busy);
    let reads = || aws.proxy().counts().of("dynamodb", "GetItem");
    assert_eq!(reads(), 7, "one for each event");
    // From now on the ledger knows.
    assert_eq!(left(&function, &DONE).await, r#"{"batchItemFailures":[]}"#);
    assert_eq!(reads(), 7);

    let lines = function.end().await;
    let booked = |line: &&String| line.contains(r#""message":"booked""#);
    let booked: Vec<_> = lines.iter().filter(booked).collect();
    let new = |line: &&String| line.contains(r#""order":"o-7""#);
    assert!(booked.len() == 1 && booked.iter().all(new), "{lines:#?}");
    let waits = |line: &String| line.contains(r#""failure.code":"powertools_busy""#);
    assert!(lines.iter().any(waits), "{lines:#?}");
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
