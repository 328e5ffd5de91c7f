//! What an HTTP answer means, and which addresses may be called.

pub mod address;
mod retry_after;

use std::collections::BTreeMap;

use crate::outcome::Attempt;
use crate::time::Timestamp;

/// What a status means for the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// The target has it.
    Delivered,
    /// The target refused it for good.
    Rejected,
    /// The target could not take it now.
    Transient,
}

/// What one target means by a status, where it is not the usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusOverrides(BTreeMap<u16, StatusClass>);

impl StatusOverrides {
    /// Says what a status means; `false`, and nothing is changed, when that was said before.
    #[must_use]
    pub fn set(&mut self, status: u16, class: StatusClass) -> bool {
        let vacant = !self.0.contains_key(&status);
        if vacant {
            self.0.insert(status, class);
        }
        vacant
    }

    /// What the target means by the status, where it said so.
    pub fn get(&self, status: u16) -> Option<StatusClass> {
        self.0.get(&status).copied()
    }
}

/// Decides what a target's answer means.
///
/// 2xx is delivered; 404, 408, 409, 425, 429 and 5xx may pass; 1xx, 3xx (no redirect is followed)
/// and every other 4xx are refusals for good; `overrides` go first. `retry_after` is the header of
/// that name, honoured on 429 and 503 only (F58). The code is `http_` and the status.
pub fn classify(
    status: u16,
    overrides: &StatusOverrides,
    retry_after: Option<&str>,
    now: Timestamp,
) -> Attempt {
    let code = format!("http_{status}");
    match overrides.get(status).unwrap_or_else(|| usual(status)) {
        StatusClass::Delivered => Attempt::delivered(code),
        StatusClass::Rejected => {
            Attempt::rejected(code, format!("the target refused it with status {status}"))
        }
        StatusClass::Transient => {
            let honoured = retry_after.filter(|_| matches!(status, 429 | 503));
            let wait = honoured.and_then(|text| retry_after::parse(text, now));
            let message = format!("the target answered with status {status}");
            Attempt::transient(code, message, wait)
        }
    }
}

/// What a status means where the route does not say.
fn usual(status: u16) -> StatusClass {
    match status {
        200..=299 => StatusClass::Delivered,
        404 | 408 | 409 | 425 | 429 | 500..=599 => StatusClass::Transient,
        _ => StatusClass::Rejected,
    }
}

#[cfg(test)]
mod tests;
