use super::*;
use crate::top::sample;

/// The word in each column of a line, beside the column's name.
fn words_of(line: &str) -> Vec<(&'static str, String)> {
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    assert_eq!(words.len(), COLUMNS.len(), "{line}");
    COLUMNS.iter().map(|(name, _)| *name).zip(words).collect()
}

#[test]
fn a_line_has_a_word_in_each_column() {
    let told = words_of(&line(&sample::snapshot()));
    let expected = [
        ("TIME", "2023-11-14T22:13:20Z"),
        ("WAITING", "1234"),
        ("IN_FLIGHT", "120"),
        ("DELAYED", "7"),
        ("DLQ", "3"),
        ("RECEIVED/S", "25.0"),
        ("DELIVERED/S", "23.8"),
        ("FAILED", "3"),
        ("DUPLICATES", "12"),
        ("RETRIED", "40"),
        ("DEFERRED", "25"),
        ("DEAD", "4"),
        ("P50_MS", "500"),
        ("P99_MS", "989"),
        ("BREAKERS_OPEN", "1"),
        ("TROUBLE", "0"),
    ];
    assert_eq!(told, expected.map(|(name, word)| (name, word.to_owned())));
}

#[test]
fn what_is_not_known_is_a_dash_and_no_zero() {
    let told = words_of(&line(&sample::denied()));
    let dashes = told
        .iter()
        .filter(|(_, word)| word == "-")
        .map(|(name, _)| *name);
    let expected = [
        "RECEIVED/S",
        "DELIVERED/S",
        "FAILED",
        "DUPLICATES",
        "RETRIED",
        "DEFERRED",
        "DEAD",
        "P50_MS",
        "P99_MS",
    ];
    assert_eq!(dashes.collect::<Vec<_>>(), expected);
    assert_eq!(told.last().unwrap().1, "1", "trouble");
    let told = json(&sample::denied());
    assert_eq!(
        (&told["window"], &told["dead_letters"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        told["trouble"][0]
            .as_str()
            .unwrap()
            .contains("logs:FilterLogEvents")
    );
}

#[test]
fn headers_stand_over_their_columns() {
    for snapshot in [sample::snapshot(), sample::denied()] {
        let ends = |text: &str| {
            let ends = text.char_indices().filter(|(at, c)| {
                let next = text[at + c.len_utf8()..].chars().next();
                *c != ' ' && next.is_none_or(|next| next == ' ')
            });
            ends.map(|(at, _)| at).skip(1).collect::<Vec<_>>()
        };
        assert_eq!(ends(&header()), ends(&line(&snapshot)));
    }
}

#[test]
fn scripts_are_told_all_that_is_shown() {
    let told = json(&sample::snapshot());
    assert_eq!(
        told["source"],
        json!({ "visible": 1234, "in_flight": 120, "delayed": 7 })
    );
    assert_eq!(told["dlq"]["visible"], 3);
    let window = &told["window"];
    assert_eq!(window["seconds"], 60);
    assert_eq!(window["counts"]["received"], 1500);
    assert_eq!(
        window["deferred"],
        json!({ "breaker_open": 20, "not_due": 5 })
    );
    assert_eq!(window["dead"], json!({ "rejected": 4 }));
    assert_eq!(window["per_second"]["delivered"], 23.833);
    assert_eq!(window["end_to_end_ms"]["count"], 100);
    assert_eq!(window["age_at_receipt_ms"], Value::Null);
    let crm = &told["routes"][1];
    assert_eq!(crm["route"], "crm");
    assert_eq!(
        (&crm["delivered"], &crm["transient"]),
        (&json!(1230), &json!(41))
    );
    assert_eq!(
        (&crm["breaker"], &crm["open_since"]),
        (&json!("open"), &json!("2023-11-14T22:11:45Z"))
    );
    let letter = &told["dead_letters"][1];
    assert_eq!(
        (&letter["reason"], &letter["age_seconds"]),
        (&json!("attempts_spent"), &json!(3700))
    );
    assert_eq!(
        letter["routes"][1],
        json!({ "route": "audit", "code": "timeout" })
    );
    assert_eq!(told["log_groups"], json!(["/aws/lambda/orders"]));
}
