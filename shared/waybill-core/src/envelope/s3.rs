//! S3 event notifications.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
//!
//! One message is one event, whose data is the whole body. It is described by its first record:
//! S3 sends one record in a message, and a route that must tell several apart reads the data.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::raw::{Fields, Raw};
use crate::event::Event;

/// Whether it is the note that S3 sends when notifications are set up (F79). It is acknowledged
/// without an effect, so it must say all of what S3 says.
pub(super) fn is_test(fields: &Fields<'_>) -> bool {
    fields.s3_event.string().as_deref() == Some("s3:TestEvent")
        && fields.s3_service.string().as_deref() == Some("Amazon S3")
        && fields.s3_bucket.string().is_some()
}

/// Reads a notification, its id and data left out: S3 gives it no id, and the data is the body.
/// `None` where the first record is not S3's or lacks what describes it.
pub(super) fn read(fields: &Fields<'_>) -> Option<Event> {
    let records: Vec<&RawValue> = serde_json::from_str(fields.s3_records.text()?).ok()?;
    let record: Record<'_> = serde_json::from_str(records.first()?.get()).ok()?;
    if record.event_source.string()? != "aws:s3" {
        return None;
    }
    let region = record.aws_region.name()?;
    let bucket = record.s3.bucket.name.name()?;
    let event_name = record.event_name.name()?;
    Some(Event {
        source: format!("aws:s3.{region}.{bucket}"),
        kind: format!("com.amazonaws.s3.{event_name}"),
        subject: Some(decode(&record.s3.object.key.word()?)),
        time: record.event_time.time(),
        ..Event::default()
    })
}

/// What a record says about itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    event_source: Raw<'a>,
    #[serde(borrow)]
    aws_region: Raw<'a>,
    #[serde(borrow)]
    event_name: Raw<'a>,
    #[serde(borrow, default)]
    event_time: Raw<'a>,
    #[serde(borrow)]
    s3: Place<'a>,
}

/// Where it happened.
#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    bucket: Bucket<'a>,
    #[serde(borrow)]
    object: Object<'a>,
}

/// The bucket.
#[derive(Deserialize)]
struct Bucket<'a> {
    #[serde(borrow)]
    name: Raw<'a>,
}

/// The object.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    key: Raw<'a>,
}

/// An object key as its owner knows it: S3 writes it like a form's field, `+` for a space and
/// the rest in percent signs. A key that does not decode to text is left as S3 wrote it.
fn decode(key: &str) -> String {
    let mut decoded = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, mut tail)) = rest.split_first() {
        match (first, tail) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let mut byte = [0];
                if hex::decode_to_slice([*high, *low], &mut byte).is_err() {
                    return key.to_owned();
                }
                decoded.extend(byte);
                tail = after;
            }
            _ => decoded.push(first),
        }
        rest = tail;
    }
    String::from_utf8(decoded).unwrap_or_else(|_| key.to_owned())
}
