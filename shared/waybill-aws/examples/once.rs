//! A Lambda function that books each order once in effect, whoever invokes it and how often.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use waybill_aws::assemble::AwsOnce;
use waybill_aws::connect::connect;
use waybill_core::id::{Consumer, Operation};
use waybill_core::key::KeyExpression;
use waybill_core::time::Timestamp;
use waybill_engine::env::{EnvSource, ProcessEnv};
use waybill_engine::once::{Effect, Failure};

/// Books an order, unless it is booked.
async fn handle(booking: &AwsOnce, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (order, context) = event.into_parts();
    let deadline = Timestamp::from_millis(context.deadline);
    let effect = booking
        .run(&order, deadline, async |claimed| {
            // Hand the key on to whatever has the effect: it is the same on every try.
            book(&order, &claimed.idempotency_key).await
        })
        .await?;
    match effect {
        Effect::Done { value, .. } | Effect::Replayed { value } => Ok(value),
        // Done, but the ledger could not be told; or not guarded at all.
        Effect::Unrecorded { value, .. } | Effect::Unguarded { value } => Ok(value),
        Effect::ReplayedWithoutValue { .. } => Ok(json!({"booked": "before"})),
        Effect::Dead { reason, .. } => Ok(json!({"refused": reason.word()})),
        Effect::Conflict => Ok(json!({"refused": "another order has this id"})),
        // Whoever invokes the function tries again: by itself, where the invocation is
        // asynchronous or from a queue.
        Effect::Failed { failure, .. } => Err(failure.into()),
        Effect::Busy { .. } | Effect::NotDue { .. } => Err("not now".into()),
    }
}

/// Where the effect is.
async fn book(order: &Value, idempotency_key: &str) -> Result<Value, Failure> {
    match order["amount"].as_u64() {
        Some(amount) => Ok(json!({"booked": amount, "by": idempotency_key})),
        None => Err(Failure::rejected("no_amount", "the order has no amount")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    waybill_engine::telemetry::init();
    let said = |name| ProcessEnv.var(name).ok_or(format!("{name} is not set"));
    let consumer = Consumer::new(said("WAYBILL_CONSUMER")?).ok_or("no name of a consumer")?;
    let operation = Operation::new("book-order").ok_or("no name of an operation")?;
    let booking = connect()
        .await?
        .once(
            said("WAYBILL_LEDGER_TABLE")?,
            consumer,
            operation,
            KeyExpression::compile("orderId")?,
        )
        .agreeing_in(KeyExpression::compile("[amount, currency]")?);
    let booking = Arc::new(booking);
    let serve = service_fn(move |event: LambdaEvent<Value>| {
        let booking = Arc::clone(&booking);
        async move { Box::pin(handle(&booking, event)).await }
    });
    lambda_runtime::run_concurrent(serve).await
}
