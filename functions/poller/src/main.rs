//! The Lambda function that polls SQS itself: delivers each message along its routes, keeps it
//! hidden while it works on it, and deletes it afterwards.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use waybill_aws::assemble::AwsPoller;
use waybill_aws::live::{self, Told};
use waybill_core::time::Timestamp;
use waybill_engine::env::{ConfigErrors, PollSettings, ProcessEnv, all};
use waybill_engine::router::Router;
use waybill_engine::telemetry;

/// How many events are worked on at once where nothing else is said: ten receives of ten.
const CONCURRENCY: usize = 100;

/// Why an invocation received nothing. The runtime logs its debug form, as an error of one line,
/// and answers Lambda with its diagnostic.
struct Refused(String);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    let live = match live::start(ProcessEnv, CONCURRENCY, poller).await {
        Ok(live) => Arc::new(live),
        Err(error) => {
            telemetry::cannot_start(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let serve = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let live = Arc::clone(&live);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let poller = live.current();
            let trace = event.context.xray_trace_id.as_deref();
            let work = Box::pin(poller.handle_traced(event.payload.get(), deadline, trace));
            let report = live.beside(deadline, work).await;
            report.map_err(|error| Refused(error.to_string()))
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
fn poller(told: Told) -> Result<AwsPoller<Router>, ConfigErrors> {
    let ((settings, connection), poll) = all(told, PollSettings::read(&ProcessEnv))?;
    let reserve = settings.longest_try();
    let router = connection.router(&settings)?;
    Ok(connection.poller(router, settings.function, poll, reserve))
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
