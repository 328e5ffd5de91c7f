//! A function's metrics as it logs them: CloudWatch's embedded metric format, a JSON document for
//! each line.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use waybill_core::time::Timestamp;

/// What one line says of one set of dimensions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    /// Until when it counts.
    pub(super) at: Timestamp,
    /// Name of the source queue.
    pub(super) queue: String,
    /// The route, where it is about one.
    pub(super) route: Option<String>,
    /// The outcome, cause or reason, where it is about one.
    pub(super) word: Option<String>,
    /// Each metric with its values.
    pub(super) metrics: Vec<(String, Vec<Number>)>,
}

/// Reads a line; none where it is anything else than metrics of ours.
pub(super) fn read(line: &str) -> Vec<Document> {
    let Ok(line) = serde_json::from_str::<Line>(line) else {
        return Vec::new();
    };
    let at = Timestamp::from_millis(line.aws.timestamp);
    let ours = line.aws.directives.iter();
    let ours = ours.filter(|directive| directive.namespace == NAMESPACE);
    let sets =
        ours.flat_map(|directive| directive.dimensions.iter().map(move |set| (directive, set)));
    let documents = sets.filter_map(|(directive, set)| document(at, directive, set, &line.members));
    documents.collect()
}

/// What a line says of a set; nothing where the set names no queue, or something that is not known.
fn document(
    at: Timestamp,
    directive: &Directive,
    set: &[String],
    members: &Map<String, Value>,
) -> Option<Document> {
    let (mut queue, mut route, mut word) = (None, None, None);
    for name in set {
        let value = members.get(name)?.as_str()?.to_owned();
        match name.as_str() {
            "Queue" => queue = Some(value),
            "Route" => route = Some(value),
            "Outcome" | "Cause" | "Reason" => word = Some(value),
            _ => return None,
        }
    }
    let metrics = directive.metrics.iter().filter_map(|metric| {
        let values = match members.get(&metric.name)? {
            Value::Number(one) => vec![one.clone()],
            Value::Array(many) => many.iter().filter_map(number).collect(),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => return None,
        };
        Some((metric.name.clone(), values))
    });
    Some(Document {
        at,
        queue: queue?,
        route,
        word,
        metrics: metrics.collect(),
    })
}

/// The number that a value is.
fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// A line.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_aws")]
    aws: Metadata,
    #[serde(flatten)]
    members: Map<String, Value>,
}

/// What a line says of its members.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: u64,
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

/// Which members are metrics, and of what.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Metric>,
}

/// A member that is a metric.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: String,
}

/// The namespace of our metrics.
const NAMESPACE: &str = "Waybill";

/// What CloudWatch Logs is asked for: the member that every such line has.
pub(super) const PATTERN: &str = "\"CloudWatchMetrics\"";

#[cfg(test)]
pub(super) mod tests;
