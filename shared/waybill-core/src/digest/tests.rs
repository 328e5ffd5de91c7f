//! Facts about digests, and about the canonical text below them.

use crate::event::Bytes;

use super::*;

/// Every way to write a value is one text.
#[test]
fn json_is_rewritten_without_what_does_not_matter() {
    let table = [
        ("{}", "{}"),
        (" [ ] ", "[]"),
        (
            r#"{"b":1 , "a" : [ 1 , {"d":null,"c":true} ]}"#,
            r#"{"a":[1,{"c":true,"d":null}],"b":1}"#,
        ),
        (r#""\u0041\/\u00e9\ud83d\ude00""#, r#""A/é😀""#),
        (r#""\"\\\n\u001F\b""#, r#""\"\\\u000a\u001f\u0008""#),
        (r#"{"\u0061":1}"#, r#"{"a":1}"#),
        ("\t-1.50E+3\n", "-1.50E+3"),
        (r#"{"a":{},"A":[]}"#, r#"{"A":[],"a":{}}"#),
        ("[1,\"x\" ,false]", r#"[1,"x",false]"#),
    ];
    for (text, expected) in table {
        assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        assert_eq!(
            canonical(expected).as_deref(),
            Some(expected),
            "{text} again"
        );
    }
}

#[test]
fn what_is_no_json_has_no_canonical_text() {
    for text in [
        "",
        "{",
        "nul",
        "{\"a\":}",
        "[1,]",
        "{\"a\" 1}",
        "\"\\x\"",
        "1 2",
        "'a'",
    ] {
        assert_eq!(canonical(text), None, "{text}");
    }
}

#[test]
fn half_a_surrogate_pair_is_kept_apart_and_can_be_repaired() {
    let table = [
        (r#""\uD83D""#, r#""\ud83d""#, "\"\u{fffd}\""),
        (r#""\ude00x""#, r#""\ude00x""#, "\"\u{fffd}x\""),
        (r#""\ud83d\ud83d\ude00""#, r#""\ud83d😀""#, "\"\u{fffd}😀\""),
        (r#""\ud83d\u0041""#, r#""\ud83dA""#, "\"\u{fffd}A\""),
        (r#""\\ud83d""#, r#""\\ud83d""#, r#""\\ud83d""#),
    ];
    for (text, kept, replaced) in table {
        assert_eq!(canonical(text).as_deref(), Some(kept), "{text}");
        assert_eq!(repaired(text).as_deref(), Some(replaced), "{text}");
    }
}

#[test]
fn nesting_without_end_has_no_canonical_text() {
    for depth in [1, 127, 128] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical(&text), Some(text));
    }
    for depth in [129, 100_000] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical(&text), None);
    }
}

#[test]
fn data_that_differs_has_another_digest_f47() {
    let json = |text: &str| Digest::of(&Data::Json(text.into()));
    let pairs = [
        ("1", "1.0"),
        ("12345678901234567890123", "12345678901234567890124"),
        ("[1,2]", "[2,1]"),
        ("\"1\"", "1"),
        ("null", "{}"),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
        (r#""\ud83d""#, r#""\ud83c""#),
        (r#"{"a":"1,\"b\":2"}"#, r#"{"a":"1","b":2}"#),
    ];
    for (one, other) in pairs {
        assert_ne!(json(one), json(other), "{one} and {other}");
    }
    assert_ne!(json("1"), Digest::of(&Data::Text("1".into())));
}

/// Ledgers hold these: a change here is a conflict for every event in flight.
#[test]
fn digests_are_what_they_were() {
    let digest = |data| Digest::of(&data).0;
    let json = Data::Json(r#"{"b": [1.0, "é"], "a": null}"#.into());
    assert_eq!(
        digest(json),
        "json-sha256:qWFCPNrnVGZo9rIOohB9W0m2K45WoTpTKYuzCq1LXuE"
    );
    let text = Data::Text("hello".into());
    assert_eq!(
        digest(text),
        "raw-sha256:LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"
    );
    let empty = "raw-sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    assert_eq!(digest(Data::Absent), empty);
    assert_eq!(digest(Data::Bytes(Bytes::new())), empty);
    assert!(digest(Data::Json("{".into())).starts_with("raw-sha256:"));
}
