//! Which dead letters are meant: `reason = attempts_spent and route = crm and age < 2h`, and a
//! pattern of EventBridge's over the event.

mod expression;
mod parse;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dossier::Dossier;
use crate::id::printable;
use crate::routes::Filter;
use crate::time::Timestamp;

use expression::Expression;

pub use expression::FIELDS;

/// Longest expression, in bytes.
pub const EXPRESSION_MAX: usize = 2048;

/// Most comparisons, parentheses and negations of one expression.
pub const EXPRESSION_STEPS_MAX: usize = 64;

/// Which dead letters, as people say it. All that is said must hold; nothing takes all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// An expression over the dossier.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// A pattern of EventBridge's over the event, as in a route's `filter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Value>,
    /// Only what is no older than this: a duration, as `2h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only the message of this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Only messages of the event of this key, as [`printable`] shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Which dead letters, ready to be asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    expression: Option<Expression>,
    pattern: Option<Filter>,
    since: Option<Duration>,
    message_id: Option<String>,
    key: Option<String>,
}

impl Selection {
    /// Reads what people said.
    ///
    /// # Errors
    ///
    /// The first thing that is not understood, where it stands, and what would be.
    pub fn read(wanted: &Wanted) -> Result<Self, String> {
        let expression = wanted.expression.as_deref().map(parse::parse).transpose();
        let expression = expression.map_err(|what| format!("`where`: {what}"))?;
        let pattern = wanted.pattern.as_ref().map(|pattern| {
            Filter::parse(&pattern.to_string()).map_err(|errors| {
                let faults: Vec<_> = errors.iter().map(ToString::to_string).collect();
                format!("`pattern`: {}", faults.join("; "))
            })
        });
        let since = wanted.since.as_deref().map(|text| {
            duration(text).ok_or_else(|| format!("`since`: `{text}` is no duration, as `2h`"))
        });
        Ok(Self {
            expression,
            pattern: pattern.transpose()?,
            since: since.transpose()?,
            message_id: wanted.message_id.clone(),
            key: wanted.key.clone(),
        })
    }

    /// Whether a dead letter is meant. Ages are as of `now`.
    pub fn takes(&self, dossier: &Dossier, now: Timestamp) -> bool {
        let young = |most: &Duration| dossier.age(now).is_some_and(|age| age <= *most);
        let matches = |filter: &Filter| dossier.reading.event().is_some_and(|e| filter.matches(e));
        let message_id = dossier.message.message_id.as_str();
        let key = printable(dossier.reading.key.as_str());
        self.message_id.as_deref().is_none_or(|id| id == message_id)
            && self.key.as_deref().is_none_or(|wanted| wanted == key)
            && self.since.as_ref().is_none_or(young)
            && self
                .expression
                .as_ref()
                .is_none_or(|e| e.holds(dossier, now))
            && self.pattern.as_ref().is_none_or(matches)
    }
}

/// A duration as people write it: `250ms`, `10s`, `15m`, `2h`, `3d`.
pub fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix('d') {
        Some(days) => {
            let days: u64 = days.parse().ok().filter(|days| *days <= DAYS_MAX)?;
            Some(Duration::from_secs(days * 24 * 60 * 60))
        }
        None => crate::routes::duration(text),
    }
}

/// No age is longer.
const DAYS_MAX: u64 = 36_500;

#[cfg(test)]
mod tests;
