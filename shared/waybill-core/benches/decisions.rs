//! What the decisions of one batch cost: `cargo bench -p waybill-core`. Allocations are counted.

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};

use waybill_core::batch::{BatchResponse, Handed};
use waybill_core::id::Consumer;
use waybill_core::message::Message;
use waybill_core::reading::{self, Reading};
use waybill_core::routes::RoutesFile;
use waybill_core::sqs_event::Batch;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Batches and bodies. What is above 6 MB no invocation has.
const LOADS: [(usize, usize); 7] = [
    (1, 1_000),
    (10, 1_000),
    (100, 1_000),
    (1000, 1_000),
    (10, 100_000),
    (5, 1_048_576),
    (10, 1_048_576),
];

/// Routes as a team has them: by type, by a prefix, by a number, and one for all.
const ROUTES: &str = r#"
routes:
  - name: created
    filter: { type: ["com.acme.order.created"] }
    target: { http: { url: "https://one.example/hook" } }
  - name: orders
    filter: { type: [{ prefix: "com.acme.order." }], source: ["/shop/eu", "/shop/us"] }
    target: { http: { url: "https://two.example/hook" } }
  - name: large
    filter: { data: { total: [{ numeric: [">", 1000] }], customer: { vip: [true] } } }
    target: { http: { url: "https://three.example/hook" } }
  - name: all
    target: { http: { url: "https://four.example/hook" } }
"#;

fn main() {
    divan::main();
}

/// Lambda's payload: so many CloudEvents with so much in each.
fn payload((batch, bytes): (usize, usize)) -> String {
    let records = (0..batch).map(|n| {
        let body = serde_json::json!({
            "specversion": "1.0",
            "id": format!("order-{n}"),
            "source": "/shop/eu",
            "type": "com.acme.order.created",
            "time": "2026-01-01T00:00:00Z",
            "data": { "total": 1200, "customer": { "vip": true }, "note": "x".repeat(bytes) },
        });
        serde_json::json!({
            "messageId": format!("message-{n}"),
            "receiptHandle": "AQEB".repeat(40),
            "body": body.to_string(),
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1767225600000",
                "SenderId": "AIDAEXAMPLE",
                "ApproximateFirstReceiveTimestamp": "1767225600001",
            },
            "messageAttributes": {},
            "md5OfBody": "7b270e59b47ff90a553787216d55d91d",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:orders",
            "awsRegion": "eu-central-1",
        })
    });
    serde_json::json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

/// The messages of a payload.
fn messages(load: (usize, usize)) -> Vec<Message> {
    let batch = Batch::parse(&payload(load)).expect("it is an SQS event");
    batch
        .messages
        .into_iter()
        .map(|(_, message)| message)
        .collect()
}

/// A consumer's name.
fn consumer() -> Consumer {
    Consumer::new("orders").expect("it is a name")
}

#[divan::bench(args = LOADS)]
fn parse_lambda_event(bencher: Bencher<'_, '_>, load: (usize, usize)) {
    let payload = payload(load);
    bencher
        .counter(BytesCount::of_str(&payload))
        .bench_local(|| Batch::parse(black_box(&payload)));
}

#[divan::bench(args = LOADS)]
fn read_events(bencher: Bencher<'_, '_>, load: (usize, usize)) {
    let messages = messages(load);
    let consumer = consumer();
    bencher.bench_local(|| {
        let read = |message| reading::read(black_box(message), &consumer, None);
        messages.iter().map(read).collect::<Vec<Reading>>()
    });
}

#[divan::bench(args = LOADS)]
fn match_four_routes(bencher: Bencher<'_, '_>, load: (usize, usize)) {
    let file = RoutesFile::parse(ROUTES, |_| None).expect("the routes are valid");
    let consumer = consumer();
    let readings: Vec<_> = messages(load)
        .iter()
        .map(|message| reading::read(message, &consumer, None))
        .collect();
    bencher.bench_local(|| {
        let events = readings.iter().filter_map(Reading::event);
        events
            .map(|event| file.matching(black_box(event)).count())
            .sum::<usize>()
    });
}

#[divan::bench(args = [10, 1000])]
fn answer_a_batch(bencher: Bencher<'_, '_>, batch: usize) {
    let batch = Batch::parse(&payload((batch, 10))).expect("it is an SQS event");
    let handed: Vec<_> = (0..batch.ids.len())
        .map(|n| {
            if n % 10 == 0 {
                Handed::Back
            } else {
                Handed::Over
            }
        })
        .collect();
    bencher.bench_local(|| {
        let response = BatchResponse::new(black_box(&batch.ids), &handed);
        serde_json::to_string(&response).expect("it is text")
    });
}
