use proptest::prelude::*;

use super::*;

const FAILED: Outcome = Outcome::Transient { retry_after: None };

fn none() -> Jitter {
    Jitter::from_bits(0)
}

#[test]
fn waits_double_and_end_after_the_steps() {
    let policy = RetryPolicy::default();
    let waits: Vec<_> = (1..=5).map(|n| policy.decide(FAILED, n, none())).collect();
    let after = |s| RetryDecision::RetryAfter(Duration::from_secs(s));
    assert_eq!(
        waits,
        [
            after(10),
            after(20),
            after(40),
            RetryDecision::Spent,
            RetryDecision::Spent
        ]
    );
}

#[test]
fn a_rejection_is_never_retried() {
    assert_eq!(
        RetryPolicy::default().decide(Outcome::Rejected, 1, none()),
        RetryDecision::Spent
    );
}

#[test]
fn what_the_target_asks_for_is_honoured_between_own_wait_and_fifteen_minutes_f58() {
    let policy = RetryPolicy::default();
    let ask = |s| Outcome::Transient {
        retry_after: Some(Duration::from_secs(s)),
    };
    let after = |s| RetryDecision::RetryAfter(Duration::from_secs(s));
    assert_eq!(policy.decide(ask(1), 1, none()), after(10));
    assert_eq!(policy.decide(ask(60), 1, none()), after(60));
    assert_eq!(policy.decide(ask(100_000), 1, none()), after(900));
}

#[test]
fn store_trouble_waits_grow_to_fifteen_minutes_f43() {
    assert_eq!(store_trouble_wait(0), Duration::from_secs(5));
    assert_eq!(store_trouble_wait(1), Duration::from_secs(5));
    assert_eq!(store_trouble_wait(3), Duration::from_secs(20));
    assert_eq!(store_trouble_wait(u32::MAX), Duration::from_secs(900));
}

proptest! {
    #[test]
    fn a_wait_is_within_its_cap_and_jitter(
        steps in 0u32..100, secs in 0u64..5000, factor in 0.0f64..1e9, jitter in 0.0f64..2.0,
        attempts in 1u32..u32::MAX, bits: u64, cap in 0u64..1000,
    ) {
        let policy = RetryPolicy {
            steps, duration: Duration::from_secs(secs), factor, jitter, cap: Duration::from_secs(cap),
        };
        match policy.decide(FAILED, attempts, Jitter::from_bits(bits)) {
            RetryDecision::Spent => prop_assert!(attempts > steps),
            RetryDecision::RetryAfter(wait) => {
                prop_assert!(attempts <= steps);
                prop_assert!(wait <= Duration::from_secs(2 * cap));
            }
        }
    }
}

#[test]
fn chance_makes_a_wait_longer_by_its_part_at_most() {
    let policy = RetryPolicy {
        jitter: 0.5,
        ..RetryPolicy::default()
    };
    let wait = |bits| policy.decide(FAILED, 1, Jitter::from_bits(bits));
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
    assert!(longest > Duration::from_millis(14_999) && longest < Duration::from_secs(15));
}

#[test]
fn a_wait_stops_at_its_cap_before_chance() {
    let policy = RetryPolicy {
        steps: 50,
        cap: Duration::from_secs(60),
        ..RetryPolicy::default()
    };
    let wait = |attempts| policy.decide(FAILED, attempts, none());
    let after = |s| RetryDecision::RetryAfter(Duration::from_secs(s));
    assert_eq!(wait(3), after(40));
    assert_eq!([wait(4), wait(50)], [after(60), after(60)]);
}

#[test]
fn what_may_have_happened_is_tried_again_with_its_own_wait() {
    let policy = RetryPolicy::default();
    let after = |s| RetryDecision::RetryAfter(Duration::from_secs(s));
    assert_eq!(policy.decide(Outcome::Unknown, 2, none()), after(20));
    assert_eq!(
        policy.decide(Outcome::Delivered, 1, none()),
        RetryDecision::Spent
    );
}

#[test]
fn an_outage_is_survived_by_the_waits_of_the_receives_that_are_left() {
    // 25 receives, of which four tries and their ends need eleven.
    let waits: Duration = (1..=14).map(store_trouble_wait).sum();
    assert_eq!(outage_survived(25, 3), waits);
    let hours = |receives, steps| outage_survived(receives, steps).as_secs() / 3600;
    assert_eq!([hours(25, 3), hours(100, 3)], [1, 20]);
    assert_eq!(outage_survived(11, 3), Duration::ZERO);
    assert_eq!(outage_survived(3, u32::MAX), Duration::ZERO);
}
