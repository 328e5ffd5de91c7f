//! Who is asked, and how: each source by itself, so that one which is slow or refuses holds up none
//! of the others.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use waybill_aws::sqs::SqsQueue;

use super::state::{Depth, News, Report, Source};

mod ledger;
mod logs;

pub(super) use ledger::{Breakers, Letters};
pub(super) use logs::Logs;

/// Names of routes, which one source learns and another asks by. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    /// Adds names.
    pub(super) fn add(&self, names: impl IntoIterator<Item = String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(names);
    }

    /// All that are known.
    pub(super) fn all(&self) -> BTreeSet<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A source that is asked again and again.
#[derive(Debug)]
pub(super) enum Asked {
    /// How much a queue holds.
    Depth(Source, SqsQueue),
    /// What functions log.
    Logs(Box<Logs>),
    /// What died last.
    Letters(Letters),
    /// What holds routes back.
    Breakers(Breakers),
}

impl Asked {
    /// Asks once, within the time that its client gives a request.
    pub(super) async fn ask(&mut self) -> Vec<Report> {
        match self {
            Self::Depth(source, queue) => vec![(source.clone(), depth(queue).await)],
            Self::Logs(logs) => logs.ask().await,
            Self::Letters(letters) => {
                let said = letters.ask().await;
                said.into_iter()
                    .map(|said| (Source::Letters, said))
                    .collect()
            }
            Self::Breakers(breakers) => vec![(Source::Breakers, breakers.ask().await)],
        }
    }
}

/// How much a queue holds.
async fn depth(queue: &SqsQueue) -> Result<News, String> {
    let described = queue.describe().await;
    let described =
        described.map_err(|error| fault("sqs:GetQueueAttributes", &error.code, &error.message))?;
    Ok(News::Depth(Depth {
        visible: described.visible,
        in_flight: described.in_flight,
        delayed: described.delayed,
    }))
}

/// What is wrong, in a line: what AWS answered to whom it allows this, or why it did not.
fn fault(action: &str, code: &str, message: &str) -> String {
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    let is_slow = [
        "Throttl",
        "TooManyRequests",
        "LimitExceeded",
        "ThroughputExceeded",
    ];
    match code {
        "AccessDenied" | "AccessDeniedException" => {
            format!("you may not {action}: whoever administers the account can allow it")
        }
        _ if is_slow.iter().any(|part| code.contains(part)) => {
            format!("{action} is throttled (`{code}`): a longer --interval asks less often")
        }
        _ => crate::failure::Failure::of_service(code, message).0,
    }
}

#[cfg(test)]
mod tests;
