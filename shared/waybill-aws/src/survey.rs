//! What is deployed, as people ask for it: the settings of queues, of what takes messages off them,
//! of functions and of tables. Every request reads, and none changes anything.
//!
//! Each needs one permission, which a refusal names: `sqs:GetQueueAttributes`, `sqs:GetQueueUrl`,
//! `lambda:ListEventSourceMappings`, `lambda:GetFunctionConfiguration`,
//! `lambda:GetFunctionConcurrency`, `dynamodb:DescribeTable`, `dynamodb:DescribeTimeToLive`,
//! `dynamodb:DescribeContinuousBackups`, `ssm:GetParameter`.

mod refusal;

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    BillingMode, PointInTimeRecoveryStatus, TableDescription, TimeToLiveStatus,
};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use aws_sdk_sqs::types::QueueAttributeName;

use waybill_core::routes::SecretPlace;

use crate::kept::Keeping;
use crate::sqs::place::{self, QueueArn};

pub use refusal::{Refused, RefusedKind};

/// Asks what is deployed.
#[derive(Debug, Clone)]
pub struct Survey {
    queues: aws_sdk_sqs::Client,
    functions: aws_sdk_lambda::Client,
    tables: aws_sdk_dynamodb::Client,
    keeping: Keeping,
}

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SurveyedMapping {
    /// What it is called.
    pub id: String,
    /// The function, with a version or an alias where it has one.
    pub function_arn: String,
    /// Whether it takes messages, or is about to.
    pub enabled: bool,
    /// `BatchSize`.
    pub batch_size: Option<i32>,
    /// `MaximumBatchingWindowInSeconds`.
    pub window_seconds: Option<i32>,
    /// `FunctionResponseTypes`.
    pub response_types: Vec<String>,
    /// `ScalingConfig.MaximumConcurrency`.
    pub maximum_concurrency: Option<i32>,
    /// Whether it has provisioned pollers.
    pub provisioned: bool,
    /// `ProvisionedPollerConfig.MaximumPollers`.
    pub maximum_pollers: Option<i32>,
    /// Whether it has a filter.
    pub filters: bool,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedFunction {
    /// What it is called.
    pub name: String,
    /// `Timeout`, in seconds.
    pub timeout: Option<i32>,
    /// Its variables; the error says why they could not be decrypted.
    pub variables: Result<BTreeMap<String, String>, String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SurveyedTable {
    /// Its key: names and kinds (`HASH`, `RANGE`).
    pub keys: Vec<(String, String)>,
    /// The attributes of its keys: names and types.
    pub attributes: Vec<(String, String)>,
    /// Whether it is billed for each request.
    pub on_demand: bool,
    /// How many writes a second it takes at once, where it says.
    pub warm_writes: Option<i64>,
    /// The regions it is in, where they are more than one.
    pub regions: Vec<String>,
    /// How its regions agree, where it says.
    pub consistency: Option<String>,
    /// Whether DynamoDB refuses to delete it.
    pub protected: bool,
}

impl Survey {
    /// Asks by a connection's configuration.
    pub(crate) fn new(config: &SdkConfig, keeping: Keeping) -> Self {
        Self {
            queues: aws_sdk_sqs::Client::new(config),
            functions: aws_sdk_lambda::Client::new(config),
            tables: aws_sdk_dynamodb::Client::new(config),
            keeping,
        }
    }

    /// Every attribute of the queue at a URL.
    pub async fn queue(&self, url: &str) -> Result<BTreeMap<String, String>, Refused> {
        let ask = self.queues.get_queue_attributes().queue_url(url);
        let told = ask.attribute_names(QueueAttributeName::All).send().await;
        let told = told.map_err(|error| Refused::of(&error, "sqs:GetQueueAttributes", url))?;
        let all = told.attributes.unwrap_or_default().into_iter();
        Ok(all
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect())
    }

    /// The URL of the queue of an ARN.
    pub async fn queue_url(&self, arn: &str) -> Result<String, Refused> {
        let action = "sqs:GetQueueUrl";
        let Some(queue) = QueueArn::parse(arn) else {
            return Err(Refused::strange(
                action,
                arn,
                "it is not the ARN of a queue",
            ));
        };
        let ask = self.queues.get_queue_url().queue_name(queue.name);
        let told = ask.queue_owner_aws_account_id(queue.account).send().await;
        let told = told.map_err(|error| Refused::of(&error, action, arn))?;
        told.queue_url
            .ok_or_else(|| Refused::strange(action, arn, "the answer has no URL"))
    }

    /// Every event source mapping of a queue, whosever function it is of.
    pub async fn mappings(&self, queue_arn: &str) -> Result<Vec<SurveyedMapping>, Refused> {
        let action = "lambda:ListEventSourceMappings";
        let mut found = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            let ask = self.functions.list_event_source_mappings();
            let ask = ask.event_source_arn(queue_arn).set_marker(marker);
            let told = ask.send().await;
            let told = told.map_err(|error| Refused::of(&error, action, queue_arn))?;
            found.extend(told.event_source_mappings().iter().map(mapping));
            marker = told.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(found);
            }
        }
        let what = "the answer has no end";
        Err(Refused::strange(action, queue_arn, what))
    }

    /// A function's settings, by its name or its ARN.
    pub async fn function(&self, function: &str) -> Result<SurveyedFunction, Refused> {
        let ask = self.functions.get_function_configuration();
        let told = ask.function_name(function).send().await;
        let told =
            told.map_err(|error| Refused::of(&error, "lambda:GetFunctionConfiguration", function))?;
        Ok(function_of(&told, function))
    }

    /// How much concurrency is reserved for a function; none where there is nothing.
    pub async fn reserved(&self, function: &str) -> Result<Option<i32>, Refused> {
        let ask = self.functions.get_function_concurrency();
        let told = ask.function_name(function).send().await;
        let told =
            told.map_err(|error| Refused::of(&error, "lambda:GetFunctionConcurrency", function))?;
        Ok(told.reserved_concurrent_executions())
    }

    /// A table's settings.
    pub async fn table(&self, table: &str) -> Result<SurveyedTable, Refused> {
        let action = "dynamodb:DescribeTable";
        let told = self.tables.describe_table().table_name(table).send().await;
        let told = told.map_err(|error| Refused::of(&error, action, table))?;
        let told = told.table.as_ref();
        told.map(table_of)
            .ok_or_else(|| Refused::strange(action, table, "the answer has no table"))
    }

    /// By which attribute DynamoDB ends a table's rows; none where it ends none.
    pub async fn expiry(&self, table: &str) -> Result<Option<String>, Refused> {
        let ask = self.tables.describe_time_to_live().table_name(table);
        let told = ask.send().await;
        let told =
            told.map_err(|error| Refused::of(&error, "dynamodb:DescribeTimeToLive", table))?;
        let on = told.time_to_live_description.filter(|described| {
            let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
            let status = described.time_to_live_status.as_ref();
            status.is_some_and(|status| on.contains(status))
        });
        Ok(on.and_then(|described| described.attribute_name))
    }

    /// Whether a table can be brought back to any point in time.
    pub async fn recovery(&self, table: &str) -> Result<bool, Refused> {
        let ask = self.tables.describe_continuous_backups();
        let told = ask.table_name(table).send().await;
        let told =
            told.map_err(|error| Refused::of(&error, "dynamodb:DescribeContinuousBackups", table))?;
        let described = told.continuous_backups_description();
        let recovery = described.and_then(|one| one.point_in_time_recovery_description());
        let status = recovery.and_then(|one| one.point_in_time_recovery_status());
        Ok(status == Some(&PointInTimeRecoveryStatus::Enabled))
    }

    /// The text of a parameter of Parameter Store.
    pub async fn parameter(&self, name: &str) -> Result<String, Refused> {
        let place = SecretPlace::Ssm {
            name: name.to_owned(),
        };
        let found = self.keeping.read(&place).await;
        found
            .map(|found| found.text.expose().to_owned())
            .map_err(|error| Refused::of_parameter(error.message))
    }
}

/// The ARN of the queue at a URL, where the URL says it.
pub fn queue_arn(url: &str) -> Option<String> {
    place::arn_at(url)
}

/// Whether two URLs name one queue.
pub fn is_same_queue(url: &str, other: &str) -> bool {
    place::is_same(url, other)
}

/// Whether a URL is that of the queue of an ARN.
pub fn is_queue_of(arn: &str, url: &str) -> bool {
    QueueArn::parse(arn).is_some_and(|arn| arn.is_at(url))
}

/// A mapping, as it is listed.
fn mapping(told: &EventSourceMappingConfiguration) -> SurveyedMapping {
    let filters = told.filter_criteria().map(|criteria| criteria.filters());
    let scaling = told.scaling_config();
    let pollers = told.provisioned_poller_config();
    let types = told.function_response_types().iter();
    SurveyedMapping {
        id: told.uuid().unwrap_or_default().to_owned(),
        function_arn: told.function_arn().unwrap_or_default().to_owned(),
        enabled: !["Disabled", "Disabling", "Deleting"].contains(&told.state().unwrap_or_default()),
        batch_size: told.batch_size(),
        window_seconds: told.maximum_batching_window_in_seconds(),
        response_types: types.map(|one| one.as_str().to_owned()).collect(),
        maximum_concurrency: scaling.and_then(|scaling| scaling.maximum_concurrency()),
        provisioned: pollers.is_some(),
        maximum_pollers: pollers.and_then(|pollers| pollers.maximum_pollers()),
        // Encrypted with a key that may not be used, it is there all the same.
        filters: filters.is_some_and(|filters| !filters.is_empty())
            || told.filter_criteria_error().is_some(),
    }
}

/// A function, as it is described.
fn function_of(told: &GetFunctionConfigurationOutput, asked: &str) -> SurveyedFunction {
    let environment = told.environment();
    let failed = environment.and_then(|environment| environment.error());
    let variables = environment.and_then(|environment| environment.variables());
    SurveyedFunction {
        name: told.function_name().unwrap_or(asked).to_owned(),
        timeout: told.timeout(),
        variables: match failed {
            Some(failed) => Err(failed.message().unwrap_or("no reason is given").to_owned()),
            None => Ok(variables.into_iter().flatten().map(pair).collect()),
        },
    }
}

/// A name and a value, owned.
fn pair((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// A table, as it is described.
fn table_of(told: &TableDescription) -> SurveyedTable {
    let keys = told.key_schema().iter();
    let attributes = told.attribute_definitions().iter();
    let billing = told.billing_mode_summary();
    let warm = told.warm_throughput();
    // The older kind of global table lists no regions here; it is none that agrees at once.
    let old = told.global_table_version() == Some("2017.11.29");
    let others = told.replicas().iter().filter_map(|one| one.region_name());
    let mut regions: BTreeSet<String> = others.map(str::to_owned).collect();
    if !regions.is_empty() || old {
        let own = told.table_arn().and_then(|arn| arn.split(':').nth(3));
        regions.insert(own.unwrap_or("its own region").to_owned());
    }
    if old && regions.len() < 2 {
        regions.insert("regions of an older global table".to_owned());
    }
    SurveyedTable {
        keys: keys
            .map(|one| (one.attribute_name.clone(), one.key_type.as_str().to_owned()))
            .collect(),
        attributes: attributes
            .map(|one| {
                (
                    one.attribute_name.clone(),
                    one.attribute_type.as_str().to_owned(),
                )
            })
            .collect(),
        on_demand: billing.and_then(|billing| billing.billing_mode())
            == Some(&BillingMode::PayPerRequest),
        // Nothing is said of a table that is being made.
        warm_writes: warm
            .and_then(|warm| warm.write_units_per_second())
            .filter(|writes| *writes > 0),
        regions: regions.into_iter().collect(),
        consistency: told
            .multi_region_consistency()
            .map(|one| one.as_str().to_owned()),
        protected: told.deletion_protection_enabled() == Some(true),
    }
}

/// Most pages of one list.
const PAGES_MAX: usize = 100;

#[cfg(test)]
mod tests;
