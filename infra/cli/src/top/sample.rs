//! A bundle in some trouble, for tests of what is shown of one.

use std::time::Duration;

use serde_json::json;

use waybill_core::time::Timestamp;

use super::emf::{
    self,
    tests::{Logged, line},
};
use super::state::{Depth, Gate, Letter, News, Place, Snapshot, Source, State};

/// When it is looked at.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// So long before that.
fn ago(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

/// What two functions logged.
fn logged() -> Vec<emf::Document> {
    let queue = ("Queue", "orders-source");
    let (crm, audit) = (("Route", "crm"), ("Route", "audit"));
    let latency: Vec<_> = (1..=100).map(|n| json!(n * 10)).collect();
    let lines: [Logged<'_>; 12] = [
        (
            50,
            &[queue],
            json!({ "Received": 1300, "Delivered": 1240, "Failed": 3, "Duplicates": 12, "Retried": 40, "Deferred": 25, "Dead": 4 }),
        ),
        (10, &[queue], json!({ "Received": 200, "Delivered": 190 })),
        (
            10,
            &[queue],
            json!({ "EndToEndLatency": latency, "ProcessingTime": [4.2, 5.1, 90] }),
        ),
        (
            9,
            &[queue, ("Cause", "breaker_open")],
            json!({ "Deferred": 20 }),
        ),
        (9, &[queue, ("Cause", "not_due")], json!({ "Deferred": 5 })),
        (9, &[queue, ("Reason", "rejected")], json!({ "Dead": 4 })),
        (
            9,
            &[queue, crm, ("Outcome", "delivered")],
            json!({ "Attempts": 1230 }),
        ),
        (
            9,
            &[queue, crm, ("Outcome", "transient")],
            json!({ "Attempts": 41 }),
        ),
        (
            9,
            &[queue, crm, ("Outcome", "rejected")],
            json!({ "Attempts": 3 }),
        ),
        (
            9,
            &[queue, crm],
            json!({ "DeliveryTime": [20, 25, 1800], "BreakerState": 2 }),
        ),
        (
            9,
            &[queue, audit, ("Outcome", "delivered")],
            json!({ "Attempts": 1200 }),
        ),
        (
            9,
            &[queue, audit],
            json!({ "DeliveryTime": [8, 9, 12], "BreakerState": 0 }),
        ),
    ];
    let documents = lines.iter().flat_map(|(seconds, dimensions, metrics)| {
        emf::read(&line(ago(*seconds).as_millis(), dimensions, metrics))
    });
    documents.collect()
}

/// An event that died so long ago.
fn letter(seconds: u64, key: &str, reason: &str, routes: &[(&str, &str)]) -> Letter {
    let routes = routes
        .iter()
        .map(|(route, code)| ((*route).to_owned(), (*code).to_owned()));
    Letter {
        at: ago(seconds),
        key: key.to_owned(),
        reason: reason.to_owned(),
        routes: routes.collect(),
    }
}

/// What is known of it.
pub(super) fn snapshot() -> Snapshot {
    let place = Place {
        queue: "orders-source".to_owned(),
        consumer: Some("shop".to_owned()),
        region: "eu-central-1".to_owned(),
        endpoint: None,
    };
    let mut state = State::new(place, Duration::from_secs(60));
    let depth = |visible, in_flight, delayed| {
        News::Depth(Depth {
            visible,
            in_flight,
            delayed,
        })
    };
    for visible in [900, 1200, 1500, 1234] {
        state.take((Source::Queue, Ok(depth(visible, 120, 7))), NOW);
    }
    let group = "/aws/lambda/orders".to_owned();
    let letters = vec![
        letter(42, "ce:orders\\0e-7", "rejected", &[("crm", "http_410")]),
        letter(
            3700,
            "ce:orders\\0e-3\u{1b}[2J",
            "attempts_spent",
            &[("crm", "http_503"), ("audit", "timeout")],
        ),
    ];
    let gates = [("crm".to_owned(), Gate::Open { since: ago(95) })].into();
    let reports = [
        (Source::DeadLetterQueue, Ok(depth(3, 0, 0))),
        (Source::Triggers, Ok(News::Groups(vec![group.clone()]))),
        (Source::Logs(group), Ok(News::Documents(logged()))),
        (Source::Letters, Ok(News::Letters(letters))),
        (Source::Breakers, Ok(News::Breakers(gates))),
    ];
    for report in reports {
        state.take(report, NOW);
    }
    state.snapshot(NOW)
}

/// The same where the logs may not be read, and no ledger was named.
pub(super) fn denied() -> Snapshot {
    let mut denied = snapshot();
    denied.figures = None;
    denied.letters = None;
    denied.routes.clear();
    denied.groups.clear();
    denied.faults = vec![
        "you may not logs:FilterLogEvents: whoever administers the account can allow it".to_owned(),
    ];
    denied
}
