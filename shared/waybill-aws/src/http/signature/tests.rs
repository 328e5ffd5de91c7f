use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const OTHER: &str = "whsec_MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

fn keys(secrets: &[&str]) -> Vec<SigningKey> {
    let keys = secrets.iter().map(|secret| SigningKey::new(secret));
    keys.map(Option::unwrap).collect()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000 + 999)
}

/// Which secrets a receiver finds in a request, by Python's own library.
fn found_by_python(headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> Vec<String> {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let given = serde_json::json!({
        "headers": names.map(|name| (name, text(name)))
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>(),
        "body": STANDARD.encode(body),
        "secrets": secrets,
    });
    let mut python = Command::new("python3")
        .args(["-c", include_str!("verify.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need Python 3");
    let mut input = python.stdin.take().unwrap();
    input.write_all(given.to_string().as_bytes()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

/// The example by which libraries of Standard Webhooks test themselves.
#[test]
fn a_signature_is_that_of_the_reference() {
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    let headers = headers(&keys(&[NEW]), id, at(1_649_367_553), body);
    assert_eq!(headers["webhook-id"], id);
    assert_eq!(headers["webhook-timestamp"], "1649367553");
    let signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    assert_eq!(headers["webhook-signature"], signature);
}

#[test]
fn while_a_secret_is_replaced_holders_of_either_can_verify() {
    for body in [&b"{\"a\": 1.10}"[..], b"", b"\x00\xff binary"] {
        let both = headers(&keys(&[NEW, OLD]), "c0ffee", at(1), body);
        let found = found_by_python(&both, body, &[NEW, OLD, OTHER]);
        assert_eq!(found, ["yes", "yes", "no"]);
        let changed = found_by_python(&both, b"changed", &[NEW, OLD, OTHER]);
        assert_eq!(changed, ["no", "no", "no"]);
    }
}

#[test]
fn a_retry_is_the_same_message_at_another_time() {
    let tries = [1, 2].map(|second| headers(&keys(&[NEW]), "c0ffee", at(second), b"x"));
    assert_eq!(tries[0]["webhook-id"], tries[1]["webhook-id"]);
    for name in ["webhook-timestamp", "webhook-signature"] {
        assert_ne!(tries[0][name], tries[1][name], "{name}");
    }
}

#[test]
fn without_a_secret_nothing_is_said() {
    assert!(headers(&[], "c0ffee", at(1), b"x").is_empty());
}
