//! A Lambda function with a handler of its own, under the same promises as the consumer.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use waybill_aws::connect::connect;
use waybill_core::event::Event;
use waybill_core::id::RouteName;
use waybill_core::ledger::{OnRejected, OnceBy};
use waybill_core::outcome::Attempt;
use waybill_core::retry::RetryPolicy;
use waybill_core::time::Timestamp;
use waybill_engine::env::{FunctionSettings, ProcessEnv};
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};

/// Books orders.
struct Book;

impl Handler for Book {
    fn plan(&self, _: &Event) -> Plan {
        let routes = RouteName::new("book").into_iter().collect();
        Plan::Deliver {
            version: "1".to_owned(),
            routes,
        }
    }

    fn policy(&self, _: &RouteName) -> Option<Arc<Policy>> {
        let (retry, on_rejected) = (RetryPolicy::default(), OnRejected::Dead);
        Some(Arc::new(Policy {
            retry,
            on_rejected,
            time: Duration::from_secs(5),
            dead_letter: None,
            once: OnceBy::Ledger,
        }))
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        // Hand `idempotency_key` on to whatever has the effect: it is the same on every try.
        match serde_json::from_slice::<serde_json::Value>(delivery.event.data.as_bytes()) {
            Ok(order) if order.get("id").is_some() => Attempt::delivered("booked"),
            Ok(_) => Attempt::rejected("no_id", "the order has no id"),
            Err(error) => Attempt::rejected("no_json", error.to_string()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    waybill_engine::telemetry::init();
    let settings = FunctionSettings::read(&ProcessEnv, 25)?;
    let consumer = Arc::new(connect().await?.consumer(Book, settings));
    let serve = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let consumer = Arc::clone(&consumer);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let answer = Box::pin(consumer.handle(event.payload.get(), deadline)).await;
            // The runtime logs the error as it is: the sentence, not its parts.
            answer.map_err(|error| Error::from(error.to_string()))
        }
    });
    lambda_runtime::run_concurrent(serve).await
}
