//! A snapshot as a line: in columns for people and `awk`, or in JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use waybill_core::time::Timestamp;

use super::state::{Breaker, Depth, Route, Snapshot};
use super::window::{COUNTS, Figures};
use super::words;

/// A column: its header and its width.
type Column = (&'static str, usize);

/// The columns, which stand still: a release may add some behind them.
const COLUMNS: [Column; 16] = [
    ("TIME", 20),
    ("WAITING", 8),
    ("IN_FLIGHT", 9),
    ("DELAYED", 8),
    ("DLQ", 7),
    ("RECEIVED/S", 10),
    ("DELIVERED/S", 11),
    ("FAILED", 7),
    ("DUPLICATES", 10),
    ("RETRIED", 8),
    ("DEFERRED", 8),
    ("DEAD", 7),
    ("P50_MS", 8),
    ("P99_MS", 8),
    ("BREAKERS_OPEN", 13),
    ("TROUBLE", 7),
];

/// The names of the columns.
pub(super) fn header() -> String {
    joined(COLUMNS.map(|(name, _)| name.to_owned()))
}

/// A line with a word in each column; `-` is not known.
pub(super) fn line(snapshot: &Snapshot) -> String {
    let depth = |depth: Option<Depth>, of: fn(Depth) -> u64| or_dash(depth.map(of));
    let figures = snapshot.figures.as_ref();
    let count = |metric| or_dash(figures.map(|figures| figures.of(metric)));
    let rate = |metric| {
        let rate = figures.map(|figures| words::rate(figures.per_second(figures.of(metric))));
        or_dash(rate)
    };
    let spread = figures.and_then(|figures| figures.end_to_end);
    let ms = |time: Option<Duration>| or_dash(time.map(|time| time.as_millis()));
    let open = snapshot
        .routes
        .iter()
        .filter(|route| is_open(route))
        .count();
    let queue = snapshot.queue;
    joined([
        rfc3339(snapshot.at),
        depth(queue, |depth| depth.visible),
        depth(queue, |depth| depth.in_flight),
        depth(queue, |depth| depth.delayed),
        depth(snapshot.dead_letter_queue, Depth::all),
        rate("Received"),
        rate("Delivered"),
        count("Failed"),
        count("Duplicates"),
        count("Retried"),
        count("Deferred"),
        count("Dead"),
        ms(spread.map(|spread| spread.p50)),
        ms(spread.map(|spread| spread.p99)),
        open.to_string(),
        snapshot.faults.len().to_string(),
    ])
}

/// Words in their columns, at the right but for the first.
fn joined(words: [String; COLUMNS.len()]) -> String {
    let padded = words
        .iter()
        .zip(COLUMNS)
        .map(|(word, (name, width))| match name {
            "TIME" => format!("{word:width$}"),
            _ => format!("{word:>width$}"),
        });
    padded.collect::<Vec<_>>().join(" ")
}

/// A word, or that there is none.
fn or_dash(word: Option<impl ToString>) -> String {
    word.map_or_else(|| "-".to_owned(), |word| word.to_string())
}

/// A time to the second.
fn rfc3339(at: Timestamp) -> String {
    let whole = Timestamp::from_secs(at.as_millis() / 1000);
    whole.to_rfc3339().unwrap_or_default()
}

/// Whether nothing goes to a route.
fn is_open(route: &Route) -> bool {
    match route.breaker {
        Some(Breaker::Open { .. } | Breaker::Unreadable) => true,
        Some(Breaker::Closed | Breaker::Closing) | None => false,
    }
}

/// A snapshot for scripts.
pub(super) fn json(snapshot: &Snapshot) -> Value {
    let depth = |depth: Depth| {
        json!({
            "visible": depth.visible,
            "in_flight": depth.in_flight,
            "delayed": depth.delayed,
        })
    };
    let place = &snapshot.place;
    let letters = snapshot.letters.as_ref().map(|letters| {
        let letter = |letter: &super::state::Letter| {
            let routes = letter.routes.iter();
            let routes = routes.map(|(route, code)| json!({ "route": route, "code": code }));
            json!({
                "key": letter.key,
                "reason": letter.reason,
                "died": letter.at.to_rfc3339(),
                "age_seconds": snapshot.at.since(letter.at).as_secs(),
                "routes": routes.collect::<Vec<_>>(),
            })
        };
        letters.iter().map(letter).collect::<Vec<_>>()
    });
    let routes = snapshot.routes.iter().map(route);
    json!({
        "at": snapshot.at.to_rfc3339(),
        "queue": place.queue,
        "consumer": place.consumer,
        "region": place.region,
        "endpoint": place.endpoint,
        "source": snapshot.queue.map(depth),
        "dlq": snapshot.dead_letter_queue.map(depth),
        "window": snapshot.figures.as_ref().map(window),
        "routes": routes.collect::<Vec<_>>(),
        "dead_letters": letters,
        "log_groups": snapshot.groups,
        "trouble": snapshot.faults,
    })
}

/// What functions counted.
fn window(figures: &Figures) -> Value {
    let counts: BTreeMap<_, _> = COUNTS
        .iter()
        .map(|metric| (snake(metric), figures.of(metric)))
        .collect();
    let rate = |metric| (figures.per_second(figures.of(metric)) * 1000.0).round() / 1000.0;
    json!({
        "seconds": figures.span.as_secs(),
        "counts": counts,
        "per_second": {
            "received": rate("Received"),
            "delivered": rate("Delivered"),
            "failed": rate("Failed"),
        },
        "deferred": figures.deferred,
        "dead": figures.dead,
        "end_to_end_ms": figures.end_to_end.map(|spread| spread.json()),
        "processing_ms": figures.processing.map(|spread| spread.json()),
        "age_at_receipt_ms": figures.age.map(|spread| spread.json()),
    })
}

/// A route.
fn route(route: &Route) -> Value {
    let (breaker, since) = match route.breaker {
        None => (None, None),
        Some(Breaker::Closed) => (Some("closed"), None),
        Some(Breaker::Closing) => (Some("closing"), None),
        Some(Breaker::Open { since }) => (Some("open"), since),
        Some(Breaker::Unreadable) => (Some("unreadable"), None),
    };
    let figures = &route.figures;
    json!({
        "route": route.name,
        "delivered": figures.of("delivered"),
        "rejected": figures.of("rejected"),
        "transient": figures.of("transient"),
        "unknown": figures.of("unknown"),
        "delivery_ms": figures.delivery.map(|spread| spread.json()),
        "breaker": breaker,
        "open_since": since.map(Timestamp::to_rfc3339),
    })
}

/// A metric's name as members of JSON are written.
fn snake(metric: &str) -> String {
    metric.to_lowercase()
}

#[cfg(test)]
mod tests;
