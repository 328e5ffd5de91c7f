//! PartiQL that writes rows. Values are always parameters; names are always in quotes, because
//! hundreds of plain words (`status`, `owner`, …) are reserved.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html>

use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::ledger::{Fence, Record};

use super::item;

/// One statement and its parameters, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    /// PartiQL with a `?` for each parameter.
    pub(super) text: String,
    /// The values.
    pub(super) parameters: Vec<AttributeValue>,
}

impl Statement {
    /// Writes a row where none stands.
    pub(super) fn insert(table: &str, record: &Record) -> Self {
        let mut this = Self::begin("INSERT INTO \"", table, "\" VALUE {");
        this.text.push('\'');
        this.value(item::PK, "':?", item::pk(record));
        for (name, value) in item::attributes(record) {
            if let Some(value) = value {
                this.text.push_str(",'");
                this.value(name, "':?", value);
            }
        }
        this.text.push('}');
        this
    }

    /// Makes the row `next` where a row stands as the fence says. What the row no longer has is
    /// removed, each attribute by a `REMOVE` of its own, as the grammar wants.
    pub(super) fn update(table: &str, fence: &Fence, next: &Record) -> Self {
        let mut this = Self::begin("UPDATE \"", table, "\"");
        for (name, value) in item::attributes(next) {
            match value {
                Some(value) => {
                    this.text.push_str(" SET \"");
                    this.value(name, "\"=?", value);
                }
                None => {
                    this.text.push_str(" REMOVE \"");
                    this.text.push_str(name);
                    this.text.push('"');
                }
            }
        }
        this.text.push_str(" WHERE \"");
        this.value(item::PK, "\"=?", item::pk(next));
        for (name, value) in item::fence(fence) {
            this.text.push_str(" AND \"");
            this.value(name, "\"=?", value);
        }
        this
    }

    /// The same statement, answered with the row as it is after it.
    pub(super) fn returning_new(mut self) -> Self {
        self.text.push_str(" RETURNING ALL NEW *");
        self
    }

    /// A statement's first words, around the table's name.
    fn begin(before: &str, table: &str, after: &str) -> Self {
        let mut text = String::with_capacity(TEXT_USUAL);
        text.push_str(before);
        text.push_str(table);
        text.push_str(after);
        Self {
            text,
            parameters: Vec::with_capacity(PARAMETERS_MOST),
        }
    }

    /// Names an attribute and adds its value.
    fn value(&mut self, name: &str, after: &str, value: AttributeValue) {
        self.text.push_str(name);
        self.text.push_str(after);
        self.parameters.push(value);
    }
}

/// What the text of a statement usually needs, in bytes; DynamoDB takes 8192.
const TEXT_USUAL: usize = 512;

/// The most parameters a statement has: every attribute and the condition.
const PARAMETERS_MOST: usize = 24;

#[cfg(test)]
mod tests;
