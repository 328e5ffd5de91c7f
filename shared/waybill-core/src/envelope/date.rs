//! Dates as producers of the plain form write them. There is no standard to hold them to, so the
//! usual ways are read, and what goes out is RFC 3339 in UTC, as targets are promised.
//!
//! What is read:
//!
//! * RFC 3339, and the same with a space for `T`, without seconds, with a fraction of any length
//!   after a point or a comma, with an offset without its colon or its minutes, or after a space;
//! * the same without an offset, which counts as UTC, and a date alone, which is its midnight;
//! * RFC 2822, which the dates of HTTP are a form of: `Sat, 21 Nov 2026 14:00:00 GMT`;
//! * Unix time as a number or as digits, with a fraction or without: seconds below
//!   100,000,000,000 (that many end in the year 5138), from there on milliseconds (that many are
//!   in 1973).
//!
//! Anything else is as good as absent, and so is a time outside the years 0 to 9999.

use std::sync::LazyLock;

use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::format_description::{OwnedFormatItem, parse_owned};
use time::parsing::Parsed;
use time::{Date, OffsetDateTime, Time, UtcOffset};

use super::raw::Raw;

/// A date, in RFC 3339 and UTC; `None` where it cannot be read.
pub(super) fn read(value: Raw<'_>) -> Option<String> {
    let at = match value.string() {
        Some(text) => written(text.trim()),
        None => unix(value.text()?),
    };
    at?.checked_to_offset(UtcOffset::UTC)?.format(&Rfc3339).ok()
}

/// Reads what stands in a string.
fn written(text: &str) -> Option<OffsetDateTime> {
    let standard = OffsetDateTime::parse(text, &Rfc3339);
    let standard = standard.or_else(|_| OffsetDateTime::parse(text, &Rfc2822));
    standard.ok().or_else(|| loose(text)).or_else(|| unix(text))
}

/// Reads what resembles RFC 3339.
fn loose(text: &str) -> Option<OffsetDateTime> {
    let mut parsed = Parsed::new();
    let rest = parsed.parse_item(text.as_bytes(), &*LOOSE).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let time = match parsed.hour_24() {
        None => Time::MIDNIGHT,
        Some(_) => Time::try_from(parsed).ok()?,
    };
    let offset = match parsed.offset_hour() {
        None => UtcOffset::UTC,
        Some(_) => UtcOffset::try_from(parsed).ok()?,
    };
    let date = Date::try_from(parsed).ok()?;
    Some(date.with_time(time).assume_offset(offset))
}

/// Reads Unix time: digits, with a fraction or without.
fn unix(text: &str) -> Option<OffsetDateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let nanos_each = if whole < MILLIS_FROM {
        NANOS
    } else {
        NANOS / 1000
    };
    let billionths: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    let nanos = i128::from(whole) * nanos_each + billionths * nanos_each / NANOS;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

/// The form that [`loose`] reads.
static LOOSE: LazyLock<OwnedFormatItem> = LazyLock::new(|| {
    parse_owned::<2>(
        "[year]-[month]-[day]\
         [optional [[first [T] [t] [ ]][hour]:[minute]\
         [optional [:[second][optional [[first [.] [,]][subsecond]]]]]\
         [optional [[optional [ ]][first [Z] [z] [UTC] \
         [[offset_hour sign:mandatory][optional [[optional [:]][offset_minute]]]]]]]]]",
    )
    .expect("the description keeps the rules of descriptions")
});

/// Unix time from here on counts milliseconds.
const MILLIS_FROM: u64 = 100_000_000_000;

/// Nanoseconds of a second.
const NANOS: i128 = 1_000_000_000;

#[cfg(test)]
mod tests;
