//! Events as EventBridge delivers them.
//! <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>

use super::raw::{self, Fields};
use super::{Malformed, Parsed};
use crate::event::{ByteString, Event};

/// Reads an EventBridge event; `None` where it lacks `id`, `source`, `detail-type` or `detail`.
pub(super) fn read(fields: &Fields<'_>, body: &ByteString) -> Result<Option<Parsed>, Malformed> {
    let names = (
        fields.detail_type.name(),
        fields.source.name(),
        fields.id.name(),
        fields.detail.text(),
    );
    let (Some(kind), Some(source), Some(id), Some(detail)) = names else {
        return Ok(None);
    };
    let natural_key = vec![format!("eb:{id}")];
    let event = Event {
        id,
        source,
        kind,
        time: fields.time.time(),
        data: raw::json(body, detail)?,
        ..Event::default()
    };
    Ok(Some(Parsed { event, natural_key }))
}
