//! Tests of what a usage costs.

use super::*;

fn near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn a_million_of_each_costs_what_the_list_says() {
    let usage = Usage {
        sqs_requests: 1e6,
        write_units: 1e6,
        read_units: 1e6,
        storage_gb_months: 10.0,
        recovery_gb_months: 10.0,
        lambda_requests: 1e6,
        lambda_gb_seconds: 1e6,
        scheduler_invocations: 1e6,
        metric_months: 10.0,
        logs_gb: 10.0,
        ..Usage::default()
    };
    let dollars = US_EAST_1.dollars(&usage);
    near(dollars.sqs, 0.40);
    near(dollars.writes, 0.625);
    near(dollars.reads, 0.125);
    near(dollars.storage, 2.5);
    near(dollars.recovery, 2.0);
    near(dollars.lambda_requests, 0.20);
    near(dollars.lambda_time, 13.3334);
    near(dollars.scheduler, 1.0);
    near(dollars.metrics, 3.0);
    near(dollars.logs, 5.0);
    near(
        dollars.total(),
        0.40 + 0.625 + 0.125 + 2.5 + 2.0 + 0.20 + 13.3334 + 1.0 + 3.0 + 5.0,
    );
}

#[test]
fn a_fifo_queue_and_an_x86_function_cost_more() {
    let usage = Usage {
        queue: QueueKind::Fifo,
        architecture: Architecture::X86,
        sqs_requests: 2e6,
        lambda_gb_seconds: 1e6,
        ..Usage::default()
    };
    let dollars = US_EAST_1.dollars(&usage);
    near(dollars.sqs, 1.0);
    near(dollars.lambda_time, 16.6667);
    near(dollars.total(), 17.6667);
}

#[test]
fn nothing_used_costs_nothing() {
    near(US_EAST_1.dollars(&Usage::default()).total(), 0.0);
}

#[test]
fn the_list_states_the_month_it_is_of() {
    let (year, month) = US_EAST_1.as_of.split_once('-').expect("a year and a month");
    assert!(year.parse::<u32>().is_ok_and(|year| year >= 2026));
    assert!(
        month
            .parse::<u32>()
            .is_ok_and(|month| (1..=12).contains(&month))
    );
}
