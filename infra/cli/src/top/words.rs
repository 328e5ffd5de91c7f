//! Figures and texts as people read them.

use std::time::Duration;

use waybill_core::time::Timestamp;

use crate::screen;

/// A text from outside, in one line without what a terminal would obey.
pub(super) fn harmless(text: &str) -> String {
    screen::harmless(text).replace(['\n', '\t'], " ")
}

/// A text cut to so many characters, the last being `…` where something is missing.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    if room > 0 {
        cut.push('…');
    }
    cut
}

/// A text cut to so many characters, `…` standing for what is missing in its middle: keys differ
/// at their ends.
pub(super) fn middle(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let begin: String = text.chars().take(kept / 2).collect();
    let end: String = text.chars().skip(length - (kept - kept / 2)).collect();
    match room {
        0 => String::new(),
        _ => format!("{begin}…{end}"),
    }
}

/// So many in a second.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 100.0 => format!("{rate:.0}"),
        rate if rate > 0.0 && rate < 0.1 => format!("{rate:.2}"),
        rate => format!("{rate:.1}"),
    }
}

/// How long, short.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 0.01 => format!("{:.1} ms", s * 1000.0),
        s if s < 0.9995 => format!("{:.0} ms", s * 1000.0),
        s if s < 59.95 => format!("{s:.1} s"),
        _ => screen::duration(time),
    }
}

/// The time of day, in UTC.
pub(super) fn clock(at: Timestamp) -> String {
    let whole = Timestamp::from_secs(at.as_millis() / 1000).to_rfc3339();
    let whole = whole.unwrap_or_default();
    let day = whole.split_once('T').map(|(_, clock)| clock.to_owned());
    day.unwrap_or(whole)
}

/// As many values as there are columns, the last at the right: each the highest of those that it
/// stands for.
pub(super) fn fitted(values: &[u64], columns: usize) -> Vec<u64> {
    if columns == 0 {
        return Vec::new();
    }
    let each = values.len().div_ceil(columns).max(1);
    // The groups are counted from the last value on, so that they do not change as values come.
    let mut fitted: Vec<_> = values
        .rchunks(each)
        .map(|group| group.iter().copied().max().unwrap_or_default())
        .collect();
    fitted.reverse();
    fitted
}

#[cfg(test)]
mod tests;
