//! CloudWatch's embedded metric format: one document, one line, one set of dimensions.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde::Serialize;
use serde_json::{Map, Number, Value};

use waybill_core::time::Timestamp;

use super::meter::Set;
use super::metric::{Dimension, Metric, NAMESPACE};

/// Most values of one metric in a document. What has more is in several (F77); no set comes near
/// the other limit, 100 metrics.
const VALUES_MAX: usize = 100;

/// One document.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

/// What CloudWatch reads first.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

/// Which members are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [Vec<&'a str>; 1],
    metrics: Vec<Named<'a>>,
}

/// One of them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    name: &'a str,
    unit: &'a str,
}

/// The documents of all sets, each on a line of its own.
pub(super) fn lines(queue: &str, now: Timestamp, sets: &[Set]) -> String {
    let mut lines = String::new();
    for set in sets {
        let parts = set
            .values
            .iter()
            .map(|(_, values)| values.len().div_ceil(VALUES_MAX));
        let parts = parts.max().unwrap_or_default().max(1);
        for part in 0..parts {
            if let Ok(line) = serde_json::to_string(&document(queue, now, set, part)) {
                lines.push_str(&line);
                lines.push('\n');
            }
        }
    }
    lines
}

/// One part of a set: its sums are in the first, its values in all.
fn document<'a>(queue: &'a str, now: Timestamp, set: &'a Set, part: usize) -> Document<'a> {
    let sums = set.sums.iter().filter(|_| part == 0);
    let sums = sums.map(|(metric, sum)| (*metric, number(*sum)));
    let values = set.values.iter().filter_map(|(metric, values)| {
        let chunk = values.chunks(VALUES_MAX).nth(part)?;
        Some((
            *metric,
            Value::Array(chunk.iter().map(|value| number(*value)).collect()),
        ))
    });
    let found: Vec<(&Metric, Value)> = sums.chain(values).collect();
    let labels = set.labels.iter().map(|(of, value)| (of.word(), &**value));
    let labels: Vec<_> = [(Dimension::Queue.word(), queue)]
        .into_iter()
        .chain(labels)
        .collect();
    let mut members: Map<String, Value> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect();
    let named = |(metric, _): &(&'a Metric, Value)| Named {
        name: metric.name,
        unit: metric.unit.word(),
    };
    let metrics = found.iter().map(named).collect();
    members.extend(
        found
            .into_iter()
            .map(|(metric, value)| (metric.name.to_owned(), value)),
    );
    Document {
        metadata: Metadata {
            timestamp: now.as_millis(),
            cloud_watch_metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: [labels.into_iter().map(|(name, _)| name).collect()],
                metrics,
            }],
        },
        members,
    }
}

/// A number as it is shortest.
fn number(value: f64) -> Value {
    // Counts and milliseconds are whole and far below 2^53.
    let whole = value.fract() == 0.0 && (0.0..9e15).contains(&value);
    match whole {
        true => Value::from(format!("{value:.0}").parse::<u64>().unwrap_or_default()),
        false => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}
