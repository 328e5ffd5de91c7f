//! DynamoDB tables with the partition key `pk`: conditional writes, one by one, in batches and in
//! transactions, and reads.

mod expression;
mod partiql;

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Refusal;
use expression::{Names, holds, updated};

/// An item in DynamoDB's JSON.
type Item = Map<String, Value>;

/// The partition key's name, of every table.
const PK: &str = "pk";

/// What writes and reads come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Write request units: one per kilobyte begun, two in a transaction, a refused write included.
    pub write: u64,
    /// Read request units, of consistent reads.
    pub read: u64,
}

/// Every table, each made when it is first written to.
#[derive(Debug, Default)]
pub(super) struct Tables(HashMap<String, HashMap<String, Item>>);

/// One conditional write.
struct Write<'a> {
    table: &'a str,
    pk: &'a str,
    asked: &'a Value,
    what: What<'a>,
}

/// What a write does.
enum What<'a> {
    Put(&'a Item),
    Update,
    Delete,
    Check,
}

impl Units {
    /// What came on top.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            write: self.write - earlier.write,
            read: self.read - earlier.read,
        }
    }

    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        self.write += other.write;
        self.read += other.read;
    }
}

impl Tables {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Answers a request.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        asked: &Value,
        units: &mut Units,
    ) -> Result<Value, Refusal> {
        match operation {
            "BatchExecuteStatement" => Ok(self.statements(asked, units)),
            "BatchGetItem" => Ok(self.read_all(asked, units)),
            "GetItem" => Ok(self.read(asked, units)),
            "PutItem" => self.write(&Write::put(asked)?, 1, units),
            "UpdateItem" => self.write(&Write::keyed(asked, What::Update)?, 1, units),
            "DeleteItem" => self.write(&Write::keyed(asked, What::Delete)?, 1, units),
            "TransactWriteItems" => self.transact(asked, units),
            other => Err(Refusal::invalid(format!("`{other}` is not played here"))),
        }
    }

    /// The item of a key.
    fn item(&self, table: &str, pk: &str) -> Option<&Item> {
        self.0.get(table)?.get(pk)
    }

    /// The items of a table.
    fn table(&mut self, table: &str) -> &mut HashMap<String, Item> {
        if !self.0.contains_key(table) {
            self.0.insert(table.to_owned(), HashMap::new());
        }
        self.0.entry(table.to_owned()).or_default()
    }

    /// Runs the statements of a batch, each by itself.
    fn statements(&mut self, asked: &Value, units: &mut Units) -> Value {
        let statements = asked.get("Statements").and_then(Value::as_array);
        let answers = statements.into_iter().flatten();
        let answers = answers.map(|asked| partiql::run(self, asked, units));
        json!({ "Responses": answers.collect::<Vec<_>>() })
    }

    /// Reads many.
    fn read_all(&self, asked: &Value, units: &mut Units) -> Value {
        let mut responses = Map::new();
        let tables = asked.get("RequestItems").and_then(Value::as_object);
        for (table, asked) in tables.into_iter().flatten() {
            let keys = asked.get("Keys").and_then(Value::as_array);
            let keys = keys.into_iter().flatten().filter_map(pk_of);
            let mut found = Vec::new();
            for key in keys {
                let item = self.item(table, key);
                units.read += item.map_or(1, |item| kilobytes(item).div_ceil(4));
                found.extend(item.cloned().map(Value::Object));
            }
            responses.insert(table.clone(), Value::Array(found));
        }
        json!({ "Responses": responses, "UnprocessedKeys": {} })
    }

    /// Reads one.
    fn read(&self, asked: &Value, units: &mut Units) -> Value {
        let table = text(asked, "TableName");
        let key = asked.get("Key").and_then(pk_of).unwrap_or_default();
        match self.item(table, key) {
            Some(item) => {
                units.read += kilobytes(item).div_ceil(4);
                json!({ "Item": item })
            }
            None => {
                units.read += 1;
                json!({})
            }
        }
    }

    /// Makes one write, where its condition holds. A unit of it counts so many times.
    fn write(
        &mut self,
        write: &Write<'_>,
        weight: u64,
        units: &mut Units,
    ) -> Result<Value, Refusal> {
        let old = self.item(write.table, write.pk);
        let holds = write.holds(old)?;
        if !holds {
            units.write += weight * old.map_or(1, kilobytes);
            let mut refusal = Refusal::of(
                "ConditionalCheckFailedException",
                "The conditional request failed",
            );
            if text(write.asked, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD" {
                refusal.more = old.map(|item| ("Item", json!(item)));
            }
            return Err(refusal);
        }
        let new = write.becomes(old)?;
        if new.as_ref().is_some_and(is_too_large) {
            return Err(Refusal::invalid(TOO_LARGE));
        }
        let size = new.as_ref().map_or(1, kilobytes);
        units.write += weight * size.max(old.map_or(1, kilobytes));
        let attributes = match text(write.asked, "ReturnValues") {
            "ALL_NEW" => new.clone(),
            "ALL_OLD" => old.cloned(),
            _ => None,
        };
        let table = self.table(write.table);
        match new {
            Some(item) => table.insert(write.pk.to_owned(), item),
            None => table.remove(write.pk),
        };
        Ok(attributes.map_or(json!({}), |item| json!({ "Attributes": item })))
    }

    /// Makes several writes, or none.
    fn transact(&mut self, asked: &Value, units: &mut Units) -> Result<Value, Refusal> {
        let items = asked.get("TransactItems").and_then(Value::as_array);
        let writes: Result<Vec<_>, _> = items.into_iter().flatten().map(Write::of).collect();
        let writes = writes?;
        let mut reasons = Vec::new();
        let mut all = true;
        for write in &writes {
            let holds = write.holds(self.item(write.table, write.pk))?;
            all &= holds;
            reasons.push(match holds {
                true => json!({ "Code": "None" }),
                false => json!({ "Code": "ConditionalCheckFailed", "Message": "it failed" }),
            });
        }
        if !all {
            let old = |write: &Write<'_>| self.item(write.table, write.pk).map_or(1, kilobytes);
            units.write += writes.iter().map(|write| 2 * old(write)).sum::<u64>();
            let mut refusal = Refusal::of("TransactionCanceledException", "Transaction cancelled");
            refusal.more = Some(("CancellationReasons", Value::Array(reasons)));
            return Err(refusal);
        }
        for write in &writes {
            let new = write.becomes(self.item(write.table, write.pk))?;
            if new.as_ref().is_some_and(is_too_large) {
                return Err(Refusal::invalid(TOO_LARGE));
            }
        }
        for write in &writes {
            if !matches!(write.what, What::Check) {
                self.write(write, 2, units)?;
            }
        }
        Ok(json!({}))
    }
}

impl<'a> Write<'a> {
    /// One of a transaction.
    fn of(asked: &'a Value) -> Result<Self, Refusal> {
        let kinds = asked.as_object().into_iter().flatten().next();
        let Some((kind, asked)) = kinds else {
            return Err(Refusal::invalid("a write of the transaction is empty"));
        };
        match kind.as_str() {
            "Put" => Self::put(asked),
            "Update" => Self::keyed(asked, What::Update),
            "Delete" => Self::keyed(asked, What::Delete),
            "ConditionCheck" => Self::keyed(asked, What::Check),
            other => Err(Refusal::invalid(format!("`{other}` is not played here"))),
        }
    }

    /// The put of a whole item.
    fn put(asked: &'a Value) -> Result<Self, Refusal> {
        let item = asked.get("Item").and_then(Value::as_object);
        let item = item.ok_or_else(|| Refusal::invalid("there is no Item"))?;
        let pk = item.get(PK).and_then(|pk| pk.get("S"));
        let pk = pk.and_then(Value::as_str);
        Ok(Self {
            table: text(asked, "TableName"),
            pk: pk.ok_or_else(|| Refusal::invalid("the item has no `pk`"))?,
            asked,
            what: What::Put(item),
        })
    }

    /// A write of what a key names.
    fn keyed(asked: &'a Value, what: What<'a>) -> Result<Self, Refusal> {
        let pk = asked.get("Key").and_then(pk_of);
        Ok(Self {
            table: text(asked, "TableName"),
            pk: pk.ok_or_else(|| Refusal::invalid("the key has no `pk`"))?,
            asked,
            what,
        })
    }

    /// Whether its condition holds.
    fn holds(&self, old: Option<&Item>) -> Result<bool, Refusal> {
        match self
            .asked
            .get("ConditionExpression")
            .and_then(Value::as_str)
        {
            Some(condition) => holds(condition, Names::of(self.asked), old),
            None => Ok(true),
        }
    }

    /// The item after it.
    fn becomes(&self, old: Option<&Item>) -> Result<Option<Item>, Refusal> {
        match self.what {
            What::Put(item) => Ok(Some(item.clone())),
            What::Delete => Ok(None),
            What::Check => Ok(old.cloned()),
            What::Update => {
                let mut item = old.cloned().unwrap_or_default();
                item.insert(PK.to_owned(), json!({ "S": self.pk }));
                let text = text(self.asked, "UpdateExpression");
                updated(text, Names::of(self.asked), item).map(Some)
            }
        }
    }
}

/// The value of a key.
fn pk_of(key: &Value) -> Option<&str> {
    key.get(PK)?.get("S")?.as_str()
}

/// A text of a request.
fn text<'a>(asked: &'a Value, name: &str) -> &'a str {
    asked.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An item's size in kilobytes begun, as DynamoDB counts it: names, and values by their kind.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn kilobytes(item: &Item) -> u64 {
    u64::try_from(bytes(item).div_ceil(1024).max(1)).unwrap_or(u64::MAX)
}

/// Whether DynamoDB takes no item of this size: 400 KB is the most.
fn is_too_large(item: &Item) -> bool {
    bytes(item) > 400 * 1024
}

/// What is said of one.
const TOO_LARGE: &str = "Item size has exceeded the maximum allowed size";

/// An item's size in bytes.
fn bytes(item: &Item) -> usize {
    let each = |(name, value): (&String, &Value)| name.len() + size(value);
    item.iter().map(each).sum()
}

/// A value's size in bytes.
fn size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 1;
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(text)) => text.len().div_ceil(2) + 1,
        ("B", Value::String(text)) => text.len() / 4 * 3,
        ("L", Value::Array(values)) => {
            3 + values.iter().map(|value| size(value) + 1).sum::<usize>()
        }
        ("M", Value::Object(values)) => {
            let each = |(name, value): (&String, &Value)| name.len() + size(value) + 1;
            3 + values.iter().map(each).sum::<usize>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
