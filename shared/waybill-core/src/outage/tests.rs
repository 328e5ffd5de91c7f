use proptest::prelude::*;

use super::*;
use crate::outcome::Attempt;
use crate::retry::{Backoff, Jitter, Moment, RetryDecision, outage_survived};

const DAY: Duration = Duration::from_secs(86_400);

/// What became of a message whose outage began with its first receive.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It was tried, failed as often as a route may, and was delivered by its last try.
    Delivered,
    /// Its receives, or its time in the queue, were used up before.
    GivenUp,
}

/// Plays one message, receive by receive: nothing is tried before `away` is over; from then on each
/// receive is a try, of which all but the last fail, and one receive goes by without a word.
fn play(room: Room, away: Duration) -> End {
    let life = Life {
        sent: Some(Timestamp::from_millis(0)),
        retention: Some(room.retention),
        first_sent: None,
    };
    let mut now = Timestamp::from_millis(0);
    let mut receives = 0;
    loop {
        receives += 1;
        let late = life.last_due().is_some_and(|last| now > last);
        if receives > room.max_receive_count || late {
            return End::GivenUp;
        }
        if now.since(Timestamp::from_millis(0)) >= away {
            // What is needed from here on is this receive and those behind it.
            let left = room.max_receive_count - receives + 1;
            return match left >= room.needed {
                true => End::Delivered,
                false => End::GivenUp,
            };
        }
        now = now.after(life.shortened(outage_wait(receives), now));
    }
}

#[test]
fn an_outage_of_the_shipped_template_lasts_as_long_as_it_says_f43() {
    let room = Room::standard(25, 4, 4 * DAY);
    assert_eq!(room.survives(), outage_survived(25, 3));
    assert_eq!(room.survives().as_secs(), 372 * 60 + 15);
    let millisecond = Duration::from_millis(1);
    assert_eq!(play(room, room.survives()), End::Delivered);
    assert_eq!(play(room, room.survives() + millisecond), End::GivenUp);
}

#[test]
fn no_outage_is_survived_into_the_end_of_the_retention_f08() {
    let room = Room::standard(100, 6, DAY);
    let last = DAY - Duration::from_secs(15 * 60);
    assert_eq!(room.survives(), last);
    assert_eq!(play(room, last), End::Delivered);
    assert_eq!(play(room, last + Duration::from_millis(1)), End::GivenUp);
    assert!(outage_survived(100, 5) > DAY, "the receives would reach");
}

#[test]
fn without_a_receive_to_spare_no_outage_is_survived() {
    for room in [
        Room::standard(5, 4, DAY),
        Room::standard(0, 1, DAY),
        Room::standard(25, u32::MAX, DAY),
        Room::fifo(60, 4, DAY),
    ] {
        assert_eq!(room.survives(), Duration::ZERO, "{room:?}");
    }
}

#[test]
fn a_fifo_queue_keeps_receives_for_what_waits_behind_f25() {
    let fifo = Room::fifo(100, 6, 4 * DAY);
    assert_eq!(fifo.needed, 80);
    assert!(fifo.survives() < Room::standard(100, 6, 4 * DAY).survives());
}

#[test]
fn a_target_without_a_breaker_may_be_away_for_its_waits() {
    let policy = RetryPolicy::default();
    assert_eq!(tries_last(&policy), Duration::from_secs(70));
    let aged = RetryPolicy {
        max_event_age: Some(Duration::from_secs(30)),
        ..policy
    };
    assert_eq!(tries_last(&aged), Duration::from_secs(30));
    let none = RetryPolicy { steps: 0, ..aged };
    assert_eq!(tries_last(&none), Duration::ZERO);
}

proptest! {
    #[test]
    fn what_is_said_to_be_survived_is_and_no_more(
        max_receive_count in 1..200_u32,
        tries in 1..40_u32,
        fifo in any::<bool>(),
        retention in 60..1_209_600_u64,
    ) {
        let retention = Duration::from_secs(retention);
        let room = match fifo {
            true => Room::fifo(max_receive_count, tries, retention),
            false => Room::standard(max_receive_count, tries, retention),
        };
        let survived = room.survives();
        if room.max_receive_count >= room.needed {
            prop_assert_eq!(play(room, survived), End::Delivered);
        }
        prop_assert_eq!(play(room, survived + Duration::from_millis(1)), End::GivenUp);
    }

    /// Tries one after the other, by the policy itself, until none is left.
    #[test]
    fn the_tries_of_a_route_end_when_they_are_said_to(
        steps in 0..30_u32,
        seconds in 0..4000_u64,
        cap in 1..2000_u64,
        age in proptest::option::of(1..100_000_u64),
    ) {
        let policy = RetryPolicy {
            steps,
            backoff: Backoff::Linear { duration: Duration::from_secs(seconds) },
            cap: Duration::from_secs(cap),
            max_event_age: age.map(Duration::from_secs),
            ..RetryPolicy::default()
        };
        let sent = Timestamp::from_millis(0);
        let failed = Attempt::transient("http_503", "", None);
        let mut now = sent;
        for attempts in 1.. {
            let life = Life { sent: Some(sent), ..Life::default() };
            let moment = Moment { now, jitter: Jitter::from_bits(0), life };
            match policy.decide(&failed, attempts, moment) {
                RetryDecision::RetryAfter(wait) => now = now.after(wait),
                RetryDecision::Spent => break,
                RetryDecision::Expired | RetryDecision::WouldExpire => {
                    // The age ends between two tries: the bound is not passed.
                    prop_assert!(now.since(sent) <= tries_last(&policy));
                    return Ok(());
                }
            }
        }
        prop_assert_eq!(now.since(sent), tries_last(&policy));
    }
}
