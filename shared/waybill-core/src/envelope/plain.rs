//! The plain form: `{id, queue, dispatch_date, payload}`.
//!
//! `id` is a text, or a whole number by its digits: `7` and `"7"` are one id, as they are one
//! `ce-id` to a target. Which dates can be read is told in [`super::date`].

use super::raw::{self, Fields};
use super::{Malformed, PLAIN_TYPE, Parsed, date};
use crate::event::{ByteString, Event};

/// Reads the plain form; `None` where one of its four members is missing, or `id` or `queue` names
/// nothing.
pub(super) fn read(fields: &Fields<'_>, body: &ByteString) -> Result<Option<Parsed>, Malformed> {
    let members = (
        fields.id.name().or_else(|| fields.id.whole_number()),
        fields.queue.name(),
        fields.dispatch_date.text(),
        fields.payload.text(),
    );
    let (Some(id), Some(queue), Some(_), Some(payload)) = members else {
        return Ok(None);
    };
    let natural_key = vec![format!("plain:{queue}"), id.clone()];
    let event = Event {
        id,
        source: queue,
        kind: PLAIN_TYPE.to_owned(),
        time: date::read(fields.dispatch_date),
        data: raw::json(body, payload)?,
        ..Event::default()
    };
    Ok(Some(Parsed { event, natural_key }))
}
