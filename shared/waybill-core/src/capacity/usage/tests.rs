//! Tests of what an event uses.

use super::*;
use crate::price::US_EAST_1;

fn near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

/// Events that never fail, in full batches of ten that take 80 ms.
fn clean() -> Work {
    Work {
        intake: Intake::Trigger {
            batch: 10.0,
            batch_seconds: 0.080,
        },
        rate_per_second: 1_000.0,
        attempts: Attempts {
            failure_rate: 0.0,
            most: 4,
        },
        first_write: FirstWrite::Claim,
        dead_letter: DeadLetter::Redrive,
        max_receive_count: 25,
        memory_mb: 256,
        architecture: Architecture::Arm64,
        queue: QueueKind::Standard,
        custom_metrics: 0,
        row_days: 30,
    }
}

/// The same, polled for.
fn polled() -> Work {
    Work {
        intake: Intake::Poll {
            pollers: 2,
            handler_seconds: 0.080,
            visibility_seconds: 30.0,
        },
        ..clean()
    }
}

fn failing(work: Work, failure_rate: f64) -> Work {
    Work {
        attempts: Attempts {
            failure_rate,
            ..work.attempts
        },
        ..work
    }
}

#[test]
fn without_a_claim_an_event_costs_one_write_and_a_row_in_a_transaction_two() {
    for (first_write, clean_units) in [
        (FirstWrite::Claim, 2.0),
        (FirstWrite::Try, 1.0),
        (FirstWrite::Effect, 2.0),
    ] {
        let work = Work {
            first_write,
            ..clean()
        };
        let usage = per_event(&work);
        near(usage.write_units, clean_units);
        near(usage.read_units, 0.0);
        // A retry costs the same: a release and a take-over, each with the index.
        let (failed, claimed) = (failing(work, 0.1), failing(clean(), 0.1));
        let [failed, claimed] = [failed, claimed].map(|work| per_event(&work).write_units);
        near(failed - clean_units, claimed - 2.0);
    }
}

#[test]
fn an_event_that_goes_well_costs_two_writes_and_a_fifth_of_a_request() {
    let usage = per_event(&clean());
    near(usage.write_units, 2.0);
    near(usage.read_units, 0.0);
    near(usage.storage_gb_months * 1e9, 500.0);
    near(usage.recovery_gb_months * 1e9, 500.0);
    near(usage.sqs_requests, 0.2);
    near(usage.lambda_requests, 0.1);
    near(usage.lambda_gb_seconds, 0.1 * 0.080 * 0.25);
    near(usage.scheduler_invocations, 0.0);
    let usage = per_event(&polled());
    near(usage.write_units, 2.0);
    near(usage.sqs_requests, 0.2);
    near(usage.lambda_requests, 1.0 / 60_000.0);
    near(usage.scheduler_invocations, 1.0 / 60_000.0);
    near(usage.lambda_gb_seconds, 2.0 * 0.9 * 0.25 / 1_000.0);
    near(usage.logs_gb * 1e9, 2.0 * 0.9 / 10.0 / 1_000.0 * 2_200.0);
}

#[test]
fn a_million_clean_events_cost_one_dollar_seventy_one_behind_a_trigger() {
    let usage = per_event(&clean());
    let dollars = US_EAST_1.dollars(&usage);
    near(dollars.sqs * 1e6, 0.08);
    near(dollars.writes * 1e6, 1.25);
    near(dollars.lambda_requests * 1e6, 0.02);
    near(dollars.lambda_time * 1e6, 2_000.0 * 0.000_013_333_4);
    near(dollars.logs * 1e6, 0.11);
    near(dollars.storage * 1e6, 0.125);
    near(dollars.recovery * 1e6, 0.1);
    assert!(
        (dollars.total() * 1e6 - 1.7117).abs() < 0.005,
        "{dollars:?}"
    );
}

#[test]
fn a_batch_of_one_costs_a_request_for_each_receive_and_each_delete() {
    let work = Work {
        intake: Intake::Trigger {
            batch: 1.0,
            batch_seconds: 0.080,
        },
        ..clean()
    };
    let usage = per_event(&work);
    near(usage.sqs_requests, 2.0);
    near(usage.lambda_requests, 1.0);
    near(usage.lambda_gb_seconds, 0.080 * 0.25);
}

#[test]
fn a_request_to_sqs_takes_ten_messages_however_large_the_batch_is() {
    let work = Work {
        intake: Intake::Trigger {
            batch: 100.0,
            batch_seconds: 0.3,
        },
        ..clean()
    };
    near(per_event(&work).sqs_requests, 0.2);
    near(per_event(&work).lambda_requests, 0.01);
}

/// docs/REDRIVE.md, "The index": two units of it for each retry that waits in the queue, one for a
/// death, and two more where the dead are sent; and the row itself is written each time.
#[test]
fn a_retry_writes_four_units_a_death_one_and_a_sent_death_four() {
    let always = failing(clean(), 1.0);
    // Four tries, three of them retries; then dead, and received 25 times in all.
    let usage = per_event(&always);
    near(usage.write_units, 2.0 + 3.0 * 4.0 + 1.0);
    near(usage.read_units, 24.0);
    near(usage.sqs_requests, 25.0 / 10.0 + 25.0);
    near(usage.lambda_requests, 2.5);
    let sent = Work {
        dead_letter: DeadLetter::Send,
        max_receive_count: 100,
        ..always
    };
    let usage = per_event(&sent);
    near(usage.write_units, 2.0 + 3.0 * 4.0 + 4.0);
    near(usage.read_units, 3.0);
    // Four receives and a delete in tens; three handed back; one sent.
    near(usage.sqs_requests, 0.5 + 3.0 + 1.0);
}

#[test]
fn what_takes_longer_than_half_a_visibility_is_held_again_with_its_lease() {
    let slow = Work {
        intake: Intake::Poll {
            pollers: 2,
            handler_seconds: 40.0,
            visibility_seconds: 30.0,
        },
        ..clean()
    };
    let usage = per_event(&slow);
    near(usage.write_units, 4.0);
    near(usage.sqs_requests, 0.4);
}

#[test]
fn a_metric_costs_each_event_the_less_the_more_there_are() {
    let metric = |rate_per_second| {
        let work = Work {
            rate_per_second,
            custom_metrics: 10,
            ..clean()
        };
        per_event(&work).metric_months
    };
    near(metric(1.0) * 2_592_000.0, 10.0);
    near(metric(10.0) * 10.0, metric(1.0));
}
