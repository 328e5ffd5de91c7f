//! One cause, one bell: what rings, of all alarms together, when something happens.

use std::ops::Range;

use super::evaluate::{rings, states};
use super::math::FillOfNothing;
use super::series::*;
use super::stack::Stack;
use crate::template::chosen::Template;

/// When something begins to happen.
const START: usize = 800;

/// What rings from the start on, in order.
fn rung(stack: &Stack, hours: usize, happens: impl Fn(&mut Series)) -> Vec<String> {
    let mut series = Series::calm(START + hours * 60);
    happens(&mut series);
    let states = states(stack, &series, FillOfNothing::Nothing);
    // A new stack has had no canary yet.
    let settled = rings(stack, &states).into_iter();
    let settled = settled.filter(|(minute, _)| *minute > 60);
    let settled: Vec<_> = settled.collect();
    assert!(settled.iter().all(|(minute, _)| *minute >= START));
    settled.into_iter().map(|(_, id)| id).collect()
}

fn of_default(hours: usize, happens: impl Fn(&mut Series)) -> Vec<String> {
    rung(&Stack::new(), hours, happens)
}

/// So many minutes from the start on.
fn minutes(n: usize) -> Range<usize> {
    START..START + n
}

/// One sample in each minute, from one number up by steps.
fn grow(series: &mut Series, key: &str, over: Range<usize>, from: f64, step: f64) {
    let number = |n: usize| f64::from(u32::try_from(n).unwrap());
    series.put(key, over, |n| vec![from + step * number(n)]);
}

/// Dead letters that come and stay.
fn die(series: &mut Series, over: Range<usize>, each_minute: f64) {
    let (start, end) = (over.start, over.end);
    series.put(FAILED, over.clone(), |n| {
        let whole = |n: usize| (each_minute * f64::from(u32::try_from(n).unwrap())).floor();
        let count = whole(n + 1) - whole(n);
        if count > 0.0 { vec![count] } else { Vec::new() }
    });
    grow(series, DEAD, over, 0.0, each_minute);
    let length = f64::from(u32::try_from(end - start).unwrap());
    series.hold(DEAD, end..series.minutes, (each_minute * length).floor());
}

#[test]
fn nothing_rings_while_all_is_well() {
    assert_eq!(of_default(24, |_| {}), [""; 0]);
}

#[test]
fn nothing_rings_on_five_minutes_of_everything() {
    let rung = of_default(12, |series| {
        let five = minutes(5);
        series.hold(VISIBLE, five.clone(), 150_000.0);
        series.hold(OLDEST, five.clone(), 4000.0);
        series.put(AGE, five.clone(), |_| spread(4_000_000.0));
        series.put(PROCESSING, five.clone(), |_| spread(9000.0));
        series.hold(IN_FLIGHT, minutes(4), 110_000.0);
        series.hold(BREAKERS_OPEN, five.clone(), 3.0);
        series.hold(FENCED, five.clone(), 4.0);
        series.hold(THROTTLES, five.clone(), 50.0);
        series.silence(CANARY, five.clone());
        die(series, five, 4.0);
    });
    assert_eq!(rung, [""; 0]);
}

#[test]
fn a_target_that_is_down_rings_once_for_its_breaker() {
    let rung = of_default(8, |series| {
        let outage = minutes(90);
        series.hold(BREAKERS_OPEN, outage.clone(), 1.0);
        grow(series, VISIBLE, outage.clone(), 20.0, 600.0);
        series.put(AGE, outage.clone(), |_| spread(2_000_000.0));
        series.put(PROCESSING, outage, |_| spread(700.0));
        // What had waited is delivered within half an hour.
        let drain = START + 90..START + 120;
        grow(series, VISIBLE, drain.clone(), 54_000.0, -1800.0);
        series.put(AGE, drain, |_| spread(3_000_000.0));
    });
    assert_eq!(rung, ["BreakerOpenAlarm"]);
}

#[test]
fn what_stays_slow_after_the_target_is_back_rings_after_all() {
    let rung = of_default(8, |series| {
        series.hold(BREAKERS_OPEN, minutes(60), 1.0);
        series.put(AGE, minutes(300), |_| spread(2_000_000.0));
    });
    assert_eq!(rung, ["BreakerOpenAlarm", "SlowWarningAlarm"]);
}

#[test]
fn an_outage_that_becomes_critical_rings_again_for_that() {
    let rung = of_default(8, |series| {
        series.hold(BREAKERS_OPEN, minutes(240), 1.0);
        series.put(AGE, minutes(240), |n| {
            spread(60_000.0 * f64::from(u32::try_from(n).unwrap()))
        });
    });
    assert_eq!(rung, ["BreakerOpenAlarm", "SlowCriticalAlarm"]);
}

#[test]
fn slowness_rings_once_however_it_shows() {
    let slow = |series: &mut Series| {
        series.hold(VISIBLE, minutes(120), 20_000.0);
        series.hold(OLDEST, minutes(120), 1200.0);
        series.put(AGE, minutes(120), |_| spread(1_200_000.0));
        series.put(PROCESSING, minutes(120), |_| spread(700.0));
    };
    assert_eq!(of_default(8, slow), ["SlowWarningAlarm"]);
    let very_slow = |series: &mut Series| {
        series.hold(VISIBLE, minutes(120), 200_000.0);
        series.hold(OLDEST, minutes(120), 7200.0);
        series.put(AGE, minutes(120), |_| spread(7_200_000.0));
        series.put(PROCESSING, minutes(120), |_| spread(5000.0));
    };
    assert_eq!(of_default(8, very_slow), ["SlowCriticalAlarm"]);
}

#[test]
fn events_that_die_ring_once_however_it_shows() {
    let some = of_default(8, |series| die(series, minutes(240), 0.4));
    assert_eq!(some, ["DyingWarningAlarm"]);
    let many = of_default(8, |series| die(series, minutes(240), 30.0));
    assert_eq!(many, ["DyingCriticalAlarm"]);
}

#[test]
fn throttles_ring_only_with_dead_letters_that_grow_and_then_once_f18() {
    let throttled = |series: &mut Series| series.hold(THROTTLES, minutes(120), 20.0);
    assert_eq!(of_default(8, throttled), [""; 0], "retries bear them");
    let deadly = |series: &mut Series| {
        series.hold(THROTTLES, minutes(120), 20.0);
        // Never attempted, so nothing died by our count.
        grow(series, DEAD, START + 20..START + 120, 0.0, 0.5);
        series.hold(DEAD, START + 120..series.minutes, 50.0);
    };
    assert_eq!(of_default(8, deadly), ["ThrottledAlarm"]);
}

#[test]
fn a_consumer_that_stands_still_rings_once_for_its_canary() {
    let rung = of_default(8, |series| {
        let still = minutes(50);
        for key in [CANARY, DELIVERED, PROCESSING, AGE] {
            series.silence(key, still.clone());
        }
        grow(series, VISIBLE, still.clone(), 20.0, 900.0);
        grow(series, OLDEST, still, 0.0, 60.0);
    });
    assert_eq!(rung, ["CanaryMissingAlarm"]);
}

#[test]
fn dead_letters_that_nobody_clears_ring_once_also_when_they_were_looked_at_f68_f76() {
    let left = |series: &mut Series| {
        let all = START..series.minutes;
        series.hold(DEAD, all.clone(), 10.0);
        grow(series, DEAD_AGE, all, 0.0, 60.0);
    };
    assert_eq!(of_default(7 * 24, left), ["DeadLettersExpireAlarm"]);
    let looked_at = |series: &mut Series| {
        left(series);
        // Received three times, they are not in the age of the oldest any more.
        series.silence(DEAD_AGE, START + 1440..series.minutes);
    };
    assert_eq!(of_default(7 * 24, looked_at), ["DeadLettersExpireAlarm"]);
}

#[test]
fn without_consumer_or_canary_the_rest_rings_the_same() {
    let poll = Stack::of(Template::new().with("Mode", "poll"));
    let fifo = Stack::of(Template::new().fifo());
    let off = Stack::of(Template::new().with("Canary", "false"));
    for stack in [poll, fifo, off] {
        let dying = rung(&stack, 8, |series| die(series, minutes(240), 0.4));
        assert_eq!(dying, ["DyingWarningAlarm"]);
        let slow = rung(&stack, 8, |series| {
            series.hold(VISIBLE, minutes(120), 20_000.0);
        });
        assert_eq!(slow, ["SlowWarningAlarm"]);
    }
}
