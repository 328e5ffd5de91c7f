//! What a handler is told of the try that it makes.

use std::time::Duration;

use tokio::time::Instant;

use waybill_core::event::Event;
use waybill_engine::handler::Delivery;
use waybill_engine::ports::Carried;

/// One try, as a handler is told of it.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) event: Event,
    pub(crate) idempotency_key: String,
    pub(crate) message_id: String,
    pub(crate) queue_arn: String,
    pub(crate) attempt: u32,
    pub(crate) last_attempt: bool,
    pub(crate) receive_count: u32,
    pub(crate) fencing_token: u64,
    pub(crate) cut_off: Instant,
    pub(crate) trace: Option<Carried>,
}

impl Context {
    /// Of a delivery that is cut off then, and of which there may be so many.
    pub(crate) fn new(delivery: &Delivery<'_>, cut_off: Instant, attempts_max: u32) -> Self {
        let message = delivery.message;
        Self {
            event: delivery.event.clone(),
            idempotency_key: delivery.idempotency_key.to_owned(),
            message_id: message.message_id.as_str().to_owned(),
            queue_arn: message.queue_arn.clone(),
            attempt: delivery.attempt,
            last_attempt: delivery.attempt >= attempts_max,
            receive_count: message.receive_count,
            fencing_token: delivery.revision,
            cut_off,
            trace: delivery.trace.cloned(),
        }
    }

    /// Hand this on to whatever has the effect: 64 hexadecimal digits, the same on every try of
    /// this event by this handler, and different for every other.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// The event in the words of CloudEvents: id, source, type, subject, time, data, and the
    /// message's attributes.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Which try this is, by the ledger's count: 1 for the first. Deadline cuts and crashes are not
    /// counted.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the retry policy allows no further try after this one. A last try that may have
    /// happened is the time to tell somebody.
    pub fn is_last_attempt(&self) -> bool {
        self.last_attempt
    }

    /// How often SQS has handed the message out: `ApproximateReceiveCount`.
    pub fn receive_count(&self) -> u32 {
        self.receive_count
    }

    /// SQS's id of the message.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The ARN of the queue that it came from; of one that is polled its URL.
    pub fn queue_arn(&self) -> &str {
        &self.queue_arn
    }

    /// How long the try may still take: until then the lease is held and the answer can be written
    /// down. The try is cut off, at its next await, when nothing is left.
    pub fn time_left(&self) -> Duration {
        self.cut_off.saturating_duration_since(Instant::now())
    }

    /// The lease's number, by the ledger's count of the event's row: whoever takes the event over
    /// has a larger one. Where the effect is a write of your own, keep the number beside it, and let
    /// no write pass that brings a smaller one: then a try whose lease was lost while it wrote comes
    /// too late. It begins anew when the row has expired.
    pub fn fencing_token(&self) -> u64 {
        self.fencing_token
    }

    /// Where the try stands in its trace, as W3C's `traceparent`; nothing where traces are off and
    /// the event brought none.
    pub fn traceparent(&self) -> Option<&str> {
        let of_try = self.trace.as_ref().map(|trace| trace.traceparent.as_str());
        of_try.or(self.event.traceparent.as_deref())
    }
}
