//! Properties of any body.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use waybill_core::digest::Digest;
use waybill_core::envelope::{self, Envelope, Parsed};
use waybill_core::event::{Data, Event};
use waybill_core::key::{self, KeyExpression};
use waybill_core::time::Timestamp;

use crate::support::{event, message, sns};

/// Any JSON value of moderate size, its names and texts from the whole of Unicode.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let members = vec((any::<String>(), inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A text that can name something: not empty, without U+0000.
fn name() -> impl Strategy<Value = String> {
    vec(
        any::<char>().prop_filter("joins parts", |c| *c != '\0'),
        1..20,
    )
    .prop_map(|letters| letters.into_iter().collect())
}

/// A time in RFC 3339.
fn time() -> impl Strategy<Value = String> {
    (1970..2100u32, 1..=12u32, 1..=28u32, 0..24u32, 0..1000u32)
        .prop_map(|(y, m, d, h, ms)| format!("{y:04}-{m:02}-{d:02}T{h:02}:30:15.{ms:03}+02:00"))
}

/// A moment that RFC 3339 can name.
fn moment() -> impl Strategy<Value = Timestamp> {
    (0..=253_402_300_799_999_u64).prop_map(Timestamp::from_millis)
}

/// What the plain form's date goes out as.
fn dated(date: &Value) -> Option<String> {
    let body = json!({"id": "1", "queue": "q", "dispatch_date": date, "payload": 1});
    let read = event(&body.to_string());
    assert_eq!(
        read.natural_key,
        ["plain:q", "1"],
        "the date decides nothing"
    );
    read.event.time
}

/// An object with the members that the forms look for, each with any value.
fn any_resemblance() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "data",
        "data_base64",
        "traceparent",
        "detail-type",
        "detail",
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Timestamp",
        "Message",
        "Records",
        "Service",
        "Event",
        "Bucket",
        "queue",
        "dispatch_date",
        "payload",
    ]);
    let texts = prop::sample::select(vec![
        "1.0",
        "Notification",
        "s3:TestEvent",
        "Amazon S3",
        "{}",
        "[",
        "{\"specversion\":\"1.0\"}",
        "application/json",
        "text/plain",
        "AA==",
        "",
        "2026-11-21 14:00:00.5+0000",
        "Sat, 21 Nov 2026 14:00:00 GMT",
        "1795269600",
    ]);
    let value = prop_oneof![texts.prop_map(Value::from), any_json()];
    vec((names, value), 0..25).prop_map(|members| {
        Value::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    })
}

/// The same JSON in another dress: members turned round, white space between tokens, every
/// second character of a string escaped.
fn dressed(value: &Value, space: &str) -> String {
    let text = |text: &str| {
        let mut dressed = String::from("\"");
        for (n, letter) in text.chars().enumerate() {
            if n % 2 == 0 || letter < ' ' || letter == '"' || letter == '\\' {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    dressed += &format!("\\u{unit:04X}");
                }
            } else {
                dressed.push(letter);
            }
        }
        dressed + "\""
    };
    match value {
        Value::String(string) => text(string),
        Value::Array(list) => {
            let list: Vec<_> = list.iter().map(|value| dressed(value, space)).collect();
            format!("[{space}{}{space}]", list.join(&format!("{space},")))
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .rev()
                .map(|(name, value)| {
                    format!("{}{space}:{space}{}", text(name), dressed(value, space))
                })
                .collect();
            format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The values in a value that hold no other.
fn leaves(value: &mut Value) -> Vec<&mut Value> {
    if [json!([]), json!({})].contains(value) {
        return vec![value];
    }
    match value {
        Value::Array(list) => list.iter_mut().flat_map(leaves).collect(),
        Value::Object(members) => members.values_mut().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![value],
    }
}

/// The digest of JSON text.
fn digest(text: String) -> Digest {
    Digest::of(&Data::Json(text.into()))
}

/// What must hold of whatever a body is read as.
fn check(body: &str) -> Result<(), TestCaseError> {
    let message = message(body);
    let read = envelope::parse(&message);
    prop_assert_eq!(&read, &envelope::parse(&message), "it is always read alike");
    let Ok(Envelope::Event(parsed)) = read else {
        return Ok(());
    };
    prop_assert!(parsed.natural_key.iter().any(|part| !part.is_empty()));
    prop_assert!(!parsed.event.id.is_empty());
    prop_assert!(!parsed.event.source.is_empty());
    prop_assert!(!parsed.event.kind.is_empty());
    if let Data::Json(text) = &parsed.event.data {
        prop_assert!(text == "null" || parsed.event.data.to_value() != Value::Null);
        prop_assert!(Digest::of(&parsed.event.data).0.starts_with("json-sha256:"));
    }
    let natural = key::event_key(&message, Some(&parsed), None);
    let natural = natural.map_err(|missing| TestCaseError::fail(missing.to_string()))?;
    prop_assert!((1..=256).contains(&natural.as_str().len()));
    for expression in ["data", "[id, data.id]", "data.*", "@"] {
        let expression = KeyExpression::compile(expression).expect("an expression");
        if let Ok(key) = key::event_key(&message, Some(&parsed), Some(&expression)) {
            prop_assert!(key.as_str().starts_with("key:") || key.as_str().starts_with("sha256:"));
            prop_assert!(key.as_str().len() <= 256);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(body in any::<String>()) {
        check(&body)?;
    }

    #[test]
    fn any_json_is_read_without_a_panic(body in any_json()) {
        check(&body.to_string())?;
    }

    #[test]
    fn whatever_resembles_a_form_is_read_without_a_panic(
        body in any_resemblance(),
        inner in any_resemblance(),
        layers in 0..6usize,
    ) {
        check(&body.to_string())?;
        check(&(0..layers).fold(inner.to_string(), |inner, _| sns("n", &inner)))?;
    }

    #[test]
    fn a_body_cut_or_bent_is_read_without_a_panic(
        body in prop::sample::select(vec![
            include_str!("../bodies/cloudevent.json"),
            include_str!("../bodies/eventbridge.json"),
            include_str!("../bodies/s3.json"),
            include_str!("../bodies/s3-test.json"),
            include_str!("../bodies/sns-eventbridge.json"),
            include_str!("../bodies/plain.json"),
        ]),
        at in any::<prop::sample::Index>(),
        put in prop::sample::select(vec!["", "\"", "\\", "{", "}", ",", "\u{0}", "é", "1e999"]),
        cut in 0..3usize,
    ) {
        let letters: Vec<char> = body.chars().collect();
        let at = at.index(letters.len());
        let (before, after) = letters.split_at(at);
        let after = after.get(cut..).unwrap_or_default();
        let bent = String::from_iter(before) + put + &String::from_iter(after);
        check(&bent)?;
        check(&String::from_iter(before))?;
    }

    #[test]
    fn a_printed_cloudevent_is_read_back(
        (id, source, kind) in (name(), name(), name()),
        (subject, traceparent) in (option::of(name()), option::of(name())),
        time in option::of(time()),
        data in prop_oneof![
            Just(Data::Absent),
            any_json().prop_map(|value| Data::Json(dressed(&value, "\n").into())),
            any::<String>().prop_map(|text| Data::Text(text.into())),
            vec(any::<u8>(), 0..50).prop_map(|bytes| Data::Bytes(bytes.into())),
        ],
    ) {
        use base64::Engine;
        let content_type = matches!(data, Data::Text(_)).then(|| "text/plain".to_owned());
        let (member, value) = match &data {
            Data::Json(text) => ("data", text.to_string()),
            Data::Text(text) => ("data", json!(text).to_string()),
            Data::Bytes(bytes) => {
                let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
                ("data_base64", json!(base64).to_string())
            }
            Data::Absent => ("data_base64", "null".to_owned()),
        };
        let head = json!({
            "specversion": "1.0", "id": id, "source": source, "type": kind, "subject": subject,
            "time": time, "traceparent": traceparent, "datacontenttype": content_type,
        });
        let head = head.to_string();
        let body = format!("{},\"{member}\": {value}}}", head.strip_suffix('}').unwrap());
        let natural_key = vec![format!("ce:{source}"), id.clone()];
        let expected = Event {
            id, source, kind, subject, time, content_type, traceparent, data, ..Event::default()
        };
        prop_assert_eq!(event(&body), Parsed { event: expected, natural_key });
    }

    #[test]
    fn a_printed_eventbridge_event_is_read_back(
        (id, source, kind) in (name(), name(), name()),
        time in option::of(time()),
        detail in any_json(),
        layers in 0..=3usize,
    ) {
        let detail = dressed(&detail, " ");
        let head = json!({"id": id, "source": source, "detail-type": kind, "time": time});
        let head = head.to_string();
        let body = format!("{},\"detail\":\t{detail}\r\n}}", head.strip_suffix('}').unwrap());
        let body = (0..layers).fold(body, |inner, _| sns("n", &inner));
        let natural_key = vec![format!("eb:{id}")];
        let data = Data::Json(detail.into());
        let expected = Event { id, source, kind, time, data, ..Event::default() };
        prop_assert_eq!(event(&body), Parsed { event: expected, natural_key });
    }

    #[test]
    fn a_printed_plain_message_is_read_back(
        (id, queue, time) in (name(), name(), moment()),
        payload in any_json(),
    ) {
        let time = time.to_rfc3339();
        let body = json!({"id": id, "queue": queue, "dispatch_date": time, "payload": payload});
        let natural_key = vec![format!("plain:{queue}"), id.clone()];
        let expected = Event {
            id,
            source: queue,
            kind: "waybill.message".to_owned(),
            time,
            data: Data::Json(payload.to_string().into()),
            ..Event::default()
        };
        prop_assert_eq!(event(&body.to_string()), Parsed { event: expected, natural_key });
    }

    #[test]
    fn one_moment_goes_out_alike_however_it_is_written(time in moment(), offset in 0..24u32) {
        let utc = time.to_rfc3339().unwrap();
        let bare = utc.trim_end_matches('Z');
        let space = bare.replace('T', " ");
        let mut ways = vec![
            json!(utc),
            json!(bare),
            json!(format!("{bare}+0000")),
            json!(format!("{space}+00:00")),
            json!(format!("{space} UTC")),
            json!(space),
        ];
        let ms = time.as_millis();
        if ms >= 100_000_000_000 {
            ways.extend([json!(ms), json!(ms.to_string())]);
        }
        let hours = Duration::from_secs(u64::from(offset) * 3600);
        if let Some(there) = time.after(hours).to_rfc3339() {
            let there = there.replace('Z', &format!("+{offset:02}:00"));
            ways.extend([json!(there), json!(there.replace('T', " "))]);
        }
        for way in ways {
            prop_assert_eq!(dated(&way), Some(utc.clone()), "{}", way);
        }
    }

    #[test]
    fn any_date_is_read_without_a_panic_and_goes_out_as_rfc_3339_in_utc(
        date in prop_oneof![
            any::<String>().prop_map(Value::from),
            any_json(),
            "[-0-9TZ:+., ]{0,40}".prop_map(Value::from),
            "[0-9+-]{1,5}-[0-9]{1,3}-[0-9]{1,3}[ T]?[0-9:.,]{0,20}[Z +-]{0,2}[0-9:]{0,6}"
                .prop_map(Value::from),
            "(Sat, )?[0-9]{1,3} (Nov|Feb) [0-9]{2,5} [0-9]{2}:[0-9]{2}(:[0-9]{2})? ?\\PC{0,8}"
                .prop_map(Value::from),
            "[0-9]{0,25}\\.?[0-9]{0,25}".prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
        ],
    ) {
        if let Some(out) = dated(&date) {
            prop_assert!(out.ends_with('Z') && out.len() >= 20, "{}", out);
            prop_assert_eq!(dated(&json!(out)), Some(out.clone()), "it stays");
        }
    }

    #[test]
    fn a_printed_notification_of_text_is_read_back(
        (id, topic, time) in (name(), name(), time()),
        subject in option::of(name()),
        text in "[^\\[{\"0-9tfn\\s-].{0,40}",
    ) {
        let body = json!({
            "Type": "Notification", "MessageId": id, "TopicArn": topic, "Subject": subject,
            "Timestamp": time, "Message": text,
        });
        let natural_key = vec![format!("sns:{id}")];
        let expected = Event {
            id,
            source: topic,
            kind: "com.amazonaws.sns".to_owned(),
            subject,
            time: Some(time),
            data: Data::Text(text.into()),
            ..Event::default()
        };
        prop_assert_eq!(event(&body.to_string()), Parsed { event: expected, natural_key });
    }

    #[test]
    fn a_printed_s3_notification_is_read_back(
        (region, bucket, event_name) in (name(), name(), name()),
        (object, time) in (name(), time()),
    ) {
        let written: String = object
            .bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                b'a'..=b'z' | b'/' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        let body = json!({"Records": [{
            "eventSource": "aws:s3", "awsRegion": region, "eventName": event_name,
            "eventTime": time,
            "s3": {"bucket": {"name": bucket}, "object": {"key": written}},
        }]});
        let read = event(&body.to_string()).event;
        prop_assert_eq!(read.source, format!("aws:s3.{region}.{bucket}"));
        prop_assert_eq!(read.kind, format!("com.amazonaws.s3.{event_name}"));
        prop_assert_eq!(read.subject, Some(object));
        prop_assert_eq!(read.time, Some(time));
        prop_assert_eq!(read.data, Data::Json(body.to_string().into()));
    }

    #[test]
    fn the_depth_of_sns_is_bounded(layers in 0..8usize, text in any::<String>()) {
        let body = (0..layers).fold(text, |inner, _| sns("n", &inner));
        let read = envelope::parse(&message(&body));
        prop_assert_eq!(read.is_ok(), layers <= 3);
    }

    #[test]
    fn a_digest_does_not_see_the_dress(value in any_json(), space in "[ \t\r\n]{0,3}") {
        let plain = digest(value.to_string());
        prop_assert!(plain.0.starts_with("json-sha256:"));
        prop_assert_eq!(digest(dressed(&value, &space)), plain);
    }

    #[test]
    fn a_digest_sees_the_smallest_difference(
        value in any_json(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut other = value.clone();
        let mut leaves = leaves(&mut other);
        let at = at.index(leaves.len());
        let leaf = leaves.swap_remove(at);
        *leaf = match leaf.take() {
            Value::Null => json!({}),
            Value::Bool(yes) => json!(!yes),
            Value::Number(number) => json!(number.to_string()),
            Value::String(text) => json!(text + "x"),
            Value::Array(_) => json!([[]]),
            Value::Object(_) => json!({"": {}}),
        };
        prop_assert_ne!(digest(value.to_string()), digest(dressed(&other, "")));
    }

    #[test]
    fn any_text_has_a_digest(text in any::<String>(), json in "[\\[\\]{}:,\"\\\\u0-9a-f ]{0,30}") {
        for text in [text, json] {
            let as_json = digest(text.clone());
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(as_json.0.starts_with("json-sha256:"), is_json);
            let as_text = Digest::of(&Data::Text(text.clone().into()));
            prop_assert_eq!(as_text, Digest::of(&Data::Bytes(text.into_bytes().into())));
        }
    }
}
