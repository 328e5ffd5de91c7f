//! What functions have logged, as people read it: the log groups of the functions that take
//! events off a queue, and the lines in them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use waybill_core::time::Timestamp;

use crate::signed::{Asker, Call, NoReply, Patience, Reply, Service};

/// The logs of functions in CloudWatch Logs.
///
/// Needs `logs:FilterLogEvents` on the groups; and, to find them, `lambda:ListEventSourceMappings`
/// and `lambda:GetFunctionConfiguration`.
#[derive(Debug, Clone)]
pub struct FunctionLogs {
    asker: Asker,
}

/// Lines of one group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// The lines, those of each stream in their order.
    pub lines: Vec<LogLine>,
    /// Where the next page begins. A page may be empty and have a next one.
    pub next: Option<String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// What no other line is called. Stand-ins leave it out.
    #[serde(rename = "eventId")]
    pub id: Option<String>,
    /// Which environment of a function wrote it.
    #[serde(rename = "logStreamName", default)]
    pub stream: String,
    /// When, in milliseconds since the epoch.
    #[serde(rename = "timestamp", default)]
    pub at_ms: u64,
    /// What it says.
    #[serde(default)]
    pub message: String,
}

/// Why it was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LogsError {
    /// The service's own code, or how the way to it ended.
    pub code: String,
    /// The permission that the request needs.
    pub action: &'static str,
    /// What happened.
    pub message: String,
}

impl FunctionLogs {
    /// Logs that are read by `asker`.
    pub(crate) fn new(asker: Asker) -> Self {
        Self { asker }
    }

    /// Lines of a group with this pattern that were written at `from` or later, one page of them.
    ///
    /// # Errors
    ///
    /// Where the service refuses or does not answer.
    pub async fn lines(
        &self,
        group: &str,
        pattern: &str,
        from: Timestamp,
        next: Option<&str>,
    ) -> Result<LogPage, LogsError> {
        let mut parameters = json!({
            "logGroupName": group,
            "filterPattern": pattern,
            "startTime": from.as_millis(),
            "limit": LINES_MAX,
        });
        if let (Some(next), Some(members)) = (next, parameters.as_object_mut()) {
            members.insert("nextToken".to_owned(), Value::from(next));
        }
        let call = Call::Operation("Logs_20140328.FilterLogEvents", &parameters);
        let what = format!("log group `{group}`");
        let page: Page = self.ask(Service::Logs, call, FILTER, &what).await?;
        Ok(LogPage {
            lines: page.events,
            next: page.next_token.filter(|next| !next.is_empty()),
        })
    }

    /// Names of the log groups of the functions that a queue triggers. A function that receives by
    /// itself is not among them.
    ///
    /// # Errors
    ///
    /// Where the service refuses or does not answer.
    pub async fn groups_of(&self, queue_arn: &str) -> Result<Vec<String>, LogsError> {
        let mut groups = Vec::new();
        for function in self.functions_of(queue_arn).await? {
            let path = format!("/2015-03-31/functions/{}/configuration", encoded(&function));
            let what = format!("function `{function}`");
            let call = Call::Resource(&path);
            let told: Configuration = self.ask(Service::Lambda, call, DESCRIBE, &what).await?;
            let named = told.logging_config.and_then(|logging| logging.log_group);
            let group = named.filter(|group| !group.is_empty());
            let group = group.unwrap_or_else(|| format!("/aws/lambda/{function}"));
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Names of the functions that a queue triggers.
    async fn functions_of(&self, queue_arn: &str) -> Result<Vec<String>, LogsError> {
        let what = format!("triggers of `{queue_arn}`");
        let base = "/2015-03-31/event-source-mappings/?EventSourceArn=";
        let mut functions = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..MAPPING_PAGES_MAX {
            let mut path = format!("{base}{}", encoded(queue_arn));
            if let Some(marker) = &marker {
                path = format!("{path}&Marker={}", encoded(marker));
            }
            let call = Call::Resource(&path);
            let told: Mappings = self.ask(Service::Lambda, call, LIST, &what).await?;
            let arns = told.mappings.into_iter().filter_map(|m| m.function_arn);
            functions.extend(arns.filter_map(|arn| function_of(&arn).map(str::to_owned)));
            marker = told.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                break;
            }
        }
        functions.sort_unstable();
        functions.dedup();
        Ok(functions)
    }

    /// Asks once, and reads the answer.
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        service: Service,
        call: Call<'_>,
        action: &'static str,
        what: &str,
    ) -> Result<T, LogsError> {
        let patience = Patience {
            time: ANSWER_TIME,
            bytes: ANSWER_MAX,
        };
        let broken_off = |code: &str, said: String| LogsError {
            code: code.to_owned(),
            action,
            message: format!("{what} did not answer: {said}"),
        };
        let reply = match self.asker.ask(service, call, patience).await {
            Ok(reply) => reply,
            Err(NoReply::Impossible(said)) => return Err(broken_off("Construction", said)),
            Err(NoReply::Unanswered(said)) => return Err(broken_off("Dispatch", said)),
        };
        if reply.status != 200 {
            return Err(refused(&reply, action, what));
        }
        serde_json::from_slice(&reply.body).map_err(|_| LogsError {
            code: "Unreadable".to_owned(),
            action,
            message: format!("{what} has no answer that is the service's"),
        })
    }
}

/// What a refusal means. Services that speak REST say their code in a header that is not kept, and
/// in the body.
fn refused(reply: &Reply, action: &'static str, what: &str) -> LogsError {
    let body: Refusal = serde_json::from_slice(&reply.body).unwrap_or_default();
    let code = body.code.or(body.kind);
    let code = code.as_deref().map(bare).unwrap_or(match reply.status {
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        429 => "TooManyRequestsException",
        _ => "Unknown",
    });
    let said = body.message.or(body.other_message).unwrap_or_default();
    let message = match code {
        "AccessDenied" | "AccessDeniedException" => {
            format!("you may not read {what}; allow `{action}` on it: {said}")
        }
        "ResourceNotFoundException" => format!("{what} does not exist"),
        _ => format!("{what} answered `{code}`: {said}"),
    };
    LogsError {
        code: code.to_owned(),
        action,
        message,
    }
}

/// A code without the namespace before it and the address behind it.
fn bare(code: &str) -> &str {
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    code.split(':').next().unwrap_or(code)
}

/// The name in the ARN of a function, with or without a version behind it.
fn function_of(arn: &str) -> Option<&str> {
    let (_, named) = arn.split_once(":function:")?;
    named.split(':').next().filter(|name| !name.is_empty())
}

/// A text as a path or a query may have it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What is read of a page of lines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    events: Vec<LogLine>,
    next_token: Option<String>,
}

/// What is read of a list of mappings.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mappings {
    #[serde(rename = "EventSourceMappings", default)]
    mappings: Vec<Mapped>,
    next_marker: Option<String>,
}

/// What is read of one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapped {
    function_arn: Option<String>,
}

/// What is read of a function.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    logging_config: Option<Logging>,
}

/// Where a function logs.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Logging {
    log_group: Option<String>,
}

/// What is read of a refusal, of either protocol.
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "Message")]
    other_message: Option<String>,
}

/// The permission to read lines.
const FILTER: &str = "logs:FilterLogEvents";

/// The permission to see which functions a queue triggers.
const LIST: &str = "lambda:ListEventSourceMappings";

/// The permission to see where a function logs.
const DESCRIBE: &str = "lambda:GetFunctionConfiguration";

/// As many lines as a page may have.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
pub const LINES_MAX: usize = 10_000;

/// How many pages of mappings are read; a page has a hundred.
const MAPPING_PAGES_MAX: usize = 10;

/// How long an answer may take: a search goes through all streams of a group.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The longest answer that is read. AWS's are of 1 MB, a stand-in's have all lines that were asked
/// for.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
