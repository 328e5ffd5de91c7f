//! Input that means harm: whatever its size, depth or form, it has an outcome of its own, and its
//! neighbours do not notice. How much memory it takes is in `tests/memory`.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use waybill_core::digest::Digest;
use waybill_core::envelope::{self, Envelope};
use waybill_core::event::Data;
use waybill_core::key::{KEY_ATTRIBUTE, KeyExpression, event_key};
use waybill_core::limit::EVENT_KEY_MAX;
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::routes::RoutesFile;
use waybill_core::sqs_event::{Batch, PayloadError};
use waybill_core::time::Timestamp;

use crate::support::{event, message, sns};

/// SQS's longest message, attributes included.
const BODY_MAX: usize = 1024 * 1024;

/// Lambda's longest payload.
const PAYLOAD_MAX: usize = 6 * 1024 * 1024;

/// Deeper than any stack.
const DEEP: usize = 100_000;

/// A record as Lambda sends it.
fn record(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": "r",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1772359200000"},
        "messageAttributes": {},
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
    })
}

/// Records as JSON text, between two good ones.
fn between_good(record: &str) -> Result<Batch, PayloadError> {
    let good = |id| self::record(id, "{}").to_string();
    let (first, last) = (good("first"), good("last"));
    Batch::parse(&format!(r#"{{"Records":[{first},{record},{last}]}}"#))
}

/// Checks that the record between two good ones is not read, and that they are.
fn assert_unread(record: &str) {
    let shown = &record[..record.len().min(200)];
    let batch = between_good(record).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let read: Vec<_> = batch.messages.iter().map(|(at, _)| *at).collect();
    assert_eq!(read, [0, 2], "{shown}");
    let (at, what) = &batch.unread[0];
    assert_eq!((*at, batch.unread.len()), (1, 1), "{shown}");
    assert!(what.len() <= 256, "{shown}: {} bytes are said", what.len());
}

/// Checks that the record between two good ones is read, and returns it.
fn assert_read(record: &str) -> Message {
    let shown = &record[..record.len().min(200)];
    let mut batch = between_good(record).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert!(batch.unread.is_empty(), "{shown}: {:?}", batch.unread);
    assert_eq!(batch.messages.len(), 3);
    batch.messages.swap_remove(1).1
}

/// That many opening brackets.
fn open(depth: usize) -> String {
    "[".repeat(depth)
}

/// A list in a list, that deep.
fn nested(depth: usize) -> String {
    format!("{}{}", open(depth), "]".repeat(depth))
}

/// What a body is refused for.
fn malformed(body: &str) -> String {
    let fault = envelope::parse(&message(body))
        .expect_err("it is refused")
        .0;
    assert!(fault.len() <= 256, "{} bytes are said", fault.len());
    fault
}

/// What a routes file is refused for.
fn refused(text: &str) -> String {
    let said = RoutesFile::parse(text, |_| None).expect_err("it is refused");
    let said = said.to_string();
    assert!(said.len() <= 100_000, "{} bytes are said", said.len());
    said
}

#[test]
fn a_body_as_long_as_sqs_allows_is_an_event_in_every_form() {
    let fill = |before: &str, one: &str, after: &str| {
        let times = (BODY_MAX - before.len() - after.len()) / one.len();
        format!("{before}{}{after}", one.repeat(times))
    };
    let plain = r#"{"id":"1","queue":"q","dispatch_date":1,"payload":"#;
    let cloud = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data"#;
    let bodies = [
        (fill("", "text ", ""), "sqs:"),
        (fill("[0", ",0", "]"), "sqs:"),
        (fill("[{}", ",{}", "]"), "sqs:"),
        (fill(r#"{"":0"#, r#","":0"#, "}"), "sqs:"),
        (
            fill(&format!("{plain}{{"), r#""a":[1.5],"#, "\"\":0}}"),
            "plain:",
        ),
        (fill(&format!("{cloud}\":\""), "\\u0041", "\"}"), "ce:"),
        (fill(&format!("{cloud}_base64\":\""), "AAAA", "\"}"), "ce:"),
        (fill(r#"{"x":""#, "\\\\", "\"}"), "sqs:"),
    ];
    for (body, prefix) in bodies {
        let shown = &body[..70];
        assert!(body.len() > BODY_MAX - 16, "{shown}");
        let read = event(&body);
        let key = event_key(&message(&body), Some(&read), None).unwrap();
        assert!(key.as_str().starts_with(prefix), "{shown}: {key:?}");
        assert!(read.event.data.as_bytes().len() > BODY_MAX / 2, "{shown}");
        assert_eq!(Digest::of(&read.event.data), Digest::of(&read.event.data));
    }
}

#[test]
fn a_name_as_long_as_a_body_is_no_longer_key() {
    let long = "n".repeat(BODY_MAX / 2);
    let other = format!("{}x", &long[1..]);
    let key = |id: &str, source: &str| {
        let body = json!({"specversion": "1.0", "id": id, "source": source, "type": "t"});
        let message = message(&body.to_string());
        event_key(&message, Some(&event(&message.body)), None).unwrap()
    };
    let keys = [
        key(&long, "s"),
        key(&other, "s"),
        key("i", &long),
        key("i", &other),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert!(key.as_str().len() <= EVENT_KEY_MAX);
        assert!(!keys[..at].contains(key), "another name, another key");
    }
}

#[test]
fn a_payload_as_long_as_lambda_allows_is_read_record_by_record() {
    let body = "\\\"".repeat(130_000);
    let mut records: Vec<_> = (0..10).map(|n| record(&format!("m-{n}"), &body)).collect();
    records[4]["body"] = json!([body]);
    let payload = json!({ "Records": records }).to_string();
    assert!(
        (PAYLOAD_MAX / 2..=PAYLOAD_MAX).contains(&payload.len()),
        "{}",
        payload.len()
    );
    let batch = Batch::parse(&payload).unwrap();
    assert_eq!((batch.ids.len(), batch.messages.len()), (10, 9));
    assert_eq!(batch.unread[0].0, 4);
    assert!(
        batch
            .messages
            .iter()
            .all(|(_, message)| message.body == body)
    );
}

#[test]
fn ten_thousand_records_each_have_an_outcome_f14() {
    let records = (0..10_000).map(|n| {
        let mut record = record(&format!("m-{n}"), "{}");
        if n % 3 == 1 {
            record["body"] = Value::Null;
        }
        record.to_string()
    });
    let records: Vec<_> = records.collect();
    let payload = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let batch = Batch::parse(&payload).unwrap();
    assert_eq!(batch.ids.len(), 10_000);
    assert_eq!((batch.messages.len(), batch.unread.len()), (6_667, 3_333));
    assert!(batch.unread.iter().all(|(at, _)| at % 3 == 1));

    let fifo = payload.replace(":orders", ":orders.fifo");
    let batch = Batch::parse(&fifo).unwrap();
    assert_eq!(
        batch.unread.len(),
        10_000,
        "without a group no order is known"
    );
}

#[test]
fn a_body_nested_without_end_is_text_or_malformed_or_looked_into() {
    for body in [open(DEEP), "{\"a\":".repeat(DEEP), nested(DEEP) + "x"] {
        assert_eq!(event(&body).event.data, Data::Text(body.into()));
    }
    let deep = nested(DEEP);
    let members = format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP));
    for body in [
        deep.clone(),
        members,
        format!(r#"{{"detail-type":"t","source":"s","id":"i","detail":{deep}}}"#),
        format!(r#"{{"specversion":"1.0","id":"i","source":"s","type":"t","data":{deep}}}"#),
        format!(r#"{{"id":"i","queue":"q","dispatch_date":1,"payload":{deep}}}"#),
        format!(r#"{{"Type":{deep}}}"#),
        sns("m", &deep),
        sns(
            "m",
            &format!(r#"{{"detail-type":"t","source":"s","id":"i","detail":{deep}}}"#),
        ),
    ] {
        assert!(
            malformed(&body).starts_with("unreadable json"),
            "{}",
            &body[..60]
        );
    }
    // What no form reads is let be: it goes nowhere.
    let body = format!(r#"{{"detail-type":"t","source":"s","id":"i","detail":1,"x":{deep}}}"#);
    assert_eq!(event(&body).event.data, Data::Json("1".into()));
}

#[test]
fn notifications_nested_without_end_are_malformed() {
    let mut body = "x".to_owned();
    // Each layer quotes the one below, so that its length doubles at least.
    while body.len() < BODY_MAX / 4 {
        body = sns("m", &body);
    }
    assert!(malformed(&body).contains("nested deeper than 3"));
}

#[test]
fn a_payload_nested_without_end_is_refused_or_its_record_is_unread() {
    let deep = nested(DEEP);
    for payload in [open(DEEP), deep.clone(), format!(r#"{{"Records":{deep}}}"#)] {
        let error = Batch::parse(&payload).unwrap_err().to_string();
        assert!(error.len() < 1024, "{} bytes are said", error.len());
    }
    let of = |member: &str| {
        let record = record("bad", "{}").to_string();
        format!(r#"{{"{member}":{deep},{}"#, &record[1..])
    };
    assert_eq!(assert_read(&of("unknown")).message_id.as_str(), "bad");
    let wrong = |member: &str| {
        let mut record = record("bad", "{}");
        record.as_object_mut().unwrap().remove(member);
        format!(r#"{{"{member}":{deep},{}"#, &record.to_string()[1..])
    };
    for member in [
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "eventSourceARN",
    ] {
        assert_unread(&wrong(member));
    }
    assert!(matches!(
        between_good(&wrong("messageId")),
        Err(PayloadError::NoId(1))
    ));
}

#[test]
fn every_member_of_a_record_may_be_missing_null_or_of_another_type() {
    let members = [
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "eventSourceARN",
    ];
    let wrong = [
        json!(17),
        json!(true),
        json!([["x"]]),
        json!("x"),
        json!({"x": "x"}),
        Value::Null,
    ];
    for member in members {
        let is_map = member.ends_with("ttributes");
        let mut lacking = record("bad", "{}");
        lacking.as_object_mut().unwrap().remove(member);
        match is_map {
            true => assert!(assert_read(&lacking.to_string()).attributes.is_empty()),
            false => assert_unread(&lacking.to_string()),
        }
        for value in &wrong {
            let fits = match member {
                // Names of SQS's that are not known are skipped.
                "attributes" => value.is_object(),
                "messageAttributes" => false,
                // Another queue fails the invocation; see below.
                "eventSourceARN" => continue,
                _ => value.is_string(),
            };
            let mut record = record("bad", "{}");
            record[member] = value.clone();
            match fits {
                true => drop(assert_read(&record.to_string())),
                false => assert_unread(&record.to_string()),
            }
        }
    }
    for value in wrong.into_iter().filter(|value| !value.is_string()) {
        let mut unnamed = record("bad", "{}");
        unnamed["messageId"] = value.clone();
        let error = between_good(&unnamed.to_string());
        assert!(matches!(error, Err(PayloadError::NoId(1))), "{unnamed}");
        let mut homeless = record("bad", "{}");
        homeless["eventSourceARN"] = value;
        assert_unread(&homeless.to_string());
    }
    let mut other = record("bad", "{}");
    other["eventSourceARN"] = json!("arn:aws:sqs:eu-west-1:123456789012:invoices");
    assert!(matches!(
        between_good(&other.to_string()),
        Err(PayloadError::SeveralQueues(..))
    ));
    for record in ["null", "17", "[]", "\"m\"", "{}"] {
        assert!(
            matches!(between_good(record), Err(PayloadError::NoId(1))),
            "{record}"
        );
    }
}

#[test]
fn a_member_that_comes_twice_is_never_taken_for_one_of_the_two() {
    let twice = |member: &str| {
        let record = record("bad", "{}").to_string();
        format!(r#"{{"{member}":"x",{}"#, &record[1..])
    };
    assert_unread(&twice("body"));
    assert_unread(&twice("receiptHandle"));
    assert!(matches!(
        between_good(&twice("messageId")),
        Err(PayloadError::NoId(1))
    ));
    assert_read(&twice("unknown"));

    for body in [
        r#"{"specversion":"1.0","id":"1","id":"2","source":"s","type":"t"}"#,
        r#"{"id":"1","queue":"q","dispatch_date":1,"payload":1,"payload":2}"#,
        r#"{"detail":1,"detail":2}"#,
    ] {
        assert!(malformed(body).starts_with("ambiguous body"), "{body}");
    }
    // What no form reads may come twice, and counts twice.
    let (one, other) = (event(r#"{"a":1,"a":2}"#), event(r#"{"a":2}"#));
    assert_ne!(Digest::of(&one.event.data), Digest::of(&other.event.data));
}

#[test]
fn the_same_message_id_twice_is_two_records() {
    let records = [record("m-1", "[1]"), record("m-1", "[2]")];
    let batch = Batch::parse(&json!({ "Records": records }).to_string()).unwrap();
    let bodies: Vec<_> = batch
        .messages
        .iter()
        .map(|(at, m)| (*at, &*m.body))
        .collect();
    assert_eq!(bodies, [(0, "[1]"), (1, "[2]")]);
    assert_eq!(batch.ids[0], batch.ids[1]);
}

#[test]
fn a_payload_that_is_no_utf_8_is_no_json_to_the_runtime() {
    for bad in [
        &b"\xff"[..],
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"\xe2\x82",
    ] {
        let mut payload = json!({ "Records": [record("m-1", "{}")] })
            .to_string()
            .into_bytes();
        let at = payload.windows(2).position(|pair| pair == b"{}").unwrap();
        payload.splice(at..at, bad.iter().copied());
        assert!(
            serde_json::from_slice::<Box<RawValue>>(&payload).is_err(),
            "{bad:?}"
        );
    }
}

#[test]
fn half_a_surrogate_pair_makes_its_record_unread_and_harms_no_other() {
    let halved = |record: Value| record.to_string().replace("HALF", "\\ud800");
    assert_unread(&halved(record("bad", "HALF")));
    let mut receipt = record("bad", "{}");
    receipt["receiptHandle"] = json!("HALF");
    assert_unread(&halved(receipt));
    let mut attribute = record("bad", "{}");
    attribute["messageAttributes"]["a"] = json!({"dataType": "String", "stringValue": "HALF"});
    assert_unread(&halved(attribute));
    let nameless = halved(record("HALF", "{}"));
    assert!(matches!(
        between_good(&nameless),
        Err(PayloadError::NoId(1))
    ));

    // Inside a body it is a matter of the body's.
    let read = assert_read(&record("bad", r#"{"a":"\ud800"}"#).to_string());
    assert_eq!(event(&read.body).event.to_value()["data"]["a"], "\u{fffd}");
    let named = r#"{"specversion":"1.0","id":"\ud800","source":"s","type":"t"}"#;
    assert!(malformed(named).contains("`id`"));
}

#[test]
fn numbers_that_no_float_holds_are_malformed_where_data_has_them() {
    let digits = "9".repeat(400);
    for number in [
        "1e400",
        "-1e400",
        &digits,
        &format!("-{digits}"),
        &format!("{digits}.0"),
    ] {
        for body in [
            format!("[{number}]"),
            format!(r#"{{"detail-type":"t","source":"s","id":"i","detail":{number}}}"#),
            format!(r#"{{"id":"i","queue":"q","dispatch_date":1,"payload":[{number}]}}"#),
        ] {
            assert!(malformed(&body).starts_with("unreadable json"), "{body}");
        }
        // As an id and as a date it is text.
        let body = format!(r#"{{"id":7,"queue":"q","dispatch_date":{number},"payload":1}}"#);
        assert_eq!(event(&body).event.time, None);
    }
    let body = format!(r#"{{"id":{digits},"queue":"q","dispatch_date":1,"payload":1e300}}"#);
    let read = event(&body);
    assert_eq!(read.event.id, digits);
    assert_eq!(
        read.event.data,
        Data::Json("1e300".into()),
        "kept as it was written"
    );
    let small = event(&format!("[1e-400,0.{digits}]"));
    assert!(small.event.to_value()["data"].is_array());
}

#[test]
fn counts_and_times_of_sqs_that_are_none_are_as_good_as_absent() {
    let digits = "9".repeat(400);
    for text in [
        "",
        "-1",
        "1.5",
        "0x1",
        " 1",
        "1e3",
        digits.as_str(),
        "18446744073709551616",
    ] {
        let mut record = record("odd", "{}");
        record["attributes"] = json!({"ApproximateReceiveCount": text, "SentTimestamp": text});
        let message = assert_read(&record.to_string());
        assert_eq!((message.receive_count, message.sent), (1, None), "{text}");
    }
    let mut record = record("odd", "{}");
    record["attributes"] = json!({
        "ApproximateReceiveCount": u64::MAX.to_string(), "SentTimestamp": u64::MAX.to_string(),
    });
    let message = assert_read(&record.to_string());
    assert_eq!(message.receive_count, u32::MAX);
    assert_eq!(message.sent, Some(Timestamp::from_millis(u64::MAX)));
    let Ok(Envelope::Event(parsed)) = envelope::parse(&message) else {
        panic!("no event");
    };
    assert_eq!(parsed.event.time, None, "no year has more than four digits");
}

#[test]
fn attributes_are_taken_as_they_are_whatever_they_are_called() {
    let mut odd = record("odd", "{}");
    let names = [
        "", " ", "\u{0}", "a\nb", "\u{7f}", "é", "AWS.x", "a.b", "A", "a",
    ];
    for name in names {
        odd["messageAttributes"][name] = json!({"dataType": "", "stringValue": name});
    }
    let message = assert_read(&odd.to_string());
    assert_eq!(message.attributes.len(), names.len());
    assert!(
        names
            .iter()
            .all(|name| message.text_attribute(name) == Some(name))
    );

    let valid = [
        json!({"dataType": "Number", "stringValue": "no number"}),
        json!({"dataType": "Binary", "stringValue": "no bytes"}),
        json!({"dataType": "Binary", "binaryValue": ""}),
        json!({"dataType": "String", "stringValue": ""}),
        json!({"dataType": "String", "stringValue": "x", "binaryValue": "!"}),
        json!({"dataType": "x".repeat(100_000), "stringValue": "x", "more": [1]}),
    ];
    for attribute in valid {
        let mut record = record("odd", "{}");
        record["messageAttributes"]["a"] = attribute;
        assert_eq!(assert_read(&record.to_string()).attributes.len(), 1);
    }
    let wrong = [
        json!({"dataType": "Binary", "binaryValue": "!"}),
        json!({"dataType": "Binary", "binaryValue": "AA"}),
        json!({"dataType": "String"}),
        json!({"stringValue": "x"}),
        json!({"dataType": "String", "stringValue": 1}),
        json!({"dataType": null, "stringValue": "x"}),
        json!("x"),
        json!(["String", 17]),
        Value::Null,
    ];
    for attribute in wrong {
        let mut record = record("bad", "{}");
        record["messageAttributes"]["a"] = attribute;
        assert_unread(&record.to_string());
    }
}

#[test]
fn a_carried_key_is_a_key_or_the_message_has_none() {
    let with = |data_type: &str, value: AttributeValue| {
        let mut message = message("{}");
        let attribute = MessageAttribute {
            data_type: data_type.to_owned(),
            value,
        };
        message
            .attributes
            .insert(KEY_ATTRIBUTE.to_owned(), attribute);
        event_key(&message, Some(&event("{}")), None)
    };
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let most = "k".repeat(EVENT_KEY_MAX);
    for key in ["k", "a\u{0}b", "\u{1}", "é", "ce:s\u{0}1", most.as_str()] {
        assert_eq!(with("String", text(key)).unwrap().as_str(), key);
        assert_eq!(with("Number", text(key)).unwrap().as_str(), key);
        let bytes = AttributeValue::Bytes(key.as_bytes().to_vec());
        assert_eq!(with("Binary", bytes).unwrap().as_str(), key);
    }
    for key in [String::new(), format!("{most}k"), "k".repeat(256 * 1024)] {
        let missing = with("String", text(&key)).unwrap_err();
        assert!(missing.0.len() < 200, "{missing}");
        assert!(with("Binary", AttributeValue::Bytes(key.into_bytes())).is_err());
    }
    for bytes in [&b"\xff"[..], b"\xed\xa0\x80", b""] {
        assert!(
            with("Binary", AttributeValue::Bytes(bytes.to_vec())).is_err(),
            "{bytes:?}"
        );
    }
}

#[test]
fn a_key_expression_that_multiplies_the_event_is_refused() {
    for text in [
        ["[@,@]"; 20].join("|"),
        ["{a:@,b:@}"; 12].join("|"),
        ["join('',[@,@])"; 12].join("|"),
        "[a,a,a,a,a,a,a,a][].[b,b,b,b,b,b,b,b,b]".to_owned(),
        "map(&[@,@,@,@,@,@,@,@,@],[a,a,a,a,a,a,a,a])".to_owned(),
        "join(data.a, data.b)".to_owned(),
    ] {
        let fault = KeyExpression::compile(&text).expect_err(&text);
        assert!(
            fault.contains("repeats the event") || fault.contains("operators"),
            "{fault}"
        );
    }
    for text in [
        "data.id",
        "[source, data.a.b, data.c || data.d, 'orders']",
        "join('-', [data.a, to_string(data.b), type])",
        "data.items[?price > `3`].id | sort(@) | [0]",
        "map(&[a, b], data.items)",
        "sort_by(data.items, &{a: b, c: d}.a)[0].id",
    ] {
        KeyExpression::compile(text).unwrap();
    }
}

#[test]
fn a_routes_file_nested_without_end_is_refused() {
    let blocks: String = (0..300).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    for text in [
        open(DEEP),
        nested(DEEP),
        "{\"a\":".repeat(40_000),
        "{a: ".repeat(DEEP / 2),
        "- ".repeat(DEEP),
        "? ".repeat(DEEP),
        "a: ".repeat(DEEP / 2),
        "!!str ".repeat(40_000),
        "&a ".repeat(80_000),
        blocks,
        format!("routes: {}", nested(60_000)),
        format!("defaults: {{ retry: {} }}\nroutes: []", "- ".repeat(60_000)),
    ] {
        let said = refused(&text);
        assert!(!said.is_empty(), "{}", &text[..40]);
    }
}

#[test]
fn aliases_cannot_make_a_routes_file_grow() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for pair in "abcdefghijk".as_bytes().windows(2) {
        let (from, to) = (char::from(pair[0]), char::from(pair[1]));
        let aliases = vec![format!("*{from}"); 9].join(", ");
        bomb.push_str(&format!("{to}: &{to} [{aliases}]\n"));
    }
    refused(&bomb);
    let long = "x".repeat(120_000);
    let copies = "- *long\n".repeat(900);
    refused(&format!("routes: &long {long}\nkey:\n{copies}"));
    refused(&format!("routes: &{long} 1\nkey: *{long}\n"));
    let anchors: String = (0..20_000).map(|n| format!("- &a{n} x\n")).collect();
    refused(&anchors);
    refused("a: &a [*a]\n");
    refused(&"- *unknown\n".repeat(10_000));
}

#[test]
fn one_policy_may_be_an_alias_in_hundreds_of_routes() {
    let mut text = "defaults: { retry: &usual { steps: 7 } }\nroutes:\n".to_owned();
    for n in 0..500 {
        let target = "target: { http: { url: \"https://a.example/\" } }";
        text.push_str(&format!("- {{ name: r-{n}, retry: *usual, {target} }}\n"));
    }
    let file = RoutesFile::parse(&text, |_| None).unwrap();
    assert!(file.routes.iter().all(|route| route.retry.steps == 7));
    assert_eq!(file.routes.len(), 500);
}

#[test]
fn a_routes_file_of_mere_faults_is_refused_in_few_words() {
    let key = "k".repeat(1_000);
    let quoted = "k".repeat(100_000);
    for text in [
        "[1]".to_owned(),
        format!("routes:\n{}", "- 1\n".repeat(1_000)),
        format!(
            "routes:\n- {{ {} }}",
            (0..10_000)
                .map(|n| format!("a{n}: 1, "))
                .collect::<String>()
        ),
        format!("routes:\n- {key}: [{}]", "\"${\", ".repeat(20_000)),
        format!("routes:\n- {key}: [{}]", "\"${UNSET}\", ".repeat(10_000)),
        format!("? {quoted}\n: \"${{\"\nroutes: []\n"),
        format!("routes: [\"${{{}}}\"]", "N".repeat(200_000)),
        format!("? {quoted}\n: 1\n? {quoted}\n: 2\n"),
        format!("key: \"{}\"\nroutes: []", "[".repeat(200_000)),
        format!("consumer: {quoted}\nunrouted: {quoted}\nroutes: {quoted}"),
        format!("routes: [{{ filter: {{ type: [{{ {key}: 1 }}] }} }}]"),
    ] {
        let said = refused(&text);
        assert!(said.lines().count() <= 102, "{said}");
    }
    let many = refused(&format!("routes:\n{}", "- 1\n".repeat(1_000)));
    let last = many.lines().last().unwrap();
    assert!(
        last.ends_with("900 faults more; mend these first"),
        "{last}"
    );
}

#[test]
fn variables_cannot_make_a_routes_file_grow_without_bound() {
    let lookup = |name: &str| (name == "LONG").then(|| "l".repeat(4_096));
    let file = |list: &str| {
        format!(
            "routes:\n- name: a\n  filter: {{ type: [{list}] }}\n  \
             target: {{ http: {{ url: \"https://a.example/\" }} }}\n"
        )
    };
    let few = "\"${LONG}\",".repeat(100);
    assert!(RoutesFile::parse(&file(&few), lookup).is_ok());
    let many = "\"${LONG}\",".repeat(20_000);
    let said = RoutesFile::parse(&file(&many), lookup)
        .unwrap_err()
        .to_string();
    assert!(said.contains("longer than 1048576 bytes"), "{said}");
    // One text that is used again and again counts each time.
    let aliased = format!("&a \"{}\",{}", "${LONG}".repeat(100), "*a,".repeat(900));
    let said = RoutesFile::parse(&file(&aliased), lookup)
        .unwrap_err()
        .to_string();
    assert!(said.contains("longer than 1048576 bytes"), "{said}");
    // A comment is no value, but the version is named by it too.
    let comment = format!("# {}\n{}", "${LONG}".repeat(20_000), file("x"));
    let said = RoutesFile::parse(&comment, lookup).unwrap_err().to_string();
    assert!(said.contains("longer than 1048576 bytes"), "{said}");
}

/// Each `${` that is never closed, and each text without `$${`, was once searched for to the end
/// of the file.
#[test]
fn a_routes_file_of_mere_dollars_is_refused_at_once() {
    for one in ["${", "${a", "$", "$$", "$${", "${}", "${a ", "}${"] {
        let text = format!("routes: ['{}']", one.repeat(250_000 / one.len()));
        refused(&text);
    }
}
