//! A CloudFormation or SAM template with its parameters chosen.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::tree::{Node, Raw};
use super::value::{Unknown, Value};

/// A template with its parameters chosen, the rest at their defaults.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// The whole of it, as it stands.
    pub(crate) root: Node,
    /// Every parameter.
    pub(crate) parameters: BTreeMap<String, Value>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Where the text is no YAML or no template, where a value is for no parameter of it, or one
    /// that the parameter does not allow; with the place and what to do.
    pub(crate) fn read(text: &str, chosen: &[(String, String)]) -> Result<Self, String> {
        let root = Node::parse(text).map_err(|fault| match fault.line {
            0 => format!("{}; mend the YAML", fault.message),
            line => format!("line {line}: {}; mend the YAML", fault.message),
        })?;
        if root
            .get("Resources")
            .is_none_or(|made| made.entries().is_empty())
        {
            return Err(
                "there are no `Resources`: give a CloudFormation or SAM template".to_owned(),
            );
        }
        let parameters = parameters(&root, chosen)?;
        Ok(Self { root, parameters })
    }

    /// What stands at a path, or the nearest above it: the line, where it is known.
    pub(crate) fn line(&self, path: &str) -> Option<u64> {
        let mut node = &self.root;
        for name in path.split('.') {
            match node.get(name) {
                Some(next) => node = next,
                None => break,
            }
        }
        (node.line > 0 && !std::ptr::eq(node, &self.root)).then_some(node.line)
    }

    /// The parameters that what stands at a path is made of, as `parameter NAME`.
    pub(crate) fn deciding(&self, path: &str) -> Vec<String> {
        let node = path
            .split('.')
            .try_fold(&self.root, |node, name| node.get(name));
        let mut names = Vec::new();
        for node in node.into_iter().filter(|node| is_small(node)) {
            self.referred(node, &mut names);
        }
        names
    }

    /// Adds the parameters that a value refers to.
    fn referred(&self, node: &Node, names: &mut Vec<String>) {
        for (key, of) in node.entries() {
            match of.text() {
                Some(name) if key == "Ref" && self.parameters.contains_key(name) => {
                    let name = format!("parameter {name}");
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                Some(_) | None => self.referred(of, names),
            }
        }
        for entry in node.list() {
            self.referred(entry, names);
        }
    }

    /// The transforms that may change what is written, beside SAM's own.
    pub(crate) fn other_transforms(&self) -> Vec<String> {
        let Some(written) = self.root.get("Transform") else {
            return Vec::new();
        };
        let names: Vec<&Node> = match &written.raw {
            Raw::List(list) => list.iter().collect(),
            Raw::Null | Raw::Text(_) | Raw::Map(_) => vec![written],
        };
        let names = names
            .into_iter()
            .map(|name| name.text().unwrap_or("a macro"));
        let known = ["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"];
        names
            .filter(|name| !known.contains(name))
            .map(str::to_owned)
            .collect()
    }
}

/// Whether a value is a function of CloudFormation's: of what is larger no parameter decides alone.
fn is_small(node: &Node) -> bool {
    let [(name, _)] = node.entries() else {
        return false;
    };
    name == "Ref" || name.starts_with("Fn::")
}

/// Every parameter, with what was chosen or its default.
fn parameters(root: &Node, chosen: &[(String, String)]) -> Result<BTreeMap<String, Value>, String> {
    let declared = root
        .get("Parameters")
        .map(Node::entries)
        .unwrap_or_default();
    for (name, _) in chosen {
        if !declared.iter().any(|(known, _)| known == name) {
            let known: Vec<_> = declared.iter().map(|(name, _)| name.as_str()).collect();
            let known = match known.is_empty() {
                true => "it has none".to_owned(),
                false => format!("it has {}", known.join(", ")),
            };
            return Err(format!("there is no parameter `{name}`: {known}"));
        }
    }
    let mut parameters = BTreeMap::new();
    for (name, declared) in declared {
        // The last word counts, as with the AWS CLI.
        let said = chosen.iter().rfind(|(known, _)| known == name);
        let default = declared.get("Default");
        let value = match (said, default.and_then(Node::text)) {
            (Some((_, value)), _) => {
                allowed(name, declared, value)?;
                typed(name, declared, value)
            }
            (None, Some(value)) => typed(name, declared, value),
            (None, None) => Value::Unknown(Unknown::new(format!(
                "parameter `{name}` has no value; give --parameter {name}=VALUE"
            ))),
        };
        parameters.insert(name.clone(), value);
    }
    Ok(parameters)
}

/// A parameter's value as its type has it.
fn typed(name: &str, declared: &Node, value: &str) -> Value {
    let kind = declared
        .get("Type")
        .and_then(Node::text)
        .unwrap_or("String");
    if kind.starts_with("AWS::SSM::Parameter::Value") {
        return Value::Unknown(Unknown::new(format!(
            "parameter `{name}` is read from Parameter Store when it is deployed"
        )));
    }
    match kind == "CommaDelimitedList" || kind.starts_with("List<") {
        true => {
            let entries = value
                .split(',')
                .map(|entry| Value::Text(entry.trim().to_owned()));
            Value::List(entries.collect())
        }
        false => Value::Text(value.to_owned()),
    }
}

/// Refuses a value that a parameter does not allow, as CloudFormation would.
fn allowed(name: &str, declared: &Node, value: &str) -> Result<(), String> {
    let refused = |wanted: String| {
        let line = declared.line;
        Err(format!(
            "line {line}: parameter `{name}` cannot be `{value}`: {wanted}"
        ))
    };
    let bound = |key: &str| declared.get(key).and_then(Node::text);
    let values = declared
        .get("AllowedValues")
        .map(Node::list)
        .unwrap_or_default();
    if !values.is_empty() && !values.iter().any(|one| one.text() == Some(value)) {
        let values: Vec<_> = values.iter().filter_map(Node::text).collect();
        return refused(format!("give one of {}", values.join(", ")));
    }
    if bound("Type") == Some("Number") && value.trim().parse::<f64>().is_err() {
        return refused("give a number".to_owned());
    }
    if let Some(pattern) = bound("AllowedPattern") {
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        if whole.is_ok_and(|whole| !whole.is_match(value)) {
            return refused(format!("it must match {pattern}"));
        }
    }
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let least = bound("MinValue").and_then(number);
    let most = bound("MaxValue").and_then(number);
    let is = number(value);
    if is.zip(least).is_some_and(|(is, least)| is < least)
        || is.zip(most).is_some_and(|(is, most)| is > most)
    {
        let [least, most] = ["MinValue", "MaxValue"].map(|key| bound(key).unwrap_or("any"));
        return refused(format!("give {least} to {most}"));
    }
    let length = |key: &str| bound(key).and_then(|text| text.parse::<usize>().ok());
    let count = value.chars().count();
    if length("MinLength").is_some_and(|least| count < least)
        || length("MaxLength").is_some_and(|most| count > most)
    {
        return refused("it is too short or too long for MinLength or MaxLength".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
