//! The adapters against MiniStack.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use waybill_aws::connect::Connection;
use waybill_aws::sqs::SqsQueue;
use waybill_local::LocalAws;
use waybill_testkit::conformance::{self, Deviation, MakeQueue};

use super::RawTable;
use crate::support::dynamodb_local::make_table;
use crate::support::ministack::ministack;
use crate::support::{config_for, connection_to};

/// Queues in a running MiniStack.
struct Queues {
    connection: Connection,
    client: Client,
}

impl Queues {
    async fn of(stack: &LocalAws) -> Self {
        Self {
            connection: connection_to(stack.endpoint()).await,
            client: Client::new(&config_for(stack.endpoint()).await),
        }
    }

    async fn make_by(
        &self,
        name: &str,
        mut attributes: HashMap<QueueAttributeName, String>,
    ) -> (String, String) {
        if name.ends_with(".fifo") {
            attributes.insert(QueueAttributeName::FifoQueue, "true".to_owned());
        }
        let request = self.client.create_queue().queue_name(name);
        let made = request.set_attributes(Some(attributes)).send().await;
        let url = made.expect("a queue can be made").queue_url;
        let url = url.expect("a queue has a URL");
        let asked = self.client.get_queue_attributes().queue_url(&url);
        let asked = asked.attribute_names(QueueAttributeName::QueueArn);
        let told = asked.send().await.expect("a queue has attributes");
        let arn = told
            .attributes
            .unwrap_or_default()
            .remove(&QueueAttributeName::QueueArn);
        (url, arn.expect("a queue has an ARN"))
    }
}

impl MakeQueue for Queues {
    type Queue = SqsQueue;

    async fn make(&self, name: &str) -> SqsQueue {
        let (url, _) = self.make_by(name, HashMap::new()).await;
        self.connection.queue(url)
    }

    async fn make_with_redrive(&self, name: &str, max: u32) -> (SqsQueue, SqsQueue) {
        let dead_name = conformance::dead_letters_of(name);
        let (dead_url, dead_arn) = self.make_by(&dead_name, HashMap::new()).await;
        let policy = serde_json::json!({
            "deadLetterTargetArn": dead_arn,
            "maxReceiveCount": max,
        });
        let policy = [(QueueAttributeName::RedrivePolicy, policy.to_string())];
        let (_, arn) = self.make_by(name, policy.into()).await;
        // Known by its ARN alone, as the consumer knows its queue.
        let queue = self.connection.queue_of(&arn, None);
        (queue, self.connection.queue(dead_url))
    }
}

#[tokio::test]
async fn the_queue_in_ministack_passes_the_suite() {
    let stack = ministack().await;
    let deviations = [
        Deviation {
            case: "a trace header survives",
            why: "`SendMessageBatch` drops its entries' `MessageSystemAttributes`",
        },
        Deviation {
            case: "a deduplication id is refused",
            why: "a standard queue takes a `MessageDeduplicationId` and ignores it",
        },
    ];
    conformance::queue(&Queues::of(&stack).await, &deviations).await;
}

#[tokio::test]
async fn the_fifo_queue_in_ministack_passes_the_suite() {
    let stack = ministack().await;
    let deviations = [
        Deviation {
            case: "a head waits for no follower",
            why: "any message in flight locks its group, whatever its place in it",
        },
        Deviation {
            case: "an expired handle deletes nothing",
            why: "a handle deletes until another is issued",
        },
    ];
    conformance::fifo_queue(&Queues::of(&stack).await, &deviations).await;
}

#[tokio::test]
async fn the_ledger_in_ministack_passes_the_suite() {
    let stack = ministack().await;
    let client = aws_sdk_dynamodb::Client::new(&config_for(stack.endpoint()).await);
    make_table(&client, "suite").await;
    let connection = connection_to(stack.endpoint()).await;
    let rows = RawTable {
        client,
        table: "suite",
    };
    conformance::ledger(&connection.ledger("suite"), &rows).await;
}
