//! A JMESPath whose answer must be an object.

use serde_json::{Map, Value};

use super::super::fields::Faults;
use super::super::tree::{self, Node};
use crate::event::{Data, Event};
use crate::key::KeyExpression;

/// A JMESPath over the event that gives an object, within the bounds of a key expression.
#[derive(Debug, Clone)]
pub struct ObjectExpression(KeyExpression);

impl ObjectExpression {
    /// Reads an expression.
    pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Option<Self> {
        expression(node, path, faults).map(Self)
    }

    /// The members of what it finds, without those that are null; the error says why there are
    /// none.
    pub(super) fn members(&self, event: &Value) -> Result<Map<String, Value>, String> {
        let mut members = self.all_members(event)?;
        members.retain(|_, value| !value.is_null());
        Ok(members)
    }

    /// The members of what it finds; the error says why there are none.
    pub(super) fn all_members(&self, event: &Value) -> Result<Map<String, Value>, String> {
        match self.0.json_in(event)? {
            Value::Object(members) => Ok(members),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err("gives no object here".to_owned()),
        }
    }
}

/// Reads an expression. What is wrong with one that holds variables is told without its text,
/// because a variable may be a secret.
pub(super) fn expression(node: &Node, path: &str, faults: &mut Faults) -> Option<KeyExpression> {
    let text = faults.text(node, path)?;
    match KeyExpression::compile(text) {
        Ok(expression) => Some(expression),
        Err(why) => {
            let message = match node.value {
                tree::Value::Filled(_) => "is no JMESPath within bounds".to_owned(),
                tree::Value::Null
                | tree::Value::Bool(_)
                | tree::Value::Integer(_)
                | tree::Value::Float(_)
                | tree::Value::Text(_)
                | tree::Value::Unset
                | tree::Value::List(_)
                | tree::Value::Map(_) => format!("is no JMESPath: {why}"),
            };
            faults.add(path, node.at, message);
            None
        }
    }
}

/// The event as expressions see it, with the data that is delivered.
pub(super) fn seen(event: &Event, data: &Data) -> Value {
    let mut seen = event.to_value();
    if let Value::Object(members) = &mut seen {
        members.insert("data".to_owned(), data.to_value());
    }
    seen
}

impl PartialEq for ObjectExpression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for ObjectExpression {}
