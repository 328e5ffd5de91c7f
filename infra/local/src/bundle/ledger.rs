//! The ledger's table, read from outside.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::bundle::client_config;
use crate::error::LocalError;

/// The ledger's table.
#[derive(Debug, Clone)]
pub struct LedgerTable {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

/// One row as the table holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerRow(pub HashMap<String, AttributeValue>);

impl LedgerTable {
    /// A table of that name.
    pub(super) fn new(endpoint: &str, name: String) -> Self {
        let config = client_config!(aws_sdk_dynamodb, endpoint);
        Self {
            client: aws_sdk_dynamodb::Client::from_conf(config),
            name,
        }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A client for what is not here.
    pub fn client(&self) -> &aws_sdk_dynamodb::Client {
        &self.client
    }

    /// Every row.
    pub async fn rows(&self) -> Result<Vec<LedgerRow>, LocalError> {
        let mut rows = Vec::new();
        let mut from = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.name)
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| LocalError::because("cannot read the ledger", error))?;
            let events = page.items.into_iter().flatten().filter(|item| {
                // What begins so is the marker of a delivery to a table, or a gate's row.
                let pk = item.get("pk").and_then(|pk| pk.as_s().ok());
                pk.is_none_or(|pk| !pk.starts_with('#'))
            });
            rows.extend(events.map(LedgerRow));
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(rows);
            }
        }
    }

    /// The row of a key (`consumer#event-key`).
    pub async fn row(&self, pk: &str) -> Result<Option<LedgerRow>, LocalError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| LocalError::because("cannot read the ledger", error))?;
        Ok(found.item.map(LedgerRow))
    }

    /// Deletes the table, which outlives its stack.
    pub(super) async fn delete(&self) -> Result<(), LocalError> {
        let request = self.client.delete_table().table_name(&self.name);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.into_service_error() {
                error if error.is_resource_not_found_exception() => Ok(()),
                error => Err(LocalError::because("cannot delete the ledger", error)),
            },
        }
    }
}

impl LedgerRow {
    /// `consumer#event-key`; empty where the row has none.
    pub fn pk(&self) -> &str {
        self.text("pk").unwrap_or_default()
    }

    /// `IN_PROGRESS`, `PENDING`, `COMPLETED`, `DEAD`; empty where the row has none.
    pub fn status(&self) -> &str {
        self.text("status").unwrap_or_default()
    }

    /// Why it is dead, where it is.
    pub fn dead_reason(&self) -> Option<&str> {
        self.text("dead_reason")
    }

    /// A text attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    /// A number attribute.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }
}
