//! How much memory the largest batch takes, from the text of an invocation to its events: the
//! functions are small, and what a batch takes decides how small they may be.
//!
//! One test alone in its binary, since an allocator counts for the whole process.

use peak_alloc::PeakAlloc;
use serde_json::json;

use waybill_core::id::Consumer;
use waybill_core::reading::{self, Reading};
use waybill_core::sqs_event::Payload;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The largest batch of the largest messages that fits into an invocation: 6 MB.
const MESSAGES: usize = 5;

/// The size of each body.
const BODY: usize = 1024 * 1024;

/// What a batch may take beside the text of its invocation, in percent of that text: its bodies,
/// and what reading them needs for a moment.
const READING_PERCENT: usize = 125;

/// What is left of it then: its bodies, and little more.
const KEPT_PERCENT: usize = 102;

/// What the data of the events is made of: one long text, or what producers usually send.
fn data() -> [(&'static str, String); 3] {
    let order = r#"{"total":1200,"customer":{"vip":true,"name":"A. B."},"lines":[1,2,3]},"#;
    let orders = order.repeat(BODY / order.len());
    let order = r#"{"name":"A \"B\" \u00e9","lines":["\n\t",-1.5e3]},"#;
    let escaped = order.repeat(BODY / order.len());
    [
        ("a long text", format!("\"{}\"", "x".repeat(BODY))),
        ("many members", format!("[{}null]", orders)),
        ("many escapes", format!("[{}null]", escaped)),
    ]
}

/// The text of an invocation, with this data in each of its messages.
fn payload(data: &str) -> String {
    let records = (0..MESSAGES).map(|n| {
        json!({
            "messageId": format!("m-{n}"),
            "receiptHandle": "r",
            "body": format!(
                r#"{{"specversion":"1.0","id":"{n}","source":"s","type":"t","data":{data}}}"#
            ),
            "attributes": { "ApproximateReceiveCount": "1" },
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

#[test]
fn a_batch_of_the_largest_messages_takes_little_more_than_its_bodies() {
    let consumer = Consumer::new("c").expect("it is a name");
    for (what, data) in data() {
        let text = payload(&data).into_boxed_str();
        let size = text.len();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let payload: Payload = serde_json::from_str(&text).expect("it is JSON");
        drop(text);
        let batch = payload.0.expect("it is an SQS event");
        let readings: Vec<Reading> = batch
            .messages
            .iter()
            .map(|(_, message)| reading::read(message, &consumer, None))
            .collect();
        assert!(readings.iter().all(|reading| reading.event().is_some()));
        let peak = (MEMORY.peak_usage() - before) * 100 / size;
        // The text counts no more.
        let kept = (MEMORY.current_usage() + size - before) * 100 / size;
        println!("{what}: {peak} % at most, {kept} % kept, of {size} bytes");
        assert!(peak <= READING_PERCENT, "{what}: {peak} %");
        assert!(kept <= KEPT_PERCENT, "{what}: {kept} %");
    }
}
