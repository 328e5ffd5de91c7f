//! Facts about operations that are run once.

use proptest::prelude::*;
use serde_json::json;

use crate::id::{LedgerKey, OwnerId};
use crate::ledger::{Ask, DeadLetter, RouteState, Row, Status, TakeOver, Verdict, judge};
use crate::limit::EVENT_KEY_MAX;
use crate::outcome::DeadReason;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn operation(name: &str) -> Operation {
    Operation::new(name).expect("a name")
}

fn expression(text: &str) -> KeyExpression {
    KeyExpression::compile(text).expect("an expression")
}

/// The key of a payload, or why it has none.
fn key(payload: &Value, text: &str) -> Result<String, KeyFault> {
    operation_key(&operation("book"), &expression(text), payload).map(|key| key.as_str().to_owned())
}

fn call() -> MessageId {
    MessageId::new("book:1").expect("an id")
}

/// What a call asks.
fn ask(owner: u128) -> Ask {
    Ask {
        key: LedgerKey::from_stored("c#op:book"),
        owner: OwnerId(owner),
        digest: Digest("d".to_owned()),
        message_id: call(),
        sent: None,
        lease_until: NOW.after(Duration::from_secs(60)),
        expires_at: 100_000,
        redrive_limit: 0,
        dead_letter: DeadLetter::Redrive,
    }
}

/// A row that was just claimed.
fn claimed() -> Record {
    ask(1).first("", &[operation("book").route().clone()])
}

fn budget(whole_ms: u64) -> Budget {
    Budget {
        started: NOW,
        deadline: NOW.after(Duration::from_millis(whole_ms)),
    }
}

/// Ledgers hold these: a change here makes every call a new one.
#[test]
fn operation_keys_are_what_they_were() {
    let payload = json!({"n": 7, "s": "x", "o": {"b": [true, null], "a": 1.5}, "nul": "a\u{0}b"});
    let table = [
        ("n", "op:book\u{0}7"),
        ("s", "op:book\u{0}\"x\""),
        ("o", "op:book\u{0}{\"a\":1.5,\"b\":[true,null]}"),
        ("[s, n]", "op:book\u{0}[\"x\",7]"),
        ("nul", "op:book\u{0}\"a\\u0000b\""),
    ];
    for (text, expected) in table {
        assert_eq!(key(&payload, text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn nothing_is_no_key_and_zero_and_false_are_g8() {
    let payload = json!({
        "null": null, "text": "", "list": [], "object": {}, "nulls": [null, null],
        "deep": [null, "", [], {"a": null}], "zero": 0, "float": 0.0, "no": false,
        "zeros": [0], "noes": [false],
    });
    let missing = [
        "absent",
        "null",
        "text",
        "list",
        "object",
        "nulls",
        "deep",
        "[absent, null]",
        "{a: absent, b: text}",
    ];
    for text in missing {
        let why = format!("key `{text}` is not in the payload");
        assert_eq!(key(&payload, text), Err(KeyFault::Missing(why)), "{text}");
    }
    for text in ["zero", "float", "no", "zeros", "noes"] {
        assert!(key(&payload, text).is_ok(), "{text}");
    }
}

#[test]
fn a_key_of_which_a_part_is_there_is_a_key_g8() {
    let payload = json!({"tenant": "t", "id": null, "zero": 0});
    let found = key(&payload, "[tenant, id]");
    assert_eq!(found.as_deref(), Ok("op:book\u{0}[\"t\",null]"));
    let found = key(&payload, "{a: id, b: zero}");
    assert_eq!(found.as_deref(), Ok("op:book\u{0}{\"a\":null,\"b\":0}"));
}

#[test]
fn the_operation_is_part_of_every_key_g9() {
    let payload = json!({"id": "o-1", "long": "x".repeat(10_000)});
    for text in ["id", "long", "@"] {
        let one = operation_key(&operation("book"), &expression(text), &payload);
        let other = operation_key(&operation("bill"), &expression(text), &payload);
        assert_ne!(one, other, "{text}");
    }
}

#[test]
fn no_name_and_key_are_together_another_name_and_key_g9() {
    let payload = json!({"a": "b-c", "b": "c"});
    let one = operation_key(&operation("x"), &expression("a"), &payload);
    let other = operation_key(&operation("x-b"), &expression("b"), &payload);
    assert_ne!(one, other);
    for name in ["", "A", "a#b", "a\u{0}b", "a_b"] {
        assert_eq!(Operation::new(name), None, "{name:?}");
    }
}

#[test]
fn different_values_are_different_keys() {
    let values = [
        json!(1),
        json!("1"),
        json!([1]),
        json!(["1"]),
        json!(true),
        json!("true"),
        json!({"a": 1}),
        json!({"a": "1"}),
        json!([null, "a"]),
        json!(["", "a"]),
        json!("[1]"),
    ];
    let keys: std::collections::BTreeSet<_> = values.iter().map(|v| key(v, "@").unwrap()).collect();
    assert_eq!(keys.len(), values.len());
}

#[test]
fn members_are_in_the_order_of_their_bytes_g18() {
    let one: Value = serde_json::from_str(r#"{"A":1,"a":2,"Ä":3,"b":4}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{"b":4,"Ä":3,"a":2,"A":1}"#).unwrap();
    let found = key(&one, "@").unwrap();
    assert_eq!(found, "op:book\u{0}{\"A\":1,\"a\":2,\"b\":4,\"Ä\":3}");
    assert_eq!(key(&other, "@").unwrap(), found);
    let swapped: Value = serde_json::from_str(r#"{"A":2,"a":1,"Ä":3,"b":4}"#).unwrap();
    assert_ne!(key(&swapped, "@").unwrap(), found);
}

#[test]
fn a_number_that_cannot_be_told_exactly_is_no_key_and_never_unguarded() {
    let long = r#"{"id":123456789012345678901234567890,"in":{"l":[123456789012345678901]}}"#;
    let payload: Value = serde_json::from_str(long).unwrap();
    for text in ["id", "in", "[in.l]", "{a: id}"] {
        let why = format!("key `{text}` cannot be written exactly");
        assert_eq!(key(&payload, text), Err(KeyFault::Unusable(why)), "{text}");
    }
    let fault = key(&payload, "abs(absent)");
    assert!(matches!(fault, Err(KeyFault::Unusable(_))), "{fault:?}");
}

#[test]
fn a_long_key_is_hashed_with_its_operation() {
    let found = key(&json!({"id": "x".repeat(300)}), "id").unwrap();
    assert!(found.starts_with("sha256:") && found.len() <= EVENT_KEY_MAX);
}

#[test]
fn a_part_is_told_apart_by_its_value_alone_g27() {
    let digest = |payload: &str| {
        let payload: Value = serde_json::from_str(payload).unwrap();
        part_digest(&expression("amount"), &payload)
    };
    let same = [
        r#"{"amount":{"value":5,"unit":"EUR"},"at":1}"#,
        r#"{ "at": 2, "amount": {"unit": "EUR", "value": 5} }"#,
    ];
    assert_eq!(digest(same[0]), digest(same[1]));
    let others = [
        r#"{"amount":{"value":6,"unit":"EUR"}}"#,
        r#"{"amount":null}"#,
        r#"{"amount":"5"}"#,
    ];
    for other in others {
        assert_ne!(digest(other), digest(same[0]), "{other}");
    }
    assert_eq!(digest(r#"{"amount":null}"#), digest("{}"), "not there");
    assert!(digest(r#"{"amount":123456789012345678901}"#).is_err());
}

#[test]
fn no_result_can_undo_what_is_done_g12() {
    let store = Results::Store { most: 4 };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(store.keep(|| text("null")), (text("null"), Kept::Stored));
    let long = store.keep(|| text("12345"));
    assert_eq!(long, (None, Kept::TooLarge { bytes: 5 }));
    assert_eq!(store.keep(|| None), (None, Kept::Unserialisable));
    let forget = Results::Forget.keep(|| unreachable!("nobody asks for it"));
    assert_eq!(forget, (None, Kept::Forgotten));
    let most = Results::Store { most: usize::MAX };
    let longest = "r".repeat(RESULT_MAX);
    assert_eq!(most.keep(|| text(&longest)).1, Kept::Stored);
    let bytes = RESULT_MAX + 1;
    let longer = "r".repeat(bytes);
    assert_eq!(most.keep(|| text(&longer)).1, Kept::TooLarge { bytes });
}

#[test]
fn without_the_least_time_nothing_begins_g6() {
    let terms = Terms {
        least: Duration::from_secs(5),
        ..Terms::default()
    };
    let start = |whole_ms| terms.start(budget(whole_ms), NOW);
    for whole_ms in [0, 1, 5_000, 5_554] {
        assert_eq!(start(whole_ms), Start::TooLate, "{whole_ms}");
    }
    let limit = Duration::from_millis(5_400);
    assert_eq!(start(6_000), Start::Now { limit });
    let over = Budget {
        started: NOW,
        deadline: NOW.before(Duration::from_secs(1)),
    };
    let any = Terms {
        least: Duration::ZERO,
        ..terms
    };
    for gone in [over, budget(0), budget(300)] {
        assert_eq!(any.start(gone, NOW), Start::TooLate, "{gone:?}");
    }
}

#[test]
fn a_lease_lasts_as_long_as_the_call_may_or_as_it_is_told() {
    let whole = Terms::default();
    let end = NOW.after(Duration::from_secs(62));
    assert_eq!(whole.lease_until(budget(60_000), NOW), end);
    assert_eq!(whole.renewals(budget(60_000)), None);
    let short = |secs| Terms {
        lease: Some(Duration::from_secs(secs)),
        ..whole
    };
    let ten = NOW.after(Duration::from_secs(10));
    assert_eq!(short(10).lease_until(budget(60_000), NOW), ten);
    assert_eq!(short(3_600).lease_until(budget(60_000), NOW), end);
    let least = NOW.after(Duration::from_secs(2));
    assert_eq!(short(0).lease_until(budget(60_000), NOW), least);
    let renewals = short(10).renewals(budget(60_000)).expect("renewed");
    assert_eq!(renewals.until, end);
}

#[test]
fn no_row_expires_before_its_lease_g4() {
    let short = Terms {
        time_to_live: Duration::from_secs(1),
        ..Terms::default()
    };
    let lease_until = NOW.after(Duration::from_secs(900));
    let expires_at = Timestamp::from_secs(short.expires_at(lease_until, NOW));
    assert!(expires_at > lease_until.after(LEASE_SKEW));
    let month = Terms::default().expires_at(lease_until, NOW);
    assert_eq!(month, 1_000 + 25 * 24 * 60 * 60);
}

#[test]
fn nobody_waits_so_long_that_the_least_time_is_gone() {
    let wait = |secs| Terms {
        wait: Duration::from_secs(secs),
        ..Terms::default()
    };
    assert_eq!(wait(0).wait_until(budget(60_000)), NOW);
    assert_eq!(
        wait(5).wait_until(budget(60_000)),
        NOW.after(Duration::from_secs(5))
    );
    let all = budget(60_000).work_until().before(Duration::from_secs(1));
    assert_eq!(wait(90).wait_until(budget(60_000)), all);
}

#[test]
fn what_is_done_is_completed_with_its_result() {
    let result = Some("0".to_owned());
    let end = End::Done {
        result: result.clone(),
    };
    let row = ended(claimed(), &operation("book"), &call(), &end, NOW);
    assert_eq!((row.status, &row.result), (Status::Completed, &result));
    assert_eq!(row.routes[0].state, RouteState::Delivered);
    let verdict = judge(&Row::Known(Box::new(row)), &ask(2), NOW);
    assert_eq!(verdict, Verdict::Completed);
}

#[test]
fn what_failed_is_due_at_once_or_when_it_says_and_as_often_as_it_is_called() {
    let mut row = claimed();
    for n in 1..=100 {
        let end = End::Failed(Attempt::unknown("timeout", "no answer"));
        row = ended(row, &operation("book"), &call(), &end, NOW);
        assert_eq!((row.status, row.due), (Status::Pending, Some(NOW)));
        assert_eq!(row.routes[0].attempts, n);
        let retry = Verdict::TakeOver(TakeOver::Retry);
        assert_eq!(
            judge(&Row::Known(Box::new(row.clone())), &ask(2), NOW),
            retry
        );
    }
    let wait = Duration::from_secs(30);
    let end = End::Failed(Attempt::transient("busy", "later", Some(wait)));
    let row = ended(claimed(), &operation("book"), &call(), &end, NOW);
    assert_eq!(row.due, Some(NOW.after(wait)));
}

#[test]
fn what_was_not_begun_is_due_and_not_charged() {
    let row = ended(claimed(), &operation("book"), &call(), &End::NotBegun, NOW);
    assert_eq!((row.status, row.due), (Status::Pending, Some(NOW)));
    assert_eq!(row.routes[0].attempts, 0);
}

#[test]
fn what_was_rejected_is_dead_and_stays_so() {
    let end = End::Failed(Attempt::rejected("no_funds", "the account is empty"));
    let row = ended(claimed(), &operation("book"), &call(), &end, NOW);
    assert_eq!(row.status, Status::Dead);
    let again = Ask {
        message_id: MessageId::new("book:2").unwrap(),
        ..ask(2)
    };
    let dead = Verdict::Dead(DeadReason::Rejected);
    assert_eq!(judge(&Row::Known(Box::new(row)), &again, NOW), dead);
}

proptest! {
    /// Two payloads are one call only when they are one value.
    #[test]
    fn keys_are_one_only_where_values_are(one in value(), other in value()) {
        let keys = (key(&one, "@"), key(&other, "@"));
        if let (Ok(first), Ok(second)) = keys {
            prop_assert_eq!(first == second, one == other);
        }
    }
}

/// Any small JSON value.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..3).prop_map(Value::from),
        "[ab\\\\\"\u{0}]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[aA]{1,2}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
