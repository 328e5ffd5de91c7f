use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// Longer than any probe takes.
const LEASE: Duration = Duration::from_secs(15);

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn after(s: u64) -> Timestamp {
    NOW.after(secs(s))
}

fn spec() -> BreakerSpec {
    BreakerSpec::default()
}

/// Whether it trips after these calls, one each 100 ms.
fn trips(spec: &BreakerSpec, ramping: bool, calls: &str) -> bool {
    let mut tally = Tally::default();
    let mut now = NOW;
    for call in calls.chars() {
        now = now.after(Duration::from_millis(100));
        let health = match call {
            '+' => Health::Well,
            '-' => Health::Sick,
            _ => Health::Unsaid,
        };
        tally.count(spec, health, now);
    }
    tally.trips(spec, ramping, now)
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    for (calls, opens) in [
        ("", false),
        ("----", false),
        ("-----", true),
        ("-- -- -", true),
        ("----+----", false),
        ("++++++++++-----", true),
    ] {
        assert_eq!(trips(&spec(), false, calls), opens, "{calls}");
    }
}

#[test]
fn half_of_enough_calls_failing_opens_it() {
    let half = "-+".repeat(10);
    assert!(trips(&spec(), false, &half));
    assert!(!trips(&spec(), false, &half[2..]), "too few calls");
    let third = "-++".repeat(20);
    assert!(!trips(&spec(), false, &third));
    let third = BreakerSpec { rate: 33, ..spec() };
    assert!(trips(&third, false, &"-++".repeat(20)));
    assert!(!trips(&third, false, &"+".repeat(100)));
}

#[test]
fn calls_older_than_the_window_do_not_count() {
    let mut tally = Tally::default();
    for n in 0..40 {
        let health = [Health::Sick, Health::Well][n % 2];
        tally.count(&spec(), health, NOW);
    }
    assert!(tally.trips(&spec(), false, after(20)));
    assert!(!tally.trips(&spec(), false, after(31)));
    // A slice of the window is used again for another time.
    tally.count(&spec(), Health::Well, after(60));
    assert!(!tally.trips(&spec(), false, after(60)));
}

#[test]
fn in_the_ramp_half_as_many_failures_in_a_row_open_it_again() {
    assert!(!trips(&spec(), true, "-"));
    assert!(trips(&spec(), true, "--"));
    let one = BreakerSpec {
        failures: 1,
        ..spec()
    };
    assert!(!trips(&one, true, "+"));
    assert!(trips(&one, true, "-"));
}

#[test]
fn one_that_is_open_lets_nobody_through_until_its_probe_and_then_one() {
    let open = Breaker::Closed.tripped(&spec(), NOW);
    assert_eq!(open.probe_at, after(5));
    let breaker = Breaker::Open(open);
    let passes = |breaker: Breaker, s| breaker.passes(&spec(), after(s), LEASE);
    assert_eq!(passes(breaker, 0), Passes::None(open));
    assert_eq!(passes(breaker, 4), Passes::None(open));
    let Passes::Probe(probing) = passes(breaker, 5) else {
        panic!("no probe");
    };
    assert_eq!(probing.probing_until, Some(after(20)));
    let breaker = Breaker::Open(probing);
    assert_eq!(passes(breaker, 19), Passes::None(probing));
    assert!(
        matches!(passes(breaker, 20), Passes::Probe(_)),
        "its prober died"
    );
}

#[test]
fn each_failed_probe_is_waited_for_longer_up_to_the_most() {
    let mut open = Breaker::Closed.tripped(&spec(), NOW);
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..6 {
        waits.push(open.probe_at.since(now).as_secs());
        now = open.probe_at;
        let Breaker::Open(next) = open.probed(&spec(), Health::Sick, now) else {
            panic!("it closed");
        };
        open = next;
    }
    assert_eq!(waits, [5, 10, 15, 15, 15, 15]);
    assert_eq!((open.since, open.round), (NOW, 6));
    let unsaid = open.probed(&spec(), Health::Unsaid, now);
    assert!(
        matches!(unsaid, Breaker::Open(open) if open.probe_at == now && open.round == 6),
        "another probes at once: {unsaid:?}"
    );
}

#[test]
fn a_probe_that_succeeds_lets_twice_as_many_through_each_second_and_then_all() {
    let open = Breaker::Closed.tripped(&spec(), NOW);
    let ramp = open.probed(&spec(), Health::Well, after(5));
    let permits = |s: u64| match ramp.passes(&spec(), after(5 + s), LEASE) {
        Passes::Some {
            second,
            permits,
            next,
        } => {
            assert_eq!((second, next), (s, after(6 + s)));
            Some(permits)
        }
        Passes::All => None,
        other @ (Passes::Probe(_) | Passes::None(_)) => panic!("{other:?}"),
    };
    let seen: Vec<_> = (0..12).map(permits).collect();
    let ramped: Vec<_> = (1..=10).map(|n| Some(1 << n)).collect();
    assert_eq!(seen[..10], ramped);
    assert_eq!(seen[10..], [None, None]);
    let none = BreakerSpec {
        ramp: Duration::ZERO,
        ..spec()
    };
    assert_eq!(ramp.passes(&none, after(5), LEASE), Passes::All);
}

#[test]
fn one_that_opens_out_of_its_ramp_goes_on_where_it_was_and_a_later_one_anew() {
    let ramp = Breaker::Ramp {
        since: after(60),
        opened: NOW,
        round: 4,
    };
    let again = ramp.tripped(&spec(), after(65));
    assert_eq!((again.since, again.round), (NOW, 4));
    assert_eq!(again.probe_at, after(80));
    let anew = ramp.tripped(&spec(), after(70));
    assert_eq!((anew.since, anew.round), (after(70), 0));
}

#[test]
fn the_wait_grows_with_the_time_it_has_been_open_and_reaches_the_probe() {
    let open = Breaker::Closed.tripped(&spec(), NOW);
    let wait = |s| open.wait(after(s)).as_secs();
    assert_eq!([0, 40, 80, 800, 100_000].map(wait), [5, 5, 10, 100, 900]);
    let far = Open {
        probe_at: after(1000),
        ..open
    };
    assert_eq!(far.wait(after(10)).as_secs(), 990);
}

proptest! {
    #[test]
    fn while_open_no_two_probes_are_nearer_than_the_first_wait(
        steps in prop::collection::vec((0u64..20_000, 0u8..3), 1..200),
    ) {
        let spec = spec();
        let mut breaker = Breaker::Open(Breaker::Closed.tripped(&spec, NOW));
        let mut now = NOW;
        let mut last: Option<Timestamp> = None;
        for (ms, end) in steps {
            now = now.after(Duration::from_millis(ms));
            match breaker.passes(&spec, now, LEASE) {
                Passes::None(open) => prop_assert!(open.shut_until() > now),
                Passes::Probe(probing) => {
                    let apart = last.is_none_or(|last| now.since(last) >= spec.probe);
                    prop_assert!(apart, "{last:?} {now:?}");
                    last = Some(now);
                    breaker = match end {
                        0 => Breaker::Open(probing),
                        1 => probing.probed(&spec, Health::Sick, now),
                        _ => probing.probed(&spec, Health::Sick, now.after(secs(1))),
                    };
                }
                other @ (Passes::All | Passes::Some { .. }) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
