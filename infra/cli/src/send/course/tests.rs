//! Facts about the loop, with a queue that is played.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::mpsc;

use super::*;
use crate::send::letter::{Deduplication, Group};
use crate::send::line::Content;
use crate::send::tests::{Answer, Played};

/// A run of these lines: the report as scripts have it.
async fn sent<F>(queue: &Played<F>, order: Order, mode: Mode, lines: &[&str]) -> Value
where
    F: Fn(&str, u32) -> Answer + Send + Sync,
{
    let report = tried(queue, order, mode, lines).await.unwrap();
    let mut report = serde_json::to_value(report).unwrap();
    let report = report.as_object_mut().unwrap();
    report.retain(|name, _| !["seconds", "rate"].contains(&name.as_str()));
    Value::Object(report.clone())
}

/// The same where it may fail.
async fn tried<F>(
    queue: &Played<F>,
    order: Order,
    mode: Mode,
    lines: &[&str],
) -> Result<Report, Failure>
where
    F: Fn(&str, u32) -> Answer + Send + Sync,
{
    let (sender, receiver) = mpsc::channel(lines.len().max(1));
    for line in read(lines) {
        sender.send(Ok(line)).await.unwrap();
    }
    drop(sender);
    let (_interrupt, interrupts) = mpsc::channel(1);
    run(means(queue, order, mode), receiver, interrupts).await
}

fn read(lines: &[&str]) -> Vec<Line> {
    let line = |(number, text): (u64, &&str)| Line {
        number,
        read: 0,
        content: Content::Bytes(text.as_bytes().to_vec()),
    };
    (1..).zip(lines).map(line).collect()
}

fn means<F>(queue: &Played<F>, order: Order, mode: Mode) -> Means<'_, Played<F>, Played<F>> {
    let (group, deduplication) = match order {
        Order::Free => (Group::Absent, Deduplication::Absent),
        Order::ByGroup => (Group::At("/g".to_owned()), Deduplication::Line),
    };
    Means {
        queue,
        ambient: queue,
        form: Form {
            attributes: BTreeMap::new(),
            group,
            deduplication,
        },
        order,
        mode,
        unsent: None,
        bar: ProgressBar::hidden(),
    }
}

/// What a report says of three counts.
fn counts(report: &Value) -> [u64; 4] {
    ["lines", "sent", "refused", "failed"].map(|name| report[name].as_u64().unwrap())
}

#[tokio::test(start_paused = true)]
async fn every_line_is_sent_once_and_the_bad_are_told() {
    let queue = Played::new(|_, _| Answer::Taken);
    let lines: Vec<_> = (1..=25)
        .map(|n| {
            if n == 7 {
                "nope".to_owned()
            } else {
                n.to_string()
            }
        })
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let report = sent(&queue, Order::Free, Mode::Send, &lines).await;
    assert_eq!(counts(&report), [25, 24, 1, 0]);
    assert_eq!(report["failures"][0]["line"], 7);
    let mut bodies: Vec<_> = queue.batches().concat();
    bodies.sort_by_key(|body| body.parse::<u64>().unwrap());
    let good: Vec<_> = lines.into_iter().filter(|line| *line != "nope").collect();
    assert_eq!(bodies, good);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_checks_and_sends_nothing() {
    let queue = Played::new(|_, _| Answer::Taken);
    let report = sent(&queue, Order::Free, Mode::DryRun, &["1", "nope", "3"]).await;
    assert_eq!(counts(&report), [3, 2, 1, 0]);
    assert_eq!(queue.batches().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_message_says_wrong_fails_that_message_alone_f31() {
    let queue = Played::new(|body, _| match body {
        "2" => Answer::Permanent,
        _ => Answer::Taken,
    });
    let report = sent(&queue, Order::Free, Mode::Send, &["1", "2", "3"]).await;
    assert_eq!(counts(&report), [3, 2, 0, 1]);
    assert_eq!(report["stopped"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_sent_it_could_not_run() {
    let queue = Played::new(|_, _| Answer::Denied);
    let lines = ["1"; 50];
    let failure = tried(&queue, Order::Free, Mode::Send, &lines).await;
    let said = failure.unwrap_err().to_string();
    assert!(said.contains("AccessDenied"), "{said}");
    assert_eq!(queue.batches().len(), 1, "asked once");
}

#[tokio::test(start_paused = true)]
async fn what_holds_for_every_message_ends_the_run_and_says_where() {
    let queue = Played::new(|body, _| match body.parse::<u64>().unwrap() {
        0..=10 => Answer::Taken,
        _ => Answer::Denied,
    });
    let lines: Vec<_> = (1..=200).map(|n| n.to_string()).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let report = sent(&queue, Order::Free, Mode::Send, &lines).await;
    let [taken, sent, refused, failed] = counts(&report);
    assert_eq!((sent, refused), (10, 0));
    assert_eq!(taken, sent + failed, "every line that was taken is told");
    assert!(taken < 100, "{taken}");
    assert_eq!(report["stopped"]["after_line"], taken);
    let reason = report["stopped"]["reason"].as_str().unwrap();
    assert!(reason.contains("AccessDenied"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_failure_in_its_group_is_not_sent_f24() {
    let queue = Played::new(|body, _| match body.contains("bad") {
        true => Answer::Permanent,
        false => Answer::Taken,
    });
    let lines = [
        r#"{"g":"a","n":1}"#,
        r#"{"g":"a","n":"bad"}"#,
        r#"{"g":"b","n":3}"#,
        r#"{"g":"a","n":4}"#,
        r#"{"g":"b","n":5}"#,
    ];
    let report = sent(&queue, Order::ByGroup, Mode::Send, &lines).await;
    assert_eq!(counts(&report), [5, 3, 0, 2]);
    let told = report["failures"].as_array().unwrap();
    let lines_told: Vec<_> = told.iter().map(|one| one["line"].as_u64()).collect();
    assert_eq!(lines_told, [Some(2), Some(4)]);
    let reason = told[1]["reason"].as_str().unwrap();
    assert!(reason.contains("an earlier line of its group"), "{reason}");
    assert_eq!(
        queue.batches().concat(),
        [lines[0], lines[1], lines[2], lines[4]]
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_is_sent_in_order_whatever_is_tried_again_f24() {
    let queue = Played::new(|body, tries| match body.contains("slow") && tries < 3 {
        true => Answer::Transient,
        false => Answer::Taken,
    });
    let lines = [
        r#"{"g":"a","n":"slow 1"}"#,
        r#"{"g":"b","n":2}"#,
        r#"{"g":"a","n":3}"#,
        r#"{"g":"a","n":4}"#,
    ];
    let report = sent(&queue, Order::ByGroup, Mode::Send, &lines).await;
    assert_eq!(counts(&report), [4, 4, 0, 0]);
    let batches = queue.batches();
    let expected: Vec<Vec<&str>> = vec![
        vec![lines[0], lines[1]],
        vec![lines[0]],
        vec![lines[0]],
        vec![lines[2]],
        vec![lines[3]],
    ];
    assert_eq!(batches, expected);
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_before_an_interrupt_is_sent() {
    let queue = Played::new(|_, _| Answer::Taken);
    let (sender, lines) = mpsc::channel(8);
    let (interrupt, interrupts) = mpsc::channel(1);
    for line in read(&["1", "2", "3"]) {
        sender.send(Ok(line)).await.unwrap();
    }
    let running = run(means(&queue, Order::Free, Mode::Send), lines, interrupts);
    let interrupting = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        interrupt.send(()).await.unwrap();
    };
    let (report, ()) = tokio::join!(running, interrupting);
    let report = report.unwrap();
    assert_eq!((report.lines, report.sent), (3, 3));
    let stopped = report.stopped.unwrap();
    assert_eq!(
        (stopped.after_line, stopped.reason.as_str()),
        (3, "interrupted")
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_interrupt_ends_it_at_once() {
    let queue = Played::new(|_, _| Answer::Transient);
    let (sender, lines) = mpsc::channel(8);
    let (interrupt, interrupts) = mpsc::channel(2);
    for line in read(&["1", "2"]) {
        sender.send(Ok(line)).await.unwrap();
    }
    drop(sender);
    let running = run(means(&queue, Order::Free, Mode::Send), lines, interrupts);
    let begun = tokio::time::Instant::now();
    let interrupting = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            interrupt.send(()).await.unwrap();
        }
    };
    let (report, ()) = tokio::join!(running, interrupting);
    let said = report.unwrap_err().to_string();
    assert!(said.contains("interrupted twice"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn lines_that_come_slowly_are_not_held_back_for_a_full_batch() {
    let queue = Played::new(|_, _| Answer::Taken);
    let (sender, lines) = mpsc::channel(8);
    let (_interrupt, interrupts) = mpsc::channel(1);
    let running = run(means(&queue, Order::Free, Mode::Send), lines, interrupts);
    let slow = async {
        for line in read(&["1", "2"]) {
            sender.send(Ok(line)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        drop(sender);
    };
    let (report, ()) = tokio::join!(running, slow);
    assert_eq!(report.unwrap().sent, 2);
    assert_eq!(queue.batches(), [["1"], ["2"]]);
}
