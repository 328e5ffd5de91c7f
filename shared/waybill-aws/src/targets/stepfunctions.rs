//! A state machine as a target: one event, one execution, started once.
//!
//! The execution is named by the idempotency key, and Step Functions keeps names of executions of
//! Standard state machines for 90 days after their end. One of that name that is there counts as
//! delivered when its input is of the same event.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{IncludedData, StateMachineType};
use futures_util::future::BoxFuture;

use waybill_core::limit::EXECUTION_INPUT_MAX;
use waybill_core::outcome::Attempt;
use waybill_core::routes::StepFunctionsSpec;
use waybill_engine::ports::{Target, TargetRequest};

use super::answer::{self, Place, Refusal};
use super::payload;

/// One route's state machine.
#[derive(Debug)]
pub struct StepFunctionsTarget {
    client: Client,
    spec: StepFunctionsSpec,
    /// Whether the state machine was seen to be of type Standard.
    is_standard: AtomicBool,
}

/// What it takes to start executions.
const PLACE: Place = Place {
    service: "Step Functions",
    permission: "`states:StartExecution` and `states:DescribeStateMachine` on the state machine, \
                 `states:DescribeExecution` on its executions",
};

impl StepFunctionsTarget {
    /// A target. The client must not retry: one try is one request.
    pub fn new(client: Client, spec: &StepFunctionsSpec) -> Self {
        let spec = spec.clone();
        Self {
            client,
            spec,
            is_standard: AtomicBool::new(false),
        }
    }

    /// Makes one try.
    async fn run(&self, request: TargetRequest<'_>) -> Attempt {
        let input = match input(&request, &self.spec) {
            Ok(input) => input,
            Err(refused) => return refused,
        };
        let name = request.idempotency_key;
        let trace_header = request.trace.map(|trace| trace.trace_header.as_str());
        answer::within(self.spec.timeout, request.limit, async {
            match self.see_type().await {
                Ok(()) => self.start(name, &input, trace_header).await,
                Err(ended) => ended,
            }
        })
        .await
    }

    /// Sees once that the state machine keeps the names of its executions: the type of one never
    /// changes.
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html>
    async fn see_type(&self) -> Result<(), Attempt> {
        if self.is_standard.load(Ordering::Relaxed) {
            return Ok(());
        }
        let describe = self.client.describe_state_machine();
        let describe = describe
            .state_machine_arn(self.spec.unqualified_arn())
            .included_data(IncludedData::MetadataOnly);
        match describe.send().await {
            Ok(machine) if *machine.r#type() == StateMachineType::Standard => {
                self.is_standard.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(_) => Err(Attempt::transient(
                "state_machine_express",
                "the state machine is not of type Standard, so that repeats could not be known; \
                 nothing was started",
                None,
            )),
            Err(error) => {
                let refusal = answer::refusal(&error);
                Err(refusal.map_or_else(answer::unsent, |refusal| judge(&refusal)))
            }
        }
    }

    /// Starts the execution, and reads the answer.
    async fn start(&self, name: &str, input: &str, trace_header: Option<&str>) -> Attempt {
        let start = self.client.start_execution();
        let start = start.state_machine_arn(&self.spec.state_machine_arn);
        let start = start.set_trace_header(trace_header.map(str::to_owned));
        let Err(error) = start.name(name).input(input).send().await else {
            return Attempt::delivered("started");
        };
        match answer::refusal(&error) {
            Ok(refusal) if refusal.code == "ExecutionAlreadyExists" => {
                self.compare(name, input).await
            }
            Ok(refusal) => judge(&refusal),
            Err(ended) => ended,
        }
    }

    /// What it means that there is an execution of that name, which has ended or has another
    /// input.
    async fn compare(&self, name: &str, input: &str) -> Attempt {
        let describe = self.client.describe_execution();
        let reply = describe
            .execution_arn(self.spec.execution_arn(name))
            .send()
            .await;
        let execution = match reply {
            Ok(execution) => execution,
            // Our own start was refused: nothing was sent.
            Err(error) => {
                let refusal = answer::refusal(&error);
                return refusal.map_or_else(answer::unsent, |refusal| judge(&refusal));
            }
        };
        let Some(theirs) = execution.input else {
            let why = "an execution of that name is there, and its input could not be read; allow \
                       `states:DescribeExecution` on the state machine's executions";
            return Attempt::transient("execution_unread", why, None);
        };
        match self.spec.is_same_input(input, &theirs) {
            true => Attempt::delivered("already_started"),
            false => Attempt::rejected(
                "execution_conflict",
                "an execution of that name was started with other data",
            ),
        }
    }
}

/// The input of one event; where there is none, what that means.
fn input(request: &TargetRequest<'_>, spec: &StepFunctionsSpec) -> Result<String, Attempt> {
    let input = payload::json(request, spec.body)?;
    answer::fitting(input.len(), EXECUTION_INPUT_MAX, PLACE.service)?;
    Ok(input)
}

/// What a refusal of Step Functions' means: what it says of the input is final, all else may pass.
fn judge(refusal: &Refusal<'_>) -> Attempt {
    match refusal.code {
        "InvalidExecutionInput" => Attempt::rejected(
            "event_refused",
            "Step Functions refused the input with `InvalidExecutionInput`",
        ),
        "StateMachineDoesNotExist" | "StateMachineDeleting" | "ResourceNotFound" => {
            Attempt::transient(
                "state_machine_missing",
                "there is no such state machine, version or alias; deploy it, or mend \
                 `state_machine_arn`",
                None,
            )
        }
        _ => refusal.passing(PLACE),
    }
}

impl Target for StepFunctionsTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.run(request))
    }
}

#[cfg(test)]
mod tests;
