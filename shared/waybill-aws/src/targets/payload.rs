//! What a function and a state machine are handed: JSON, and nothing beside it, so that the
//! idempotency key and the trace stand in the CloudEvent.

use waybill_core::event::Data;
use waybill_core::outcome::Attempt;
use waybill_core::routes::EventBody;
use waybill_engine::ports::TargetRequest;

/// An event as JSON.
pub(super) fn json(request: &TargetRequest<'_>, body: EventBody) -> Result<String, Attempt> {
    let (event, data) = (request.event, request.data);
    match (body, data) {
        (EventBody::Structured, _) => {
            let (key, traceparent) = (request.idempotency_key, request.traceparent());
            Ok(event.structured_alone(data, key, traceparent))
        }
        (EventBody::Plain, Data::Json(text)) => Ok(text.to_string()),
        (EventBody::Plain, Data::Text(_) | Data::Bytes(_) | Data::Absent) => {
            let why = "the event's data is not JSON; use `structured`";
            Err(Attempt::rejected("body_unfit", why))
        }
    }
}
