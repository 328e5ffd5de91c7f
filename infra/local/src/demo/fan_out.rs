//! One event for three targets of different kinds: a URL that is down for a while, a queue and a
//! table. What came to each of them is counted there.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use serde::Serialize;

use crate::bundle::{Queue, client_config};
use crate::demo::mix::Mix;
use crate::demo::phase::Phase;
use crate::error::LocalError;
use crate::receiver::Reply;

/// Where the events of this phase come from, and the path of their URL.
pub(super) const SOURCE: &str = "fan-out.orders";
pub(super) const PATH: &str = "/fan-out";

/// How many events.
pub(super) const EVENTS: usize = 100;

/// How long the URL is down, from the first request on.
const DOWN: Duration = Duration::from_secs(3);

/// A queue and a table that events go to.
#[derive(Debug)]
pub(super) struct Places {
    queue: Queue,
    tables: aws_sdk_dynamodb::Client,
    table: String,
}

/// What came to one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Arrived {
    /// Events that had their effect.
    pub delivered: u64,
    /// Events that had it more than once.
    pub delivered_twice: u64,
}

/// What came to the queue and to the table; what came to the URL is in the phase's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FanOut {
    /// Messages in the queue.
    pub queue: Arrived,
    /// Items in the table, each of which counts how often it was written.
    pub table: Arrived,
}

impl Places {
    /// Makes them.
    pub(super) async fn make(endpoint: &str, name: &str) -> Result<Self, LocalError> {
        let queues = aws_sdk_sqs::Client::from_conf(client_config!(aws_sdk_sqs, endpoint));
        let made = queues.create_queue().queue_name(format!("{name}-out"));
        let made = made.send().await;
        let made = made.map_err(|error| LocalError::because("cannot make a queue", error))?;
        let url = made.queue_url.unwrap_or_default();
        let table = format!("{name}-out");
        let tables = client_config!(aws_sdk_dynamodb, endpoint);
        let tables = aws_sdk_dynamodb::Client::from_conf(tables);
        let failed = |error| LocalError::because("cannot make a table", error);
        let attribute = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(failed)?;
        let key = KeySchemaElement::builder()
            .attribute_name("id")
            .key_type(KeyType::Hash)
            .build()
            .map_err(failed)?;
        tables
            .create_table()
            .table_name(&table)
            .attribute_definitions(attribute)
            .key_schema(key)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .map_err(|error| LocalError::because("cannot make a table", error))?;
        Ok(Self {
            queue: Queue::new(endpoint, url),
            tables,
            table,
        })
    }

    /// The routes to them, and to a URL.
    pub(super) fn routes(&self, http: &str) -> String {
        let filter = format!("filter: {{ source: [\"{SOURCE}\"] }}");
        let (queue, table) = (self.queue.url(), &self.table);
        format!(
            "  - name: fan-out-http
    {filter}
    target: {http}
  - name: fan-out-queue
    {filter}
    target: {{ sqs: {{ queue_url: \"{queue}\" }} }}
  - name: fan-out-table
    {filter}
    target: {{ dynamodb: {{ table: {table}, key: \"{{id: id}}\", add: \"{{times: `1`}}\" }} }}
"
        )
    }

    /// Counts what came to the queue, whose messages it takes out, and to the table.
    pub(super) async fn count(&self, mix: &Mix) -> Result<FanOut, LocalError> {
        let mut messages: BTreeMap<String, u64> = BTreeMap::new();
        for message in self.queue.drain().await? {
            let attributes = message.message_attributes.unwrap_or_default();
            let id = attributes.get("ce-id").and_then(|id| id.string_value());
            *messages
                .entry(id.unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        let mut items: BTreeMap<String, u64> = BTreeMap::new();
        let mut from = None;
        loop {
            let page = self.tables.scan().table_name(&self.table);
            let page = page.consistent_read(true).set_exclusive_start_key(from);
            let page = page.send().await;
            let page = page.map_err(|error| LocalError::because("cannot read a table", error))?;
            for item in page.items.unwrap_or_default() {
                let id = item.get("id").and_then(|id| id.as_s().ok());
                let times = item.get("times").and_then(number);
                items.insert(id.cloned().unwrap_or_default(), times.unwrap_or_default());
            }
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
        Ok(FanOut {
            queue: Arrived::of(mix, &messages),
            table: Arrived::of(mix, &items),
        })
    }

    /// Takes them away.
    pub(super) async fn remove(self) -> Result<(), LocalError> {
        let queue = self
            .queue
            .client()
            .delete_queue()
            .queue_url(self.queue.url());
        let queue = queue.send().await;
        queue.map_err(|error| LocalError::because("cannot remove a queue", error))?;
        let table = self.tables.delete_table().table_name(&self.table);
        let table = table.send().await;
        table.map_err(|error| LocalError::because("cannot remove a table", error))?;
        Ok(())
    }
}

impl Arrived {
    /// What came to the URL.
    pub(super) fn at_http(phase: &Phase) -> Self {
        Self {
            delivered: phase.account.delivered,
            delivered_twice: phase.account.delivered_twice,
        }
    }

    /// Of how often each event arrived.
    fn of(mix: &Mix, times: &BTreeMap<String, u64>) -> Self {
        let wanted = mix.ids();
        let mut arrived = Self::default();
        for (id, times) in times {
            if wanted.contains(id) && *times > 0 {
                arrived.delivered += 1;
                arrived.delivered_twice += u64::from(*times > 1);
            }
        }
        arrived
    }
}

/// How the URL answers: 503 for a while from its first request on.
pub(super) fn answers() -> impl Fn() -> Reply + Send + Sync {
    let first = OnceLock::new();
    move || {
        let down = first.get_or_init(Instant::now).elapsed() < DOWN;
        Reply::status(if down { 503 } else { 200 })
    }
}

/// A whole number in a table.
fn number(value: &AttributeValue) -> Option<u64> {
    value.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_came_twice_is_one_that_came_and_strangers_do_not_count() {
        let mix = Mix::plain("x", SOURCE, 3);
        let ids: Vec<_> = mix.ids().into_iter().collect();
        let times = [
            (ids[0].clone(), 1),
            (ids[1].clone(), 2),
            ("y".to_owned(), 1),
        ];
        let arrived = Arrived::of(&mix, &times.into());
        let expected = Arrived {
            delivered: 2,
            delivered_twice: 1,
        };
        assert_eq!(arrived, expected);
    }
}
