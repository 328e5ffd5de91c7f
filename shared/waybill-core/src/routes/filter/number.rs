//! Numbers of a pattern and of an event, compared by their value: `5`, `5.0` and `5e0` are one.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::routes::tree::Value;

/// A number. Whole ones up to 2^53 are floats, which hold them exactly, so that equal numbers are
/// equal values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Any number that a float holds; never NaN, an infinity or a negative zero.
    Float(f64),
    /// A whole number beyond 2^53 in either direction.
    Whole(i128),
}

/// The largest whole number below which a float holds every one: 2^53.
const FLOAT_WHOLE_MAX: i128 = 1 << f64::MANTISSA_DIGITS;

impl Number {
    /// The number that a value of the file is, or that its variables say it is; `None` also for
    /// whole numbers of 64 bits and more, which the file is not read precisely enough for.
    pub(super) fn of_file(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(i64::MAX) => None,
            Value::Integer(number) => Some(Self::whole(i128::from(*number))),
            Value::Float(number) => Some(Self::float(as_in_events(*number))),
            Value::Filled(text) => {
                let read: serde_json::Number = serde_json::from_str(text).ok()?;
                Self::of_event(&read)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Text(_)
            | Value::Unset
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }

    /// The number that an event has.
    pub(super) fn of_event(number: &serde_json::Number) -> Option<Self> {
        number
            .as_i128()
            .map(Self::whole)
            .or_else(|| number.as_f64().map(Self::float))
    }

    /// A whole number.
    fn whole(number: i128) -> Self {
        if (-FLOAT_WHOLE_MAX..=FLOAT_WHOLE_MAX).contains(&number) {
            Self::Float(number as f64)
        } else {
            Self::Whole(number)
        }
    }

    /// A float, of which there is one zero.
    fn float(number: f64) -> Self {
        Self::Float(number + 0.0)
    }

    /// Which of two is the larger, to the last digit.
    pub(super) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Float(one), Self::Float(other)) => one.total_cmp(&other),
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            (Self::Float(one), Self::Whole(other)) => float_to_whole(one, other),
            (Self::Whole(one), Self::Float(other)) => float_to_whole(other, one).reverse(),
        }
    }

    /// Whether it lies within these bounds.
    pub(super) fn is_within(self, low: Bound<Self>, high: Bound<Self>) -> bool {
        let above = match low {
            Bound::Included(low) => self.order(low).is_ge(),
            Bound::Excluded(low) => self.order(low).is_gt(),
            Bound::Unbounded => true,
        };
        let below = match high {
            Bound::Included(high) => self.order(high).is_le(),
            Bound::Excluded(high) => self.order(high).is_lt(),
            Bound::Unbounded => true,
        };
        above && below
    }
}

/// A float of the file as it would be read in an event: there the last of more than 15 digits may
/// be read as its neighbour, and what is written alike must be equal.
fn as_in_events(number: f64) -> f64 {
    let text = serde_json::Value::from(number).to_string();
    serde_json::from_str(&text).unwrap_or(number)
}

/// Which of a float and a whole number beyond 2^53 is the larger.
fn float_to_whole(float: f64, whole: i128) -> Ordering {
    // A float of that size has no fraction, and the text of it all its digits; where they are
    // more than 128 bits, or it is smaller than that, a sign tells.
    match format!("{float:.0}").parse::<i128>() {
        Ok(float) => float.cmp(&whole),
        Err(_) => float.total_cmp(&0.0),
    }
}
