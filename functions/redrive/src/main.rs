//! The Lambda function that looks at dead letters, brings them back, and deletes them.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};

use waybill_aws::ambient::System;
use waybill_aws::assemble::AwsRedriver;
use waybill_aws::connect::Connection;
use waybill_aws::live::connect_and_read;
use waybill_core::time::Timestamp;
use waybill_engine::env::{ConfigErrors, DeadLetterSettings, ProcessEnv};
use waybill_engine::ports::Ambient;
use waybill_engine::redrive::{Bounds, Task};
use waybill_engine::telemetry;

use event::{Asked, List, Work};

mod event;

/// What every invocation is served with.
struct Service {
    connection: Connection,
    settings: DeadLetterSettings,
}

/// Why an invocation did nothing. The runtime logs its debug form, as an error of one line, and
/// answers Lambda with its diagnostic.
struct Refused(String);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    let service = match start().await {
        Ok(service) => Arc::new(service),
        Err(error) => {
            telemetry::cannot_start(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let serve = service_fn(move |event: LambdaEvent<Value>| {
        let service = Arc::clone(&service);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            Box::pin(service.answer(event.payload, deadline)).await
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

/// Reads what the function is told.
async fn start() -> Result<Service, ConfigErrors> {
    let (connection, text) = connect_and_read(&ProcessEnv).await?;
    let settings = DeadLetterSettings::of(&ProcessEnv, text.map(Some))?;
    Ok(Service {
        connection,
        settings,
    })
}

impl Service {
    /// Does what an event asks.
    async fn answer(&self, payload: Value, deadline: Timestamp) -> Result<Value, Refused> {
        let asked = event::read(payload).map_err(Refused)?;
        let redriver = self.connection.redriver(self.settings.clone()).await;
        let (redriver, _) = redriver.map_err(|error| Refused(error.message))?;
        match asked {
            Asked::List(list) => look(&redriver, &list, deadline).await,
            Asked::Work(work) => run(&redriver, &work, deadline).await,
        }
    }
}

/// Answers with dead letters.
async fn look(redriver: &AwsRedriver, list: &List, deadline: Timestamp) -> Result<Value, Refused> {
    let mut letters = Vec::new();
    let bounds = Bounds {
        seen: list.sample,
        selected: list.limit,
    };
    let late = || System.now() >= deadline.before(waybill_engine::redrive::RESERVE);
    let looked = redriver
        .look(&list.selection, bounds, &late, &mut |dossier| {
            letters.push(dossier.to_json(System.now()));
        })
        .await
        .map_err(Refused)?;
    Ok(json!({
        "seen": looked.seen,
        "selected": looked.selected,
        "to_the_end": looked.to_the_end,
        "dead_letters": letters,
    }))
}

/// Runs until the deadline, and answers with how far it came.
async fn run(redriver: &AwsRedriver, work: &Work, deadline: Timestamp) -> Result<Value, Refused> {
    let task = Task {
        run: &work.run,
        order: work.order.as_ref(),
        who: &work.who,
        dry_run: work.dry_run,
        until: Some(deadline),
        stop: &|| false,
        tell: &|_| {},
    };
    let report = redriver.run(task).await;
    let report = report.map_err(|error| Refused(error.to_string()))?;
    serde_json::to_value(&report).map_err(|error| Refused(error.to_string()))
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invocation refused: {}", self.0)
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
