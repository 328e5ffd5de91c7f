//! What a function's lines say over a time: the metrics of its documents, and its warnings and
//! errors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A metric that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its name.
    pub(super) metric: &'static str,
    /// What is shown of it.
    pub(super) statistic: Statistic,
}

/// What is shown of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistic {
    /// The sum of its counts.
    Sum,
    /// The highest reading.
    Maximum,
    /// What half of its values are below, in milliseconds.
    P50,
    /// What 99 of a hundred are below.
    P99,
}

impl Statistic {
    /// What CloudWatch calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::Maximum => "Maximum",
            Self::P50 => "p50 ms",
            Self::P99 => "p99 ms",
        }
    }
}

/// A sum of counts.
const fn sum(metric: &'static str) -> Shown {
    Shown {
        metric,
        statistic: Statistic::Sum,
    }
}

/// What is shown, in this order, where it is anything but zero.
pub(super) const SHOWN: [Shown; 16] = [
    sum("Received"),
    sum("Delivered"),
    sum("Duplicates"),
    sum("Retried"),
    sum("Deferred"),
    sum("Dead"),
    sum("Failed"),
    sum("Fenced"),
    sum("Crashes"),
    sum("Attempts"),
    sum("LedgerRequests"),
    sum("LedgerFailures"),
    Shown {
        metric: "BreakersOpen",
        statistic: Statistic::Maximum,
    },
    Shown {
        metric: "EndToEndLatency",
        statistic: Statistic::P50,
    },
    Shown {
        metric: "EndToEndLatency",
        statistic: Statistic::P99,
    },
    Shown {
        metric: "ProcessingTime",
        statistic: Statistic::P99,
    },
];

/// What lines said.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reading {
    /// Counts and readings, of the queue alone.
    numbers: BTreeMap<String, Vec<f64>>,
    /// Values, of the queue alone.
    values: BTreeMap<String, Vec<f64>>,
    /// How often each warning and each error was written: its level and its words.
    lines: BTreeMap<(String, String), u64>,
}

impl Reading {
    /// Reads lines; what is neither a document nor a line of the function's is passed over.
    pub(super) fn of(lines: &[String]) -> Self {
        let mut reading = Self::default();
        let parsed = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        for line in parsed {
            let line: Value = line;
            match line.pointer("/_aws/CloudWatchMetrics/0") {
                Some(directive) => reading.take_document(&line, directive),
                None => reading.take_line(&line),
            }
        }
        reading
    }

    /// Takes a document's metrics, where it is of a queue alone.
    fn take_document(&mut self, document: &Value, directive: &Value) {
        if directive.get("Dimensions") != Some(&json!([["Queue"]])) {
            return;
        }
        let metrics = directive.get("Metrics").and_then(Value::as_array);
        for metric in metrics.into_iter().flatten() {
            let Some(name) = metric.get("Name").and_then(Value::as_str) else {
                continue;
            };
            match document.get(name) {
                Some(Value::Array(values)) => {
                    let kept = self.values.entry(name.to_owned()).or_default();
                    kept.extend(values.iter().filter_map(Value::as_f64));
                }
                Some(value) => {
                    let kept = self.numbers.entry(name.to_owned()).or_default();
                    kept.extend(value.as_f64());
                }
                None => {}
            }
        }
    }

    /// Counts a warning or an error.
    fn take_line(&mut self, line: &Value) {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let level = text("level");
        if ["WARN", "ERROR"].contains(&level) {
            let key = (level.to_owned(), text("message").to_owned());
            *self.lines.entry(key).or_default() += 1;
        }
    }

    /// The sum of a metric's counts.
    pub(super) fn sum(&self, metric: &str) -> f64 {
        self.numbers
            .get(metric)
            .map_or(0.0, |numbers| numbers.iter().sum())
    }

    /// What is shown of a metric; empty where it said nothing, or zero.
    pub(super) fn cell(&self, shown: &Shown) -> String {
        let number = match shown.statistic {
            Statistic::Sum => self.sum(shown.metric),
            Statistic::Maximum => {
                let numbers = self.numbers.get(shown.metric).into_iter().flatten();
                numbers.copied().fold(0.0, f64::max)
            }
            Statistic::P50 => self.percentile(shown.metric, 50),
            Statistic::P99 => self.percentile(shown.metric, 99),
        };
        match number == 0.0 {
            true => String::new(),
            false => format!("{number:.0}"),
        }
    }

    /// The value that so many of a hundred do not exceed; zero where there is none.
    fn percentile(&self, metric: &str, percent: usize) -> f64 {
        let mut values = self.values.get(metric).cloned().unwrap_or_default();
        values.sort_unstable_by(f64::total_cmp);
        let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
        values.get(place).copied().unwrap_or_default()
    }

    /// The warnings and errors, each once: level and words.
    pub(super) fn lines(&self) -> impl Iterator<Item = &(String, String)> {
        self.lines.keys()
    }

    /// How often a line was written.
    pub(super) fn count(&self, line: &(String, String)) -> u64 {
        self.lines.get(line).copied().unwrap_or_default()
    }

    /// As JSON: sums, and how often each line was written.
    pub(super) fn json(&self) -> Value {
        let sums = self.numbers.iter().map(|(name, numbers)| {
            let sum: f64 = numbers.iter().sum();
            (name.clone(), json!(sum))
        });
        let lines = self
            .lines
            .iter()
            .map(|((_, words), count)| (words.clone(), json!(count)));
        json!({
            "sums": sums.collect::<serde_json::Map<_, _>>(),
            "lines": lines.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// The lines that were read before, so that each is read once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    seen: BTreeMap<String, u64>,
}

impl Lines {
    /// Those that were not there the last time; `all` is every line so far, in any order.
    pub(super) fn fresh(&mut self, all: Vec<String>) -> Vec<String> {
        let mut now: BTreeMap<String, u64> = BTreeMap::new();
        let mut fresh = Vec::new();
        for line in all {
            let count = now.entry(line.clone()).or_default();
            *count += 1;
            if *count > self.seen.get(&line).copied().unwrap_or_default() {
                fresh.push(line);
            }
        }
        self.seen = now;
        fresh
    }
}
