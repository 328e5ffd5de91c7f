//! What was answered of a stack, in the form in which the rules see a template.

use std::collections::BTreeMap;
use std::path::PathBuf;

use waybill_aws::survey::{self, SurveyedFunction, SurveyedMapping};

use super::super::bundle::{Bundle, QUEUE};
use super::super::resource::Resource;
use super::super::rules::{Checked, Routes, Subject};
use super::super::show::Files;
use super::super::value::{Unknown, Value};
use super::Local;
use super::answers::{Answers, FunctionRead, QueueRead, TableRead, Unread, function_name};

/// What is deployed, as far as it could be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack {
    /// What of it is Waybill's.
    pub(crate) bundle: Bundle,
    /// What could not be read.
    pub(crate) unread: Vec<Unread>,
    /// Why mappings could not be listed.
    pub(crate) mappings_unknown: Vec<Unknown>,
    /// The routes of each function beside the file.
    pub(crate) drift: Vec<Drift>,
}

/// The routes of a function beside the file.
#[derive(Debug, Clone)]
pub(crate) struct Drift {
    /// The function.
    pub(crate) function: String,
    /// Where its routes are.
    pub(crate) place: String,
    /// The first line that differs, where one does; or why they cannot be compared.
    pub(crate) differs: Result<Option<usize>, Unknown>,
}

/// What is to be checked of a stack.
pub(crate) fn checked(answers: Answers, local: Local) -> (Checked, Files) {
    let resources = resources(&answers);
    let unread = answers
        .functions
        .iter()
        .filter(|one| unknown_variables(one));
    let unread: Vec<String> = unread.map(|one| one.id.clone()).collect();
    let ledger = answers.ledger_said.as_ref();
    let ledger = ledger.map(|name| format!("dynamodb:{name}"));
    let source = answers.queues.first().map(|queue| queue.id.as_str());
    let bundle = Bundle::deployed(resources, unread, source, ledger);
    let drift = drift(&answers, &local);
    let mut place = local.path;
    let read = answers.routes.iter().find_map(|routes| {
        let text = routes.text.as_ref().ok()?;
        Some((text.clone(), PathBuf::from(&routes.place)))
    });
    let routes = match read {
        Some((text, from)) => {
            place = from;
            Routes::Said(text)
        }
        None => local.routes,
    };
    let stack = Stack {
        bundle,
        unread: answers.unread,
        mappings_unknown: answers.mappings_unknown,
        drift,
    };
    let checked = Checked {
        subject: Subject::Stack(Box::new(stack)),
        routes,
        manifest: None,
    };
    let files = Files {
        template: PathBuf::new(),
        routes: place,
        manifest: PathBuf::new(),
    };
    (checked, files)
}

/// Whether what a function is told could not be read.
fn unknown_variables(function: &FunctionRead) -> bool {
    match &function.read {
        Ok(read) => read.variables.is_err(),
        Err(_) => true,
    }
}

/// The deployed routes beside the file's.
fn drift(answers: &Answers, local: &Local) -> Vec<Drift> {
    let file = match &local.routes {
        Routes::Said(text) | Routes::Beside(text) => Ok(text),
        Routes::Missing => Err(Unknown::new(
            "there is no routes file to compare with; give --routes",
        )),
        Routes::None => return Vec::new(),
    };
    let each = answers.routes.iter().map(|routes| Drift {
        function: routes.function.clone(),
        place: routes.place.clone(),
        differs: match (&file, &routes.text) {
            (Ok(file), Ok(text)) => Ok(first_difference(file, text)),
            (_, Err(reason)) | (Err(reason), _) => Err(reason.clone()),
        },
    });
    each.collect()
}

/// The first line that differs; white space at the end does not count.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    let (one, other) = (one.trim_end(), other.trim_end());
    let (mut ones, mut others) = (one.lines(), other.lines());
    for number in 1.. {
        match (ones.next(), others.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (_, _) => return Some(number),
        }
    }
    None
}

/// What is there, by the names that it has here.
fn resources(answers: &Answers) -> BTreeMap<String, Resource> {
    let mut all = BTreeMap::new();
    let mut add = |id: &str, kind: &str, deployed: &str, properties: Value| {
        let policy = Unknown::new("what becomes of a table with its stack stands in the template");
        let resource = Resource {
            id: id.to_owned(),
            deployed: Some(deployed.to_owned()),
            kind: kind.to_owned(),
            properties,
            policies: [Value::Unknown(policy.clone()), Value::Unknown(policy)],
        };
        all.insert(id.to_owned(), resource);
    };
    for queue in &answers.queues {
        let properties = queue_properties(queue, answers);
        add(&queue.id, QUEUE, &queue.url, properties);
    }
    for function in &answers.functions {
        let properties = function_properties(function, answers);
        let kind = "AWS::Lambda::Function";
        add(&function.id, kind, &function.name, properties);
    }
    for table in &answers.tables {
        let properties = table_properties(table);
        add(&table.id, "AWS::DynamoDB::Table", &table.name, properties);
    }
    for (queue, mapping) in &answers.mappings {
        let id = format!("mapping:{}", mapping.id);
        let properties = mapping_properties(queue, mapping);
        let kind = "AWS::Lambda::EventSourceMapping";
        add(&id, kind, &mapping.id, properties);
    }
    all
}

/// Properties of which those that are not written are left out.
fn properties<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entries = entries.into_iter();
    let entries = entries.filter(|(_, value)| !value.is_absent());
    Value::Map(
        entries
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// A text.
fn text(text: impl ToString) -> Value {
    Value::Text(text.to_string())
}

/// A text, where there is one.
fn maybe(said: Option<impl ToString>) -> Value {
    said.map_or(Value::Absent, text)
}

/// What was answered, or why not.
fn known<T>(answer: &Result<T, Unknown>, value: impl FnOnce(&T) -> Value) -> Value {
    match answer {
        Ok(answer) => value(answer),
        Err(reason) => Value::Unknown(reason.clone()),
    }
}

/// The resource of an id.
fn resource(id: &str, attribute: Option<&str>) -> Value {
    Value::Resource {
        id: id.to_owned(),
        attribute: attribute.map(str::to_owned),
    }
}

/// A queue's attributes are its properties.
fn queue_properties(queue: &QueueRead, answers: &Answers) -> Value {
    known(&queue.attributes, |attributes| {
        let mut all = BTreeMap::from([("QueueName".to_owned(), text(&queue.name))]);
        for (name, said) in attributes {
            let value = match name.as_str() {
                "RedrivePolicy" | "RedriveAllowPolicy" => written_out(said, answers),
                _ => text(said),
            };
            all.insert(name.clone(), value);
        }
        Value::Map(all)
    })
}

/// A policy of a queue, which is JSON; the ARNs of queues that are known refer to them.
fn written_out(said: &str, answers: &Answers) -> Value {
    match serde_json::from_str::<serde_json::Value>(said) {
        Ok(json) => of_json(&json, answers),
        Err(_) if said.is_empty() => Value::Absent,
        Err(error) => Value::Unknown(Unknown::new(format!("a policy is no JSON: {error}"))),
    }
}

/// A value of JSON as one of a template.
fn of_json(json: &serde_json::Value, answers: &Answers) -> Value {
    match json {
        serde_json::Value::Null => Value::Absent,
        serde_json::Value::Bool(said) => text(said),
        serde_json::Value::Number(said) => text(said),
        serde_json::Value::String(said) => {
            let mut queues = answers.queues.iter();
            let named = queues.find(|queue| queue.arn.as_ref() == Some(said));
            named.map_or_else(|| text(said), |queue| resource(&queue.id, Some("Arn")))
        }
        serde_json::Value::Array(list) => {
            Value::List(list.iter().map(|one| of_json(one, answers)).collect())
        }
        serde_json::Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, one)| (name.clone(), of_json(one, answers)));
            Value::Map(members.collect())
        }
    }
}

/// A function's settings.
fn function_properties(function: &FunctionRead, answers: &Answers) -> Value {
    let reserved = known(&function.reserved, |reserved| maybe(*reserved));
    let roles = Unknown::new("what roles allow is not read of a stack");
    let read = &function.read;
    properties([
        ("FunctionName", text(&function.name)),
        ("Timeout", known(read, |read| maybe(read.timeout))),
        ("ReservedConcurrentExecutions", reserved),
        (
            "Environment",
            known(read, |read| environment(read, answers)),
        ),
        ("Policies", Value::Unknown(roles)),
    ])
}

/// What a function is told; what names a queue or a table that is known refers to it.
fn environment(function: &SurveyedFunction, answers: &Answers) -> Value {
    let variables = match &function.variables {
        Ok(variables) => variables,
        Err(why) => {
            let name = &function.name;
            let reason = format!("the variables of `lambda:{name}` cannot be decrypted: {why}");
            return properties([("Variables", Value::Unknown(Unknown::new(reason)))]);
        }
    };
    let referred = |name: &str, said: &str| match name {
        "WAYBILL_QUEUE_URL" | "WAYBILL_DLQ_URL" => {
            let mut queues = answers.queues.iter();
            let named = queues.find(|queue| survey::is_same_queue(&queue.url, said));
            named.map(|queue| resource(&queue.id, None))
        }
        "WAYBILL_LEDGER_TABLE" => {
            let mut tables = answers.tables.iter();
            let named = tables.find(|table| table.name == said);
            named.map(|table| resource(&table.id, None))
        }
        _ => None,
    };
    let all = variables.iter().map(|(name, said)| {
        let value = referred(name, said).unwrap_or_else(|| text(said));
        (name.clone(), value)
    });
    properties([("Variables", Value::Map(all.collect()))])
}

/// A mapping's settings.
fn mapping_properties(queue: &str, mapping: &SurveyedMapping) -> Value {
    let function = format!("lambda:{}", function_name(&mapping.function_arn));
    let types = mapping.response_types.iter().map(text).collect();
    let scaling = properties([("MaximumConcurrency", maybe(mapping.maximum_concurrency))]);
    let pollers = properties([("MaximumPollers", maybe(mapping.maximum_pollers))]);
    let when = |there: bool, value: Value| if there { value } else { Value::Absent };
    properties([
        ("EventSourceArn", resource(queue, Some("Arn"))),
        ("FunctionName", resource(&function, None)),
        ("Enabled", text(mapping.enabled)),
        ("BatchSize", maybe(mapping.batch_size)),
        (
            "MaximumBatchingWindowInSeconds",
            maybe(mapping.window_seconds),
        ),
        ("FunctionResponseTypes", Value::List(types)),
        ("ScalingConfig", scaling),
        (
            "ProvisionedPollerConfig",
            when(mapping.provisioned, pollers),
        ),
        ("FilterCriteria", when(mapping.filters, text("there"))),
    ])
}

/// A table's settings.
fn table_properties(table: &TableRead) -> Value {
    let read = &table.read;
    let pairs = |of: &[(String, String)], name: &str, kind: &str| {
        let each = of.iter();
        let each = each.map(|(a, b)| properties([(name, text(a)), (kind, text(b))]));
        Value::List(each.collect())
    };
    let expiry = known(&table.expiry, |by| match by {
        Some(by) => properties([("AttributeName", text(by)), ("Enabled", text(true))]),
        None => properties([("Enabled", text(false))]),
    });
    let recovery = known(&table.recovery, |on| {
        properties([("PointInTimeRecoveryEnabled", text(on))])
    });
    properties([
        (
            "KeySchema",
            known(read, |read| pairs(&read.keys, "AttributeName", "KeyType")),
        ),
        (
            "AttributeDefinitions",
            known(read, |read| {
                pairs(&read.attributes, "AttributeName", "AttributeType")
            }),
        ),
        (
            "BillingMode",
            known(read, |read| match read.on_demand {
                true => text("PAY_PER_REQUEST"),
                false => text("PROVISIONED"),
            }),
        ),
        (
            "WarmThroughput",
            known(read, |read| {
                properties([("WriteUnitsPerSecond", maybe(read.warm_writes))])
            }),
        ),
        (
            "Replicas",
            known(read, |read| {
                Value::List(read.regions.iter().map(text).collect())
            }),
        ),
        (
            "MultiRegionConsistency",
            known(read, |read| maybe(read.consistency.as_ref())),
        ),
        (
            "DeletionProtectionEnabled",
            known(read, |read| text(read.protected)),
        ),
        ("TimeToLiveSpecification", expiry),
        ("PointInTimeRecoverySpecification", recovery),
    ])
}

#[cfg(test)]
mod tests;
