//! A function for SQS that handles the records of a batch all at once.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::join_all;
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
    let records = event.payload.records.into_iter().map(async |record| {
        let body = record.body.unwrap_or_default();
        let error = deliverer.deliver_once(&body, until).await.err()?;
        tracing::error!(error, "a record failed");
        record.message_id
    });
    let mut response = SqsBatchResponse::default();
    for failed in join_all(records).await.into_iter().flatten() {
        response.add_failure(failed);
    }
    Ok(response)
}
