//! Tests of the formulas, against textbooks and against exact fractions.

use proptest::prelude::*;

use super::*;

fn near(left: f64, right: f64, by: f64) {
    assert!((left - right).abs() <= by, "{left} is not {right}");
}

/// Erlang C by its definition, term by term.
fn by_definition(servers: u32, load: f64) -> f64 {
    let n = f64::from(servers);
    let mut term = 1.0;
    let mut below = 0.0;
    for k in 1..=servers {
        below += term;
        term *= load / f64::from(k);
    }
    let waiting = term * n / (n - load);
    waiting / (below + waiting)
}

/// Values that were computed as exact fractions, by the definition, with Python's `fractions`; the
/// last column is the fraction, where it is short.
#[test]
fn erlang_c_is_that_of_exact_fractions() {
    let table = [
        (1.0, 2, 0.333_333_333_333_333_3),   // 1/3
        (2.0, 3, 0.444_444_444_444_444_4),   // 4/9
        (2.5, 5, 0.130_371_297_455_152_27),  // 625/4794
        (2.5, 6, 0.047_444_812_194_455_406), // 3125/65866
        (5.0, 6, 0.587_516_450_460_612_8),   // 3125/5319
        (6.0, 10, 0.101_299_242_687_417_5),  // 1458/14393
        (10.0, 11, 0.682_118_204_689_332_4),
        (10.0, 12, 0.449_388_224_298_270_86),
        (10.0, 13, 0.285_270_453_036_492_95),
        (10.0, 14, 0.174_131_933_595_049_83),
        (48.0, 55, 0.238_700_936_378_009_2),
        (80.0, 90, 0.195_137_173_519_036_48),
    ];
    for (load, servers, wanted) in table {
        near(erlang_c(servers, load), wanted, 1e-12);
    }
}

/// Values that are printed elsewhere, and questions that are asked elsewhere, whose answers are
/// those of exact fractions.
#[test]
fn erlang_c_is_that_of_textbooks() {
    // 120 customers an hour, three minutes each, ten servers: "about 0.10" on the Erlang C curve of
    // a course's exercise (math.stackexchange.com, M/M/m queue, a = 6, m = 10).
    near(erlang_c(10, 6.0), 0.10, 0.005);
    // "Standard Erlang C table values": ten Erlangs over eleven to fourteen agents, to four places,
    // as tests of open-source calculators for call centres have them.
    for (servers, wanted) in [(11, 0.6821), (12, 0.4494), (13, 0.2853), (14, 0.1741)] {
        near(erlang_c(servers, 10.0), wanted, 0.000_05);
    }
    // The question of 360 calls in half an hour, four minutes each, and 55 agents ("The Erlang-C
    // Formula", mitan.co.uk).
    let station = Station {
        servers: 55,
        rate_per_second: 0.2,
        service_seconds: 240.0,
    };
    near(station.load(), 48.0, 1e-12);
    near(station.waits(), 0.239, 0.0005);
    near(station.mean_wait_seconds().unwrap(), 8.18, 0.01);
    near(station.wait_seconds(0.845_883_092).unwrap(), 15.0, 1e-4);
    // The question of 30 calls an hour, five minutes each, of which nine in ten are not to wait
    // (Wolfram Language documentation, `ErlangC`).
    let goal = Goal {
        utilisation: 1.0,
        waits: Some(0.1),
        wait_p99_seconds: None,
    };
    assert_eq!(
        least_servers(30.0 / 3600.0, 300.0, &goal, 100),
        Some(6),
        "a load of 2.5 Erlangs"
    );
}

#[test]
fn erlang_b_is_that_of_exact_fractions() {
    for (load, servers, wanted) in [
        (1.0, 2, 0.2),
        (2.0, 3, 0.210_526_315_789_473_68),
        (5.0, 6, 0.191_847_258_885_663_65),
        (10.0, 14, 0.056_819_143_386_520_56),
    ] {
        near(erlang_b(servers, load), wanted, 1e-12);
    }
    near(erlang_b(0, 3.0), 1.0, 0.0);
    near(erlang_b(5, 0.0), 0.0, 0.0);
}

#[test]
fn with_one_server_a_utilisation_is_the_probability_to_wait() {
    for load in [0.1, 0.5, 0.9] {
        near(erlang_c(1, load), load, 1e-12);
    }
}

/// 1,000 events a second, at 100 a second for each worker.
fn example(servers: u32) -> Station {
    Station {
        servers,
        rate_per_second: 1_000.0,
        service_seconds: 0.010,
    }
}

#[test]
fn a_thousand_a_second_at_a_hundred_each_need_more_than_ten_workers() {
    let ten = example(10);
    near(ten.load(), 10.0, 1e-12);
    near(ten.utilisation(), 1.0, 1e-12);
    near(ten.capacity_per_second(), 1_000.0, 1e-9);
    assert!(!ten.keeps_up(), "at ten the queue grows without bound");
    assert_eq!(ten.mean_wait_seconds(), None);
    assert_eq!(ten.wait_seconds(0.99), None);
    assert_eq!(ten.mean_waiting(), None);
    near(ten.waits(), 1.0, 0.0);
    // Mean and 99th percentile in milliseconds: C / (100 n - 1000) and ln(100 C) / (100 n - 1000).
    for (servers, mean_ms, p99_ms) in [
        (11, 6.821_182_046_893_324, 42.226_178_704_899_71),
        (12, 2.246_941_121_491_354_4, 19.026_510_316_251_29),
        (13, 0.950_901_510_121_643_1, 11.169_508_651_071_242),
        (14, 0.435_329_833_987_624_6, 7.143_070_394_886_229),
    ] {
        let station = example(servers);
        near(station.mean_wait_seconds().unwrap() * 1e3, mean_ms, 1e-9);
        near(station.wait_seconds(0.99).unwrap() * 1e3, p99_ms, 1e-9);
        near(station.mean_waiting().unwrap(), mean_ms, 1e-9);
    }
}

#[test]
fn the_least_servers_are_those_of_the_strictest_goal() {
    let goal = |utilisation, waits, wait_p99_seconds| Goal {
        utilisation,
        waits,
        wait_p99_seconds,
    };
    let least = |goal: Goal, most| least_servers(1_000.0, 0.010, &goal, most);
    assert_eq!(least(goal(1.0, None, None), 1_000), Some(11));
    assert_eq!(least(goal(0.8, None, None), 1_000), Some(13));
    assert_eq!(least(goal(0.5, None, None), 1_000), Some(20));
    assert_eq!(least(goal(1.0, Some(0.2), None), 1_000), Some(14));
    assert_eq!(least(goal(1.0, None, Some(0.012)), 1_000), Some(13));
    assert_eq!(least(goal(0.8, Some(0.5), Some(0.008)), 1_000), Some(14));
    assert_eq!(least(goal(0.8, None, None), 12), None);
    assert_eq!(least(goal(0.0, None, None), 1_000), None);
}

#[test]
fn a_load_of_thousands_neither_overflows_nor_becomes_nothing() {
    let waits = erlang_c(10_100, 10_000.0);
    assert!(waits > 0.1 && waits < 0.5, "{waits}");
    assert!(erlang_b(100_000, 99_000.0).is_finite());
}

proptest! {
    #[test]
    fn erlang_c_is_a_probability_and_falls_with_every_server(
        load in 0.01f64..400.0, servers in 1u32..600,
    ) {
        let waits = erlang_c(servers, load);
        prop_assert!((0.0..=1.0).contains(&waits));
        prop_assert!(erlang_c(servers + 1, load) <= waits);
        prop_assert!(erlang_b(servers, load) <= waits, "who has no queue turns fewer away");
    }

    #[test]
    fn the_recursion_is_the_definition(part in 0.01f64..0.99, servers in 1u32..60) {
        let load = part * f64::from(servers);
        let wanted = by_definition(servers, load);
        prop_assert!((erlang_c(servers, load) - wanted).abs() < 1e-9);
    }

    #[test]
    fn more_is_waited_by_a_larger_part_and_by_more_load(
        load in 0.5f64..50.0, spare in 1u32..20, part in 0.5f64..0.99,
    ) {
        let servers = (1..).find(|n| f64::from(*n) > load).unwrap() + spare;
        let station = |rate| Station { servers, rate_per_second: rate, service_seconds: 0.1 };
        let (less, more) = (station(load * 5.0), station(load * 10.0));
        let wait = more.wait_seconds(part).unwrap();
        prop_assert!(wait <= more.wait_seconds(0.999).unwrap());
        prop_assert!(less.wait_seconds(part).unwrap() <= wait + 1e-12);
        prop_assert!(wait >= 0.0);
    }

    #[test]
    fn one_server_less_than_the_least_does_not_reach_the_goal(
        rate in 0.1f64..2_000.0, service in 0.001f64..2.0, utilisation in 0.05f64..1.0,
    ) {
        let goal = Goal { utilisation, waits: None, wait_p99_seconds: None };
        if let Some(least) = least_servers(rate, service, &goal, 20_000) {
            let station = |servers| Station {
                servers, rate_per_second: rate, service_seconds: service,
            };
            prop_assert!(station(least).keeps_up());
            prop_assert!(station(least).utilisation() <= utilisation + 1e-6);
            if least > 1 {
                let below = station(least - 1);
                prop_assert!(!below.keeps_up() || below.utilisation() > utilisation);
            }
        }
    }
}
