//! One layer of a body, taken apart once: the members that any form reads, as slices of the text.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Malformed;
use crate::digest;
use crate::event::{ByteString, Data};
use crate::json::Outline;

/// What a text is, as far as one look tells.
pub(super) enum Body<'a> {
    /// No JSON.
    Text,
    /// JSON that is no object.
    Json,
    /// A JSON object.
    Object(Box<Fields<'a>>),
}

/// Looks at a text; fails where it is an object that says one of our members twice.
pub(super) fn read(body: &str) -> Result<Body<'_>, Malformed> {
    let is_json = || serde_json::from_str::<IgnoredAny>(body).is_ok();
    let start = body.trim_start_matches([' ', '\t', '\n', '\r']);
    if !start.starts_with('{') {
        return Ok(if is_json() { Body::Json } else { Body::Text });
    }
    match serde_json::from_str(body) {
        Ok(fields) => Ok(Body::Object(fields)),
        Err(fault) if is_json() => Err(Malformed(format!("ambiguous body: {fault}"))),
        Err(_) => Ok(Body::Text),
    }
}

/// JSON text, a slice of this body, as data; fails where [`Data::to_value`] could not read it.
///
/// Telling whether a text is JSON asks for its grammar only and never recurses, while reading
/// its values recurses to a limit. What lies between is refused here, because filters and keys
/// would see nothing where there is something.
pub(super) fn json(body: &ByteString, text: &str) -> Result<Data, Malformed> {
    if Outline::of(text).is_some_and(|outline| outline.is_plain()) {
        return Ok(Data::Json(body.slice_ref(text)));
    }
    let readable = |text: &str| serde_json::from_str::<Readable>(text).map(|Readable| ());
    if let Err(fault) = readable(text) {
        let repaired = digest::repaired(text);
        if repaired.is_none_or(|repaired| readable(&repaired).is_err()) {
            return Err(Malformed(format!("unreadable json: {fault}")));
        }
    }
    Ok(Data::Json(body.slice_ref(text)))
}

/// The members of any form; all others are skipped. A member that comes twice is an error.
#[derive(serde::Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow, default)]
    pub(super) specversion: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) source: Raw<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) subject: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) time: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) datacontenttype: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) traceparent: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) data: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) data_base64: Raw<'a>,

    #[serde(borrow, default, rename = "detail-type")]
    pub(super) detail_type: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) detail: Raw<'a>,

    #[serde(borrow, default, rename = "Type")]
    pub(super) sns_type: Raw<'a>,
    #[serde(borrow, default, rename = "MessageId")]
    pub(super) sns_message_id: Raw<'a>,
    #[serde(borrow, default, rename = "TopicArn")]
    pub(super) sns_topic_arn: Raw<'a>,
    #[serde(borrow, default, rename = "Subject")]
    pub(super) sns_subject: Raw<'a>,
    #[serde(borrow, default, rename = "Timestamp")]
    pub(super) sns_timestamp: Raw<'a>,
    #[serde(borrow, default, rename = "Message")]
    pub(super) sns_message: Raw<'a>,

    #[serde(borrow, default, rename = "Records")]
    pub(super) s3_records: Raw<'a>,
    #[serde(borrow, default, rename = "Service")]
    pub(super) s3_service: Raw<'a>,
    #[serde(borrow, default, rename = "Event")]
    pub(super) s3_event: Raw<'a>,
    #[serde(borrow, default, rename = "Bucket")]
    pub(super) s3_bucket: Raw<'a>,

    #[serde(borrow, default)]
    pub(super) queue: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) dispatch_date: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) payload: Raw<'a>,
}

/// The text of a member's value, or that there is no such member. `null` is a value.
#[derive(Clone, Copy, Default)]
pub(super) struct Raw<'a>(Option<&'a str>);

impl<'a> Raw<'a> {
    /// The value's JSON text.
    pub(super) fn text(self) -> Option<&'a str> {
        self.0
    }

    /// Whether there is a value other than `null`.
    pub(super) fn is_set(self) -> bool {
        self.0.is_some_and(|text| text != "null")
    }

    /// The content of a JSON string; `None` for anything else.
    pub(super) fn string(self) -> Option<Cow<'a, str>> {
        let text = self.0?;
        let quoted = text.strip_prefix('"')?.strip_suffix('"')?;
        if quoted.contains('\\') {
            return serde_json::from_str(text).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(quoted))
    }

    /// The same as a slice of the body that the value stands in; a copy where it has escapes.
    pub(super) fn shared(self, body: &ByteString) -> Option<ByteString> {
        Some(match self.string()? {
            Cow::Borrowed(slice) => body.slice_ref(slice),
            Cow::Owned(text) => text.into(),
        })
    }

    /// A string that can be a part of a key: not empty, and without U+0000, which joins parts.
    pub(super) fn name(self) -> Option<String> {
        let name = self.string()?;
        (!name.is_empty() && !name.contains('\0')).then(|| name.into_owned())
    }

    /// The digits of a whole number that is not negative. JSON has one way to write each, so that
    /// no two of them have the same digits; what is written as a fraction or with an exponent is
    /// none.
    pub(super) fn whole_number(self) -> Option<String> {
        let text = self.0?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.to_owned())
    }

    /// A string that says something; empty is as good as absent.
    pub(super) fn word(self) -> Option<String> {
        let word = self.string()?;
        (!word.is_empty()).then(|| word.into_owned())
    }

    /// A time in RFC 3339, as it was written. Anything else is as good as absent: targets are
    /// promised RFC 3339.
    pub(super) fn time(self) -> Option<String> {
        let time = self.string()?;
        OffsetDateTime::parse(&time, &Rfc3339).ok()?;
        Some(time.into_owned())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(Some(raw.get())))
    }
}

/// Any JSON that [`serde_json::Value`] can hold, held by nobody: the same limits, no tree.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("json")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
