//! Lambda's event source mappings, which bring the messages of queues to this function.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use aws_sdk_lambda::types::ScalingConfig;
use futures_util::future::BoxFuture;

use waybill_core::gate::valve::Mapping;
use waybill_engine::ports::SourceMapping;

use crate::chain::chain;

/// The mappings of one function, found by their queues.
///
/// Needs `lambda:ListEventSourceMappings`, once for each queue; `lambda:GetEventSourceMapping`; and
/// `lambda:UpdateEventSourceMapping`.
#[derive(Debug)]
pub struct LambdaMapping {
    client: Client,
    function_name: String,
    /// What the mappings are called that were found.
    ids: Mutex<HashMap<String, String>>,
}

impl LambdaMapping {
    /// The mappings of the function of this name. The client must not retry: a look is short, and
    /// another follows.
    pub fn new(client: Client, function_name: impl Into<String>) -> Self {
        Self {
            client,
            function_name: function_name.into(),
            ids: Mutex::default(),
        }
    }

    /// What the mapping of a queue is called, asked for where it is not known.
    async fn id(&self, queue_arn: &str) -> Result<String, String> {
        if let Some(id) = self.ids().get(queue_arn) {
            return Ok(id.clone());
        }
        // Not by the function: its name alone does not stand for its aliases.
        let request = self.client.list_event_source_mappings();
        let found = request.event_source_arn(queue_arn).send().await;
        let found = found.map_err(|error| self.failed(queue_arn, &error))?;
        let mut ids = found
            .event_source_mappings()
            .iter()
            .filter(|one| is_of(one.function_arn(), &self.function_name))
            .filter_map(|one| one.uuid());
        let id = ids.next().map(str::to_owned).ok_or_else(|| {
            format!(
                "the function `{}` has no event source mapping of `{queue_arn}`",
                self.function_name
            )
        })?;
        self.ids().insert(queue_arn.to_owned(), id.clone());
        Ok(id)
    }

    /// Asks how the mapping of a queue is set.
    async fn ask(&self, queue_arn: &str) -> Result<Mapping, String> {
        let id = self.id(queue_arn).await?;
        let told = self.client.get_event_source_mapping().uuid(id).send().await;
        let told = told.map_err(|error| self.failed(queue_arn, &error))?;
        Ok(mapping(&told))
    }

    /// Sets the maximum concurrency of the mapping of a queue.
    async fn set(&self, queue_arn: &str, maximum: Option<u32>) -> Result<(), String> {
        let id = self.id(queue_arn).await?;
        let maximum = maximum.map(|max| i32::try_from(max).unwrap_or(i32::MAX));
        // Without a number it takes the bound away.
        let scaling = ScalingConfig::builder().set_maximum_concurrency(maximum);
        let request = self.client.update_event_source_mapping().uuid(id);
        let set = request.scaling_config(scaling.build()).send().await;
        set.map_err(|error| self.failed(queue_arn, &error))?;
        Ok(())
    }

    /// Why Lambda did not do it, and what to do. The mapping is looked for anew next time: a deploy
    /// may have made another.
    fn failed<E>(&self, queue_arn: &str, error: &SdkError<E, HttpResponse>) -> String
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        self.ids().remove(queue_arn);
        let Some(answer) = error.as_service_error() else {
            return format!("Lambda did not answer: {}", chain(error));
        };
        let code = answer.code().unwrap_or("Unknown");
        let said = answer.message().unwrap_or_default();
        match code {
            "AccessDenied" | "AccessDeniedException" => format!(
                "the function may not see or change its event source mapping; allow \
                 `lambda:ListEventSourceMappings`, `lambda:GetEventSourceMapping` and \
                 `lambda:UpdateEventSourceMapping`, or leave WAYBILL_SOURCE_VALVE out: {said}"
            ),
            _ => format!("Lambda answered `{code}`: {said}"),
        }
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceMapping for LambdaMapping {
    fn look<'a>(&'a self, queue_arn: &'a str) -> BoxFuture<'a, Result<Mapping, String>> {
        Box::pin(self.ask(queue_arn))
    }

    fn limit<'a>(
        &'a self,
        queue_arn: &'a str,
        maximum: Option<u32>,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(self.set(queue_arn, maximum))
    }
}

/// Whether a function's ARN, with a version or an alias or without, is of the function of this name.
fn is_of(arn: Option<&str>, function_name: &str) -> bool {
    // arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]
    arn.and_then(|arn| arn.split(':').nth(6)) == Some(function_name)
}

/// What an answer says. Between the two states in which it stays a mapping takes no change.
fn mapping(told: &GetEventSourceMappingOutput) -> Mapping {
    match told.state() {
        Some("Enabled" | "Disabled") => {}
        Some(_) | None => return Mapping::Busy,
    }
    if told.provisioned_poller_config().is_some() {
        return Mapping::Provisioned;
    }
    let max = told
        .scaling_config()
        .and_then(ScalingConfig::maximum_concurrency);
    Mapping::At(max.and_then(|max| u32::try_from(max).ok()))
}

#[cfg(test)]
mod tests;
