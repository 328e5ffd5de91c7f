//! Poll mode's schedule, by hand: invokes the poller again and again, and adds its reports up.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::bundle::Bundle;
use crate::error::LocalError;

/// How long between the end of one poll and the next.
const BETWEEN: Duration = Duration::from_millis(100);

/// Whether to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not now.
    Rest,
    /// Now, again and again.
    Poll,
    /// Never again.
    Over,
}

/// What the polls of a phase reported, added up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Polled {
    /// Polls.
    pub invocations: u64,
    /// Every count of the reports, by its name there.
    pub counts: BTreeMap<String, u64>,
    /// How long they took together.
    pub seconds: f64,
    /// How many ended for which reason, in the report's word.
    pub stopped: BTreeMap<String, u64>,
}

/// Polls while it is the turn to; answers after the end of the last poll.
///
/// Each poll ends when it finds the queue empty: what waits for its next try is for a later one.
/// Fails where an invocation does, because nothing that the demo does is a reason for it.
pub(super) async fn poll(
    bundle: &Bundle,
    mut turn: watch::Receiver<Turn>,
) -> Result<Polled, LocalError> {
    let mut polled = Polled::default();
    loop {
        // Whoever gives the turns may be gone; then it is over.
        let now = turn.wait_for(|turn| *turn != Turn::Rest).await;
        match now.map_or(Turn::Over, |now| *now) {
            Turn::Rest => {}
            Turn::Poll => {
                let drain = json!({ "stop_when_empty": true });
                let answer = bundle.invoke(bundle.poller_function(), &drain).await?;
                if let Some(error) = answer.function_error {
                    let what = format!("the poller failed ({error}): {}", answer.payload);
                    return Err(LocalError::failed(what));
                }
                polled.add(&answer.payload)?;
                tokio::time::sleep(BETWEEN).await;
            }
            Turn::Over => return Ok(polled),
        }
    }
}

impl Polled {
    /// Adds one poll's report.
    pub(super) fn add(&mut self, report: &Value) -> Result<(), LocalError> {
        let unread = || LocalError::failed(format!("the poller's report is not one: {report}"));
        let fields = report.as_object().ok_or_else(unread)?;
        self.invocations += 1;
        for (name, value) in fields {
            if let Some(count) = value.as_u64() {
                *self.counts.entry(name.clone()).or_default() += count;
            } else if let (Some(seconds), "seconds") = (value.as_f64(), name.as_str()) {
                self.seconds += seconds;
            } else if let (Some(word), "stopped") = (value.as_str(), name.as_str()) {
                *self.stopped.entry(word.to_owned()).or_default() += 1;
            } else {
                return Err(unread());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
