//! EventBridge Scheduler as the place where events wait outside their queue.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::http::HttpResponse;
use aws_sdk_scheduler::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::operation::create_schedule::CreateScheduleError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, Target,
};
use futures_util::future::BoxFuture;

use waybill_core::time::Timestamp;
use waybill_engine::env::ScheduleSettings;
use waybill_engine::ports::{Appointment, ScheduleError, Scheduler};

use crate::chain::chain;

/// One-time schedules of one group, which send to a queue and delete themselves.
///
/// The queue is a templated target, so that it is EventBridge Scheduler that sends, in the name of
/// a role that may do nothing else: no trace leads from the function to its own queue.
#[derive(Debug, Clone)]
pub struct EventBridgeScheduler {
    client: Client,
    settings: ScheduleSettings,
}

impl EventBridgeScheduler {
    /// The schedules of a group.
    pub fn new(client: Client, settings: ScheduleSettings) -> Self {
        Self { client, settings }
    }

    async fn make(&self, appointment: &Appointment) -> Result<(), ScheduleError> {
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(not_built)?;
        let target = self.target(appointment).map_err(not_built)?;
        let made = self
            .client
            .create_schedule()
            .name(&appointment.name)
            .group_name(&self.settings.group)
            .schedule_expression(at(appointment.at))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target)
            .send()
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(error) if is_there(&error) => Ok(()),
            Err(error) => Err(not_made(&error, &self.settings)),
        }
    }

    /// What a schedule does when it is due: it sends, for a day where it fails, and then tells its
    /// own dead-letter queue.
    fn target(&self, appointment: &Appointment) -> Result<Target, BuildError> {
        let retries = RetryPolicy::builder()
            .maximum_event_age_in_seconds(RETRIES_LAST)
            .maximum_retry_attempts(RETRIES)
            .build();
        let dead_letters = DeadLetterConfig::builder()
            .arn(&self.settings.dead_letter_arn)
            .build();
        Target::builder()
            .arn(&appointment.queue_arn)
            .role_arn(&self.settings.role_arn)
            .input(&appointment.body)
            .retry_policy(retries)
            .dead_letter_config(dead_letters)
            .build()
    }
}

impl Scheduler for EventBridgeScheduler {
    fn schedule<'a>(
        &'a self,
        appointment: &'a Appointment,
    ) -> BoxFuture<'a, Result<(), ScheduleError>> {
        Box::pin(self.make(appointment))
    }
}

/// A time as a one-time schedule says it: in whole seconds, rounded up.
fn at(time: Timestamp) -> String {
    let time = Timestamp::from_secs(time.as_secs_ceil()).to_rfc3339();
    let time = time.unwrap_or_default();
    format!("at({})", time.trim_end_matches('Z'))
}

/// Whether a schedule of this name is there already.
fn is_there(error: &SdkError<CreateScheduleError, HttpResponse>) -> bool {
    let said = error.as_service_error();
    said.is_some_and(CreateScheduleError::is_conflict_exception)
}

/// A request that the SDK would not make.
fn not_built(error: BuildError) -> ScheduleError {
    ScheduleError {
        code: "Construction".to_owned(),
        message: format!("the schedule cannot be asked for: {}", chain(&error)),
    }
}

/// Why a schedule was not made, and what to do.
fn not_made(
    error: &SdkError<CreateScheduleError, HttpResponse>,
    settings: &ScheduleSettings,
) -> ScheduleError {
    let group = &settings.group;
    let Some(answer) = error.as_service_error() else {
        return ScheduleError {
            code: "no_answer".to_owned(),
            message: format!("EventBridge Scheduler did not answer: {}", chain(error)),
        };
    };
    let code = answer.code().unwrap_or("Unknown").to_owned();
    let said = answer.message().unwrap_or_default();
    let message = match code.as_str() {
        "AccessDenied" | "AccessDeniedException" => format!(
            "the function may not make schedules in the group `{group}`: allow \
             `scheduler:CreateSchedule` on its schedules, and `iam:PassRole` on \
             `{}`: {said}",
            settings.role_arn
        ),
        "ResourceNotFoundException" => {
            format!("there is no schedule group `{group}`; deploy it or set WAYBILL_SCHEDULE_GROUP")
        }
        "ServiceQuotaExceededException" => format!(
            "the account has as many schedules as it may have, or makes them too fast; ask for a \
             higher quota of EventBridge Scheduler: {said}"
        ),
        _ => format!("EventBridge Scheduler answered `{code}`: {said}"),
    };
    ScheduleError { code, message }
}

/// How long a schedule tries to send, in seconds: the most there is.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html>
const RETRIES_LAST: i32 = 24 * 60 * 60;

/// How often: the most there is.
const RETRIES: i32 = 185;

#[cfg(test)]
mod tests;
