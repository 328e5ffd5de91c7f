//! Facts about what a route says of its gates.

use super::super::RoutesFile;
use super::*;

/// The gates of a file's only route with this line.
fn read(line: &str) -> Result<GateSpec, String> {
    let text = format!(
        "routes:\n  - name: crm\n    target: {{ http: {{ url: \"https://crm.example/\" }} }}\n    \
         {line}\n"
    );
    let lookup = |name: &str| (name == "EIGHT").then(|| "8".to_owned());
    let file = RoutesFile::parse(&text, lookup).map_err(|faults| faults.to_string())?;
    Ok(file.routes[0].gate)
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_route_has_no_gate_unless_it_says_so() {
    assert!(read("require: json").unwrap().is_open());
}

#[test]
fn a_breaker_takes_what_is_said_and_the_rest_as_it_is_built_in() {
    let breaker = |line: &str| read(line).unwrap().breaker.unwrap();
    let built_in = BreakerSpec::default();
    assert_eq!(breaker("breaker: {}"), built_in);
    let said = "breaker: { failures: 3, rate: 20, calls: 7, window: 1m, probe: 2s, \
                probe_max: 1m, ramp: 0s }";
    let whole = BreakerSpec {
        failures: 3,
        rate: 20,
        calls: 7,
        window: secs(60),
        probe: secs(2),
        probe_max: secs(60),
        ramp: secs(0),
    };
    assert_eq!(breaker(said), whole);
    let late = breaker("breaker: { probe: 1m }");
    assert_eq!((late.probe, late.probe_max), (secs(60), secs(60)));
}

#[test]
fn a_rate_is_for_a_second_and_even_unless_it_says_otherwise() {
    let rate = |line: &str| {
        let rate = read(line).unwrap().rate.unwrap();
        (rate.limit, rate.per.as_secs(), rate.burst)
    };
    assert_eq!(rate("rate: { limit: 20 }"), (20, 1, 1));
    assert_eq!(
        rate("rate: { limit: 100, per: 1m, burst: 5 }"),
        (100, 60, 5)
    );
    assert_eq!(rate("rate: { limit: \"${EIGHT}\" }"), (8, 1, 1));
}

#[test]
fn a_concurrency_is_a_number_or_learned() {
    let places = |line: &str| read(line).unwrap().concurrency.unwrap();
    assert_eq!(places("concurrency: 8"), Concurrency::Fixed(8));
    assert_eq!(places("concurrency: ${EIGHT}"), Concurrency::Fixed(8));
    assert_eq!(places("concurrency: { max: 8 }"), Concurrency::Fixed(8));
    let learned = places("concurrency: { max: 8, adaptive: true }");
    assert_eq!(learned, Concurrency::Adaptive { max: 8 });
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_line_and_what_to_do() {
    for (line, told) in [
        ("breaker: true", "`routes[0].breaker`: must be a mapping"),
        (
            "breaker: { failures: 0 }",
            "must be a whole number from 1 to 1000",
        ),
        (
            "breaker: { rate: 0 }",
            "must be a whole number from 1 to 100",
        ),
        ("breaker: { window: 1ms }", "must be 1s to 10m"),
        ("breaker: { retries: 3 }", "known here: `failures`, `rate`"),
        ("breaker: { probe: 1m, probe_max: 2s }", "raise `probe_max`"),
        ("rate: 20", "`routes[0].rate`: must be a mapping"),
        ("rate: { per: 1s }", "key `limit` is missing; say how many"),
        (
            "rate: { limit: 0 }",
            "must be a whole number from 1 to 10000",
        ),
        ("rate: { limit: 20, per: 1ms }", "must be 1s to 1h"),
        ("concurrency: 0", "must be a whole number from 1 to 1000"),
        ("concurrency: many", "must be a whole number from 1 to 1000"),
        ("concurrency: { adaptive: true }", "key `max` is missing"),
        (
            "concurrency: { max: 4, adaptive: 1 }",
            "must be `true` or `false`",
        ),
    ] {
        let fault = read(line).expect_err(line);
        assert!(fault.contains("line 4, column "), "{line}: {fault}");
        assert!(fault.contains(told), "{line}: {fault}");
    }
}
