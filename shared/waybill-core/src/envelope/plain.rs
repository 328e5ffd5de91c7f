//! The plain form: `{id, queue, dispatch_date, payload}`.

use super::raw::{self, Fields};
use super::{Malformed, PLAIN_TYPE, Parsed};
use crate::event::Event;

/// Reads the plain form; `None` where one of its four members is missing, or `id` or `queue` is
/// not a text with something in it.
pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Parsed>, Malformed> {
    let members = (
        fields.id.name(),
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
        time: fields.dispatch_date.time(),
        data: raw::json(payload)?,
        ..Event::default()
    };
    Ok(Some(Parsed { event, natural_key }))
}
