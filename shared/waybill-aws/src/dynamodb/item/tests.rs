//! Facts about rows as items. That every field survives is the conformance suite's to show.

use waybill_core::digest::Digest;
use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Record, RouteState, Row, Status};
use waybill_core::limit::RESULT_MAX;
use waybill_core::outcome::DeadReason;
use waybill_testkit::fixtures::{NOW, attempt_record, claimed, death, moved, route_record};

use super::*;

/// A row as it usually is: names of some length, a real digest, three routes with a retry behind
/// one of them.
fn usual() -> Record {
    let mut record = claimed("usual", u128::MAX);
    let uuid = "4a7f0c52-6a0e-4f4f-9d0c-6a3f3f0b7a11";
    record.key = LedgerKey::from_stored(format!(
        "orders-production#com.acme.orders.production\u{0}{uuid}"
    ));
    record.digest = Digest(format!("json-sha256:{}", "0f".repeat(32)));
    record.routes_version = "sha256:9f86d081884c7d65".to_owned();
    record.routes = ["customer-relations", "billing-eu", "search-indexer"]
        .map(|name| route_record(name, RouteState::Delivered, 1))
        .into();
    record.routes[1].due = Some(NOW);
    record
}

#[test]
fn a_usual_row_costs_one_write_unit() {
    let size = size(&item(&usual()));
    assert!(size < 700, "{size} bytes");
}

#[test]
fn a_dead_row_with_three_attempts_costs_one_write_unit() {
    let mut record = moved(&usual(), Status::Dead);
    record.attempts = (0..3).map(|n| attempt_record("billing-eu", n)).collect();
    let size = size(&item(&record));
    assert!(size < 1024, "{size} bytes");
}

#[test]
fn the_longest_row_is_far_from_the_limit_f50() {
    let mut record = usual();
    let name = "r".repeat(64);
    record.routes = vec![route_record(&name, RouteState::Open, 9); 100];
    record.attempts = vec![attempt_record(&name, 9); 20];
    for at in &mut record.attempts {
        at.message = "m".repeat(256);
        at.code = "c".repeat(64);
    }
    let size = size(&item(&record));
    assert!(size < 100_000, "{size} bytes");
}

#[test]
fn the_longest_result_is_within_what_an_item_may_be_g12() {
    let mut record = usual();
    record.attempts = vec![attempt_record("book", 9); 20];
    for at in &mut record.attempts {
        at.message = "m".repeat(256);
        at.code = "c".repeat(64);
    }
    record.result = Some("r".repeat(RESULT_MAX));
    let size = size(&item(&record));
    assert!(size < 300 * 1024, "{size} bytes; an item may have 400 KB");
}

#[test]
fn a_row_has_a_result_only_where_one_is_kept() {
    let mut record = usual();
    assert!(!item(&record).contains_key(RESULT));
    record.result = Some("null".to_owned());
    assert_eq!(item(&record).get(RESULT), Some(&text("null")));
}

#[test]
fn a_row_of_another_release_says_which() {
    let mut item = item(&usual());
    item.insert(VERSION.to_owned(), number(2));
    let Row::Unknown { what } = read(&item) else {
        panic!("a row of version 2 was read");
    };
    assert_eq!(what, "the row has version 2, this release reads 1");
}

#[test]
fn damage_says_where_it_is() {
    let mut damaged = item(&usual());
    damaged.remove(DIGEST);
    assert_eq!(record(&damaged).unwrap_err(), "the row has no `digest`");

    let mut damaged = item(&usual());
    let route = map([
        (route::NAME, Some(text("crm"))),
        (route::STATE, Some(text("?"))),
    ]);
    damaged.insert(ROUTES.to_owned(), AttributeValue::L(vec![route]));
    assert_eq!(
        record(&damaged).unwrap_err(),
        "the row's `s` is not understood, in its `routes`"
    );
}

#[test]
fn a_death_is_told_in_full_or_not_understood() {
    for name in [DEAD_AT, DEAD_REASON, DEAD_MESSAGE_ID] {
        let mut dead = usual();
        dead.death = Some(death(DeadReason::Rejected));
        let mut damaged = item(&dead);
        damaged.remove(name);
        assert!(record(&damaged).is_err(), "{name}");
    }
}

#[test]
fn a_dead_row_that_does_not_say_of_what_is_not_taken_over() {
    let mut dead = usual();
    dead.status = Status::Dead;
    let fault = record(&item(&dead)).expect_err("it would be tried again");
    assert_eq!(fault, "the row is dead and does not say of what");
}

#[test]
fn a_row_that_waits_in_a_schedule_says_until_when() {
    let mut scheduled = usual();
    scheduled.status = Status::Scheduled;
    scheduled.due = None;
    let fault = record(&item(&scheduled)).expect_err("it would be tried at once");
    assert_eq!(
        fault,
        "the row waits in a schedule and does not say until when"
    );
    scheduled.due = Some(Timestamp::from_secs(1));
    assert_eq!(read(&item(&scheduled)), Row::Known(Box::new(scheduled)));
}

#[test]
fn a_row_with_a_route_twice_is_not_tried_twice() {
    let mut twice = usual();
    twice
        .routes
        .push(route_record("billing-eu", RouteState::Open, 0));
    let fault = record(&item(&twice)).expect_err("one route would be tried twice");
    assert_eq!(fault, "the row has the route `billing-eu` twice");
}

#[test]
fn attributes_that_a_later_release_adds_are_let_be() {
    let mut more = item(&usual());
    more.insert("later".to_owned(), text("unknown here"));
    assert_eq!(read(&more), Row::Known(Box::new(usual())));
}

/// What DynamoDB charges for an item.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(item: &Item) -> usize {
    item.iter()
        .map(|(name, value)| name.len() + value_size(value))
        .sum()
}

fn value_size(value: &AttributeValue) -> usize {
    if let Ok(text) = value.as_s() {
        return text.len();
    }
    if let Ok(digits) = value.as_n() {
        // One byte for two digits, and one more.
        return digits.len().div_ceil(2) + 1;
    }
    if let Ok(values) = value.as_l() {
        return 3 + values.iter().map(|v| 1 + value_size(v)).sum::<usize>();
    }
    if let Ok(item) = value.as_m() {
        return 3 + item.len() + size(item);
    }
    assert!(value.is_bool(), "a row has no such value: {value:?}");
    1
}
