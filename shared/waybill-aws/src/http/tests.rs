use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::dns::Resolve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use waybill_core::event::{Data, Event};
use waybill_core::http::StatusClass;
use waybill_core::outcome::{DeadReason, Outcome};
use waybill_core::routes::{HeaderText, Secret, SigningKey, SigningSecret, TargetUrl};
use waybill_engine::ports::{Carried, GivenUp};
use waybill_testkit::fixtures;

use crate::kept::Keeping;

use super::guard::{Lookup, ResolveError, Resolver};
use super::*;

mod secrets;

/// What a server does after its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Takes the next request of the connection.
    Next,
    /// Closes the connection.
    Close,
    /// Sends nothing more and keeps the connection open.
    Hold,
    /// Sends on until the other side has enough.
    Endless,
}

/// A server on the loopback that answers every request alike, as bytes.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    endless: Arc<AtomicUsize>,
}

impl Server {
    async fn start(reply: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            connections: Arc::default(),
            endless: Arc::default(),
        };
        let requests = Arc::clone(&server.requests);
        let connections = Arc::clone(&server.connections);
        let endless = Arc::clone(&server.endless);
        let reply = reply.into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (requests, endless) = (Arc::clone(&requests), Arc::clone(&endless));
                tokio::spawn(converse(stream, reply.clone(), then, requests, endless));
            }
        });
        server
    }

    /// A server that answers with this status line and these header lines and no body.
    async fn of_status(status: u16, headers: &str) -> Self {
        let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{headers}\r\n");
        Self::start(reply, Then::Next).await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves one connection.
async fn converse(
    mut stream: TcpStream,
    reply: Vec<u8>,
    then: Then,
    requests: Arc<Mutex<Vec<String>>>,
    endless: Arc<AtomicUsize>,
) {
    while let Some(request) = read_request(&mut stream).await {
        requests.lock().unwrap().push(request);
        if stream.write_all(&reply).await.is_err() {
            return;
        }
        match then {
            Then::Next => {}
            Then::Close => return,
            Then::Hold => std::future::pending().await,
            Then::Endless => {
                while stream.write_all(&[b'x'; 1024]).await.is_ok() {
                    endless.fetch_add(1024, Ordering::SeqCst);
                }
                return;
            }
        }
    }
}

/// Reads one request to the end of its body; `None` at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Names of a test, without any traffic; counts how often it is asked.
#[derive(Default)]
struct Names {
    known: BTreeMap<String, Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn of(known: &[(&str, &[&str])]) -> Arc<Self> {
        let known = known.iter().map(|(name, addresses)| {
            let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
            ((*name).to_owned(), addresses)
        });
        Arc::new(Self {
            known: known.collect(),
            asked: AtomicUsize::default(),
        })
    }
}

impl Lookup for Names {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.known.get(&name).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

fn spec(url: &str) -> HttpSpec {
    HttpSpec {
        url: TargetUrl::new(url).unwrap(),
        headers: BTreeMap::new(),
        body: HttpBody::Binary,
        signature: Vec::new(),
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(5),
        statuses: StatusOverrides::default(),
    }
}

/// A target for local runs, that resolves no name.
fn target(spec: &HttpSpec) -> HttpTarget {
    let client = HttpClient::with_lookup(Names::of(&[]));
    HttpTarget::new(spec, &client, &no_secrets(), true).unwrap()
}

/// Secrets that cannot be read.
fn no_secrets() -> Secrets {
    let config = aws_config::SdkConfig::builder().build();
    Secrets::new(Keeping::new(config, HttpClient::new()), Arc::new(System))
}

/// A header's value that stands in the file.
fn said(value: &str) -> HeaderText {
    HeaderText::Said(Secret::new(value))
}

fn event() -> Event {
    Event {
        id: "e-1".to_owned(),
        source: "shop".to_owned(),
        kind: "order.created".to_owned(),
        data: Data::Json("{\"a\": 1.10}".into()),
        ..Event::default()
    }
}

async fn send_event(target: &HttpTarget, event: &Event, limit: Duration) -> Attempt {
    let idempotency_key = "c0ffee";
    target
        .send(TargetRequest {
            event,
            data: &event.data,
            message: &fixtures::message("m-1", ""),
            idempotency_key,
            limit,
            given_up: None,
            trace: None,
            row: None,
        })
        .await
}

/// One try with time enough.
async fn send(url: &str) -> Attempt {
    send_event(&target(&spec(url)), &event(), Duration::from_secs(5)).await
}

/// One try that must time out soon.
async fn send_briefly(url: &str) -> Attempt {
    send_event(&target(&spec(url)), &event(), Duration::from_millis(150)).await
}

const TRANSIENT: Outcome = Outcome::Transient { retry_after: None };

#[tokio::test]
async fn every_class_of_status_is_told_apart() {
    let cases = [
        (200, Outcome::Delivered),
        (202, Outcome::Delivered),
        (204, Outcome::Delivered),
        (301, Outcome::Rejected),
        (304, Outcome::Rejected),
        (400, Outcome::Rejected),
        (401, Outcome::Rejected),
        (404, TRANSIENT),
        (409, TRANSIENT),
        (422, Outcome::Rejected),
        (429, TRANSIENT),
        (500, TRANSIENT),
        (503, TRANSIENT),
    ];
    for (status, outcome) in cases {
        let server = Server::of_status(status, "").await;
        let attempt = send(&server.url()).await;
        assert_eq!(attempt.outcome, outcome, "{status}");
        assert_eq!(attempt.code, format!("http_{status}"));
    }
}

#[tokio::test]
async fn a_route_may_mean_something_else_by_a_status() {
    let server = Server::of_status(403, "").await;
    let mut spec = spec(&server.url());
    assert!(spec.statuses.set(403, StatusClass::Transient));
    let attempt = send_event(&target(&spec), &event(), Duration::from_secs(5)).await;
    assert_eq!(attempt.outcome, TRANSIENT);
}

#[tokio::test]
async fn retry_after_is_heard_f58() {
    let ask = |seconds| Outcome::Transient {
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let cases = [
        (429, "retry-after: 7\r\n", ask(7)),
        (
            503,
            "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
            ask(900),
        ),
        (503, "retry-after: -7\r\n", TRANSIENT),
        (503, "retry-after: \u{e9}\r\n", TRANSIENT),
        (500, "retry-after: 7\r\n", TRANSIENT),
    ];
    for (status, header, outcome) in cases {
        let server = Server::of_status(status, header).await;
        assert_eq!(
            send(&server.url()).await.outcome,
            outcome,
            "{status} {header}"
        );
    }
}

#[tokio::test]
async fn the_trys_place_in_its_trace_goes_before_the_events_f78() {
    let of_event = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let of_try = "00-0af7651916cd43dd8448eb211c80319c-00000000000000b2-01";
    let header = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=00000000000000b2;Sampled=1";
    for in_amazon_header in [false, true] {
        let server = Server::of_status(200, "").await;
        let mut spec = spec(&server.url());
        spec.body = HttpBody::Structured;
        let trace = Carried {
            traceparent: of_try.to_owned(),
            trace_header: header.to_owned(),
            in_amazon_header,
        };
        let event = Event {
            traceparent: Some(of_event.to_owned()),
            ..event()
        };
        let request = TargetRequest {
            event: &event,
            data: &event.data,
            message: &fixtures::message("m-1", ""),
            idempotency_key: "c0ffee",
            limit: Duration::from_secs(5),
            given_up: None,
            trace: Some(&trace),
            row: None,
        };
        target(&spec).send(request).await;
        let requests = server.requests();
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        let lines: Vec<_> = head.lines().collect();
        assert!(
            lines.contains(&format!("traceparent: {of_try}").as_str()),
            "{head}"
        );
        let amazon = format!("x-amzn-trace-id: {header}");
        assert_eq!(lines.contains(&amazon.as_str()), in_amazon_header, "{head}");
        // The event's own is of its beginning.
        assert!(body.contains(of_event), "{body}");
    }
}

#[tokio::test]
async fn the_request_is_exactly_as_promised() {
    let server = Server::of_status(200, "").await;
    let mut spec = spec(&format!("{}?x=1", server.url()));
    let headers = [("authorization", "Bearer t"), ("x-tenant", "acme")];
    spec.headers = headers
        .map(|(name, value)| (name.to_owned(), said(value)))
        .into();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let event = Event {
        time: Some("2026-01-02T03:04:05Z".to_owned()),
        subject: Some("orders/100% \"\u{e9}\u{20ac}\"\r\nx: y".to_owned()),
        traceparent: Some(traceparent.to_owned()),
        ..event()
    };
    send_event(&target(&spec), &event, Duration::from_secs(5)).await;

    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /in?x=1 HTTP/1.1");
    lines.sort_unstable();
    let host = format!("host: 127.0.0.1:{}", server.port);
    let parent = format!("traceparent: {traceparent}");
    let expected = [
        "accept: */*",
        "authorization: Bearer t",
        "ce-id: e-1",
        "ce-source: shop",
        "ce-specversion: 1.0",
        "ce-subject: orders/100%25%20%22%C3%A9%E2%82%AC%22%0D%0Ax:%20y",
        "ce-time: 2026-01-02T03:04:05Z",
        "ce-type: order.created",
        "content-length: 11",
        "content-type: application/json",
        &host,
        "idempotency-key: c0ffee",
        &parent,
        "user-agent: waybill/0.0",
        "x-tenant: acme",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, "{\"a\": 1.10}");
}

/// The header lines of a request, sorted, without those of every request, and its body.
fn taken_apart(request: &str) -> (Vec<&str>, &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let every = [
        "accept:",
        "content-length:",
        "host:",
        "user-agent:",
        "POST ",
    ];
    let lines = head
        .lines()
        .filter(|line| !every.iter().any(|start| line.starts_with(start)));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    (lines, body)
}

#[tokio::test]
async fn a_structured_body_is_the_whole_event() {
    let server = Server::of_status(200, "").await;
    let spec = HttpSpec {
        body: HttpBody::Structured,
        ..spec(&server.url())
    };
    for data in [Data::Json("{\"a\": 1.10}".into()), Data::Absent] {
        let event = Event { data, ..event() };
        send_event(&target(&spec), &event, Duration::from_secs(5)).await;
    }
    let requests = server.requests();
    let head = r#"{"specversion":"1.0","id":"e-1","source":"shop","type":"order.created""#;
    for (request, data) in requests.iter().zip([r#","data":{"a": 1.10}}"#, "}"]) {
        let (lines, body) = taken_apart(request);
        let media_type = "content-type: application/cloudevents+json; charset=utf-8";
        assert_eq!(lines, [media_type, "idempotency-key: c0ffee"]);
        assert_eq!(body, format!("{head}{data}"));
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_plain_body_is_the_data_without_the_events_attributes() {
    let server = Server::of_status(200, "").await;
    let spec = HttpSpec {
        body: HttpBody::Plain,
        ..spec(&server.url())
    };
    send_event(&target(&spec), &event(), Duration::from_secs(5)).await;
    let requests = server.requests();
    let (lines, body) = taken_apart(&requests[0]);
    let expected = ["content-type: application/json", "idempotency-key: c0ffee"];
    assert_eq!((lines, body), (expected.to_vec(), "{\"a\": 1.10}"));
}

#[tokio::test]
async fn a_signed_request_names_its_key_on_every_try_and_shows_no_secret_f33_f66() {
    let server = Server::of_status(503, "").await;
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    let spec = HttpSpec {
        signature: vec![SigningSecret::Said(SigningKey::new(secret).unwrap())],
        ..spec(&server.url())
    };
    let target = target(&spec);
    for _ in 0..2 {
        send_event(&target, &event(), Duration::from_secs(5)).await;
    }
    for request in server.requests() {
        let (lines, _) = taken_apart(&request);
        let webhook: Vec<_> = lines
            .iter()
            .filter(|line| line.starts_with("webhook-"))
            .collect();
        assert_eq!(*webhook[0], "webhook-id: c0ffee");
        let at = webhook[2].strip_prefix("webhook-timestamp: ").unwrap();
        assert!(at.parse::<u64>().is_ok(), "{at}");
        let signature = webhook[1].strip_prefix("webhook-signature: v1,").unwrap();
        assert_eq!(signature.len(), 44, "base64 of 32 bytes");
        assert_eq!(webhook.len(), 3);
    }
    let shown = format!("{spec:?} {target:?}");
    assert!(
        !shown.contains("MDEy") && !shown.contains("[48, 49"),
        "{shown}"
    );
}

#[tokio::test]
async fn the_media_type_is_the_producers_or_that_of_the_data() {
    let server = Server::of_status(200, "").await;
    let target = target(&spec(&server.url()));
    let cases = [
        (None, Data::Json("1".into()), "application/json"),
        (None, Data::Text("x".into()), "text/plain; charset=utf-8"),
        (
            None,
            Data::Bytes(vec![1].into()),
            "application/octet-stream",
        ),
        (None, Data::Absent, "application/octet-stream"),
        (Some("text/csv"), Data::Json("1".into()), "text/csv"),
        (
            Some("a\r\nx: y"),
            Data::Json("1".into()),
            "application/json",
        ),
        (Some(" "), Data::Json("1".into()), "application/json"),
    ];
    for (said, data, expected) in cases {
        let content_type = said.map(str::to_owned);
        let event = Event {
            content_type,
            data,
            ..event()
        };
        send_event(&target, &event, Duration::from_secs(5)).await;
        let request = server.requests().pop().unwrap();
        let line = format!("\r\ncontent-type: {expected}\r\n");
        assert!(request.contains(&line), "{said:?}: {request}");
    }
}

#[tokio::test]
async fn what_a_route_made_has_its_own_media_type_and_not_the_producers() {
    let server = Server::of_status(200, "").await;
    let target = target(&spec(&server.url()));
    let event = Event {
        content_type: Some("application/vnd.shop+json".to_owned()),
        ..event()
    };
    let made = Data::Text("order 1".into());
    let request = TargetRequest {
        event: &event,
        data: &made,
        message: &fixtures::message("m-1", ""),
        idempotency_key: "k",
        limit: Duration::from_secs(5),
        given_up: None,
        trace: None,
        row: None,
    };
    target.send(request).await;
    let request = server.requests().pop().unwrap();
    assert!(request.contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"));
    assert!(request.ends_with("\r\n\r\norder 1"), "{request}");
}

#[tokio::test]
async fn a_dead_letter_says_which_route_gave_it_up_and_why() {
    let server = Server::of_status(200, "").await;
    let target = target(&spec(&server.url()));
    let route = fixtures::route("crm");
    let event = event();
    let request = TargetRequest {
        event: &event,
        data: &event.data,
        message: &fixtures::message("m-1", ""),
        idempotency_key: "k",
        limit: Duration::from_secs(5),
        given_up: Some(GivenUp {
            route: &route,
            reason: DeadReason::Rejected,
            code: "http_422",
        }),
        trace: None,
        row: None,
    };
    target.send(request).await;
    let request = server.requests().pop().unwrap();
    let line = r#"waybill-dead: {"route":"crm","reason":"rejected","code":"http_422"}"#;
    assert!(request.lines().any(|told| told == line), "{request}");
}

#[tokio::test]
async fn what_is_empty_or_no_trace_is_not_sent() {
    let server = Server::of_status(200, "").await;
    let event = Event {
        subject: Some(String::new()),
        traceparent: Some("00-xyz-1-01".to_owned()),
        data: Data::Absent,
        ..event()
    };
    let target = target(&spec(&server.url()));
    send_event(&target, &event, Duration::from_secs(5)).await;
    let request = server.requests().pop().unwrap();
    for name in ["ce-subject", "ce-time", "traceparent"] {
        assert!(!request.contains(name), "{request}");
    }
    assert!(request.contains("content-length: 0\r\n"), "{request}");
}

#[tokio::test]
async fn bytes_are_sent_as_they_are_and_a_huge_attribute_is_carried() {
    let server = Server::of_status(200, "").await;
    let event = Event {
        subject: Some("s".repeat(100_000)),
        data: Data::Bytes(b"\x00\x01binary"[..].into()),
        ..event()
    };
    let target = target(&spec(&server.url()));
    let attempt = send_event(&target, &event, Duration::from_secs(5)).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let request = server.requests().pop().unwrap();
    assert!(request.ends_with("\r\n\r\n\u{0}\u{1}binary"));
    assert!(request.contains(&"s".repeat(100_000)));
}

#[tokio::test]
async fn no_redirect_is_followed_f59_f65() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::of_status(200, "").await;
        let server = Server::of_status(status, &format!("location: {}\r\n", other.url())).await;
        let attempt = send(&server.url()).await;
        assert_eq!(attempt.outcome, Outcome::Rejected, "{status}");
        assert_eq!(other.connections(), 0, "{status}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn no_proxy_of_the_environment_is_used_f65() {
    // The environment of a process is read once, so another process has the proxies.
    let dead = "http://127.0.0.1:1";
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "http::tests::every_class_of_status_is_told_apart",
    ]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, dead);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn an_endless_answer_is_read_to_its_bound_only_f67() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\ncontent-encoding: gzip\r\n\r\n",
    ] {
        let server = Server::start(head, Then::Endless).await;
        let attempt = send(&server.url()).await;
        assert_eq!(attempt.outcome, Outcome::Delivered);
        // What was written beyond the bound is in buffers of the loopback, which end.
        let mut before = usize::MAX;
        while before != server.endless.load(Ordering::SeqCst) {
            before = server.endless.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(before < 32 * 1024 * 1024, "{before}");
    }
}

#[tokio::test]
async fn a_status_counts_though_its_body_stalls_or_breaks() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
    for then in [Then::Hold, Then::Close] {
        let server = Server::start(head, then).await;
        let started = Instant::now();
        let attempt = send(&server.url()).await;
        assert_eq!(attempt.outcome, Outcome::Delivered, "{then:?}");
        assert!(started.elapsed() < Duration::from_secs(3), "{then:?}");
    }
    let server = Server::start(
        "HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\nzz",
        Then::Hold,
    );
    let attempt = send(&server.await.url()).await;
    assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "http_503"));
}

#[tokio::test]
async fn a_try_without_an_answer_is_unknown_and_ends_in_time_f57() {
    for head in [
        "",
        "HTTP/1.1",
        "HTTP/1.1 200 OK\r\nx: y",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let server = Server::start(head, Then::Hold).await;
        let started = Instant::now();
        let attempt = send_briefly(&server.url()).await;
        assert_eq!(attempt.outcome, Outcome::Unknown, "{head:?}");
        assert_eq!(attempt.code, "timeout", "{head:?}");
        assert!(started.elapsed() < Duration::from_secs(2), "{head:?}");
    }
}

#[tokio::test]
async fn the_routes_own_time_out_bounds_a_try_as_well() {
    let server = Server::start("", Then::Hold).await;
    let mut spec = spec(&server.url());
    spec.timeout = Duration::from_millis(100);
    let attempt = send_event(&target(&spec), &event(), Duration::from_secs(60)).await;
    assert_eq!(attempt.code, "timeout");
}

#[tokio::test]
async fn without_time_nothing_is_sent_f61() {
    let server = Server::of_status(200, "").await;
    let attempt = send_event(&target(&spec(&server.url())), &event(), Duration::ZERO).await;
    assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "timeout"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_ends_without_a_whole_answer_is_unknown_f57() {
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2_000_000));
    for reply in [
        "",
        "HTTP/1.1 200 OK\r\nx: y",
        "no http at all\r\n\r\n",
        &huge,
    ] {
        let server = Server::start(reply, Then::Close).await;
        let attempt = send(&server.url()).await;
        assert_eq!(attempt.outcome, Outcome::Unknown);
        assert_eq!(attempt.code, "connection_lost");
        assert_eq!(server.requests().len(), 1, "sent once");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_it_was_used_is_unknown_and_not_tried_again_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::default());
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let attempt = send(&format!("http://127.0.0.1:{port}/")).await;
    // Whether anything was written before the end was seen is chance, so nothing is claimed.
    assert_eq!(attempt.outcome, Outcome::Unknown);
    assert_eq!(attempt.code, "connection_lost");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_header_that_is_none_does_not_hide_the_status() {
    let server = Server::of_status(200, "bad header\r\nb\u{e9}d: x\r\n").await;
    assert_eq!(send(&server.url()).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn a_kept_connection_that_the_target_closed_is_replaced_f62() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Close).await;
    let target = target(&spec(&server.url()));
    for _ in 0..5 {
        let attempt = send_event(&target, &event(), Duration::from_secs(5)).await;
        assert_eq!(attempt.outcome, Outcome::Delivered);
        // Lets the end of the connection arrive: a race that is lost is `unknown`, by right.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.connections(), 5);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_connection_serves_again_after_a_short_answer_and_not_after_a_long_one() {
    for (length, connections) in [(0, 1), (4096, 1), (1_000_000, 3)] {
        let body = "x".repeat(length);
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        let server = Server::start(reply, Then::Next).await;
        let target = target(&spec(&server.url()));
        for _ in 0..3 {
            send_event(&target, &event(), Duration::from_secs(5)).await;
        }
        assert_eq!(server.connections(), connections, "{length}");
    }
}

#[tokio::test]
async fn targets_share_their_connections() {
    let server = Server::of_status(200, "").await;
    let client = HttpClient::with_lookup(Names::of(&[]));
    for _ in 0..3 {
        let target = HttpTarget::new(&spec(&server.url()), &client, &no_secrets(), true).unwrap();
        send_event(&target, &event(), Duration::from_secs(5)).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    // Bound, so that nobody else takes the port, and not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let attempt = send(&format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (TRANSIENT, "connect_refused")
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_transient() {
    let attempt = send("http://nowhere.invalid/").await;
    assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "dns_failed"));
}

#[tokio::test]
async fn a_target_that_speaks_no_tls_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    let attempt = send(&format!("https://127.0.0.1:{plain}/")).await;
    assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "tls_failed"));
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_transient() {
    // It accepts, and never says a word of TLS: the connection is not made.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut spec = spec(&format!("https://127.0.0.1:{port}/"));
    spec.connect_timeout = Duration::from_millis(100);
    let attempt = send_event(&target(&spec), &event(), Duration::from_secs(5)).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (TRANSIENT, "connect_timeout")
    );
}

#[tokio::test]
async fn the_name_is_kept_for_the_target_while_its_address_is_called() {
    let server = Server::of_status(200, "").await;
    let names = Names::of(&[("crm.test", &["127.0.0.1"])]);
    let client = HttpClient::with_lookup(names);
    let url = format!("http://crm.test:{}/", server.port);
    let target = HttpTarget::new(&spec(&url), &client, &no_secrets(), true).unwrap();
    let attempt = send_event(&target, &event(), Duration::from_secs(5)).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let host = format!("host: crm.test:{}\r\n", server.port);
    assert!(server.requests()[0].contains(&host));
}

#[tokio::test]
async fn a_name_with_no_public_address_is_not_called_and_its_address_not_told_f65() {
    let server = Server::of_status(200, "").await;
    let names = Names::of(&[(
        "rebind.test",
        &["127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3"],
    )]);
    let client = HttpClient::with_lookup(Arc::clone(&names) as Arc<dyn Lookup>);
    let url = format!("https://rebind.test:{}/", server.port);
    let target = HttpTarget::new(&spec(&url), &client, &no_secrets(), false).unwrap();
    let attempt = send_event(&target, &event(), Duration::from_secs(5)).await;

    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (TRANSIENT, "address_refused")
    );
    assert!(!attempt.message.contains(|c: char| c.is_ascii_digit()));
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn only_public_addresses_of_a_name_are_given_to_the_connection_f65() {
    let known: &[&str] = &[
        "169.254.169.254",
        "93.184.215.14",
        "fd00:ec2::254",
        "2600:1f18::1",
    ];
    let names = Names::of(&[("mixed.test", known)]);
    let resolver = Resolver::new(names, Reach::Public);
    let name = || "mixed.test".parse().unwrap();
    let given: Vec<_> = resolver.resolve(name()).await.unwrap().collect();
    assert_eq!(
        given,
        [
            "93.184.215.14:0".parse().unwrap(),
            "[2600:1f18::1]:0".parse().unwrap()
        ]
    );
}

#[tokio::test]
async fn a_name_without_addresses_does_not_resolve() {
    let resolver = Resolver::new(Names::of(&[("empty.test", &[])]), Reach::Anywhere);
    let error = resolver
        .resolve("empty.test".parse().unwrap())
        .await
        .err()
        .unwrap();
    assert_eq!(error.downcast_ref(), Some(&ResolveError::NotFound));
}

/// Why a URL is refused where only public ones may be called.
fn refused(url: &str) -> Option<HttpTargetError> {
    HttpTarget::new(&spec(url), &HttpClient::new(), &no_secrets(), false).err()
}

#[test]
fn a_url_of_an_address_that_is_not_public_is_refused_in_every_spelling_f65() {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.1.",
        "0177.0.0.1",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
    ];
    for host in hosts {
        for port in ["", ":8443", ":9001"] {
            let told = refused(&format!("https://{host}{port}/"));
            assert!(
                matches!(told, Some(HttpTargetError::NotPublic(_))),
                "{host}{port}: {told:?}"
            );
        }
    }
}

#[test]
fn a_url_that_is_not_https_or_has_a_port_of_another_service_is_refused_f65() {
    assert_eq!(
        refused("http://crm.example/"),
        Some(HttpTargetError::NotHttps)
    );
    assert_eq!(
        refused("HTTP://crm.example:443/"),
        Some(HttpTargetError::NotHttps)
    );
    assert_eq!(
        refused("https://crm.example:25/"),
        Some(HttpTargetError::Port(25))
    );
    assert_eq!(
        refused("https://crm.example:80/"),
        Some(HttpTargetError::Port(80))
    );
    assert!(matches!(
        refused("https://[::1"),
        Some(HttpTargetError::Url(_))
    ));
    for url in [
        "https://crm.example",
        "https://8.8.8.8:8443/",
        "https://[2600:1f18::1]/",
    ] {
        assert_eq!(refused(url), None, "{url}");
    }
}

#[test]
fn no_debug_output_shows_a_path_or_a_header_f66() {
    let mut spec = spec("https://hooks.example/T0/SECRET?k=SECRET");
    spec.headers
        .insert("authorization".to_owned(), said("SECRET"));
    let target = HttpTarget::new(&spec, &HttpClient::new(), &no_secrets(), false).unwrap();
    let shown = format!("{target:?}");
    assert!(!shown.contains("SECRET"), "{shown}");
    assert!(
        shown.contains("https://hooks.example/[redacted]"),
        "{shown}"
    );
}
