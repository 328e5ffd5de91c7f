//! Tests of what people and scripts are shown.

use super::super::json;
use super::super::tests::{alone, planned};
use super::*;

#[test]
fn everything_is_told_with_where_it_comes_from_and_the_date_of_the_prices() {
    let (report, holds) = planned(&["--rate", "1000", "--handler-ms", "80"]);
    let shown = text(&report, Some(&holds), 72, Colour::Off);
    for part in [
        "1,000 /s",
        "80 ms, exponential",
        "default",
        "template",
        "a batch of 10 takes, as its slowest",
        "the template's",
        "without bound",
        "% now ▶",
        "write units",
        "dollars for a million events (us-east-1, list prices of 2026-03)",
        "full batches",
        "batches of one",
        "does not hold",
        "--parameter MaximumConcurrency=30",
        "the template does not hold 1,000 events a second",
    ] {
        assert!(shown.contains(part), "no {part} in:\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'));
    assert!(text(&report, Some(&holds), 72, Colour::On).contains('\u{1b}'));
}

#[test]
fn without_a_template_it_is_told_what_is_needed() {
    let report = alone(&["--rate", "10"]);
    let shown = text(&report, None, 72, Colour::Off);
    assert!(
        shown.ends_with("10 events a second need 1 invocation at once"),
        "{shown}"
    );
    assert!(!shown.contains("the template"), "{shown}");
}

#[test]
fn goals_groups_and_backlogs_are_told() {
    let report = alone(&[
        "--rate",
        "100",
        "--queue",
        "fifo",
        "--groups",
        "40",
        "--backlog",
        "5000",
        "--wait-p99-ms",
        "50",
        "--waits",
        "0.5",
        "--handler-p99-ms",
        "300",
    ]);
    let shown = text(&report, None, 72, Colour::Off);
    for part in [
        "active groups",
        "5,000 are gone in",
        "good is a wait p99 of",
        "good is that there wait",
        "p99 300 ms, lognormal",
    ] {
        assert!(shown.contains(part), "no {part} in:\n{shown}");
    }
}

#[test]
fn scripts_get_every_number_with_its_unit() {
    let (report, holds) = planned(&["--rate", "1000", "--handler-ms", "80"]);
    let read = json::report(&report, Some(&holds));
    assert_eq!(read["inputs"]["rate_per_second"], 1000.0);
    assert_eq!(read["inputs"]["from"]["batch_size"], "template");
    assert_eq!(read["template"]["holds"], false);
    assert_eq!(
        read["template"]["settings"][0]["setting"],
        "MaximumConcurrency"
    );
    assert_eq!(read["template"]["settings"][0]["needed"], 30);
    assert_eq!(read["cost"]["prices_as_of"], US_EAST_1.as_of);
    let full = &read["cost"]["dollars_per_million_events"]["full batches"];
    let lines = full.as_object().unwrap();
    let sum: f64 = lines
        .iter()
        .filter(|(name, _)| *name != "together")
        .map(|(_, one)| one.as_f64().unwrap())
        .sum();
    assert!((sum - full["together"].as_f64().unwrap()).abs() < 1e-9);
    let first = &read["at_once"][0];
    assert!(
        first["mean_wait_seconds"].is_null() && first["keeps_up"] == false,
        "{first}"
    );
    let last = read["at_once"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["at_once"], &last["keeps_up"]),
        (&30.into(), &true.into())
    );
    assert!(last["wait_p99_seconds"].as_f64().unwrap() > 0.0);
    assert!(json::report(&report, None)["template"].is_null());
}

#[test]
fn numbers_are_as_long_as_they_must_be() {
    assert_eq!(short(1_234.4), "1,234");
    assert_eq!(short(100.0), "100");
    assert_eq!(short(2.5), "2.5");
    assert_eq!(short(0.25), "0.25");
    assert_eq!(percent(0.5), "50 %");
    assert_eq!(rare(0.0), "none");
    assert_eq!(rare(1e-12), "1.0e-12");
    assert_eq!(long(0.0), "0 ms");
    assert_eq!(long(0.0422), "42.2 ms");
    assert_eq!(long(5.25), "5.2 s");
    assert_eq!(long(3_700.0), "1 h 1 min");
    assert_eq!(long(f64::MAX), "ages");
}
