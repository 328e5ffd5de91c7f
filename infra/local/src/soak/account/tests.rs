//! What balances, and each way in which it does not.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(3);

/// A moment of the run.
fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

/// A request of process 7's that came then and was answered a second later.
fn delivery(event: &str, arrived: Instant) -> Delivery {
    Delivery {
        event: event.to_owned(),
        key: format!("key of {event}"),
        arrived,
        answered: Some(at(arrived, 1)),
        process: Some(7),
    }
}

fn row(status: &str, crashes: u64) -> Row {
    Row {
        status: status.to_owned(),
        crashes,
    }
}

/// Two events. `a` was delivered at 0, process 7 was killed at 1, `a` came again at 10; `b` once.
fn evidence(start: Instant) -> Evidence {
    let kill = Kill {
        process: 7,
        at: at(start, 1),
    };
    let group = || "g".to_owned();
    Evidence {
        sent: 3,
        events: vec![("a".to_owned(), group()), ("b".to_owned(), group())],
        deliveries: vec![
            Delivery {
                answered: None,
                ..delivery("a", start)
            },
            delivery("a", at(start, 10)),
            delivery("b", at(start, 12)),
        ],
        kills: vec![kill],
        dead: BTreeMap::new(),
        rows: [
            ("a".to_owned(), row("COMPLETED", 1)),
            ("b".to_owned(), row("COMPLETED", 0)),
        ]
        .into(),
        in_queue: 0,
    }
}

fn judged(evidence: &Evidence) -> (Account, Verdict) {
    let account = Account::of(evidence, TIMEOUT);
    let verdict = account.verdict();
    (account, verdict)
}

#[test]
fn a_repeat_after_a_kill_that_the_ledger_counts_balances() {
    let (account, verdict) = judged(&evidence(Instant::now()));
    let expected = Account {
        sent: 3,
        distinct: 2,
        kills: 1,
        kills_in_delivery: 1,
        requests: 3,
        accepted: 2,
        repeats: Repeats {
            killed: 1,
            ..Repeats::default()
        },
        rows: [("COMPLETED".to_owned(), 2)].into(),
        crashes: 1,
        ..Account::default()
    };
    assert_eq!((account, verdict), (expected, Verdict::Kept));
}

#[test]
fn each_repeat_is_put_to_its_door_or_breaks_a_promise() {
    let start = Instant::now();
    let none = Repeats::default();
    let door = |kill: Option<(i32, u64)>, answered: Option<u64>, crashes: u64| {
        let mut evidence = evidence(start);
        evidence.kills = kill
            .map(|(process, seconds)| Kill {
                process,
                at: at(start, seconds),
            })
            .into_iter()
            .collect();
        for first in evidence.deliveries.iter_mut().take(1) {
            first.answered = answered.map(|seconds| at(start, seconds));
        }
        evidence
            .rows
            .insert("a".to_owned(), row("COMPLETED", crashes));
        let (account, verdict) = judged(&evidence);
        (account.repeats, verdict)
    };
    let killed = Repeats { killed: 1, ..none };
    assert_eq!(door(Some((7, 2)), Some(1), 1), (killed, Verdict::Kept));
    let ended = Repeats {
        lease_ended: 1,
        ..none
    };
    assert_eq!(door(None, Some(1), 1), (ended, Verdict::Kept));
    let lost = Repeats {
        answer_lost: 1,
        ..none
    };
    for answered in [None, Some(3)] {
        assert_eq!(door(None, answered, 0), (lost, Verdict::Kept));
    }
    let unexplained = Repeats {
        unexplained: 1,
        ..none
    };
    // Nobody was killed; another was; too late; and not one that the ledger knows of.
    for kill in [None, Some((8, 2)), Some((7, 11)), Some((7, 2))] {
        assert_eq!(
            door(kill, Some(1), 0),
            (unexplained, Verdict::Broken),
            "{kill:?}"
        );
    }
}

#[test]
fn a_process_that_was_killed_with_its_request_on_the_way_is_known_by_the_time() {
    let start = Instant::now();
    for (arrived, expected) in [(2, (0, 1)), (3, (1, 0)), (7, (1, 0)), (8, (0, 1))] {
        let mut evidence = evidence(start);
        for kill in &mut evidence.kills {
            kill.at = at(start, 5);
        }
        for first in evidence.deliveries.iter_mut().take(1) {
            first.process = None;
            first.arrived = at(start, arrived);
        }
        let repeats = judged(&evidence).0.repeats;
        let seen = (repeats.killed, repeats.answer_lost);
        assert_eq!(seen, expected, "{arrived}");
    }
}

#[test]
fn one_crash_explains_one_repeat() {
    let start = Instant::now();
    let mut evidence = evidence(start);
    evidence.deliveries.push(delivery("a", at(start, 20)));
    let (account, verdict) = judged(&evidence);
    assert_eq!(
        (account.repeats.killed, account.repeats.unexplained),
        (1, 1)
    );
    assert_eq!(verdict, Verdict::Broken);
}

#[test]
fn what_is_nowhere_is_lost_unless_the_queue_may_still_hold_it() {
    let mut evidence = evidence(Instant::now());
    evidence.deliveries.pop();
    evidence.rows.remove("b");
    let (account, verdict) = judged(&evidence);
    assert_eq!((account.lost, verdict), (1, Verdict::Broken));
    evidence.in_queue = 1;
    let (account, verdict) = judged(&evidence);
    assert_eq!((account.lost, account.unfinished), (0, 1));
    assert_eq!(verdict, Verdict::Unfinished);
}

#[test]
fn what_was_delivered_must_be_completed_in_the_ledger() {
    let mut evidence = evidence(Instant::now());
    evidence.rows.insert("b".to_owned(), row("IN_PROGRESS", 0));
    let (account, verdict) = judged(&evidence);
    assert_eq!((account.not_completed, verdict), (1, Verdict::Broken));
}

#[test]
fn only_what_took_three_processes_down_may_be_dead() {
    let mut evidence = evidence(Instant::now());
    for (reason, crashes, expected) in [
        ("crashed", 3, Verdict::Kept),
        ("crashed", 2, Verdict::Broken),
        ("attempts_spent", 3, Verdict::Broken),
    ] {
        evidence.dead = [("b".to_owned(), reason.to_owned())].into();
        evidence.rows.insert("b".to_owned(), row("DEAD", crashes));
        let (account, verdict) = judged(&evidence);
        assert_eq!(account.dead, [(reason.to_owned(), 1)].into());
        assert_eq!(verdict, expected, "{reason} {crashes}");
    }
}

#[test]
fn another_key_at_a_repeat_breaks_a_promise() {
    let mut evidence = evidence(Instant::now());
    for repeat in evidence.deliveries.iter_mut().skip(1).take(1) {
        "another".clone_into(&mut repeat.key);
    }
    let (account, verdict) = judged(&evidence);
    assert_eq!((account.other_key, verdict), (1, Verdict::Broken));
}

#[test]
fn an_event_that_is_overtaken_in_its_group_breaks_a_promise() {
    let start = Instant::now();
    let mut evidence = evidence(start);
    evidence.deliveries.rotate_right(1);
    let (account, verdict) = judged(&evidence);
    assert_eq!((account.out_of_order, verdict), (1, Verdict::Broken));
    // Without groups there is no order.
    for (_, group) in &mut evidence.events {
        group.clear();
    }
    let (account, verdict) = judged(&evidence);
    assert_eq!((account.out_of_order, verdict), (0, Verdict::Kept));
}
