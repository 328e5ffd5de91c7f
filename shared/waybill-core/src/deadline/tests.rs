use proptest::prelude::*;

use super::*;

fn budget(seconds: u64) -> Budget {
    Budget {
        started: Timestamp::from_millis(0),
        deadline: Timestamp::from_millis(seconds * 1000),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

const TEN: Duration = Duration::from_secs(10);

#[test]
fn a_try_starts_only_with_its_whole_time_left_f16() {
    assert_eq!(budget(60).start(at(0), TEN), Start::Now { limit: TEN });
    assert_eq!(budget(60).start(at(48), TEN), Start::Now { limit: TEN });
    assert_eq!(budget(60).start(at(49), TEN), Start::TooLate);
}

#[test]
fn a_short_invocation_clamps_the_time_of_a_try_f61() {
    let half = Duration::from_millis(4500);
    assert_eq!(budget(5).start(at(0), TEN), Start::Now { limit: half });
    assert_eq!(budget(5).start(at(3), TEN), Start::TooLate);
}

#[test]
fn nothing_starts_after_the_deadline() {
    assert_eq!(budget(60).start(at(61), Duration::ZERO), Start::TooLate);
    assert_eq!(budget(0).start(at(0), Duration::ZERO), Start::TooLate);
}

proptest! {
    #[test]
    fn what_starts_ends_before_the_time_kept_for_writing_down(
        started in 0u64..1_000_000, length in 0u64..900_000, now in 0u64..2_000_000, wanted in 0u64..100_000,
    ) {
        let budget = Budget {
            started: Timestamp::from_millis(started),
            deadline: Timestamp::from_millis(started + length),
        };
        let now = Timestamp::from_millis(now);
        if let Start::Now { limit } = budget.start(now, Duration::from_millis(wanted)) {
            prop_assert!(now.after(limit) <= budget.work_until());
            prop_assert!(limit <= Duration::from_millis(wanted));
        }
        prop_assert!(budget.work_until() <= budget.settle_until());
        prop_assert!(budget.settle_until() <= budget.stop_at());
        prop_assert!(budget.stop_at() <= budget.deadline);
    }
}

#[test]
fn a_tenth_is_kept_for_writing_down_from_300_ms_to_2_s() {
    let ms = Duration::from_millis;
    for (seconds, margin) in [(1, 300), (3, 300), (10, 1000), (20, 2000), (900, 2000)] {
        assert_eq!(budget(seconds).margin(), ms(margin), "{seconds} s");
    }
}

#[test]
fn work_then_writes_then_the_answer_must_have_ended() {
    let ten = budget(10);
    let before_the_end = |ms: u64| Timestamp::from_millis(10_000 - ms);
    assert_eq!(ten.work_until(), before_the_end(1_000));
    assert_eq!(ten.settle_until(), before_the_end(500));
    assert_eq!(ten.stop_at(), Timestamp::from_millis(10_000 - 166));
}

#[test]
fn a_try_that_takes_no_time_needs_some_time_left() {
    let ten = budget(10);
    let last = Timestamp::from_millis(8_999);
    let start = |now| ten.start(now, Duration::ZERO);
    assert!(matches!(start(last), Start::Now { .. }));
    assert_eq!(start(ten.work_until()), Start::TooLate);
}
