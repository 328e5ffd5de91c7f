//! The table that Powertools for AWS Lambda kept its rows in: one consistent `GetItem`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::powertools::OldRow;

use crate::chain::chain;

/// A table of Powertools' rows, which is read and never written.
///
/// Needs `dynamodb:GetItem` on the table.
#[derive(Debug, Clone)]
pub struct PowertoolsTable {
    client: Client,
    table: String,
}

impl PowertoolsTable {
    /// The rows in the table of this name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// The row of a key, if there is one.
    ///
    /// # Errors
    ///
    /// Without an answer: why, and what to do.
    pub async fn row(&self, id: &str) -> Result<Option<OldRow>, String> {
        let asked = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(id.to_owned()))
            // Not the answer that is kept beside them, which may be long.
            .projection_expression("#status, #expiration, #in_progress")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#expiration", EXPIRATION)
            .expression_attribute_names("#in_progress", IN_PROGRESS)
            .consistent_read(true);
        match asked.send().await {
            Ok(reply) => Ok(reply.item.map(|item| read(&item))),
            Err(error) => Err(why(&self.table, error.code(), &chain(&error))),
        }
    }
}

/// Reads an item; what is not there is judged by others.
fn read(item: &HashMap<String, AttributeValue>) -> OldRow {
    let number = |name| item.get(name)?.as_n().ok()?.parse().ok();
    let status = item.get(STATUS).and_then(|status| status.as_s().ok());
    OldRow {
        status: status.cloned().unwrap_or_default(),
        expiration: number(EXPIRATION),
        in_progress_expiration: number(IN_PROGRESS),
    }
}

/// What a refusal means, and what to do.
fn why(table: &str, code: Option<&str>, said: &str) -> String {
    match code {
        Some("AccessDeniedException") => format!(
            "the function may not read Powertools' table `{table}`; allow `dynamodb:GetItem` on it"
        ),
        Some("ResourceNotFoundException") => format!(
            "Powertools' table `{table}` does not exist in this account and region; name another, \
             or take `after_powertools` out once its rows have expired"
        ),
        Some("ValidationException") => format!(
            "Powertools' table `{table}` has not the one key `{ID}`; tables with a sort key or with \
             attributes of other names are not read"
        ),
        Some(_) | None => format!("Powertools' table `{table}` cannot be read: {said}"),
    }
}

const ID: &str = "id";
const STATUS: &str = "status";
const EXPIRATION: &str = "expiration";
const IN_PROGRESS: &str = "in_progress_expiration";

#[cfg(test)]
mod tests;
