//! Renewals, their times and their bounds.

use super::*;

const START: Timestamp = Timestamp::from_secs(1_000_000);
const PERIOD: Duration = Duration::from_secs(30);

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn terms(lasts: Duration) -> Terms {
    Terms {
        period: PERIOD,
        until: START.after(lasts),
    }
}

fn held_to(visible_at: Timestamp) -> Holding {
    Holding {
        received: START,
        visible_at,
    }
}

#[test]
fn a_fresh_message_is_left_alone_for_half_a_period() {
    let holding = held_to(START.after(PERIOD));
    let next = terms(secs(900)).next(holding, START);
    assert_eq!(next, Keep::Wait(START.after(PERIOD / 2)));
}

#[test]
fn a_renewal_counts_from_now_and_not_from_the_end_f06() {
    let holding = held_to(START.after(PERIOD));
    let now = START.after(secs(20));
    let next = terms(secs(900)).next(holding, now);
    assert_eq!(
        next,
        Keep::Extend {
            to: now.after(PERIOD)
        }
    );
}

#[test]
fn a_lapsed_message_is_asked_for_all_the_same_f02() {
    let holding = held_to(START.after(PERIOD));
    let now = START.after(secs(40));
    let next = terms(secs(900)).next(holding, now);
    assert_eq!(
        next,
        Keep::Extend {
            to: now.after(PERIOD)
        }
    );
}

#[test]
fn nothing_is_held_past_the_end_of_the_invocation() {
    let terms = terms(secs(40));
    let holding = held_to(START.after(PERIOD));
    let next = terms.next(holding, START.after(secs(20)));
    assert_eq!(next, Keep::Extend { to: terms.until });
    assert_eq!(
        terms.next(held_to(terms.until), START.after(secs(39))),
        Keep::Last
    );
    assert_eq!(terms.first(START.after(secs(35))), secs(5));
}

#[test]
fn twelve_hours_are_counted_from_the_receive_f05() {
    let forever = Terms {
        period: secs(3600),
        until: START.after(VISIBILITY_MAX * 2),
    };
    let end = longest(START);
    let mut holding = held_to(START.after(secs(3600)));
    let mut now = START;
    let mut renewals = 0;
    loop {
        match forever.next(holding, now) {
            Keep::Wait(then) => {
                assert!(then > now);
                now = then;
            }
            Keep::Extend { to } => {
                assert!(to.since(START) < VISIBILITY_MAX, "SQS would refuse it");
                assert!(to > holding.visible_at);
                holding.visible_at = to;
                renewals += 1;
            }
            Keep::Last => break,
        }
        assert!(renewals < 100, "it must come to an end");
    }
    assert_eq!(holding.visible_at, end);
    assert_eq!(end.since(START), VISIBILITY_MAX - secs(60));
}

#[test]
fn a_failed_renewal_has_several_more_tries_before_the_end() {
    let terms = terms(secs(900));
    let due = START.after(PERIOD / 2);
    let tries = PERIOD / 2;
    assert!(terms.again(due).since(due) * 5 < tries);
}

#[test]
fn a_renewal_must_win_more_than_a_second() {
    let holding = held_to(START.after(PERIOD));
    let won = |ms: u64| {
        let terms = terms(PERIOD + Duration::from_millis(ms));
        terms.extended(holding, START.after(secs(20))).is_some()
    };
    assert!(!won(1_000));
    assert!(won(1_001));
}

#[test]
fn a_renewal_must_win_more_than_a_quarter_of_a_short_period() {
    let short = Terms {
        period: secs(2),
        until: START.after(secs(900)),
    };
    let now = START.after(secs(10));
    let won = |ms: u64| {
        let visible_at = now.after(short.period - Duration::from_millis(ms));
        short.extended(held_to(visible_at), now).is_some()
    };
    assert!(!won(500));
    assert!(won(501));
}
