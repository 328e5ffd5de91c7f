//! What a function, a state machine and a stream are handed: one body, and nothing beside it, so
//! that the idempotency key stands in the CloudEvent.

use waybill_core::event::Data;
use waybill_core::outcome::Attempt;
use waybill_core::routes::EventBody;
use waybill_engine::ports::TargetRequest;

/// An event as JSON.
#[cfg(any(feature = "target-lambda", feature = "target-stepfunctions"))]
pub(super) fn json(request: &TargetRequest<'_>, body: EventBody) -> Result<String, Attempt> {
    match (body, request.data) {
        (EventBody::Structured, _) => Ok(structured(request)),
        (EventBody::Plain, Data::Json(text)) => Ok(text.clone()),
        (EventBody::Plain, Data::Text(_) | Data::Bytes(_) | Data::Absent) => {
            let why = "the event's data is not JSON; use `structured`";
            Err(Attempt::rejected("body_unfit", why))
        }
    }
}

/// An event as bytes.
#[cfg(feature = "target-kinesis")]
pub(super) fn bytes(request: &TargetRequest<'_>, body: EventBody) -> Vec<u8> {
    match body {
        EventBody::Structured => structured(request).into_bytes(),
        EventBody::Plain => request.data.as_bytes().to_vec(),
    }
}

/// The whole event with its idempotency key.
fn structured(request: &TargetRequest<'_>) -> String {
    let (event, data) = (request.event, request.data);
    event.structured_with_key(data, request.idempotency_key)
}
