//! Facts about connecting, and about adapters whose requests break off.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use aws_sdk_sqs::config::{Credentials, Region, SharedCredentialsProvider};

use waybill_core::id::ReceiptHandle;
use waybill_engine::ports::{Ledger, Queue, QueueErrorKind, StoreErrorKind, Write};
use waybill_testkit::fixtures::{claimed, key};

use super::*;

/// A connection to one address of this machine and nothing else.
async fn connection(port: u16) -> Connection {
    let credentials = Credentials::new("local", "local", None, None, "tests");
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://127.0.0.1:{port}"));
    Connection::load(loader).await.unwrap()
}

/// A server that answers every request with this, and ends with the test; its port.
fn answering(status: &'static str, body: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
            let kind = "content-type: application/x-amz-json-1.0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(format!("{head}{kind}{body}").as_bytes());
        }
    });
    port
}

/// Reads a request to its end, so that closing the connection breaks nothing off.
fn read_request(stream: &mut TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let _ = reader.read_exact(&mut vec![0; length]);
}

/// A port where nobody listens.
fn silent() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn two() -> [Write; 2] {
    ["a", "b"].map(|name| Write::Insert(claimed(name, 1)))
}

#[tokio::test]
async fn a_configuration_without_a_region_is_refused() {
    let empty = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(""));
    let refusal = Connection::load(empty).await.unwrap_err();
    assert_eq!(refusal, ConnectError::RegionMissing);
}

#[tokio::test]
async fn the_ledgers_client_tries_once_and_gives_up_in_time() {
    let connection = connection(silent()).await;
    let ledger = connection.ledger("ledger");
    let retries = ledger.config().retry_config().unwrap();
    assert_eq!(retries.max_attempts(), 1);
    let timeouts = ledger.config().timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(REQUEST_TIMEOUT));
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_may_be_tried_again_f43() {
    let ledger = connection(silent()).await.ledger("ledger");
    let errors = ledger
        .write(&two())
        .await
        .into_iter()
        .map(Result::unwrap_err);
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].kind, StoreErrorKind::Transient, "{}", errors[0]);
    let read = ledger.read(&[key("a")]).await.remove(0).unwrap_err();
    assert_eq!(read.kind, StoreErrorKind::Transient);
}

#[tokio::test]
async fn an_answer_that_is_no_answer_may_be_tried_again_f43() {
    for (status, body) in [
        ("500 Oops", "{}"),
        ("503 Busy", "<html>busy</html>"),
        ("200 OK", "not json"),
        (
            "400 Bad",
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#,
        ),
        ("200 OK", r#"{"Responses":[]}"#),
    ] {
        let ledger = connection(answering(status, body)).await.ledger("ledger");
        for answer in ledger.write(&two()).await {
            let error = answer.unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Transient, "{body}: {error}");
        }
    }
}

#[tokio::test]
async fn a_missing_answer_is_an_error_at_its_own_place() {
    let port = answering("200 OK", r#"{"Responses":[{"TableName":"ledger"}]}"#);
    let answers = connection(port).await.ledger("ledger").write(&two()).await;
    assert!(answers[0].is_ok());
    let error = answers[1].clone().unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_str()),
        (StoreErrorKind::Transient, "Unanswered")
    );
}

#[tokio::test]
async fn an_unprocessed_key_is_an_error_and_not_a_missing_row() {
    let body = concat!(
        r#"{"Responses":{"ledger":[]},"#,
        r#""UnprocessedKeys":{"ledger":{"Keys":[{"pk":{"S":"test#b"}}]}}}"#
    );
    let ledger = connection(answering("200 OK", body)).await.ledger("ledger");
    let answers = ledger.read(&[key("a"), key("b")]).await;
    assert_eq!(answers[0], Ok(None));
    let error = answers[1].clone().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Transient);
}

#[tokio::test]
async fn a_refusal_for_good_is_permanent_f43() {
    let body = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}"#;
    let ledger = connection(answering("400 Bad Request", body))
        .await
        .ledger("ledger");
    let write = ledger.write(&two()).await.remove(0).unwrap_err();
    assert_eq!(write.kind, StoreErrorKind::Permanent);
    assert!(write.message.contains("dynamodb:PartiQLInsert"), "{write}");
    let read = ledger.read(&[key("a")]).await.remove(0).unwrap_err();
    assert!(read.message.contains("dynamodb:BatchGetItem"), "{read}");
}

#[tokio::test]
async fn a_queue_that_cannot_be_reached_may_be_tried_again() {
    let queue = connection(silent())
        .await
        .queue("http://127.0.0.1/1/orders");
    let handles = [ReceiptHandle("a".to_owned()), ReceiptHandle("b".to_owned())];
    let answers = queue.delete(&handles).await;
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind, QueueErrorKind::Transient);
    }
}

#[tokio::test]
async fn a_missing_queue_says_what_to_do() {
    let body = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#;
    let port = answering("400 Bad Request", body);
    let arn = "arn:aws:sqs:eu-central-1:123456789012:orders";
    let queue = connection(port).await.queue_of(arn, None);
    let error = queue.has_redrive_policy().await.unwrap_err();
    assert_eq!(error.kind, QueueErrorKind::Permanent);
    assert_eq!(
        error.message,
        format!("queue `{arn}` does not exist; deploy it or set WAYBILL_QUEUE_URL")
    );
}
