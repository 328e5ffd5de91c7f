//! How much memory hostile input takes: at most some multiple of its own size, never more.
//!
//! One test alone in its binary, since an allocator counts for the whole process.

use std::fmt::Write as _;

use peak_alloc::PeakAlloc;
use serde_json::json;

use waybill_core::digest::Digest;
use waybill_core::envelope::{self, Envelope};
use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::key::{KeyExpression, event_key};
use waybill_core::message::Message;
use waybill_core::routes::{RoutesFile, TEXT_MAX};
use waybill_core::sqs_event::Batch;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A quarter of SQS's longest message: enough to tell a multiple of it from the base.
const BODY_MAX: usize = 256 * 1024;

/// The most that a routes file may take, whatever its size.
const ROUTES_MEMORY: usize = 64 * TEXT_MAX;

/// Memory that needs no input: tables, formats, buffers.
const BASE: usize = 128 * 1024;

/// Runs something and says how many bytes it had more than before, at most.
fn peak(run: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    run();
    MEMORY.peak_usage().saturating_sub(before)
}

/// A message with this body.
fn message(body: String) -> Message {
    Message {
        message_id: MessageId::new("m-1").expect("an id"),
        receipt_handle: ReceiptHandle("r".to_owned()),
        body: body.into(),
        receive_count: 1,
        sent: None,
        group_id: None,
        trace_header: None,
        attributes: Default::default(),
        queue_arn: "arn:aws:sqs:eu-west-1:123456789012:orders".to_owned(),
        moved_from: None,
    }
}

/// A text repeated to about the size of the longest message.
fn fill(before: &str, one: &str, after: &str) -> String {
    let times = (BODY_MAX - before.len() - after.len()) / one.len();
    format!("{before}{}{after}", one.repeat(times))
}

/// Bodies whose bytes weigh the most when they are taken apart.
fn bodies() -> Vec<String> {
    let deep = 25_000;
    let lists = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let ladder = format!(
        "{}{}{}",
        "{\"a\":".repeat(126),
        fill("[0", ",0", "]"),
        "}".repeat(126)
    );
    let notification = json!({
        "Type": "Notification", "MessageId": "m", "TopicArn": "t",
        "Message": fill("[0", ",0", "]"),
    });
    vec![
        fill("", "text ", ""),
        fill("[0", ",0", "]"),
        fill("[[]", ",[]", "]"),
        fill("[{}", ",{}", "]"),
        fill("[\"\"", ",\"\"", "]"),
        fill(r#"{"":0"#, r#","":0"#, "}"),
        fill(r#"{"a":"\ud800""#, r#","":0"#, "}"),
        fill(
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":""#,
            "AAAA",
            "\"}",
        ),
        lists,
        ladder,
        notification.to_string(),
    ]
}

/// Reads, digests and names a body.
fn take_apart(message: &Message, expression: Option<&KeyExpression>) {
    if let Ok(Envelope::Event(parsed)) = envelope::parse(message) {
        Digest::of(&parsed.event.data);
        let _ = event_key(message, Some(&parsed), expression);
    }
}

/// Copies of a piece, in which `#` is the number of the copy.
fn filled(piece: &str, copies: usize) -> String {
    let copies = (0..copies).map(|n| piece.replace('#', &n.to_string()));
    copies.collect()
}

/// A file with this list of types in its filter.
fn routes_file(list: &str) -> String {
    let target = "target: { http: { url: \"https://a.example/\" } }";
    format!("routes:\n- name: a\n  filter: {{ type: [{list}] }}\n  {target}\n")
}

#[test]
fn hostile_input_takes_a_small_multiple_of_its_own_size() {
    for body in bodies() {
        let message = message(body);
        let (shown, size) = (
            message.body[..40.min(message.body.len())].to_owned(),
            message.body.len(),
        );
        let taken = peak(|| take_apart(&message, None));
        println!("{shown}: {taken} bytes of {size}");
        assert!(
            taken <= 30 * size + BASE,
            "{shown}: {taken} bytes of {size}"
        );
    }
    let expression = KeyExpression::compile("[data, data]").unwrap();
    for body in bodies() {
        let message = message(body);
        let (shown, size) = (
            message.body[..40.min(message.body.len())].to_owned(),
            message.body.len(),
        );
        let taken = peak(|| take_apart(&message, Some(&expression)));
        println!("{shown}: {taken} bytes of {size}");
        assert!(
            taken <= 64 * size + BASE,
            "{shown}, with a key: {taken} bytes of {size}"
        );
    }

    let record = |body: &str| json!({"messageId": "m", "receiptHandle": "r", "body": body, "eventSourceARN": "q"});
    let mut payloads = vec![
        json!({ "Records": vec![record("{}"); 2_500] }).to_string(),
        json!({ "Records": vec![record(&"x".repeat(150_000)); 10] }).to_string(),
        json!({ "Records": vec![record(&"\"".repeat(75_000)); 10] }).to_string(),
        format!(r#"{{"Records":[{}0]}}"#, "0,".repeat(250_000)),
        format!("\"{}\"", "x".repeat(1_500_000)),
    ];
    let wrong = format!(r#"{{"messageId":"m","attributes":"{}"}}"#, "x".repeat(600));
    payloads.push(format!(
        r#"{{"Records":[{}]}}"#,
        vec![wrong; 2_000].join(",")
    ));
    for payload in payloads {
        let taken = peak(|| drop(Batch::parse(&payload)));
        let (shown, size) = (&payload[..40], payload.len());
        println!("{shown}: {taken} bytes of {size}");
        assert!(
            taken <= 16 * size + BASE,
            "{shown}: {taken} bytes of {size}"
        );
    }

    let lookup = |name: &str| (name == "LONG").then(|| "l".repeat(4_096));
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for pair in "abcdefghijk".as_bytes().windows(2) {
        let (from, to) = (char::from(pair[0]), char::from(pair[1]));
        let aliases = vec![format!("*{from}"); 9].join(", ");
        writeln!(bomb, "{to}: &{to} [{aliases}]").unwrap();
    }
    let deep = format!("{}[x]{}", "{ a: ".repeat(20), " }".repeat(20));
    let either = "{ $or: [{ a: [1] }, { b: [2] }] }";
    for text in [
        bomb,
        routes_file(&format!(
            "x], data: {{ {} }}, id: [x",
            filled("k#: { a: { b: [1] } }, ", 6_000)
        )),
        routes_file(&format!(
            "x], data: {{ {} }}, id: [x",
            filled(&format!("k#: {deep}, "), 700)
        )),
        routes_file(&format!(
            "x], data: {{ {} }}, id: [x",
            filled(&format!("k#: {either}, "), 3_000)
        )),
        format!("[{}]", "0,".repeat(TEXT_MAX / 2 - 2)),
        format!("[{}]", "a: ,".repeat(TEXT_MAX / 4 - 2)),
        routes_file(&"\"x\",".repeat(60_000)),
        routes_file(&"\"${\",".repeat(40_000)),
        routes_file(&"\"${LONG}\",".repeat(20_000)),
        routes_file(&format!(
            "&a \"{}\",{}",
            "${LONG}".repeat(100),
            "*a,".repeat(900)
        )),
        routes_file(&format!(
            "&a \"{}\",{}",
            "x".repeat(200_000),
            "*a,".repeat(900)
        )),
        format!(
            "routes:\n- {}: [{}]",
            "k".repeat(1_000),
            "\"${\",".repeat(40_000)
        ),
        format!(
            "? {}\n: [{}]",
            "k".repeat(100_000),
            "\"${\",".repeat(20_000)
        ),
    ] {
        let taken = peak(|| drop(RoutesFile::parse(&text, lookup)));
        let shown = &text[..40];
        println!("{shown}: {taken} bytes of {}", text.len());
        assert!(taken <= ROUTES_MEMORY, "{shown}: {taken} bytes");
    }
}
