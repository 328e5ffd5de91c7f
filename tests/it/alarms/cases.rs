//! Each alarm of a metric by itself: a blip, on which it must stay silent whenever it comes, and a
//! degradation, on which it must ring in time.

use std::collections::BTreeSet;
use std::ops::Range;

use super::evaluate::begins;
use super::math::FillOfNothing;
use super::series::*;
use super::stack::Stack;

/// When things begin to happen: every window of six hours is full of calm by then.
const START: usize = 800;

/// An alarm, what it must bear and what it must tell.
struct Case {
    alarm: &'static str,
    /// How long the metrics go on after the start.
    minutes: usize,
    blip: fn(&mut Series),
    degradation: fn(&mut Series),
    /// How soon after the start it must ring.
    within: usize,
}

/// So many minutes from the start on.
fn minutes(n: usize) -> Range<usize> {
    START..START + n
}

/// As a case of some minutes that are over within three hours.
fn case(
    alarm: &'static str,
    within: usize,
    blip: fn(&mut Series),
    degradation: fn(&mut Series),
) -> Case {
    Case {
        alarm,
        minutes: 180,
        blip,
        degradation,
        within,
    }
}

/// One sample in each minute, at which the nth is n steps.
fn climb(series: &mut Series, key: &str, over: Range<usize>, step: f64) {
    series.put(key, over, |n| {
        vec![step * f64::from(u32::try_from(n + 1).unwrap())]
    });
}

/// Dead letters that somebody looks at for an hour: for three minutes of each ten none is visible.
fn look_at(series: &mut Series, letters: f64, start: usize) {
    for look in (start..start + 60).step_by(10) {
        series.hold(DEAD, look..look + 10, letters);
        series.hold(DEAD, look..look + 3, 0.0);
        series.hold(DEAD_HELD, look..look + 3, letters);
    }
}

/// How late and how slow.
fn cases_of_slowness() -> Vec<Case> {
    vec![
        case(
            "BacklogWarningAlarm",
            21,
            // A batch that is drained in twelve minutes.
            |series| series.hold(VISIBLE, minutes(12), 90_000.0),
            |series| series.hold(VISIBLE, minutes(60), 10_000.0),
        ),
        case(
            "BacklogCriticalAlarm",
            16,
            |series| series.hold(VISIBLE, minutes(12), 900_000.0),
            |series| series.hold(VISIBLE, minutes(60), 100_000.0),
        ),
        case(
            "OldestWarningAlarm",
            21,
            |series| {
                series.hold(OLDEST, minutes(5), 3000.0);
                series.put(AGE, minutes(5), |_| spread(3_000_000.0));
                // A few events that wait for their last try are planned to be old.
                series.put(AGE, START + 60..START + 120, |_| {
                    [spread(200.0), vec![2_400_000.0]].concat()
                });
            },
            // As SQS tells it of what waits untouched.
            |series| series.hold(OLDEST, minutes(60), 900.0),
        ),
        case(
            "OldestCriticalAlarm",
            16,
            |series| series.hold(OLDEST, minutes(5), 90_000.0),
            // Tried again and again: SQS leaves them out.
            |series| series.put(AGE, minutes(60), |_| spread(4_000_000.0)),
        ),
        case(
            "ProcessingTimeWarningAlarm",
            21,
            |series| {
                series.put(PROCESSING, minutes(5), |_| spread(9000.0));
                // One message in twenty is slow all the time.
                series.put(PROCESSING, START + 60..START + 120, |_| {
                    [spread(100.0), vec![9000.0]].concat()
                });
            },
            |series| series.put(PROCESSING, minutes(60), |_| spread(600.0)),
        ),
        case(
            "ProcessingTimeCriticalAlarm",
            16,
            |series| series.put(PROCESSING, minutes(5), |_| spread(30_000.0)),
            |series| series.put(PROCESSING, minutes(60), |_| spread(1200.0)),
        ),
        case(
            "InFlightAlarm",
            6,
            |series| series.hold(IN_FLIGHT, minutes(4), 119_000.0),
            |series| series.hold(IN_FLIGHT, minutes(30), 96_000.0),
        ),
    ]
}

/// What dies.
fn cases_of_death() -> Vec<Case> {
    vec![
        case(
            "FailedWarningLongAlarm",
            60,
            |series| series.hold(FAILED, minutes(2), 10.0),
            |series| series.hold(FAILED, minutes(90), 1.0),
        ),
        case(
            "FailedWarningShortAlarm",
            10,
            |series| series.hold(FAILED, minutes(1), 2.0),
            |series| series.hold(FAILED, minutes(90), 1.0),
        ),
        case(
            "FailedCriticalLongAlarm",
            30,
            |series| series.hold(FAILED, minutes(2), 20.0),
            |series| series.hold(FAILED, minutes(90), 3.0),
        ),
        case(
            "FailedCriticalShortAlarm",
            5,
            |series| series.hold(FAILED, minutes(1), 4.0),
            // Nothing is delivered at all: there is no sample to divide by.
            |series| {
                series.hold(FAILED, minutes(90), 100.0);
                series.silence(DELIVERED, START - 60..START + 90);
            },
        ),
        case(
            "DeadLettersWarningAlarm",
            16,
            // Brought back at once; sixty that are looked at again and again.
            |series| {
                series.hold(DEAD, minutes(5), 5000.0);
                look_at(series, 60.0, START + 60);
            },
            // Half of them are being looked at.
            |series| {
                series.hold(DEAD, minutes(90), 50.0);
                series.hold(DEAD_HELD, minutes(90), 50.0);
            },
        ),
        case(
            "DeadLettersCriticalAlarm",
            16,
            |series| series.hold(DEAD, minutes(5), 50_000.0),
            |series| series.hold(DEAD, minutes(90), 1000.0),
        ),
        case(
            "DeadLettersGrowingAlarm",
            21,
            // Twenty at once, which stay, and are looked at again and again.
            |series| {
                climb(series, DEAD, minutes(4), 5.0);
                series.hold(DEAD, START + 4..START + 180, 20.0);
                look_at(series, 20.0, START + 60);
                series.hold(DEAD, START + 120..START + 180, 20.0);
            },
            |series| climb(series, DEAD, minutes(90), 0.4),
        ),
        Case {
            alarm: "DeadLetterLifeWarningAlarm",
            minutes: 7 * 1440,
            blip: |series| climb(series, DEAD_AGE, minutes(5 * 1440), 60.0),
            degradation: |series| climb(series, DEAD_AGE, minutes(7 * 1440), 60.0),
            within: 6 * 1440 + 181,
        },
        Case {
            alarm: "DeadLetterLifeCriticalAlarm",
            minutes: 9 * 1440,
            blip: |series| climb(series, DEAD_AGE, minutes(7 * 1440), 60.0),
            degradation: |series| climb(series, DEAD_AGE, minutes(9 * 1440), 60.0),
            within: 8 * 1440 + 181,
        },
        Case {
            alarm: "DeadLettersUnclearedAlarm",
            minutes: 8 * 1440,
            // Cleared each day, not to be seen for a third of it.
            blip: |series| {
                for day in 0..8 {
                    let morning = START + day * 1440;
                    series.hold(DEAD, morning..morning + 960, 30.0);
                }
            },
            // Looked at twice, for an hour each: none is visible then.
            degradation: |series| {
                series.hold(DEAD, minutes(8 * 1440), 3.0);
                for day in [2, 4] {
                    let look = START + day * 1440;
                    series.hold(DEAD, look..look + 60, 0.0);
                }
            },
            within: 6 * 1440 + 60,
        },
    ]
}

/// What stands in the way.
fn cases_of_causes() -> Vec<Case> {
    vec![
        case(
            "ThrottlesAlarm",
            16,
            |series| series.hold(THROTTLES, minutes(5), 900.0),
            |series| series.hold(THROTTLES, minutes(60), 1.0),
        ),
        case(
            "BreakerOpenAlarm",
            16,
            |series| series.hold(BREAKERS_OPEN, minutes(5), 2.0),
            // Few events: the gauge is sent every fourth minute only.
            |series| {
                series.put(BREAKERS_OPEN, minutes(60), |n| {
                    if n % 4 == 0 { vec![1.0] } else { Vec::new() }
                });
            },
        ),
        case(
            "FencedAlarm",
            26,
            // A batch of a function that was frozen.
            |series| series.hold(FENCED, minutes(2), 10.0),
            |series| {
                series.put(FENCED, minutes(60), |n| {
                    if n % 6 == 0 { vec![1.0] } else { Vec::new() }
                });
            },
        ),
        case(
            "CanaryMissingAlarm",
            13,
            // Held up, and then two in one minute.
            |series| {
                series.silence(CANARY, minutes(8));
                series.hold(CANARY, START + 8..START + 9, 2.0);
            },
            |series| series.silence(CANARY, minutes(180)),
        ),
    ]
}

fn cases() -> Vec<Case> {
    let mut all = cases_of_slowness();
    all.extend(cases_of_death());
    all.extend(cases_of_causes());
    all
}

#[test]
fn every_alarm_of_a_metric_has_a_blip_and_a_degradation() {
    let cases: BTreeSet<_> = cases().iter().map(|case| case.alarm.to_owned()).collect();
    let alarms = Stack::new().metric_alarms().into_iter();
    assert_eq!(cases, alarms.map(|alarm| alarm.id).collect());
}

#[test]
fn every_alarm_is_silent_on_a_blip_and_rings_on_a_degradation() {
    let stack = Stack::new();
    for case in cases() {
        let alarm = stack.metric_alarm(case.alarm);
        for fill in [FillOfNothing::Nothing, FillOfNothing::Filled] {
            let run = |happens: fn(&mut Series)| {
                let mut series = Series::calm(START + case.minutes);
                happens(&mut series);
                let states = alarm.states(&series, fill);
                let settled = states.get(60..).unwrap();
                begins(settled).iter().map(|n| n + 60).collect::<Vec<_>>()
            };
            assert_eq!(run(|_| {}), [0; 0], "{}, all calm", case.alarm);
            assert_eq!(run(case.blip), [0; 0], "{}, a blip", case.alarm);
            let rang = run(case.degradation);
            let first = rang.first().copied().unwrap_or(usize::MAX);
            let soon = (START..=START + case.within).contains(&first);
            assert!(soon, "{}: rang at {rang:?}, not from {START}", case.alarm);
        }
    }
}

#[test]
fn an_alarm_ends_when_its_cause_does() {
    let stack = Stack::new();
    for case in cases_of_slowness().iter().chain(&cases_of_causes()) {
        let alarm = stack.metric_alarm(case.alarm);
        let mut series = Series::calm(START + 300);
        (case.degradation)(&mut series);
        let states = alarm.states(&series, FillOfNothing::Nothing);
        let ended = states.last() == Some(&false);
        assert!(ended, "{} does not end", case.alarm);
    }
}

#[test]
fn what_ends_a_deployment_rings_within_minutes_and_not_on_one_event_that_dies() {
    let stack = Stack::gradual();
    let rang = |id: &str, happens: fn(&mut Series)| {
        let mut series = Series::calm(START + 30);
        happens(&mut series);
        let states = stack
            .metric_alarm(id)
            .states(&series, FillOfNothing::Nothing);
        begins(states.get(60..).unwrap()).first().map(|n| n + 60)
    };
    assert_eq!(rang("ReleaseErrorsAlarm", |_| {}), None);
    let failed = |series: &mut Series| series.hold(RELEASE_ERRORS, minutes(1), 1.0);
    assert!(rang("ReleaseErrorsAlarm", failed).is_some_and(|at| at <= START + 1));
    assert_eq!(rang("ReleaseFailedAlarm", |_| {}), None);
    let one = |series: &mut Series| series.hold(FAILED, minutes(1), 1.0);
    assert_eq!(rang("ReleaseFailedAlarm", one), None);
    let many = |series: &mut Series| series.hold(FAILED, minutes(5), 10.0);
    assert!(rang("ReleaseFailedAlarm", many).is_some_and(|at| at <= START + 5));
}
