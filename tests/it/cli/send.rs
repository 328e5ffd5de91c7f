//! `waybill send`, to queues of a stand-in.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System, QueueAttributeName};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use waybill_local::local_aws::free_port;
use waybill_local::{EntryFault, Fault, FaultAction, LocalAws};

use crate::support::cli::{Cli, ended};
use crate::support::config_for;
use crate::support::ministack::ministack;
use crate::support::stage::events;

/// A queue, and who plays it.
struct Place {
    aws: LocalAws,
    client: Client,
    url: String,
}

impl Place {
    /// A queue of this name; `.fifo` at its end makes it one with an order.
    async fn new(name: &str) -> Self {
        let aws = ministack().await;
        let client = Client::new(&config_for(aws.endpoint()).await);
        let mut make = client.create_queue().queue_name(name);
        if name.ends_with(".fifo") {
            make = make.attributes(QueueAttributeName::FifoQueue, "true");
        }
        let made = make.send().await.expect("a queue can be made");
        let url = made.queue_url.expect("a queue has a URL");
        Self { aws, client, url }
    }

    /// `waybill send` to it.
    fn send(&self, arguments: &[&str]) -> Cli {
        self.send_by(self.aws.endpoint(), arguments)
    }

    /// The same by another way.
    fn send_by(&self, endpoint: &str, arguments: &[&str]) -> Cli {
        send(arguments)
            .at(endpoint)
            .with("WAYBILL_QUEUE_URL", &self.url)
    }

    /// Takes out what the queue holds.
    async fn drain(&self) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let receive = self.client.receive_message().queue_url(&self.url);
            let received = receive
                .max_number_of_messages(10)
                .message_attribute_names("All")
                .message_system_attribute_names(System::All)
                .send()
                .await
                .expect("the queue can be read");
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in messages {
                let delete = self.client.delete_message().queue_url(&self.url);
                let delete = delete.receipt_handle(message.receipt_handle().unwrap());
                delete.send().await.expect("a message can be deleted");
                all.push(message);
            }
        }
    }

    /// The bodies that the queue held.
    async fn bodies(&self) -> Vec<String> {
        let messages = self.drain().await.into_iter();
        messages.map(|message| message.body.unwrap()).collect()
    }

    /// How many messages the queue holds, visible or not yet.
    async fn depth(&self, of: QueueAttributeName) -> u64 {
        let ask = self.client.get_queue_attributes().queue_url(&self.url);
        let told = ask.attribute_names(QueueAttributeName::All).send().await;
        let told = told.expect("the queue can be asked").attributes.unwrap();
        told[&of].parse().unwrap()
    }
}

/// `waybill send` with these arguments.
fn send(arguments: &[&str]) -> Cli {
    Cli::new(["send"].iter().chain(arguments).copied())
}

/// A file with these lines, below a folder that lasts as long as the test.
fn file(lines: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, lines).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// The same texts in any order, each once.
fn same(one: &[String], other: &[String]) -> bool {
    let set = |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<_>>();
    one.len() == other.len() && set(one) == set(other)
}

#[tokio::test]
async fn every_line_of_a_file_and_of_standard_input_is_sent_once() {
    let place = Place::new("orders").await;
    let sent = events("e", 25);
    let (_folder, path) = file(&sent.join("\n\n"));
    let ran = place.send(&[&path]).run().await.expect(0);
    assert!(
        ran.stdout.starts_with("25 lines: 25 sent, 0 refused"),
        "{ran:?}"
    );
    assert_eq!(ran.stderr, "");
    assert!(same(&place.bodies().await, &sent));

    let ran = place.send(&["-", "--json"]).stdin(sent.join("\r\n"));
    let ran = ran.run().await.expect(0);
    let mut report = ran.json();
    let report = report.as_object_mut().unwrap();
    assert!(report.remove("seconds").unwrap().as_f64() > Some(0.0));
    assert!(report.remove("rate").unwrap().as_f64() > Some(0.0));
    let expected = json!({
        "dry_run": false, "lines": 25, "sent": 25, "refused": 0, "failed": 0,
        "stopped": null, "failures": [], "failures_left_out": 0,
    });
    assert_eq!(json!(report), expected);
    assert!(same(&place.bodies().await, &sent));
}

#[tokio::test]
async fn a_message_has_what_the_options_say() {
    let place = Place::new("orders").await;
    let options = ["-", "--attribute", "a=b=c", "--attribute", "tenant=7"];
    let ran = place.send(&options).stdin("{}\n").run().await;
    ran.expect(0);
    let message = place.drain().await.pop().unwrap();
    let attributes = message.message_attributes.unwrap();
    assert_eq!(attributes.len(), 2);
    assert_eq!(attributes["a"].string_value(), Some("b=c"));
    assert_eq!(attributes["a"].data_type(), "String");

    let ran = place.send(&["-", "--delay", "600"]).stdin("{}\n{}\n");
    ran.run().await.expect(0);
    let delayed = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
    assert_eq!(place.depth(delayed).await, 2);
}

#[tokio::test]
async fn a_bad_line_is_told_and_kept_and_the_rest_is_sent() {
    let place = Place::new("orders").await;
    let long = format!("\"{}\"", "x".repeat(1024 * 1024));
    let (folder, path) = file(&format!("{{}}\n\n{{nope\n{long}\n[1]\n"));
    let failed = folder.path().join("failed.ndjson");
    let options = [&path, "--json", "--failed", failed.to_str().unwrap()];
    let ran = place.send(&options).run().await.expect(1);
    let ran = ran.says(&["line 3: not JSON", "column 2", "line 4: too big", "1048576"]);
    let report = ran.json();
    assert_eq!(
        (&report["lines"], &report["sent"], &report["refused"]),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(report["failures"][0]["line"], 3);
    assert!(same(
        &place.bodies().await,
        &["{}".to_owned(), "[1]".to_owned()]
    ));
    assert_eq!(fs::read_to_string(&failed).unwrap(), "{nope\n");
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let place = Place::new("orders").await;
    let ran = place
        .send(&["-", "--dry-run"])
        .stdin("{}\nnope\n")
        .run()
        .await;
    let ran = ran.expect(1).says(&["line 2: not JSON"]);
    assert!(ran.stdout.contains("1 can be sent, 1 refused"), "{ran:?}");
    let ran = place.send(&["-", "--dry-run"]).stdin("{}\n").run().await;
    ran.expect(0);
    assert_eq!(place.bodies().await.len(), 0);
}

#[tokio::test]
async fn what_the_queue_does_not_take_can_be_sent_by_another_run_f35() {
    let place = Place::new("orders").await;
    let sent = events("e", 10);
    let (folder, path) = file(&sent.join("\n"));
    let failed = folder.path().join("failed.ndjson");
    let failed = failed.to_str().unwrap();
    let proxy = place.aws.proxy();
    let fault = Fault::new(FaultAction::FailEntries(3, EntryFault::Sender)).times(1);
    proxy.inject(fault);
    let ran = place.send_by(&proxy.endpoint(), &[&path, "--failed", failed]);
    let ran = ran.run().await.expect(1);
    assert!(
        ran.stdout.contains("7 sent, 0 refused, 3 failed"),
        "{ran:?}"
    );
    assert_eq!(fs::read_to_string(failed).unwrap().lines().count(), 3);
    place.send(&[failed]).run().await.expect(0);
    assert!(same(&place.bodies().await, &sent));
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for_f35() {
    let place = Place::new("orders").await;
    let sent = events("e", 25);
    let proxy = place.aws.proxy();
    proxy.inject(Fault::new(FaultAction::FailEntries(4, EntryFault::Service)).times(2));
    proxy.inject(Fault::new(FaultAction::Throttle).times(4));
    let ran = place.send_by(&proxy.endpoint(), &["-"]);
    ran.stdin(sent.join("\n")).run().await.expect(0);
    assert!(same(&place.bodies().await, &sent));
}

#[tokio::test]
async fn a_fifo_queue_has_each_group_in_order_and_a_repeat_once_f24() {
    let place = Place::new("orders.fifo").await;
    let line = |n: usize| {
        let by = ["ann", "bob", "cy"][n % 3];
        json!({"id": n, "by": by}).to_string()
    };
    let lines: Vec<_> = (0..25).map(line).collect();
    let options = ["-", "--group-pointer", "/by"];
    let ran = place.send(&options).stdin(lines.join("\n")).run().await;
    ran.expect(0);
    // Within five minutes a line is known again.
    let ran = place.send(&options).stdin(lines.join("\n")).run().await;
    ran.expect(0);
    let messages = place.drain().await;
    assert_eq!(messages.len(), 25);
    for by in ["ann", "bob", "cy"] {
        let of_group = messages.iter().filter(|message| {
            let system = message.attributes.as_ref().unwrap();
            system[&System::MessageGroupId] == by
        });
        let bodies: Vec<_> = of_group
            .map(|message| message.body.clone().unwrap())
            .collect();
        let expected = lines.iter().filter(|line| line.contains(by));
        assert_eq!(bodies, expected.cloned().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_cannot_run_ends_with_two_and_says_what_to_do() {
    let place = Place::new("orders").await;
    let (folder, path) = file("{}\n");
    let nowhere = folder.path().join("nowhere");
    let table: [(&[&str], &[&str]); 7] = [
        (&[nowhere.to_str().unwrap()], &["nowhere`", "No such file"]),
        (&[folder.path().to_str().unwrap()], &["is a directory"]),
        (&[&path, "--attribute", "a"], &["`a`", "NAME=VALUE"]),
        (&[&path, "--delay", "901"], &["901", "0..=900"]),
        (&[&path, "--failed", &path], &["the file that is read"]),
        (
            &[&path, "--failed", "/nowhere/f"],
            &["cannot write --failed"],
        ),
        (
            &[&path, "--group", "a", "--group-pointer", "/b"],
            &["cannot be used"],
        ),
    ];
    for (arguments, said) in table {
        let ran = place.send(arguments).run().await.expect(2).says(said);
        assert_eq!(ran.stdout, "");
    }
    let fifo = place
        .send(&[&path])
        .with("WAYBILL_QUEUE_URL", "http://q/1/q.fifo");
    fifo.run()
        .await
        .expect(2)
        .says(&["FIFO", "--group-pointer"]);
    let aws = place.aws.endpoint();
    let without = send(&[&path]).at(aws).run().await.expect(2);
    without.says(&["--queue-url", "WAYBILL_QUEUE_URL", "SourceQueueUrl"]);
    let nowhere = send(&[&path, "--queue-url", &place.url]).run().await;
    nowhere.expect(2).says(&["no AWS region", "--region"]);
    assert_eq!(place.bodies().await.len(), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
}

#[tokio::test]
async fn a_file_without_lines_is_sent_and_says_so() {
    let place = Place::new("orders").await;
    for text in ["", "\n \n"] {
        let (_folder, path) = file(text);
        let ran = place.send(&[&path]).run().await.expect(0);
        assert!(ran.stdout.starts_with("0 lines: 0 sent"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_queue_that_cannot_be_used_ends_it_in_bounded_time() {
    let place = Place::new("orders").await;
    let lines = events("e", 100).join("\n");
    let begun = Instant::now();
    let unknown = place.send(&["-"]).stdin(lines.clone());
    let unknown = unknown.with("WAYBILL_QUEUE_URL", &place.url.replace("orders", "others"));
    let ran = unknown.run().await.expect(2);
    let ran = ran.says(&["does not exist", "--region"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");

    let nobody = format!("http://127.0.0.1:{}", free_port().expect("a port is free"));
    let ran = place.send_by(&nobody, &["-"]).stdin(lines.clone());
    let ran = ran.run().await.expect(2);
    let ran = ran.says(&["did not answer", "--endpoint-url"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");

    let strangers = send(&["-", "--queue-url", &place.url, "--region", "us-east-1"])
        .with("AWS_ENDPOINT_URL", place.aws.endpoint())
        .stdin(lines.clone());
    strangers
        .run()
        .await
        .expect(2)
        .says(&["no AWS credentials"]);

    let proxy = place.aws.proxy();
    proxy.inject(Fault::new(FaultAction::AccessDenied));
    let denied = place.send_by(&proxy.endpoint(), &["-"]).stdin(lines);
    let ran = denied.run().await.expect(2);
    ran.says(&["you may not use queue", "`sqs:SendMessage`"]);
    assert!(
        begun.elapsed() < Duration::from_secs(90),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(place.bodies().await.len(), 0);
}

#[tokio::test]
async fn an_interrupt_ends_it_behind_a_line_that_it_names() {
    let place = Place::new("orders").await;
    let mut child = place.send(&["-"]).start();
    let mut stdin = child.stdin.take().unwrap();
    let lines = events("e", 5).join("\n") + "\n";
    stdin.write_all(lines.as_bytes()).await.unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while place
        .depth(QueueAttributeName::ApproximateNumberOfMessages)
        .await
        < 5
    {
        assert!(
            Instant::now() < end,
            "the lines are sent before their input ends"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(killed.success());
    let ran = ended(child).await.expect(1);
    let ran = ran.says(&["stopped after line 5: interrupted"]);
    assert!(ran.stdout.starts_with("5 lines: 5 sent"), "{ran:?}");
    drop(stdin);
}
