//! Reports are added up by name.

use super::*;

#[test]
fn reports_are_added_up_field_by_field() {
    let mut polled = Polled::default();
    for (received, seconds, stopped) in
        [(7, 1.5, "empty"), (3, 2.25, "empty"), (0, 0.25, "deadline")]
    {
        let report = json!({ "received": received, "seconds": seconds, "stopped": stopped });
        polled.add(&report).unwrap();
    }
    let expected = Polled {
        invocations: 3,
        counts: [("received".to_owned(), 10)].into(),
        seconds: 4.0,
        stopped: [("empty".to_owned(), 2), ("deadline".to_owned(), 1)].into(),
    };
    assert_eq!(polled, expected);
}

#[test]
fn what_is_no_report_is_refused() {
    let mut polled = Polled::default();
    for answer in [
        json!(null),
        json!({ "received": "7" }),
        json!({ "received": -1 }),
    ] {
        assert!(polled.add(&answer).is_err(), "{answer}");
    }
}
