use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::retry::Jitter;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn ask() -> Ask {
    Ask {
        key: LedgerKey::from_stored("c#e"),
        owner: OwnerId(1),
        digest: Digest("d".to_owned()),
        message_id: MessageId::new("m-1").unwrap(),
        sent: Some(Timestamp::from_millis(1)),
        lease_until: NOW.after(Duration::from_secs(60)),
        expires_at: 5_000,
        redrive_limit: 3,
        dead_letter: DeadLetter::Redrive,
    }
}

fn route(name: &str) -> RouteName {
    RouteName::new(name).unwrap()
}

/// A row of somebody else's, of the same event.
fn other(status: Status) -> Record {
    let mut row = Ask {
        owner: OwnerId(2),
        ..ask()
    }
    .first("v", &[route("a"), route("b")]);
    row.status = status;
    if status == Status::Dead {
        row.die(DeadReason::Rejected, &MessageId::new("m-1").unwrap(), NOW);
    }
    row
}

fn verdict(row: Record) -> Verdict {
    judge(&Row::Known(Box::new(row)), &ask(), NOW)
}

fn ended() -> Timestamp {
    NOW.before(Duration::from_secs(10))
}

/// The terms of a route without a dead-letter target.
fn terms(retry: &RetryPolicy) -> TryTerms<'_> {
    TryTerms {
        retry,
        on_rejected: OnRejected::Dead,
        dead_letter: None,
    }
}

#[test]
fn the_questions_are_asked_in_their_order() {
    let lease_until = NOW.after(Duration::from_secs(5));
    let free_at = NOW.after(Duration::from_secs(7));
    let everything_wrong = Record {
        owner: OwnerId(1),
        lease_until,
        expires_at: 1,
        digest: Digest("other".to_owned()),
        ..other(Status::InProgress)
    };
    let mut row = everything_wrong;
    assert_eq!(
        verdict(row.clone()),
        Verdict::Mine,
        "mine comes first (F40)"
    );
    row.owner = OwnerId(2);
    let busy = Verdict::Defer {
        until: free_at,
        cause: DeferCause::LeaseBusy,
    };
    assert_eq!(
        verdict(row.clone()),
        busy,
        "a live lease is never freed by expiry"
    );
    row.lease_until = ended();
    assert_eq!(
        verdict(row.clone()),
        Verdict::TakeOver(TakeOver::Expired),
        "F41"
    );
    row.expires_at = 5_000;
    assert_eq!(verdict(row.clone()), Verdict::Conflict, "F47");
    row.digest = ask().digest;
    assert_eq!(verdict(row), Verdict::TakeOver(TakeOver::Crashed));
}

#[test]
fn an_unknown_row_is_left_alone() {
    let row = Row::Unknown {
        what: "v 9".to_owned(),
    };
    let unknown = Verdict::Defer {
        until: NOW,
        cause: DeferCause::UnknownRow,
    };
    assert_eq!(judge(&row, &ask(), NOW), unknown);
}

#[test]
fn a_lease_ends_two_seconds_late_f10() {
    for (ago_ms, free) in [(0, false), (2_000, false), (2_001, true)] {
        let lease_until = NOW.before(Duration::from_millis(ago_ms));
        let verdict = verdict(Record {
            lease_until,
            ..other(Status::InProgress)
        });
        assert_eq!(
            verdict == Verdict::TakeOver(TakeOver::Crashed),
            free,
            "{ago_ms}"
        );
    }
}

#[test]
fn what_is_done_is_done_f09() {
    assert_eq!(verdict(other(Status::Completed)), Verdict::Completed);
}

#[test]
fn what_is_not_due_waits() {
    let due = NOW.after(Duration::from_secs(1));
    let row = Record {
        due: Some(due),
        ..other(Status::Pending)
    };
    assert_eq!(
        verdict(row.clone()),
        Verdict::Defer {
            until: due,
            cause: DeferCause::NotDue
        }
    );
    let row = Record {
        due: Some(NOW),
        ..row
    };
    assert_eq!(verdict(row), Verdict::TakeOver(TakeOver::Retry));
}

#[test]
fn what_waits_outside_is_handed_over_by_anybody_and_taken_over_when_it_is_due() {
    let take_over = Verdict::TakeOver(TakeOver::Retry);
    let soon = |wait| Verdict::Defer {
        until: NOW.after(wait),
        cause: DeferCause::NotDue,
    };
    let ms = Duration::from_millis;
    for (wait, expected) in [
        (ms(0), take_over.clone()),
        (ms(1), soon(ms(1))),
        (SCHEDULE_WAIT_MIN, soon(SCHEDULE_WAIT_MIN)),
        (SCHEDULE_WAIT_MIN + ms(1), Verdict::HandOver),
        (Duration::from_secs(86_400), Verdict::HandOver),
    ] {
        let row = Record {
            due: Some(NOW.after(wait)),
            expires_at: 100_000,
            ..other(Status::Scheduled)
        };
        for message_id in ["m-1", "m-2"] {
            let message_id = MessageId::new(message_id).unwrap();
            let ask = Ask {
                message_id,
                ..ask()
            };
            let row = Row::Known(Box::new(row.clone()));
            assert_eq!(judge(&row, &ask, NOW), expected, "{wait:?}");
        }
        let conflict = Record {
            digest: Digest("other".to_owned()),
            ..row
        };
        assert_eq!(
            verdict(conflict),
            Verdict::Conflict,
            "other data is never acknowledged"
        );
    }
    assert_eq!(
        verdict(other(Status::Scheduled)),
        take_over,
        "without a time"
    );
}

#[test]
fn only_a_different_and_later_message_brings_the_dead_back() {
    let row = Row::Known(Box::new(other(Status::Dead)));
    let dead = Verdict::Dead(DeadReason::Rejected);
    let later = Some(NOW.after(Duration::from_secs(1)));
    let other_id = MessageId::new("m-2").unwrap();
    let judge = |ask: Ask| judge(&row, &ask, NOW);
    assert_eq!(judge(ask()), dead);
    assert_eq!(
        judge(Ask {
            sent: later,
            ..ask()
        }),
        dead,
        "the same message"
    );
    assert_eq!(
        judge(Ask {
            message_id: other_id.clone(),
            ..ask()
        }),
        dead,
        "sent before"
    );
    assert_eq!(
        judge(Ask {
            message_id: other_id.clone(),
            sent: None,
            ..ask()
        }),
        dead
    );
    let redrive = Ask {
        message_id: other_id,
        sent: later,
        ..ask()
    };
    assert_eq!(judge(redrive), Verdict::TakeOver(TakeOver::Redrive));
}

#[test]
fn a_message_sent_in_the_moment_of_the_death_is_no_redrive() {
    let row = Row::Known(Box::new(other(Status::Dead)));
    let ask = Ask {
        message_id: MessageId::new("m-2").unwrap(),
        sent: Some(NOW),
        ..ask()
    };
    let dead = Verdict::Dead(DeadReason::Rejected);
    assert_eq!(judge(&row, &ask, NOW), dead, "later means later");
}

#[test]
fn an_event_of_which_nothing_is_to_be_done_is_done_at_once() {
    let done = ask().done();
    assert_eq!((done.status, done.rev), (Status::Completed, 1));
    assert!(done.routes.is_empty());
}

#[test]
fn a_take_over_asks_for_a_lease_and_a_life_of_its_own() {
    let seen = Record {
        lease_until: ended(),
        due: Some(NOW),
        expires_at: 4_000,
        ..other(Status::Pending)
    };
    let next = ask().take_over(&seen, TakeOver::Retry, &seen, NOW);
    assert_eq!((next.lease_until, next.due), (ask().lease_until, None));
    assert_eq!(next.expires_at, 5_000, "refreshed");
    let seen = Record {
        expires_at: 6_000,
        ..seen
    };
    let next = ask().take_over(&seen, TakeOver::Retry, &seen, NOW);
    assert_eq!(next.expires_at, 6_000, "never cut short");
}

#[test]
fn as_many_redrives_as_allowed_are_no_loop_f70() {
    let seen = Record {
        redrive_n: 2,
        ..other(Status::Dead)
    };
    let next = ask().take_over(&seen, TakeOver::Redrive, &seen, NOW);
    assert_eq!((next.redrive_n, next.status), (3, Status::InProgress));
}

#[test]
fn a_death_that_was_not_sent_is_sent_f36() {
    let mut row = other(Status::Dead);
    let ask = Ask {
        dead_letter: DeadLetter::Send,
        ..ask()
    };
    let known = |row: &Record| Row::Known(Box::new(row.clone()));
    assert_eq!(
        judge(&known(&row), &ask, NOW),
        Verdict::SendDead(DeadReason::Rejected)
    );
    row.death.iter_mut().for_each(|death| death.dlq_sent = true);
    assert_eq!(
        judge(&known(&row), &ask, NOW),
        Verdict::Dead(DeadReason::Rejected)
    );
}

#[test]
fn what_may_be_a_redrive_by_clocks_that_differ_is_not_let_go_f10() {
    let mut row = other(Status::Dead);
    row.death.iter_mut().for_each(|death| death.dlq_sent = true);
    let died = row.death.as_ref().unwrap().at;
    let judged = |id: &str, sent| {
        let ask = Ask {
            dead_letter: DeadLetter::Send,
            message_id: MessageId::new(id).unwrap(),
            sent: Some(sent),
            ..ask()
        };
        judge(&Row::Known(Box::new(row.clone())), &ask, NOW)
    };
    let id = row.death.as_ref().unwrap().message_id.clone();
    let sent_back = Verdict::SendDead(DeadReason::Rejected);
    let let_go = Verdict::Dead(DeadReason::Rejected);
    assert_eq!(judged("another", died), sent_back);
    assert_eq!(judged("another", died.before(LEASE_SKEW)), let_go);
    assert_eq!(judged(id.as_str(), died), let_go, "the same message");
    let later = died.after(Duration::from_millis(1));
    let redriven = Verdict::TakeOver(TakeOver::Redrive);
    assert_eq!(judged("another", later), redriven);
}

#[test]
fn a_take_over_goes_on_from_what_is_there() {
    let mut seen = other(Status::Pending);
    seen.rev = 7;
    seen.routes[0].state = RouteState::Delivered;
    seen.routes[1].attempts = 2;
    let plan = ask().first("v2", &[route("new")]);
    let next = ask().take_over(&seen, TakeOver::Retry, &plan, NOW);
    assert_eq!(
        (next.rev, next.owner, next.status),
        (8, OwnerId(1), Status::InProgress)
    );
    assert_eq!((next.due, next.lease_until), (None, ask().lease_until));
    assert_eq!(
        next.routes, seen.routes,
        "the routes are fixed at the first claim (F55)"
    );
    assert_eq!(next.crashes, 0);
}

#[test]
fn each_end_without_a_word_counts_and_the_third_kills() {
    let plan = other(Status::InProgress);
    let mut row = other(Status::InProgress);
    for crashes in 1..=2 {
        row = ask().take_over(&row, TakeOver::Crashed, &plan, NOW);
        assert_eq!((row.crashes, row.status), (crashes, Status::InProgress));
    }
    row = ask().take_over(&row, TakeOver::Crashed, &plan, NOW);
    assert_eq!(row.status, Status::Dead);
    assert_eq!(
        row.death.map(|death| death.reason),
        Some(DeadReason::Crashed)
    );
}

#[test]
fn a_redrive_counts_tries_from_zero_and_keeps_what_was_delivered() {
    let mut seen = other(Status::Dead);
    seen.crashes = 2;
    seen.routes[0].state = RouteState::Delivered;
    seen.routes[1] = RouteRecord {
        state: RouteState::Spent,
        attempts: 4,
        ..seen.routes[1].clone()
    };
    let plan = other(Status::InProgress);
    let next = ask().take_over(&seen, TakeOver::Redrive, &plan, NOW);
    assert_eq!((next.redrive_n, next.crashes, next.death), (1, 0, None));
    assert_eq!(next.routes[0].state, RouteState::Delivered);
    assert_eq!(
        (next.routes[1].state, next.routes[1].attempts),
        (RouteState::Open, 0)
    );
}

#[test]
fn a_redrive_too_many_is_a_loop_f70() {
    let seen = Record {
        redrive_n: 3,
        ..other(Status::Dead)
    };
    let next = ask().take_over(&seen, TakeOver::Redrive, &seen, NOW);
    assert_eq!(
        next.death.map(|death| death.reason),
        Some(DeadReason::RedriveLoop)
    );
}

#[test]
fn a_redrive_of_what_nobody_wanted_is_planned_anew() {
    let mut seen = other(Status::Dead);
    seen.routes.clear();
    let plan = ask().first("v2", &[route("new")]);
    let next = ask().take_over(&seen, TakeOver::Redrive, &plan, NOW);
    assert_eq!((next.status, next.routes.len()), (Status::InProgress, 1));
    assert_eq!(next.routes_version, "v2");
}

#[test]
fn an_expired_row_is_taken_over_as_new() {
    let seen = Record {
        rev: 9,
        crashes: 2,
        redrive_n: 3,
        ..other(Status::Dead)
    };
    let plan = ask().first("v2", &[route("new")]);
    let next = ask().take_over(&seen, TakeOver::Expired, &plan, NOW);
    assert_eq!(next, Record { rev: 10, ..plan });
}

/// A moment without chance, of a message of which nothing is known.
fn at(now: Timestamp) -> Moment {
    Moment {
        now,
        jitter: Jitter::from_bits(0),
        life: Life::default(),
    }
}

fn close(states: [RouteState; 2]) -> (Disposition, Record) {
    let mut row = other(Status::InProgress);
    for (at, state) in row.routes.iter_mut().zip(states) {
        at.state = state;
    }
    let id = MessageId::new("m-1").unwrap();
    (row.close(&id, NOW, Duration::from_secs(1)), row)
}

#[test]
fn a_message_is_what_its_routes_are() {
    use RouteState::{Delivered, Expired, LetGo, Open, Rejected, Spent, WouldExpire};
    let dead = |reason| Disposition::Dead { reason };
    for (states, disposition, status) in [
        ([Delivered, Delivered], Disposition::Ack, Status::Completed),
        ([Delivered, LetGo], Disposition::Ack, Status::Completed),
        (
            [Delivered, Rejected],
            dead(DeadReason::Rejected),
            Status::Dead,
        ),
        ([Spent, Rejected], dead(DeadReason::Rejected), Status::Dead),
        (
            [Spent, Delivered],
            dead(DeadReason::AttemptsSpent),
            Status::Dead,
        ),
        (
            [Expired, Spent],
            dead(DeadReason::AttemptsSpent),
            Status::Dead,
        ),
        (
            [WouldExpire, Expired],
            dead(DeadReason::Expired),
            Status::Dead,
        ),
        (
            [Delivered, WouldExpire],
            dead(DeadReason::WouldExpire),
            Status::Dead,
        ),
    ] {
        let (closed, row) = close(states);
        assert_eq!((closed, row.status), (disposition, status), "{states:?}");
    }
    let (closed, row) = close([Open, Rejected]);
    let after = Duration::from_secs(1);
    assert_eq!(
        closed,
        Disposition::Defer {
            after,
            cause: DeferCause::Deadline
        }
    );
    assert_eq!(row.status, Status::Pending);
}

#[test]
fn the_earliest_route_says_when() {
    let mut row = other(Status::InProgress);
    row.routes[0].due = Some(NOW.after(Duration::from_secs(60)));
    row.routes[1].due = Some(NOW.after(Duration::from_secs(10)));
    let id = MessageId::new("m-1").unwrap();
    let after = Duration::from_secs(10);
    assert_eq!(
        row.close(&id, NOW, Duration::ZERO),
        Disposition::Retry { after }
    );
    assert_eq!(row.due, Some(NOW.after(after)));
    assert_eq!(
        row.ready(NOW.after(after)),
        [route("b")],
        "the other is not due"
    );
}

#[test]
fn a_due_try_that_there_was_no_time_for_is_deferred_not_spun_f16() {
    let mut row = other(Status::InProgress);
    row.routes[0].due = Some(NOW);
    row.routes[1].state = RouteState::Delivered;
    let id = MessageId::new("m-1").unwrap();
    let after = Duration::from_secs(1);
    let deferred = Disposition::Defer {
        after,
        cause: DeferCause::Deadline,
    };
    assert_eq!(row.close(&id, NOW, after), deferred);
    assert_eq!(row.routes[0].attempts, 0);
}

#[test]
fn a_row_remembers_the_last_twenty_attempts_cut_to_size_f50() {
    let mut row = other(Status::InProgress);
    let attempt = Attempt::transient("http_503", "ü".repeat(200), None);
    let policy = RetryPolicy {
        steps: 100,
        ..RetryPolicy::default()
    };
    for _ in 0..30 {
        row.note(&route("a"), &attempt, terms(&policy), at(NOW));
    }
    assert_eq!((row.attempts.len(), row.routes[0].attempts), (20, 30));
    assert!(row.attempts.iter().all(|a| a.message.len() == 256));
}

#[test]
fn a_row_shows_my_write_by_owner_rev_and_status_together_f40() {
    let mine = Record {
        rev: 4,
        ..other(Status::Completed)
    };
    assert!(mine.clone().shows(&mine));
    let others = Record {
        owner: OwnerId(9),
        ..mine.clone()
    };
    let earlier = Record {
        rev: 3,
        ..mine.clone()
    };
    let dead = Record {
        status: Status::Dead,
        ..mine.clone()
    };
    for row in [others, earlier, dead] {
        assert!(!row.shows(&mine), "{row:?}");
    }
}

#[test]
fn a_fence_names_owner_status_and_rev_of_the_row_f39() {
    let row = Record {
        rev: 4,
        ..other(Status::Dead)
    };
    let fence = Fence {
        owner: OwnerId(2),
        status: Status::Dead,
        rev: 4,
    };
    assert_eq!(row.fence(), fence);
}

#[test]
fn every_write_counts_one_and_never_shortens_a_rows_life() {
    let row = Record {
        rev: 4,
        ..other(Status::Pending)
    };
    let written = row.clone().written(6_000);
    assert_eq!((written.rev, written.expires_at), (5, 6_000));
    assert_eq!(row.written(1).expires_at, 5_000);
}

#[test]
fn the_ledgers_words_are_what_they_were() {
    use RouteState::{
        DeadLetter, DeadLettered, Delivered, Expired, LetGo, Open, Rejected, Spent, WouldExpire,
    };
    let statuses = [
        (Status::InProgress, "IN_PROGRESS"),
        (Status::Pending, "PENDING"),
        (Status::Scheduled, "SCHEDULED"),
        (Status::Completed, "COMPLETED"),
        (Status::Dead, "DEAD"),
    ];
    for (status, word) in statuses {
        assert_eq!(status.word(), word);
    }
    let states = [
        (Open, "open"),
        (Delivered, "delivered"),
        (Rejected, "rejected"),
        (LetGo, "let_go"),
        (Spent, "spent"),
        (Expired, "expired"),
        (WouldExpire, "would_expire"),
        (DeadLetter, "dead_letter"),
        (DeadLettered, "dead_lettered"),
    ];
    for (state, word) in states {
        assert_eq!(state.word(), word);
        assert_eq!(RouteState::parse(word), Some(state));
    }
    assert_eq!(RouteState::parse("Open"), None);
}

#[test]
fn a_refusal_ends_its_route_as_the_route_says() {
    let note = |on_rejected| {
        let mut row = other(Status::InProgress);
        let refused = Attempt::rejected("http_400", "no");
        let policy = RetryPolicy::default();
        let terms = TryTerms {
            on_rejected,
            ..terms(&policy)
        };
        row.note(&route("a"), &refused, terms, at(NOW));
        row
    };
    let row = note(OnRejected::Dead);
    assert_eq!(row.routes[0].state, RouteState::Rejected);
    assert_eq!(row.routes[0].last, "http_400");
    assert_eq!(note(OnRejected::Ack).routes[0].state, RouteState::LetGo);
    let told = &row.attempts[0];
    assert_eq!((told.at, &told.route), (NOW, &route("a")));
    assert_eq!(
        (told.outcome.as_str(), told.code.as_str()),
        ("rejected", "http_400")
    );
    assert_eq!(told.message, "no");
}

#[test]
fn what_is_put_off_is_not_charged_and_has_its_time_and_what_has_ended_has_none() {
    let later = NOW.after(Duration::from_secs(900));
    let mut row = other(Status::InProgress);
    row.routes[1].state = RouteState::Delivered;
    let before = row.clone();
    let names: Vec<_> = row.routes.iter().map(|at| at.name.clone()).collect();
    names.iter().for_each(|name| row.put_off(name, later));
    row.put_off(&route("gone"), later);
    assert_eq!(row.routes[0].due, Some(later));
    assert!(row.ready(NOW).is_empty());
    assert_eq!(row.ready(later), [names[0].clone()]);
    row.routes[0].due = before.routes[0].due;
    assert_eq!(row, before);
}

#[test]
fn a_try_that_is_not_charged_is_remembered_and_leaves_its_route_open() {
    let mut row = ask().first("v", &[route("a"), route("b")]);
    let later = NOW.after(Duration::from_secs(30));
    let attempt = Attempt::transient("http_503", "down", None);
    for _ in 0..30 {
        assert!(row.note_uncharged(&route("a"), &attempt, NOW, later));
    }
    assert!(!row.note_uncharged(&route("gone"), &attempt, NOW, later));
    let a = &row.routes[0];
    assert_eq!(
        (a.state, a.attempts, a.due),
        (RouteState::Open, 0, Some(later))
    );
    assert_eq!(a.last, "http_503");
    assert_eq!(row.attempts.len(), 20);
    assert_eq!(row.ready(NOW), [route("b")]);
}

#[test]
fn an_event_that_only_its_target_fails_at_is_charged_in_the_end() {
    let mut row = ask().first("v", &[route("a")]);
    let attempt = Attempt::transient("http_500", "this one", None);
    for n in 1..=100 {
        assert!(row.note_uncharged(&route("a"), &attempt, NOW, NOW), "{n}");
    }
    let before = row.clone();
    assert!(!row.note_uncharged(&route("a"), &attempt, NOW, NOW));
    assert_eq!(row, before, "the caller charges it");
}

#[test]
fn an_attempt_at_a_route_that_the_row_does_not_have_is_no_attempt() {
    let mut row = other(Status::InProgress);
    let before = row.clone();
    let policy = RetryPolicy::default();
    let done = Attempt::delivered("ok");
    row.note(&route("new"), &done, terms(&policy), at(NOW));
    assert_eq!(row, before);
}

#[test]
fn a_failed_try_whose_next_would_come_too_late_ends_its_route_f08_f11() {
    let note = |life, max_event_age| {
        let mut row = other(Status::InProgress);
        let busy = Attempt::transient("http_503", "busy", None);
        let policy = RetryPolicy {
            max_event_age,
            ..RetryPolicy::default()
        };
        let moment = Moment { life, ..at(NOW) };
        row.note(&route("a"), &busy, terms(&policy), moment);
        (
            row.routes[0].state,
            row.routes[0].due,
            row.routes[0].attempts,
        )
    };
    // The next try is due in ten seconds; a tenth of the retention must be left then.
    let secs = Duration::from_secs;
    let sent = Some(NOW.before(secs(80)));
    let life = |retention| Life {
        first_sent: None,
        sent,
        retention,
    };
    let open = (RouteState::Open, Some(NOW.after(secs(10))), 1);
    assert_eq!(note(life(None), None), open);
    assert_eq!(note(life(None), Some(secs(90))), open);
    assert_eq!(note(life(Some(secs(100))), None), open);
    let ms = Duration::from_millis;
    let expired = (RouteState::Expired, None, 1);
    assert_eq!(note(life(None), Some(ms(89_999))), expired);
    let would_expire = (RouteState::WouldExpire, None, 1);
    assert_eq!(note(life(Some(ms(99_990))), None), would_expire);
    let both = note(life(Some(secs(99))), Some(secs(89)));
    assert_eq!(both, expired, "what is useless is not waited for either");
}

#[test]
fn open_routes_expire_and_no_others_f11() {
    let life = Life {
        sent: Some(NOW.before(Duration::from_secs(60))),
        ..Life::default()
    };
    let expire = |row: &mut Record, now| {
        let minute = Some(Duration::from_secs(60));
        let bound = |name: &RouteName| minute.filter(|_| *name == route("a"));
        row.expire(life, now, |name| (bound(name), false));
    };
    let mut row = other(Status::InProgress);
    row.routes[0].due = Some(NOW.after(Duration::from_secs(5)));
    let before = row.clone();
    expire(&mut row, NOW);
    assert_eq!(row, before, "as old as it may be");
    let later = NOW.after(Duration::from_millis(1));
    expire(&mut row, later);
    assert_eq!(row.routes[0].state, RouteState::Expired);
    assert_eq!(row.routes[0].due, None);
    assert_eq!(row.routes[1], before.routes[1], "it has no bound");
    for state in [
        RouteState::Delivered,
        RouteState::Rejected,
        RouteState::Spent,
    ] {
        row.routes[0].state = state;
        expire(&mut row, later);
        assert_eq!(row.routes[0].state, state);
    }
}

#[test]
fn what_ends_well_forgets_its_attempts_and_what_is_dead_keeps_them() {
    let end = |state| {
        let mut row = other(Status::InProgress);
        row.due = Some(NOW);
        row.routes.truncate(1);
        let busy = Attempt::transient("http_503", "busy", None);
        let policy = RetryPolicy::default();
        row.note(&route("a"), &busy, terms(&policy), at(NOW));
        row.routes[0].state = state;
        row.close(&MessageId::new("m-9").unwrap(), NOW, Duration::ZERO);
        row
    };
    assert!(end(RouteState::Delivered).attempts.is_empty());
    let dead = end(RouteState::Spent);
    assert_eq!((dead.attempts.len(), dead.due), (1, None));
    let death = Death {
        at: NOW,
        reason: DeadReason::AttemptsSpent,
        message_id: MessageId::new("m-9").unwrap(),
        dlq_sent: false,
    };
    assert_eq!(dead.death, Some(death));
}

/// A route with a dead-letter target of its own, which is tried twice a second apart.
fn own_dead_letter(row: &mut Record, attempts: &[(Attempt, Timestamp)]) {
    let policy = RetryPolicy {
        steps: 1,
        jitter: 0.0,
        ..RetryPolicy::default()
    };
    let terms = TryTerms {
        dead_letter: Some(&policy),
        ..terms(&policy)
    };
    for (attempt, now) in attempts {
        row.note(&route("a"), attempt, terms, at(*now));
    }
}

#[test]
fn what_a_route_gives_up_is_for_its_own_dead_letter_target_next() {
    let (busy, refused) = (
        Attempt::transient("http_503", "busy", None),
        Attempt::rejected("http_400", "no"),
    );
    let second = Duration::from_secs(1);
    let ends = [
        (vec![refused.clone()], DeadReason::Rejected, "http_400"),
        (vec![busy.clone(); 2], DeadReason::AttemptsSpent, "http_503"),
    ];
    for (attempts, reason, code) in ends {
        let mut row = other(Status::InProgress);
        row.routes.truncate(1);
        let attempts: Vec<_> = attempts.into_iter().map(|a| (a, NOW)).collect();
        own_dead_letter(&mut row, &attempts);
        assert_eq!(row.given_up(&route("a")), Some((reason, code)));
        let at_it = &row.routes[0];
        assert_eq!((at_it.state, at_it.attempts), (RouteState::DeadLetter, 0));
        // The ledger says so before the dead-letter target is tried.
        assert!(row.ready(NOW).is_empty());
        let id = MessageId::new("m-1").unwrap();
        let retried = Disposition::Retry { after: second };
        assert_eq!(row.close(&id, NOW, Duration::ZERO), retried);
        assert_eq!(row.ready(NOW.after(second)), [route("a")]);

        let delivered = Attempt::delivered("sent");
        own_dead_letter(&mut row, &[(delivered, NOW.after(second))]);
        assert_eq!(row.routes[0].state, RouteState::DeadLettered);
        assert_eq!(row.given_up(&route("a")), None);
        assert_eq!(row.close(&id, NOW, Duration::ZERO), Disposition::Ack);
        let tries = attempts.len() + 1;
        assert_eq!(row.attempts.len(), tries, "the ledger still says why");
        assert_eq!(row.attempts.iter().filter(|a| a.dead_letter).count(), 1);
    }
}

#[test]
fn what_the_dead_letter_target_does_not_take_is_dead_of_what_it_died_of_first() {
    let refused = Attempt::rejected("http_400", "no");
    let busy = Attempt::transient("http_503", "busy", None);
    let mut row = other(Status::InProgress);
    row.routes.truncate(1);
    own_dead_letter(&mut row, &[(refused, NOW), (busy.clone(), NOW)]);
    let at_it = &row.routes[0];
    let waiting = (RouteState::DeadLetter, 1, true);
    let is = |at: &RouteRecord| (at.state, at.attempts, at.due.is_some());
    assert_eq!(is(at_it), waiting, "it has tries of its own");
    own_dead_letter(&mut row, &[(busy, NOW)]);
    assert_eq!(row.routes[0].state, RouteState::Rejected);
    let id = MessageId::new("m-1").unwrap();
    let reason = DeadReason::Rejected;
    let dead = Disposition::Dead { reason };
    assert_eq!(row.close(&id, NOW, Duration::ZERO), dead);
    // A redrive begins at the route's target again.
    let next = ask().take_over(&row, TakeOver::Redrive, &ask().first("v", &[]), NOW);
    let at_it = &next.routes[0];
    let anew = (RouteState::Open, 0, None, None);
    assert_eq!((at_it.state, at_it.attempts, at_it.due, at_it.died), anew);
}

#[test]
fn what_is_too_old_for_its_route_goes_to_the_dead_letter_target_once_f11() {
    let life = Life {
        first_sent: None,
        sent: Some(NOW.before(Duration::from_secs(60))),
        retention: None,
    };
    let mut row = other(Status::InProgress);
    let bound = |name: &RouteName| (Some(Duration::from_secs(1)), *name == route("a"));
    row.expire(life, NOW, bound);
    let states: Vec<_> = row.routes.iter().map(|at| at.state).collect();
    assert_eq!(states, [RouteState::DeadLetter, RouteState::Expired]);
    assert_eq!(row.given_up(&route("a")), Some((DeadReason::Expired, "")));
    let before = row.clone();
    row.expire(life, NOW.after(Duration::from_secs(60)), bound);
    assert_eq!(row, before, "no event is too old for a dead-letter target");
}

#[test]
fn every_word_reads_back() {
    for status in [
        Status::InProgress,
        Status::Pending,
        Status::Scheduled,
        Status::Completed,
        Status::Dead,
    ] {
        assert_eq!(Status::parse(status.word()), Some(status));
    }
    for reason in DeadReason::ALL {
        assert_eq!(DeadReason::parse(reason.word()), Some(reason));
    }
    assert_eq!(Status::parse("PAUSED"), None, "of a later release");
}

fn statuses() -> impl Strategy<Value = Status> {
    use Status::{Completed, Dead, InProgress, Pending};
    prop_oneof![Just(InProgress), Just(Pending), Just(Completed), Just(Dead)]
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let transient = prop::option::of(0u64..10_000).prop_map(|asked| Outcome::Transient {
        retry_after: asked.map(Duration::from_secs),
    });
    prop_oneof![
        Just(Outcome::Delivered),
        Just(Outcome::Rejected),
        Just(Outcome::Unknown),
        transient
    ]
}

proptest! {
    #[test]
    fn a_live_lease_is_granted_to_nobody_else(
        status in statuses(), left_ms in 0u64..100_000, expires_at in 0u64..10_000, same: bool,
    ) {
        let mut row = other(status);
        row.lease_until = NOW.after(Duration::from_millis(left_ms));
        row.expires_at = expires_at;
        if !same { row.digest = Digest("x".to_owned()); }
        if status == Status::InProgress {
            let deferred = matches!(verdict(row), Verdict::Defer { cause: DeferCause::LeaseBusy, .. });
            prop_assert!(deferred);
        }
    }

    #[test]
    fn done_stays_done_until_it_expires(at_s in 0u64..10_000, expires_at in 0u64..10_000) {
        let row = Record { expires_at, ..other(Status::Completed) };
        let verdict = judge(&Row::Known(Box::new(row)), &ask(), Timestamp::from_secs(at_s));
        let expired = expires_at <= at_s;
        prop_assert_eq!(verdict == Verdict::TakeOver(TakeOver::Expired), expired);
        prop_assert_eq!(verdict == Verdict::Completed, !expired);
    }

    #[test]
    fn every_event_ends(outcomes in prop::collection::vec(outcomes(), 1..40), steps in 0u32..10) {
        let policy = RetryPolicy { steps, ..RetryPolicy::default() };
        let mut row = other(Status::InProgress);
        let (mut now, mut tries) = (NOW, 0u32);
        let id = MessageId::new("m-1").unwrap();
        let mut outcomes = outcomes.into_iter().cycle();
        loop {
            for name in row.ready(now) {
                let outcome = outcomes.next().unwrap();
                let attempt = Attempt { outcome, ..Attempt::delivered("c") };
                row.note(&name, &attempt, terms(&policy), at(now));
                tries += 1;
            }
            match row.close(&id, now, Duration::ZERO) {
                Disposition::Retry { after } => now = now.after(after),
                Disposition::Ack => {
                    prop_assert!(row.routes.iter().all(|r| r.state == RouteState::Delivered));
                    break;
                }
                Disposition::Dead { .. } => {
                    prop_assert!(row.routes.iter().all(|r| r.state != RouteState::Open));
                    break;
                }
                end @ Disposition::Defer { .. } => prop_assert!(false, "{end:?}"),
            }
            row.status = Status::InProgress;
        }
        prop_assert!(tries <= 2 * (steps + 1));
    }
}

/// A deed for tests.
fn deed() -> AuditRecord {
    AuditRecord::new(NOW, Deed::Unlocked, "somebody", "why")
}

#[test]
fn only_dead_and_pending_rows_are_in_the_index_f44() {
    for status in [Status::InProgress, Status::Scheduled, Status::Completed] {
        assert_eq!(other(status).index_key(), None);
    }
    let shards: std::collections::BTreeSet<_> = (0..200)
        .map(|n| {
            let mut row = other(Status::Dead);
            row.key = LedgerKey::from_stored(format!("c#{n}"));
            row.index_key().unwrap()
        })
        .collect();
    assert_eq!(shards.len(), usize::from(INDEX_SHARDS));
    let all = (0..INDEX_SHARDS).map(|shard| index_key("c", Status::Dead, shard));
    assert_eq!(shards, all.collect());
    assert!(
        other(Status::Pending)
            .index_key()
            .unwrap()
            .starts_with("c#PENDING#")
    );
}

#[test]
fn only_a_claim_whose_lease_has_ended_is_unlocked_f52() {
    let mut stuck = other(Status::InProgress);
    stuck.lease_until = ended();
    stuck.crashes = 2;
    let free = stuck.unlocked(OwnerId(5), deed(), 9, NOW).unwrap();
    assert_eq!(
        (free.status, free.crashes, free.rev),
        (Status::Pending, 0, stuck.rev + 1)
    );
    assert_eq!(free.audit, [deed()]);
    // Whoever comes next takes it over without a crash being counted.
    assert_eq!(verdict(free), Verdict::TakeOver(TakeOver::Retry));
    stuck.lease_until = NOW;
    assert!(
        stuck
            .unlocked(OwnerId(5), deed(), 9, NOW)
            .unwrap_err()
            .contains("ends in")
    );
    for status in [
        Status::Pending,
        Status::Scheduled,
        Status::Completed,
        Status::Dead,
    ] {
        assert!(other(status).unlocked(OwnerId(5), deed(), 9, NOW).is_err());
    }
}

#[test]
fn a_row_remembers_the_last_deeds_and_cuts_what_is_long_f50() {
    let mut row = other(Status::Dead);
    for n in 0..20 {
        let entry = AuditRecord::new(NOW, Deed::Redriven, &"w".repeat(900), &format!("{n:0900}"));
        row = row.with_deed(OwnerId(5), entry, 9);
    }
    assert_eq!(row.audit.len(), crate::limit::AUDIT_KEPT);
    assert_eq!(
        (row.audit[0].who.len(), row.audit[0].note.len()),
        (128, 256)
    );
    for deed in Deed::ALL {
        assert_eq!(Deed::parse(deed.word()), Some(deed));
    }
}
