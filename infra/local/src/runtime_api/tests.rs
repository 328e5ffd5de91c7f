//! A shell script plays the function.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A script in a folder of its own.
fn script(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap");
    fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_function_that_ends_before_it_asks_is_never_ready() {
    let (_folder, binary) = script("echo out; echo err >&2; exit 3");
    let environment = Environment::of("f");
    let mut function = Function::start(&binary, &environment).await.unwrap();
    assert_eq!(function.ready(PATIENCE).await, None);
    let status = function.ended(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(function.lines(), ["out", "err"]);
}

#[tokio::test]
async fn a_function_sees_lambdas_variables_and_none_of_ours() {
    let (_folder, binary) = script("env");
    let environment = Environment::of("f").with("MINE", "1").without("TZ");
    let mut function = Function::start(&binary, &environment).await.unwrap();
    function.ended(PATIENCE).await.unwrap();
    let lines = function.lines();
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(has("AWS_LAMBDA_FUNCTION_NAME=f"), "{lines:?}");
    assert!(has("AWS_LAMBDA_RUNTIME_API=127.0.0.1:"), "{lines:?}");
    assert!(has("MINE=1"), "{lines:?}");
    assert!(!has("TZ=") && !has("CARGO"), "{lines:?}");
}

/// Time stands still, but for what is waited for.
#[tokio::test(start_paused = true)]
async fn a_function_that_never_answers_is_given_up() {
    let (_folder, binary) = script("sleep 60");
    let environment = Environment::of("f");
    let mut function = Function::start(&binary, &environment).await.unwrap();
    assert_eq!(function.ready(Duration::from_millis(50)).await, None);
    assert!(function.invoke("{}", Duration::ZERO).await.is_err());
    assert_eq!(function.ended(Duration::ZERO).await, None, "it still runs");
}

#[tokio::test]
async fn payloads_go_out_with_their_deadline_and_answers_come_back() {
    let (_folder, binary) = script("sleep 60");
    let environment = Environment::of("f");
    let mut function = Function::start(&binary, &environment).await.unwrap();
    // The script only lives; the requests are made here, as a runtime would.
    let base = {
        let command = fs::read(format!("/proc/{}/environ", function.group.id())).unwrap();
        let command = String::from_utf8_lossy(&command).into_owned();
        let mut variables = command.split('\0');
        let address = variables.find_map(|set| set.strip_prefix("AWS_LAMBDA_RUNTIME_API="));
        format!("http://{}/2018-06-01/runtime", address.unwrap())
    };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let runtime = async {
        for kind in ["response", "error"] {
            let next = client.get(format!("{base}/invocation/next"));
            let next = next.send().await.unwrap();
            let header = |name: &str| next.headers()[name].to_str().unwrap().to_owned();
            let id = header("lambda-runtime-aws-request-id");
            let deadline: u128 = header("lambda-runtime-deadline-ms").parse().unwrap();
            let left = deadline - millis_since_epoch(SystemTime::now());
            assert!((50_000..=60_000).contains(&left), "{left}");
            let body = next.text().await.unwrap();
            let answer = client.post(format!("{base}/invocation/{id}/{kind}"));
            let status = answer.body(body).send().await.unwrap().status();
            assert_eq!(status.as_u16(), 202);
        }
        let unknown = client.post(format!("{base}/invocation/other/response"));
        assert_eq!(unknown.send().await.unwrap().status().as_u16(), 400);
    };
    let minute = Duration::from_secs(60);
    let caller = async {
        let first = function.invoke("one", minute).await.unwrap();
        let second = function.invoke("two", minute).await.unwrap();
        [first, second]
    };
    let ((), answers) = tokio::join!(runtime, caller);
    let expected = [
        Answer::Response("one".to_owned()),
        Answer::Error("two".to_owned()),
    ];
    assert_eq!(answers, expected);
    assert!(function.ready(PATIENCE).await.is_some());
}
