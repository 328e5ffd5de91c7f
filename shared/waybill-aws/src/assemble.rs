//! Whole functions, put together of the engine and the adapters of this crate. No request is made
//! until there is work.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use waybill_core::id::{Consumer as Namespace, Operation, RouteName};
use waybill_core::key::KeyExpression;
use waybill_core::routes::TargetSpec;
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::env::{
    ConfigErrors, DeadLetterSettings, FunctionSettings, PollSettings, RouteSettings,
};
use waybill_engine::gates::Gates;
use waybill_engine::handler::Handler;
use waybill_engine::once::Once;
use waybill_engine::poller::{Poller, PollerConfig};
use waybill_engine::ports::{QueueError, QueueErrorKind, Target};
use waybill_engine::redrive::{self, Redriver};
use waybill_engine::router::Router;
use waybill_engine::valve::SourceValve;

use crate::ambient::System;
use crate::connect::Connection;
use crate::dynamodb::{DynamoLedger, DynamoRuns};
use crate::http::HttpTarget;
#[cfg(feature = "target-lambda")]
use crate::mapping::LambdaMapping;
use crate::scheduler::EventBridgeScheduler;
use crate::sqs::place::{QueueArn, is_same};
use crate::sqs::{Described, SqsQueue};
#[cfg(feature = "target-eventbridge")]
use crate::targets::EventBridgeTarget;
#[cfg(feature = "target-kinesis")]
use crate::targets::KinesisTarget;
#[cfg(feature = "target-lambda")]
use crate::targets::LambdaTarget;
#[cfg(feature = "target-sns")]
use crate::targets::SnsTarget;
#[cfg(feature = "target-stepfunctions")]
use crate::targets::StepFunctionsTarget;
use crate::targets::{DynamoDbTarget, Markers, SqsTarget, TargetError};

/// A function that SQS triggers, over its real outside.
pub type AwsConsumer<H> = Consumer<H, DynamoLedger, System, SqsQueue>;

/// A function that polls its queue, over its real outside.
pub type AwsPoller<H> = Poller<H, DynamoLedger, System, SqsQueue>;

/// An operation that is run once in effect, over its real outside.
pub type AwsOnce = Once<DynamoLedger, System>;

/// What looks at dead letters and brings them back, over its real outside.
pub type AwsRedriver = Redriver<SqsQueue, DynamoLedger, DynamoRuns, System>;

/// A route whose target cannot be called at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route `{route}`: {error}")]
pub struct RouteError {
    /// Which route.
    pub route: RouteName,
    /// What is wrong with its target, and what to do.
    pub error: TargetError,
}

/// What targets of one kind share, made for the first of them.
#[derive(Default)]
struct Clients {
    /// Of `sqs` targets.
    queues: OnceCell<aws_sdk_sqs::Client>,
    /// Of `dynamodb` targets.
    tables: OnceCell<aws_sdk_dynamodb::Client>,
    /// Of `sns` targets.
    #[cfg(feature = "target-sns")]
    topics: OnceCell<aws_sdk_sns::Client>,
    /// Of `eventbridge` targets.
    #[cfg(feature = "target-eventbridge")]
    buses: OnceCell<aws_sdk_eventbridge::Client>,
    /// Of `lambda` targets.
    #[cfg(feature = "target-lambda")]
    functions: OnceCell<aws_sdk_lambda::Client>,
    /// Of `stepfunctions` targets.
    #[cfg(feature = "target-stepfunctions")]
    machines: OnceCell<aws_sdk_sfn::Client>,
    /// Of `kinesis` targets.
    #[cfg(feature = "target-kinesis")]
    streams: OnceCell<aws_sdk_kinesis::Client>,
}

impl Connection {
    /// The handler that delivers along the routes of `settings`, with a target for each; those of
    /// one kind share their connections. What its gates share is in the ledger's table.
    ///
    /// # Errors
    ///
    /// The first route whose target can never be called: see [`TargetError`].
    pub fn router(&self, settings: &RouteSettings) -> Result<Router, RouteError> {
        let clients = Clients::default();
        let router = Router::new(settings.routes.clone(), |route, spec| {
            self.target(spec, settings, &clients)
                .map_err(|error| RouteError {
                    route: route.name.clone(),
                    error,
                })
        })?;
        let gates = Gates::new(
            &settings.routes.routes,
            &settings.function.engine.consumer,
            Arc::new(self.gates(&settings.function.ledger_table)),
            Arc::new(System),
        );
        Ok(router.with_gates(gates))
    }

    /// The target of one route.
    fn target(
        &self,
        spec: &TargetSpec,
        settings: &RouteSettings,
        clients: &Clients,
    ) -> Result<Box<dyn Target>, TargetError> {
        Ok(match spec {
            TargetSpec::Http(spec) => Box::new(HttpTarget::new(
                spec,
                self.http(),
                self.secrets(),
                settings.allow_private_targets,
            )?),
            TargetSpec::Sqs(spec) => {
                let make = || aws_sdk_sqs::Client::new(&self.target_config());
                let client = clients.queues.get_or_init(make).clone();
                let source = settings.function.queue_url.as_deref();
                Box::new(SqsTarget::new(client, spec, source)?)
            }
            TargetSpec::DynamoDb(spec) => {
                let make = || aws_sdk_dynamodb::Client::new(&self.target_config());
                let client = clients.tables.get_or_init(make).clone();
                let markers = Markers {
                    table: settings.function.ledger_table.clone(),
                    time_to_live: settings.function.engine.time_to_live,
                };
                Box::new(DynamoDbTarget::new(client, spec, markers)?)
            }
            #[cfg(feature = "target-sns")]
            TargetSpec::Sns(spec) => {
                let make = || aws_sdk_sns::Client::new(&self.target_config());
                let client = clients.topics.get_or_init(make).clone();
                Box::new(SnsTarget::new(client, spec))
            }
            #[cfg(not(feature = "target-sns"))]
            TargetSpec::Sns(_) => return Err(TargetError::NotBuilt("target-sns")),
            #[cfg(feature = "target-eventbridge")]
            TargetSpec::EventBridge(spec) => {
                let make = || aws_sdk_eventbridge::Client::new(&self.target_config());
                let client = clients.buses.get_or_init(make).clone();
                Box::new(EventBridgeTarget::new(client, spec))
            }
            #[cfg(not(feature = "target-eventbridge"))]
            TargetSpec::EventBridge(_) => return Err(TargetError::NotBuilt("target-eventbridge")),
            #[cfg(feature = "target-lambda")]
            TargetSpec::Lambda(spec) => {
                let make = || aws_sdk_lambda::Client::new(&self.target_config());
                let client = clients.functions.get_or_init(make).clone();
                let own = settings.function_name.as_deref().zip(self.region());
                Box::new(LambdaTarget::new(client, spec, own)?)
            }
            #[cfg(not(feature = "target-lambda"))]
            TargetSpec::Lambda(_) => return Err(TargetError::NotBuilt("target-lambda")),
            #[cfg(feature = "target-stepfunctions")]
            TargetSpec::StepFunctions(spec) => {
                let make = || aws_sdk_sfn::Client::new(&self.target_config());
                let client = clients.machines.get_or_init(make).clone();
                Box::new(StepFunctionsTarget::new(client, spec))
            }
            #[cfg(not(feature = "target-stepfunctions"))]
            TargetSpec::StepFunctions(_) => {
                return Err(TargetError::NotBuilt("target-stepfunctions"));
            }
            #[cfg(feature = "target-kinesis")]
            TargetSpec::Kinesis(spec) => {
                let make = || aws_sdk_kinesis::Client::new(&self.target_config());
                let client = clients.streams.get_or_init(make).clone();
                Box::new(KinesisTarget::new(client, spec))
            }
            #[cfg(not(feature = "target-kinesis"))]
            TargetSpec::Kinesis(_) => return Err(TargetError::NotBuilt("target-kinesis")),
        })
    }

    /// The valve on the queues of a function that SQS triggers, where `settings` switch it on.
    ///
    /// # Errors
    ///
    /// Where it is switched on and not built in.
    #[cfg(feature = "target-lambda")]
    pub fn valve(&self, settings: &RouteSettings) -> Result<Option<SourceValve>, ConfigErrors> {
        Ok(settings.source_valve.as_ref().map(|told| {
            let client = aws_sdk_lambda::Client::new(&self.target_config());
            SourceValve::new(
                &settings.function.engine.consumer,
                Arc::new(self.gates(&settings.function.ledger_table)),
                LambdaMapping::new(client, &told.function_name),
                System,
            )
        }))
    }

    /// The same without the client that it takes.
    ///
    /// # Errors
    ///
    /// Where it is switched on.
    #[cfg(not(feature = "target-lambda"))]
    pub fn valve(&self, settings: &RouteSettings) -> Result<Option<SourceValve>, ConfigErrors> {
        match settings.source_valve {
            None => Ok(None),
            Some(_) => Err(ConfigErrors::one(
                "WAYBILL_SOURCE_VALVE is `true`, and the feature `target-lambda` is left out of \
                 this build: build with it, or set the variable to `false`",
            )),
        }
    }

    /// A function that SQS triggers. Its queue is the trigger's: `settings.queue_url` is used
    /// where it names that queue.
    pub fn consumer<H: Handler>(self, handler: H, settings: FunctionSettings) -> AwsConsumer<H> {
        let ledger = self.ledger(settings.ledger_table);
        let engine = Engine::new(handler, ledger, System, settings.engine);
        let engine = engine.with_traces(self.traces(settings.traces));
        let (queue_url, dead_letter_url) = (settings.queue_url, settings.dead_letter_url);
        let scheduler = settings.schedules.map(|told| self.scheduler(told));
        Consumer::new(engine, System, move |arn| {
            let queue = self.queue_of(arn, queue_url.as_deref());
            let dead_letters = dead_letter_url.as_ref().map(|url| self.queue(url));
            let source = Source::new(queue, dead_letters);
            // The schedules' role may send to this queue and to no other.
            let here = QueueArn::parse(arn).zip(queue_url.as_deref());
            let here = here.is_some_and(|(queue, url)| queue.is_at(url));
            with_scheduler(source, scheduler.as_ref().filter(|_| here))
        })
    }

    /// An operation that is run once in effect for each value that `key` finds in a payload, by the
    /// ledger in the table `ledger_table`.
    pub fn once(
        &self,
        ledger_table: impl Into<String>,
        consumer: Namespace,
        operation: Operation,
        key: KeyExpression,
    ) -> AwsOnce {
        Once::new(self.ledger(ledger_table), System, consumer, operation, key)
    }

    /// What looks at dead letters and brings them back, and what the dead-letter queue says of
    /// itself now.
    ///
    /// # Errors
    ///
    /// Where the dead-letter queue cannot be asked, or has a redrive policy of its own: to look at
    /// a message there would use up its receives.
    pub async fn redriver(
        &self,
        settings: DeadLetterSettings,
    ) -> Result<(AwsRedriver, Described), QueueError> {
        let dead = self.queue(&settings.dead_letter_url);
        let described = dead.describe().await?;
        if described.has_redrive_policy {
            return Err(QueueError {
                kind: QueueErrorKind::Permanent,
                code: "RedrivePolicy".to_owned(),
                message: format!(
                    "queue `{}` has a redrive policy of its own: each look at a message there is a \
                     receive, and uses up what its maxReceiveCount allows; take the policy away, or \
                     name the last queue of the chain",
                    settings.dead_letter_url
                ),
            });
        }
        let fifo = settings.is_fifo();
        let config = redrive::Config {
            consumer: settings.consumer,
            key: settings.key,
            time_to_live: settings.time_to_live,
            retention: described.retention,
            fifo,
        };
        let redriver = Redriver::new(
            dead,
            self.queue(&settings.queue_url),
            self.ledger(&settings.ledger_table),
            self.runs(&settings.ledger_table),
            System,
            config,
        );
        Ok((redriver, described))
    }

    /// A function that polls its queue. `reserve` is the longest that one try may take: it stops
    /// receiving while there is time for one more.
    pub fn poller<H: Handler>(
        self,
        handler: H,
        settings: FunctionSettings,
        poll: PollSettings,
        reserve: Duration,
    ) -> AwsPoller<H> {
        let ledger = self.ledger(settings.ledger_table);
        let mut told = settings.engine;
        told.concurrency = poll.concurrency.unwrap_or(told.concurrency);
        let engine = Engine::new(handler, ledger, System, told);
        let engine = engine.with_traces(self.traces(settings.traces));
        let config = PollerConfig {
            queue_url: poll.queue_url,
            visibility: poll.visibility,
            reserve,
        };
        let dead_letter_url = settings.dead_letter_url;
        let scheduler = settings.schedules.map(|told| self.scheduler(told));
        let queue_url = config.queue_url.clone();
        Poller::new(engine, System, config, move |url| {
            let dead_letters = dead_letter_url.as_ref().map(|url| self.queue(url));
            let source = Source::new(self.queue(url), dead_letters);
            let here = is_same(url, &queue_url);
            with_scheduler(source, scheduler.as_ref().filter(|_| here))
        })
    }
}

/// A source whose events may wait outside it, where there is a scheduler for it.
fn with_scheduler(
    source: Source<SqsQueue>,
    scheduler: Option<&EventBridgeScheduler>,
) -> Source<SqsQueue> {
    match scheduler {
        Some(scheduler) => source.with_scheduler(Arc::new(scheduler.clone())),
        None => source,
    }
}

#[cfg(test)]
mod tests;
