//! A table as a target, as data; and what an event writes into it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::fields::{Faults, Fields, join};
use super::super::tree::Node;
use super::object::{ObjectExpression, seen};
use super::request_timeout;
use crate::event::{Data, Event};

/// A table into which each event writes one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoDbSpec {
    /// The table's name, or its ARN.
    pub table: String,
    /// The item's key attributes.
    pub key: ObjectExpression,
    /// What is written beside them.
    pub change: ItemChange,
    /// Where a write is refused; `None` writes in any case.
    pub only: Option<Only>,
    /// How long one try may take, connection included. 3 s by default.
    pub timeout: Duration,
}

/// What is written beside the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemChange {
    /// These attributes are all that the item has.
    Put(ObjectExpression),
    /// These are set or added to; the rest of the item stays. One of them at least.
    Update {
        /// Attributes that are set.
        set: Option<ObjectExpression>,
        /// Numbers that are added.
        add: Option<ObjectExpression>,
    },
}

/// Which items may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Such as are not there yet.
    New,
    /// Such as are there.
    Existing,
}

/// What one event writes.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemWrite {
    /// The whole item.
    Put {
        /// Names of the key attributes; at least one.
        key: Vec<String>,
        /// Every attribute, the key's among them.
        item: Map<String, Value>,
    },
    /// Some attributes.
    Update {
        /// The key attributes; at least one.
        key: Map<String, Value>,
        /// Attributes that are set.
        set: Map<String, Value>,
        /// Numbers that are added, each to another attribute than those that are set.
        add: Map<String, Value>,
    },
}

/// Why an event writes nothing: another try would find the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemFault {
    /// A key attribute has no value in this event.
    #[error("the event has no value for the item's key: {0}")]
    KeyMissing(String),
    /// What an expression gives cannot be written.
    #[error("`{expression}` {why}")]
    Unusable {
        /// Which expression, by its key in the routes file.
        expression: &'static str,
        /// What is wrong with what it gives.
        why: String,
    },
}

/// Longest name of a table, or its ARN.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Put.html>
const TABLE_MAX: usize = 1024;

/// Most key attributes of an item: a partition key and a sort key.
const KEY_MAX: usize = 2;

impl DynamoDbSpec {
    /// What an event writes, `data` being what is delivered of it. Attributes that are null are
    /// left out.
    ///
    /// # Errors
    ///
    /// When a key attribute is missing, or what an expression gives is no object, has a number
    /// that was not read exactly, or cannot be written together with the rest.
    pub fn item_write(&self, event: &Event, data: &Data) -> Result<ItemWrite, ItemFault> {
        let seen = seen(event, data);
        let key = key_of(&self.key, &seen)?;
        match &self.change {
            ItemChange::Put(put) => {
                let mut item = members("put", put, &seen)?;
                let names = key.keys().cloned().collect();
                item.extend(key);
                Ok(ItemWrite::Put { key: names, item })
            }
            ItemChange::Update { set, add } => {
                let of = |name, expression: &Option<ObjectExpression>| match expression {
                    Some(expression) => members(name, expression, &seen),
                    None => Ok(Map::new()),
                };
                let (set, add) = (of("set", set)?, of("add", add)?);
                check_update(&key, &set, &add)?;
                Ok(ItemWrite::Update { key, set, add })
            }
        }
    }

    /// Reads `dynamodb`.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        let known = ["table", "key", "put", "set", "add", "only", "timeout"];
        let fields = Fields::open(node, path, &known, faults)?;
        let table = match fields.get("table") {
            Some(node) => table(node, &join(path, "table"), faults),
            None => fields.missing("table", "say which table", faults),
        };
        let key = match fields.get("key") {
            Some(node) => ObjectExpression::read(node, &join(path, "key"), faults),
            None => fields.missing("key", "say which item: `{order_id: data.orderId}`", faults),
        };
        let change = change(&fields, faults);
        let words = [("new", Only::New), ("existing", Only::Existing)];
        let only = fields.word("only", &words, faults);
        let timeout = request_timeout(&fields, faults);
        Some(Self {
            table: table?,
            key: key?,
            change: change?,
            only,
            timeout,
        })
    }
}

/// Reads `put`, or `set` and `add`.
fn change(fields: &Fields<'_>, faults: &mut Faults) -> Option<ItemChange> {
    let mut read = |name: &str| {
        let node = fields.get(name)?;
        Some(ObjectExpression::read(
            node,
            &join(fields.path, name),
            faults,
        ))
    };
    let (put, set, add) = (read("put"), read("set"), read("add"));
    match (put, set, add) {
        (Some(put), None, None) => Some(ItemChange::Put(put?)),
        (None, None, None) => {
            let message = "must have `put` for a whole item, or `set` or `add` for parts of one";
            faults.add(fields.path, fields.at, message);
            None
        }
        (Some(_), _, _) => {
            let message = "has `put`, which writes the whole item, beside `set` or `add`";
            faults.add(fields.path, fields.at, message);
            None
        }
        (None, set, add) => {
            // What could not be read was told.
            if matches!(set, Some(None)) || matches!(add, Some(None)) {
                return None;
            }
            let (set, add) = (set.flatten(), add.flatten());
            Some(ItemChange::Update { set, add })
        }
    }
}

/// Reads the name of a table.
fn table(node: &Node, path: &str, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, path)?;
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let is_name = (3..=255).contains(&text.len()) && text.bytes().all(in_name);
    let in_arn = |b: u8| in_name(b) || b":/".contains(&b);
    let is_arn = text.starts_with("arn:")
        && text.contains(":table/")
        && text.len() <= TABLE_MAX
        && text.bytes().all(in_arn);
    if !is_name && !is_arn {
        let message = "must be the name of a table (3 to 255 of a-z, A-Z, 0-9, `_`, `-`, `.`) or \
                       its ARN";
        return faults.refuse(path, node, message);
    }
    Some(text.to_owned())
}

/// The key attributes that an event gives.
fn key_of(expression: &ObjectExpression, seen: &Value) -> Result<Map<String, Value>, ItemFault> {
    let unusable = |why: String| ItemFault::Unusable {
        expression: "key",
        why,
    };
    let key = expression.all_members(seen).map_err(unusable)?;
    if !(1..=KEY_MAX).contains(&key.len()) {
        return Err(unusable("gives no key of one or two attributes".to_owned()));
    }
    for (name, value) in &key {
        match value {
            Value::Number(_) => {}
            Value::String(text) if !text.is_empty() => {}
            Value::Null | Value::String(_) => return Err(ItemFault::KeyMissing(name.clone())),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(unusable(format!("gives no text or number for `{name}`")));
            }
        }
    }
    Ok(key)
}

/// The attributes that an expression gives.
fn members(
    name: &'static str,
    expression: &ObjectExpression,
    seen: &Value,
) -> Result<Map<String, Value>, ItemFault> {
    expression.members(seen).map_err(|why| ItemFault::Unusable {
        expression: name,
        why,
    })
}

/// Refuses an update that DynamoDB would refuse.
fn check_update(
    key: &Map<String, Value>,
    set: &Map<String, Value>,
    add: &Map<String, Value>,
) -> Result<(), ItemFault> {
    let unusable = |expression, why: String| Err(ItemFault::Unusable { expression, why });
    if set.is_empty() && add.is_empty() {
        return unusable("set", "and `add` give nothing to write".to_owned());
    }
    if let Some(name) = set.keys().find(|name| key.contains_key(*name)) {
        return unusable("set", format!("gives `{name}`, which is of the key"));
    }
    for (name, value) in add {
        if key.contains_key(name) || set.contains_key(name) {
            return unusable("add", format!("gives `{name}`, which is set already"));
        }
        if !value.is_number() {
            return unusable("add", format!("gives no number for `{name}`"));
        }
    }
    Ok(())
}
