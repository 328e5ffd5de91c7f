//! Facts about receiving and sending.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::config::{Credentials, Region};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use waybill_engine::ports::QueueErrorKind;

use super::*;
use crate::connect::Connection;

const OURS: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo";

const EMPTY: Answer = Answer::Json("{}");

/// What the server does with one request.
#[derive(Clone, Copy)]
enum Answer {
    /// Answers it.
    Json(&'static str),
    /// Refuses it in a way that may pass.
    Busy,
    /// Never answers it.
    Silence,
}

/// The requests that reached the server: target and body.
type Requests = UnboundedReceiver<(String, serde_json::Value)>;

/// A server that answers one request after the other, and what reached it.
async fn serving(answers: &[Answer]) -> (Connection, Requests) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, requests) = unbounded_channel();
    let answers = answers.to_vec();
    thread::spawn(move || {
        for (answer, stream) in answers.into_iter().zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let _ = tell.send(read_request(&mut stream));
            let (status, body) = match answer {
                Answer::Json(body) => ("200 OK", body),
                Answer::Busy => ("503 Busy", "{}"),
                // The connection stays open to the end of the tests.
                Answer::Silence => {
                    std::mem::forget(stream);
                    continue;
                }
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
            let kind = "content-type: application/x-amz-json-1.0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(format!("{head}{kind}{body}").as_bytes());
        }
    });
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(format!("http://127.0.0.1:{port}"));
    (Connection::load(loader).await.unwrap(), requests)
}

fn read_request(stream: &mut TcpStream) -> (String, serde_json::Value) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut target, mut line) = (0, String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        let (name, value) = line.trim().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "x-amz-target" => value.trim().clone_into(&mut target),
            _ => {}
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (target, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_receive_asks_for_all_that_a_message_has() {
    let (connection, mut requests) = serving(&[EMPTY]).await;
    let wait = Duration::from_secs(20);
    let received = connection.queue(OURS).receive(10, wait, wait).await;
    assert_eq!(received, Ok(Vec::new()));
    let (target, body) = requests.recv().await.unwrap();
    assert_eq!(target, "AmazonSQS.ReceiveMessage", "the URL says the ARN");
    let asked = serde_json::json!({
        "QueueUrl": OURS,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 20,
        "VisibilityTimeout": 20,
        "MessageSystemAttributeNames": [
            "ApproximateReceiveCount", "SentTimestamp", "MessageGroupId", "AWSTraceHeader",
            "DeadLetterQueueSourceArn",
        ],
        "MessageAttributeNames": ["All"],
    });
    assert_eq!(body, asked);
}

#[tokio::test]
async fn a_message_without_its_handle_harms_no_other() {
    let reply = r#"{"Messages":[
        {"MessageId":"m-1","Body":"a"},
        {"ReceiptHandle":"h-2","Body":"b"},
        {"MessageId":"m-3","ReceiptHandle":"h-3","Body":"c","Attributes":{
            "ApproximateReceiveCount":"4","SentTimestamp":"1767225600000",
            "MessageGroupId":"g","AWSTraceHeader":"Root=1"}}
    ]}"#;
    let (connection, _requests) = serving(&[Answer::Json(reply)]).await;
    let zero = Duration::ZERO;
    let received = connection.queue(OURS).receive(10, zero, zero).await;
    let received = received.unwrap();
    assert_eq!(received.len(), 1);
    let message = &received[0];
    assert_eq!((&*message.body, message.receive_count), ("c", 4));
    assert_eq!(
        message.sent.map(|at| at.as_millis()),
        Some(1_767_225_600_000)
    );
    assert_eq!(message.group_id.as_deref(), Some("g"));
    assert_eq!(message.trace_header.as_deref(), Some("Root=1"));
    assert_eq!(
        message.queue_arn,
        "arn:aws:sqs:eu-central-1:123456789012:orders.fifo"
    );
}

#[tokio::test]
async fn an_arn_that_the_url_leaves_out_is_asked_for_once() {
    let arn = "arn:aws:sqs:eu-central-1:000000000000:orders";
    let told = r#"{"Attributes":{"QueueArn":"arn:aws:sqs:eu-central-1:000000000000:orders"}}"#;
    let message = r#"{"Messages":[{"MessageId":"m","ReceiptHandle":"h","Body":"a"}]}"#;
    let (connection, mut requests) = serving(&[
        Answer::Json(told),
        Answer::Json(message),
        Answer::Json(message),
    ])
    .await;
    let queue = connection.queue("http://127.0.0.1:4566/000000000000/orders");
    for _ in 0..2 {
        let zero = Duration::ZERO;
        let received = queue.clone().receive(10, zero, zero).await.unwrap();
        assert_eq!(received[0].queue_arn, arn);
    }
    let mut targets = Vec::new();
    while let Ok((target, _)) = requests.try_recv() {
        targets.push(target);
    }
    let receive = "AmazonSQS.ReceiveMessage";
    assert_eq!(targets, ["AmazonSQS.GetQueueAttributes", receive, receive]);
}

/// The clock stands still from when the request is under way, and leaps to its time-out.
#[tokio::test]
async fn a_long_poll_that_hangs_is_cut_soon_after_its_wait() {
    let (connection, mut requests) = serving(&[Answer::Silence, EMPTY]).await;
    let queue = connection.queue(OURS);
    let wait = Duration::from_secs(20);
    let poll = tokio::spawn(async move { queue.receive(10, wait, wait).await });
    requests.recv().await.unwrap();
    let began = Instant::now();
    tokio::time::pause();
    let error = poll.await.unwrap().unwrap_err();
    let took = began.elapsed();
    assert_eq!(
        (error.kind, error.code.as_str()),
        (QueueErrorKind::Transient, "Timeout")
    );
    // Timers go by whole milliseconds, and are rounded up.
    let longest = wait + REQUEST_TIMEOUT + Duration::from_millis(2);
    assert!(took > wait && took <= longest, "cut after {took:?}");
    assert!(requests.try_recv().is_err(), "it is not tried again");
}

#[tokio::test]
async fn a_receive_that_fails_is_left_to_its_caller() {
    let (connection, mut requests) = serving(&[Answer::Busy, EMPTY]).await;
    let queue = connection.queue(OURS);
    let zero = Duration::ZERO;
    let error = queue.receive(10, zero, zero).await.unwrap_err();
    assert_eq!(error.kind, QueueErrorKind::Transient);
    requests.recv().await.unwrap();
    assert!(requests.try_recv().is_err(), "it is not tried again");
    assert_eq!(queue.receive(10, zero, zero).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_dropped_receive_leaves_the_queue_usable() {
    let (connection, mut requests) = serving(&[Answer::Silence, EMPTY]).await;
    let queue = connection.queue(OURS);
    let wait = Duration::from_secs(20);
    let polling = queue.clone();
    let poll = tokio::spawn(async move { polling.receive(10, wait, wait).await });
    requests.recv().await.unwrap();
    poll.abort();
    assert!(poll.await.unwrap_err().is_cancelled());
    assert_eq!(queue.receive(10, wait, wait).await, Ok(Vec::new()));
}

/// One message.
fn outgoing() -> Outgoing {
    Outgoing {
        body: "{}".to_owned(),
        ..Outgoing::default()
    }
}

#[tokio::test]
async fn what_is_sent_stays_hidden_as_long_as_it_is_told() {
    let sent = r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}]}"#;
    let (connection, mut requests) = serving(&[Answer::Json(sent), Answer::Json(sent)]).await;
    let queue = connection.queue("https://sqs.eu-central-1.amazonaws.com/123456789012/orders");
    for (delay, seconds) in [(0, None), (900, Some(900))] {
        let queue = queue.clone().delayed(Duration::from_secs(delay));
        // The answer's digest is wrong, which is not what this is about.
        let _ = queue.send(&[outgoing()]).await;
        let (_, body) = requests.recv().await.unwrap();
        let entry = &body["Entries"][0];
        assert_eq!(entry.get("DelaySeconds").and_then(|s| s.as_i64()), seconds);
    }
}

/// The clock stands still from when the request is under way, and leaps to its time-out.
#[tokio::test]
async fn a_send_takes_as_long_as_it_may() {
    for patience in [None, Some(Duration::from_secs(20))] {
        let (connection, mut requests) = serving(&[Answer::Silence; 3]).await;
        let queue = connection.queue(OURS);
        let queue = match patience {
            Some(patience) => queue.patient(patience),
            None => queue,
        };
        let sending = tokio::spawn(async move { queue.send(&[outgoing()]).await });
        requests.recv().await.unwrap();
        let began = Instant::now();
        tokio::time::pause();
        let error = sending.await.unwrap().remove(0).unwrap_err();
        tokio::time::resume();
        assert_eq!(error.code, "Timeout");
        let first = patience.unwrap_or(REQUEST_TIMEOUT);
        let took = began.elapsed();
        // The request was under way for a moment before the clock stood still.
        assert!(took >= first.mul_f64(0.8), "{took:?}");
        // Connections of the further tries race with a clock that leaps; each has its bound.
        let longest = first * 3 + Duration::from_secs(5);
        assert!(took < longest, "{took:?}");
    }
}
