//! What was answered of a stack.

use std::collections::BTreeMap;

use waybill_aws::survey::{Refused, SurveyedFunction, SurveyedMapping, SurveyedTable};

use super::super::value::Unknown;

/// A queue's attributes, by their names.
pub(crate) type Attributes = BTreeMap<String, String>;

/// What was answered of a stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// The queues, the source queue first.
    pub(crate) queues: Vec<QueueRead>,
    /// The mappings of these, each with its queue.
    pub(crate) mappings: Vec<(String, SurveyedMapping)>,
    /// Why mappings could not be listed.
    pub(crate) mappings_unknown: Vec<Unknown>,
    /// The functions of the source queue's mappings, and the pollers.
    pub(crate) functions: Vec<FunctionRead>,
    /// The tables that these are told of.
    pub(crate) tables: Vec<TableRead>,
    /// The ledger that was said.
    pub(crate) ledger_said: Option<String>,
    /// The routes of each function.
    pub(crate) routes: Vec<RoutesRead>,
    /// What could not be read.
    pub(crate) unread: Vec<Unread>,
}

/// A queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueRead {
    /// What it is called here.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: String,
    /// Its ARN, where it is known.
    pub(crate) arn: Option<String>,
    /// Its attributes.
    pub(crate) attributes: Result<Attributes, Unknown>,
}

/// A function.
#[derive(Debug, Clone)]
pub(crate) struct FunctionRead {
    /// What it is called here.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// Its settings.
    pub(crate) read: Result<SurveyedFunction, Unknown>,
    /// How much concurrency is reserved for it.
    pub(crate) reserved: Result<Option<i32>, Unknown>,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct TableRead {
    /// What it is called here.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// Its settings.
    pub(crate) read: Result<SurveyedTable, Unknown>,
    /// By which attribute its rows end.
    pub(crate) expiry: Result<Option<String>, Unknown>,
    /// Whether it can be brought back.
    pub(crate) recovery: Result<bool, Unknown>,
}

/// The routes of a function.
#[derive(Debug, Clone)]
pub(crate) struct RoutesRead {
    /// The function.
    pub(crate) function: String,
    /// Where they are.
    pub(crate) place: String,
    /// Their text.
    pub(crate) text: Result<String, Unknown>,
}

/// What could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    /// Of what.
    pub(crate) of: String,
    /// Why.
    pub(crate) refused: Refused,
}

impl Answers {
    /// What functions are told by a variable, each value once.
    pub(crate) fn told(&self, name: &str) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for (_, value) in self.told_by(name) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    /// What functions are told by a variable, each with its function.
    pub(crate) fn told_by(&self, name: &str) -> Vec<(String, String)> {
        let functions = self.functions.iter();
        let told = functions.filter_map(|function| {
            let variables = function.read.as_ref().ok()?.variables.as_ref().ok()?;
            let value = variables.get(name).filter(|value| !value.is_empty())?;
            Some((function.id.clone(), value.clone()))
        });
        told.collect()
    }

    /// The dead-letter queue that the source queue's redrive policy names.
    pub(crate) fn dead_letter_arn(&self) -> Option<String> {
        let attributes = self.queues.first()?.attributes.as_ref().ok()?;
        let policy = attributes.get("RedrivePolicy")?;
        let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
        let arn = policy.get("deadLetterTargetArn")?.as_str()?;
        Some(arn.to_owned())
    }
}

/// What a function is called, by its name or its ARN.
pub(crate) fn function_name(function: &str) -> &str {
    match function.strip_prefix("arn:") {
        Some(rest) => rest.split(':').nth(5).unwrap_or(function),
        None => function.split(':').next().unwrap_or(function),
    }
}
