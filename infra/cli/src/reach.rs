//! How AWS is reached, and which bundle is meant: options that every command takes.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use clap::Args;

use waybill_aws::connect::{ConnectError, Connection};
use waybill_core::id::Consumer;
use waybill_core::message::is_fifo;
use waybill_core::routes::Identity;
use waybill_engine::env::DeadLetterSettings;

use crate::check::tree::Node;
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

/// By which key events are known.
#[derive(Debug, Clone, Args)]
pub(crate) struct Routes {
    /// The routes file, of which `consumer` and `key` are read: they decide by which key an event is
    /// known. `none` where it says neither.
    #[arg(long, value_name = "FILE", env = "WAYBILL_ROUTES")]
    routes: Option<String>,
}

impl Routes {
    /// What the routes file says of keys.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        given(
            self.routes.as_deref(),
            "by which keys are events known? give --routes and the routes file, or --routes none \
             where it has neither `key` nor `consumer`",
        )?;
        self.identity_if_said()
    }

    /// The same, where a file need not be said.
    pub(crate) fn identity_if_said(&self) -> Result<Identity, Failure> {
        let Some((path, text)) = self.file()? else {
            return Ok(Identity::default());
        };
        Identity::parse(&text, |name| std::env::var(name).ok())
            .map_err(|error| Failure::new(format!("`{path}`: {error}")))
    }

    /// Names of the routes in the file; none where no file is said.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let Some((path, text)) = self.file()? else {
            return Ok(Vec::new());
        };
        let tree = Node::parse(&text);
        let tree = tree.map_err(|no| Failure::new(format!("`{path}`: {}", no.message)))?;
        let routes = tree.get("routes").map(Node::list).unwrap_or_default();
        let names = routes.iter().filter_map(|route| route.get("name")?.text());
        Ok(names.map(str::to_owned).collect())
    }

    /// The file that is said, with what stands in it.
    fn file(&self) -> Result<Option<(&str, String)>, Failure> {
        let said = self.routes.as_deref();
        let Some(path) = said.filter(|path| !path.is_empty() && *path != "none") else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!(
                "the routes file `{path}` cannot be read ({error}): give --routes and the file that \
                 was deployed, or --routes none where it has neither `key` nor `consumer`"
            ))
        })?;
        Ok(Some((path, text)))
    }
}

/// What was said, and is not empty.
fn given(said: Option<&str>, question: &str) -> Result<String, Failure> {
    let said = said.filter(|said| !said.is_empty());
    said.map(str::to_owned)
        .ok_or_else(|| Failure::new(question))
}

/// How long a row lives that is written here: two retentions of fourteen days and a week, the most
/// that the template asks for.
pub(crate) const TIME_TO_LIVE: Duration = Duration::from_secs(35 * 24 * 60 * 60);

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

    /// Which bundle's dead letters are meant; `routes` is the routes file, or `none`.
    pub(crate) fn dead_letters(&self, routes: &Routes) -> Result<DeadLetterSettings, Failure> {
        let identity = routes.identity()?;
        let consumer = self.consumer(&identity);
        let table = self.table();
        let source = self.queue_url().map(str::to_owned);
        let dead = given(
            self.dlq_url.as_deref(),
            "which dead-letter queue? give --dlq-url or WAYBILL_DLQ_URL: the stack's output \
             DeadLetterQueueUrl",
        );
        let faults = [
            consumer.as_ref().err(),
            table.as_ref().err(),
            source.as_ref().err(),
            dead.as_ref().err(),
        ];
        let faults: Vec<_> = faults.into_iter().flatten().map(|f| f.0.clone()).collect();
        let (Ok(consumer), Ok(ledger_table), Ok(queue_url), Ok(dead_letter_url)) =
            (consumer, table, source, dead)
        else {
            return Err(Failure::new(faults.join("\n")));
        };
        if is_fifo(&queue_url) != is_fifo(&dead_letter_url) {
            return Err(Failure::new(format!(
                "`{queue_url}` and `{dead_letter_url}` are no pair: a FIFO queue's dead letters are \
                 in a FIFO queue, and only they"
            )));
        }
        Ok(DeadLetterSettings {
            consumer,
            key: identity.key,
            ledger_table,
            time_to_live: TIME_TO_LIVE,
            queue_url,
            dead_letter_url,
        })
    }

    /// The ledger's namespace: the routes file's, or the one that is said.
    pub(crate) fn consumer(&self, identity: &Identity) -> Result<Consumer, Failure> {
        if let Some(consumer) = &identity.consumer {
            return Ok(consumer.clone());
        }
        let name = given(
            self.consumer.as_deref(),
            "which namespace of the ledger? give --consumer or WAYBILL_CONSUMER: the stack's name, \
             unless the routes file says `consumer`",
        )?;
        Consumer::new(&name).ok_or_else(|| {
            Failure::new(format!(
                "--consumer is `{name}`: it has 1 to 128 bytes and no `#`"
            ))
        })
    }

    /// The ledger's table, which must be said.
    pub(crate) fn table(&self) -> Result<String, Failure> {
        given(
            self.ledger_table.as_deref(),
            "which ledger? give --ledger-table or WAYBILL_LEDGER_TABLE: the stack's output \
             LedgerTableName",
        )
    }

    /// URL of the dead-letter queue, where it is said.
    pub(crate) fn dead_letter_url(&self) -> Option<&str> {
        self.dlq_url.as_deref().filter(|url| !url.is_empty())
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
