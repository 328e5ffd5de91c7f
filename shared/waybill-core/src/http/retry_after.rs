//! `Retry-After`: seconds or a date, from targets that do not all read the standard (F58).

use std::time::{Duration, UNIX_EPOCH};

use crate::limit::WAIT_MAX;
use crate::time::Timestamp;

/// The wait that was asked for, at most [`WAIT_MAX`], which is as long as any such wait is
/// honoured; zero for a date that has passed; `None` for what is neither.
///
/// Seconds may have a fraction. Negative, infinite and written-out numbers are ignored.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    seconds(text).or_else(|| until(text, now))
}

/// Reads digits, with a fraction or without; any number of them.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // Digits alone fail to parse only when they are too many.
    let whole = Duration::from_secs(whole.parse().unwrap_or(u64::MAX));
    let part: f64 = format!("0.{fraction}0").parse().ok()?;
    let part = Duration::try_from_secs_f64(part).ok()?;
    Some(whole.saturating_add(part).min(WAIT_MAX))
}

/// Reads a date in any of HTTP's three forms.
fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let at = httpdate::parse_http_date(text).ok()?;
    let at = at.duration_since(UNIX_EPOCH).ok()?;
    let at = Timestamp::from_millis(u64::try_from(at.as_millis()).ok()?);
    Some(at.since(now).min(WAIT_MAX))
}
