//! The Lambda function that SQS triggers: delivers each message along its routes.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use waybill_aws::assemble::AwsConsumer;
use waybill_aws::connect::connect;
use waybill_core::time::Timestamp;
use waybill_engine::env::{ProcessEnv, RouteSettings};
use waybill_engine::router::Router;
use waybill_engine::telemetry;

/// How many events are worked on at once: a window of the ledger's.
const CONCURRENCY: usize = 25;

/// Why an invocation failed as a whole. The runtime logs its debug form, as an error of one line,
/// and answers Lambda with its diagnostic.
struct Refused(String);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    let consumer = match start().await {
        Ok(consumer) => Arc::new(consumer),
        Err(error) => {
            telemetry::cannot_start(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let serve = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let consumer = Arc::clone(&consumer);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let response = Box::pin(consumer.handle(event.payload.get(), deadline)).await;
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

/// Reads the configuration and connects; no request is made yet.
async fn start() -> Result<AwsConsumer<Router>, Error> {
    let settings = RouteSettings::read(&ProcessEnv, CONCURRENCY)?;
    let connection = connect().await?;
    let router = connection.router(&settings)?;
    Ok(connection.consumer(router, settings.function))
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
