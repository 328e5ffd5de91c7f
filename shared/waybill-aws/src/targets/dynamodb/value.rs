//! JSON as attributes of an item.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

/// The members of an object as attributes.
pub(super) fn attributes(members: &Map<String, Value>) -> HashMap<String, AttributeValue> {
    let named = members
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)));
    named.collect()
}

/// A value as an attribute: text is `S`, a number `N` with the digits it has, a list `L`, an
/// object `M`, and null, where it stands inside another, `NULL`.
pub(super) fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(yes) => AttributeValue::Bool(*yes),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(list) => AttributeValue::L(list.iter().map(attribute).collect()),
        Value::Object(members) => AttributeValue::M(attributes(members)),
    }
}
