//! `template.yaml` as CloudFormation would see it, for chosen parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::yaml;

/// The template with some parameters chosen, the rest at their defaults.
pub(super) struct Template {
    /// The whole of it, as it stands.
    pub(super) text: Value,
    /// Every parameter, with what was chosen.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Template {
    pub(super) fn new() -> Self {
        let text = yaml::read("template.yaml");
        let declared = text["Parameters"].as_object().unwrap().iter();
        let parameters = declared
            .map(|(name, declared)| (name.clone(), plain(&declared["Default"])))
            .collect();
        Self { text, parameters }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let known = self.parameters.insert(name.to_owned(), value.to_owned());
        assert!(known.is_some(), "no parameter {name}");
        self
    }

    /// One template for each allowed value of a parameter, with the value.
    pub(super) fn each(name: &str) -> impl Iterator<Item = (String, Self)> {
        let allowed = Self::new().text["Parameters"][name]["AllowedValues"].clone();
        let allowed = allowed.as_array().cloned().unwrap();
        allowed.into_iter().map(move |value| {
            let value = plain(&value);
            (value.clone(), Self::new().with(name, &value))
        })
    }

    /// A resource's property, with parameters, mappings and conditions resolved. Names of
    /// resources stay.
    pub(super) fn property(&self, resource: &str, property: &str) -> Value {
        let resource = &self.text["Resources"][resource];
        assert!(resource.is_object(), "no such resource");
        self.resolve(&resource["Properties"][property])
    }

    fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => match map.iter().next() {
                Some((name, of)) if name == "Ref" => {
                    match self.parameters.get(of.as_str().unwrap()) {
                        Some(chosen) => json!(chosen),
                        None => value.clone(),
                    }
                }
                Some((name, of)) if name == "Fn::FindInMap" => {
                    let path = self.resolve(of);
                    let found = self.text["Mappings"]
                        .get(plain(&path[0]))
                        .and_then(|map| map.get(plain(&path[1])))
                        .and_then(|map| map.get(plain(&path[2])));
                    found.unwrap_or_else(|| panic!("no {path}")).clone()
                }
                Some((name, of)) if name == "Fn::If" => {
                    let branch = if self.holds(&of[0]) { &of[1] } else { &of[2] };
                    self.resolve(branch)
                }
                Some(_) | None => {
                    let entries = map.iter().map(|(k, v)| (k.clone(), self.resolve(v)));
                    Value::Object(entries.filter(|(_, v)| !is_nothing(v)).collect())
                }
            },
            Value::Array(list) => {
                let entries = list.iter().map(|entry| self.resolve(entry));
                entries.filter(|entry| !is_nothing(entry)).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    /// Whether a condition holds; all of ours compare two values.
    fn holds(&self, condition: &Value) -> bool {
        let condition = &self.text["Conditions"][condition.as_str().unwrap()]["Fn::Equals"];
        plain(&self.resolve(&condition[0])) == plain(&self.resolve(&condition[1]))
    }

    pub(super) fn of_type(&self, kind: &str) -> Vec<String> {
        let resources = self.text["Resources"].as_object().unwrap().iter();
        let named = resources.filter(|(_, resource)| resource["Type"] == kind);
        named.map(|(name, _)| name.clone()).collect()
    }

    /// Every event source mapping of every function.
    pub(super) fn mappings(&self) -> Vec<Value> {
        let functions = self.of_type("AWS::Serverless::Function").into_iter();
        let events = functions.flat_map(|function| {
            let events = self.property(&function, "Events");
            let events = events.as_object().cloned().unwrap_or_default();
            events.into_iter().map(|(_, event)| event)
        });
        let mappings: Vec<_> = events
            .filter(|event| event["Type"] == "SQS")
            .map(|event| event["Properties"].clone())
            .collect();
        assert!(!mappings.is_empty());
        mappings
    }

    /// What the consumer's role allows, by resource.
    pub(super) fn role(&self) -> BTreeMap<String, BTreeSet<String>> {
        let policies = self.property("ConsumerRole", "Policies");
        let policies = policies.as_array().unwrap().iter();
        let statements = policies.flat_map(|policy| {
            let statements = policy["PolicyDocument"]["Statement"].as_array();
            statements.cloned().unwrap()
        });
        let mut allowed = BTreeMap::<_, BTreeSet<_>>::new();
        for statement in statements {
            assert_eq!(statement["Effect"], "Allow");
            let resource = statement["Resource"]["Fn::GetAtt"].as_str();
            let resource = resource.expect("one named resource").to_owned();
            allowed
                .entry(resource)
                .or_default()
                .extend(one_or_many(&statement["Action"]));
        }
        allowed
    }
}

fn is_nothing(value: &Value) -> bool {
    *value == json!({ "Ref": "AWS::NoValue" })
}

/// A scalar as text: parameters are text to CloudFormation.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A number, also where it is written as text.
pub(super) fn number(value: &Value) -> u64 {
    let text = plain(value);
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is no number"))
}

fn one_or_many(value: &Value) -> Vec<String> {
    let many = value.as_array();
    many.map_or_else(
        || vec![plain(value)],
        |many| many.iter().map(plain).collect(),
    )
}
