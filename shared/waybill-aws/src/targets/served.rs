//! A service of AWS's on the loopback, for the tests of targets: it gives its answers one after
//! the other, and tells what it was asked.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::config::{Credentials, Region};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use waybill_core::event::{Data, Event};
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, Outcome};
use waybill_core::routes::{RoutesFile, TargetSpec};
use waybill_engine::ports::{Target, TargetRequest};
use waybill_testkit::fixtures;

use crate::connect::Connection;

/// What the service does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Answers with a status and a body.
    With(u16, String),
    /// Reads it and closes the connection.
    Close,
    /// Never answers it.
    Silence,
}

/// An answer that is a refusal.
pub(crate) fn refuses(status: u16, code: &str) -> Answer {
    let body = format!(r#"{{"__type":"com.amazonaws#{code}","message":"SECRET"}}"#);
    Answer::With(status, body)
}

/// The requests that reached the service: target and body.
pub(crate) type Requests = UnboundedReceiver<(String, Value)>;

/// A connection to a service that gives these answers.
pub(crate) async fn serving(answers: impl Into<Vec<Answer>>) -> (Connection, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (tell, requests) = unbounded_channel();
    let answers = answers.into();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tell.send(read_request(&mut stream).await);
            match answer {
                Answer::With(status, body) => {
                    let length = body.len();
                    let reply = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\
                         content-type: application/x-amz-json-1.0\r\nconnection: close\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(reply.as_bytes()).await;
                }
                Answer::Close => {}
                Answer::Silence => std::future::pending().await,
            }
        }
    });
    (connected(&endpoint).await, requests)
}

/// A connection to whatever is at an endpoint.
pub(crate) async fn connected(endpoint: &str) -> Connection {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(endpoint);
    Connection::load(loader).await.unwrap()
}

/// Reads one request to the end of its body.
async fn read_request(stream: &mut TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
            let said = |name: &str| {
                let line = head.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().to_owned()
            };
            let end = at + 4 + said("content-length:").parse::<usize>().unwrap();
            if bytes.len() >= end {
                let body = serde_json::from_slice(&bytes[at + 4..end]).unwrap();
                return (said("x-amz-target:"), body);
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "cut off");
    }
}

/// The target of a route, as its file says it.
pub(crate) fn spec(target: &str) -> TargetSpec {
    let text = format!("{{routes: [{{name: out, target: {target}}}]}}");
    let file = RoutesFile::parse(&text, |_| None).unwrap_or_else(|faults| panic!("{faults}"));
    file.routes[0].target.clone()
}

/// An event with this data.
pub(crate) fn event(data: &str) -> Event {
    Event {
        id: "e-1".to_owned(),
        source: "shop".to_owned(),
        kind: "order.created".to_owned(),
        data: Data::Json(data.to_owned()),
        ..Event::default()
    }
}

/// A message of a group, of the queue `orders`.
pub(crate) fn message() -> Message {
    Message {
        group_id: Some("g-1".to_owned()),
        trace_header: Some("Root=1".to_owned()),
        queue_arn: "arn:aws:sqs:eu-central-1:123456789012:orders".to_owned(),
        ..fixtures::message("m-1", "")
    }
}

/// One try with this data and time enough.
pub(crate) async fn deliver(target: &dyn Target, event: &Event) -> Attempt {
    try_within(target, event, &message(), Duration::from_secs(30)).await
}

/// One try within a limit.
pub(crate) async fn try_within(
    target: &dyn Target,
    event: &Event,
    message: &Message,
    limit: Duration,
) -> Attempt {
    let request = TargetRequest {
        event,
        data: &event.data,
        message,
        idempotency_key: "c0ffee",
        limit,
    };
    target.send(request).await
}

/// An outcome that may pass.
pub(super) const TRANSIENT: Outcome = Outcome::Transient { retry_after: None };
