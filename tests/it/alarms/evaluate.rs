//! How CloudWatch comes from metrics to states, and from states to what rings.
//!
//! It evaluates an alarm each minute over a window that slides. It fetches two periods more than
//! are evaluated, takes the latest that have a value, and puts what `TreatMissingData` says in the
//! place of those that are missing.

use std::collections::{BTreeMap, BTreeSet};

use super::math::{Expression, FillOfNothing, Points};
use super::series::Series;
use super::stack::{CompositeAlarm, MetricAlarm, Stack, Suppressor};

/// How many periods are fetched beside those that are evaluated.
const BESIDE: usize = 2;

/// Whether an alarm is in ALARM, minute by minute.
pub(super) type States = Vec<bool>;

/// What rang, and in which minute, in order.
pub(super) type Rings = Vec<(usize, String)>;

impl MetricAlarm {
    /// Its states over the whole of some metrics, minute by minute.
    pub(super) fn states(&self, series: &Series, fill: FillOfNothing) -> States {
        let expression = Expression::read(&self.expression);
        let windows = self.metrics.iter();
        let windows = windows.map(|(id, metric)| (id.clone(), series.windows(metric)));
        let windows: Vec<_> = windows.collect();
        let minutes = 0..series.minutes;
        let states = minutes.map(|now| {
            let points = windows.iter().map(|(id, points)| {
                let fetched = (0..self.periods + BESIDE).rev();
                let ends = fetched.map(|n| now.checked_sub(n * self.period_seconds / 60));
                let points = ends.map(|end| points[end?]);
                (id.clone(), points.collect())
            });
            let points: BTreeMap<String, Points> = points.collect();
            self.is_breaching(expression.points(&points, fill))
        });
        states.collect()
    }

    fn is_breaching(&self, points: Points) -> bool {
        let there: Vec<_> = points.into_iter().rev().flatten().collect();
        let missing = self.periods.saturating_sub(there.len());
        let breaching = there.iter().take(self.periods);
        let breaching = breaching.filter(|point| self.breaches(**point)).count();
        let assumed = match self.missing.as_str() {
            "breaching" => missing,
            "notBreaching" => 0,
            other => panic!("{other} is not known here"),
        };
        breaching + assumed >= self.to_alarm
    }

    fn breaches(&self, point: f64) -> bool {
        match self.comparison.as_str() {
            "GreaterThanOrEqualToThreshold" => point >= self.threshold,
            "LessThanThreshold" => point < self.threshold,
            other => panic!("{other} is not known here"),
        }
    }
}

impl CompositeAlarm {
    /// The alarms that its rule names.
    pub(super) fn children(&self) -> BTreeSet<String> {
        let named = self.rule.split("ALARM(\"").skip(1);
        named
            .map(|after| after.split_once("\")").expect("its end").0.to_owned())
            .collect()
    }

    fn holds(&self, of: &BTreeMap<String, States>, minute: usize) -> bool {
        let spaced = self.rule.replace("ALARM(\"", "\"").replace("\")", "\"");
        let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
        let mut words: Vec<_> = spaced.split_whitespace().rev().collect();
        let holds = any(&mut words, &|id| of[id][minute]);
        assert!(words.is_empty(), "{}: {words:?} is left", self.rule);
        holds
    }
}

fn any(words: &mut Vec<&str>, of: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = all(words, of);
    while words.pop_if(|word| *word == "OR").is_some() {
        holds |= all(words, of);
    }
    holds
}

fn all(words: &mut Vec<&str>, of: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = one(words, of);
    while words.pop_if(|word| *word == "AND").is_some() {
        holds &= one(words, of);
    }
    holds
}

fn one(words: &mut Vec<&str>, of: &dyn Fn(&str) -> bool) -> bool {
    match words.pop().expect("a rule") {
        "NOT" => !one(words, of),
        "(" => {
            let holds = any(words, of);
            assert_eq!(words.pop(), Some(")"));
            holds
        }
        id => of(id.trim_matches('"')),
    }
}

/// The states of every alarm of a stack.
pub(super) fn states(
    stack: &Stack,
    series: &Series,
    fill: FillOfNothing,
) -> BTreeMap<String, States> {
    let alarms = stack.metric_alarms();
    let mut states: BTreeMap<_, _> = alarms
        .iter()
        .map(|alarm| (alarm.id.clone(), alarm.states(series, fill)))
        .collect();
    let mut composites = stack.composites();
    // Each after those that it names; what names itself would never be next.
    while !composites.is_empty() {
        let next = composites.iter().position(|composite| {
            let children = composite.children();
            children.iter().all(|child| states.contains_key(child))
        });
        let composite = composites.remove(next.expect("a circle of composite alarms"));
        let children = composite.children();
        let mut before = Vec::new();
        let mut state = false;
        let own = (0..series.minutes).map(|minute| {
            let now: Vec<_> = children.iter().map(|child| states[child][minute]).collect();
            if now != before {
                state = composite.holds(&states, minute);
                before = now;
            }
            state
        });
        let own = own.collect();
        states.insert(composite.id, own);
    }
    states
}

/// What rings, in the order of time.
pub(super) fn rings(stack: &Stack, states: &BTreeMap<String, States>) -> Rings {
    let mut rings = Rings::new();
    let metric = stack.metric_alarms().into_iter();
    let metric = metric.filter(|alarm| alarm.rings);
    let mut told: Vec<_> = metric.map(|alarm| (alarm.id, None)).collect();
    let composites = stack.composites().into_iter();
    let composites = composites.filter(|alarm| alarm.rings);
    told.extend(composites.map(|alarm| (alarm.id, alarm.suppressor)));
    for (id, suppressor) in told {
        let minutes = match &suppressor {
            Some(by) => rings_beside(&states[&id], &states[&by.id], by),
            None => begins(&states[&id]),
        };
        rings.extend(minutes.into_iter().map(|minute| (minute, id.clone())));
    }
    rings.sort();
    rings
}

/// The minutes in which ALARM begins.
pub(super) fn begins(states: &[bool]) -> Vec<usize> {
    let minutes = 0..states.len();
    let begins = minutes.filter(|minute| {
        let before = minute.checked_sub(1).is_some_and(|before| states[before]);
        states[*minute] && !before
    });
    begins.collect()
}

/// The minutes in which an alarm rings that another one keeps quiet: when the wait for the other is
/// over, or when its extension is.
fn rings_beside(own: &[bool], other: &[bool], by: &Suppressor) -> Vec<usize> {
    let mut rings = Vec::new();
    // The minute from which on it may ring; none while it is not in ALARM, or has rung.
    let mut due = None;
    let mut before = false;
    let mut suppressed = false;
    for (minute, (own, other)) in own.iter().copied().zip(other.iter().copied()).enumerate() {
        if own && !before {
            due = Some(minute + by.wait_minutes);
        }
        if !own {
            due = None;
        }
        if suppressed && !other && due.is_some() {
            due = Some(minute + by.extension_minutes);
        }
        suppressed = other;
        before = own;
        if !other && due.is_some_and(|due| minute >= due) {
            rings.push(minute);
            due = None;
        }
    }
    rings
}

#[test]
fn a_rule_is_read_with_not_before_and_before_or() {
    let states = |id: &str, state: bool| (id.to_owned(), vec![state]);
    let of = BTreeMap::from([states("T", true), states("F", false)]);
    for (rule, expected) in [
        (r#"ALARM("T")"#, true),
        (r#"NOT ALARM("T")"#, false),
        (r#"ALARM("T") OR ALARM("F") AND ALARM("F")"#, true),
        (r#"(ALARM("T") OR ALARM("F")) AND ALARM("F")"#, false),
        (r#"ALARM("F") OR (ALARM("T") AND NOT ALARM("F"))"#, true),
    ] {
        let composite = CompositeAlarm {
            id: "c".to_owned(),
            rule: rule.to_owned(),
            suppressor: None,
            rings: true,
        };
        assert_eq!(composite.holds(&of, 0), expected, "{rule}");
    }
}

#[test]
fn an_alarm_that_another_keeps_quiet_waits_for_it_and_after_it() {
    let by = Suppressor {
        id: "other".to_owned(),
        wait_minutes: 2,
        extension_minutes: 3,
    };
    let cases = [
        ("001111111111", "000000000000", vec![4]),
        ("001111111111", "000111000000", vec![9]),
        ("001111110000", "000111000000", vec![]),
        ("011111111111", "110000000000", vec![5]),
        ("001000111111", "000000000000", vec![8]),
    ];
    for (own, other, expected) in cases {
        let states = |text: &str| text.chars().map(|c| c == '1').collect::<Vec<_>>();
        let rings = rings_beside(&states(own), &states(other), &by);
        assert_eq!(rings, expected, "{own} beside {other}");
    }
}
