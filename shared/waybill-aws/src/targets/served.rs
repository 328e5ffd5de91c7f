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
    /// Answers with a header too, a name and a value.
    #[cfg(feature = "target-lambda")]
    Headed(u16, &'static str, String),
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

/// An answer that is a refusal, of a service that speaks XML.
#[cfg(feature = "target-sns")]
pub(super) fn refuses_in_xml(status: u16, code: &str, message: &str) -> Answer {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Answer::With(status, format!("<ErrorResponse>{error}</ErrorResponse>"))
}

/// The requests that reached the service: the header `x-amz-target`, or the path where there is
/// none, and the body. A form is an object of texts.
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
            let (status, header, body) = match answer {
                Answer::With(status, body) => (status, "x-none: 0", body),
                #[cfg(feature = "target-lambda")]
                Answer::Headed(status, header, body) => (status, header, body),
                Answer::Close => continue,
                Answer::Silence => std::future::pending().await,
            };
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{header}\r\n\
                 content-type: application/x-amz-json-1.0\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(reply.as_bytes()).await;
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
            // A question by `GET` has no body.
            let length = said("content-length:");
            let end = at + 4 + length.parse::<usize>().unwrap_or_default();
            if bytes.len() >= end {
                let body = String::from_utf8(bytes[at + 4..end].to_vec()).unwrap();
                let target = match said("x-amz-target:") {
                    none if none.is_empty() => head.split(' ').nth(1).unwrap().to_owned(),
                    target => target,
                };
                let body = match said("content-type:").contains("form-urlencoded") {
                    true => form(&body),
                    false if length.is_empty() => Value::Null,
                    false => serde_json::from_str(&body).unwrap(),
                };
                return (target, body);
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "cut off");
    }
}

/// The fields of a form, as texts.
fn form(body: &str) -> Value {
    let decoded = |text: &str| {
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        String::from_utf8(bytes).unwrap()
    };
    let fields = body.split('&').map(|field| {
        let (name, value) = field.split_once('=').unwrap();
        (decoded(name), Value::String(decoded(value)))
    });
    Value::Object(fields.collect())
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
        data: Data::Json(data.into()),
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
        given_up: None,
        trace: None,
        row: None,
    };
    target.send(request).await
}

/// An outcome that may pass.
pub(crate) const TRANSIENT: Outcome = Outcome::Transient { retry_after: None };
