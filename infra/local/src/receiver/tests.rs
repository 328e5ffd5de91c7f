//! The script decides, and what it decided is remembered.

use super::*;

/// A client of the receiver's.
fn client() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn tries_are_counted_by_idempotency_key() {
    let receiver = Receiver::start(|_, nth| Reply::status(if nth < 3 { 503 } else { 200 }))
        .await
        .unwrap();
    let client = client();
    for (key, status) in [("a", 503), ("b", 503), ("a", 503), ("a", 200), ("a", 200)] {
        let request = client
            .post(receiver.url("/x"))
            .header("idempotency-key", key);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status);
    }
    assert_eq!(receiver.effects(), [("a".to_owned(), 2)].into());
    let tries: Vec<u32> = receiver.inspect(|all| all.iter().map(|one| one.nth_try).collect());
    assert_eq!(tries, [1, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_reply_carries_its_headers_and_its_body() {
    let receiver = Receiver::start(|received, _| {
        let id = received.event_id().unwrap_or("none").to_owned();
        Reply::status(429).header("retry-after", "7").body(id)
    })
    .await
    .unwrap();
    let request = client()
        .post(receiver.url("/x"))
        .header("ce-id", "e1")
        .body("data");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["retry-after"], "7");
    assert_eq!(reply.text().await.unwrap(), "e1");
    let exchanges = receiver.exchanges();
    assert_eq!(exchanges[0].received.body, b"data");
    assert_eq!(exchanges[0].status, Some(429));
}

#[tokio::test]
async fn a_closed_or_hanging_connection_is_no_effect() {
    let receiver = Receiver::start(|received, _| match received.path.as_str() {
        "/close" => Reply::close(),
        _ => Reply::hang(),
    })
    .await
    .unwrap();
    let client = client();
    assert!(client.post(receiver.url("/close")).send().await.is_err());
    let hanging = client
        .post(receiver.url("/hang"))
        .timeout(Duration::from_millis(50));
    assert!(hanging.send().await.unwrap_err().is_timeout());
    assert!(receiver.effects().is_empty());
    assert!(receiver.inspect(|all| all.iter().all(|one| one.status.is_none())));
    assert!(receiver.inspect(|all| all.iter().all(|one| one.answered_at().is_none())));
}

#[tokio::test]
async fn an_answer_is_noted_when_it_goes_out_and_not_before() {
    let receiver = Receiver::start(|_, _| Reply::status(200).after(Duration::from_millis(50)))
        .await
        .unwrap();
    let asked = Instant::now();
    let request = client().post(receiver.url("/x"));
    request.send().await.unwrap();
    let answered = receiver.exchanges()[0].answered_at().unwrap();
    assert!(answered >= asked + Duration::from_millis(50));
    assert!(answered <= Instant::now());
}

#[tokio::test]
async fn a_reply_waits_behind_its_gate() {
    let gate = Gate::shut();
    let behind = gate.clone();
    let receiver = Receiver::start(move |_, _| Reply::status(200).behind(&behind))
        .await
        .unwrap();
    let request = tokio::spawn(client().post(receiver.url("/x")).send());
    while receiver.inspect(<[_]>::is_empty) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(receiver.exchanges()[0].answered_at(), None);
    assert!(receiver.exchanges()[0].received.from.ip().is_loopback());
    gate.open();
    assert_eq!(request.await.unwrap().unwrap().status().as_u16(), 200);
    assert!(receiver.exchanges()[0].answered_at().is_some());
}
