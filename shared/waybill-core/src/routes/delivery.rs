//! A route's `delivery`: how Knative and TriggerMesh say how hard to try.
//!
//! It stands for `retry`, in their words and with what these mean: no jitter, no cap but SQS's own,
//! and nothing of `defaults.retry`.

use std::time::Duration;

use super::dead_letter::DeadLetterTarget;
use super::fields::{Faults, Fields, join};
use super::span;
use super::tree::{Key, Node, Place, Value};
use crate::limit::VISIBILITY_MAX;
use crate::retry::{Backoff, RetryPolicy};

/// What `delivery` says.
#[derive(Debug)]
pub(super) struct Delivery {
    /// How the target is tried again.
    pub(super) retry: RetryPolicy,
    /// Where dead letters go, where it says so; nothing after a fault was told.
    pub(super) dead_letter: Option<Option<DeadLetterTarget>>,
    /// How long one try may take, where it is said, and where that stands.
    timeout: Option<(Duration, Place)>,
    /// The place of its `timeout` in the file.
    path: String,
}

impl Delivery {
    /// Reads `delivery`. `None` only after a fault was told.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = [
            "retry",
            "backoffDelay",
            "backoffPolicy",
            "timeout",
            "deadLetterSink",
        ];
        let fields = Fields::open(node, path, &known, faults)?;
        let steps = match fields.get("retry") {
            Some(_) => fields.integer("retry", 0, 100, faults),
            None => fields.missing("retry", "say how often after the first try", faults),
        };
        let steps = steps.and_then(|steps| u32::try_from(steps).ok());
        let delay = span_of(&fields, "backoffDelay", faults);
        let forms = [
            ("constant", Form::Constant),
            ("linear", Form::Linear),
            ("exponential", Form::Exponential),
        ];
        let form = fields.word("backoffPolicy", &forms, faults);
        let at = fields.get("timeout").map(|node| node.at);
        let timeout = span_of(&fields, "timeout", faults).zip(at);
        let growth = ["backoffDelay", "backoffPolicy"];
        let unsaid = growth.iter().any(|name| fields.get(name).is_none());
        if unsaid && steps.is_some_and(|steps| steps > 0) {
            let message = "`backoffDelay` and `backoffPolicy` are needed where there are retries; \
                 say both, like `backoffDelay: PT5S` and `backoffPolicy: exponential`";
            faults.add(path, node.at, message);
        }
        let retry = RetryPolicy {
            steps: steps?,
            backoff: form
                .unwrap_or(Form::Constant)
                .backoff(delay.unwrap_or_default()),
            jitter: 0.0,
            cap: VISIBILITY_MAX,
            ..RetryPolicy::default()
        };
        let dead_letter = match fields.get("deadLetterSink") {
            Some(node) => {
                let path = join(path, "deadLetterSink");
                DeadLetterTarget::read_sink(node, &path, &retry, faults).map(Some)
            }
            None => Some(None),
        };
        let path = join(path, "timeout");
        Some(Self {
            retry,
            dead_letter,
            timeout,
            path,
        })
    }

    /// A route's `target` with this time-out, where one is said: it is bounded like the target's
    /// own, and told here where both are said.
    pub(super) fn target(&self, target: &Node, faults: &mut Faults) -> Node {
        let mut target = target.clone();
        let (Some((timeout, at)), Value::Map(kinds)) = (self.timeout, &mut target.value) else {
            return target;
        };
        let [(_, spec)] = kinds.as_mut_slice() else {
            return target;
        };
        let Value::Map(entries) = &mut spec.value else {
            return target;
        };
        if entries.iter().any(|(key, _)| key.name == "timeout") {
            let message = "the target says its own `timeout`; leave one of the two out";
            faults.add(&self.path, at, message);
            return target;
        }
        let key = Key {
            name: "timeout".to_owned(),
            at,
        };
        let value = Node {
            value: Value::Text(span::show(timeout)),
            at,
        };
        entries.push((key, value));
        target
    }
}

/// How the waits grow, in Knative's and TriggerMesh's words.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// The delay, each time.
    Constant,
    /// The delay times the number of the retry.
    Linear,
    /// The delay times two to the power of that number.
    Exponential,
}

impl Form {
    /// The same as a policy says it. The retries are counted from 1, as Knative's documentation
    /// says it; its own dispatcher counts from 0, so that its waits are one step shorter.
    /// <https://github.com/knative/eventing/blob/main/pkg/kncloudevents/retries.go>
    fn backoff(self, delay: Duration) -> Backoff {
        match self {
            Self::Constant => Backoff::Exponential {
                duration: delay,
                factor: 1.0,
            },
            Self::Linear => Backoff::Linear { duration: delay },
            Self::Exponential => Backoff::Exponential {
                duration: delay.saturating_mul(2),
                factor: 2.0,
            },
        }
    }
}

/// Reads a duration of ISO 8601 within SQS's bounds.
fn span_of(fields: &Fields<'_>, name: &str, faults: &mut Faults) -> Option<Duration> {
    let node = fields.get(name)?;
    let read = node.value.as_text().and_then(iso_8601);
    read.filter(|span| *span <= VISIBILITY_MAX).or_else(|| {
        let message = "must be an ISO 8601 duration of hours, minutes and seconds, at most `PT12H`, \
             like `PT5S`, `PT0.2S` or `PT1M30S`";
        faults.refuse(&join(fields.path, name), node, message)
    })
}

/// Reads a duration of ISO 8601 without years, months, weeks and days, which are as long as their
/// calendar says: `PT`, then hours, minutes and seconds, in this order and at least one of them.
/// Seconds may have a fraction, to the millisecond.
fn iso_8601(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix("PT").filter(|rest| !rest.is_empty())?;
    let mut ms = 0u64;
    for (unit, unit_ms) in [('H', 3_600_000), ('M', 60_000), ('S', 1_000)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        rest = after;
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if unit == 'S' => (whole, milliseconds(fraction)?),
            Some(_) => return None,
            None => (number, 0),
        };
        let whole = digits(whole)?.checked_mul(unit_ms)?;
        ms = ms.checked_add(whole)?.checked_add(fraction)?;
    }
    rest.is_empty().then(|| Duration::from_millis(ms))
}

/// A fraction of a second: one to three digits.
fn milliseconds(fraction: &str) -> Option<u64> {
    let unit = match fraction.len() {
        1 => 100,
        2 => 10,
        3 => 1,
        _ => return None,
    };
    Some(digits(fraction)? * unit)
}

/// A number of digits alone.
fn digits(text: &str) -> Option<u64> {
    let only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| only)
}

#[cfg(test)]
mod tests;
