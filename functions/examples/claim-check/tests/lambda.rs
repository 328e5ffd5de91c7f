//! The function's binary under Lambda's Runtime API, before a table in memory and a bucket by script.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

use std::path::Path;
use std::time::Duration;

use waybill_local::runtime_api::sqs_event;
use waybill_local::stub::Stub;
use waybill_local::{Answer, Environment, Function, Received, Receiver, Reply};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:orders";

/// The bucket, by what an object is called.
fn bucket(asked: &Received, nth: u32) -> Reply {
    let error = |status, code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>as played</Message></Error>");
        Reply::status(status).body(body)
    };
    let (path, _) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    match path {
        "/claims/good" => Reply::status(200).body(order("o-1")),
        "/claims/unfit" => Reply::status(200).body(r#"{"id": "o-2", "lines": "4111"}"#),
        "/claims/slow" if nth <= 3 => error(503, "SlowDown"),
        "/claims/slow" => Reply::status(200).body(order("o-3")),
        "/claims/hidden" => error(403, "AccessDenied"),
        _ => error(404, "NoSuchKey"),
    }
}

/// An order of two lines.
fn order(id: &str) -> String {
    format!(r#"{{"id": "{id}", "lines": [{{"cents": 100}}, {{"cents": 50}}]}}"#)
}

/// The body of a message whose order lies in S3.
fn pointer(bucket: &str, key: &str) -> String {
    let class = "software.amazon.payloadoffloading.PayloadS3Pointer";
    format!(r#"["{class}", {{"s3BucketName": "{bucket}", "s3Key": "{key}"}}]"#)
}

/// What is around a function.
struct Stage {
    _stub: Stub,
    s3: Receiver,
    function: Function,
}

impl Stage {
    /// The function, ready.
    async fn new() -> Self {
        let stub = Stub::start(Duration::from_secs(60), 5)
            .await
            .expect("it listens");
        let s3 = Receiver::start(bucket).await.expect("it listens");
        let environment = Environment::of("claim-check")
            .with("WAYBILL_CONSUMER", "shop")
            .with("WAYBILL_LEDGER_TABLE", "ledger")
            .with("CLAIM_BUCKET", "claims")
            .with("AWS_ENDPOINT_URL", stub.endpoint())
            .with("AWS_ENDPOINT_URL_S3", s3.url(""));
        let binary = Path::new(env!("CARGO_BIN_EXE_claim-check"));
        let mut function = Function::start(binary, &environment)
            .await
            .expect("it can be started");
        function.ready(PATIENCE).await.expect("it starts");
        Self {
            _stub: stub,
            s3,
            function,
        }
    }

    /// The messages that stay in the queue when these have come.
    async fn left(&self, messages: &[(&str, &str)]) -> Vec<String> {
        let payload = sqs_event(QUEUE, messages.iter().copied());
        let answer = self.function.invoke(payload, PATIENCE).await;
        let Ok(Answer::Response(answer)) = answer else {
            panic!("{answer:?}")
        };
        let parts = answer.split('"').collect::<Vec<_>>();
        let ids = parts
            .windows(3)
            .filter(|three| three[0] == "itemIdentifier");
        ids.map(|three| three[2].to_owned()).collect()
    }

    /// How often the bucket was asked for an object.
    fn asked(&self, key: &str) -> usize {
        let path = format!("/{key}?");
        let asked = self.s3.exchanges();
        let of_key = asked
            .iter()
            .filter(|one| one.received.path.starts_with(&path));
        of_key.count()
    }

    /// The function's lines that have this in them.
    async fn end(self, what: &str) -> Vec<String> {
        let lines = self.function.end().await;
        lines
            .into_iter()
            .filter(|line| line.contains(what))
            .collect()
    }
}

#[tokio::test]
async fn an_order_is_booked_once_whether_it_lies_in_the_message_or_in_s3() {
    let stage = Stage::new().await;
    let (here, there) = (order("o-9"), pointer("claims", "good"));
    let legacy = there.replace(
        "software.amazon.payloadoffloading.PayloadS3Pointer",
        "com.amazon.sqs.javamessaging.MessageS3Pointer",
    );
    assert_eq!(
        stage.left(&[("m-1", &here), ("m-2", &there)]).await,
        [""; 0]
    );
    // SQS hands both out again, and the producer has sent the second anew under the same name.
    let again = [("m-1", &*here), ("m-2", &*there), ("m-3", &*there)];
    assert_eq!(stage.left(&again).await, [""; 0]);
    assert_eq!(stage.asked("claims/good"), 1);
    // Of another class it is another body under a known key.
    assert_eq!(stage.left(&[("m-4", &legacy)]).await, ["m-4"]);
    let booked = stage.end(r#""message":"booked""#).await;
    assert_eq!(booked.len(), 2, "{booked:#?}");
    let whole = |line: &String| line.contains(r#""lines":2"#) && line.contains(r#""cents":150"#);
    assert!(booked.iter().all(whole), "{booked:#?}");
}

#[tokio::test]
async fn a_pointer_to_another_bucket_is_dead_and_nothing_is_asked_for_f79() {
    let stage = Stage::new().await;
    let forged = pointer("payroll", "good");
    assert_eq!(stage.left(&[("m-1", &forged)]).await, ["m-1"]);
    assert_eq!(stage.s3.exchanges().len(), 0);
    let said = stage.end(r#""failure.code":"claim_elsewhere""#).await;
    assert_eq!(said.len(), 1, "{said:#?}");
}

#[tokio::test]
async fn what_is_not_there_is_dead_and_what_cannot_be_read_now_comes_again() {
    let stage = Stage::new().await;
    let gone = pointer("claims", "gone");
    let unfit = pointer("claims", "unfit");
    let slow = pointer("claims", "slow");
    let hidden = pointer("claims", "hidden");
    let all = [
        ("m-1", &*gone),
        ("m-2", &*unfit),
        ("m-3", &*slow),
        ("m-4", &*hidden),
    ];
    assert_eq!(stage.left(&all).await, ["m-1", "m-2", "m-3", "m-4"]);
    assert_eq!(stage.asked("claims/gone"), 1);
    // The SDK tries by itself what S3 is too busy for, and nothing else of these.
    assert_eq!(stage.asked("claims/slow"), 3);
    assert_eq!(stage.asked("claims/hidden"), 1);
    let ended = stage.end(r#""message":"attempt ended""#).await;
    let codes = [
        "claim_missing",
        "data_unfit",
        "claim_unavailable",
        "claim_denied",
    ];
    for code in codes {
        let of_code = ended.iter().filter(|line| line.contains(code));
        assert_eq!(of_code.count(), 1, "{code}: {ended:#?}");
    }
    assert!(
        ended.iter().all(|line| !line.contains("4111")),
        "{ended:#?}"
    );
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
