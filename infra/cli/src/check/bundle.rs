//! What of a template is Waybill's: its functions, their event source mappings, the queues and the
//! ledger.
//!
//! Nothing is known by its logical id. A function is Waybill's when it is told something by a
//! variable that begins with `WAYBILL_`; the queues and the table are those that its mappings, its
//! variables and the redrive policies name.

use std::collections::BTreeMap;

use super::permission::{self, RECEIVE};
use super::resource::Resource;
use super::template::Template;
use super::tree::Node;
use super::value::{Unknown, Value};

/// An event source mapping of a queue.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    /// Its place in the template, to its properties.
    pub(crate) path: String,
    /// The logical id of the function, where the template has it.
    pub(crate) function: Option<String>,
    /// The queue.
    pub(crate) queue: Value,
    /// Its properties.
    pub(crate) properties: Value,
}

/// What of a template is Waybill's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bundle {
    /// Every resource that is made, by its logical id.
    pub(crate) resources: BTreeMap<String, Resource>,
    /// The functions that are Waybill's, by their logical ids.
    pub(crate) functions: Vec<String>,
    /// The mappings of these functions.
    pub(crate) mappings: Vec<Mapping>,
    /// The mappings of all functions.
    pub(crate) all_mappings: Vec<Mapping>,
    /// The source queues, by their logical ids.
    pub(crate) sources: Vec<String>,
    /// Why source queues that are not in the template cannot be looked at.
    pub(crate) sources_outside: Vec<Unknown>,
    /// A ledger that was named beside what the functions are told, by its logical id.
    pub(crate) ledger: Option<String>,
    /// What could not be decided, and how it was taken: places and sentences.
    pub(crate) doubts: Vec<(String, String)>,
}

impl Bundle {
    /// Finds it.
    pub(crate) fn of(template: &Template) -> Self {
        let mut bundle = Self::default();
        let written = template.root.get("Resources").map(Node::entries);
        for (id, node) in written.unwrap_or_default() {
            match node
                .get("Condition")
                .and_then(Node::text)
                .map(|name| template.holds(name))
            {
                Some(Ok(false)) => continue,
                Some(Err(Unknown(reason))) => {
                    let doubt =
                        format!("whether it is made is not known, because {reason}: taken as made");
                    bundle.doubts.push((format!("Resources.{id}"), doubt));
                }
                Some(Ok(true)) | None => {}
            }
            let resource = Resource::of(template, id, node);
            bundle.resources.insert(id.clone(), resource);
        }
        bundle.find_functions();
        bundle.find_mappings();
        bundle.find_sources();
        bundle
    }

    /// The same of what is deployed. Functions of which it could not be read what they are told
    /// are taken for Waybill's; the source queue is the one that was named, whatever functions are
    /// told, and a ledger may be named too.
    pub(crate) fn deployed(
        resources: BTreeMap<String, Resource>,
        unread: Vec<String>,
        source: Option<&str>,
        ledger: Option<String>,
    ) -> Self {
        let mut bundle = Self {
            resources,
            ledger,
            ..Self::default()
        };
        bundle.find_functions();
        for id in unread {
            if !bundle.functions.contains(&id) {
                bundle.functions.push(id);
            }
        }
        bundle.find_mappings();
        bundle.find_sources();
        let source = source.filter(|id| !bundle.sources.iter().any(|known| known == id));
        bundle.sources.extend(source.map(str::to_owned));
        bundle
    }

    /// A resource by its logical id, where it is made.
    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.get(id)
    }

    /// The resources of one of these types.
    pub(crate) fn of_kind(&self, kinds: &[&str]) -> impl Iterator<Item = &Resource> {
        let all = self.resources.values();
        all.filter(move |resource| kinds.contains(&resource.kind.as_str()))
    }

    /// The resource that a value refers to.
    pub(crate) fn referred(&self, value: &Value) -> Option<&Resource> {
        value.resource().and_then(|id| self.resource(id))
    }

    /// The functions that are Waybill's.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Resource> {
        self.functions.iter().filter_map(|id| self.resource(id))
    }

    /// The source queues.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Resource> {
        self.sources.iter().filter_map(|id| self.resource(id))
    }

    /// The functions that work off a queue without a mapping: pollers.
    pub(crate) fn pollers(&self) -> impl Iterator<Item = &Resource> {
        let mapped = |id: &str| {
            self.mappings
                .iter()
                .any(|one| one.function.as_deref() == Some(id))
        };
        self.functions().filter(move |function| {
            let polls = !function.variable("WAYBILL_QUEUE_URL").is_absent();
            polls && !mapped(&function.id) && !self.redrives(function)
        })
    }

    /// The functions that work off this queue.
    pub(crate) fn workers<'a>(&'a self, queue: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.functions().filter(move |function| {
            let told = function.variable("WAYBILL_QUEUE_URL").resource() == Some(queue);
            let mapped = self.mappings.iter().any(|mapping| {
                mapping.function.as_ref() == Some(&function.id)
                    && mapping.queue.resource() == Some(queue)
            });
            mapped || (told && !self.redrives(function))
        })
    }

    /// Whether a function brings dead letters back: it is told of both queues, and its policies,
    /// which are written out, do not let it receive from the source queue.
    pub(crate) fn redrives(&self, function: &Resource) -> bool {
        let told = |name| self.referred(function.variable(name));
        let (Some(source), Some(_)) = (told("WAYBILL_QUEUE_URL"), told("WAYBILL_DLQ_URL")) else {
            return false;
        };
        let role = self.referred(function.property("Role"));
        role.is_some() && permission::may(self, function, &source.id, RECEIVE) == Ok(false)
    }

    /// The dead-letter queue of a source queue, by its redrive policy, or else by what the
    /// functions are told.
    pub(crate) fn dead_letters_of(&self, source: &Resource) -> Option<&Resource> {
        let policy = source.property("RedrivePolicy").get("deadLetterTargetArn");
        let told = || {
            let mut workers = self.workers(&source.id);
            workers.find_map(|one| self.referred(one.variable("WAYBILL_DLQ_URL")))
        };
        self.referred(policy).or_else(told)
    }

    /// The ledger's tables.
    pub(crate) fn ledgers(&self) -> Vec<&Resource> {
        let mut tables: Vec<&Resource> = Vec::new();
        for function in self.functions() {
            if let Some(table) = self.referred(function.variable("WAYBILL_LEDGER_TABLE"))
                && !tables.iter().any(|known| known.id == table.id)
            {
                tables.push(table);
            }
        }
        let named = self.ledger.as_ref().and_then(|id| self.resource(id));
        let named = named.filter(|named| !tables.iter().any(|known| known.id == named.id));
        tables.extend(named);
        tables
    }

    /// Which functions are Waybill's.
    fn find_functions(&mut self) {
        let mut functions = Vec::new();
        let mut doubts = Vec::new();
        for function in self.of_kind(&FUNCTIONS) {
            let variables = function.property("Environment").get("Variables");
            if variables
                .entries()
                .any(|(name, _)| name.starts_with("WAYBILL_"))
            {
                functions.push(function.id.clone());
            }
            for (name, value) in [
                ("Environment.Variables", variables),
                ("Events", function.property("Events")),
            ] {
                if let Value::Unknown(Unknown(reason)) = value {
                    let doubt = format!("what it says is not known, because {reason}: left out");
                    doubts.push((function.path_of(name), doubt));
                }
            }
        }
        self.functions = functions;
        self.doubts.extend(doubts);
    }

    /// The event source mappings of queues, written within functions and beside them.
    fn find_mappings(&mut self) {
        let mut found = Vec::new();
        for function in self.of_kind(&["AWS::Serverless::Function"]) {
            for (name, event) in function.property("Events").entries() {
                if event.get("Type").text() == Ok(Some("SQS")) {
                    let properties = event.get("Properties").clone();
                    found.push(Mapping {
                        path: format!("{}.Events.{name}.Properties", function.path()),
                        function: Some(function.id.clone()),
                        queue: properties.get("Queue").clone(),
                        properties,
                    });
                }
            }
        }
        for mapping in self.of_kind(&["AWS::Lambda::EventSourceMapping"]) {
            let queue = mapping.property("EventSourceArn");
            let kind = self.referred(queue).map(|one| one.kind.as_str());
            let named =
                matches!(queue, Value::Text(arn) | Value::Open(arn) if arn.contains(":sqs:"));
            if kind == Some(QUEUE) || named {
                found.push(Mapping {
                    path: mapping.path(),
                    function: self.function_of(mapping.property("FunctionName")),
                    queue: queue.clone(),
                    properties: mapping.properties.clone(),
                });
            }
        }
        let ours = found.iter().filter(|mapping| {
            let function = mapping.function.as_ref();
            function.is_some_and(|function| self.functions.contains(function))
        });
        self.mappings = ours.cloned().collect();
        self.all_mappings = found;
    }

    /// The function that a mapping names, itself or by an alias or a version of it.
    fn function_of(&self, named: &Value) -> Option<String> {
        let id = function_named(named)?;
        match self.resource(&id) {
            Some(one) if ALIASES.contains(&one.kind.as_str()) => {
                function_named(one.property("FunctionName"))
            }
            Some(_) | None => Some(id),
        }
    }

    /// The queues that Waybill works off.
    fn find_sources(&mut self) {
        let mapped = self.mappings.iter().map(|mapping| &mapping.queue);
        let told = self
            .functions()
            .map(|one| one.variable("WAYBILL_QUEUE_URL"));
        let mut sources = Vec::new();
        let mut outside = Vec::new();
        for queue in mapped.chain(told).filter(|queue| !queue.is_absent()) {
            match self.referred(queue).filter(|queue| queue.kind == QUEUE) {
                Some(queue) if sources.contains(&queue.id) => {}
                Some(queue) => sources.push(queue.id.clone()),
                None => outside.push(queue.outside("queue")),
            }
        }
        self.sources = sources;
        self.sources_outside = outside;
    }
}

/// The logical id of a function that is named by `Ref`, by an attribute, or with an alias after it.
fn function_named(value: &Value) -> Option<String> {
    let named = |text: &str| {
        let (_, after) = text.split_once("${")?;
        let (name, _) = after.split_once(['.', '}'])?;
        Some(name.to_owned())
    };
    match value {
        Value::Open(text) => named(text),
        Value::Resource { id, .. } => Some(id.clone()),
        Value::Absent | Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Unknown(_) => None,
    }
}

/// Types of functions.
pub(crate) const FUNCTIONS: [&str; 2] = ["AWS::Serverless::Function", "AWS::Lambda::Function"];

/// Types of what stands for a function.
const ALIASES: [&str; 2] = ["AWS::Lambda::Alias", "AWS::Lambda::Version"];

/// The type of queues.
pub(crate) const QUEUE: &str = "AWS::SQS::Queue";
