//! Functions, invoked by hand.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bundle, STACK_LIMIT};
use crate::api::percent_encode;
use crate::error::LocalError;

/// How much longer than the function's own timeout its answer may take: a cold start, and a
/// machine that is busy.
const SLACK: Duration = Duration::from_secs(60);

/// What came of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The function's answer; what went wrong, where it failed.
    pub payload: Value,
    /// How it failed, in Lambda's word: `Unhandled` as a rule. `None` when it did not.
    pub function_error: Option<String>,
}

impl Bundle {
    /// Invokes a function and waits for its answer, however long its timeout lets it take.
    ///
    /// A function that fails has answered: see [`Invocation::function_error`].
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Invocation, LocalError> {
        let timeout = self.configuration(function).await?;
        let timeout = timeout.get("Timeout").and_then(Value::as_u64);
        let timeout = timeout.ok_or_else(|| {
            LocalError::failed(format!("the function `{function}` has no timeout"))
        })?;
        let limit = Duration::from_secs(timeout) + SLACK;
        let (payload, function_error) = self.api.invoke(function, payload, limit).await?;
        Ok(Invocation {
            payload,
            function_error,
        })
    }

    /// Gives a function another timeout than the template has for it, 1 to 900 s, and waits until
    /// it has it.
    pub async fn set_timeout(&self, function: &str, seconds: u64) -> Result<(), LocalError> {
        let path = configuration_path(function);
        let body = json!({ "Timeout": seconds });
        self.api
            .rest("lambda", Method::PUT, &path, Some(&body))
            .await?;
        let end = Instant::now() + STACK_LIMIT;
        loop {
            let told = self.configuration(function).await?;
            let updating = told.get("LastUpdateStatus").and_then(Value::as_str);
            let set = told.get("Timeout").and_then(Value::as_u64) == Some(seconds);
            if set && updating != Some("InProgress") {
                return Ok(());
            }
            if Instant::now() >= end {
                let what = format!("the function `{function}` did not take its timeout");
                return Err(LocalError::failed(what));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What Lambda knows of a function.
    pub(super) async fn configuration(&self, function: &str) -> Result<Value, LocalError> {
        let path = configuration_path(function);
        self.api.rest("lambda", Method::GET, &path, None).await
    }
}

/// Where a function's configuration is.
fn configuration_path(function: &str) -> String {
    let function = percent_encode(function);
    format!("/2015-03-31/functions/{function}/configuration")
}
