//! A resource of the template that is made, with its properties evaluated.

use waybill_core::price::QueueKind;

use super::template::Template;
use super::tree::Node;
use super::value::{Unknown, Value};

/// A resource that is made, or was.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// Its logical id; of a deployed stack its service and its name.
    pub(crate) id: String,
    /// What it is called where it is deployed: a queue's URL, else its name. None of a template,
    /// where that is not known yet.
    pub(crate) deployed: Option<String>,
    /// Its type.
    pub(crate) kind: String,
    /// Its properties, those of `Globals` among them.
    pub(crate) properties: Value,
    /// `DeletionPolicy` and `UpdateReplacePolicy`.
    pub(crate) policies: [Value; 2],
}

impl Resource {
    /// A resource with its properties evaluated.
    pub(crate) fn of(template: &Template, id: &str, node: &Node) -> Self {
        let kind = node.get("Type").and_then(Node::text).unwrap_or_default();
        let of = |node: Option<&Node>| node.map_or(Value::Absent, |node| template.evaluate(node));
        let mut properties = of(node.get("Properties"));
        if kind == "AWS::Serverless::Function" {
            let globals = template
                .root
                .get("Globals")
                .and_then(|all| all.get("Function"));
            properties = over(of(globals), properties);
        }
        Self {
            id: id.to_owned(),
            deployed: None,
            kind: kind.to_owned(),
            properties,
            policies: ["DeletionPolicy", "UpdateReplacePolicy"].map(|name| of(node.get(name))),
        }
    }

    /// The place of its properties.
    pub(crate) fn path(&self) -> String {
        match self.deployed {
            Some(_) => self.id.clone(),
            None => format!("Resources.{}.Properties", self.id),
        }
    }

    /// The place of one of its properties.
    pub(crate) fn path_of(&self, property: &str) -> String {
        format!("{}.{property}", self.path())
    }

    /// One of its properties.
    pub(crate) fn property(&self, name: &str) -> &Value {
        self.properties.get(name)
    }

    /// What a function is told by a variable; an empty one counts as not set.
    pub(crate) fn variable(&self, name: &str) -> &Value {
        const ABSENT: &Value = &Value::Absent;
        let value = self.property("Environment").get("Variables").get(name);
        match value {
            Value::Text(text) if text.is_empty() => ABSENT,
            Value::Text(_)
            | Value::Absent
            | Value::Open(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Resource { .. }
            | Value::Unknown(_) => value,
        }
    }

    /// The place of a variable.
    pub(crate) fn path_of_variable(&self, name: &str) -> String {
        self.path_of(&format!("Environment.Variables.{name}"))
    }

    /// Whether a queue is a FIFO queue.
    pub(crate) fn is_fifo(&self) -> Result<bool, Unknown> {
        self.property("FifoQueue").is_true()
    }

    /// Which kind a queue is of.
    pub(crate) fn queue_kind(&self) -> Result<QueueKind, Unknown> {
        Ok(match self.is_fifo()? {
            true => QueueKind::Fifo,
            false => QueueKind::Standard,
        })
    }

    /// For how long a queue hides a message.
    pub(crate) fn visibility_seconds(&self) -> Result<u64, Unknown> {
        let said = self.property("VisibilityTimeout").number()?;
        Ok(said.unwrap_or(VISIBILITY_DEFAULT))
    }

    /// How long a function may take.
    pub(crate) fn timeout_seconds(&self) -> Result<u64, Unknown> {
        let said = self.property("Timeout").number()?;
        Ok(said.unwrap_or(TIMEOUT_DEFAULT))
    }

    /// How long a queue keeps a message.
    pub(crate) fn retention_seconds(&self) -> Result<u64, Unknown> {
        let said = self.property("MessageRetentionPeriod").number()?;
        Ok(said.unwrap_or(RETENTION_DEFAULT))
    }
}

/// One mapping laid over another, as SAM lays a function over `Globals`.
fn over(below: Value, above: Value) -> Value {
    match (below, above) {
        (below, Value::Absent) => below,
        (Value::Map(mut below), Value::Map(above)) => {
            for (name, value) in above {
                let under = below.remove(&name).unwrap_or(Value::Absent);
                below.insert(name, over(under, value));
            }
            Value::Map(below)
        }
        (_, above) => above,
    }
}

/// How long a queue keeps a message that does not say it, in seconds: four days.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const RETENTION_DEFAULT: u64 = 4 * 86_400;

/// For how long a queue that does not say it hides a message, in seconds.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const VISIBILITY_DEFAULT: u64 = 30;

/// How long a function that does not say it may take, in seconds.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
const TIMEOUT_DEFAULT: u64 = 3;
