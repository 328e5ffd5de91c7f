//! How AWS is reached, and which bundle is meant: options that every command takes.

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use clap::Args;

use waybill_aws::connect::{ConnectError, Connection};

use crate::failure::Failure;

/// How AWS is reached, and which bundle is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Profile of the AWS configuration files; AWS_PROFILE where it is not said.
    #[arg(long, global = true, value_name = "NAME", help_heading = "AWS")]
    profile: Option<String>,
    /// Region of the queues and the table; AWS_REGION, then the profile's, where it is not said.
    #[arg(long, global = true, value_name = "REGION", help_heading = "AWS")]
    region: Option<String>,
    /// Where AWS is played, as http://127.0.0.1:4566; AWS_ENDPOINT_URL where it is not said.
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    endpoint_url: Option<String>,
    /// The ledger's namespace: the stack's name, where the template is used.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "WAYBILL_CONSUMER",
        help_heading = "Bundle"
    )]
    consumer: Option<String>,
    /// Name of the ledger's table: output LedgerTableName of the stack.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "WAYBILL_LEDGER_TABLE",
        help_heading = "Bundle"
    )]
    ledger_table: Option<String>,
    /// URL of the source queue: output SourceQueueUrl of the stack.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "WAYBILL_QUEUE_URL",
        help_heading = "Bundle"
    )]
    queue_url: Option<String>,
    /// URL of the dead-letter queue: output DeadLetterQueueUrl of the stack.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "WAYBILL_DLQ_URL",
        help_heading = "Bundle"
    )]
    dlq_url: Option<String>,
}

impl Options {
    /// A connection as these options, the environment and the profile say. No request is made.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let mut profile = ProfileFileRegionProvider::builder();
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
            loader = loader.profile_name(name);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let said = self.region.clone().map(aws_config::Region::new);
        let region = RegionProviderChain::first_try(said)
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build())
            .region()
            .await
            .ok_or(ConnectError::RegionMissing)?;
        Ok(Connection::load(loader.region(region)).await?)
    }

    /// URL of the source queue, which must be said.
    pub(crate) fn queue_url(&self) -> Result<&str, Failure> {
        let said = self.queue_url.as_deref().filter(|url| !url.is_empty());
        said.ok_or_else(|| {
            Failure::new(
                "which queue? give --queue-url or WAYBILL_QUEUE_URL: the stack's output \
                 SourceQueueUrl",
            )
        })
    }
}
