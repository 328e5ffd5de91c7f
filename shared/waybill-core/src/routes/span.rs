//! Durations as people write them: `250ms`, `10s`, `15m`, `1h`.

use std::time::Duration;

/// Reads digits and a unit, nothing else; `None` for anything else and for what is too long to
/// count in milliseconds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let end = text.bytes().position(|b| !b.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(end)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let ms = digits.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    Some(Duration::from_millis(ms))
}

/// Writes a duration the way [`parse`] reads it, in the largest unit that is exact.
pub(super) fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let exact = units
        .into_iter()
        .find(|(unit_ms, _)| ms >= *unit_ms && ms.is_multiple_of(*unit_ms));
    match exact {
        Some((unit_ms, unit)) => format!("{}{unit}", ms / unit_ms),
        None => format!("{ms}ms"),
    }
}
