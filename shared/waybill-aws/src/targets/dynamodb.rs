//! A table as a target: one event writes one item, once in effect.
//!
//! The item is written in one transaction with a marker in the ledger's table, and the marker on
//! the condition that there is none. So a repeat after whatever happened in between, by whoever,
//! finds the marker, and counts as delivered without touching the item.
//!
//! Of an event that was not claimed (`once: target`) the ledger's own row stands in the marker's
//! place: it is written as `COMPLETED` with the item, on the condition that there is none.

mod value;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, KeysAndAttributes, Put, TransactWriteItem, Update,
};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use waybill_core::ledger::Record;
use waybill_core::outcome::{Attempt, RowEnd};
use waybill_core::routes::{DynamoDbSpec, ItemFault, ItemWrite, Only};
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ambient, Target, TargetRequest};

use crate::ambient::System;
use crate::dynamodb::item;

use super::TargetError;
use super::answer::{self, Place, Refusal};

/// One route's table.
#[derive(Debug, Clone)]
pub struct DynamoDbTarget {
    client: Client,
    spec: DynamoDbSpec,
    markers: Markers,
}

/// Where it is written down which deliveries were made, beside the ledger's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markers {
    /// The ledger's table.
    pub table: String,
    /// How long a marker lives: as long as the ledger's rows.
    pub time_to_live: Duration,
}

/// What it takes to write.
const PLACE: Place = Place {
    service: "DynamoDB",
    permission: "`dynamodb:PutItem` or `dynamodb:UpdateItem`",
};

/// The condition of a marker: there is none, or one that has ended and was not swept yet.
const UNMARKED: &str = "attribute_not_exists(pk) OR expires_at < :now";

/// The condition of a row: there is none, whether it has ended or not. A row that stands there is
/// the ledger's to judge.
const NO_ROW: &str = "attribute_not_exists(pk)";

/// Where the item stands in the transaction.
const ITEM: usize = 0;

/// Where the marker stands in the transaction, or the row.
const MARKER: usize = 1;

impl DynamoDbTarget {
    /// A target whose deliveries are marked by `markers`. The client must not retry: one try is
    /// one request.
    ///
    /// # Errors
    ///
    /// When the table is the ledger's.
    pub fn new(client: Client, spec: &DynamoDbSpec, markers: Markers) -> Result<Self, TargetError> {
        let name = |table: &str| table.rsplit('/').next().unwrap_or(table).to_owned();
        if name(&spec.table) == name(&markers.table) {
            return Err(TargetError::LedgerTable);
        }
        let spec = spec.clone();
        Ok(Self {
            client,
            spec,
            markers,
        })
    }

    /// Makes one try.
    async fn write(&self, request: TargetRequest<'_>) -> Attempt {
        let write = match self.spec.item_write(request.event, request.data) {
            Ok(write) => write,
            Err(fault @ ItemFault::KeyMissing(_)) => {
                return Attempt::rejected("key_attribute_missing", fault.to_string());
            }
            Err(fault @ ItemFault::Unusable { .. }) => {
                return Attempt::rejected("item_unusable", fault.to_string());
            }
        };
        let transact = self.transact(&write, request, System.now());
        answer::within(self.spec.timeout, request.limit, transact).await
    }

    /// Sends the transaction, and reads its answer.
    async fn transact(
        &self,
        write: &ItemWrite,
        request: TargetRequest<'_>,
        now: Timestamp,
    ) -> Attempt {
        let marker = marker_key(request.idempotency_key);
        let beside = match request.row {
            Some(row) => self.row(row),
            None => self.marker(&marker, request, now),
        };
        let items = [self.item(write), beside];
        let transaction = self.client.transact_write_items();
        let reply = transaction.set_transact_items(Some(items.into())).send();
        let Err(error) = reply.await else {
            let row = match request.row {
                Some(_) => RowEnd::Written,
                None => RowEnd::Untouched,
            };
            return Attempt::delivered("written").with_row(row);
        };
        if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        {
            return match (verdict(canceled.cancellation_reasons()), request.row) {
                (Verdict::Marked, None) => Attempt::delivered("already_done"),
                (Verdict::Marked, Some(_)) => row_stands(),
                (Verdict::Ended(attempt), _) => attempt,
                (Verdict::ItemRefused, None) => self.refused_or_done(&marker, now).await,
                // Where a row stands besides, it refuses what is written next: see `TargetRequest`.
                (Verdict::ItemRefused, Some(_)) => condition_failed(),
            };
        }
        match answer::refusal(&error) {
            Ok(refusal) => judge(&refusal),
            Err(ended) => ended,
        }
    }

    /// The write of the item.
    fn item(&self, write: &ItemWrite) -> TransactWriteItem {
        let table = &self.spec.table;
        match write {
            ItemWrite::Put { key, item } => {
                let mut put = Put::builder()
                    .table_name(table)
                    .set_item(Some(value::attributes(item)));
                if let (Some(only), Some(name)) = (self.spec.only, key.first()) {
                    put = put
                        .condition_expression(condition(only))
                        .expression_attribute_names("#k", name);
                }
                let put = put.build().expect("a put has its table and its item");
                TransactWriteItem::builder().put(put).build()
            }
            ItemWrite::Update { key, set, add } => {
                let mut update = Update::builder()
                    .table_name(table)
                    .set_key(Some(value::attributes(key)));
                let mut text = String::new();
                for (verb, sign, members) in [("SET", "=", set), ("ADD", " ", add)] {
                    update = named(update, &mut text, verb, sign, members);
                }
                if let (Some(only), Some(name)) = (self.spec.only, key.keys().next()) {
                    update = update
                        .condition_expression(condition(only))
                        .expression_attribute_names("#k", name);
                }
                let update = update.update_expression(text.trim_start()).build();
                let update = update.expect("an update has its table, its key and its text");
                TransactWriteItem::builder().update(update).build()
            }
        }
    }

    /// The write of the marker.
    fn marker(
        &self,
        marker: &AttributeValue,
        request: TargetRequest<'_>,
        now: Timestamp,
    ) -> TransactWriteItem {
        let ends = now.after(self.markers.time_to_live).as_secs_ceil();
        let number = |number: u64| AttributeValue::N(number.to_string());
        let message_id = request.message.message_id.as_str().to_owned();
        let put = Put::builder()
            .table_name(&self.markers.table)
            .item("pk", marker.clone())
            .item("at", number(now.as_millis()))
            .item("message_id", AttributeValue::S(message_id))
            .item("expires_at", number(ends))
            .condition_expression(UNMARKED)
            .expression_attribute_values(":now", number(now.as_millis() / 1000))
            .build()
            .expect("a put has its table and its item");
        TransactWriteItem::builder().put(put).build()
    }

    /// The write of the row of an event that was not claimed.
    fn row(&self, row: &Record) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.markers.table)
            .set_item(Some(item::item(row)))
            .condition_expression(NO_ROW)
            .build()
            .expect("a put has its table and its item");
        TransactWriteItem::builder().put(put).build()
    }

    /// What it means that the item's own condition failed. An earlier try of ours may have written
    /// it, which its marker shows: DynamoDB is not bound to tell both reasons.
    async fn refused_or_done(&self, marker: &AttributeValue, now: Timestamp) -> Attempt {
        let keys = KeysAndAttributes::builder()
            .consistent_read(true)
            .keys([("pk".to_owned(), marker.clone())].into())
            .build()
            .expect("a read has its keys");
        let table = &self.markers.table;
        let read = self.client.batch_get_item().request_items(table, keys);
        let unread = || {
            let why = "the item is not as `only` wants it, and the ledger did not say whether an \
                       earlier try wrote it";
            Attempt::transient("marker_unread", why, None)
        };
        let Ok(reply) = read.send().await else {
            return unread();
        };
        if reply
            .unprocessed_keys()
            .is_some_and(|left| !left.is_empty())
        {
            return unread();
        }
        let mut found = reply.responses.unwrap_or_default();
        let found = found.remove(table).unwrap_or_default();
        match found.iter().any(|item| is_live(item, now)) {
            true => Attempt::delivered("already_done"),
            false => condition_failed(),
        }
    }
}

/// The key of a delivery's marker. No row of an event begins so, because its consumer's name is
/// not empty and has no `#`.
fn marker_key(idempotency_key: &str) -> AttributeValue {
    AttributeValue::S(format!("#{idempotency_key}"))
}

/// Whether a marker has not ended, by the rule of [`UNMARKED`].
fn is_live(marker: &HashMap<String, AttributeValue>, now: Timestamp) -> bool {
    let ends = marker.get("expires_at").and_then(|value| value.as_n().ok());
    let ends = ends.and_then(|text| text.parse::<u64>().ok());
    ends.is_none_or(|ends| ends >= now.as_millis() / 1000)
}

/// The condition on the item; `#k` is one of its key attributes.
fn condition(only: Only) -> &'static str {
    match only {
        Only::New => "attribute_not_exists(#k)",
        Only::Existing => "attribute_exists(#k)",
    }
}

/// Adds a clause to an update. Names and values stand in it by number, whatever they are.
fn named(
    mut update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
    text: &mut String,
    verb: &str,
    sign: &str,
    members: &Map<String, Value>,
) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
    let mut terms = Vec::new();
    for (index, (name, member)) in members.iter().enumerate() {
        let place = format!("{}{index}", verb.to_ascii_lowercase());
        terms.push(format!("#{place}{sign}:{place}"));
        update = update
            .expression_attribute_names(format!("#{place}"), name)
            .expression_attribute_values(format!(":{place}"), value::attribute(member));
    }
    if !terms.is_empty() {
        text.push_str(&format!(" {verb} {}", terms.join(", ")));
    }
    update
}

/// What a cancelled transaction means.
enum Verdict {
    /// The delivery was made before; or a row stands where one was to be written.
    Marked,
    /// The item is not as `only` wants it.
    ItemRefused,
    /// The try has ended so.
    Ended(Attempt),
}

/// Decides what the reasons of a cancelled transaction mean; they stand in the order of its
/// writes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn verdict(reasons: &[CancellationReason]) -> Verdict {
    let code = |at: usize| reasons.get(at).and_then(CancellationReason::code);
    let (item, marker) = (code(ITEM), code(MARKER));
    if marker == Some("ConditionalCheckFailed") {
        return Verdict::Marked;
    }
    let said = |word: &str| item == Some(word) || marker == Some(word);
    if said("TransactionConflict") {
        return Verdict::Ended(conflict());
    }
    if said("ThrottlingError") || said("ProvisionedThroughputExceeded") {
        let message = "DynamoDB throttled the transaction";
        return Verdict::Ended(Attempt::transient("throttled", message, None));
    }
    match item {
        Some("ConditionalCheckFailed") => Verdict::ItemRefused,
        Some("ValidationError" | "ItemCollectionSizeLimitExceeded") => {
            let why = reasons.get(ITEM).and_then(CancellationReason::message);
            Verdict::Ended(item_refused(why.unwrap_or("it is too large")))
        }
        Some(_) | None => {
            let code = item.filter(|code| *code != "None").or(marker);
            let message = format!(
                "DynamoDB cancelled the transaction with `{}`",
                code.unwrap_or_default()
            );
            Verdict::Ended(Attempt::transient("request_refused", message, None))
        }
    }
}

/// What a refusal of the whole request means: what it says of the item is final, all else may
/// pass.
fn judge(refusal: &Refusal<'_>) -> Attempt {
    match refusal.code {
        "Validation" | "ItemCollectionSizeLimitExceeded" => {
            item_refused("see its key's names and types, and its size")
        }
        "TransactionConflict" | "TransactionInProgress" => conflict(),
        "ResourceNotFound" => Attempt::transient(
            "table_missing",
            "the table, or the ledger's, does not exist in this region; deploy it, or mend `table`",
            None,
        ),
        _ => refusal.passing(PLACE),
    }
}

/// Another writes the same item, or makes the same delivery.
fn conflict() -> Attempt {
    let message = "another transaction writes the same item";
    Attempt::transient("conflict", message, None)
}

/// A row stands: somebody else has tried the event, or is about to.
fn row_stands() -> Attempt {
    let message = "the ledger has a row of the event; nothing was written";
    Attempt::transient("conflict", message, None).with_row(RowEnd::Refused)
}

/// The item is there and must not be, or the other way round.
fn condition_failed() -> Attempt {
    Attempt::rejected("condition_failed", "the item is not as `only` wants it")
}

/// DynamoDB does not take the item.
fn item_refused(why: &str) -> Attempt {
    Attempt::rejected("item_refused", format!("DynamoDB refused the item: {why}"))
}

impl Target for DynamoDbTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.write(request))
    }
}

#[cfg(test)]
mod tests;
