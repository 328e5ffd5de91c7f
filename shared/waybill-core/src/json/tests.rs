//! Facts about looking at JSON: serde_json says what is JSON, and what a string holds.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::*;

/// JSON, nearly JSON, and what is neither, of pieces that meet in surprising ways.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"a\"",
        "\"b\":",
        "\"\\u0061\":",
        "\"a!\":",
        "\"\":",
        "0",
        "-",
        "1",
        ".",
        "e",
        "E+",
        "12",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\\n",
        "\\/",
        "\\u",
        "d83d",
        "\\ud83d",
        "\\ude00",
        "00e9",
        "é",
        "😀",
        "\u{1f}",
        "\\u001F",
        "x",
        "[]",
        "{}",
        "[1,2]",
        "{\"b\":1,\"a\":{}}",
        "\"some longer text of many letters\"",
        "1e400",
        "+1",
        "'",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

/// JSON of every kind, as text.
pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let string = || {
        let pieces = [
            "a",
            "b",
            "!",
            " ",
            "é",
            "😀",
            "\\n",
            "\\u0061",
            "\\\"",
            "\\\\",
            "\\/",
            "\\ud83d",
            "\\ud83d\\ude00",
            "\\u00e9",
            "\\u001f",
            "longer than eight",
        ];
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..4)
            .prop_map(|pieces| format!("\"{}\"", pieces.concat()))
    };
    let scalars = [
        "0",
        "-1.50E+3",
        "17",
        "true",
        "false",
        "null",
        "1e400",
        "12345678901234567890123",
    ];
    let leaf = prop_oneof![
        proptest::sample::select(scalars.to_vec()).prop_map(str::to_owned),
        string()
    ];
    let space = || proptest::sample::select(vec!["", " ", "\n\t", "\r "]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let member = (string(), space(), inner.clone())
            .prop_map(|(name, space, value)| format!("{name}{space}:{space}{value}"));
        let join = |items: Vec<String>, space: &str| items.join(&format!("{space},{space}"));
        prop_oneof![
            (proptest::collection::vec(inner, 0..6), space())
                .prop_map(move |(items, space)| format!("[{space}{}{space}]", join(items, space))),
            (proptest::collection::vec(member, 0..6), space()).prop_map(
                move |(items, space)| format!("{{{space}{}{space}}}", join(items, space))
            ),
        ]
    })
}

/// Whether serde_json takes it for JSON.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[test]
fn json_is_what_serde_json_takes_for_json() {
    let table = [
        "",
        " ",
        "0",
        "00",
        "01",
        "-",
        "-0",
        "1.",
        "1.0",
        ".1",
        "1e",
        "1e+",
        "1E-7",
        "+1",
        "tru",
        "true",
        "truex",
        "[",
        "[]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{",
        "{}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "{\"a\" : 1 }",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\ud83d\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "1 2",
        "[]]",
        "\u{feff}1",
        "[1}",
        "{\"a\":1]",
    ];
    for text in table {
        assert_eq!(Outline::of(text).is_some(), is_json(text), "{text}");
    }
}

#[test]
fn what_stands_for_itself_ends_at_the_first_byte_that_does_not() {
    for before in 0..20 {
        for special in ["\"", "\\", "\u{0}", "\u{1f}", "\n"] {
            let text = format!("{}{special}{special}é", "é\u{7f} ".repeat(before));
            assert_eq!(plain(text.as_bytes()), before * 4, "{text:?}");
        }
        let text = "x!#[]".repeat(before);
        assert_eq!(plain(text.as_bytes()), text.len());
    }
}

#[test]
fn nesting_is_looked_at_as_deep_as_it_may_be() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Outline::of(&nested(127)).unwrap().is_plain());
    assert!(!Outline::of(&nested(128)).unwrap().is_plain());
    assert!(Outline::of(&nested(129)).is_none() && Outline::of(&"[".repeat(200_000)).is_none());
}

proptest! {
    #[test]
    fn any_text_is_json_where_serde_json_says_so(text in prop_oneof![any_text(), any_json(), any::<String>()]) {
        prop_assert_eq!(Outline::of(&text).is_some(), is_json(&text));
    }

    #[test]
    fn what_is_plain_can_be_held(text in any_json()) {
        let outline = Outline::of(&text).unwrap();
        if outline.is_plain() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
        prop_assert_eq!(outline.group(0).map(|group| group.next), (!outline.groups.is_empty()).then_some(outline.groups.len()));
    }

    #[test]
    fn the_content_of_a_string_is_what_serde_json_reads(text in any::<String>(), json in any_json()) {
        prop_assert_eq!(content(&serde_json::to_string(&text).unwrap()), Some(text));
        prop_assert_eq!(content(&json), serde_json::from_str::<String>(&json).ok());
    }
}
