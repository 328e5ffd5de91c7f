use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// A try that failed with this code.
fn failed(code: &'static str) -> Attempt {
    Attempt::transient(code, "", None)
}

/// A try whose target asked for a wait.
fn asking(code: &'static str, s: u64) -> Attempt {
    Attempt::transient(code, "", Some(secs(s)))
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn after(s: u64) -> RetryDecision {
    RetryDecision::RetryAfter(secs(s))
}

/// A moment of a message of which nothing is known, with this chance.
fn by_chance(bits: u64) -> Moment {
    Moment {
        now: NOW,
        jitter: Jitter::from_bits(bits),
        life: Life::default(),
    }
}

/// The same without chance.
fn now() -> Moment {
    by_chance(0)
}

fn exponential(s: u64, factor: f64) -> Backoff {
    let duration = secs(s);
    Backoff::Exponential { duration, factor }
}

/// A policy with a retry for each wait of this many.
fn policy(backoff: Backoff, steps: u32) -> RetryPolicy {
    RetryPolicy {
        steps,
        backoff,
        ..RetryPolicy::default()
    }
}

/// What follows after each try, in seconds, up to the one that is the last; with the most chance
/// rounded up.
fn waits(policy: &RetryPolicy, moment: Moment) -> Vec<u64> {
    let decisions = (1..).map(|n| policy.decide(&failed("http_503"), n, moment));
    let waits = decisions.map_while(|decision| match decision {
        RetryDecision::RetryAfter(wait) => Some(wait.as_millis().div_ceil(1000)),
        RetryDecision::Spent | RetryDecision::Expired | RetryDecision::WouldExpire => None,
    });
    waits.map(|s| u64::try_from(s).unwrap()).collect()
}

#[test]
fn each_policy_has_its_waits_and_ends() {
    let schedule = Backoff::Schedule([5, 300, 1800].map(secs).into());
    let linear = Backoff::Linear { duration: secs(5) };
    let table = [
        (RetryPolicy::default(), vec![10, 20, 40], vec![11, 22, 44]),
        (policy(exponential(10, 1.0), 3), vec![10; 3], vec![11; 3]),
        (
            policy(exponential(20, 1.5), 3),
            vec![20, 30, 45],
            vec![22, 33, 50],
        ),
        (policy(linear, 4), vec![5, 10, 15, 20], vec![6, 11, 17, 22]),
        (
            policy(schedule.clone(), 3),
            vec![5, 300, 900],
            vec![6, 330, 990],
        ),
        (
            RetryPolicy {
                cap: secs(1800),
                ..policy(schedule, 3)
            },
            vec![5, 300, 1800],
            vec![6, 330, 1980],
        ),
        (policy(exponential(0, 9.0), 2), vec![0, 0], vec![0, 0]),
        (policy(exponential(10, 2.0), 0), vec![], vec![]),
    ];
    for (policy, least, most) in table {
        assert_eq!(waits(&policy, now()), least, "{policy:?}");
        assert_eq!(waits(&policy, by_chance(u64::MAX)), most, "{policy:?}");
    }
}

#[test]
fn a_list_of_waits_goes_on_with_its_last() {
    let schedule = Backoff::Schedule([5, 300].map(secs).into());
    assert_eq!(
        [1, 2, 3, u32::MAX].map(|n| schedule.wait(n).as_secs()),
        [5, 300, 300, 300]
    );
    assert_eq!(Backoff::Schedule([].into()).wait(1), Duration::ZERO);
}

#[test]
fn a_rejection_is_never_retried() {
    for attempt in [
        Attempt::rejected("http_400", ""),
        Attempt::delivered("http_200"),
    ] {
        let decision = RetryPolicy::default().decide(&attempt, 1, now());
        assert_eq!(decision, RetryDecision::Spent);
    }
}

#[test]
fn what_the_target_asks_for_is_honoured_between_own_wait_and_fifteen_minutes_f58() {
    let decide = |s| RetryPolicy::default().decide(&asking("http_429", s), 1, now());
    assert_eq!(decide(1), after(10));
    assert_eq!(decide(60), after(60));
    assert_eq!(decide(100_000), after(900));
    let long = RetryPolicy {
        cap: secs(7200),
        ..policy(exponential(3600, 1.0), 1)
    };
    let decision = long.decide(&asking("http_429", 5400), 1, now());
    assert_eq!(
        decision,
        after(3600),
        "what it asks for makes no wait longer than that"
    );
}

#[test]
fn after_an_overload_no_wait_is_shorter_than_the_floor() {
    let floored = RetryPolicy {
        overload_floor: secs(60),
        ..RetryPolicy::default()
    };
    let decide = |attempt: &Attempt, n, bits| floored.decide(attempt, n, by_chance(bits));
    for code in OVERLOAD_CODES {
        assert_eq!(decide(&failed(code), 1, 0), after(60), "{code}");
    }
    assert_eq!(decide(&Attempt::unknown("timeout", ""), 1, 0), after(60));
    for code in ["http_503", "http_408", "connect_refused", "connection_lost"] {
        assert_eq!(decide(&failed(code), 1, 0), after(10), "{code}");
    }
    // The way up is chance's, so that they do not all come back at once.
    let half = RetryDecision::RetryAfter(secs(63));
    assert_eq!(decide(&failed("http_429"), 1, 1 << 63), half);
    assert_eq!(decide(&asking("http_429", 30), 1, 0), after(60), "at least");
    assert_eq!(decide(&asking("http_429", 90), 1, 0), after(90));
    let capped = RetryPolicy {
        cap: secs(20),
        ..floored.clone()
    };
    assert_eq!(capped.decide(&failed("http_429"), 3, now()), after(60));
    assert_eq!(capped.decide(&failed("http_503"), 3, now()), after(20));
    let off = RetryPolicy::default();
    assert_eq!(off.decide(&failed("http_429"), 1, now()), after(10), "off");
}

#[test]
fn a_code_has_waits_of_its_own_and_the_same_steps() {
    let on = OnCode {
        backoff: exponential(100, 3.0),
        cap: secs(500),
    };
    let policy = RetryPolicy {
        overload_floor: secs(200),
        on: Some(Arc::new([("timeout".to_owned(), on)].into())),
        ..RetryPolicy::default()
    };
    let decide = |code, n| policy.decide(&failed(code), n, now());
    assert_eq!(decide("http_503", 2), after(20));
    assert_eq!(decide("timeout", 1), after(200), "the floor is above it");
    assert_eq!(
        decide("timeout", 2),
        after(300),
        "after two tries, whatever they met"
    );
    assert_eq!(decide("timeout", 3), after(500));
    assert_eq!(decide("timeout", 4), RetryDecision::Spent);
}

#[test]
fn an_event_is_tried_up_to_the_very_millisecond_of_its_age_f11() {
    let decide = |age_ms| {
        let policy = RetryPolicy {
            max_event_age: Some(secs(3600)),
            ..RetryPolicy::default()
        };
        let life = Life {
            sent: Some(NOW.before(Duration::from_millis(age_ms))),
            ..Life::default()
        };
        policy.decide(&failed("http_503"), 1, Moment { life, ..now() })
    };
    assert_eq!(decide(3_590_000), after(10));
    assert_eq!(decide(3_590_001), RetryDecision::Expired);
    assert_eq!(decide(9_999_999), RetryDecision::Expired);
    let unknown = RetryPolicy {
        max_event_age: Some(secs(1)),
        ..RetryPolicy::default()
    };
    assert_eq!(
        unknown.decide(&failed("http_503"), 1, now()),
        after(10),
        "no send is known"
    );
}

#[test]
fn what_would_leave_the_queue_before_its_next_try_is_not_waited_for_f08() {
    let decide = |retention: u64, left_ms: u64| {
        let sent = NOW
            .after(Duration::from_millis(left_ms))
            .before(secs(retention));
        let life = Life {
            sent: Some(sent),
            retention: Some(secs(retention)),
            ..Life::default()
        };
        RetryPolicy::default().decide(&failed("http_503"), 1, Moment { life, ..now() })
    };
    // Ten seconds of wait, and a tenth of the retention, at most fifteen minutes.
    for (retention, margin_ms) in [
        (60, 6_000),
        (600, 60_000),
        (9000, 900_000),
        (345_600, 900_000),
    ] {
        assert_eq!(
            decide(retention, margin_ms + 10_000),
            after(10),
            "{retention}"
        );
        let short = decide(retention, margin_ms + 9_999);
        assert_eq!(short, RetryDecision::WouldExpire, "{retention}");
        assert_eq!(
            decide(retention, 0),
            RetryDecision::WouldExpire,
            "{retention}"
        );
    }
}

#[test]
fn too_many_tries_go_before_too_old_and_that_before_too_late_f08_f11() {
    let policy = RetryPolicy {
        max_event_age: Some(secs(100)),
        ..RetryPolicy::default()
    };
    let life = Life {
        sent: Some(NOW.before(secs(99))),
        retention: Some(secs(100)),
        ..Life::default()
    };
    let moment = Moment { life, ..now() };
    let decide = |n| policy.decide(&failed("http_503"), n, moment);
    assert_eq!(decide(4), RetryDecision::Spent);
    assert_eq!(decide(3), RetryDecision::Expired);
    // What the target asks for counts too: it says that it will not take it before.
    let young = Life {
        sent: Some(NOW),
        ..Life::default()
    };
    let moment = Moment {
        life: young,
        ..now()
    };
    assert_eq!(
        policy.decide(&asking("http_503", 100), 1, moment),
        after(100)
    );
    let asked = policy.decide(&asking("http_503", 101), 1, moment);
    assert_eq!(asked, RetryDecision::Expired);
}

#[test]
fn what_is_away_for_five_minutes_is_looked_for_within_35_s_of_its_end_f43() {
    let mut at = Duration::ZERO;
    for n in 1u32.. {
        if at > secs(300) {
            break;
        }
        assert!(
            outage_wait(n) <= secs(35) || at >= secs(300),
            "receive {n} at {at:?}"
        );
        at += outage_wait(n);
    }
    assert_eq!(
        [0, 1, 3, u32::MAX].map(outage_wait),
        [5, 5, 20, 3600].map(secs)
    );
}

#[test]
fn the_wait_in_an_outage_never_shrinks_and_ends_at_an_hour() {
    for n in 0..100 {
        assert!(outage_wait(n) <= outage_wait(n + 1), "receive {n}");
    }
    assert_eq!(outage_wait(100), secs(3600));
}

#[test]
fn no_wait_lasts_until_its_message_would_leave_the_queue_f08() {
    let life = Life {
        first_sent: None,
        sent: Some(NOW),
        retention: Some(secs(3600)),
    };
    let wait = |wait, at| life.shortened(secs(wait), NOW.after(secs(at))).as_secs();
    // The last six minutes are kept.
    assert_eq!(wait(900, 0), 900);
    assert_eq!(wait(3600, 0), 3240);
    assert_eq!(wait(900, 3000), 240);
    assert_eq!([wait(900, 3240), wait(900, 4000), wait(0, 4000)], [1, 1, 0]);
    let unknown = Life {
        retention: None,
        ..life
    };
    assert_eq!(unknown.shortened(secs(7200), NOW), secs(7200));
}

fn backoffs() -> impl Strategy<Value = Backoff> {
    let schedule = prop::collection::vec(0u64..50_000, 1..100);
    prop_oneof![
        (0u64..50_000, 0.0f64..1e9).prop_map(|(s, factor)| exponential(s, factor)),
        (0u64..50_000).prop_map(|s| Backoff::Linear { duration: secs(s) }),
        schedule.prop_map(|list| Backoff::Schedule(list.into_iter().map(secs).collect())),
    ]
}

proptest! {
    #[test]
    fn a_wait_is_within_its_cap_and_jitter_and_not_below_its_floor(
        steps in 0u32..100, backoff in backoffs(), jitter in 0.0f64..2.0, attempts in 1u32..u32::MAX,
        bits: u64, cap in 0u64..43_200, floor in 0u64..900, overload: bool, asked in 0u64..2000,
    ) {
        let policy = RetryPolicy {
            jitter, cap: secs(cap), overload_floor: secs(floor), ..policy(backoff, steps)
        };
        let attempt = asking(if overload { "http_429" } else { "http_503" }, asked);
        match policy.decide(&attempt, attempts, by_chance(bits)) {
            RetryDecision::RetryAfter(wait) => {
                prop_assert!(attempts <= steps);
                let floor = if overload { floor } else { 0 };
                prop_assert!(wait >= secs(floor).max(secs(asked.min(900))));
                prop_assert!(wait <= secs((2 * cap.max(floor)).max(asked.min(900))));
            }
            RetryDecision::Spent => prop_assert!(attempts > steps),
            RetryDecision::Expired | RetryDecision::WouldExpire => prop_assert!(false),
        }
    }

    #[test]
    fn there_is_one_try_more_than_steps(backoff in backoffs(), steps in 0u32..100, bits: u64) {
        let waits = waits(&policy(backoff, steps), by_chance(bits)).len();
        prop_assert_eq!(u32::try_from(waits).unwrap(), steps);
    }

    #[test]
    fn no_try_is_waited_for_beyond_age_and_retention_f08_f11(
        backoff in backoffs(), age_s in 0u64..100_000, max_age in 1u64..100_000,
        retention in 60u64..1_209_600, asked in 0u64..2000, bits: u64,
    ) {
        let policy = RetryPolicy { max_event_age: Some(secs(max_age)), ..policy(backoff, 3) };
        let sent = NOW.before(secs(age_s));
        let life = Life { sent: Some(sent), retention: Some(secs(retention)), ..Life::default() };
        let moment = Moment { life, ..by_chance(bits) };
        let decision = policy.decide(&asking("http_429", asked), 1, moment);
        if let RetryDecision::RetryAfter(wait) = decision {
            let due = NOW.after(wait);
            prop_assert!(due <= sent.after(secs(max_age)));
            prop_assert!(due < sent.after(secs(retention)));
        }
    }
}

#[test]
fn chance_makes_a_wait_longer_by_its_part_at_most() {
    let policy = RetryPolicy {
        jitter: 0.5,
        ..RetryPolicy::default()
    };
    let wait = |bits| policy.decide(&failed("http_503"), 1, by_chance(bits));
    let after = |ms| RetryDecision::RetryAfter(Duration::from_millis(ms));
    assert_eq!(wait(0), after(10_000));
    assert_eq!(wait(1 << 63), after(12_500), "half of the most");
    assert_eq!(
        wait(u64::from(u32::MAX)),
        after(10_000),
        "low bits are left"
    );
    let RetryDecision::RetryAfter(longest) = wait(u64::MAX) else {
        panic!("no wait");
    };
    assert!(longest > Duration::from_millis(14_999) && longest < secs(15));
}

#[test]
fn a_wait_stops_at_its_cap_before_chance() {
    let policy = RetryPolicy {
        cap: secs(60),
        ..policy(exponential(10, 2.0), 50)
    };
    let wait = |attempts| policy.decide(&failed("http_503"), attempts, now());
    assert_eq!(wait(3), after(40));
    assert_eq!([wait(4), wait(50)], [after(60), after(60)]);
}

#[test]
fn what_may_have_happened_is_tried_again_with_its_own_wait() {
    let unknown = Attempt::unknown("connection_lost", "");
    let decision = RetryPolicy::default().decide(&unknown, 2, now());
    assert_eq!(decision, after(20));
}

#[test]
fn an_outage_is_survived_by_the_waits_of_the_receives_that_are_left() {
    // 25 receives, of which four are for tries and one is for chance.
    let waits: Duration = (1..=20).map(outage_wait).sum();
    assert_eq!(outage_survived(25, 3), waits);
    let minutes = |receives, steps| outage_survived(receives, steps).as_secs() / 60;
    assert!(minutes(25, 3) >= 6 * 60, "six hours");
    let all = [(25, 3), (25, 5), (25, 10), (100, 5)];
    // The numbers of docs/SEMANTICS.md.
    let said = all.map(|(receives, steps)| minutes(receives, steps));
    assert_eq!(said, [372, 252, 12, 4752]);
    assert_eq!(outage_survived(5, 3), Duration::ZERO);
    assert_eq!(outage_survived(3, u32::MAX), Duration::ZERO);
}
