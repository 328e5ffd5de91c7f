//! What is written of what happens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use waybill_core::id::RouteName;
use waybill_core::outcome::Attempt;
use waybill_core::time::Timestamp;
use waybill_testkit::fixtures;

use super::metric::{ALL, Dimension};
use super::*;

/// A meter and what it writes.
fn meter() -> (Meter, Arc<Mutex<String>>) {
    let written = Arc::new(Mutex::new(String::new()));
    let to = Arc::clone(&written);
    let sink = Sink::to(move |lines| to.lock().unwrap().push_str(lines));
    let meter = Meter::new(
        "orders",
        Metrics::new(sink, 1024),
        Timestamp::from_millis(0),
    );
    (meter, written)
}

/// The documents that were written.
fn documents(written: &Mutex<String>) -> Vec<Value> {
    let written = written.lock().unwrap();
    let lines = written.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

fn route() -> RouteName {
    RouteName::new("crm").unwrap()
}

#[test]
fn a_document_is_one_line_that_names_its_metrics_units_and_one_set_of_dimensions() {
    let (meter, written) = meter();
    meter.note(&Happened::AttemptEnded {
        message: &fixtures::message("m", "body"),
        route: &route(),
        dead_letter: false,
        attempt: &Attempt::transient("http_503", "a secret of the target's", None),
        took: Some(Duration::from_millis(12)),
    });
    meter.flush(Timestamp::from_millis(2000));
    let documents = documents(&written);
    let of = |labels: &[&str]| {
        let is = |document: &&Value| {
            document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == json!([labels])
        };
        documents.iter().find(is).cloned().unwrap()
    };
    assert_eq!(documents.len(), 3);
    assert_eq!(
        of(&["Queue", "Route", "Outcome"]),
        json!({
            "_aws": {
                "Timestamp": 2000,
                "CloudWatchMetrics": [{
                    "Namespace": "Waybill",
                    "Dimensions": [["Queue", "Route", "Outcome"]],
                    "Metrics": [{ "Name": "Attempts", "Unit": "Count" }],
                }],
            },
            "Queue": "orders",
            "Route": "crm",
            "Outcome": "transient",
            "Attempts": 1,
        })
    );
    assert_eq!(of(&["Queue", "Route"])["DeliveryTime"], json!([12]));
    assert_eq!(of(&["Queue"])["Attempts"], json!(1));
    assert!(!written.lock().unwrap().contains("secret"));
}

#[test]
fn what_was_written_is_not_written_again() {
    let (meter, written) = meter();
    meter.note(&Happened::QueueAsked { failed: true });
    meter.flush(Timestamp::from_millis(1));
    meter.note(&Happened::QueueAsked { failed: false });
    meter.flush(Timestamp::from_millis(2));
    let documents = documents(&written);
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0]["QueueFailures"], 1);
    assert_eq!(documents[1]["QueueRequests"], 1);
    assert!(documents[1].get("QueueFailures").is_none());
}

#[test]
fn more_than_a_hundred_values_are_in_several_documents_and_sums_in_one_f77() {
    let (meter, written) = meter();
    let message = Arc::new(fixtures::message("m", "body"));
    let messages = vec![message; 205];
    meter.note(&Happened::Received {
        messages: &messages,
        now: fixtures::NOW.after(Duration::from_secs(3)),
    });
    meter.flush(Timestamp::from_millis(1));
    let documents = documents(&written);
    let ages = |document: &Value| document["AgeAtReceipt"].as_array().unwrap().len();
    assert_eq!(
        documents.iter().map(ages).collect::<Vec<_>>(),
        [100, 100, 5]
    );
    assert_eq!(documents[0]["AgeAtReceipt"][0], 3000);
    let received = documents.iter().filter(|d| d.get("Received").is_some());
    assert_eq!(received.count(), 1);
    assert_eq!(documents[0]["Received"], 205);
}

#[test]
fn an_invocation_costs_its_requests_its_rows_and_its_time() {
    let (meter, written) = meter();
    meter.note(&Happened::LedgerAsked {
        write_units: 10,
        read_units: 4,
        failed: false,
    });
    meter.note(&Happened::QueueAsked { failed: false });
    meter.flush(Timestamp::from_millis(2000));
    meter.flush(Timestamp::from_millis(3000));
    let gb_second = match cfg!(target_arch = "x86_64") {
        true => 0.000_016_666_7,
        false => 0.000_013_333_4,
    };
    let of_requests = (10.0 * 0.625 + 4.0 * 0.125 + 0.40 + 0.20) / 1e6;
    let costs: Vec<_> = documents(&written)
        .iter()
        .map(|document| document["EstimatedCost"].as_f64().unwrap())
        .collect();
    assert!(
        (costs[0] - of_requests - 2.0 * gb_second).abs() < 1e-12,
        "{costs:?}"
    );
    // The invocation itself is paid once.
    assert!((costs[1] - gb_second).abs() < 1e-12, "{costs:?}");
}

#[test]
fn a_breaker_is_read_at_each_writing_and_open_ones_are_counted() {
    use waybill_core::gate::breaker::{Breaker, Open};

    let (meter, written) = meter();
    let open = Breaker::Open(Open {
        since: fixtures::NOW,
        round: 0,
        probe_at: fixtures::NOW,
        probing_until: None,
    });
    let other = RouteName::new("mail").unwrap();
    let breakers = [(route(), open), (other, Breaker::Closed)];
    meter.note(&Happened::BreakersSeen(&breakers));
    meter.note(&Happened::BreakersSeen(&breakers));
    meter.flush(Timestamp::from_millis(1));
    let documents = documents(&written);
    let state = |route: &str| {
        let document = documents.iter().find(|d| d["Route"] == route).unwrap();
        document["BreakerState"].clone()
    };
    assert_eq!((state("crm"), state("mail")), (json!(2), json!(0)));
    let open = documents.iter().find_map(|d| d.get("BreakersOpen"));
    assert_eq!(open, Some(&json!(1)));
}

#[test]
fn no_metric_has_an_id_among_its_dimensions_and_no_two_have_one_name_f77() {
    let names: std::collections::BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), ALL.len());
    for metric in ALL {
        for set in metric.dimensions {
            assert_eq!(set.first(), Some(&Dimension::Queue), "{}", metric.name);
            assert!(set.len() <= 3, "{}", metric.name);
        }
    }
}
