//! What the template's functions (`Ref`, `Fn::If`, `Fn::Sub`, …) come to before a deployment.
//!
//! Nothing is guessed: what CloudFormation alone can know comes out as [`Value::Unknown`] with the
//! reason, and so does everything that is made of it.

use super::template::Template;
use super::tree::{Node, Raw};
use super::value::{Unknown, Value};

impl Template {
    /// What a value comes to.
    pub(crate) fn evaluate(&self, node: &Node) -> Value {
        self.value(node, 0)
    }

    /// What a value comes to, so deep within others.
    pub(super) fn value(&self, node: &Node, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return unknown("it is nested too deep");
        }
        match &node.raw {
            Raw::Null => Value::Absent,
            Raw::Text(text) if text.contains("{{resolve:") => {
                unknown("a dynamic reference is read when it is deployed")
            }
            Raw::Text(text) => Value::Text(text.clone()),
            Raw::List(list) => {
                let entries = list.iter().map(|entry| self.value(entry, depth + 1));
                Value::List(entries.filter(|entry| !entry.is_absent()).collect())
            }
            Raw::Map(entries) => match entries.as_slice() {
                [(name, of)] if name == "Ref" => self.reference(of.text().unwrap_or_default()),
                [(name, of)] if name.starts_with("Fn::") => self.function(name, of, depth + 1),
                [..] => self.mapping(entries, depth + 1),
            },
        }
    }

    /// A mapping, entry by entry.
    fn mapping(&self, entries: &[(String, Node)], depth: usize) -> Value {
        let hidden = entries.iter().find(|(name, _)| name.starts_with("Fn::"));
        if let Some((name, _)) = hidden {
            return unknown(format!("`{name}` is worked out when it is deployed"));
        }
        let entries = entries.iter();
        let entries = entries.map(|(name, of)| (name.clone(), self.value(of, depth)));
        Value::Map(entries.filter(|(_, of)| !of.is_absent()).collect())
    }

    /// What a function of CloudFormation's comes to.
    fn function(&self, name: &str, of: &Node, depth: usize) -> Value {
        let value = match name {
            "Fn::GetAtt" => Ok(self.attribute(of)),
            "Fn::If" => self.choose(of, depth),
            "Fn::Sub" => Ok(self.substitute(of, depth)),
            "Fn::Join" => self.join(of, depth),
            "Fn::Split" => self.split(of, depth),
            "Fn::Select" => self.select(of, depth),
            "Fn::FindInMap" => self.find_in_map(of, depth),
            other => Ok(unknown(format!(
                "`{other}` is worked out when it is deployed"
            ))),
        };
        value.unwrap_or_else(Value::Unknown)
    }

    /// A `Fn::If`.
    fn choose(&self, of: &Node, depth: usize) -> Result<Value, Unknown> {
        let [condition, yes, no] = of.list() else {
            return Ok(unknown("`Fn::If` wants a condition and two values"));
        };
        let holds = self.named(condition.text().unwrap_or_default(), depth)?;
        Ok(self.value(if holds { yes } else { no }, depth))
    }

    /// A `Fn::Join`.
    fn join(&self, of: &Node, depth: usize) -> Result<Value, Unknown> {
        let parts = listed(self.value(of, depth))?;
        Ok(match parts.as_slice() {
            [Value::Text(between), Value::List(parts)] => joined(between, parts),
            [..] => unknown("`Fn::Join` wants a text and a list that are known"),
        })
    }

    /// A `Fn::Split`.
    fn split(&self, of: &Node, depth: usize) -> Result<Value, Unknown> {
        let parts = listed(self.value(of, depth))?;
        Ok(match parts.as_slice() {
            [Value::Text(between), Value::Text(text)] if !between.is_empty() => {
                let parts = text.split(between.as_str());
                Value::List(parts.map(|part| Value::Text(part.to_owned())).collect())
            }
            [..] => unknown("`Fn::Split` wants two texts that are known"),
        })
    }

    /// A `Ref`: a parameter, a resource or a pseudo parameter.
    fn reference(&self, name: &str) -> Value {
        if name == "AWS::NoValue" {
            return Value::Absent;
        }
        if name.starts_with("AWS::") {
            return Value::Open(format!("${{{name}}}"));
        }
        if let Some(value) = self.parameters.get(name) {
            return value.clone();
        }
        // SAM's way to an alias of a function's: `Ref` of `Consumer.Alias`.
        let (id, attribute) = match name.split_once('.') {
            Some((id, attribute)) => (id, Some(attribute.to_owned())),
            None => (name, None),
        };
        match self.is_resource(id) {
            true => Value::Resource {
                id: id.to_owned(),
                attribute,
            },
            false => unknown(format!("nothing is called `{name}` in the template")),
        }
    }

    /// A `Fn::GetAtt`, as a text with a dot or a list of two.
    fn attribute(&self, of: &Node) -> Value {
        let parts = match (of.text(), of.list()) {
            (Some(text), _) => text.split_once('.'),
            (None, [id, attribute]) => id.text().zip(attribute.text()),
            (None, _) => None,
        };
        match parts {
            Some((id, attribute)) if self.is_resource(id) => Value::Resource {
                id: id.to_owned(),
                attribute: Some(attribute.to_owned()),
            },
            Some((id, _)) => unknown(format!("no resource is called `{id}` in the template")),
            None => unknown("`Fn::GetAtt` wants a resource and an attribute"),
        }
    }

    /// A `Fn::Sub`: names of its own, then parameters and resources.
    fn substitute(&self, of: &Node, depth: usize) -> Value {
        let (text, own) = match (of.text(), of.list()) {
            (Some(text), _) => (text, None),
            (None, [text, own]) => (text.text().unwrap_or_default(), Some(own)),
            (None, _) => return unknown("`Fn::Sub` wants a text"),
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            parts.push(Value::Text(before.to_owned()));
            let Some((name, after)) = after.split_once('}') else {
                return unknown("a `${` in `Fn::Sub` has no end");
            };
            let own = own.and_then(|own| own.get(name));
            parts.push(match (name.strip_prefix('!'), own) {
                (Some(literal), _) => Value::Text(format!("${{{literal}}}")),
                (None, Some(own)) => self.value(own, depth),
                (None, None) => self.reference(name.trim()),
            });
            rest = after;
        }
        parts.push(Value::Text(rest.to_owned()));
        parts.retain(|part| *part != Value::Text(String::new()));
        match <[Value; 1]>::try_from(parts) {
            Ok([only]) => only,
            Err(parts) => joined("", &parts),
        }
    }

    /// A `Fn::Select`.
    fn select(&self, of: &Node, depth: usize) -> Result<Value, Unknown> {
        let [place, list] = of.list() else {
            return Ok(unknown("`Fn::Select` wants a number and a list"));
        };
        let place = self.value(place, depth).number()?.unwrap_or_default();
        let list = listed(self.value(list, depth))?;
        let found = usize::try_from(place)
            .ok()
            .and_then(|place| list.get(place));
        let found = found.cloned();
        Ok(found.unwrap_or_else(|| unknown("`Fn::Select` asks for more than its list has")))
    }

    /// A `Fn::FindInMap`.
    fn find_in_map(&self, of: &Node, depth: usize) -> Result<Value, Unknown> {
        let mut keys = Vec::new();
        for key in of.list().iter().take(3) {
            let key = self.value(key, depth);
            keys.push(key.text()?.unwrap_or_default().to_owned());
        }
        let [map, first, second] = keys.as_slice() else {
            return Ok(unknown("`Fn::FindInMap` wants a mapping and two keys"));
        };
        let found = self.root.get("Mappings").and_then(|maps| maps.get(map));
        let found = found.and_then(|map| map.get(first)?.get(second));
        let default = of.list().get(3).and_then(|more| more.get("DefaultValue"));
        Ok(match found.or(default) {
            Some(found) => self.value(found, depth),
            None => unknown(format!(
                "mapping `{map}` has no `{second}` under `{first}`; add it, or choose another value"
            )),
        })
    }

    /// Whether a resource has this logical id.
    fn is_resource(&self, id: &str) -> bool {
        self.root
            .get("Resources")
            .is_some_and(|all| all.get(id).is_some())
    }
}

/// Texts one after another, with another between them.
fn joined(between: &str, parts: &[Value]) -> Value {
    let mut texts = Vec::new();
    let mut open = false;
    for part in parts {
        texts.push(match part {
            Value::Text(text) => text.clone(),
            Value::Open(text) => {
                open = true;
                text.clone()
            }
            Value::Resource { id, attribute } => {
                open = true;
                let attribute = attribute.iter().map(|name| format!(".{name}"));
                format!("${{{id}{}}}", attribute.collect::<String>())
            }
            Value::Unknown(_) => return part.clone(),
            Value::Absent | Value::List(_) | Value::Map(_) => {
                return unknown("a text is made of what is none");
            }
        });
    }
    let text = texts.join(between);
    match open {
        true => Value::Open(text),
        false => Value::Text(text),
    }
}

/// What is not known.
fn unknown(reason: impl Into<String>) -> Value {
    Value::Unknown(Unknown::new(reason))
}

/// The entries of a list that is known.
fn listed(value: Value) -> Result<Vec<Value>, Unknown> {
    match value {
        Value::List(list) => Ok(list),
        Value::Unknown(reason) => Err(reason),
        Value::Absent
        | Value::Text(_)
        | Value::Open(_)
        | Value::Map(_)
        | Value::Resource { .. } => Err(Unknown::new("a list is expected there")),
    }
}

/// How deep functions and conditions may lie within one another.
pub(super) const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests;
