//! Records that mean harm, in one invocation with good ones: the good are delivered, and each bad
//! one stays in the queue by itself.

use serde_json::{Value, json};

use crate::consumer::{handle, record};

/// A good record that is delivered.
fn good(id: &str) -> Value {
    record(id, &json!("ok"))
}

/// The ids that one invocation hands back.
async fn handed_back(records: &[Value]) -> Vec<String> {
    let answer = handle(records).await.unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let ids = failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// A good record whose key, or whose body, is hostile.
fn bad(id: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut record = good(id);
    change(&mut record);
    record
}

/// A record that carries this key.
fn keyed(id: &str, value: Value) -> Value {
    bad(id, |record| {
        record["messageAttributes"] = json!({ "waybill-key": value });
    })
}

#[tokio::test(start_paused = true)]
async fn hostile_records_stay_and_harm_no_other_f14() {
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let hostile = [
        bad("deep-body", |r| r["body"] = json!(deep)),
        bad("deep-event", |r| {
            r["body"] = json!(format!(
                r#"{{"detail-type":"t","source":"s","id":"i","detail":{deep}}}"#
            ));
        }),
        bad("long-text", |r| r["body"] = json!("x".repeat(1024 * 1024))),
        bad("twice", |r| r["body"] = json!(r#"{"id":"1","id":"2"}"#)),
        bad("huge-number", |r| r["body"] = json!("[1e400]")),
        bad("no-cloud-event", |r| {
            r["body"] = json!(r#"{"specversion":"1.0"}"#)
        }),
        bad("body-null", |r| r["body"] = Value::Null),
        bad("body-object", |r| r["body"] = json!({"id": "1"})),
        bad("no-receipt", |r| {
            drop(r.as_object_mut().unwrap().remove("receiptHandle"))
        }),
        bad("attributes-text", |r| {
            r["attributes"] = json!("x".repeat(100_000))
        }),
        keyed(
            "key-empty",
            json!({"dataType": "String", "stringValue": ""}),
        ),
        keyed(
            "key-long",
            json!({"dataType": "String", "stringValue": "k".repeat(256 * 1024)}),
        ),
        keyed(
            "key-no-base64",
            json!({"dataType": "Binary", "binaryValue": "!"}),
        ),
        keyed(
            "key-no-utf-8",
            json!({"dataType": "Binary", "binaryValue": "/w=="}),
        ),
        keyed("key-nothing", json!({"dataType": "String"})),
    ];
    let ids: Vec<_> = hostile
        .iter()
        .map(|record| record["messageId"].clone())
        .collect();
    let mut records = vec![good("first")];
    for (n, bad) in hostile.into_iter().enumerate() {
        records.extend([bad, good(&format!("good-{n}"))]);
    }
    let back = handed_back(&records).await;
    assert_eq!(json!(back), json!(ids));
}

#[tokio::test(start_paused = true)]
async fn a_key_may_hold_any_letter_and_its_copies_are_one_event() {
    let nul = json!({"dataType": "Binary", "binaryValue": "YQBi"});
    let records = [keyed("m-1", nul.clone()), keyed("m-2", nul), good("m-3")];
    assert_eq!(handed_back(&records).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_records_of_one_message_id_are_one_event() {
    assert_eq!(handed_back(&[good("m-1"), good("m-1")]).await, [""; 0]);
    // The same id with other data: which of them is right is not known, so it stays.
    let other = bad("m-1", |record| record["body"] = json!("other"));
    assert_eq!(
        handed_back(&[good("m-1"), other, good("m-2")]).await,
        ["m-1"]
    );
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_hostile_records_leave_the_good_ones_alone() {
    let records = (0..600).map(|n| match n % 3 {
        0 => good(&format!("good-{n}")),
        1 => bad(&format!("bad-{n}"), |record| record["body"] = json!(n)),
        _ => bad(&format!("bad-{n}"), |record| {
            record["body"] = json!("{\"specversion\":\"9\"}")
        }),
    });
    let back = handed_back(&records.collect::<Vec<_>>()).await;
    assert_eq!(back.len(), 400);
    assert!(back.iter().all(|id| id.starts_with("bad-")));
}
