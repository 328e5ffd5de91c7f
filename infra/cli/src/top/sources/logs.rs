//! What functions log, out of CloudWatch Logs.

use std::time::Duration;

use tokio::time::Instant;

use waybill_aws::ambient::System;
use waybill_aws::logs::{FunctionLogs, LogsError};
use waybill_aws::sqs::SqsQueue;
use waybill_engine::ports::Ambient;

use super::fault;
use crate::top::emf;
use crate::top::state::{News, Report, Source};
use crate::top::tail::{LATE, Reading, Tail};

/// The log groups of a queue's functions.
#[derive(Debug)]
pub(in crate::top) struct Logs {
    logs: FunctionLogs,
    groups: Vec<(String, Tail)>,
    /// The queue whose functions' groups are meant, where no groups were named.
    queue: Option<SqsQueue>,
    /// When its functions were last looked for.
    looked: Option<Instant>,
    span: Duration,
}

impl Logs {
    /// The groups that are named; where none are, those of the functions that the queue triggers.
    pub(in crate::top) fn new(
        logs: FunctionLogs,
        named: &[String],
        queue: SqsQueue,
        span: Duration,
    ) -> Self {
        let mut this = Self {
            logs,
            groups: Vec::new(),
            queue: named.is_empty().then_some(queue),
            looked: None,
            span,
        };
        this.follow(named.to_vec());
        this
    }

    /// Follows these groups, and no others.
    fn follow(&mut self, names: Vec<String>) {
        let from = System.now().before(self.span.saturating_add(LATE));
        self.groups.retain(|(group, _)| names.contains(group));
        for name in names {
            if !self.groups.iter().any(|(group, _)| *group == name) {
                self.groups.push((name, Tail::new(from)));
            }
        }
    }

    /// Reads what is new.
    pub(in crate::top) async fn ask(&mut self) -> Vec<Report> {
        let mut reports = vec![(Source::Triggers, self.look().await)];
        for (group, tail) in &mut self.groups {
            tail.forget(System.now().before(self.span.saturating_add(IDLE)));
            let read = read(&self.logs, group, tail).await;
            reports.extend(
                read.into_iter()
                    .map(|said| (Source::Logs(group.clone()), said)),
            );
        }
        reports
    }

    /// Looks for functions, now and then.
    async fn look(&mut self) -> Result<News, String> {
        let due = self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if let (Some(queue), true) = (&self.queue, due) {
            let described = queue.describe().await;
            let described = described
                .map_err(|error| fault("sqs:GetQueueAttributes", &error.code, &error.message))?;
            let arn = described.arn.unwrap_or_default();
            let found = self
                .logs
                .groups_of(&arn)
                .await
                .map_err(|error| of(&error))?;
            self.looked = Some(Instant::now());
            self.follow(found);
        }
        if self.groups.is_empty() {
            self.looked = None;
            return Err(NO_GROUPS.to_owned());
        }
        let groups = self.groups.iter().map(|(group, _)| group.clone());
        Ok(News::Groups(groups.collect()))
    }
}

/// Reads a group to its end. What was read before it broke off counts.
async fn read(logs: &FunctionLogs, group: &str, tail: &mut Tail) -> Vec<Result<News, String>> {
    let mut documents = Vec::new();
    let mut fault = None;
    for page in 1..=PAGES_MAX {
        let (from, next) = tail.wanted();
        match logs.lines(group, emf::PATTERN, from, next).await {
            Ok(page) => {
                let (fresh, reading) = tail.take(page);
                documents.extend(fresh.iter().flat_map(|line| emf::read(&line.message)));
                if reading == Reading::AtEnd {
                    break;
                }
            }
            Err(error) => {
                tail.begin_again();
                fault = Some(of(&error));
                break;
            }
        }
        if page == PAGES_MAX {
            fault = Some(format!(
                "log group `{group}` has more than can be read at once: figures lag behind"
            ));
        }
    }
    // A group without an answer says nothing, not even that nothing was counted.
    match fault {
        None => vec![Ok(News::Documents(documents))],
        Some(fault) if documents.is_empty() => vec![Err(fault)],
        Some(fault) => vec![Ok(News::Documents(documents)), Err(fault)],
    }
}

/// What is wrong.
fn of(error: &LogsError) -> String {
    fault(error.action, &error.code, &error.message)
}

/// How often the functions of a queue are looked for anew: a deployment may have changed them.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How much older than the window a line may be before it is of no interest: clocks disagree.
const IDLE: Duration = Duration::from_secs(300);

/// How many pages of a group are read at once.
const PAGES_MAX: usize = 20;

/// What to do where no log is known.
const NO_GROUPS: &str = "no function is triggered by the queue, so that no log is read: give \
                         --log-group, as the poller's, for counts, times and routes";
