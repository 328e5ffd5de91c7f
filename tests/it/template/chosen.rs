//! `template.yaml` as CloudFormation would see it, for chosen parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::yaml;

/// The template with some parameters chosen, the rest at their defaults.
pub(crate) struct Template {
    /// The whole of it, as it stands.
    pub(crate) text: Value,
    /// Every parameter, with what was chosen.
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Template {
    pub(crate) fn new() -> Self {
        // Read once: a test asks for many.
        static TEXT: LazyLock<Value> = LazyLock::new(|| yaml::read("template.yaml"));
        let text = TEXT.clone();
        let declared = text["Parameters"].as_object().unwrap().iter();
        let parameters = declared
            .map(|(name, declared)| (name.clone(), plain(&declared["Default"])))
            .collect();
        Self { text, parameters }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let known = self.parameters.insert(name.to_owned(), value.to_owned());
        assert!(known.is_some(), "no parameter {name}");
        self
    }

    /// One template for each allowed value of a parameter, with the value.
    pub(crate) fn each(name: &str) -> impl Iterator<Item = (String, Self)> {
        let allowed = Self::new().text["Parameters"][name]["AllowedValues"].clone();
        let allowed = allowed.as_array().cloned().unwrap();
        allowed.into_iter().map(move |value| {
            let value = plain(&value);
            (value.clone(), Self::new().with(name, &value))
        })
    }

    /// Every mode with every kind of queue, the latter with what it needs.
    pub(crate) fn every_kind() -> impl Iterator<Item = (String, Self)> {
        let modes = || Self::each("Mode").map(|(mode, _)| mode);
        let standard = modes().map(|mode| {
            let template = Self::new().with("Mode", &mode);
            (format!("{mode}, standard"), template)
        });
        let fifo = modes().map(|mode| {
            let template = Self::new().with("Mode", &mode).fifo();
            (format!("{mode}, fifo"), template)
        });
        standard.chain(fifo)
    }

    /// With FIFO queues, and what the rules want with them.
    pub(crate) fn fifo(self) -> Self {
        self.with("QueueType", "fifo")
            .with("DeadLetterMode", "send")
            .with("MaxReceiveCount", "100")
    }

    /// Whether what is written in a section (`Resources`, `Outputs`) is made.
    pub(crate) fn is_made(&self, section: &str, name: &str) -> bool {
        let written = &self.text[section][name];
        assert!(written.is_object(), "nothing is called {name}");
        let condition = &written["Condition"];
        condition.is_null() || self.holds(condition)
    }

    /// The names of what is made of a section.
    pub(crate) fn made(&self, section: &str) -> BTreeSet<String> {
        let names = self.text[section].as_object().unwrap().keys();
        names
            .filter(|name| self.is_made(section, name))
            .cloned()
            .collect()
    }

    /// Everything that is made of a section, resolved.
    pub(crate) fn resolved(&self, section: &str) -> Vec<Value> {
        let made = self.made(section).into_iter();
        made.map(|name| self.resolve(&self.text[section][name]))
            .collect()
    }

    /// A resource's property, with parameters, mappings and conditions resolved; null
    /// where it is left out. Names of resources stay.
    pub(crate) fn property(&self, resource: &str, property: &str) -> Value {
        assert!(
            self.is_made("Resources", resource),
            "{resource} is left out"
        );
        let value = self.resolve(&self.text["Resources"][resource]["Properties"][property]);
        if is_nothing(&value) {
            Value::Null
        } else {
            value
        }
    }

    /// A function's environment.
    pub(crate) fn variables(&self, function: &str) -> Value {
        self.property(function, "Environment")["Variables"].clone()
    }

    pub(crate) fn resolve(&self, value: &Value) -> Value {
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
                Some((name, of)) if name == "Fn::Sub" => self.substitute(of),
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

    /// A `Fn::Sub` with its own names put in; those of parameters and resources stay.
    fn substitute(&self, of: &Value) -> Value {
        let mut text = of.as_str().or(of[0].as_str()).expect("a text").to_owned();
        for (name, value) in of[1].as_object().into_iter().flatten() {
            let value = self.resolve(value);
            let value = value.as_str().or(value["Fn::Sub"].as_str());
            text = text.replace(&format!("${{{name}}}"), value.expect("a text"));
        }
        json!({ "Fn::Sub": text })
    }

    /// Whether a named condition holds.
    fn holds(&self, condition: &Value) -> bool {
        self.is_true(&self.text["Conditions"][condition.as_str().unwrap()])
    }

    /// Whether an expression is true: all of ours compare two values, deny that, or ask for several.
    fn is_true(&self, expression: &Value) -> bool {
        let denied = &expression["Fn::Not"][0];
        if denied.is_object() {
            return !self.is_true(denied);
        }
        if let Some(all) = expression["Fn::And"].as_array() {
            return all.iter().all(|one| self.is_true(one));
        }
        let equal = &expression["Fn::Equals"];
        assert!(equal.is_array(), "{expression}");
        plain(&self.resolve(&equal[0])) == plain(&self.resolve(&equal[1]))
    }

    /// The assertions that refuse these parameters, by what they say.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let rules = self.text["Rules"].as_object().unwrap().values();
        let asked = rules.filter(|rule| self.is_true(&rule["RuleCondition"]));
        let assertions = asked.flat_map(|rule| rule["Assertions"].as_array().unwrap());
        assertions
            .filter(|assertion| !self.is_true(&assertion["Assert"]))
            .map(|assertion| plain(&assertion["AssertDescription"]))
            .collect()
    }

    /// The names of the resources of a type that are made.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<String> {
        let made = self.made("Resources").into_iter();
        made.filter(|name| self.text["Resources"][name]["Type"] == kind)
            .collect()
    }

    /// Every event source mapping of every function.
    pub(crate) fn mappings(&self) -> Vec<Value> {
        let mappings = self.of_type("AWS::Lambda::EventSourceMapping").into_iter();
        let mappings: Vec<_> = mappings
            .map(|mapping| self.resolve(&self.text["Resources"][mapping]["Properties"]))
            .collect();
        assert!(!mappings.is_empty());
        mappings
    }

    /// What a role allows, by resource.
    pub(crate) fn role(&self, role: &str) -> BTreeMap<String, BTreeSet<String>> {
        let policies = self.property(role, "Policies");
        let policies = policies.as_array().unwrap().iter();
        let statements = policies.flat_map(|policy| {
            let statements = policy["PolicyDocument"]["Statement"].as_array();
            statements.cloned().unwrap()
        });
        let mut allowed = BTreeMap::<_, BTreeSet<_>>::new();
        for statement in statements {
            assert_eq!(statement["Effect"], "Allow");
            let resource = &statement["Resource"];
            let named = resource["Fn::GetAtt"].as_str();
            let named = named.or(resource["Fn::Sub"].as_str());
            let actions: BTreeSet<_> = one_or_many(&statement["Action"]).into_iter().collect();
            // X-Ray has no resources to name, and a network interface none before it is made.
            let nameless =
                |action: &String| ["xray:", "ec2:"].iter().any(|of| action.starts_with(of));
            let any = resource.as_str().filter(|any| *any == "*");
            let any = any.filter(|_| actions.iter().all(nameless));
            let given = resource.as_str().filter(|arn| arn.starts_with("arn:"));
            let resource = named
                .or(any)
                .or(given)
                .expect("one named resource")
                .to_owned();
            allowed.entry(resource).or_default().extend(actions);
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
pub(crate) fn number(value: &Value) -> u64 {
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

/// The names that a resolved value refers to: resources, and pseudo parameters (`AWS::…`).
pub(crate) fn references(value: &Value) -> BTreeSet<String> {
    let first = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    match value {
        Value::Object(map) => match map.iter().next() {
            Some((name, of)) if name == "Ref" || name == "Fn::GetAtt" => [first(&plain(of))].into(),
            Some((name, of)) if name == "Fn::Sub" => {
                let text = plain(of);
                let names = text.split("${").skip(1).map(|after| {
                    let (name, _) = after.split_once('}').expect("its end");
                    first(name)
                });
                names.collect()
            }
            Some(_) | None => map.values().flat_map(references).collect(),
        },
        Value::Array(list) => list.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}
