//! The adapters against MiniStack.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use waybill_aws::connect::Connection;
use waybill_aws::sqs::SqsQueue;
use waybill_core::time::Timestamp;
use waybill_engine::env::ScheduleSettings;
use waybill_local::LocalAws;
use waybill_testkit::conformance::{self, Deviation, MakeQueue};

use super::RawTable;
use super::dynamodb_target::{COUNT, attempt, event, router_at};
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

/// What each kind of queue makes of the key that a repeat carries.
#[tokio::test]
async fn a_repeat_into_a_fifo_queue_is_dropped_and_into_another_is_a_second_message_f33() {
    let stack = ministack().await;
    let queues = Queues::of(&stack).await;
    for (name, lines, expected) in [("out", "", 2), ("out.fifo", ", group_id: all", 1)] {
        let (url, _) = queues.make_by(name, HashMap::new()).await;
        let target = format!("{{sqs: {{queue_url: '{url}'{lines}, timeout: 60s}}}}");
        let router = router_at(stack.endpoint(), "ledger", &target).await;
        for _ in 0..2 {
            let attempt = attempt(&router, &event("e-1", "[1.10]")).await;
            assert_eq!(attempt.code, "sent", "{}", attempt.message);
        }
        let mut bodies = Vec::new();
        let ask = queues.client.receive_message().queue_url(&url);
        let ask = ask
            .max_number_of_messages(10)
            .message_attribute_names("All");
        for message in ask.send().await.expect("a queue can be read").messages() {
            let attributes = message.message_attributes().expect("it has attributes");
            let key = attributes["idempotency-key"].string_value();
            assert_eq!(key, Some("e-1"), "the same on every try");
            bodies.push(message.body().unwrap_or_default().to_owned());
        }
        assert_eq!(bodies.len(), expected, "{name}");
        assert!(bodies[0].contains(r#""data":[1.10]"#), "{}", bodies[0]);
    }
}

#[tokio::test]
async fn an_event_that_comes_again_is_counted_once_in_ministack_too_f33() {
    let stack = ministack().await;
    let client = aws_sdk_dynamodb::Client::new(&config_for(stack.endpoint()).await);
    for table in ["items", "ledger"] {
        make_table(&client, table).await;
    }
    let target = format!("{{dynamodb: {{table: items, {COUNT}, timeout: 60s}}}}");
    let router = router_at(stack.endpoint(), "ledger", &target).await;
    for code in ["written", "already_done", "already_done"] {
        let attempt = attempt(&router, &event("e-1", r#"{"paid": 2}"#)).await;
        assert_eq!(attempt.code, code, "{}", attempt.message);
    }
    let items = client.scan().table_name("items").send().await;
    let items = items
        .expect("a table can be read")
        .items
        .unwrap_or_default();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["n"].as_n().map(String::as_str), Ok("1"));
}

#[tokio::test]
async fn the_scheduler_in_ministack_passes_the_suite_but_for_what_it_does_not_ask() {
    let stack = ministack().await;
    let queues = Queues::of(&stack).await;
    let (_, queue_arn) = queues.make_by("scheduled", HashMap::new()).await;
    let scheduler = queues.connection.scheduler(ScheduleSettings {
        group: "default".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/schedules".to_owned(),
        dead_letter_arn: queue_arn.clone(),
    });
    let deviations = [
        Deviation {
            case: "a name has 64 characters at most",
            why: "it takes longer ones",
        },
        Deviation {
            case: "the longest input is taken, and one far longer is not",
            why: "it takes any",
        },
    ];
    let now = Timestamp::from_secs(4_000_000_000);
    let ran = conformance::scheduler(&scheduler, &queue_arn, now, &deviations).await;
    assert_eq!(ran, 4);
}
