//! What a function and a state machine are handed: JSON, and nothing beside it, so that the
//! idempotency key stands in the CloudEvent.

use waybill_core::event::Data;
use waybill_core::outcome::Attempt;
use waybill_core::routes::EventBody;
use waybill_engine::ports::TargetRequest;

/// An event as JSON.
pub(super) fn json(request: &TargetRequest<'_>, body: EventBody) -> Result<String, Attempt> {
    let (event, data) = (request.event, request.data);
    match (body, data) {
        (EventBody::Structured, _) => Ok(event.structured_with_key(data, request.idempotency_key)),
        (EventBody::Plain, Data::Json(text)) => Ok(text.clone()),
        (EventBody::Plain, Data::Text(_) | Data::Bytes(_) | Data::Absent) => {
            let why = "the event's data is not JSON; use `structured`";
            Err(Attempt::rejected("body_unfit", why))
        }
    }
}
