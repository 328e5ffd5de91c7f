//! What others read.

use std::time::Duration;

use super::*;
use crate::account::Account;
use crate::demo::phase::Requests;

/// A report of a good run.
fn report() -> Report {
    let clean = Phase {
        account: Account {
            sent: 200,
            distinct: 200,
            delivered: 200,
            attempts: 200,
            ..Account::default()
        },
        requests: Some(Requests {
            dynamodb_per_message: 0.2,
            sqs_per_message: 0.0,
        }),
        took: Duration::from_millis(900),
    };
    let mixed = Phase {
        account: Account {
            sent: 1000,
            distinct: 900,
            delivered: 880,
            dead: [("malformed".to_owned(), 10), ("rejected".to_owned(), 10)].into(),
            attempts: 1000,
            ..Account::default()
        },
        requests: None,
        took: Duration::from_millis(12_345),
    };
    Report { clean, mixed }
}

#[test]
fn the_json_is_the_contracts() {
    let expected = concat!(
        r#"{"modes":[{"mode":"trigger","sent":1000,"distinct":900,"delivered":880,"#,
        r#""delivered_twice":0,"lost":0,"dead":{"malformed":10,"rejected":10},"#,
        r#""attempts":1000,"seconds":12.345,"clean":{"dynamodb_requests_per_message":0.2,"#,
        r#""sqs_requests_per_message":0.0}}]}"#,
    );
    assert_eq!(json(&report()), expected);
}

#[test]
fn the_table_names_each_reason() {
    let text = table(&report());
    for line in ["malformed", "rejected", "not counted", "0.20", "12.3"] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(!text.contains("still in the queue"));
}

#[test]
fn a_broken_clean_path_breaks_the_whole() {
    let mut report = report();
    report.clean.account.lost = 1;
    assert_eq!(report.verdict(), Verdict::Broken);
    assert!(table(&report).contains("A promise was broken"));
}
