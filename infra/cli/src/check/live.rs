//! A stack as it is deployed, read for the rules that judge a template.
//!
//! From the source queue's URL everything else is found: the mappings of the queue, their
//! functions, and by what these are told the dead-letter queue, the ledger and the routes. Only a
//! poller, which has no mapping, must be named. What may not be read is told, and the rest judged.

use std::path::PathBuf;

use waybill_aws::survey::{self, Refused, RefusedKind, Survey};

use crate::failure::Failure;
use crate::reach;

use super::rules::{Checked, Routes};
use super::show::Files;
use super::value::Unknown;
use answers::{Answers, FunctionRead, QueueRead, RoutesRead, TableRead, Unread};

pub(crate) mod answers;
pub(crate) mod stack;

/// The routes file to compare with: its name, and its text where it is there.
pub(crate) struct Local {
    /// What it is called.
    pub(crate) path: PathBuf,
    /// Its text, or that there are no routes.
    pub(crate) routes: Routes,
}

/// Reads what is deployed.
pub(crate) async fn read(
    reach: &reach::Options,
    pollers: &[String],
    local: Local,
) -> Result<(Checked, Files), Failure> {
    let url = reach.queue_url()?.to_owned();
    let survey = reach.connect().await?.survey();
    let mut reader = Reader {
        survey,
        answers: Answers::default(),
    };
    reader.source(&url).await?;
    reader.consumers().await;
    for name in pollers {
        reader.function(name).await;
    }
    let option = reach.dead_letter_url().map(str::to_owned);
    reader.dead_letters(option).await;
    let option = reach.table().ok();
    reader.tables(option).await;
    reader.routes().await;
    Ok(stack::checked(reader.answers, local))
}

/// Asks, and keeps what is answered.
struct Reader {
    survey: Survey,
    answers: Answers,
}

impl Reader {
    /// What was answered; what was refused is noted.
    fn noted<T>(&mut self, of: &str, answer: Result<T, Refused>) -> Result<T, Unknown> {
        answer.map_err(|refused| {
            let reason = match refused.kind {
                RefusedKind::NotAllowed => format!("`{of}` needs `{}`", refused.action),
                RefusedKind::NotThere => format!("`{of}` is not there"),
                RefusedKind::Other => format!("`{}` of `{of}` failed", refused.action),
            };
            self.answers.unread.push(Unread {
                of: of.to_owned(),
                refused,
            });
            Unknown::new(reason)
        })
    }

    /// The source queue. Where it cannot be asked for at all, nothing can be checked.
    async fn source(&mut self, url: &str) -> Result<(), Failure> {
        let answer = self.survey.queue(url).await;
        let answer = match answer {
            Err(refused) if refused.kind != RefusedKind::NotAllowed => {
                return Err(Failure::of_service(&refused.code, &refused.message));
            }
            answer => answer,
        };
        self.queue_read(url, answer);
        Ok(())
    }

    /// Keeps what a queue answered.
    fn queue_read(&mut self, url: &str, answer: Result<answers::Attributes, Refused>) {
        let name = url.rsplit('/').next().unwrap_or(url).to_owned();
        let id = format!("sqs:{name}");
        let attributes = self.noted(&id, answer);
        let told = attributes.as_ref().ok().and_then(|all| all.get("QueueArn"));
        let arn = told.cloned().or_else(|| survey::queue_arn(url));
        self.answers.queues.push(QueueRead {
            id,
            name,
            url: url.to_owned(),
            arn,
            attributes,
        });
    }

    /// The mappings of a queue.
    async fn mappings(&mut self, queue: usize) {
        let Some(queue) = self.answers.queues.get(queue) else {
            return;
        };
        let (id, arn) = (queue.id.clone(), queue.arn.clone());
        let Some(arn) = arn else {
            self.answers.mappings_unknown.push(Unknown::new(format!(
                "the ARN of `{id}` is not known, so that its mappings cannot be asked for"
            )));
            return;
        };
        let answer = self.survey.mappings(&arn).await;
        match self.noted(&id, answer) {
            Ok(found) => {
                let found = found.into_iter().map(|mapping| (id.clone(), mapping));
                self.answers.mappings.extend(found);
            }
            Err(reason) => self.answers.mappings_unknown.push(reason),
        }
    }

    /// The mappings of the source queue and their functions.
    async fn consumers(&mut self) {
        self.mappings(0).await;
        let mappings = self.answers.mappings.iter();
        let arns: Vec<_> = mappings.map(|(_, one)| one.function_arn.clone()).collect();
        for arn in arns {
            self.function(&arn).await;
        }
    }

    /// A function, by its name or its ARN.
    async fn function(&mut self, function: &str) {
        let name = answers::function_name(function).to_owned();
        let id = format!("lambda:{name}");
        if self.answers.functions.iter().any(|known| known.id == id) {
            return;
        }
        let answer = self.survey.function(function).await;
        let read = self.noted(&id, answer);
        let answer = self.survey.reserved(&name).await;
        let reserved = self.noted(&id, answer);
        self.answers.functions.push(FunctionRead {
            id,
            name,
            read,
            reserved,
        });
    }

    /// The dead-letter queues: that of the redrive policy, those that functions are told of, and
    /// the one that was said.
    async fn dead_letters(&mut self, option: Option<String>) {
        let told = self.answers.told("WAYBILL_DLQ_URL");
        let mut urls: Vec<String> = option.into_iter().chain(told).collect();
        let named = self.answers.dead_letter_arn();
        if let Some(arn) = named.filter(|arn| !urls.iter().any(|url| survey::is_queue_of(arn, url)))
        {
            let answer = self.survey.queue_url(&arn).await;
            let id = format!("sqs:{}", arn.rsplit(':').next().unwrap_or(&arn));
            urls.extend(self.noted(&id, answer).ok());
        }
        // A queue that a function works off and is not the one that was named is looked at too.
        urls.extend(self.answers.told("WAYBILL_QUEUE_URL"));
        for url in urls {
            let mut known = self.answers.queues.iter();
            if known.any(|queue| survey::is_same_queue(&queue.url, &url)) {
                continue;
            }
            let answer = self.survey.queue(&url).await;
            self.queue_read(&url, answer);
            self.mappings(self.answers.queues.len() - 1).await;
        }
    }

    /// The ledgers: those that functions are told of, and the one that was said.
    async fn tables(&mut self, option: Option<String>) {
        let mut names = self.answers.told("WAYBILL_LEDGER_TABLE");
        self.answers.ledger_said = option.clone();
        names.extend(option);
        names.sort();
        names.dedup();
        for name in names {
            let id = format!("dynamodb:{name}");
            let answer = self.survey.table(&name).await;
            let read = self.noted(&id, answer);
            let answer = self.survey.expiry(&name).await;
            let expiry = self.noted(&id, answer);
            let answer = self.survey.recovery(&name).await;
            let recovery = self.noted(&id, answer);
            self.answers.tables.push(TableRead {
                id,
                name,
                read,
                expiry,
                recovery,
            });
        }
    }

    /// The routes of each function, where they can be read.
    async fn routes(&mut self) {
        for (function, said) in self.answers.told_by("WAYBILL_ROUTES") {
            let text = match (said.strip_prefix("inline:"), said.strip_prefix("ssm:")) {
                (Some(text), _) => Ok(text.to_owned()),
                (None, Some(name)) => {
                    let answer = self.survey.parameter(name).await;
                    self.noted(&format!("ssm:{name}"), answer)
                }
                (None, None) => Err(Unknown::new(format!(
                    "`{function}` reads its routes from `{said}`, which its layer or its code \
                     brings and no request shows"
                ))),
            };
            let place = match said.strip_prefix("inline:") {
                Some(_) => "WAYBILL_ROUTES".to_owned(),
                None => said,
            };
            self.answers.routes.push(RoutesRead {
                function,
                place,
                text,
            });
        }
    }
}
