//! Properties of any poll: what is asked for, how long it is held, and that it ends.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use waybill_core::deadline::Budget;
use waybill_core::lease::{Holding, Keep, Terms, longest};
use waybill_core::limit::{SQS_BATCH_MAX, VISIBILITY_MAX};
use waybill_core::polling::{Answer, Appetite, Moment, Next, Pace, Rules};
use waybill_core::time::Timestamp;

const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// What an answer takes at least.
const ANSWERED_IN: Duration = Duration::from_millis(20);

/// What happens while a poller waits.
#[derive(Debug, Clone)]
enum Event {
    /// The oldest receive brings this part of what it asked for, in tenths.
    Brings(usize),
    /// It fails for now.
    Fails,
    /// It fails for good.
    Refused,
    /// So many messages end.
    Ends(usize),
    /// Something wants to run alone, or has ended.
    Quiet(bool),
    /// Nothing until the poller said it would look again.
    Nothing,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..=10usize).prop_map(Event::Brings),
        2 => Just(Event::Brings(10)),
        2 => Just(Event::Fails),
        5 => (1..30usize).prop_map(Event::Ends),
        1 => any::<bool>().prop_map(Event::Quiet),
        3 => Just(Event::Nothing),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let times = (0..900_000u64, 0..400_000u64);
    let bounds = (1..200usize, option::of(1..500u64), any::<bool>());
    (times, bounds).prop_map(
        |((lasts, reserve), (capacity, max_messages, until_empty))| Rules {
            budget: Budget {
                started: START,
                deadline: START.after(Duration::from_millis(lasts)),
            },
            reserve: Duration::from_millis(reserve),
            capacity,
            max_messages,
            stop_when_empty: until_empty,
        },
    )
}

/// Milliseconds of one to forty-three thousand seconds, mostly short ones.
fn any_period() -> impl Strategy<Value = u64> {
    prop_oneof![1_000..=6_000u64, 1_000..=120_000u64, 1_000..=43_200_000u64]
}

/// When the last receive must have been answered, as the rules say it in words.
fn receive_until(rules: &Rules) -> Timestamp {
    let work_until = rules.budget.work_until();
    let half = work_until.since(rules.budget.started) / 2;
    work_until.before(rules.reserve.min(half))
}

/// A poller that obeys its rules.
struct Walk {
    rules: Rules,
    pace: Pace,
    moment: Moment,
    /// Asked and not answered: how many, and the wait.
    out: VecDeque<(usize, Duration)>,
}

impl Walk {
    fn new(rules: Rules) -> Self {
        let moment = Moment {
            now: START,
            held: 0,
            receiving: 0,
            expected: 0,
            received: 0,
            changed: START,
            quiet: false,
            appetite: Appetite::Full,
        };
        Self {
            rules,
            pace: Pace::default(),
            moment,
            out: VecDeque::new(),
        }
    }

    /// Asks, and looks at what was asked.
    fn asks(&mut self, max: usize, wait: Duration) -> Result<(), TestCaseError> {
        let Moment {
            held,
            expected,
            received,
            now,
            ..
        } = self.moment;
        prop_assert!((1..=SQS_BATCH_MAX).contains(&max));
        prop_assert!(
            held + expected + max <= self.rules.capacity,
            "more than can be worked on"
        );
        let most = self.rules.max_messages.unwrap_or(u64::MAX);
        prop_assert!(
            received + (expected + max) as u64 <= most,
            "more than asked for"
        );
        prop_assert!(wait >= Duration::from_secs(1) && wait.subsec_nanos() == 0);
        prop_assert!(
            now.after(wait) <= receive_until(&self.rules),
            "into the reserve"
        );
        prop_assert!(!self.moment.quiet, "beside what runs alone");
        prop_assert!(self.moment.receiving < self.pace.wanted());
        self.out.push_back((max, wait));
        self.moment.receiving += 1;
        self.moment.expected += max;
        Ok(())
    }

    /// Lets something happen before a moment.
    fn happens(&mut self, event: &Event, until: Timestamp) {
        let answer = match event {
            Event::Ends(count) => {
                self.moment.held = self.moment.held.saturating_sub(*count);
                self.moment.now = self.moment.now.after(ANSWERED_IN);
                return;
            }
            Event::Quiet(quiet) => {
                self.moment.quiet = *quiet;
                self.moment.now = self.moment.now.after(ANSWERED_IN);
                return;
            }
            Event::Nothing => {
                self.moment.now = self.moment.now.max(until);
                return;
            }
            Event::Brings(_) | Event::Fails | Event::Refused => self.out.pop_front(),
        };
        let Some((asked, wait)) = answer else {
            self.moment.now = self.moment.now.max(until);
            return;
        };
        self.moment.receiving -= 1;
        self.moment.expected -= asked;
        let (answer, took) = match event {
            Event::Brings(tenths) => {
                let got = asked * tenths / 10;
                self.moment.held += got;
                self.moment.received += got as u64;
                let took = if got == 0 { wait } else { ANSWERED_IN };
                (Answer::Messages { asked, got }, took)
            }
            Event::Refused => (Answer::Refused, ANSWERED_IN),
            Event::Fails | Event::Ends(_) | Event::Quiet(_) | Event::Nothing => {
                (Answer::Failed, ANSWERED_IN)
            }
        };
        self.moment.now = self.moment.now.after(took);
        self.pace.learn(answer, self.moment.now);
    }
}

proptest! {
    #[test]
    fn a_poll_asks_for_no_more_than_it_may_and_ends(
        rules in any_rules(),
        events in vec(any_event(), 1..60),
        refused in option::weighted(0.1, 0..200usize),
    ) {
        let mut walk = Walk::new(rules);
        let whole = rules.budget.deadline.since(START).as_millis();
        // Whatever happens takes its time, and between two of them ten receives are asked for.
        let steps_max = 11 * (whole / ANSWERED_IN.as_millis() + 3);
        let mut happened = 0;
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps <= steps_max, "it does not end");
            match rules.next(&walk.pace, walk.moment) {
                Next::Receive { max, wait } => walk.asks(max, wait)?,
                Next::Wait(until) => {
                    prop_assert!(until > walk.moment.now, "a wait ends later");
                    prop_assert!(until <= receive_until(&rules));
                    let event = match refused {
                        Some(at) if at == happened => &Event::Refused,
                        Some(_) | None => &events[happened % events.len()],
                    };
                    happened += 1;
                    walk.happens(event, until);
                }
                Next::Drain(stop) => {
                    // What is out may be answered, what is held may end, and time goes on.
                    for event in &events {
                        let receives = walk.moment.receiving;
                        walk.happens(event, walk.moment.now.after(Duration::from_secs(1)));
                        let next = rules.next(&walk.pace, walk.moment);
                        prop_assert!(matches!(next, Next::Drain(_)), "{stop:?}, then {next:?}");
                        prop_assert!(walk.moment.receiving <= receives);
                    }
                    break;
                }
            }
        }
    }

    #[test]
    fn with_nothing_to_do_a_poll_asks_three_times_a_minute_at_most(rules in any_rules()) {
        let rules = Rules { stop_when_empty: false, ..rules };
        let mut walk = Walk::new(rules);
        let mut asked = 0;
        loop {
            match rules.next(&walk.pace, walk.moment) {
                Next::Receive { max, wait } => {
                    asked += 1;
                    walk.asks(max, wait)?;
                }
                Next::Wait(until) => walk.happens(&Event::Brings(0), until),
                Next::Drain(_) => break,
            }
        }
        // Twenty seconds each, and at the end shorter ones: of what is left, in whole seconds.
        let lasts = rules.budget.deadline.since(START).as_secs();
        prop_assert!(asked <= lasts / 20 + 2, "{asked} receives in {lasts} s");
    }

    #[test]
    fn a_message_is_asked_for_before_it_is_lost_and_never_for_too_long(
        period in any_period(),
        lasts in 0..=50_000_000u64,
        held_for in 0..=43_200_000u64,
        passed in 0..=43_200_000u64,
    ) {
        let terms = Terms {
            period: Duration::from_millis(period),
            until: START.after(Duration::from_millis(lasts)),
        };
        let holding = Holding {
            received: START,
            visible_at: START.after(Duration::from_millis(held_for)),
        };
        let now = START.after(Duration::from_millis(passed));
        let most = terms.until.min(START.after(VISIBILITY_MAX));
        match terms.next(holding, now) {
            Keep::Wait(then) => {
                prop_assert!(then > now && then < holding.visible_at);
                let at_last = matches!(terms.next(holding, then), Keep::Extend { .. });
                prop_assert!(at_last, "then it is asked for");
            }
            Keep::Extend { to } => {
                prop_assert!(to > holding.visible_at && to <= most);
                prop_assert!(to <= now.after(terms.period));
            }
            Keep::Last => {
                let extended = terms.extended(holding, now.max(holding.visible_at));
                let lapsed = now >= holding.visible_at;
                let at_the_end = holding.visible_at.after(Duration::from_secs(1))
                    >= terms.until.min(longest(START));
                let long = holding.visible_at >= now.after(terms.period);
                prop_assert!(at_the_end || long || (lapsed && extended.is_none()));
            }
        }
        prop_assert!(terms.first(now) <= terms.period);
        prop_assert!(terms.again(now) > now, "a failed renewal is not repeated at once");
        prop_assert!(terms.again(now) <= now.after(Duration::from_secs(2)));
    }

    #[test]
    fn a_message_is_held_without_a_gap_to_the_end(
        period in any_period(),
        lasts in 0..=900_000u64,
        latency in 0..=25u64,
        fails in vec(any::<bool>(), 0..50),
    ) {
        let terms = Terms {
            period: Duration::from_millis(period),
            until: START.after(Duration::from_millis(lasts)),
        };
        let mut holding = Holding {
            received: START,
            visible_at: START.after(terms.first(START)),
        };
        let mut now = START;
        let mut asked = 0;
        // One renewal in two fails once, and is tried again.
        let mut fails = fails.into_iter();
        loop {
            match terms.next(holding, now) {
                Keep::Wait(then) => now = then,
                Keep::Extend { to } => {
                    prop_assert!(now < holding.visible_at, "others had it");
                    asked += 1;
                    if fails.next().unwrap_or_default() {
                        now = terms.again(now);
                        prop_assert!(now < holding.visible_at, "there is time to try again");
                    }
                    let again = terms.extended(holding, now);
                    now = now.after(terms.period * u32::try_from(latency).unwrap() / 100);
                    holding.visible_at = again.unwrap_or(to);
                }
                Keep::Last => break,
            }
            prop_assert!(asked <= 4 * lasts / period + 3, "{asked} renewals");
        }
        let end = terms.until.min(longest(START));
        prop_assert!(holding.visible_at.after(Duration::from_secs(1)) >= end);
        prop_assert!(holding.visible_at <= end.after(Duration::from_secs(1)));
    }
}
