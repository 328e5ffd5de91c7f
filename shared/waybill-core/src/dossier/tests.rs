//! Facts about dossiers, and the dead letters that other tests of the dead are made of.

use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::envelope::tests::message;
use crate::id::{Consumer, LedgerKey, MessageId, OwnerId, RouteName};
use crate::ledger::{Ask, AttemptRecord, DeadLetter};
use crate::message::{AttributeValue, MessageAttribute};
use crate::reading;

/// When these tests are.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The body of the event `7`.
pub(crate) const BODY: &str =
    r#"{"id":"7","queue":"orders","dispatch_date":"2026-01-01T00:00:00Z","payload":{"a":1}}"#;

pub(crate) fn consumer() -> Consumer {
    Consumer::new("test").unwrap()
}

/// A dead letter of this body, sent an hour ago.
pub(crate) fn letter(body: &str) -> Message {
    let mut letter = message(body);
    letter.sent = Some(NOW.before(HOUR));
    letter
}

/// The row of a message's event in this status, with one route that failed and one that is done.
pub(crate) fn row_of(message: &Message, status: Status) -> Record {
    let reading = reading::read(message, &consumer(), None);
    let ask = Ask {
        key: LedgerKey::new(&consumer(), &reading.key),
        owner: OwnerId(9),
        digest: reading.digest,
        message_id: message.message_id.clone(),
        sent: message.sent,
        lease_until: NOW.before(HOUR),
        expires_at: NOW.after(HOUR).as_secs_ceil(),
        redrive_limit: 5,
        dead_letter: DeadLetter::Redrive,
    };
    let routes = ["crm", "audit"].map(|name| RouteName::new(name).unwrap());
    let mut row = ask.first("v1", &routes);
    row.status = status;
    for (at, state) in row
        .routes
        .iter_mut()
        .zip([RouteState::Spent, RouteState::Delivered])
    {
        at.state = state;
        at.attempts = 4;
        at.last = "http_503".to_owned();
    }
    row.attempts = vec![AttemptRecord {
        at: NOW.before(HOUR / 2),
        route: RouteName::new("crm").unwrap(),
        outcome: "transient".to_owned(),
        code: "http_503".to_owned(),
        message: "the target answered 503".to_owned(),
        dead_letter: false,
    }];
    if status == Status::Dead {
        let id = MessageId::new("m-1").unwrap();
        row.die(DeadReason::AttemptsSpent, &id, NOW.before(HOUR / 2));
    }
    row
}

/// The dossier of a dead letter and its row.
pub(crate) fn dossier(message: Message, row: Option<Record>) -> Dossier {
    let reading = reading::read(&message, &consumer(), None);
    let row = row.map(|row| Row::Known(Box::new(row)));
    Dossier::new(Arc::new(message), reading, row, Some(HOUR * 24))
}

/// The dossier of the event `7`, whose row is in this status.
pub(crate) fn dossier_in(status: Status) -> Dossier {
    let letter = letter(BODY);
    let row = row_of(&letter, status);
    dossier(letter, Some(row))
}

#[test]
fn a_dead_letter_is_dead_of_what_its_row_says_f71() {
    let dossier = dossier_in(Status::Dead);
    assert_eq!(dossier.why, Why::Dead(DeadReason::AttemptsSpent));
    assert_eq!(dossier.age(NOW), Some(HOUR / 2));
    let undone: Vec<_> = dossier.undone().map(|route| route.name.as_str()).collect();
    assert_eq!(undone, ["crm"]);
}

#[test]
fn a_dead_letter_without_a_row_was_never_attempted_f18_f71() {
    let dossier = dossier(letter(BODY), None);
    assert_eq!(dossier.why, Why::NeverAttempted);
    assert_eq!(dossier.age(NOW), Some(HOUR));
}

#[test]
fn a_dead_letter_without_a_row_is_dead_of_what_it_says_itself() {
    let mut letter = letter(BODY);
    let reason = MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text("rejected".to_owned()),
    };
    letter
        .attributes
        .insert(REASON_ATTRIBUTE.to_owned(), reason);
    assert_eq!(dossier(letter, None).why, Why::Dead(DeadReason::Rejected));
}

#[test]
fn other_data_under_the_same_key_is_a_conflict_and_no_tries_are_told_of_it_f47() {
    let letter = letter(BODY);
    let mut row = row_of(&letter, Status::Dead);
    row.digest = Digest("another".to_owned());
    let dossier = dossier(letter, Some(row));
    assert_eq!(dossier.why, Why::Dead(DeadReason::KeyConflict));
    assert!(dossier.routes().is_empty() && dossier.attempts().is_empty());
}

#[test]
fn what_is_not_dead_is_told_apart_from_what_is() {
    for (status, why) in [
        (Status::Completed, Why::Completed),
        (Status::Pending, Why::Unfinished(Status::Pending)),
        (Status::Scheduled, Why::Unfinished(Status::Scheduled)),
        (Status::InProgress, Why::Unfinished(Status::InProgress)),
    ] {
        assert_eq!(dossier_in(status).why, why);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_no_missing_row() {
    let letter = letter(BODY);
    let reading = reading::read(&letter, &consumer(), None);
    let what = "version 9".to_owned();
    let row = Some(Row::Unknown { what: what.clone() });
    let dossier = Dossier::new(Arc::new(letter), reading, row, None);
    assert_eq!(dossier.why, Why::UnknownRow(what));
}

#[test]
fn a_dead_letter_lives_from_its_first_enqueueing_f68() {
    assert_eq!(dossier_in(Status::Dead).lives(NOW), Some(HOUR * 23));
}

#[test]
fn every_word_of_why_is_listed_once() {
    let words: Vec<_> = Why::words().collect();
    let distinct: std::collections::BTreeSet<_> = words.iter().collect();
    assert_eq!(words.len(), distinct.len());
    for why in [
        Why::Dead(DeadReason::Expired),
        Why::NeverAttempted,
        Why::Unfinished(Status::Pending),
        Why::Completed,
        Why::UnknownRow(String::new()),
    ] {
        assert!(words.contains(&why.word()), "{why:?}");
    }
}

#[test]
fn the_history_stands_in_the_body_as_error() {
    let told = history::with_history(&dossier_in(Status::Dead));
    assert_eq!(told["id"], "7");
    assert_eq!(
        told["error"],
        json!([{
            "status_code": 503,
            "message": "the target answered 503",
            "stack_trace": "crm: transient (http_503)",
            "date": NOW.before(HOUR / 2).to_rfc3339(),
        }])
    );
}

#[test]
fn errors_of_the_body_come_before_ours_and_what_is_no_list_is_kept() {
    let told = |body: &str| {
        let letter = letter(body);
        let row = row_of(&letter, Status::Dead);
        history::with_history(&dossier(letter, Some(row)))
    };
    assert_eq!(told(r#"{"error":[1]}"#)["error"][0], 1);
    assert_eq!(
        told(r#"{"error":[1]}"#)["error"].as_array().unwrap().len(),
        2
    );
    assert_eq!(told(r#"{"error":"e"}"#)["payload"]["error"], "e");
    assert_eq!(told("plain text")["payload"], "plain text");
    assert_eq!(told("[1]")["payload"], json!([1]));
}

#[test]
fn without_a_try_the_history_is_the_reason() {
    let told = history::with_history(&dossier(letter(BODY), None));
    assert_eq!(told["error"][0]["message"], "never_attempted");
}

#[test]
fn a_dossier_as_json_names_what_is_done_and_what_is_not() {
    let told = dossier_in(Status::Dead).to_json(NOW);
    assert_eq!(told["reason"], "attempts_spent");
    assert_eq!(told["routes"][0]["done"], false);
    assert_eq!(told["routes"][1]["done"], true);
    assert_eq!(told["attempts"][0]["code"], "http_503");
    assert_eq!(told["lives_seconds"], 23 * 3600);
    assert_eq!(told["event"]["type"], "waybill.message");
}
