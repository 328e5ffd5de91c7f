//! Every way in which an event can end.

use std::time::Duration;

use super::*;

/// A request that reached the target.
fn attempt(event: &str, result: AttemptResult) -> Attempt {
    Attempt {
        event: event.to_owned(),
        result,
        answered: None,
    }
}

/// Five messages of four events: `a` resent, `b` refused, `c` delivered at the second try, `d`.
fn evidence() -> Evidence {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Evidence {
        sent: 5,
        events: names(&["a", "b", "c", "d"]),
        undeliverable: names(&["b"]),
        attempts: vec![
            attempt("a", AttemptResult::Effect),
            attempt("b", AttemptResult::NoEffect),
            attempt("c", AttemptResult::NoEffect),
            attempt("c", AttemptResult::Effect),
            attempt("d", AttemptResult::Effect),
            attempt("another run's", AttemptResult::Effect),
        ],
        dead: [("b".to_owned(), "rejected".to_owned())].into(),
        deletions: None,
        in_queue: 0,
    }
}

#[test]
fn every_event_is_accounted_for_once() {
    let account = Account::of(&evidence());
    let expected = Account {
        sent: 5,
        distinct: 4,
        delivered: 3,
        dead: [("rejected".to_owned(), 1)].into(),
        attempts: 5,
        ..Account::default()
    };
    assert_eq!(account, expected);
    assert_eq!(account.verdict(), Verdict::Kept);
}

#[test]
fn a_second_effect_breaks_a_promise() {
    let mut evidence = evidence();
    evidence.attempts.push(attempt("a", AttemptResult::Effect));
    let account = Account::of(&evidence);
    assert_eq!((account.delivered, account.delivered_twice), (3, 1));
    assert_eq!(account.verdict(), Verdict::Broken);
}

#[test]
fn an_event_that_is_nowhere_is_lost() {
    let mut evidence = evidence();
    evidence.attempts.retain(|attempt| attempt.event != "d");
    let account = Account::of(&evidence);
    assert_eq!((account.lost, account.unfinished), (1, 0));
    assert_eq!(account.verdict(), Verdict::Broken);
}

#[test]
fn an_event_that_may_still_be_in_the_queue_is_not_lost() {
    let mut evidence = evidence();
    evidence.attempts.retain(|attempt| attempt.event != "d");
    evidence.in_queue = 7;
    let account = Account::of(&evidence);
    assert_eq!((account.lost, account.unfinished), (0, 1));
    assert_eq!(account.verdict(), Verdict::Unfinished);
}

#[test]
fn a_failed_try_is_no_delivery() {
    let mut evidence = evidence();
    evidence.attempts.truncate(3);
    assert_eq!(Account::of(&evidence).delivered, 1);
}

#[test]
fn a_good_event_in_the_dead_letter_queue_breaks_a_promise() {
    let mut evidence = evidence();
    evidence.dead.insert("d".to_owned(), "crashed".to_owned());
    let account = Account::of(&evidence);
    assert_eq!(account.dead_undeserved, 1);
    assert_eq!(account.dead_total(), 2);
    assert_eq!(account.verdict(), Verdict::Broken);
}

#[test]
fn a_message_that_is_deleted_before_its_targets_answer_breaks_a_promise() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let delete = |event: Option<&str>, ms| Delete {
        event: event.map(str::to_owned),
        at: at(ms),
    };
    let mut evidence = evidence();
    for attempt in &mut evidence.attempts {
        attempt.answered = Some(at(20));
    }
    // A copy, and one that is deleted again, are in time as well.
    let mut deletions = vec![
        delete(Some("a"), 20),
        delete(Some("a"), 30),
        delete(Some("c"), 21),
    ];
    let judged = |deletions: &Vec<Delete>| {
        let account = Account::of(&Evidence {
            deletions: Some(deletions.clone()),
            ..evidence.clone()
        });
        (account.deletes.unwrap(), account.verdict())
    };
    let expected = Deletes {
        seen: 3,
        too_early: 0,
    };
    assert_eq!(judged(&deletions), (expected, Verdict::Kept));
    // Before the answer; never delivered; nobody knows which.
    for early in [
        delete(Some("d"), 19),
        delete(Some("b"), 30),
        delete(None, 30),
    ] {
        deletions.push(early);
        let (deletes, verdict) = judged(&deletions);
        assert_eq!((deletes.seen, deletes.too_early), (4, 1));
        assert_eq!(verdict, Verdict::Broken);
        deletions.pop();
    }
}

#[test]
fn a_failed_try_is_no_acknowledgement() {
    let start = Instant::now();
    let mut evidence = evidence();
    evidence.attempts.truncate(3);
    for attempt in &mut evidence.attempts {
        attempt.answered = Some(start);
    }
    evidence.deletions = Some(vec![Delete {
        event: Some("c".to_owned()),
        at: start + Duration::from_secs(1),
    }]);
    assert_eq!(Account::of(&evidence).deletes.unwrap().too_early, 1);
}
