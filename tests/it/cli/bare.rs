//! Queues and a ledger as the template makes them, without the functions: what the command finds
//! there is what a test has put there.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;

use waybill_aws::ambient::System;
use waybill_aws::connect::Connection;
use waybill_core::gate::GateRow;
use waybill_core::id::{Consumer, LedgerKey};
use waybill_core::ledger::{Record, Row, Status};
use waybill_core::reading;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ambient, GatePut, GateStore, Ledger, Write, Written};
use waybill_local::LocalAws;
use waybill_testkit::fixtures;

use crate::support::cli::Cli;
use crate::support::ministack::ministack;
use crate::support::stage::event;
use crate::support::{config_for, connection_to};

/// Two queues, a ledger, and who plays them.
pub(super) struct Bare {
    pub(super) aws: LocalAws,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) source: String,
    pub(super) dead: String,
    dynamodb: aws_sdk_dynamodb::Client,
    connection: Connection,
}

impl Bare {
    /// A stand-in of this test's own with nothing in it but what the template would make.
    pub(super) async fn new() -> Self {
        let aws = ministack().await;
        let config = config_for(aws.endpoint()).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        make_table(&dynamodb).await;
        let connection = connection_to(aws.endpoint()).await;
        let [source, dead] = ["orders", "orders-dead"].map(|name| queue(&sqs, name, &[]));
        let (source, dead) = (source.await, dead.await);
        Self {
            aws,
            sqs,
            source,
            dead,
            dynamodb,
            connection,
        }
    }

    /// The command with these arguments, which finds all of it.
    pub(super) fn cli<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Cli {
        Cli::new(arguments)
            .at(self.aws.endpoint())
            .with("WAYBILL_CONSUMER", fixtures::CONSUMER)
            .with("WAYBILL_LEDGER_TABLE", TABLE)
            .with("WAYBILL_QUEUE_URL", &self.source)
            .with("WAYBILL_DLQ_URL", &self.dead)
            .with("WAYBILL_ROUTES", "none")
            .with("USER", "ada")
    }

    /// Puts a row there.
    pub(super) async fn plant(&self, record: &Record) {
        let ledger = self.connection.ledger(TABLE);
        let mut written = ledger.write(&[Write::Insert(record.clone())]).await;
        let written = written.pop().unwrap();
        assert!(matches!(written, Ok(Written::Done(_))), "{written:?}");
    }

    /// Puts a row there that no release has written.
    pub(super) async fn plant_unreadable(&self, key: &LedgerKey) {
        let put = self.dynamodb.put_item().table_name(TABLE);
        put.item("pk", AttributeValue::S(key.as_str().to_owned()))
            .item("status", AttributeValue::S("WAITING".to_owned()))
            .send()
            .await
            .expect("an item can be put");
    }

    /// Puts the row of a gate there.
    pub(super) async fn put_gate(&self, row: &GateRow) {
        let put = self.connection.gates(TABLE).put(row).await;
        assert_eq!(put, Ok(GatePut::Done));
    }

    /// The row at a key.
    pub(super) async fn row(&self, key: &LedgerKey) -> Option<Row> {
        let ledger = self.connection.ledger(TABLE);
        let mut rows = ledger.read(std::slice::from_ref(key)).await;
        rows.pop().unwrap().expect("the ledger can be read")
    }

    /// Puts a dead letter there.
    pub(super) async fn bury(&self, body: &str) {
        let send = self.sqs.send_message().queue_url(&self.dead);
        let sent = send.message_body(body).send().await;
        sent.expect("the queue takes messages");
    }

    /// How many messages a queue holds, whoever has them.
    pub(super) async fn depth(&self, url: &str) -> u64 {
        let visible = QueueAttributeName::ApproximateNumberOfMessages;
        self.number(url, visible).await + self.held(url).await
    }

    /// How many messages of a queue somebody has received.
    pub(super) async fn held(&self, url: &str) -> u64 {
        let held = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        self.number(url, held).await
    }

    /// What a queue says of itself.
    async fn number(&self, url: &str, name: QueueAttributeName) -> u64 {
        let ask = self.sqs.get_queue_attributes().queue_url(url);
        let told = ask.attribute_names(QueueAttributeName::All).send().await;
        let told = told.expect("the queue can be asked").attributes.unwrap();
        told[&name].parse().unwrap()
    }
}

/// A queue of this name with these attributes; its URL.
pub(super) async fn queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> String {
    let mut make = sqs.create_queue().queue_name(name);
    for (name, value) in attributes {
        make = make.attributes(name.clone(), *value);
    }
    let made = make.send().await.expect("a queue can be made");
    made.queue_url.expect("a queue has a URL")
}

/// The row of the event `id` of [`event`], in this status since three hours.
pub(super) fn row(id: &str, status: Status) -> Record {
    let then = hours_ago(3);
    let consumer = Consumer::new(fixtures::CONSUMER).expect("it is short");
    let message = fixtures::message(id, &event(id));
    let mut record = fixtures::moved(&fixtures::claimed(id, 7), status);
    record.digest = reading::read(&message, &consumer, None).digest;
    record.key = key(id);
    record.lease_until = then;
    record.due = record.due.map(|_| then);
    record.expires_at = now().after(fixtures::ROW_LIFE).as_secs_ceil();
    record.audit.clear();
    if let Some(death) = &mut record.death {
        death.at = then;
    }
    record
}

/// The ledger's key of the event `id` of [`event`].
pub(super) fn key(id: &str) -> LedgerKey {
    fixtures::key(&format!("plain:orders\0{id}"))
}

/// The same as it is shown and typed.
pub(super) fn typed(id: &str) -> String {
    format!("plain:orders\\0{id}")
}

/// By the clock that the command has.
pub(super) fn now() -> Timestamp {
    System.now()
}

/// So long before that.
fn hours_ago(hours: u64) -> Timestamp {
    now().before(Duration::from_secs(hours * 3600))
}

/// The ledger's table, with its index.
async fn make_table(dynamodb: &aws_sdk_dynamodb::Client) {
    let key = |name: &str, kind| {
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind);
        key.build().expect("a key has its name")
    };
    let definition = |name: &str, kind| {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind);
        attribute.build().expect("an attribute has its name")
    };
    let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly);
    let index = GlobalSecondaryIndex::builder()
        .index_name("by-status")
        .key_schema(key("ix", KeyType::Hash))
        .key_schema(key("expires_at", KeyType::Range))
        .projection(keys_only.build());
    dynamodb
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .attribute_definitions(definition("pk", ScalarAttributeType::S))
        .attribute_definitions(definition("ix", ScalarAttributeType::S))
        .attribute_definitions(definition("expires_at", ScalarAttributeType::N))
        .global_secondary_indexes(index.build().expect("an index has its name"))
        .send()
        .await
        .expect("a table can be made");
}

/// What the ledger's table is called.
pub(super) const TABLE: &str = "ledger";
