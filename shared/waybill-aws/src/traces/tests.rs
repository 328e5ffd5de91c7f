use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket as Listener};

use waybill_core::time::Timestamp;
use waybill_core::trace::{SpanId, SpanKind, TraceId};

use super::*;

/// A span of this number.
fn span(n: u64) -> Span {
    Span {
        trace_id: TraceId::new(Timestamp::from_secs(1_700_000_000), [n, n]),
        span_id: SpanId::new(n),
        parent: None,
        name: "process orders".to_owned(),
        kind: SpanKind::Consumer,
        started: Timestamp::from_secs(1_700_000_000),
        ended: Timestamp::from_secs(1_700_000_001),
        links: Vec::new(),
        attributes: Vec::new(),
        failure: None,
    }
}

#[tokio::test]
async fn the_daemon_is_sent_a_header_and_a_document_in_each_datagram() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let sink = XRayDaemon {
        daemon: listener.local_addr().unwrap(),
        service: "orders".to_owned(),
    };
    sink.export(&[span(1), span(2)]).await.unwrap();
    for n in 1..=2_u64 {
        let mut datagram = vec![0; 70_000];
        let length = listener.recv(&mut datagram).await.unwrap();
        let datagram = std::str::from_utf8(&datagram[..length]).unwrap();
        let (header, document) = datagram.split_once('\n').unwrap();
        let header: Value = serde_json::from_str(header).unwrap();
        assert_eq!(header, serde_json::json!({"format": "json", "version": 1}));
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(document["id"], format!("{n:016x}"));
        assert_eq!(document["name"], "orders");
    }
    assert!(sink.is_amazon());
}

#[tokio::test]
async fn where_no_daemon_is_that_is_said() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let daemon = listener.local_addr().unwrap();
    drop(listener);
    let service = "orders".to_owned();
    let sink = XRayDaemon { daemon, service };
    // The first datagram may leave before the refusal is there.
    let told = sink.export(&vec![span(1); 50]).await.unwrap_err();
    assert!(
        told.contains("set the function's tracing to `Active`"),
        "{told}"
    );
}

/// A collector that answers once with this status; its URL, and what it was posted.
async fn collector(status: u16) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"]}]}]}") {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "cut off");
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(bytes).unwrap()
    });
    (url, seen)
}

/// A sink that posts there.
fn posting(url: &str) -> Collector {
    let resource = Resource {
        service: "orders".to_owned(),
        ..Resource::default()
    };
    Collector::new(url, HttpClient::new(), resource)
}

#[tokio::test]
async fn a_collector_is_posted_one_request_of_json() {
    let (url, seen) = collector(200).await;
    posting(&url).export(&[span(1), span(2)]).await.unwrap();
    let seen = seen.await.unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_collector_that_refuses_or_is_away_is_told_without_its_url() {
    let (url, _seen) = collector(503).await;
    let told = posting(&url).export(&[span(1)]).await.unwrap_err();
    assert!(told.contains("(it answered 503)"), "{told}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/secret/v1/traces");
    let told = posting(&url).export(&[span(1)]).await.unwrap_err();
    assert!(told.contains("add its layer to the function"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}
