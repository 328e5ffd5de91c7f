//! The bundle, deployed: its stack, its queues, its ledger, its logs.
//!
//! It is deployed as it would be on AWS, through CloudFormation from `template.yaml`, in which only
//! the places of code and layers are rewritten.

mod invocation;
mod ledger;
mod options;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{TimeToLiveSpecification, TimeToLiveStatus};
use reqwest::Method;
use serde_json::{Value, json};

pub use invocation::Invocation;
pub use ledger::{LedgerRow, LedgerTable};
pub use options::{DeployOptions, Mode, QueueType};
pub use queue::{GroupedMessage, Queue, QueueDepth};

use crate::api::{Api, element, elements, percent_encode, unescape};
use crate::error::LocalError;
use crate::functions::{BuiltFunctions, zip_files};
use crate::template::{self, Property};
use crate::workspace::Workspace;

/// How long the stack may take to come or to go.
const STACK_LIMIT: Duration = Duration::from_secs(300);

/// What the template is called in the bucket.
const TEMPLATE_KEY: &str = "template.yaml";

/// A deployed bundle.
#[derive(Debug)]
pub struct Bundle {
    api: Api,
    stack: String,
    bucket: String,
    keys: Vec<String>,
    outputs: BTreeMap<String, String>,
    source: Queue,
    dead_letters: Queue,
    ledger: LedgerTable,
}

impl Bundle {
    /// Deploys to the stand-in at an endpoint and waits until all of it is there.
    pub async fn deploy(
        endpoint: &str,
        workspace: &Workspace,
        functions: &BuiltFunctions,
        options: DeployOptions,
    ) -> Result<Self, LocalError> {
        let api = Api::new(endpoint)?;
        let path = options
            .template
            .unwrap_or_else(|| workspace.root().join("template.yaml"));
        let text = fs::read_to_string(&path).map_err(|error| {
            LocalError::because(format!("cannot read {}", path.display()), error)
        })?;
        let folder = path.parent().unwrap_or(workspace.root());
        let bucket = format!("{}-artifacts", options.stack.to_lowercase());
        let (template, mut archives) = place_artifacts(&text, folder, functions, &bucket)?;
        // By way of the bucket, as SAM does: in a request it may have 51,200 bytes.
        archives.insert(TEMPLATE_KEY.to_owned(), template.into_bytes());
        let place = format!("{}/{bucket}/{TEMPLATE_KEY}", endpoint.trim_end_matches('/'));
        api.put(&format!("/{bucket}"), Vec::new()).await?;
        let mut keys = Vec::new();
        for (key, bytes) in archives {
            api.put(&format!("/{bucket}/{key}"), bytes).await?;
            keys.push(key);
        }
        create_stack(&api, &options.stack, &place, &options.parameters).await?;
        let outputs = outputs(&describe(&api, &options.stack).await?);
        let output = |name: &str| {
            let missing = || LocalError::failed(format!("the template has no output `{name}`"));
            outputs.get(name).cloned().ok_or_else(missing)
        };
        let bundle = Self {
            source: Queue::new(endpoint, output("SourceQueueUrl")?),
            dead_letters: Queue::new(endpoint, output("DeadLetterQueueUrl")?),
            ledger: LedgerTable::new(endpoint, output("LedgerTableName")?),
            api,
            stack: options.stack,
            bucket,
            keys,
            outputs,
        };
        bundle.switch_time_to_live_on().await?;
        Ok(bundle)
    }

    /// The stack's name, which is the consumer's name too.
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// An output of the template.
    pub fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// Where events are sent.
    pub fn source(&self) -> &Queue {
        &self.source
    }

    /// Where dead messages go.
    pub fn dead_letters(&self) -> &Queue {
        &self.dead_letters
    }

    /// The ledger.
    pub fn ledger(&self) -> &LedgerTable {
        &self.ledger
    }

    /// The consumer's name as a function; empty where there is none, as in poll mode.
    pub fn consumer_function(&self) -> &str {
        self.output("ConsumerFunctionName").unwrap_or_default()
    }

    /// The poller's name as a function; empty where there is none, as in trigger mode.
    pub fn poller_function(&self) -> &str {
        self.output("PollerFunctionName").unwrap_or_default()
    }

    /// The name of the function that brings dead letters back.
    pub fn redrive_function(&self) -> &str {
        self.output("RedriveFunctionName").unwrap_or_default()
    }

    /// The logical ids of everything in the stack, what SAM added included.
    pub async fn resources(&self) -> Result<BTreeSet<String>, LocalError> {
        let name = [("StackName".to_owned(), self.stack.clone())];
        let described = cloudformation(&self.api, "DescribeStackResources", &name).await?;
        let ids = elements(&described, "LogicalResourceId");
        Ok(ids.into_iter().collect())
    }

    /// The name that a resource of the template has got.
    pub async fn physical_id(&self, logical_id: &str) -> Result<String, LocalError> {
        let asked = [
            ("StackName".to_owned(), self.stack.clone()),
            ("LogicalResourceId".to_owned(), logical_id.to_owned()),
        ];
        let told = cloudformation(&self.api, "DescribeStackResource", &asked).await?;
        let missing = || LocalError::failed(format!("the stack has no `{logical_id}`"));
        element(&told, "PhysicalResourceId").ok_or_else(missing)
    }

    /// What a function has logged so far, line by line; lines appear when an invocation ends.
    pub async fn logs(&self, function: &str) -> Result<Vec<String>, LocalError> {
        let group = self.log_group(function).await?;
        let mut lines = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut request = json!({ "logGroupName": group });
            if let (Value::String(_), Some(fields)) = (&token, request.as_object_mut()) {
                fields.insert("nextToken".to_owned(), token.clone());
            }
            let target = "Logs_20140328.FilterLogEvents";
            let page = self.api.json("logs", target, &request).await?;
            let events = page.get("events").and_then(Value::as_array);
            lines.extend(events.into_iter().flatten().filter_map(|event| {
                let message = event.get("message").and_then(Value::as_str)?;
                Some(message.to_owned())
            }));
            let next = page.get("nextToken").cloned().unwrap_or(Value::Null);
            if next.is_null() || next == token {
                return Ok(lines);
            }
            token = next;
        }
    }

    /// Waits until a line of a function has this in it, and gives the function's lines then.
    ///
    /// # Errors
    ///
    /// When it was not there after this time: with the lines that were.
    pub async fn until_logged(
        &self,
        function: &str,
        text: &str,
        limit: Duration,
    ) -> Result<Vec<String>, LocalError> {
        let end = Instant::now() + limit;
        loop {
            let lines = self.logs(function).await?;
            if lines.iter().any(|line| line.contains(text)) {
                return Ok(lines);
            }
            if Instant::now() >= end {
                let what = format!("{function} has not said `{text}`: {lines:#?}");
                return Err(LocalError::failed(what));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Maps the source queue to a function once more, as a second consumer would be.
    pub async fn add_trigger(&self, function: &str) -> Result<(), LocalError> {
        let body = json!({
            "EventSourceArn": self.output("SourceQueueArn").unwrap_or_default(),
            "FunctionName": function,
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        let path = "/2015-03-31/event-source-mappings/";
        let made = self
            .api
            .rest("lambda", Method::POST, path, Some(&body))
            .await;
        made.map(drop)
    }

    /// The most invocations at once that the one trigger of a function makes, where it has a bound.
    pub async fn trigger_concurrency(&self, function: &str) -> Result<Option<u64>, LocalError> {
        let base = "/2015-03-31/event-source-mappings/";
        let list = format!("{base}?FunctionName={}", percent_encode(function));
        let told = self.api.rest("lambda", Method::GET, &list, None).await?;
        let most = told.pointer("/EventSourceMappings/0/ScalingConfig/MaximumConcurrency");
        Ok(most.and_then(Value::as_u64))
    }

    /// Stops a function's triggers, and waits until they stand still: what is sent stays in the
    /// queue, what is in flight ends.
    pub async fn pause(&self, function: &str) -> Result<(), LocalError> {
        self.switch_triggers(function, "Disabled").await
    }

    /// Starts a function's triggers again.
    pub async fn resume(&self, function: &str) -> Result<(), LocalError> {
        self.switch_triggers(function, "Enabled").await
    }

    /// Removes the stack, what the stack keeps on its removal, and the archives.
    pub async fn remove(self) -> Result<(), LocalError> {
        let name = [("StackName".to_owned(), self.stack.clone())];
        cloudformation(&self.api, "DeleteStack", &name).await?;
        wait_for_stack(&self.api, &self.stack).await?;
        self.ledger.delete().await?;
        for key in &self.keys {
            self.api.delete(&format!("/{}/{key}", self.bucket)).await?;
        }
        self.api.delete(&format!("/{}", self.bucket)).await
    }

    /// The log group of a function.
    pub(crate) async fn log_group(&self, function: &str) -> Result<String, LocalError> {
        let configuration = self.configuration(function).await?;
        let named = configuration
            .pointer("/LoggingConfig/LogGroup")
            .and_then(Value::as_str);
        Ok(named.map_or_else(|| format!("/aws/lambda/{function}"), str::to_owned))
    }

    /// Brings every mapping of a function's to a state.
    async fn switch_triggers(&self, function: &str, state: &str) -> Result<(), LocalError> {
        let base = "/2015-03-31/event-source-mappings/";
        let list = format!("{base}?FunctionName={}", percent_encode(function));
        let mappings = self.api.rest("lambda", Method::GET, &list, None).await?;
        let mappings = mappings
            .get("EventSourceMappings")
            .and_then(Value::as_array);
        for mapping in mappings.into_iter().flatten() {
            let Some(uuid) = mapping.get("UUID").and_then(Value::as_str) else {
                continue;
            };
            let path = format!("{base}{uuid}");
            let body = json!({ "Enabled": state == "Enabled" });
            self.api
                .rest("lambda", Method::PUT, &path, Some(&body))
                .await?;
            let end = Instant::now() + STACK_LIMIT;
            loop {
                let mapping = self.api.rest("lambda", Method::GET, &path, None).await?;
                if mapping.get("State").and_then(Value::as_str) == Some(state) {
                    break;
                }
                if Instant::now() >= end {
                    let what = format!("the trigger {uuid} did not become {state}");
                    return Err(LocalError::failed(what));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Does what the template asks and some stand-ins drop.
    async fn switch_time_to_live_on(&self) -> Result<(), LocalError> {
        let (client, table) = (self.ledger.client(), self.ledger.name());
        let failed = |what: &str| format!("cannot {what} the time to live of {table}");
        let found = client
            .describe_time_to_live()
            .table_name(table)
            .send()
            .await
            .map_err(|error| LocalError::because(failed("read"), error))?;
        let status = found
            .time_to_live_description()
            .and_then(|description| description.time_to_live_status());
        if matches!(
            status,
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        ) {
            return Ok(());
        }
        let specification = TimeToLiveSpecification::builder()
            .attribute_name("expires_at")
            .enabled(true)
            .build()
            .map_err(|error| LocalError::because(failed("set"), error))?;
        client
            .update_time_to_live()
            .table_name(table)
            .time_to_live_specification(specification)
            .send()
            .await
            .map_err(|error| LocalError::because(failed("set"), error))?;
        Ok(())
    }
}

/// Archives by key.
type Archives = BTreeMap<String, Vec<u8>>;

/// Rewrites a template to take its code and layers from a bucket, and makes what goes there.
fn place_artifacts(
    text: &str,
    folder: &Path,
    functions: &BuiltFunctions,
    bucket: &str,
) -> Result<(String, Archives), LocalError> {
    let mut archives = Archives::new();
    let rewritten = template::rewrite(text, |artifact| {
        let path = folder.join(artifact.path);
        let bytes = match artifact.property {
            // A function's folder is named as its package, and that as its binary.
            Property::CodeUri => {
                let name = path.file_name().and_then(|name| name.to_str());
                functions.archive(name.unwrap_or_default())?
            }
            Property::ContentUri => zip_files(&files_of(&path)?)?,
        };
        let key = format!("{}.zip", artifact.logical_id);
        let place = format!("s3://{bucket}/{key}");
        archives.insert(key, bytes);
        Ok(place)
    })?;
    Ok((rewritten, archives))
}

/// The files right in a folder, with their names.
fn files_of(folder: &Path) -> Result<Vec<(String, PathBuf)>, LocalError> {
    let failed = |error| {
        LocalError::because(
            format!("cannot read the folder {}", folder.display()),
            error,
        )
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() {
            files.push((
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            ));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Creates a stack of the template at a URL and waits until it is there.
async fn create_stack(
    api: &Api,
    stack: &str,
    template_url: &str,
    values: &BTreeMap<String, String>,
) -> Result<(), LocalError> {
    let mut parameters = vec![
        ("StackName".to_owned(), stack.to_owned()),
        ("TemplateURL".to_owned(), template_url.to_owned()),
    ];
    let capabilities = [
        "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
    ];
    for (n, capability) in (1..).zip(capabilities) {
        parameters.push((format!("Capabilities.member.{n}"), capability.to_owned()));
    }
    for (n, (name, value)) in (1..).zip(values) {
        let member = format!("Parameters.member.{n}");
        parameters.push((format!("{member}.ParameterKey"), name.clone()));
        parameters.push((format!("{member}.ParameterValue"), value.clone()));
    }
    cloudformation(api, "CreateStack", &parameters).await?;
    let status = wait_for_stack(api, stack).await?;
    if status.as_deref() == Some("CREATE_COMPLETE") {
        return Ok(());
    }
    let why = failures(api, stack).await.unwrap_or_default();
    let status = status.unwrap_or_else(|| "gone".to_owned());
    Err(LocalError::failed(format!(
        "the stack {stack} is {status}: {why}"
    )))
}

/// Waits until nothing is in progress; answers the stack's status, `None` when it is gone.
async fn wait_for_stack(api: &Api, stack: &str) -> Result<Option<String>, LocalError> {
    let end = Instant::now() + STACK_LIMIT;
    loop {
        // A stack that is gone is described by an error.
        let description = match describe(api, stack).await {
            Ok(description) => description,
            Err(error) if error.chain().contains("does not exist") => return Ok(None),
            Err(error) => return Err(error),
        };
        let status = element(&description, "StackStatus").unwrap_or_default();
        if status == "DELETE_COMPLETE" {
            return Ok(None);
        }
        if !status.ends_with("_IN_PROGRESS") {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            let what = format!("the stack {stack} is still {status}");
            return Err(LocalError::failed(what));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Describes one stack, in XML.
async fn describe(api: &Api, stack: &str) -> Result<String, LocalError> {
    let name = [("StackName".to_owned(), stack.to_owned())];
    cloudformation(api, "DescribeStacks", &name).await
}

/// The outputs in a stack's description.
fn outputs(description: &str) -> BTreeMap<String, String> {
    elements(description, "OutputKey")
        .into_iter()
        .zip(elements(description, "OutputValue"))
        .map(|(key, value)| (unescape(&key), unescape(&value)))
        .collect()
}

/// What failed in a stack, by resource.
async fn failures(api: &Api, stack: &str) -> Result<String, LocalError> {
    let name = [("StackName".to_owned(), stack.to_owned())];
    let events = cloudformation(api, "DescribeStackEvents", &name).await?;
    let failed = elements(&events, "member").into_iter().filter_map(|event| {
        let status = element(&event, "ResourceStatus")?;
        status.ends_with("_FAILED").then_some(())?;
        let resource = element(&event, "LogicalResourceId")?;
        let why = element(&event, "ResourceStatusReason").unwrap_or_default();
        Some(format!("{resource}: {}", unescape(&why)))
    });
    Ok(failed.collect::<Vec<_>>().join("; "))
}

/// Calls CloudFormation.
async fn cloudformation(
    api: &Api,
    action: &str,
    parameters: &[(String, String)],
) -> Result<String, LocalError> {
    api.query("cloudformation", "2010-05-15", action, parameters)
        .await
}

/// How the SDK's clients reach a stand-in.
macro_rules! client_config {
    ($service:ident, $endpoint:expr) => {
        $service::Config::builder()
            .behavior_version($service::config::BehaviorVersion::v2026_01_12())
            .region($service::config::Region::new($crate::api::REGION))
            .credentials_provider($service::config::Credentials::new(
                "test", "test", None, None, "local",
            ))
            .endpoint_url($endpoint)
            .build()
    };
}
pub(crate) use client_config;

#[cfg(test)]
mod tests;
