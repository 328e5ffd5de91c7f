//! Rows of runs over dead letters in the ledger's table: one `PutItem` under a condition, one
//! consistent `GetItem`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::id::Consumer;
use waybill_engine::ports::{RunRow, RunStore, StoreError, StoreErrorKind};

use super::error::{self, Asked};
use super::item::{Item, PK};

/// The rows of runs in one DynamoDB table, beside the ledger's.
///
/// Needs `dynamodb:GetItem` and `dynamodb:PutItem` on the table.
#[derive(Debug, Clone)]
pub struct DynamoRuns {
    client: Client,
    table: String,
}

impl DynamoRuns {
    /// The rows in the table of this name. The client must not retry: one call is one request.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Reads an item.
    fn read(&self, item: &Item) -> Result<RunRow, StoreError> {
        let number = |name| match item.get(name) {
            Some(AttributeValue::N(digits)) => digits.parse().ok(),
            Some(_) | None => None,
        };
        let text = match item.get(RUN) {
            Some(AttributeValue::S(text)) => Some(text.clone()),
            Some(_) | None => None,
        };
        match (number(REV), text, number(EXPIRES_AT)) {
            (Some(rev), Some(text), Some(expires_at)) => Ok(RunRow {
                rev,
                text,
                expires_at,
            }),
            _ => Err(StoreError {
                kind: StoreErrorKind::Permanent,
                code: "Unreadable".to_owned(),
                message: format!(
                    "the row of this run in ledger table `{}` was written by another release: go \
                     on with it there, or give another name",
                    self.table
                ),
            }),
        }
    }
}

impl RunStore for DynamoRuns {
    async fn load(&self, consumer: &Consumer, run: &str) -> Result<Option<RunRow>, StoreError> {
        let request = self.client.get_item().table_name(&self.table);
        let request = request.key(PK, key(consumer, run)).consistent_read(true);
        let reply = request.send().await;
        let reply =
            reply.map_err(|refusal| error::of_request(&refusal, Asked::Get, &self.table))?;
        reply.item.map(|item| self.read(&item)).transpose()
    }

    async fn save(&self, consumer: &Consumer, run: &str, row: &RunRow) -> Result<bool, StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put
            .item(PK, key(consumer, run))
            .item(REV, number(row.rev))
            .item(RUN, AttributeValue::S(row.text.clone()))
            .item(EXPIRES_AT, number(row.expires_at));
        let put = match row.rev.checked_sub(1) {
            Some(0) | None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("#rev = :rev")
                .expression_attribute_names("#rev", REV)
                .expression_attribute_values(":rev", number(seen)),
        };
        let Err(refusal) = put.send().await else {
            return Ok(true);
        };
        match refusal.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Some(_) | None => Err(error::of_request(&refusal, Asked::Put, &self.table)),
        }
    }
}

/// The key of a run's row: no consumer's name is empty, so that it is no event's.
fn key(consumer: &Consumer, run: &str) -> AttributeValue {
    AttributeValue::S(format!("#redrive#{consumer}#{run}"))
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

const REV: &str = "rev";
const RUN: &str = "run";
const EXPIRES_AT: &str = "expires_at";
