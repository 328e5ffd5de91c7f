//! Pressure: what one target cannot take, seen from outside. A target that is down for minutes
//! while events keep coming, a rate that several processes share, and what an outage killed, brought
//! back.

mod outage;
mod rate;
mod redrive;

use std::time::{Duration, Instant};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value};

pub use outage::{OutageOptions, outage};
pub use rate::{RateOptions, rate};
pub use redrive::{RedriveOptions, redrive};

use crate::account::Verdict;
use crate::bundle::{Bundle, Mode};
use crate::demo::mix::plain;
use crate::error::LocalError;

/// What was seen, line by line, and what it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the lines are about.
    head: String,
    /// Each with its name for programs, its name for people, and its value.
    lines: Vec<(&'static str, String, Value)>,
    /// What it comes to.
    pub verdict: Verdict,
    /// The same in words.
    pub sentence: String,
}

impl Report {
    /// As a table.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(UTF8_FULL_CONDENSED)
            .set_header([self.head.as_str(), ""]);
        for (_, name, value) in &self.lines {
            table.add_row([name.clone(), value.to_string()]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("kept".to_owned(), (self.verdict == Verdict::Kept).into());
        for (key, _, value) in &self.lines {
            object.insert((*key).to_owned(), value.clone());
        }
        Value::Object(object).to_string()
    }
}

/// Events sent at an even pace.
#[derive(Debug)]
pub(crate) struct Feed {
    prefix: String,
    rate: u32,
    begun: Instant,
    /// How many were sent before that.
    before: usize,
    /// When each was sent, by the number in its id.
    sent: Vec<Instant>,
}

impl Feed {
    /// Nothing is sent yet. Ids begin so.
    pub(crate) fn new(prefix: &str, rate: u32) -> Self {
        Self {
            prefix: prefix.to_owned(),
            rate,
            begun: Instant::now(),
            before: 0,
            sent: Vec::new(),
        }
    }

    /// The pace begins anew: what was not sent in a pause is not due.
    pub(crate) fn begin_again(&mut self) {
        self.begun = Instant::now();
        self.before = self.sent.len();
    }

    /// How many were sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.len()
    }

    /// Sends what is due by now.
    pub(crate) async fn tick(&mut self, bundle: &Bundle) -> Result<(), LocalError> {
        let due = self.begun.elapsed().as_millis() * u128::from(self.rate) / 1000;
        let due = usize::try_from(due).unwrap_or(usize::MAX);
        self.send_up_to(bundle, self.before.saturating_add(due))
            .await
    }

    /// Sends until so many are out.
    async fn send_up_to(&mut self, bundle: &Bundle, due: usize) -> Result<(), LocalError> {
        let next = self.sent.len()..due;
        let bodies: Vec<_> = next.map(|n| plain(&self.id(n), n)).collect();
        let now = Instant::now();
        self.sent.extend(bodies.iter().map(|_| now));
        if !bodies.is_empty() {
            bundle.source().send(&bodies).await?;
        }
        Ok(())
    }

    fn id(&self, n: usize) -> String {
        format!("{}-{n:06}", self.prefix)
    }

    /// When an event was sent.
    fn sent_at(&self, id: &str) -> Option<Instant> {
        let (_, n) = id.rsplit_once('-')?;
        self.sent.get(n.parse::<usize>().ok()?).copied()
    }
}

/// Polls again and again, as a schedule would, where the bundle has a poller.
async fn poll(bundle: &Bundle, mode: Mode) -> Result<std::convert::Infallible, LocalError> {
    let to_its_deadline = serde_json::json!({});
    loop {
        match mode {
            Mode::Trigger => std::future::pending().await,
            Mode::Poll | Mode::Both => {
                let poller = bundle.poller_function();
                let answer = bundle.invoke(poller, &to_its_deadline).await?;
                if let Some(error) = answer.function_error {
                    return Err(LocalError::failed(format!("a poll failed: {error}")));
                }
            }
        }
    }
}

/// The value below which so many of a hundred lie, in milliseconds; nothing where there is none.
fn percentile(values: &mut [Duration], percent: usize) -> Value {
    values.sort_unstable();
    let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
    match values.get(place) {
        Some(value) => u64::try_from(value.as_millis()).unwrap_or(u64::MAX).into(),
        None => Value::Null,
    }
}

/// How often events are sent, and how often we look.
const TICK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
