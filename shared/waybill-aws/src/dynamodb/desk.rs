//! What people ask of the ledger and functions do not: looking through it, and forgetting a row.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::{AuditRecord, Record, Row, Status, index_key};
use waybill_engine::ports::StoreError;

use super::error::{self, Asked};
use super::item::{self, Item, PK};

/// The ledger in one DynamoDB table, as people look through it.
///
/// Needs `dynamodb:Query` on the table's index, `dynamodb:Scan`, `dynamodb:GetItem`,
/// `dynamodb:DeleteItem` and `dynamodb:UpdateItem` on the table, each only for what is asked.
#[derive(Debug, Clone)]
pub struct DynamoDesk {
    client: Client,
    table: String,
}

/// Where the next page begins.
pub type Next = HashMap<String, AttributeValue>;

/// Name of the index over rows that are `DEAD` or `PENDING`.
pub const INDEX: &str = "by-status";

impl DynamoDesk {
    /// The ledger in the table of this name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Keys of one shard of a consumer's rows of one status, those that were written longest ago
    /// first, at most `limit`; the index lags by some milliseconds.
    ///
    /// # Errors
    ///
    /// Where the store refuses or does not answer.
    pub async fn index(
        &self,
        consumer: &str,
        status: Status,
        shard: u8,
        limit: i32,
        next: Option<Next>,
    ) -> Result<(Vec<LedgerKey>, Option<Next>), StoreError> {
        let reply = self
            .query(consumer, status, shard, limit)
            .set_exclusive_start_key(next)
            .send()
            .await
            .map_err(|refusal| error::of_request(&refusal, Asked::Query, &self.table))?;
        let items = reply.items.unwrap_or_default();
        let keys = items.iter().filter_map(key_of).collect();
        Ok((keys, reply.last_evaluated_key))
    }

    /// Keys of one shard of a consumer's rows of one status, at most `limit`: those that expire last,
    /// which were written last where all live equally long, each with the second of its expiry.
    ///
    /// # Errors
    ///
    /// Where the store refuses or does not answer.
    pub async fn newest(
        &self,
        consumer: &str,
        status: Status,
        shard: u8,
        limit: i32,
    ) -> Result<Vec<(u64, LedgerKey)>, StoreError> {
        let reply = self
            .query(consumer, status, shard, limit)
            .scan_index_forward(false)
            .send()
            .await
            .map_err(|refusal| error::of_request(&refusal, Asked::Query, &self.table))?;
        let dated = |item: &Item| {
            let expires = item.get("expires_at")?.as_n().ok()?.parse().ok()?;
            Some((expires, key_of(item)?))
        };
        let items = reply.items.unwrap_or_default();
        Ok(items.iter().filter_map(dated).collect())
    }

    /// A request for at most so many keys of one shard of the index.
    fn query(&self, consumer: &str, status: Status, shard: u8, limit: i32) -> QueryFluentBuilder {
        let shard = AttributeValue::S(index_key(consumer, status, shard));
        let request = self.client.query().table_name(&self.table);
        request
            .index_name(INDEX)
            .key_condition_expression("ix = :ix")
            .expression_attribute_values(":ix", shard)
            .limit(limit)
    }

    /// Rows of a consumer among the next `limit` of the whole table, in no order.
    ///
    /// # Errors
    ///
    /// Where the store refuses or does not answer.
    pub async fn scan(
        &self,
        consumer: &str,
        limit: i32,
        next: Option<Next>,
    ) -> Result<(Vec<(LedgerKey, Row)>, Option<Next>), StoreError> {
        let request = self.client.scan().table_name(&self.table);
        let reply = request
            .filter_expression("begins_with(pk, :of)")
            .expression_attribute_values(":of", AttributeValue::S(format!("{consumer}#")))
            .limit(limit)
            .set_exclusive_start_key(next)
            .send()
            .await
            .map_err(|refusal| error::of_request(&refusal, Asked::Scan, &self.table))?;
        let items = reply.items.unwrap_or_default();
        let row = |item: &Item| Some((key_of(item)?, item::read(item)));
        Ok((
            items.iter().filter_map(row).collect(),
            reply.last_evaluated_key,
        ))
    }

    /// Deletes a row that stands as it was read, and notes who did it in a row of its own, which
    /// lives until `expires_at`, in one transaction. `false` where it was changed meanwhile.
    ///
    /// # Errors
    ///
    /// Where the store refuses or does not answer: then it may have happened.
    pub async fn forget(
        &self,
        key: &LedgerKey,
        seen: Option<&Record>,
        entry: &AuditRecord,
        expires_at: u64,
    ) -> Result<bool, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(key.as_str().to_owned()));
        let delete = match seen {
            Some(record) => {
                let mut delete = delete;
                let mut parts = Vec::new();
                for (n, (name, value)) in item::fence(&record.fence()).into_iter().enumerate() {
                    delete = delete
                        .expression_attribute_names(format!("#{n}"), name)
                        .expression_attribute_values(format!(":{n}"), value);
                    parts.push(format!("#{n} = :{n}"));
                }
                delete.condition_expression(parts.join(" AND "))
            }
            None => delete.condition_expression("attribute_exists(pk)"),
        };
        let note = Update::builder()
            .table_name(&self.table)
            .key(PK, audit_key(key))
            .update_expression(
                "SET audit = list_append(if_not_exists(audit, :none), :one), expires_at = :end",
            )
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":one", AttributeValue::L(vec![item::audit_value(entry)]))
            .expression_attribute_values(":end", AttributeValue::N(expires_at.to_string()));
        let delete = delete.build().expect("a delete has its table and key");
        let note = note
            .build()
            .expect("an update has its table, key and expression");
        let sent = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().delete(delete).build())
            .transact_items(TransactWriteItem::builder().update(note).build())
            .send()
            .await;
        let Err(refusal) = sent else { return Ok(true) };
        match refusal.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled))
                if canceled
                    .cancellation_reasons()
                    .iter()
                    .any(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
            {
                Ok(false)
            }
            Some(_) | None => Err(error::of_request(&refusal, Asked::Forget, &self.table)),
        }
    }

    /// Who forgot rows of this key, and when; oldest first.
    ///
    /// # Errors
    ///
    /// Where the store refuses or does not answer.
    pub async fn forgotten(&self, key: &LedgerKey) -> Result<Vec<AuditRecord>, StoreError> {
        let request = self.client.get_item().table_name(&self.table);
        let request = request.key(PK, audit_key(key)).consistent_read(true);
        let reply = request.send().await;
        let reply =
            reply.map_err(|refusal| error::of_request(&refusal, Asked::Get, &self.table))?;
        let item = reply.item.unwrap_or_default();
        item::audit_of(&item).map_err(|what| error::not_understood(&self.table, &what))
    }
}

/// The key of an item.
fn key_of(item: &Item) -> Option<LedgerKey> {
    let pk = item.get(PK)?.as_s().ok()?;
    Some(LedgerKey::from_stored(pk.as_str()))
}

/// The key of the row that says who forgot another: no consumer's name is empty, so that it is no
/// event's.
fn audit_key(key: &LedgerKey) -> AttributeValue {
    AttributeValue::S(format!("#audit#{key}"))
}
