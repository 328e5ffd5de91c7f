//! Handlers as Lambda functions: what SQS triggers, and what polls.

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use lambda_runtime::{Context, Diagnostic, LambdaEvent, Service};
use serde::Serialize;
use serde_json::value::RawValue;

use waybill_aws::assemble::{AwsConsumer, AwsPoller};
use waybill_aws::connect::{ConnectError, Connection, connect};
use waybill_core::batch::BatchResponse;
use waybill_core::sqs_event::{Batch, Payload, PayloadError};
use waybill_core::time::Timestamp;
use waybill_engine::consumer;
use waybill_engine::env::{ConfigErrors, FunctionSettings, PollSettings, ProcessEnv, all};
use waybill_engine::handler::Handler;
use waybill_engine::poller::{PollRefused, Report};
use waybill_engine::telemetry;

use crate::handler::{EventHandler, HandlerBuilder};

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The handler or the environment says something that cannot be; every fault, with its remedy.
    #[error("{0}")]
    Config(ConfigErrors),
    /// AWS cannot be reached as configured.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Why an invocation failed as a whole: every message stays in the queue.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// A handler behind an SQS trigger that reports batch item failures: a service for
/// `lambda_runtime::run` and `run_concurrent`, or for layers of your own around it. Clones are the
/// same function.
pub struct Triggered<H>(Arc<AwsConsumer<H>>);

/// A handler that polls its queue: a service for `lambda_runtime::run` and `run_concurrent`, for a
/// schedule that sends it `{}`. Clones are the same function.
pub struct Polling<H>(Arc<AwsPoller<H>>);

/// What an invocation comes to.
type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + Send>>;

impl<F, T> HandlerBuilder<F, T>
where
    EventHandler<F, T>: Handler + 'static,
{
    /// Runs as a function that SQS triggers, until Lambda ends it. The mapping must report batch
    /// item failures, and `WAYBILL_CONSUMER` and `WAYBILL_LEDGER_TABLE` must be set; what else the
    /// environment may say is told at [`FunctionSettings::read`]. Logs and metrics go to standard
    /// output.
    pub async fn run(self) -> ExitCode {
        telemetry::init();
        match self.triggered().await {
            Ok(service) => ended(lambda_runtime::run_concurrent(service).await),
            Err(error) => cannot_start(&error.to_string()),
        }
    }

    /// Runs as a function that polls `WAYBILL_QUEUE_URL` when it is invoked, with `{}` or a
    /// [`waybill_engine::poller::PollRequest`]. The environment is that of [`run`](Self::run), with
    /// that of [`PollSettings::read`].
    pub async fn poll(self) -> ExitCode {
        telemetry::init();
        match self.polling().await {
            Ok(service) => ended(lambda_runtime::run_concurrent(service).await),
            Err(error) => cannot_start(&error.to_string()),
        }
    }

    /// The same as [`run`](Self::run) does without running it: for a `main` of your own. Log lines
    /// are `tracing`'s; `waybill::init_logs` writes them as Lambda wants them.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the handler or the environment. No request is made.
    pub async fn triggered(self) -> Result<Triggered<EventHandler<F, T>>, StartError> {
        let (handler, settings, connection) = self.prepare().await?;
        Ok(Triggered(Arc::new(connection.consumer(handler, settings))))
    }

    /// The same as [`poll`](Self::poll) does without running it.
    ///
    /// # Errors
    ///
    /// As [`triggered`](Self::triggered).
    pub async fn polling(self) -> Result<Polling<EventHandler<F, T>>, StartError> {
        let (handler, settings, connection) = self.prepare().await?;
        let poll = PollSettings::read(&ProcessEnv).map_err(StartError::Config)?;
        let timeout = handler.timeout();
        let poller = connection.poller(handler, settings, poll, timeout);
        Ok(Polling(Arc::new(poller)))
    }

    /// What both are made of.
    async fn prepare(
        self,
    ) -> Result<(EventHandler<F, T>, FunctionSettings, Connection), StartError> {
        // Every engine sets what the handler says.
        let settings = FunctionSettings::read(&ProcessEnv, 1);
        let told = all(self.assemble(), settings).map_err(StartError::Config);
        let (handler, mut settings) = told?;
        handler.configure(&mut settings.engine);
        let connection = connect().await?;
        let handler = handler.reading(|table, _| Arc::new(connection.powertools(table)));
        Ok((handler, settings, connection))
    }
}

impl<H: Handler + 'static> Triggered<H> {
    /// Answers an event that was read as another type, such as `aws_lambda_events`' `SqsEvent`. It
    /// is written out again to be read: the service itself spares that.
    ///
    /// # Errors
    ///
    /// Where no answer could be right for every record.
    pub async fn handle(
        &self,
        event: &(impl Serialize + ?Sized),
        context: &Context,
    ) -> Result<BatchResponse, Refused> {
        let text = serde_json::to_string(event).map_err(|error| Refused(error.to_string()))?;
        self.batch(Batch::parse(&text), context).await
    }

    /// Answers a batch.
    async fn batch(
        &self,
        batch: Result<Batch, PayloadError>,
        context: &Context,
    ) -> Result<BatchResponse, Refused> {
        let deadline = Timestamp::from_millis(context.deadline);
        let trace = context.xray_trace_id.as_deref();
        let answer = Box::pin(self.0.handle_batch(batch, deadline, trace)).await;
        Ok(answer?)
    }
}

impl<H: Handler + 'static> Service<LambdaEvent<Payload>> for Triggered<H> {
    type Response = BatchResponse;
    type Error = Refused;
    type Future = Answer<BatchResponse>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Payload>) -> Self::Future {
        let function = self.clone();
        Box::pin(async move { function.batch(event.payload.0, &event.context).await })
    }
}

impl<H: Handler + 'static> Service<LambdaEvent<Box<RawValue>>> for Polling<H> {
    type Response = Report;
    type Error = Refused;
    type Future = Answer<Report>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Box<RawValue>>) -> Self::Future {
        let poller = Arc::clone(&self.0);
        Box::pin(async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let trace = event.context.xray_trace_id.as_deref();
            let polling = poller.handle_traced(event.payload.get(), deadline, trace);
            Ok(Box::pin(polling).await?)
        })
    }
}

impl<H> Clone for Triggered<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> Clone for Polling<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl From<consumer::Refused> for Refused {
    fn from(error: consumer::Refused) -> Self {
        Self(error.to_string())
    }
}

impl From<PollRefused> for Refused {
    fn from(error: PollRefused) -> Self {
        Self(error.to_string())
    }
}

impl std::fmt::Debug for Refused {
    /// The runtime logs this form.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = &self.0;
        write!(
            f,
            "invocation refused, every message stays in the queue: {what}"
        )
    }
}

impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Self {
        Self {
            error_type: "InvocationRefused".to_owned(),
            error_message: refused.0,
        }
    }
}

/// How a process ends whose runtime has.
pub(crate) fn ended(result: Result<(), lambda_runtime::Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cannot_start(&error.to_string()),
    }
}

/// Says why it cannot start.
pub(crate) fn cannot_start(why: &str) -> ExitCode {
    telemetry::cannot_start(why);
    ExitCode::FAILURE
}
