//! The dashboards are JSON, whatever the parameters, and show what is sent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::assert_is_sent;
use super::math::Expression;
use super::stack::{Stack, text};
use crate::template::chosen::Template;

/// Every kind of stack, and some that leave things out.
fn kinds() -> Vec<(String, Stack)> {
    let both = || Template::new().with("Mode", "both");
    let without = ["Alarms", "Canary", "Schedules"].map(|word| {
        let template = both().with(word, "false");
        (format!("without {word}"), template)
    });
    let all = Template::every_kind().chain(without);
    all.map(|(kind, template)| (kind, Stack::of(template)))
        .collect()
}

/// The widgets of each dashboard, with what they are called.
fn widgets(stack: &Stack) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (id, body) in stack.dashboards() {
        let read: Result<Value, _> = serde_json::from_str(&body);
        let read = read.unwrap_or_else(|error| panic!("{id}: {error}\n{body}"));
        for widget in read["widgets"].as_array().expect(&id) {
            let title = text(&widget["properties"]["title"]);
            all.push((format!("{id}, {title}"), widget.clone()));
        }
    }
    all
}

/// What a `SEARCH` looks for: namespace, dimensions, metric, statistic.
fn search(of: &str, expression: &str) -> (String, Vec<String>, String, String) {
    let inner = expression.strip_prefix("SEARCH('{").expect(of);
    let (schema, rest) = inner.split_once("} MetricName=\"").expect(of);
    let (name, rest) = rest.split_once("\" Queue=\"SourceQueue\"', '").expect(of);
    let (statistic, rest) = rest.split_once("', ").expect(of);
    assert_eq!(rest, "60)", "{of}");
    let mut schema = schema.split(',').map(str::to_owned);
    let namespace = schema.next().expect(of);
    (
        namespace,
        schema.collect(),
        name.to_owned(),
        statistic.to_owned(),
    )
}

fn assert_shows_what_is_sent(of: &str, widget: &Value) {
    let properties = &widget["properties"];
    let mut ids = BTreeSet::new();
    let mut named = BTreeSet::new();
    let rows = properties["metrics"].as_array().expect(of);
    assert!(!rows.is_empty(), "{of}");
    for row in rows {
        let row = row.as_array().expect(of);
        let options = row.last().filter(|last| last.is_object());
        let option = |name: &str| options.and_then(|options| options[name].as_str());
        ids.extend(option("id").map(str::to_owned));
        match option("expression") {
            Some(found) if found.starts_with("SEARCH(") => {
                let (namespace, dimensions, name, statistic) = search(of, found);
                let dimensions: Vec<_> = dimensions.iter().map(String::as_str).collect();
                assert_is_sent(of, &namespace, &name, &dimensions, &statistic);
            }
            Some(expression) => named.extend(Expression::read(expression).names()),
            None => {
                let words = row.iter().filter_map(Value::as_str).collect::<Vec<_>>();
                let [namespace, name, dimension, value] = words[..] else {
                    panic!("{of}: {row:?}");
                };
                assert!(!value.is_empty(), "{of}");
                let statistic = option("stat").or(properties["stat"].as_str());
                assert_is_sent(of, namespace, name, &[dimension], statistic.expect(of));
            }
        }
    }
    assert!(named.is_subset(&ids), "{of}: {named:?} of {ids:?}");
}

#[test]
fn every_dashboard_is_json_and_shows_what_is_sent() {
    for (kind, stack) in kinds() {
        assert_eq!(stack.dashboards().len(), 3, "{kind}");
        for (title, widget) in widgets(&stack) {
            let of = format!("{kind}: {title}");
            let width = widget["width"].as_u64().expect(&of);
            assert!(width <= 24 && widget["height"].is_u64(), "{of}");
            match widget["type"].as_str() {
                Some("metric") => assert_shows_what_is_sent(&of, &widget),
                Some("alarm") => {
                    let alarms = widget["properties"]["alarms"].as_array().expect(&of);
                    assert!(alarms.len() <= 100, "{of}");
                }
                Some("log") => {
                    let query = text(&widget["properties"]["query"]);
                    assert!(query.starts_with("SOURCE '"), "{of}");
                    assert!(query.contains("| stats "), "{of}");
                }
                other => panic!("{of}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_alarm_that_rings_is_on_the_dashboard_of_health() {
    for (kind, stack) in kinds() {
        let found = widgets(&stack);
        let shown = found.iter().filter(|(_, widget)| widget["type"] == "alarm");
        let shown = shown.flat_map(|(title, widget)| {
            assert!(title.starts_with("ServiceHealthDashboard"));
            widget["properties"]["alarms"].as_array().unwrap().iter()
        });
        let shown: BTreeSet<_> = shown.map(text).collect();
        let ringing = stack.alarms().into_iter();
        let ringing = ringing.filter(|(_, told)| told["AlarmActions"].is_array());
        let ringing: BTreeSet<_> = ringing.map(|(id, _)| format!("arn:{id}")).collect();
        assert_eq!(shown, ringing, "{kind}");
    }
}

#[test]
fn a_metric_that_nobody_sends_is_found_out() {
    let refused = |row: Value| {
        let widget = serde_json::json!({ "properties": { "stat": "Sum", "metrics": [row] } });
        std::panic::catch_unwind(|| assert_shows_what_is_sent("widget", &widget)).is_err()
    };
    let row = |namespace: &str, name: &str, dimension: &str| {
        serde_json::json!([namespace, name, dimension, "SourceQueue"])
    };
    assert!(!refused(row("Waybill", "Received", "Queue")));
    assert!(refused(row("Waybill", "Receives", "Queue")));
    assert!(refused(row("Waybill", "Received", "QueueName")));
    assert!(refused(row("Waybill", "BreakersOpen", "Queue")), "summed");
    assert!(refused(row("Waybill", "ProcessingTime", "Queue")), "summed");
    assert!(refused(row("AWS/SQS", "Received", "QueueName")));
    let search =
        "SEARCH('{Waybill,Queue,Cause} MetricName=\"Dead\" Queue=\"SourceQueue\"', 'Sum', 60)";
    assert!(refused(serde_json::json!([{ "expression": search }])));
    assert!(refused(serde_json::json!([{ "expression": "a / b" }])));
}
