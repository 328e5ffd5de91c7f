//! The Lambda function that SQS triggers: delivers each message along its routes.

mod config;

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use waybill_aws::ambient::System;
use waybill_aws::connect::connect;
use waybill_aws::dynamodb::DynamoLedger;
use waybill_aws::http::{HttpClient, HttpTarget};
use waybill_aws::sqs::SqsQueue;
use waybill_core::routes::TargetSpec;
use waybill_core::time::Timestamp;
use waybill_engine::consumer::{self, Consumer};
use waybill_engine::engine::{Engine, Source};
use waybill_engine::ports::Target;
use waybill_engine::router::Router;
use waybill_engine::telemetry;

use crate::config::ConsumerConfig;

/// The function with its real outside.
type Function = Consumer<Router, DynamoLedger, System, SqsQueue>;

/// Why an invocation failed as a whole. The runtime logs its debug form, as an error of one line,
/// and answers Lambda with its diagnostic.
struct Refused(consumer::Refused);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    let consumer = match start().await {
        Ok(consumer) => Arc::new(consumer),
        Err(what) => {
            telemetry::cannot_start(&what);
            return ExitCode::FAILURE;
        }
    };
    let serve = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let consumer = Arc::clone(&consumer);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let response = Box::pin(consumer.handle(event.payload.get(), deadline)).await;
            response.map_err(Refused)
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
async fn start() -> Result<Function, String> {
    let var = |name: &str| std::env::var(name).ok();
    let config = ConsumerConfig::parse(var, |path| std::fs::read_to_string(path));
    let config = config.map_err(|errors| errors.to_string())?;
    let connection = connect().await.map_err(|error| error.to_string())?;
    let (http, allow_private) = (HttpClient::new(), config.allow_private_targets);
    let router = Router::new(config.routes, |route| match &route.target {
        TargetSpec::Http(spec) => match HttpTarget::new(spec, &http, allow_private) {
            Ok(target) => Ok(Box::new(target) as Box<dyn Target>),
            Err(error) => Err(format!("route `{}`: {error}", route.name)),
        },
    })?;
    let ledger = connection.ledger(config.ledger_table);
    let engine = Engine::new(router, ledger, System, config.engine);
    let (queue_url, dead_letter_url) = (config.queue_url, config.dead_letter_url);
    Ok(Consumer::new(engine, System, move |arn| {
        let queue = connection.queue_of(arn, queue_url.as_deref());
        let dead_letters = dead_letter_url.as_ref().map(|url| connection.queue(url));
        Source::new(queue, dead_letters)
    }))
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
            error_message: refused.0.to_string(),
        }
    }
}
