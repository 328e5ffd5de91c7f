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
