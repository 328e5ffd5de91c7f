use serde_json::json;

use super::*;
use crate::top::emf::{
    self,
    tests::{Logged, line},
};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A window of a minute over lines of this long ago, in seconds.
fn of(lines: &[Logged<'_>]) -> Window {
    let mut window = Window::new("orders", Duration::from_secs(60));
    for (ago, dimensions, metrics) in lines {
        let at = NOW.before(Duration::from_secs(*ago)).as_millis();
        let all: Vec<_> = [("Queue", "orders")]
            .iter()
            .chain(*dimensions)
            .copied()
            .collect();
        let read = emf::read(&line(at, &all, metrics));
        assert_eq!(read.len(), 1);
        window.add(&read[0], NOW);
    }
    window
}

#[test]
fn counts_of_all_functions_are_summed() {
    let mut window = of(&[
        (
            30,
            &[],
            json!({ "Received": 10, "Delivered": 8, "Failed": 1, "Deferred": 2 }),
        ),
        (30, &[], json!({ "Received": 5, "Delivered": 4 })),
        (0, &[], json!({ "Received": [1, 2.0], "Retried": 1 })),
        (1, &[("Cause", "not_due")], json!({ "Deferred": 2 })),
        (1, &[("Reason", "rejected")], json!({ "Dead": 3 })),
    ]);
    let figures = window.figures(NOW);
    assert_eq!(figures.of("Received"), 18);
    assert_eq!(figures.of("Delivered"), 12);
    // What has a dimension more is not counted twice.
    assert_eq!((figures.of("Deferred"), figures.of("Dead")), (2, 0));
    assert_eq!(figures.of("Duplicates"), 0);
    assert_eq!(
        figures.deferred,
        BTreeMap::from([("not_due".to_owned(), 2)])
    );
    assert_eq!(figures.dead, BTreeMap::from([("rejected".to_owned(), 3)]));
    assert_eq!(figures.per_second(figures.of("Delivered")), 0.2);
    assert_eq!(figures.delivered.len(), 60);
    assert_eq!(figures.delivered.iter().sum::<u64>(), 12);
    assert_eq!(figures.delivered[29], 12, "30 s ago");
}

#[test]
fn routes_have_their_outcomes_times_and_breaker() {
    let crm = ("Route", "crm");
    let mut window = of(&[
        (
            9,
            &[crm, ("Outcome", "delivered")],
            json!({ "Attempts": 7 }),
        ),
        (8, &[crm, ("Outcome", "unknown")], json!({ "Attempts": 1 })),
        (
            8,
            &[crm],
            json!({ "DeliveryTime": [10, 20, 30], "BreakerState": 2 }),
        ),
        (9, &[crm], json!({ "BreakerState": 0 })),
        (7, &[("Route", "audit")], json!({ "DeliveryTime": 5 })),
    ]);
    assert_eq!(window.routes(), ["audit", "crm"].map(str::to_owned).into());
    let figures = window.figures(NOW);
    let route = &figures.routes["crm"];
    assert_eq!(
        [
            route.of("delivered"),
            route.of("unknown"),
            route.of("rejected")
        ],
        [7, 1, 0]
    );
    assert_eq!(route.delivery.unwrap().p50.as_millis(), 20);
    assert_eq!(route.breaker.unwrap().state, 2, "the last word stands");
    assert_eq!(figures.routes["audit"].delivery.unwrap().count, 1);
}

#[test]
fn times_are_of_the_queue_as_a_whole() {
    let metrics = json!({
        "EndToEndLatency": [100, 200, 400], "ProcessingTime": [9], "AgeAtReceipt": [90, 91],
    });
    let figures = of(&[(1, &[], metrics)]).figures(NOW);
    assert_eq!(figures.end_to_end.unwrap().max, Duration::from_millis(400));
    assert_eq!(figures.processing.unwrap().count, 1);
    assert_eq!(figures.age.unwrap().count, 2);
}

#[test]
fn what_is_too_old_or_of_another_queue_is_not_counted() {
    let mut window = of(&[
        (60, &[], json!({ "Received": 1 })),
        (59, &[], json!({ "Received": 10 })),
        (700, &[("Route", "crm")], json!({ "BreakerState": 2 })),
    ]);
    let other = line(
        NOW.as_millis(),
        &[("Queue", "other")],
        &json!({ "Received": 100 }),
    );
    window.add(&emf::read(&other)[0], NOW);
    let figures = window.figures(NOW);
    assert_eq!(figures.of("Received"), 10);
    assert_eq!(
        figures.routes["crm"].breaker.unwrap().state,
        2,
        "it is open until it is said"
    );
    let later = window.figures(NOW.after(Duration::from_secs(1)));
    assert_eq!(later.of("Received"), 0);
    assert!(window.seconds.is_empty(), "what is over is forgotten");
}

#[test]
fn every_metric_that_is_counted_is_one_that_functions_write() {
    let page = include_str!("../../../../../docs/METRICS.md");
    for metric in COUNTS.iter().chain(&TIMES).chain([&BREAKER_STATE]) {
        assert!(page.contains(&format!("\n| `{metric}` | ")), "{metric}");
    }
}

#[test]
fn a_metric_that_is_not_known_takes_no_room() {
    let window = of(&[(1, &[], json!({ "SomethingNew": 1 }))]);
    assert!(
        window
            .seconds
            .values()
            .all(|s| s.counts.is_empty() && s.times.is_empty())
    );
}
