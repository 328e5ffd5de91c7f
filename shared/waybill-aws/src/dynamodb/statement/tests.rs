//! Facts about the PartiQL that writes rows.

use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::ledger::Status;
use waybill_testkit::fixtures::{claimed, moved};

use super::Statement;

#[test]
fn an_insert_names_what_the_row_has_and_nothing_else() {
    let statement = Statement::insert("ledger", &claimed("a", 1));
    assert_eq!(
        statement.text,
        "INSERT INTO \"ledger\" VALUE {'pk':?,'v':?,'status':?,'owner':?,'rev':?,\
         'lease_until':?,'expires_at':?,'digest':?,'routes_version':?,'routes':?}"
    );
    let text = |value: &str| AttributeValue::S(value.to_owned());
    assert_eq!(statement.parameters[0], text("test#a"));
    assert_eq!(statement.parameters[2], text("IN_PROGRESS"));
    assert_eq!(statement.parameters.len(), 10);
}

#[test]
fn an_update_is_fenced_by_owner_status_and_rev_f39() {
    let held = claimed("a", 1);
    let next = moved(&held, Status::Completed);
    let statement = Statement::update("ledger", &held.fence(), &next);
    assert_eq!(
        statement.text,
        "UPDATE \"ledger\" SET \"v\"=? SET \"status\"=? SET \"owner\"=? SET \"rev\"=? \
         SET \"lease_until\"=? REMOVE \"due\" SET \"expires_at\"=? SET \"digest\"=? \
         SET \"routes_version\"=? SET \"routes\"=? REMOVE \"attempts\" REMOVE \"crashes\" \
         REMOVE \"dead_at\" REMOVE \"dead_reason\" REMOVE \"dead_message_id\" \
         REMOVE \"dlq_sent\" REMOVE \"redrive_n\" REMOVE \"result\" REMOVE \"audit\" \
         REMOVE \"ix\" \
         WHERE \"pk\"=? AND \"owner\"=? AND \"status\"=? AND \"rev\"=?"
    );
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let condition = [
        text("test#a"),
        text("00000000000000000000000000000001"),
        text("IN_PROGRESS"),
        AttributeValue::N("1".to_owned()),
    ];
    assert!(statement.parameters.ends_with(&condition));
    assert_eq!(
        statement.parameters.len(),
        statement.text.matches('?').count()
    );
}

#[test]
fn only_a_take_over_asks_for_the_row_as_it_is_after_it() {
    let held = claimed("a", 1);
    let update = Statement::update("ledger", &held.fence(), &held);
    assert!(!update.text.contains("RETURNING"));
    assert!(
        update
            .returning_new()
            .text
            .ends_with(" RETURNING ALL NEW *")
    );
}
