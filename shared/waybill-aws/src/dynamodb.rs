//! The ledger in a DynamoDB table: conditional writes in one `BatchExecuteStatement`, consistent
//! reads in one `BatchGetItem`.

pub mod item;

mod desk;
mod error;
mod gates;
mod powertools;
mod runs;
mod statement;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    BatchStatementError, BatchStatementErrorCodeEnum, BatchStatementRequest,
    BatchStatementResponse, KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::Row;
use waybill_engine::ports::{Ledger, StoreError, Write, Written};

use error::Asked;
use statement::Statement;

pub use desk::{DynamoDesk, INDEX, Next};
pub use gates::DynamoGates;
pub use powertools::PowertoolsTable;
pub use runs::DynamoRuns;

/// The ledger in one DynamoDB table. Clones share their client.
///
/// Needs `dynamodb:PartiQLInsert`, `dynamodb:PartiQLUpdate` and `dynamodb:BatchGetItem` on the
/// table.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    client: Client,
    table: String,
}

impl DynamoLedger {
    /// The ledger in the table of this name. The client must not retry: one call is one request.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// What its client is configured to.
    #[cfg(test)]
    pub(crate) fn config(&self) -> &aws_sdk_dynamodb::Config {
        self.client.config()
    }

    /// Writes as the statements of one request, in their order.
    pub fn statements(&self, writes: &[Write]) -> Vec<BatchStatementRequest> {
        writes.iter().map(|write| self.request(write)).collect()
    }

    /// One write as a statement. Only an `UPDATE` can be refused with the row that stands there.
    fn request(&self, write: &Write) -> BatchStatementRequest {
        let (statement, on_refusal) = match write {
            Write::Insert(record) => (Statement::insert(&self.table, record), None),
            Write::TakeOver { seen, next } => {
                let statement = Statement::update(&self.table, seen, next).returning_new();
                (statement, Some(ReturnValuesOnConditionCheckFailure::AllOld))
            }
            Write::Settle { held, next } => {
                let statement = Statement::update(&self.table, held, next);
                (statement, Some(ReturnValuesOnConditionCheckFailure::AllOld))
            }
        };
        BatchStatementRequest::builder()
            .statement(statement.text)
            .set_parameters(Some(statement.parameters))
            .set_return_values_on_condition_check_failure(on_refusal)
            .build()
            .expect("a statement has its text")
    }

    /// What one statement of a request was answered.
    fn written(&self, answer: BatchStatementResponse) -> Result<Written, StoreError> {
        let Some(refusal) = answer.error else {
            return Ok(Written::Done(answer.item.as_ref().map(item::read)));
        };
        match refusal.code() {
            Some(
                BatchStatementErrorCodeEnum::DuplicateItem
                | BatchStatementErrorCodeEnum::ConditionalCheckFailed,
            ) => Ok(Written::Refused(refusal.item.as_ref().map(item::read))),
            Some(_) | None => Err(self.statement_error(&refusal)),
        }
    }

    /// What an error of one statement means.
    fn statement_error(&self, error: &BatchStatementError) -> StoreError {
        let code = error.code().map_or("Unknown", |code| code.as_str());
        let message = error.message().unwrap_or_default();
        error::of_code(code, message, Asked::Write, &self.table)
    }
}

impl Ledger for DynamoLedger {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        let statements = Some(self.statements(writes));
        let request = self.client.batch_execute_statement();
        let answers = match request.set_statements(statements).send().await {
            Ok(reply) => reply.responses.unwrap_or_default(),
            Err(refusal) => {
                let refusal = error::of_request(&refusal, Asked::Write, &self.table);
                return vec![Err(refusal); writes.len()];
            }
        };
        let mut answers = answers.into_iter();
        let answer = |_| match answers.next() {
            Some(answer) => self.written(answer),
            None => Err(error::unanswered(&self.table)),
        };
        writes.iter().map(answer).collect()
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let asked = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys.iter().map(item::key_item).collect()))
            .build()
            .expect("a read has its keys");
        let request = self.client.batch_get_item();
        let reply = match request.request_items(&self.table, asked).send().await {
            Ok(reply) => reply,
            Err(refusal) => {
                let refusal = error::of_request(&refusal, Asked::Read, &self.table);
                return vec![Err(refusal); keys.len()];
            }
        };
        let mut found = reply.responses.unwrap_or_default();
        let items = found.remove(&self.table).unwrap_or_default();
        let mut unread = reply.unprocessed_keys.unwrap_or_default();
        let unread = unread.remove(&self.table).map(|left| left.keys);
        let unread: Vec<_> = unread.unwrap_or_default();
        let answer = |key: &LedgerKey| {
            if let Some(item) = items.iter().find(|item| item::has_key(item, key)) {
                return Ok(Some(item::read(item)));
            }
            match unread.iter().any(|item| item::has_key(item, key)) {
                true => Err(error::unprocessed(&self.table)),
                false => Ok(None),
            }
        };
        keys.iter().map(answer).collect()
    }
}
