use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

/// Asked for and read in the same second.
fn read_at(seconds: u64) -> Known {
    Known {
        asked: Some(at(seconds)),
        read: Some(at(seconds)),
        is_doubted: false,
    }
}

#[test]
fn what_was_never_read_is_read() {
    assert_eq!(Known::default().before_try(at(0)), Step::Read);
}

#[test]
fn a_value_is_kept_for_five_minutes() {
    assert_eq!(read_at(0).before_try(at(299)), Step::Use);
    assert_eq!(read_at(0).before_try(at(300)), Step::Read);
}

#[test]
fn what_could_not_be_read_is_asked_for_again_after_five_seconds() {
    let failed = Known {
        asked: Some(at(0)),
        ..Known::default()
    };
    assert_eq!(failed.before_try(at(4)), Step::Wait);
    assert_eq!(failed.before_try(at(5)), Step::Read);
}

#[test]
fn an_old_value_serves_until_it_may_be_asked_for_again() {
    let failed = Known {
        asked: Some(at(400)),
        ..read_at(0)
    };
    assert_eq!(failed.before_try(at(404)), Step::Use);
    assert_eq!(failed.before_try(at(405)), Step::Read);
}

#[test]
fn a_value_in_doubt_is_read_again_but_not_at_once() {
    let doubted = Known {
        is_doubted: true,
        ..read_at(10)
    };
    assert_eq!(doubted.before_try(at(14)), Step::Use);
    assert_eq!(doubted.before_try(at(15)), Step::Read);
}

#[test]
fn a_refusal_stands_only_for_a_value_that_was_read_since() {
    assert_eq!(
        read_at(10).after_refusal(at(10), at(11)),
        Refusal::Stands,
        "read for this try"
    );
    assert_eq!(read_at(10).after_refusal(at(11), at(12)), Refusal::Open);
    assert_eq!(read_at(10).after_refusal(at(14), at(15)), Refusal::Read);
}

#[test]
fn a_clock_that_is_set_back_makes_a_value_old() {
    assert_eq!(read_at(100).before_try(at(0)), Step::Read);
}
