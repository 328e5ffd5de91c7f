//! Facts about how dead letters go back.

use std::time::Duration;

use proptest::prelude::*;

use super::order::{Order, Work};
use super::pace::Pace;
use super::progress::{Counts, Run, Stage};
use super::*;
use crate::dossier::tests::{BODY, NOW, consumer, dossier, dossier_in, letter, row_of};
use crate::ledger::{self, Ask, DeadLetter, RouteState, TakeOver};
use crate::message::{AttributeValue, MessageAttribute};
use crate::selection::{Selection, Wanted};

const OWNER: OwnerId = OwnerId(77);

/// The terms of a run without an edit, or with one.
fn terms<'a>(consumer: &'a Consumer, edit: Option<&'a Edit>) -> Terms<'a> {
    Terms {
        consumer,
        redrives_max: 2,
        edit,
        who: "somebody",
        run: "r-1",
        expires_at: NOW.after(Duration::from_secs(9_000_000)).as_secs_ceil(),
        now: NOW,
    }
}

fn judged(dossier: &Dossier) -> Verdict {
    judge(dossier, &terms(&consumer(), None), OWNER)
}

#[test]
fn a_dead_row_is_pending_before_its_message_goes_and_what_was_delivered_stays_so() {
    let Verdict::Revive { next, parcel } = judged(&dossier_in(Status::Dead)) else {
        panic!("it is dead");
    };
    assert_eq!((next.status, next.redrive_n), (Status::Pending, 1));
    assert_eq!((next.owner, &next.death), (OWNER, &None));
    let states: Vec<_> = next
        .routes
        .iter()
        .map(|at| (at.state, at.attempts))
        .collect();
    assert_eq!(states, [(RouteState::Open, 0), (RouteState::Delivered, 4)]);
    assert_eq!(next.audit.len(), 1);
    assert_eq!(next.audit[0].deed, Deed::Redriven);
    assert_eq!(
        (next.audit[0].who.as_str(), next.audit[0].note.as_str()),
        ("somebody", "r-1")
    );
    assert_eq!(parcel.body, BODY);
}

#[test]
fn what_is_sent_is_taken_for_a_retry_of_the_same_event_f69() {
    let Verdict::Revive { next, mut parcel } = judged(&dossier_in(Status::Dead)) else {
        panic!("it is dead");
    };
    parcel.message_id = MessageId::new("m-2").unwrap();
    let reading = reading::read(&parcel, &consumer(), None);
    let ask = Ask {
        key: next.key.clone(),
        owner: OwnerId(1),
        digest: reading.digest,
        message_id: parcel.message_id.clone(),
        sent: Some(NOW),
        lease_until: NOW,
        expires_at: 0,
        redrive_limit: 5,
        dead_letter: DeadLetter::Redrive,
    };
    assert_eq!(reading.key.as_str(), next.key.event_key());
    assert_eq!(
        ledger::judge(&Row::Known(next), &ask, NOW),
        ledger::Verdict::TakeOver(TakeOver::Retry)
    );
}

#[test]
fn what_a_killed_run_left_is_sent_again_and_no_row_is_written_f36() {
    let Verdict::Revive { next, parcel } = judged(&dossier_in(Status::Dead)) else {
        panic!("it is dead");
    };
    let again = judged(&dossier(letter(BODY), Some(*next)));
    let why = NoWrite::NotDead;
    assert_eq!(again, Verdict::Send { parcel, why });
}

#[test]
fn what_was_never_attempted_is_sent_under_its_own_key_f18() {
    for body in [BODY, "plain text"] {
        let letter = letter(body);
        let key = reading::read(&letter, &consumer(), None).key;
        let Verdict::Send { mut parcel, why } = judged(&dossier(letter, None)) else {
            panic!("{body}");
        };
        assert_eq!(why, NoWrite::NoRow);
        parcel.message_id = MessageId::new("m-2").unwrap();
        assert_eq!(reading::read(&parcel, &consumer(), None).key, key, "{body}");
    }
}

#[test]
fn a_row_that_has_outlived_its_time_counts_as_none_f41() {
    let letter = letter(BODY);
    let mut row = row_of(&letter, Status::Completed);
    row.expires_at = 1;
    let verdict = judged(&dossier(letter, Some(row)));
    assert!(
        matches!(
            verdict,
            Verdict::Send {
                why: NoWrite::NoRow,
                ..
            }
        ),
        "{verdict:?}"
    );
}

#[test]
fn what_is_done_is_let_go_and_other_data_stays_f47() {
    assert_eq!(judged(&dossier_in(Status::Completed)), Verdict::Done);
    let letter = letter(BODY);
    let mut row = row_of(&letter, Status::Completed);
    row.digest = Digest("another".to_owned());
    let verdict = judged(&dossier(letter, Some(row)));
    assert_eq!(verdict, Verdict::Leave(Leave::Conflict));
}

#[test]
fn an_event_that_was_redriven_too_often_stays_and_says_so_f70() {
    let letter = letter(BODY);
    let mut row = row_of(&letter, Status::Dead);
    row.redrive_n = 2;
    let Verdict::Leave(leave) = judged(&dossier(letter, Some(row))) else {
        panic!("it is a loop");
    };
    assert_eq!(leave, Leave::Loop(2));
    assert!(
        leave.says().contains("redriven 2 times"),
        "{}",
        leave.says()
    );
}

#[test]
fn an_edit_changes_the_digest_with_the_body_and_is_noted() {
    let edit = Edit::patch(r#"[{"op":"replace","path":"/payload/a","value":2}]"#).unwrap();
    let consumer = consumer();
    let terms = terms(&consumer, Some(&edit));
    let dead = dossier_in(Status::Dead);
    let Verdict::Revive { next, parcel } = judge(&dead, &terms, OWNER) else {
        panic!("it is dead");
    };
    let reading = reading::read(&parcel, &consumer, None);
    assert_eq!(
        (&next.digest, next.key.event_key()),
        (&reading.digest, reading.key.as_str())
    );
    assert_ne!(next.digest, dead.reading.digest);
    assert_eq!(next.audit[0].deed, Deed::Edited);
    assert!(
        next.audit[0].note.contains("/payload/a"),
        "{:?}",
        next.audit
    );
    // Cut off before it was sent: the same edit goes on, none is a conflict, another too.
    let cut_off = dossier(letter(BODY), Some(*next));
    assert!(matches!(
        judge(&cut_off, &terms, OWNER),
        Verdict::Send { .. }
    ));
    assert_eq!(judged(&cut_off), Verdict::Leave(Leave::Conflict));
}

#[test]
fn what_is_under_way_is_not_edited_and_a_broken_edit_is_refused() {
    let consumer = consumer();
    let edit = Edit::patch(r#"[{"op":"replace","path":"/payload/a","value":2}]"#).unwrap();
    let verdict = judge(
        &dossier_in(Status::Pending),
        &terms(&consumer, Some(&edit)),
        OWNER,
    );
    assert_eq!(verdict, Verdict::Leave(Leave::NotDead(Status::Pending)));
    let broken = Edit::Body(r#"{"specversion":"9"}"#.to_owned());
    let verdict = judge(
        &dossier_in(Status::Dead),
        &terms(&consumer, Some(&broken)),
        OWNER,
    );
    assert!(
        matches!(verdict, Verdict::Leave(Leave::Unsendable(_))),
        "{verdict:?}"
    );
}

#[test]
fn a_malformed_body_that_is_mended_keeps_its_row() {
    let letter = letter(r#"{"specversion":"9"}"#);
    let mut row = row_of(&letter, Status::Dead);
    row.routes.clear();
    let consumer = consumer();
    let edit = Edit::Body(BODY.to_owned());
    let Verdict::Revive { next, parcel } = judge(
        &dossier(letter, Some(row)),
        &terms(&consumer, Some(&edit)),
        OWNER,
    ) else {
        panic!("it is dead");
    };
    let reading = reading::read(&parcel, &consumer, None);
    assert_eq!(reading.key.as_str(), next.key.event_key());
    assert_eq!(reading.digest, next.digest);
    assert!(reading.event().is_some());
}

#[test]
fn ten_attributes_leave_no_room_for_a_key_that_is_needed_f74() {
    let full = |body: &str| {
        let mut letter = letter(body);
        let text = MessageAttribute {
            data_type: "String".to_owned(),
            value: AttributeValue::Text("x".to_owned()),
        };
        let names = (0..SQS_ATTRIBUTES_MAX).map(|n| format!("a{n}"));
        letter.attributes = names.map(|name| (name, text.clone())).collect();
        judged(&dossier(letter, None))
    };
    // An event with an id of its own needs no attribute to be known by.
    assert!(matches!(full(BODY), Verdict::Send { .. }));
    let verdict = full("plain text");
    assert!(
        matches!(verdict, Verdict::Leave(Leave::Unsendable(_))),
        "{verdict:?}"
    );
}

#[test]
fn the_trace_and_the_reason_stay_behind_f28() {
    let mut letter = letter(BODY);
    letter.trace_header = Some("Root=1".to_owned());
    let reason = MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text("rejected".to_owned()),
    };
    let name = crate::dossier::REASON_ATTRIBUTE.to_owned();
    letter.attributes.insert(name, reason);
    let Verdict::Send { parcel, .. } = judged(&dossier(letter, None)) else {
        panic!("it has no row");
    };
    assert_eq!(parcel.trace_header, None);
    assert_eq!(
        parcel.attributes.keys().collect::<Vec<_>>(),
        [KEY_ATTRIBUTE]
    );
}

#[test]
fn a_discard_is_noted_in_the_dead_row_and_in_no_other() {
    let consumer = consumer();
    let terms = terms(&consumer, None);
    let noted = discard(&dossier_in(Status::Dead), &terms, OWNER)
        .unwrap()
        .unwrap();
    assert_eq!(
        (noted.status, noted.audit[0].deed),
        (Status::Dead, Deed::Discarded)
    );
    for status in [Status::Completed, Status::Pending, Status::InProgress] {
        assert_eq!(discard(&dossier_in(status), &terms, OWNER), Ok(None));
    }
}

#[test]
fn a_fate_is_what_the_row_says_since_the_redrive() {
    let row = |status| Row::Known(Box::new(row_of(&letter(BODY), status)));
    assert_eq!(fate(None, 1), Fate::Waiting);
    assert_eq!(fate(Some(&row(Status::Completed)), 1), Fate::Delivered);
    // Dead, but of the time before.
    let mut before = row_of(&letter(BODY), Status::Dead);
    before.routes.clear();
    assert_eq!(
        fate(Some(&Row::Known(Box::new(before.clone()))), 1),
        Fate::Waiting
    );
    before.redrive_n = 1;
    let dead = Fate::Failed("attempts_spent".to_owned());
    assert_eq!(fate(Some(&Row::Known(Box::new(before))), 1), dead);
    let mut failing = row_of(&letter(BODY), Status::Pending);
    failing.routes[0].state = RouteState::Open;
    let failed = Fate::Failed("http_503".to_owned());
    assert_eq!(fate(Some(&Row::Known(Box::new(failing))), 1), failed);
}

proptest! {
    #[test]
    fn a_pace_never_goes_back_and_keeps_its_rate(rate in 1u32..=500, ramp in 0u64..100, n in 0u64..100_000) {
        let pace = Pace::new(rate, Duration::from_secs(ramp));
        prop_assert!(pace.turn(n) <= pace.turn(n + 1));
        // In any second that begins after the ramp no more than the rate, and one for rounding.
        let later = pace.turn(n + u64::from(rate) + 1);
        prop_assert!(later.saturating_sub(pace.turn(n)) >= Duration::from_millis(999));
        prop_assert!((1..=10).contains(&pace.handful()));
    }
}

#[test]
fn a_ramp_sends_half_as_many_as_its_rate_would() {
    let pace = Pace::new(20, Duration::from_secs(10));
    assert_eq!(pace.turn(0), Duration::ZERO);
    assert_eq!(pace.turn(100), Duration::from_secs(10));
    assert_eq!(pace.turn(120), Duration::from_secs(11));
}

#[test]
fn an_order_that_makes_no_sense_is_refused_by_name() {
    for (order, what) in [
        (
            Order {
                rate: 0,
                ..Order::default()
            },
            "`rate`",
        ),
        (
            Order {
                rate: 501,
                ..Order::default()
            },
            "`rate`",
        ),
        (
            Order {
                canary: 101,
                ..Order::default()
            },
            "`canary`",
        ),
        (
            Order {
                limit: Some(0),
                ..Order::default()
            },
            "`limit`",
        ),
        (
            Order {
                work: Work::Discard,
                canary: 1,
                ..Order::default()
            },
            "discarded",
        ),
    ] {
        let fault = order.selection().unwrap_err();
        assert!(fault.contains(what), "{fault}");
    }
    assert!(Order::default().selection().is_ok());
}

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let order = Order {
        canary: 3,
        ..Order::default()
    };
    let mut run = Run::new(order, OWNER, NOW);
    run.counts.revived = 2;
    run.counts.left.insert("loop".to_owned(), 1);
    run.canaries.push(("test#k".to_owned(), 1));
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
    assert_eq!(run.stage, Stage::Canary);
}

#[test]
fn a_run_is_one_owners_until_its_lease_ends() {
    let mut run = Run::new(Order::default(), OWNER, NOW);
    run.lease_until_ms = NOW.after(Duration::from_secs(5)).as_millis();
    assert_eq!(run.held_by_another(OWNER, NOW), None);
    let until = Some(NOW.after(Duration::from_secs(5)));
    assert_eq!(run.held_by_another(OwnerId(1), NOW), until);
    assert_eq!(
        run.held_by_another(OwnerId(1), NOW.after(Duration::from_secs(5))),
        None
    );
}

#[test]
fn the_account_of_a_run_balances() {
    let counts = Counts {
        seen: 28,
        not_selected: 1,
        revived: 2,
        never_attempted: 3,
        resent: 4,
        completed: 5,
        discarded: 6,
        left: [("loop".to_owned(), 3), ("conflict".to_owned(), 3)].into(),
        failed: 1,
        ..Counts::default()
    };
    assert_eq!(counts.accounted(), counts.seen);
    assert_eq!((counts.sent(), counts.taken()), (9, 20));
}

#[test]
fn what_has_no_key_where_the_routes_file_says_stays_f48() {
    let letter = letter(BODY);
    let mut of_letter = dossier(letter, None);
    of_letter.reading.content = Content::Unreadable {
        reason: DeadReason::KeyMissing,
        what: "`data.order` is not there".to_owned(),
    };
    let consumer = consumer();
    let verdict = judge(&of_letter, &terms(&consumer, None), OwnerId(1));
    let Verdict::Leave(leave) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(leave.word(), "unsendable");
    assert!(leave.says().contains("`data.order` is not there"));
}

#[test]
fn a_run_takes_what_was_dead_before_it_and_what_it_left_itself_f70() {
    let selection = Selection::read(&Wanted {
        expression: Some("reason = attempts_spent".to_owned()),
        ..Wanted::default()
    })
    .unwrap();
    let run = |began: Timestamp| Run::new(Order::default(), OwnerId(1), began);
    let dead = dossier_in(Status::Dead);
    assert!(run(NOW).takes("mend", &selection, &dead));
    let before_it_died = dead.died().unwrap().before(Duration::from_millis(1));
    assert!(!run(before_it_died).takes("mend", &selection, &dead));
    // What it had brought back when it was cut off is no longer dead of what is selected.
    let letter = letter(BODY);
    let mut row = row_of(&letter, Status::Pending);
    row.audit = vec![AuditRecord::new(NOW, Deed::Redriven, "ada", "mend")];
    let left = dossier(letter, Some(row));
    assert!(run(NOW).takes("mend", &selection, &left));
    assert!(!run(NOW).takes("another", &selection, &left));
}
