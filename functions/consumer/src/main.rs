//! The Lambda function that SQS triggers: delivers each message along its routes.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};

use waybill_aws::assemble::AwsConsumer;
use waybill_aws::live::{self, Told};
use waybill_core::sqs_event::Payload;
use waybill_core::time::Timestamp;
use waybill_engine::env::{ConfigErrors, ProcessEnv};
use waybill_engine::router::Router;
use waybill_engine::telemetry;

/// How many events are worked on at once: four windows of the ledger's, as many as the poller.
const CONCURRENCY: usize = 100;

/// Why an invocation failed as a whole. The runtime logs its debug form, as an error of one line,
/// and answers Lambda with its diagnostic.
struct Refused(String);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    let live = match live::start(ProcessEnv, CONCURRENCY, consumer).await {
        Ok(live) => Arc::new(live),
        Err(error) => {
            telemetry::cannot_start(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let serve = service_fn(move |event: LambdaEvent<Payload>| {
        let live = Arc::clone(&live);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let consumer = live.current();
            let trace = event.context.xray_trace_id.as_deref();
            let work = Box::pin(consumer.handle_batch(event.payload.0, deadline, trace));
            let response = live.beside(deadline, work).await;
            response.map_err(|error| Refused(error.to_string()))
        }
    });
    match lambda_runtime::run_concurrent(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::cannot_start(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// The function over the routes as they are; no request is made.
fn consumer(told: Told) -> Result<AwsConsumer<Router>, ConfigErrors> {
    let (settings, connection) = told?;
    let router = connection.router(&settings)?;
    let valve = connection.valve(&settings)?;
    let consumer = connection.consumer(router, settings.function);
    Ok(consumer.with_valve(valve))
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
