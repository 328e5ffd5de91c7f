//! Clients of AWS: one reading of the configuration, and time-outs that fit a Lambda function.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};

use waybill_engine::env::ScheduleSettings;

use crate::ambient::System;
use crate::dynamodb::{DynamoDesk, DynamoGates, DynamoLedger, DynamoRuns, PowertoolsTable};
use crate::http::HttpClient;
use crate::kept::Keeping;
use crate::logs::FunctionLogs;
use crate::scheduler::EventBridgeScheduler;
use crate::secrets::Secrets;
use crate::signed::Asker;
use crate::sqs::SqsQueue;
#[cfg(feature = "target-lambda")]
use crate::survey::Survey;
use crate::transport::Transport;

/// Region, credentials and endpoints, read once; adapters are made of it when they are needed.
#[derive(Debug, Clone)]
pub struct Connection {
    config: SdkConfig,
    /// The connections of HTTP targets. Clones share them.
    http: HttpClient,
    /// What is kept of the secrets that routes refer to. Clones share it.
    secrets: Secrets,
}

/// AWS cannot be reached as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says in which region the queue and the table are.
    #[error("no AWS region is configured; set AWS_REGION")]
    RegionMissing,
}

/// Reads the configuration as the SDK defines it: `AWS_REGION`, credentials, `AWS_ENDPOINT_URL`
/// and `AWS_ENDPOINT_URL_*` from the environment, then from the profile. No request is made; the
/// instance metadata service is never asked for a region.
pub async fn connect() -> Result<Connection, ConnectError> {
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .region()
        .await;
    // The SDK's credentials would go and look for a region that the loader does not have.
    let region = region.ok_or(ConnectError::RegionMissing)?;
    Connection::load(aws_config::defaults(BehaviorVersion::latest()).region(region)).await
}

impl Connection {
    /// A connection by a configuration that the caller began: region, credentials and endpoint are
    /// the caller's, time-outs and retries are ours.
    pub async fn load(loader: ConfigLoader) -> Result<Self, ConnectError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(REQUEST_TIMEOUT)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(SQS_TRIES);
        let loader = loader.timeout_config(timeouts).retry_config(retries);
        let loader = loader.http_client(Transport::new());
        let config = loader.load().await;
        match config.region() {
            Some(region) if !region.as_ref().is_empty() => {
                let http = HttpClient::new();
                let keeping = Keeping::new(config.clone(), http.clone());
                let secrets = Secrets::new(keeping, Arc::new(System));
                Ok(Self {
                    config,
                    http,
                    secrets,
                })
            }
            Some(_) | None => Err(ConnectError::RegionMissing),
        }
    }

    /// What clients of your own are made of: of the same region, credentials and endpoints, over the
    /// same kind of connections, with time-outs that fit a function.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    /// The ledger in the DynamoDB table `table`. Its client makes one try: the engine retries
    /// within its deadline, and reads a refusal that may be its own earlier try (F40).
    pub fn ledger(&self, table: impl Into<String>) -> DynamoLedger {
        DynamoLedger::new(self.table_client(), table)
    }

    /// The rows of gates in the DynamoDB table `table`, which is the ledger's.
    pub fn gates(&self, table: impl Into<String>) -> DynamoGates {
        DynamoGates::new(self.table_client(), table)
    }

    /// The rows of runs in the DynamoDB table `table`, which is the ledger's.
    pub fn runs(&self, table: impl Into<String>) -> DynamoRuns {
        DynamoRuns::new(self.table_client(), table)
    }

    /// The rows that Powertools for AWS Lambda left in the DynamoDB table `table`. Its client makes one
    /// try: an event that has no answer waits outside of its time.
    pub fn powertools(&self, table: impl Into<String>) -> PowertoolsTable {
        PowertoolsTable::new(self.table_client(), table)
    }

    /// The ledger in the DynamoDB table `table`, as people look through it.
    pub fn desk(&self, table: impl Into<String>) -> DynamoDesk {
        DynamoDesk::new(aws_sdk_dynamodb::Client::new(&self.config), table)
    }

    /// What functions have logged, as people read it.
    pub fn function_logs(&self) -> FunctionLogs {
        FunctionLogs::new(Asker::new(self.config.clone(), self.http.clone()))
    }

    /// The region that requests go to, and where AWS is played, if it is.
    pub fn whereabouts(&self) -> (Option<&str>, Option<&str>) {
        let region = self.config.region().map(AsRef::as_ref);
        (region, self.config.endpoint_url())
    }

    /// The queue at a URL.
    pub fn queue(&self, url: impl Into<String>) -> SqsQueue {
        SqsQueue::at(self.sqs(), url)
    }

    /// The queue of an ARN. `known_url` is used where it names that queue; otherwise the URL is
    /// asked for once, when it is first needed.
    pub fn queue_of(&self, arn: &str, known_url: Option<&str>) -> SqsQueue {
        SqsQueue::of(self.sqs(), arn, known_url)
    }

    /// The schedules by which events wait outside their queue.
    pub fn scheduler(&self, settings: ScheduleSettings) -> EventBridgeScheduler {
        EventBridgeScheduler::new(aws_sdk_scheduler::Client::new(&self.config), settings)
    }

    /// What is deployed, as people ask for it.
    #[cfg(feature = "target-lambda")]
    pub fn survey(&self) -> Survey {
        Survey::new(&self.config, self.keeping())
    }

    /// What clients of targets are made of: one try is one request, and the target bounds its
    /// time.
    pub(crate) fn target_config(&self) -> SdkConfig {
        let config = self.config.to_builder();
        let config = config.retry_config(RetryConfig::disabled());
        config.timeout_config(target_timeouts()).build()
    }

    /// The region that everything is in.
    #[cfg(feature = "target-lambda")]
    pub(crate) fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// A client of DynamoDB that makes one try.
    fn table_client(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// The connections that HTTP targets share.
    pub(crate) fn http(&self) -> &HttpClient {
        &self.http
    }

    /// The secrets that routes refer to.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Who is asked for what is kept in Parameter Store.
    pub(crate) fn keeping(&self) -> Keeping {
        Keeping::new(self.config.clone(), self.http.clone())
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }
}

/// What bounds a request of a target beside its own time-out, which differs from route to route.
fn target_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .disable_operation_attempt_timeout()
        .build()
}

/// How long a connection may take to stand.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one try of a request may take, its connection included; a long poll has its wait more.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a request to SQS is tried.
const SQS_TRIES: u32 = 3;

#[cfg(test)]
mod tests;
