//! Facts about selections.

use serde_json::json;

use super::*;
use crate::dossier::tests::{BODY, NOW, dossier, dossier_in, letter};
use crate::ledger::Status;

/// What is said, as a selection.
fn read(expression: &str) -> Result<Selection, String> {
    Selection::read(&Wanted {
        expression: Some(expression.to_owned()),
        ..Wanted::default()
    })
}

/// Whether the dead event `7` is taken: dead half an hour of spent tries at `crm`, `audit` done.
fn takes(expression: &str) -> bool {
    let selection = read(expression).unwrap_or_else(|what| panic!("{expression}: {what}"));
    selection.takes(&dossier_in(Status::Dead), NOW)
}

#[test]
fn each_field_is_compared() {
    for expression in [
        "reason = attempts_spent",
        "reason == 'attempts_spent'",
        "reason in (rejected, attempts_spent)",
        "reason not in (rejected)",
        "reason != rejected",
        "route = crm",
        "route != audit",
        "code = http_503",
        "code ~ 'http_5*'",
        "outcome = transient",
        "source = orders",
        "type = waybill.message",
        "type ~ 'way*mess*e'",
        "id = \"7\"",
        "key ~ 'plain:*'",
        "message_id = m-1",
        "age < 1h",
        "age > 20m",
        "age = 1800",
        "lives < 1d",
        "attempts >= 4",
        "redrives = 0",
        "size > 10",
        "reason = attempts_spent and route = crm",
        "reason = rejected or route = crm",
        "not (reason = rejected)",
        "!(reason = rejected) && route = crm",
        "reason = rejected or reason = attempts_spent and age < 2h",
    ] {
        assert!(takes(expression), "{expression}");
    }
    for expression in [
        "reason = rejected",
        "route = audit",
        "code ~ 'http_4*'",
        "subject = x",
        "group = g",
        "age > 1h",
        "type ~ 'b*'",
        "type ~ 'way*x*'",
        "(reason = rejected or reason = attempts_spent) and age > 2h",
        "not reason = attempts_spent",
    ] {
        assert!(!takes(expression), "{expression}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_its_place() {
    for (expression, what) in [
        ("", "ends where a comparison"),
        ("raeson = rejected", "`raeson` (column 1) is no field"),
        ("reason = spent", "`spent` (column 10) is no reason"),
        ("reason rejected", "`rejected` (column 8) stands where"),
        ("age < soon", "no whole number and no duration"),
        ("age ~ 1h", "stands where `=`, `<`"),
        ("route = 'crm", "the quote at column 9 is not closed"),
        ("(route = crm", "a parenthesis is not closed"),
        ("route = crm route = x", "where `and`, `or` or the end"),
        ("route in crm", "stands where `(`"),
        ("route =", "ends where a value"),
    ] {
        let fault = read(expression).expect_err(expression);
        assert!(fault.contains(what), "{expression}: {fault}");
    }
    let deep = format!("{}route = crm", "not ".repeat(EXPRESSION_STEPS_MAX));
    assert!(read(&deep).is_err());
    assert!(read(&"(".repeat(EXPRESSION_MAX)).is_err());
    assert!(read(&"x".repeat(EXPRESSION_MAX + 1)).is_err());
}

#[test]
fn a_pattern_asks_of_the_event_as_a_route_would() {
    let selected = |pattern: Value| {
        Selection::read(&Wanted {
            pattern: Some(pattern),
            ..Wanted::default()
        })
    };
    let dead = dossier_in(Status::Dead);
    assert!(
        selected(json!({"data": {"a": [1]}}))
            .unwrap()
            .takes(&dead, NOW)
    );
    assert!(
        !selected(json!({"data": {"a": [2]}}))
            .unwrap()
            .takes(&dead, NOW)
    );
    let fault = selected(json!({"data": {"a": [{"prefiks": "x"}]}})).unwrap_err();
    assert!(fault.starts_with("`pattern`: "), "{fault}");
    // What is no event matches no pattern.
    let unreadable = dossier(letter(r#"{"specversion":"9"}"#), None);
    assert!(
        !selected(json!({"type": [{"exists": true}]}))
            .unwrap()
            .takes(&unreadable, NOW)
    );
}

#[test]
fn everything_that_is_said_must_hold() {
    let wanted = Wanted {
        expression: Some("route = crm".to_owned()),
        since: Some("1h".to_owned()),
        message_id: Some("m-1".to_owned()),
        key: Some("plain:orders\\07".to_owned()),
        pattern: None,
    };
    let dead = dossier_in(Status::Dead);
    let takes = |wanted: &Wanted| Selection::read(wanted).unwrap().takes(&dead, NOW);
    assert!(takes(&wanted));
    for other in [
        Wanted {
            since: Some("1m".to_owned()),
            ..wanted.clone()
        },
        Wanted {
            message_id: Some("m-2".to_owned()),
            ..wanted.clone()
        },
        Wanted {
            key: Some("x".to_owned()),
            ..wanted.clone()
        },
        Wanted {
            expression: Some("route = x".to_owned()),
            ..wanted
        },
    ] {
        assert!(!takes(&other), "{other:?}");
    }
    assert!(Selection::default().takes(&dossier(letter(BODY), None), NOW));
}
