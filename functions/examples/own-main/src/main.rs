//! A `main` of one's own: `lambda_runtime`'s `run` with a layer of `tower`'s around, and an event of
//! `aws_lambda_events`' type, for a function that has both already.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::tower::ServiceBuilder;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

use waybill::{Context, Failure};

/// What is done with each message.
async fn note(body: Value, context: Context) -> Result<(), Failure> {
    let (attempt, id) = (context.attempt(), context.message_id());
    tracing::info!(attempt, id, %body, "noted");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    waybill::init_logs();
    let triggered = waybill::handler("note", note).triggered().await?;
    let function = service_fn(move |event: LambdaEvent<SqsEvent>| {
        let triggered = triggered.clone();
        // The answer says which messages stay, and can be written as it is.
        async move { triggered.handle(&event.payload, &event.context).await }
    });
    let counted = ServiceBuilder::new()
        .map_request(|event: LambdaEvent<SqsEvent>| {
            tracing::info!(messages = event.payload.records.len(), "invoked");
            event
        })
        .service(function);
    lambda_runtime::run(counted).await
}
