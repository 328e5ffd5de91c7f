//! Facts about the options of `send`, and a queue that is played.

use std::collections::HashMap;
use std::sync::Mutex;

use clap::Parser;

use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::message::Message;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{
    Ambient, Outgoing, Queue, QueueError, QueueErrorKind, VisibilityChange,
};

use super::letter::Letter;
use super::*;

/// What is answered to one try of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    Transient,
    /// For what stands in the message.
    Permanent,
    /// For who sends it.
    Denied,
}

/// A queue that answers by a message's body and by how often that was sent.
pub(super) struct Played<F> {
    script: F,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    batches: Vec<Vec<String>>,
    tries: HashMap<String, u32>,
}

impl<F: Fn(&str, u32) -> Answer + Send + Sync> Played<F> {
    pub(super) fn new(script: F) -> Self {
        let seen = Mutex::default();
        Self { script, seen }
    }

    /// The bodies of each batch that was sent.
    pub(super) fn batches(&self) -> Vec<Vec<String>> {
        self.seen.lock().unwrap().batches.clone()
    }
}

impl<F: Fn(&str, u32) -> Answer + Send + Sync> Queue for Played<F> {
    async fn receive(
        &self,
        _: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        Ok(Vec::new())
    }

    async fn change_visibility(&self, _: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        Vec::new()
    }

    async fn delete(&self, _: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        Vec::new()
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        tokio::task::yield_now().await;
        let mut seen = self.seen.lock().unwrap();
        let bodies = messages.iter().map(|message| message.body.clone());
        seen.batches.push(bodies.collect());
        let answers = messages.iter().map(|message| {
            let tries = seen.tries.entry(message.body.clone()).or_default();
            *tries += 1;
            match (self.script)(&message.body, *tries) {
                Answer::Taken => Ok(MessageId::new("m-1").unwrap()),
                Answer::Transient => Err(refused(QueueErrorKind::Transient, "InternalError")),
                Answer::Permanent => {
                    Err(refused(QueueErrorKind::Permanent, "InvalidMessageContents"))
                }
                Answer::Denied => Err(refused(QueueErrorKind::Permanent, "AccessDenied")),
            }
        });
        answers.collect()
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        Ok(false)
    }
}

impl<F: Send + Sync> Ambient for Played<F> {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn random(&self) -> u64 {
        0
    }
}

/// An error of the queue's.
pub(super) fn refused(kind: QueueErrorKind, code: &str) -> QueueError {
    QueueError {
        kind,
        code: code.to_owned(),
        message: format!("queue `q` answered `{code}`"),
    }
}

/// A message whose body is the number of its line.
pub(super) fn letter(line: u64, group: Option<&str>) -> Letter {
    let message = Outgoing {
        body: line.to_string(),
        group_id: group.map(str::to_owned),
        ..Outgoing::default()
    };
    Letter {
        line,
        size_bytes: 1,
        message,
    }
}

const STANDARD: &str = "https://sqs.eu-west-1.amazonaws.com/000000000000/orders";
const FIFO: &str = "https://sqs.eu-west-1.amazonaws.com/000000000000/orders.fifo";

/// The options as a command line.
#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

fn options(arguments: &[&str]) -> Options {
    let all = ["send", "-"].iter().chain(arguments);
    CommandLine::try_parse_from(all).unwrap().options
}

#[test]
fn a_queue_is_asked_for_nothing_that_it_cannot_do() {
    let table: [(&str, &[&str], &str); 8] = [
        (FIFO, &[], "--group-pointer"),
        (FIFO, &["--group", "a", "--delay", "5"], "--delay"),
        (FIFO, &["--group", "a b"], "--group `a b`"),
        (FIFO, &["--group-pointer", "id"], "begins with `/`"),
        (STANDARD, &["--deduplication-pointer", "/id"], "FIFO"),
        (STANDARD, &["--group", ""], "is empty"),
        (STANDARD, &["--attribute", "a"], "NAME=VALUE"),
        (
            FIFO,
            &["--group", "a", "--deduplication-pointer", "id"],
            "begins with `/`",
        ),
    ];
    for (url, arguments, said) in table {
        let failure = form(&options(arguments), url).unwrap_err().to_string();
        assert!(failure.contains(said), "{arguments:?}: {failure}");
    }
}

#[test]
fn a_fifo_queue_knows_a_repeat_by_the_line_where_nothing_else_is_said() {
    let by_line = form(&options(&["--group", "a"]), FIFO).unwrap();
    assert_eq!(by_line.deduplication, Deduplication::Line);
    assert_eq!(by_line.group, Group::Fixed("a".to_owned()));
    let arguments = ["--group-pointer", "/a", "--deduplication-pointer", "/id"];
    let by_id = form(&options(&arguments), FIFO).unwrap();
    assert_eq!(by_id.deduplication, Deduplication::At("/id".to_owned()));
    assert_eq!(by_id.group, Group::At("/a".to_owned()));
}

#[test]
fn a_standard_queue_takes_groups_for_fairness_and_needs_none() {
    let without = form(&options(&[]), STANDARD).unwrap();
    assert_eq!(without.group, Group::Absent);
    assert_eq!(without.deduplication, Deduplication::Absent);
    let with = form(&options(&["--group", "a"]), STANDARD).unwrap();
    assert_eq!(with.group, Group::Fixed("a".to_owned()));
}

#[test]
fn a_delay_is_at_most_fifteen_minutes() {
    assert_eq!(options(&["--delay", "900"]).delay, Some(900));
    for wrong in ["901", "-1", "1.5"] {
        let option = format!("--delay={wrong}");
        assert!(
            CommandLine::try_parse_from(["send", "-", &option]).is_err(),
            "{wrong}"
        );
    }
}
