//! Tests of tries, receives and waits.

use proptest::prelude::*;

use super::*;

fn attempts(failure_rate: f64, most: u32) -> Attempts {
    Attempts { failure_rate, most }
}

fn near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn a_tenth_that_fails_is_tried_one_time_and_a_ninth_again() {
    let tenth = attempts(0.1, 4);
    near(tenth.tries(), 1.111);
    near(tenth.retries(), 0.111);
    near(tenth.spent(), 0.0001);
    // What is dead is received 25 times in all, or sent after its four tries.
    near(tenth.receives(DeadLetter::Redrive, 25), 1.111 + 0.0021);
    near(tenth.receives(DeadLetter::Send, 100), 1.111);
}

#[test]
fn what_never_fails_is_received_once_and_what_always_fails_to_the_end() {
    let never = attempts(0.0, 4);
    near(never.tries(), 1.0);
    near(never.spent(), 0.0);
    near(never.receives(DeadLetter::Redrive, 25), 1.0);
    near(never.waits_seconds(&RetryPolicy::default()), 0.0);
    let always = attempts(1.0, 4);
    near(always.tries(), 4.0);
    near(always.spent(), 1.0);
    near(always.receives(DeadLetter::Redrive, 25), 25.0);
    near(always.receives(DeadLetter::Redrive, 3), 4.0);
    // 10, 20 and 40 s, each up to a tenth longer: a twentieth on average, a tenth at most.
    let policy = RetryPolicy::default();
    near(always.waits_seconds(&policy), 73.5);
    near(policy.longest_waits().as_secs_f64(), 77.0);
}

#[test]
fn without_retries_nothing_waits_and_every_failure_is_dead() {
    let once = attempts(0.2, 1);
    near(once.tries(), 1.0);
    near(once.spent(), 0.2);
    near(once.waits_seconds(&RetryPolicy::default()), 0.0);
}

proptest! {
    #[test]
    fn tries_are_what_the_series_sums_to(rate in 0.0f64..0.99, most in 1u32..30) {
        let these = attempts(rate, most);
        let sum = (1.0 - rate.powi(i32::try_from(most).unwrap())) / (1.0 - rate);
        prop_assert!((these.tries() - sum).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&these.spent()));
        prop_assert!(these.receives(DeadLetter::Redrive, 50) >= these.tries());
        let policy = RetryPolicy { steps: most - 1, ..RetryPolicy::default() };
        let longest = policy.longest_waits().as_secs_f64();
        prop_assert!(these.waits_seconds(&policy) <= longest + 1e-6);
    }
}
