//! What the functions would read when they start: their variables and the routes file.
//!
//! What is known only when it is deployed, as the URL of a queue of the template, is stood in for
//! by a value of the same form, so that the rest can be read as the functions would read it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use waybill_aws::survey::is_same_queue;
use waybill_core::routes::{RoutesError, RoutesFile};
use waybill_engine::env::EnvSource;

use super::bundle::{Bundle, FUNCTIONS, QUEUE};
use super::resource::Resource;
use super::rules::Routes;
use super::value::{Unknown, Value};

/// The routes, as far as they could be read.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Read.
    Read(Box<RoutesFile>),
    /// Wrong: each fault, and the variables in it that are known only when it is deployed.
    Refused {
        /// What is wrong whatever those variables are.
        faults: Vec<RoutesError>,
        /// The variables.
        open: BTreeSet<String>,
    },
    /// Not read.
    Unread(Unknown),
}

/// The text of the routes file that goes with the template.
pub(crate) fn text(routes: &Routes, bundle: &Bundle) -> Result<String, Unknown> {
    let mut held = bundle.functions().filter_map(|function| {
        let said = function.variable("WAYBILL_ROUTES");
        let said = said.text().ok().flatten()?;
        said.strip_prefix("inline:").map(str::to_owned)
    });
    match routes {
        Routes::Said(text) => Ok(text.clone()),
        Routes::Beside(text) => Ok(held.next().unwrap_or_else(|| text.clone())),
        Routes::Missing => held.next().ok_or_else(|| {
            Unknown::new("there is no file infra/routes/routes.yaml; give --routes")
        }),
        Routes::None => Err(Unknown::new("there are no routes: `--routes none`")),
    }
}

/// Reads the routes as the functions would.
pub(crate) fn routes(routes: &Routes, bundle: &Bundle) -> Told {
    let text = match text(routes, bundle) {
        Ok(text) => text,
        Err(reason) => return Told::Unread(reason),
    };
    let variables = Variables::of(bundle.functions(), bundle);
    let asked = RefCell::new(BTreeSet::new());
    let read = RoutesFile::parse(&text, |name| {
        if variables.open.contains(name) {
            asked.borrow_mut().insert(name.to_owned());
        }
        variables
            .said
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    });
    let open = asked.into_inner();
    match read {
        Ok(file) => Told::Read(Box::new(file)),
        Err(errors) if open.is_empty() => Told::Refused {
            faults: errors.iter().cloned().collect(),
            open,
        },
        // A stand-in may not fit where it stands: only what is wrong without any counts.
        Err(_) => {
            let without = |name: &str| match open.contains(name) {
                true => None,
                false => variables
                    .said
                    .get(name)
                    .filter(|value| !value.is_empty())
                    .cloned(),
            };
            let faults = match RoutesFile::parse(&text, without) {
                Ok(_) => Vec::new(),
                Err(errors) => errors.iter().cloned().collect(),
            };
            let is_open = |fault: &RoutesError| open.iter().any(|n| fault.message.contains(n));
            let faults = faults.into_iter().filter(|fault| !is_open(fault)).collect();
            Told::Refused { faults, open }
        }
    }
}

/// The variables of functions, with stand-ins for what is known only when they are deployed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    /// Their values.
    pub(crate) said: BTreeMap<String, String>,
    /// Those that are stood in for.
    pub(crate) open: BTreeSet<String>,
}

impl Variables {
    /// Those of some functions; of one that several are told, the first function's.
    pub(crate) fn of<'a>(functions: impl Iterator<Item = &'a Resource>, bundle: &Bundle) -> Self {
        let mut variables = Self::default();
        for function in functions {
            let told = function.property("Environment").get("Variables");
            for (name, value) in told.entries() {
                let (value, open) = stood_in(name, value, bundle);
                if open {
                    variables.open.insert(name.clone());
                }
                if let Some(value) = value {
                    variables.said.entry(name.clone()).or_insert(value);
                }
            }
        }
        variables
    }
}

impl EnvSource for Variables {
    fn var(&self, name: &str) -> Option<String> {
        self.said.get(name).cloned()
    }

    fn file(&self, _path: &str) -> io::Result<String> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
}

/// A variable's value, or its stand-in, and whether it is one; none where nothing would fit.
fn stood_in(name: &str, value: &Value, bundle: &Bundle) -> (Option<String>, bool) {
    match value {
        Value::Text(text) => (Some(text.clone()), false),
        Value::Open(text) => (Some(text.clone()), true),
        Value::Resource { id, attribute } => {
            let resource = bundle.resource(id);
            match resource.and_then(|one| one.deployed.clone()) {
                Some(deployed) => (Some(deployed), false),
                None => (Some(of_resource(id, attribute.as_deref(), resource)), true),
            }
        }
        Value::Absent | Value::List(_) | Value::Map(_) => (None, false),
        // A number or a switch that is not known counts as not set; a name is stood in for.
        Value::Unknown(_) => (
            NAMES
                .contains(&name)
                .then(|| "known-when-deployed".to_owned()),
            true,
        ),
    }
}

/// What a reference to a resource looks like once it is deployed.
fn of_resource(id: &str, attribute: Option<&str>, resource: Option<&Resource>) -> String {
    let kind = resource.map_or("", |one| one.kind.as_str());
    let fifo = resource.is_some_and(|one| {
        [one.property("FifoQueue"), one.property("FifoTopic")]
            .iter()
            .any(|said| said.is_true() == Ok(true))
    });
    let name = match fifo {
        true => format!("{id}.fifo"),
        false => id.to_owned(),
    };
    let service = kind.split("::").nth(1).unwrap_or_default().to_lowercase();
    let arn = |rest: &str| format!("arn:aws:{service}:eu-west-1:000000000000:{rest}");
    match (kind, attribute) {
        (_, Some("Arn")) if FUNCTIONS.contains(&kind) => {
            format!("arn:aws:lambda:eu-west-1:000000000000:function:{name}")
        }
        ("AWS::Events::EventBus", Some("Arn")) => arn(&format!("event-bus/{name}")),
        ("AWS::Kinesis::Stream", Some("Arn")) => arn(&format!("stream/{name}")),
        ("AWS::SQS::Queue", None | Some("QueueUrl")) => {
            format!("https://sqs.eu-west-1.amazonaws.com/000000000000/{name}")
        }
        ("AWS::SNS::Topic" | "AWS::SQS::Queue", _) => arn(&name),
        ("AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine", _) => {
            format!("arn:aws:states:eu-west-1:000000000000:stateMachine:{name}")
        }
        (_, Some(attribute)) if attribute.ends_with("Arn") => arn(&name),
        (_, _) => name,
    }
}

/// Whether what a route says of its target names this resource: as a reference to it would come out,
/// or by the name that is written for it.
pub(crate) fn names(said: &str, resource: &Resource) -> bool {
    if let (Some(url), QUEUE) = (&resource.deployed, resource.kind.as_str()) {
        return is_same_queue(url, said);
    }
    let references = [None, Some("Arn"), Some("TopicArn")];
    let mut references = references
        .iter()
        .map(|attribute| of_resource(&resource.id, *attribute, Some(resource)));
    let last = said.rsplit(['/', ':']).next();
    let written = NAMED_BY.iter().map(|name| resource.property(name));
    let mut written = written.filter_map(|name| name.text().ok().flatten());
    references.any(|reference| reference == said) || written.any(|name| Some(name) == last)
}

/// Properties that name a resource.
const NAMED_BY: [&str; 5] = [
    "QueueName",
    "TopicName",
    "FunctionName",
    "StateMachineName",
    "Name",
];

/// Variables that hold a name, of which any will do here.
const NAMES: [&str; 8] = [
    "WAYBILL_CONSUMER",
    "WAYBILL_LEDGER_TABLE",
    "WAYBILL_QUEUE_URL",
    "WAYBILL_DLQ_URL",
    "WAYBILL_ROUTES",
    "WAYBILL_SCHEDULE_GROUP",
    "WAYBILL_SCHEDULE_ROLE_ARN",
    "WAYBILL_SCHEDULE_DLQ_ARN",
];
