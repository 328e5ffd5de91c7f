//! What is read of lines, and what it comes to.

use super::reading::{SHOWN, Statistic};
use super::*;

/// A document of a queue alone, or with a route.
fn document(route: Option<&str>, metric: &str, value: Value) -> String {
    let mut dimensions = vec!["Queue"];
    dimensions.extend(route.map(|_| "Route"));
    let mut document = json!({
        "_aws": { "Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "Waybill",
            "Dimensions": [dimensions],
            "Metrics": [{ "Name": metric, "Unit": "Count" }],
        }] },
        "Queue": "orders",
        "Route": route,
    });
    document[metric] = value;
    document.to_string()
}

#[test]
fn documents_of_a_queue_are_summed_and_those_of_its_routes_are_not() {
    let lines = [
        document(None, "Delivered", json!(3)),
        document(None, "Delivered", json!(4)),
        document(Some("crm"), "Delivered", json!(5)),
        document(None, "EndToEndLatency", json!([1, 2, 3, 400])),
        "no JSON".to_owned(),
    ];
    let reading = Reading::of(&lines);
    assert_eq!(reading.sum("Delivered"), 7.0);
    let cell = |metric, statistic| reading.cell(&reading::Shown { metric, statistic });
    assert_eq!(cell("EndToEndLatency", Statistic::P50), "2");
    assert_eq!(cell("EndToEndLatency", Statistic::P99), "400");
    assert_eq!(cell("Dead", Statistic::Sum), "");
}

#[test]
fn warnings_and_errors_are_counted_by_their_words() {
    let line = |level, message| json!({"level": level, "message": message}).to_string();
    let lines = [
        line("WARN", "fenced"),
        line("WARN", "fenced"),
        line("INFO", "ended"),
    ];
    let reading = Reading::of(&lines);
    let known: Vec<_> = reading.lines().collect();
    assert_eq!(known.len(), 1);
    assert_eq!(reading.count(known[0]), 2);
}

#[test]
fn a_line_is_read_once_wherever_it_stands() {
    let mut lines = Lines::default();
    let said = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(lines.fresh(said(&["a", "b"])), ["a", "b"]);
    assert_eq!(lines.fresh(said(&["c", "a", "b", "b"])), ["c", "b"]);
}

#[test]
fn the_alarms_of_the_template_are_told_by_their_metrics_and_their_runbooks() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let template = std::fs::read_to_string(root.join("template.yaml")).unwrap();
    let alarms = watch::alarms(&template);
    let open = Alarm {
        name: "breaker-open".to_owned(),
        metrics: vec!["BreakersOpen".to_owned()],
        of_dead_letters: false,
        runbook: "docs/runbooks/breaker-open.md".to_owned(),
    };
    assert!(alarms.contains(&open), "{alarms:#?}");
    let watching = alarms
        .iter()
        .filter(|alarm| alarm.watches(&[WAITING].into()));
    let watching: Vec<_> = watching.map(|alarm| alarm.name.as_str()).collect();
    assert_eq!(watching, ["backlog-warning", "backlog-critical"]);
    for alarm in alarms {
        assert!(root.join(&alarm.runbook).is_file(), "{}", alarm.runbook);
    }
}

#[test]
fn what_moved_said_nothing_before() {
    let before = Reading::of(&[document(None, "Received", json!(1))]);
    let during = [
        document(None, "Received", json!(1)),
        document(None, "BreakersOpen", json!(1)),
    ];
    let during = Reading::of(&during);
    assert_eq!(moved(&before, &[&during], 0), ["BreakersOpen"].into());
    assert_eq!(
        moved(&before, &[&during], 7),
        ["BreakersOpen", WAITING].into()
    );
    assert!(SHOWN.iter().any(|shown| shown.metric == "BreakersOpen"));
}

#[test]
fn a_delivery_that_is_missing_or_dead_breaks_a_promise() {
    let report = |effects, dead, left| Report {
        scenes: Vec::new(),
        sent: 10,
        effects,
        dead,
        left,
    };
    assert_eq!(report(20, 0, 0).verdict(), Verdict::Kept);
    assert_eq!(report(19, 0, 0).verdict(), Verdict::Broken);
    assert_eq!(report(19, 0, 1).verdict(), Verdict::Unfinished);
    assert_eq!(report(18, 1, 0).verdict(), Verdict::Broken);
}
