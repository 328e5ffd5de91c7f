//! An event bus as a target: one event, one entry.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::primitives::{DateTime, DateTimeFormat};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures_util::future::BoxFuture;

use waybill_core::event::Data;
use waybill_core::limit::EVENTBRIDGE_ENTRY_MAX;
use waybill_core::outcome::Attempt;
use waybill_core::routes::EventBridgeSpec;
use waybill_engine::ports::{Target, TargetRequest};

use super::answer::{self, Place, Refusal};

/// One route's event bus.
///
/// EventBridge knows no repeat by anything: each entry is a new event with an id of its own. The
/// idempotency key stands among the resources, which rules can match and every target is given;
/// the detail is the producer's alone.
#[derive(Debug)]
pub struct EventBridgeTarget {
    client: Client,
    spec: EventBridgeSpec,
    /// Whether the bus was seen.
    is_there: AtomicBool,
}

/// What it takes to put an event.
const PLACE: Place = Place {
    service: "EventBridge",
    permission: "`events:PutEvents`, and `events:DescribeEventBus` for a bus that is named",
};

/// What stands before the idempotency key among the resources.
const KEY_RESOURCE: &str = "waybill:idempotency-key:";

/// What EventBridge counts for a time.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const TIME_SIZE: usize = 14;

impl EventBridgeTarget {
    /// A target. The client must not retry: one try is one request.
    pub fn new(client: Client, spec: &EventBridgeSpec) -> Self {
        // The default bus is always there, and one of another account may be hidden from us.
        let is_there = spec.bus == "default" || spec.bus.starts_with("arn:");
        let spec = spec.clone();
        Self {
            client,
            spec,
            is_there: AtomicBool::new(is_there),
        }
    }

    /// Makes one try.
    async fn put(&self, request: TargetRequest<'_>) -> Attempt {
        let entry = match self.entry(&request) {
            Ok(entry) => entry,
            Err(refused) => return refused,
        };
        answer::within(self.spec.timeout, request.limit, async {
            match self.see_bus().await {
                Ok(()) => self.put_entry(entry).await,
                Err(ended) => ended,
            }
        })
        .await
    }

    /// The entry of one event; where there is none, what that means.
    fn entry(&self, request: &TargetRequest<'_>) -> Result<PutEventsRequestEntry, Attempt> {
        let (spec, event) = (&self.spec, request.event);
        let source = spec.source.as_deref().unwrap_or(&event.source);
        if EventBridgeSpec::is_reserved(source) {
            let why = "EventBridge takes sources that begin with `aws.` from AWS alone; give the \
                       route a `source` of its own";
            return Err(Attempt::rejected("source_reserved", why));
        }
        let Data::Json(detail) = request.data else {
            return Err(unfit());
        };
        if !detail.trim_start().starts_with('{') {
            return Err(unfit());
        }
        let detail_type = spec.detail_type.as_deref().unwrap_or(&event.kind);
        let time = event.time.as_deref().and_then(|time| {
            let read = DateTime::from_str(time, DateTimeFormat::DateTimeWithOffset);
            read.ok()
        });
        let key = format!("{KEY_RESOURCE}{}", request.idempotency_key);
        let texts = [source, detail_type, detail, &key].map(str::len);
        let size = texts.iter().sum::<usize>() + time.map_or(0, |_| TIME_SIZE);
        answer::fitting(size, EVENTBRIDGE_ENTRY_MAX, PLACE.service)?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&spec.bus)
            .source(source)
            .detail_type(detail_type)
            .detail(&**detail)
            .resources(key)
            .set_time(time)
            .set_trace_header(request.trace_header().map(str::to_owned));
        Ok(entry.build())
    }

    /// Sees once that the bus is there: EventBridge drops what is put on another, and answers as
    /// if it had it.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
    async fn see_bus(&self) -> Result<(), Attempt> {
        if self.is_there.load(Ordering::Relaxed) {
            return Ok(());
        }
        let describe = self.client.describe_event_bus().name(&self.spec.bus);
        let Err(error) = describe.send().await else {
            self.is_there.store(true, Ordering::Relaxed);
            return Ok(());
        };
        let refusal = answer::refusal(&error);
        Err(
            refusal.map_or_else(answer::unsent, |refusal| match refusal.code {
                "ResourceNotFound" => missing(),
                _ => refusal.passing(PLACE),
            }),
        )
    }

    /// Puts the entry, and reads the answer.
    async fn put_entry(&self, entry: PutEventsRequestEntry) -> Attempt {
        match self.client.put_events().entries(entry).send().await {
            Ok(reply) => verdict(&reply),
            Err(error) => match answer::refusal(&error) {
                Ok(refusal) => judge(&refusal),
                Err(ended) => ended,
            },
        }
    }
}

/// What an answer means: of a request that succeeded the entry may have failed.
fn verdict(reply: &PutEventsOutput) -> Attempt {
    let [entry] = reply.entries() else {
        return answer::unanswered();
    };
    match (entry.error_code(), entry.event_id()) {
        (Some(code), _) => judge(&Refusal::new(code, OK)),
        (None, Some(_)) if reply.failed_entry_count() == 0 => Attempt::delivered("accepted"),
        (None, _) => answer::unanswered(),
    }
}

/// The status of an answer whose entry has failed.
const OK: u16 = 200;

/// What a refusal of EventBridge's means: what it says of the event is final, all else may pass.
fn judge(refusal: &Refusal<'_>) -> Attempt {
    match refusal.code {
        "InvalidArgument" | "MalformedDetail" | "RedactionFailure" | "Validation" => {
            let message = format!("EventBridge refused the event with `{}`", refusal.code);
            Attempt::rejected("event_refused", message)
        }
        "NotAuthorizedForSource" | "NotAuthorizedForDetailType" => Attempt::transient(
            "access_denied",
            "the bus takes no events of this source or detail type from the function; allow them \
             in its policy",
            None,
        ),
        "ResourceNotFound" => missing(),
        _ => refusal.passing(PLACE),
    }
}

/// There is no such bus.
fn missing() -> Attempt {
    let why = "the event bus does not exist in this region; deploy it, or mend `bus`";
    Attempt::transient("bus_missing", why, None)
}

/// The data is no detail.
fn unfit() -> Attempt {
    let why = "the event's data is not a JSON object, and EventBridge takes no other detail";
    Attempt::rejected("body_unfit", why)
}

impl Target for EventBridgeTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.put(request))
    }
}

#[cfg(test)]
mod tests;
