use serde_json::json;

use super::*;

/// What was logged so many seconds ago: dimensions and metrics.
pub(in crate::top) type Logged<'a> = (u64, &'a [(&'a str, &'a str)], Value);

/// A line as a function logs it: dimensions and metrics.
pub(in crate::top) fn line(at_ms: u64, dimensions: &[(&str, &str)], metrics: &Value) -> String {
    let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
    let metrics = metrics.as_object().unwrap();
    let described: Vec<_> = metrics.keys().map(|name| json!({ "Name": name })).collect();
    let mut document = json!({
        "_aws": {
            "Timestamp": at_ms,
            "CloudWatchMetrics": [
                { "Namespace": "Waybill", "Dimensions": [names], "Metrics": described },
            ],
        },
    });
    let members = document.as_object_mut().unwrap();
    for (name, value) in dimensions {
        members.insert((*name).to_owned(), json!(value));
    }
    members.extend(metrics.clone());
    document.to_string()
}

#[test]
fn a_line_is_read_with_its_dimensions_and_values() {
    let text = line(
        1_700_000_000_123,
        &[
            ("Queue", "orders"),
            ("Route", "crm"),
            ("Outcome", "delivered"),
        ],
        &json!({ "Attempts": 3, "DeliveryTime": [1.5, 20] }),
    );
    let [document] = read(&text).try_into().unwrap();
    assert_eq!(document.at, Timestamp::from_millis(1_700_000_000_123));
    assert_eq!(document.queue, "orders");
    assert_eq!(document.route.as_deref(), Some("crm"));
    assert_eq!(document.word.as_deref(), Some("delivered"));
    let values = |name: &str| {
        let found = document.metrics.iter().find(|(n, _)| n == name);
        found
            .unwrap()
            .1
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(values("Attempts"), ["3"]);
    assert_eq!(values("DeliveryTime"), ["1.5", "20"]);
}

#[test]
fn a_line_that_counts_for_several_sets_is_read_for_each() {
    let text = json!({
        "_aws": { "Timestamp": 1, "CloudWatchMetrics": [
            { "Namespace": "Waybill", "Dimensions": [["Queue"], ["Queue", "Cause"]],
              "Metrics": [{ "Name": "Deferred", "Unit": "Count" }] },
            { "Namespace": "Other", "Dimensions": [["Queue"]], "Metrics": [{ "Name": "Deferred" }] },
        ] },
        "Queue": "orders", "Cause": "not_due", "Deferred": 2,
    });
    let words: Vec<_> = read(&text.to_string())
        .into_iter()
        .map(|document| document.word)
        .collect();
    assert_eq!(words, [None, Some("not_due".to_owned())]);
}

#[test]
fn what_is_no_line_of_ours_is_left_out() {
    let ours = line(1, &[("Queue", "q")], &json!({ "Received": 1 }));
    assert_eq!(read(&ours).len(), 1);
    let table = [
        String::new(),
        "START RequestId: 8f3f Version: $LATEST".to_owned(),
        r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","fields":{"message":"_aws"}}"#
            .to_owned(),
        ours.replace("Waybill", "Other"),
        ours.replace(r#""Queue":"q""#, r#""Queue":7"#),
        ours.replace("[[\"Queue\"]]", "[[\"Queue\",\"Route\"]]"),
        line(
            1,
            &[("Queue", "q"), ("Tenant", "t")],
            &json!({ "Received": 1 }),
        ),
        line(1, &[("Route", "crm")], &json!({ "DeliveryTime": [1] })),
        ours[..ours.len() - 1].to_owned(),
    ];
    for text in table {
        assert_eq!(read(&text), [], "{text}");
    }
    // A metric that is said and not there, or is no number, is left out alone.
    let odd = ours.replace(r#""Received":1"#, r#""Received":"1""#);
    assert_eq!(read(&odd)[0].metrics, []);
}
