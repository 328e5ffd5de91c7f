//! When a poller receives, waits and stops.

use super::*;

const START: Timestamp = Timestamp::from_secs(1_000_000);

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn rules() -> Rules {
    Rules {
        budget: Budget {
            started: START,
            deadline: START.after(secs(60)),
        },
        reserve: secs(10),
        capacity: 100,
        max_messages: None,
        stop_when_empty: false,
    }
}

fn moment() -> Moment {
    Moment {
        now: START,
        held: 0,
        receiving: 0,
        expected: 0,
        received: 0,
        changed: START,
        quiet: false,
        appetite: Appetite::Full,
    }
}

fn full() -> Answer {
    Answer::Messages { asked: 10, got: 10 }
}

fn empty() -> Answer {
    Answer::Messages { asked: 10, got: 0 }
}

fn after(answers: &[Answer]) -> Pace {
    let mut pace = Pace::default();
    answers.iter().for_each(|a| pace.learn(*a, START));
    pace
}

#[test]
fn an_idle_poller_has_one_long_poll_out() {
    let pace = Pace::default();
    let first = rules().next(&pace, moment());
    assert_eq!(
        first,
        Next::Receive {
            max: 10,
            wait: secs(20)
        }
    );
    let out = Moment {
        receiving: 1,
        expected: 10,
        ..moment()
    };
    assert!(matches!(rules().next(&pace, out), Next::Wait(_)));
}

#[test]
fn full_answers_double_the_receives_and_an_empty_one_ends_them() {
    assert_eq!(after(&[full()]).wanted(), 2);
    assert_eq!(after(&[full(); 3]).wanted(), 8);
    assert_eq!(after(&[full(); 9]).wanted(), 10);
    let poor = Answer::Messages { asked: 10, got: 2 };
    assert_eq!(after(&[full(), full(), poor]).wanted(), 3);
    let half = Answer::Messages { asked: 10, got: 5 };
    assert_eq!(after(&[full(), full(), half]).wanted(), 4);
    assert_eq!(after(&[full(), full(), empty()]).wanted(), 1);
}

#[test]
fn a_receive_beside_another_waits_a_second_only() {
    let out = Moment {
        receiving: 1,
        expected: 10,
        ..moment()
    };
    assert_eq!(
        rules().next(&after(&[full()]), out),
        Next::Receive {
            max: 10,
            wait: secs(1)
        }
    );
}

#[test]
fn no_more_is_asked_for_than_can_be_worked_on() {
    let pace = after(&[full(); 4]);
    let busy = Moment {
        held: 70,
        receiving: 2,
        expected: 20,
        ..moment()
    };
    assert!(matches!(
        rules().next(&pace, busy),
        Next::Receive { max: 10, .. }
    ));
    let full = Moment { held: 71, ..busy };
    assert_eq!(
        rules().next(&pace, full),
        Next::Wait(START.after(secs(1))),
        "nine places are not worth a request yet"
    );
}

#[test]
fn the_places_that_slow_work_leaves_are_used() {
    let slow = Moment {
        now: START.after(secs(1)),
        held: 93,
        ..moment()
    };
    let next = rules().next(&Pace::default(), slow);
    assert!(matches!(next, Next::Receive { max: 7, .. }), "{next:?}");
    let none = Moment { held: 100, ..slow };
    assert!(matches!(
        rules().next(&Pace::default(), none),
        Next::Wait(_)
    ));
}

#[test]
fn a_small_poller_asks_for_as_many_as_it_can_work_on() {
    let rules = Rules {
        capacity: 3,
        ..rules()
    };
    let next = rules.next(&Pace::default(), moment());
    assert!(matches!(next, Next::Receive { max: 3, .. }));
    let one = Moment {
        held: 1,
        ..moment()
    };
    assert!(matches!(rules.next(&Pace::default(), one), Next::Wait(_)));
}

#[test]
fn the_last_wait_ends_where_the_reserve_begins() {
    // 60 s less 2 s of margin less 10 s of reserve.
    let late = Moment {
        now: START.after(secs(40)),
        ..moment()
    };
    assert_eq!(
        rules().next(&Pace::default(), late),
        Next::Receive {
            max: 10,
            wait: secs(8)
        }
    );
    let too_late = Moment {
        now: START.after(Duration::from_millis(47_001)),
        ..moment()
    };
    assert_eq!(
        rules().next(&Pace::default(), too_late),
        Next::Drain(Stop::Deadline)
    );
}

#[test]
fn a_reserve_longer_than_the_invocation_leaves_half_of_it() {
    let rules = Rules {
        reserve: secs(300),
        ..rules()
    };
    assert!(matches!(
        rules.next(&Pace::default(), moment()),
        Next::Receive { .. }
    ));
}

#[test]
fn as_many_messages_as_asked_for_and_no_more() {
    let rules = Rules {
        max_messages: Some(13),
        ..rules()
    };
    let pace = after(&[full()]);
    let one_out = Moment {
        receiving: 1,
        expected: 10,
        ..moment()
    };
    assert!(matches!(
        rules.next(&pace, one_out),
        Next::Receive { max: 3, .. }
    ));
    let both_out = Moment {
        receiving: 2,
        expected: 13,
        ..moment()
    };
    assert!(matches!(
        rules.next(&after(&[full(); 3]), both_out),
        Next::Wait(_)
    ));
    let done = Moment {
        received: 13,
        ..moment()
    };
    assert_eq!(rules.next(&pace, done), Next::Drain(Stop::Enough));
}

#[test]
fn empty_means_an_empty_answer_and_nothing_held() {
    let rules = Rules {
        stop_when_empty: true,
        ..rules()
    };
    let pace = after(&[empty()]);
    assert_eq!(rules.next(&pace, moment()), Next::Drain(Stop::Empty));
    let held = Moment {
        held: 1,
        ..moment()
    };
    assert!(
        !matches!(rules.next(&pace, held), Next::Drain(_)),
        "what is held may come back"
    );
    let fresh = Pace::default();
    assert!(matches!(rules.next(&fresh, moment()), Next::Receive { .. }));
}

#[test]
fn failures_pause_longer_and_longer_and_one_answer_ends_the_pause() {
    let once = after(&[Answer::Failed]);
    let soon = rules().next(&once, moment());
    assert_eq!(soon, Next::Wait(START.after(PAUSE)));
    let often = after(&[Answer::Failed; 20]);
    assert_eq!(
        rules().next(&often, moment()),
        Next::Wait(START.after(PAUSE * 64))
    );
    let again = after(&[Answer::Failed, full()]);
    assert!(matches!(
        rules().next(&again, moment()),
        Next::Receive { .. }
    ));
}

#[test]
fn a_refusal_stops_the_poll() {
    let pace = after(&[full(), Answer::Refused]);
    assert_eq!(rules().next(&pace, moment()), Next::Drain(Stop::Refused));
}

#[test]
fn nothing_is_received_beside_what_runs_alone() {
    let quiet = Moment {
        quiet: true,
        ..moment()
    };
    assert!(matches!(
        rules().next(&Pace::default(), quiet),
        Next::Wait(_)
    ));
}

#[test]
fn a_stop_says_why_in_the_words_of_the_report() {
    let words = [Stop::Deadline, Stop::Empty, Stop::Enough, Stop::Refused].map(Stop::word);
    assert_eq!(words, ["deadline", "empty", "max_messages", "refused"]);
}

#[test]
fn a_pause_ends_in_its_moment() {
    let pace = after(&[Answer::Failed]);
    let next = |now| rules().next(&pace, Moment { now, ..moment() });
    let end = START.after(PAUSE);
    assert_eq!(next(end.before(Duration::from_millis(1))), Next::Wait(end));
    assert!(matches!(next(end), Next::Receive { .. }));
}

#[test]
fn a_pause_is_never_waited_out_past_the_last_receive() {
    let mut pace = Pace::default();
    let now = START.after(secs(46));
    (0..10).for_each(|_| pace.learn(Answer::Failed, now));
    let next = rules().next(&pace, Moment { now, ..moment() });
    assert_eq!(next, Next::Wait(START.after(secs(48))));
}

#[test]
fn the_last_receive_begins_a_second_before_the_reserve() {
    let next = |ms| {
        let now = START.after(Duration::from_millis(ms));
        rules().next(&Pace::default(), Moment { now, ..moment() })
    };
    let wait = secs(1);
    assert_eq!(next(47_000), Next::Receive { max: 10, wait });
    assert_eq!(next(47_001), Next::Drain(Stop::Deadline));
}

#[test]
fn half_of_a_short_poll_is_for_receiving() {
    let rules = Rules {
        reserve: secs(300),
        ..rules()
    };
    let next = |s| {
        let now = START.after(secs(s));
        rules.next(&Pace::default(), Moment { now, ..moment() })
    };
    // 58 s of work.
    assert!(matches!(next(28), Next::Receive { .. }));
    assert_eq!(next(29), Next::Drain(Stop::Deadline));
}

#[test]
fn a_queue_is_not_empty_while_an_answer_is_out() {
    let rules = Rules {
        stop_when_empty: true,
        ..rules()
    };
    let pace = after(&[empty()]);
    let out = Moment {
        receiving: 1,
        expected: 10,
        ..moment()
    };
    assert!(matches!(rules.next(&pace, out), Next::Wait(_)));
    let patient = Rules {
        stop_when_empty: false,
        ..rules
    };
    assert!(matches!(
        patient.next(&pace, moment()),
        Next::Receive { .. }
    ));
}

#[test]
fn who_stops_when_empty_asks_with_a_short_wait() {
    let rules = Rules {
        stop_when_empty: true,
        ..rules()
    };
    let wait = secs(1);
    assert_eq!(
        rules.next(&Pace::default(), moment()),
        Next::Receive { max: 10, wait }
    );
}

#[test]
fn places_are_waited_for_a_second_and_then_used() {
    let next = |ms| {
        let now = START.after(Duration::from_millis(ms));
        let slow = Moment {
            now,
            held: 93,
            ..moment()
        };
        rules().next(&Pace::default(), slow)
    };
    assert_eq!(next(999), Next::Wait(START.after(secs(1))));
    assert!(matches!(next(1_000), Next::Receive { max: 7, .. }));
}

#[test]
fn a_receive_more_than_half_full_keeps_the_pace_and_a_poor_one_slows_it() {
    let got = |got| Answer::Messages { asked: 4, got };
    let wanted = |got| after(&[full(), full(), got]).wanted();
    assert_eq!(wanted(got(4)), 8, "as many as asked for");
    assert_eq!(wanted(got(3)), 4);
    assert_eq!(wanted(got(2)), 4, "half is not poor");
    assert_eq!(wanted(got(1)), 3);
    assert_eq!(after(&[got(1)]).wanted(), 1, "one is always out");
}

#[test]
fn what_is_expected_counts_against_what_was_asked_for() {
    let rules = Rules {
        max_messages: Some(20),
        ..rules()
    };
    let next = |received, expected| {
        let out = Moment {
            received,
            receiving: 1,
            expected,
            ..moment()
        };
        rules.next(&after(&[full(); 2]), out)
    };
    assert!(matches!(next(8, 10), Next::Receive { max: 2, .. }));
    assert!(matches!(next(10, 10), Next::Wait(_)));
    assert_eq!(next(20, 0), Next::Drain(Stop::Enough));
}

#[test]
fn while_every_target_is_away_nothing_is_received_until_the_next_probe() {
    let sated = |s| Moment {
        appetite: Appetite::Sated(START.after(secs(s))),
        ..moment()
    };
    let next = |moment| rules().next(&after(&[full(), full()]), moment);
    assert_eq!(next(sated(12)), Next::Wait(START.after(secs(12))));
    let Next::Wait(until) = next(sated(600)) else {
        panic!("it receives");
    };
    assert!(until < START.after(secs(60)), "the deadline is kept");
}

#[test]
fn with_a_probe_due_one_message_is_received_alone() {
    let tasting = Moment {
        appetite: Appetite::Taste,
        ..moment()
    };
    let next = |moment| rules().next(&after(&[full(), full()]), moment);
    assert_eq!(
        next(tasting),
        Next::Receive {
            max: 1,
            wait: secs(20)
        }
    );
    // A rest that is over is a probe that is due.
    let over = Moment {
        appetite: Appetite::Sated(START),
        ..moment()
    };
    assert_eq!(next(over), next(tasting));
    for more in [
        Moment { held: 1, ..tasting },
        Moment {
            receiving: 1,
            expected: 1,
            ..tasting
        },
        Moment {
            quiet: true,
            ..tasting
        },
    ] {
        assert!(matches!(next(more), Next::Wait(_)), "{more:?}");
    }
    let hasty = Rules {
        stop_when_empty: true,
        ..rules()
    };
    assert_eq!(
        hasty.next(&Pace::default(), tasting),
        Next::Receive {
            max: 1,
            wait: secs(1)
        }
    );
}
