//! A process that polls the queue until it is killed, and handles one message after the other.

use std::time::{Duration, SystemTime};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use lambda_runtime::tracing;
use waybill_peers::{Deliverer, Error};

/// The visibility timeout of the queue, as SQS has it by default: who holds a message holds its id.
const HOLD: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_from_env().await;
    let deliverer = Deliverer::from_env(&config)?;
    let sqs = Client::new(&config);
    let queue = std::env::var("QUEUE_URL")?;
    loop {
        let received = sqs
            .receive_message()
            .queue_url(&queue)
            .max_number_of_messages(10)
            .wait_time_seconds(20)
            .send()
            .await;
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no messages");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        for message in received.messages.unwrap_or_default() {
            if let Err(error) = handle(&deliverer, &sqs, &queue, message).await {
                tracing::error!(error, "a message is left in the queue");
            }
        }
    }
}

async fn handle(
    deliverer: &Deliverer,
    sqs: &Client,
    queue: &str,
    message: Message,
) -> Result<(), Error> {
    let body = message.body.unwrap_or_default();
    deliverer
        .deliver_once(&body, SystemTime::now() + HOLD)
        .await?;
    sqs.delete_message()
        .queue_url(queue)
        .set_receipt_handle(message.receipt_handle)
        .send()
        .await?;
    Ok(())
}
