//! A function for SQS that handles the records of a batch one after the other.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, run, service_fn, tracing};
use waybill_peers::{Deliverer, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_from_env().await;
    let deliverer = Deliverer::from_env(&config)?;
    run(service_fn(|event| handle(&deliverer, event))).await
}

async fn handle(
    deliverer: &Deliverer,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error> {
    let until = event.context.deadline();
    let mut response = SqsBatchResponse::default();
    for record in event.payload.records {
        let body = record.body.unwrap_or_default();
        if let Err(error) = deliverer.deliver_once(&body, until).await {
            tracing::error!(error, "a record failed");
            response.add_failure(record.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}
