use serde_json::json;

use super::*;
use crate::envelope::tests::message;
use crate::envelope::{self, Envelope};

fn key(language: Language, expression: &str) -> OldKey {
    let expression = KeyExpression::compile(expression).unwrap();
    OldKey::new(language, "orders".to_owned(), expression)
}

/// The key of a body that is JSON.
fn of(language: Language, expression: &str, body: &str) -> Result<String, String> {
    let message = message(body);
    let Ok(Envelope::Event(parsed)) = envelope::parse(&message) else {
        panic!("{body} is an event")
    };
    key(language, expression).of(&parsed.event, &message)
}

/// What Python 3.11 says: `json.dumps(value, sort_keys=True)`, and its MD5.
const PYTHON: [(&str, &str, &str); 19] = [
    (r#""o-1""#, r#""o-1""#, "cbcbdb948de16bfe7e49a81f91500ab1"),
    (r#""1""#, r#""1""#, "2f7bb230c70819aeb10b45a709bcf48f"),
    ("7", "7", "8f14e45fceea167a5a36dedd4bea2543"),
    ("-3", "-3", "b3149ecea4628efd23d2f86e5a723472"),
    (
        "18446744073709551615",
        "18446744073709551615",
        "7e7825a3d8588a756abd0ce2ed07e121",
    ),
    ("true", "true", "b326b5062b2f0e69046810717534cb09"),
    ("false", "false", "68934a3e9455fa72420237eb05902327"),
    ("0.1", "0.1", "cb5ae17636e975f9bf71ddf5bc542075"),
    ("9.99", "9.99", "9836d1e9cdc33053d9097b9b8117b2c5"),
    ("100.0", "100.0", "62dca49f0781bf26b4305bddb0414bea"),
    ("1e2", "100.0", "62dca49f0781bf26b4305bddb0414bea"),
    ("1e-4", "0.0001", "ac382d58b1125bb9aeaf1a83ebf5e9c6"),
    ("0.00001", "1e-05", "0e6c77caff4e0ac45fc1951e85bbff6a"),
    ("1.5e-7", "1.5e-07", "47c31e6069972e027788ec602a1b7a8a"),
    ("2.5e-10", "2.5e-10", "f36e6c52205f59a29823e80c62d53ccc"),
    ("-0.0", "-0.0", "e80c77464a0cfaf2c46a5574f6bc76b9"),
    (
        r#"{"b":1,"a":{"z":[true,"é"],"Z":2}}"#,
        r#"{"a": {"Z": 2, "z": [true, "\u00e9"]}, "b": 1}"#,
        "55b0f330e2325d60b50b3bca59c9c968",
    ),
    (
        r#""ключ \n \" \\ \u0001 \u007f / 😀""#,
        r#""\u043a\u043b\u044e\u0447 \n \" \\ \u0001 \u007f / \ud83d\ude00""#,
        "14813b1126188ed2f0e616d917e64a2d",
    ),
    (
        r#"{"😀":1,"\uFFFD":2,"~":3}"#,
        r#"{"~": 3, "\ufffd": 2, "\ud83d\ude00": 1}"#,
        "4d2a522febd348c7f3c5377f881b0804",
    ),
];

#[test]
fn a_value_is_hashed_as_python_hashes_it() {
    let key = key(Language::Python, "data");
    for (text, written, digest) in PYTHON {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(python(&value), written);
        assert_eq!(key.of_value(&value), Ok(format!("orders#{digest}")));
    }
}

#[test]
fn python_writes_large_numbers_with_an_exponent() {
    for (float, written) in [
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (1e15, "1000000000000000.0"),
    ] {
        assert_eq!(python(&json!(float)), written);
    }
}

#[test]
fn a_plain_value_is_hashed_as_typescript_hashes_it_and_no_other_is() {
    let key = key(Language::TypeScript, "data");
    // What its release 2.35.0 wrote.
    for (plain, digest) in [
        (json!("o-1"), "y8vblI3ha/5+SagfkVAKsQ=="),
        (json!("ключ 😀 \"x\" \u{2028}"), "EnAI8pZBVYAnxlBEBcel5A=="),
        (json!(7), "jxTkX87qFnpaNt7dS+olQw=="),
        (json!(-7), "dGh6EtORXTxNg/GvezaD1Q=="),
        (json!(true), "sya1BisvDmkEaBBxdTTLCQ=="),
    ] {
        let expected = format!("orders#{digest}");
        assert_eq!(key.of_value(&plain), Ok(expected), "{plain}");
    }
    for other in [
        json!(["a"]),
        json!({"a": 1}),
        json!(0.5),
        json!(9_007_199_254_740_992_u64),
    ] {
        let said = key.of_value(&other).unwrap_err();
        assert!(said.ends_with("name a text"), "{said}");
    }
}

#[test]
fn the_expression_sees_the_event_and_of_its_record_id_and_body() {
    let body = r#"{"order_id": "o-1", "user": 7}"#;
    let of = |expression| of(Language::Python, expression, body).unwrap();
    let python = |value: &Value| key(Language::Python, "data").of_value(value).unwrap();
    assert_eq!(of("messageId"), python(&json!("m-1")));
    assert_eq!(of("body"), python(&json!(body)));
    assert_eq!(of("data.order_id"), python(&json!("o-1")));
    assert_eq!(of("data.[user, order_id]"), python(&json!([7, "o-1"])));
    assert_eq!(of("data.[user, none]"), python(&json!([7, null])));
    // Nothing for keys of ours, and something for Powertools.
    let empty = r#"{"a": "", "b": []}"#;
    let found = self::of(Language::Python, "data.[a, b]", empty);
    assert_eq!(found, Ok(python(&json!(["", []]))));
}

#[test]
fn what_finds_nothing_is_no_key() {
    let body = r#"{"order_id": "", "lines": []}"#;
    for expression in [
        "data.none",
        "data.order_id",
        "data.lines",
        "data.[a, b]",
        "data.{a: a}",
    ] {
        let said = of(Language::Python, expression, body).unwrap_err();
        assert_eq!(said, format!("`{expression}` finds nothing in the event"));
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_000_000_500);

/// A row whose times are so many seconds, and milliseconds, from now.
fn row(status: &str, expiration: i64, in_progress: Option<i64>) -> OldRow {
    let add = |time: u64, more: i64| time.checked_add_signed(more);
    OldRow {
        status: status.to_owned(),
        expiration: add(NOW.as_millis() / 1000, expiration),
        in_progress_expiration: in_progress.and_then(|ms| add(NOW.as_millis(), ms)),
    }
}

#[test]
fn a_row_says_what_was_done_before() {
    let busy = |until| Before::Busy { until };
    let ms = |more: u64| NOW.after(std::time::Duration::from_millis(more));
    let end = |seconds: u64| Timestamp::from_secs(NOW.as_millis() / 1000 + seconds);
    let cases = [
        (row("COMPLETED", 3600, None), Before::Done),
        (row("COMPLETED", 3600, Some(-5)), Before::Done),
        (row("COMPLETED", 0, None), Before::Done),
        (row("COMPLETED", -1, None), Before::Nothing),
        (row("INPROGRESS", 3600, Some(5000)), busy(ms(5000))),
        (row("INPROGRESS", 3600, Some(0)), busy(NOW)),
        (row("INPROGRESS", 3600, Some(-1)), Before::Nothing),
        (row("INPROGRESS", 60, None), busy(end(60))),
        (row("INPROGRESS", -1, None), Before::Nothing),
        // Powertools itself would run it beside the one that is at it.
        (row("INPROGRESS", -1, Some(5000)), busy(ms(5000))),
    ];
    for (row, expected) in cases {
        assert_eq!(OldRow::judge(Some(&row), NOW), expected, "{row:?}");
    }
    assert_eq!(OldRow::judge(None, NOW), Before::Nothing);
}

#[test]
fn a_row_that_powertools_does_not_write_says_nothing() {
    let mut without = row("COMPLETED", 60, None);
    without.expiration = None;
    let rows = [
        without,
        row("", 60, None),
        row("EXPIRED", 60, None),
        row("completed", -60, None),
    ];
    for row in rows {
        let judged = OldRow::judge(Some(&row), NOW);
        assert!(matches!(judged, Before::Unknown(_)), "{row:?}: {judged:?}");
    }
}
