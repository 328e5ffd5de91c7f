//! The rules of reading, one by one; real bodies are in `tests/it/bodies.rs`.

use std::collections::BTreeMap;

use crate::event::Bytes;
use crate::id::{MessageId, ReceiptHandle};

use super::*;

/// A message with this body.
pub(crate) fn message(body: &str) -> Message {
    Message {
        message_id: MessageId::new("m-1").unwrap(),
        receipt_handle: ReceiptHandle("handle".to_owned()),
        body: body.into(),
        receive_count: 1,
        sent: None,
        group_id: None,
        trace_header: None,
        attributes: BTreeMap::new(),
        queue_arn: "arn:aws:sqs:eu-west-1:123456789012:q".to_owned(),
        moved_from: None,
    }
}

/// What a body is, or what is wrong with it.
fn read(body: &str) -> Result<Parsed, String> {
    match parse(&message(body)) {
        Ok(Envelope::Event(parsed)) => Ok(*parsed),
        Ok(Envelope::TestEvent) => panic!("a test event"),
        Err(Malformed(fault)) => Err(fault),
    }
}

/// That many SNS notifications around a text.
fn wrapped(times: usize, text: &str) -> String {
    (1..=times).fold(text.to_owned(), |inner, n| {
        let notification = serde_json::json!({
            "Type": "Notification",
            "MessageId": format!("n-{n}"),
            "TopicArn": "t",
            "Message": inner,
        });
        notification.to_string()
    })
}

const CLOUDEVENT: &str = r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#;

#[test]
fn a_cloudevent_that_breaks_its_claim_is_malformed_f79() {
    let table = [
        (
            r#"{"specversion":"2.0","id":"1","source":"s","type":"t"}"#,
            "`specversion` is not 1.x",
        ),
        (
            r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#,
            "`specversion` is not 1.x",
        ),
        (
            r#"{"specversion":"1","id":"1","source":"s","type":"t"}"#,
            "`specversion` is not 1.x",
        ),
        (
            r#"{"specversion":"10.0","id":"1","source":"s","type":"t"}"#,
            "`specversion` is not 1.x",
        ),
        (
            r#"{"specversion":"","id":"1","source":"s","type":"t"}"#,
            "`specversion` is not 1.x",
        ),
        (r#"{"specversion":"1.0","source":"s","type":"t"}"#, "`id`"),
        (
            r#"{"specversion":"1.0","id":"","source":"s","type":"t"}"#,
            "`id`",
        ),
        (
            r#"{"specversion":"1.0","id":7,"source":"s","type":"t"}"#,
            "`id`",
        ),
        (
            r#"{"specversion":"1.0","id":"\ud83d","source":"s","type":"t"}"#,
            "`id`",
        ),
        (
            r#"{"specversion":"1.0","id":"1\u0000","source":"s","type":"t"}"#,
            "`id`",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":null,"type":"t"}"#,
            "`source`",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":["t"]}"#,
            "`type`",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","subject":1}"#,
            "`subject`",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":""}"#,
            "both `data` and `data_base64`",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"a b"}"#,
            "`data_base64` is not base64",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":{}}"#,
            "`data_base64` is not base64",
        ),
    ];
    for (body, fault) in table {
        let read = read(body).expect_err(body);
        assert!(read.contains(fault), "{body}: {read}");
    }
}

#[test]
fn what_merely_resembles_a_form_is_other_json() {
    let table = [
        r#"{"specversion":1.0,"id":"1","source":"s","type":"t"}"#,
        r#"{"specversion":null,"id":"1","source":"s","type":"t"}"#,
        r#"{"id":"1","source":"s","detail-type":"t"}"#,
        r#"{"id":"1","source":"s","detail":{}}"#,
        r#"{"id":1,"source":"s","detail-type":"t","detail":{}}"#,
        r#"{"id":"","source":"s","detail-type":"t","detail":{}}"#,
        r#"{"Type":"Notification","MessageId":"n","Message":"x"}"#,
        r#"{"Type":"Notification","MessageId":"n","TopicArn":"t","Message":{"a":1}}"#,
        r#"{"Type":"SubscriptionConfirmation","MessageId":"n","TopicArn":"t","Message":"x"}"#,
        r#"{"Records":[]}"#,
        r#"{"Records":{"eventSource":"aws:s3"}}"#,
        r#"{"Records":[{"eventSource":"aws:s3","awsRegion":"r","eventName":"e"}]}"#,
        r#"{"Records":[{"eventSource":"aws:ses"}]}"#,
        r#"{"Event":"s3:TestEvent"}"#,
        r#"{"Event":"s3:TestEvent","Service":"Amazon S3"}"#,
        r#"{"id":"1","queue":"q","payload":{}}"#,
        r#"{"id":"1","dispatch_date":"d","payload":{}}"#,
        r#"{"id":"1","queue":"q","dispatch_date":"d"}"#,
        r#"[{"specversion":"1.0","id":"1","source":"s","type":"t"}]"#,
        r#""{\"specversion\":\"1.0\"}""#,
        "17",
        "null",
    ];
    for body in table {
        let parsed = read(body).expect(body);
        assert_eq!(parsed.natural_key, ["sqs:m-1"], "{body}");
        assert_eq!(parsed.event.kind, PLAIN_TYPE, "{body}");
        assert_eq!(parsed.event.data, Data::Json(body.into()));
    }
}

#[test]
fn what_is_no_json_is_text() {
    for body in [
        "",
        "hello",
        "{",
        "{\"a\":1",
        "{'a':1}",
        "nul",
        "[1,]",
        "\u{feff}{}",
        "<a/>",
    ] {
        let parsed = read(body).expect(body);
        assert_eq!(parsed.natural_key, ["sqs:m-1"], "{body}");
        assert_eq!(parsed.event.data, Data::Text(body.into()));
    }
}

#[test]
fn a_member_said_twice_is_malformed() {
    let table = [
        (
            r#"{"specversion":"1.0","id":"1","id":"2","source":"s","type":"t"}"#,
            "`id`",
        ),
        (
            r#"{"specversion":"1.0","specversion":"2.0"}"#,
            "`specversion`",
        ),
        (
            r#"{"id":"1","source":"s","detail-type":"t","detail":{},"detail":1}"#,
            "`detail`",
        ),
        (r#"{"data":1,"d\u0061ta":2}"#, "`data`"),
        (r#"{"payload":null,"payload":null}"#, "`payload`"),
    ];
    for (body, member) in table {
        let fault = read(body).expect_err(body);
        assert!(
            fault.contains(&format!("duplicate field {member}")),
            "{fault}"
        );
    }
    let parsed = read(r#"{"other":1,"other":2}"#).expect("what no form reads may come twice");
    assert_eq!(
        parsed.event.data,
        Data::Json(r#"{"other":1,"other":2}"#.into())
    );
}

#[test]
fn sns_is_unwrapped_three_times_and_no_more() {
    for times in 1..=SNS_DEPTH_MAX {
        let parsed = read(&wrapped(times, CLOUDEVENT)).expect("an event");
        assert_eq!(parsed.natural_key, ["ce:s", "1"]);
        let parsed = read(&wrapped(times, "just text")).expect("a notification");
        assert_eq!(parsed.natural_key, ["sns:n-1"], "the innermost counts");
        assert_eq!(parsed.event.data, Data::Text("just text".into()));
    }
    for times in [SNS_DEPTH_MAX + 1, SNS_DEPTH_MAX + 3] {
        let fault = read(&wrapped(times, CLOUDEVENT)).expect_err("too deep");
        assert_eq!(fault, "sns notifications are nested deeper than 3");
    }
}

#[test]
fn a_broken_claim_inside_sns_is_malformed() {
    let inner = r#"{"specversion":"9.0"}"#;
    assert!(read(&wrapped(1, inner)).is_err());
}

#[test]
fn deep_nesting_is_malformed_and_never_overflows() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let forms: [fn(&str) -> String; 5] = [
        |data| data.to_owned(),
        |data| format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{data}}}"#),
        |data| format!(r#"{{"id":"1","source":"s","detail-type":"t","detail":{data}}}"#),
        |data| format!(r#"{{"id":"1","queue":"q","dispatch_date":"d","payload":{data}}}"#),
        |data| wrapped(1, data),
    ];
    for form in forms {
        let parsed = read(&form(&nested(127))).expect("127 can be read");
        assert_ne!(parsed.event.data.to_value(), serde_json::Value::Null);
        for depth in [128, 129, 200_000] {
            let fault = read(&form(&nested(depth))).expect_err("too deep");
            assert!(
                fault.starts_with("unreadable json: recursion limit"),
                "{fault}"
            );
        }
    }
    let open = read(&"[".repeat(200_000)).expect("no json");
    assert!(matches!(open.event.data, Data::Text(_)));
}

#[test]
fn a_number_beyond_every_float_is_malformed() {
    let fault = read(r#"{"a":1e999}"#).expect_err("no reader holds it");
    assert!(
        fault.starts_with("unreadable json: number out of range"),
        "{fault}"
    );
}

#[test]
fn half_a_surrogate_pair_is_delivered_as_it_came() {
    let body = r#"{"text":"cut \ud83d"}"#;
    let parsed = read(body).expect("an event");
    assert_eq!(parsed.event.data, Data::Json(body.into()));
    let seen = serde_json::json!({"text": "cut \u{fffd}"});
    assert_eq!(parsed.event.data.to_value(), seen);
}

#[test]
fn data_of_a_cloudevent_is_read_by_its_content_type() {
    let data = |members: &str| {
        let body = format!(r#"{{"specversion":"1.1","id":"1","source":"s","type":"t"{members}}}"#);
        read(&body).expect("an event").event.data
    };
    let json = |text: &str| Data::Json(text.into());
    assert_eq!(data(""), Data::Absent);
    assert_eq!(data(r#","data_base64":null"#), Data::Absent);
    assert_eq!(data(r#","data":null"#), json("null"));
    assert_eq!(data(r#","data": {"a" : 1.0} "#), json(r#"{"a" : 1.0}"#));
    assert_eq!(data(r#","data":"x""#), json(r#""x""#));
    assert_eq!(
        data(r#","data":"x","datacontenttype":"Application/JSON; a=b""#),
        json(r#""x""#)
    );
    assert_eq!(
        data(r#","data":"x","datacontenttype":"a/b+json""#),
        json(r#""x""#)
    );
    let xml = data(r#","data":"<a/>\n","datacontenttype":"text/xml""#);
    assert_eq!(xml, Data::Text("<a/>\n".into()));
    assert_eq!(
        data(r#","data":{"a":1},"datacontenttype":"text/xml""#),
        json(r#"{"a":1}"#)
    );
    assert_eq!(
        data(r#","data_base64":"AP8=","data":null"#),
        Data::Bytes(vec![0, 255].into())
    );
    assert_eq!(data(r#","data_base64":"""#), Data::Bytes(Bytes::new()));
}

#[test]
fn bytes_of_a_cloudevent_that_are_called_json_and_are_json_are_json() {
    let data = |content_type: &str, base64: &str| {
        let body = format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"t",
            "datacontenttype":"{content_type}","data_base64":"{base64}"}}"#
        );
        read(&body).expect("an event").event.data
    };
    let json = Data::Json(r#"{"a": 1.0}"#.into());
    assert_eq!(data("application/json", "eyJhIjogMS4wfQ=="), json);
    assert_eq!(data("a/b+json; charset=utf-8", "eyJhIjogMS4wfQ=="), json);
    let bytes = Data::Bytes(Bytes::from_static(br#"{"a": 1.0}"#));
    assert_eq!(data("application/octet-stream", "eyJhIjogMS4wfQ=="), bytes);
    assert_eq!(
        data("application/json", "AP8="),
        Data::Bytes(vec![0, 255].into())
    );
    let text = Data::Bytes(Bytes::from_static(b"hello"));
    assert_eq!(data("application/json", "aGVsbG8="), text);
}

#[test]
fn a_date_that_cannot_be_read_harms_nothing_but_itself() {
    let time = |date: &str| {
        let body = format!(r#"{{"id":"1","queue":"q","dispatch_date":{date},"payload":{{}}}}"#);
        let parsed = read(&body).expect("an event");
        assert_eq!(parsed.natural_key, ["plain:q", "1"], "{date}");
        parsed.event.time
    };
    let read = Some("2026-11-21T14:00:00Z".to_owned());
    assert_eq!(time(r#""2026-11-21 15:00:00 +0100""#), read);
    assert_eq!(time("1795269600000"), read);
    for none in ["null", r#""yesterday""#, "{}", "1e300", "-1", r#""\ud83d""#] {
        assert_eq!(time(none), None, "{none}");
    }
}

#[test]
fn what_is_optional_may_be_empty() {
    let body =
        r#"{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"","time":"soon"}"#;
    let event = read(body).expect("an event").event;
    assert_eq!(event.subject, None);
    assert_eq!(event.time, None, "targets are promised RFC 3339");
}

#[test]
fn an_s3_key_is_decoded_as_far_as_it_can_be_f79() {
    let subject = |key: &str| {
        let body = format!(
            r#"{{"Records":[{{"eventSource":"aws:s3","awsRegion":"r","eventName":"e",
            "s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}"}}}}}},{{"eventSource":"x"}}]}}"#
        );
        let event = read(&body).expect("an event").event;
        assert_eq!(event.source, "aws:s3.r.b");
        event.subject.expect("a subject")
    };
    let table = [
        ("a/b.json", "a/b.json"),
        ("a+b%2Bc%20d", "a b+c d"),
        ("%E2%82%ac", "€"),
        ("%ff", "%ff"),
        ("100%", "100%"),
        ("1%2", "1%2"),
        ("a+%zz", "a+%zz"),
        ("a%2", "a%2"),
        ("\\u0061", "a"),
    ];
    for (key, expected) in table {
        assert_eq!(subject(key), expected, "{key}");
    }
}

#[test]
fn what_is_of_no_form_is_dated_and_placed_by_sqs() {
    let mut message = message(r#"{"a":1}"#);
    message.sent = Some(crate::time::Timestamp::from_millis(1_700_000_000_123));
    let Ok(Envelope::Event(parsed)) = parse(&message) else {
        panic!("no event");
    };
    let event = parsed.event;
    assert_eq!(event.time.as_deref(), Some("2023-11-14T22:13:20.123Z"));
    assert_eq!(event.source, message.queue_arn);
    assert_eq!(
        (event.kind.as_str(), event.id.as_str()),
        (PLAIN_TYPE, "m-1")
    );
}
