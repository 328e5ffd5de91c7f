//! Counting, rules, and both against a real upstream on the loopback.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Method;
use serde_json::{Value, json};

use super::*;

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// A request's head.
fn head(headers: Headers<'_>, uri: &str) -> Parts {
    let mut request = Request::builder().method(Method::POST).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_call_is_read_from_the_target_or_the_action() {
    let scope = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sqs/aws4_request, Signature=0";
    let target = ("x-amz-target", "DynamoDB_20120810.BatchExecuteStatement");
    let table: [(Headers<'_>, &str, &str, Call); 5] = [
        (
            &[target],
            "/",
            "",
            Call::new("dynamodb", "BatchExecuteStatement"),
        ),
        (
            &[
                ("x-amz-target", "AmazonSQS.DeleteMessageBatch"),
                ("authorization", scope),
            ],
            "/",
            "",
            Call::new("sqs", "DeleteMessageBatch"),
        ),
        (
            &[("authorization", scope)],
            "/",
            "Version=1&Action=GetQueueUrl",
            Call::new("sqs", "GetQueueUrl"),
        ),
        (
            &[("authorization", scope)],
            "/?Action=ListQueues",
            "",
            Call::new("sqs", "ListQueues"),
        ),
        (&[], "/bucket/key", "", Call::new("unknown", "POST")),
    ];
    for (headers, uri, body, expected) in table {
        assert_eq!(Call::read(&head(headers, uri), body.as_bytes()), expected);
    }
}

#[test]
fn a_rule_skips_then_spoils_then_lets_be() {
    let mut book = FaultBook::default();
    let id = book.add(
        Fault::new(FaultAction::Refuse)
            .service("sqs")
            .skip(1)
            .times(2),
    );
    let call = Call::new("sqs", "SendMessage");
    let seen: Vec<bool> = (0..5).map(|_| book.on(&call).is_some()).collect();
    assert_eq!(seen, [false, true, true, false, false]);
    assert_eq!(book.spoiled(id), 2);
}

#[test]
fn a_rule_is_about_its_service_and_operation_only() {
    let mut book = FaultBook::default();
    book.add(
        Fault::new(FaultAction::Throttle)
            .service("dynamodb")
            .operation("BatchGetItem"),
    );
    assert_eq!(book.on(&Call::new("sqs", "BatchGetItem")), None);
    assert_eq!(book.on(&Call::new("dynamodb", "UpdateItem")), None);
    assert_eq!(
        book.on(&Call::new("dynamodb", "BatchGetItem")),
        Some(FaultAction::Throttle)
    );
}

#[test]
fn the_first_rule_that_has_something_left_wins() {
    let mut book = FaultBook::default();
    let first = book.add(Fault::new(FaultAction::Refuse).times(1));
    book.add(Fault::new(FaultAction::DropReply));
    let call = Call::new("sqs", "SendMessage");
    assert_eq!(book.on(&call), Some(FaultAction::Refuse));
    assert_eq!(book.on(&call), Some(FaultAction::DropReply));
    assert_eq!(book.remove(first), 1);
    book.clear();
    assert_eq!(book.on(&call), None);
}

#[test]
fn counts_are_told_by_service_and_since() {
    let mut counts = Counts::default();
    counts.add(Call::new("dynamodb", "BatchExecuteStatement"));
    let before = counts.clone();
    counts.add(Call::new("dynamodb", "BatchExecuteStatement"));
    counts.add(Call::new("dynamodb", "BatchGetItem"));
    counts.add(Call::new("sqs", "ChangeMessageVisibilityBatch"));
    assert_eq!(counts.of_service("dynamodb"), 3);
    assert_eq!(counts.of("dynamodb", "BatchExecuteStatement"), 2);
    let since = counts.since(&before);
    assert_eq!(since.of_service("dynamodb"), 2);
    assert_eq!(since.of_service("sqs"), 1);
}

#[test]
fn a_deletion_is_known_by_the_message_that_was_received() {
    let mut messages = Messages::default();
    let receive = Call::new("sqs", "ReceiveMessage");
    let one = br#"{"Messages": [{"MessageId": "m1", "ReceiptHandle": "h1"}]}"#;
    assert_eq!(messages.on_reply(&receive, one), Some(Receive::Messages));
    let again = br#"{"Messages": [{"MessageId": "m1", "ReceiptHandle": "h2"}]}"#;
    assert_eq!(messages.on_reply(&receive, again), Some(Receive::Messages));
    let empty: [&[u8]; 2] = [b"{}", br#"{"Messages": []}"#];
    for empty in empty {
        assert_eq!(messages.on_reply(&receive, empty), Some(Receive::Empty));
    }
    let other = Call::new("sqs", "SendMessage");
    assert_eq!(messages.on_reply(&other, b"{}"), None);

    let at = Instant::now();
    let batch = br#"{"Entries": [{"ReceiptHandle": "h1"}, {"ReceiptHandle": "?"}]}"#;
    messages.on_request(&Call::new("sqs", "DeleteMessageBatch"), batch, at);
    let single = br#"{"ReceiptHandle": "h2"}"#;
    messages.on_request(&Call::new("sqs", "DeleteMessage"), single, at);
    messages.on_request(&Call::new("sqs", "ChangeMessageVisibility"), single, at);
    let ids: Vec<_> = messages
        .deletions()
        .iter()
        .map(|d| d.message_id.as_deref())
        .collect();
    assert_eq!(ids, [Some("m1"), None, Some("m1")]);
}

/// An upstream that answers `ok` and counts, a proxy before it, and a client.
async fn rig() -> (Proxy, Arc<AtomicU64>, reqwest::Client, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let served = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&served);
    let server = tokio::spawn(serve(
        listener,
        count,
        |count: Arc<AtomicU64>, _| async move {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Response::new(Full::new(Bytes::from("ok"))))
        },
    ));
    let proxy = Proxy::start(&upstream.to_string()).await.unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    (proxy, served, client, server)
}

/// Asks DynamoDB for something through the proxy; the status, or `None` without an answer.
async fn ask(proxy: &Proxy, client: &reqwest::Client) -> Option<u16> {
    let request = client
        .post(proxy.endpoint())
        .header("x-amz-target", "DynamoDB_20120810.BatchGetItem")
        .body("{}");
    request
        .send()
        .await
        .ok()
        .map(|reply| reply.status().as_u16())
}

#[tokio::test]
async fn requests_are_forwarded_and_counted() {
    let (proxy, served, client, server) = rig().await;
    for _ in 0..3 {
        assert_eq!(ask(&proxy, &client).await, Some(200));
    }
    assert_eq!(served.load(Ordering::SeqCst), 3);
    assert_eq!(proxy.counts().of("dynamodb", "BatchGetItem"), 3);
    server.abort();
}

#[tokio::test]
async fn each_fault_does_what_it_says_to_the_caller_and_the_upstream() {
    let (proxy, served, client, server) = rig().await;
    let table = [
        (FaultAction::Refuse, None, 0),
        (FaultAction::Throttle, Some(400), 0),
        (FaultAction::Status(500), Some(500), 0),
        (FaultAction::AccessDenied, Some(400), 0),
        (FaultAction::DropReply, None, 1),
        (FaultAction::Delay(Duration::from_millis(1)), Some(200), 1),
    ];
    for (action, status, reached) in table {
        let before = served.load(Ordering::SeqCst);
        let id = proxy.inject(Fault::new(action).times(1));
        assert_eq!(ask(&proxy, &client).await, status, "{action:?}");
        let reached_now = served.load(Ordering::SeqCst) - before;
        assert_eq!(reached_now, reached, "{action:?}");
        assert_eq!(proxy.withdraw(id), 1, "{action:?}");
        assert_eq!(ask(&proxy, &client).await, Some(200), "after {action:?}");
    }
    server.abort();
}

#[tokio::test]
async fn a_record_is_kept_where_one_is_wanted() {
    let (proxy, _, client, server) = rig().await;
    ask(&proxy, &client).await;
    assert!(proxy.recorded().is_empty());
    proxy.record();
    ask(&proxy, &client).await;
    proxy.inject(Fault::new(FaultAction::Refuse));
    ask(&proxy, &client).await;
    let recorded = proxy.recorded();
    assert_eq!(recorded.len(), 2);
    assert!(
        recorded
            .iter()
            .all(|asked| { asked.is("dynamodb", "BatchGetItem") && asked.request().is_object() })
    );
    assert!(recorded[0].at <= recorded[0].answered_at);
    assert!(recorded[0].answered_at <= recorded[1].answered_at);
    server.abort();
}

#[test]
fn a_batch_fails_in_part() {
    let entries: Vec<_> = (0..3).map(|n| json!({ "Id": format!("{n}") })).collect();
    let request = json!({ "QueueUrl": "q", "Entries": entries }).to_string();
    let ids = |reply: &Value, field: &str| -> Vec<String> {
        let entries = reply[field].as_array().unwrap().iter();
        entries
            .map(|entry| entry["Id"].as_str().unwrap().to_owned())
            .collect()
    };

    let mut two = PartialBatch::split(request.as_bytes(), 2, EntryFault::Sender).unwrap();
    let rest: Value = serde_json::from_slice(&two.rest.take().unwrap()).unwrap();
    assert_eq!(ids(&rest, "Entries"), ["2"]);
    assert_eq!(rest["QueueUrl"], "q");
    let reply = two
        .join(Some(br#"{"Successful": [{"Id": "2"}], "Failed": []}"#))
        .unwrap();
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    assert_eq!(ids(&reply, "Successful"), ["2"]);
    assert_eq!(ids(&reply, "Failed"), ["0", "1"]);
    assert_eq!(reply["Failed"][0]["SenderFault"], true);

    let all = PartialBatch::split(request.as_bytes(), 9, EntryFault::Service).unwrap();
    assert!(all.rest.is_none(), "nothing is left to be done");
    let reply: Value = serde_json::from_slice(&all.join(None).unwrap()).unwrap();
    assert_eq!(ids(&reply, "Failed").len(), 3);
    assert_eq!(reply["Failed"][0]["SenderFault"], false);

    assert!(PartialBatch::split(b"{}", 1, EntryFault::Service).is_none());
}
