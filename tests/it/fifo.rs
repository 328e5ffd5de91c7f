//! FIFO queues, behind a trigger and polled: order within a group, through failures, and groups
//! side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName::{MessageDeduplicationId, MessageGroupId};
use serde_json::json;

use waybill_local::{GroupedMessage, Mode, Received, Reply};

use crate::poller::shown_soon;
use crate::support::stage::{Setting, Stage, event};

fn ok() -> Reply {
    Reply::status(200)
}

/// A stage with FIFO queues.
async fn setting(name: &'static str, mode: Mode) -> Setting {
    Setting::new(name).await.mode(mode).fifo()
}

/// Messages `group-1` to `group-count` of each group, the groups mixed.
fn mixed(groups: &[&str], count: u32) -> Vec<GroupedMessage> {
    let ids = (1..=count).flat_map(|n| groups.iter().map(move |group| (group, n)));
    ids.map(|(group, n)| {
        let id = format!("{group}-{n}");
        GroupedMessage::new(*group, &id, event(&id))
    })
    .collect()
}

/// Sends messages and has them worked on until none is left.
async fn run(stage: &Stage, mode: Mode, messages: &[GroupedMessage]) {
    let consumer = stage.bundle.consumer_function();
    // Not one by one as they come: in full batches.
    match mode {
        Mode::Trigger => stage.bundle.pause(consumer).await.unwrap(),
        Mode::Poll | Mode::Both => {}
    }
    let sent = stage.bundle.source().send_in_groups(messages).await;
    sent.unwrap();
    match mode {
        Mode::Trigger => {
            stage.bundle.resume(consumer).await.unwrap();
            stage
                .until("all is over", async |stage| stage.is_drained().await)
                .await;
        }
        Mode::Poll | Mode::Both => drop(stage.poll_until_drained().await),
    }
}

/// Every request to the target in its order, by group: the number of the event, and the answer.
fn by_group(stage: &Stage) -> BTreeMap<String, Vec<(u32, u16)>> {
    let mut groups: BTreeMap<String, Vec<(u32, u16)>> = BTreeMap::new();
    for exchange in stage.receiver.exchanges() {
        let (group, n) = number(&exchange.received);
        let status = exchange.status.unwrap();
        groups.entry(group).or_default().push((n, status));
    }
    groups
}

/// The group and the number of the event in a request.
fn number(received: &Received) -> (String, u32) {
    let id = received.event_id().unwrap();
    let (group, n) = id.rsplit_once('-').unwrap();
    (group.to_owned(), n.parse().unwrap())
}

/// One message in the middle of a group fails once: those behind it wait for it, and the other
/// groups do not.
async fn a_failure_in_the_middle(name: &'static str, mode: Mode) {
    // Long enough for the other groups to be done, on a busy machine too.
    let routes = r#"{
      defaults: {retry: {steps: 3, duration: 8s, factor: 1, jitter: 0}},
      routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 5s}}}]
    }"#;
    let stage = setting(name, mode).await.routes(routes);
    let stage = stage.stage(|received, nth| match number(received) {
        (group, 5) if group == "a" && nth == 1 => Reply::status(503),
        _ => ok(),
    });
    let stage = stage.await;
    run(&stage, mode, &mixed(&["a", "b", "c"], 8)).await;
    let groups = by_group(&stage);
    let accepted: Vec<_> = (1..=8).map(|n| (n, 200)).collect();
    assert_eq!(groups["b"], accepted);
    assert_eq!(groups["c"], accepted);
    let mut of_a = accepted.clone();
    of_a.insert(4, (5, 503));
    assert_eq!(groups["a"], of_a, "none overtook the fifth");
    // The others were not held up by it.
    let exchanges = stage.receiver.exchanges();
    let place = |group: &str, n: u32| {
        exchanges.iter().rposition(|exchange| {
            let (of, at) = number(&exchange.received);
            of == group && at == n
        })
    };
    assert!(place("b", 5) < place("a", 5), "{groups:?}");
    assert!(place("c", 5) < place("a", 5), "{groups:?}");
    assert_eq!(
        stage.bundle.dead_letters().depth().await.unwrap().total(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_in_the_middle_of_a_group_is_waited_for_behind_a_trigger_f24() {
    a_failure_in_the_middle("fifo-trigger", Mode::Trigger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_in_the_middle_of_a_group_is_waited_for_by_a_poll_f24() {
    a_failure_in_the_middle("fifo-poll", Mode::Poll).await;
}

/// The head of a group is refused for good: it alone is dead, and the group goes on behind it.
async fn a_poison_head(name: &'static str, mode: Mode) {
    let stage = setting(name, mode).await;
    let stage = stage.stage(|received, _| match number(received) {
        (_, 1) => Reply::status(422),
        _ => ok(),
    });
    let stage = stage.await;
    run(&stage, mode, &mixed(&["a"], 10)).await;
    let mut expected = vec![(1, 422)];
    expected.extend((2..=10).map(|n| (n, 200)));
    assert_eq!(by_group(&stage)["a"], expected);

    let row = stage.row("a-1").await;
    assert_eq!(
        (row.status(), row.dead_reason()),
        ("DEAD", Some("rejected"))
    );
    let died_with = row.text("dead_message_id").unwrap();
    let dead = stage.bundle.dead_letters().peek().await.unwrap();
    let [dead] = &dead[..] else {
        panic!("one alone is dead: {dead:#?}");
    };
    assert_eq!(dead.body(), Some(event("a-1").as_str()));
    let attributes = dead.attributes().unwrap();
    assert_eq!(attributes[&MessageGroupId], "a");
    assert_eq!(
        attributes[&MessageDeduplicationId],
        format!("{died_with}#0")
    );
    let reason = &dead.message_attributes().unwrap()["waybill-reason"];
    assert_eq!(reason.string_value(), Some("rejected"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_a_poison_head_of_a_group_dies_alone_behind_a_trigger_f25_f26() {
    a_poison_head("fifo-poison-trigger", Mode::Trigger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_a_poison_head_of_a_group_dies_alone_in_a_poll_f25_f26() {
    a_poison_head("fifo-poison-poll", Mode::Poll).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_4_what_of_a_group_the_deadline_left_comes_soon_uncharged_and_in_order_f16() {
    // A try that is charged to an event that was not tried kills it.
    let routes = r#"{
      defaults: {retry: {steps: 0}},
      routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 15s}}}]
    }"#;
    let setting = setting("fifo-deadline", Mode::Poll).await.routes(routes);
    // The first takes more than half of the time: then no other may begin.
    let setting = setting.with("PollerVisibilitySeconds", 30);
    let stage = setting.stage(|received, _| match number(received) {
        (_, 1) => ok().after(Duration::from_secs(11)),
        _ => ok(),
    });
    let stage = stage.await;
    stage.poller_time(20).await;
    stage.aws.proxy().record();
    let messages = mixed(&["a"], 9);
    stage
        .bundle
        .source()
        .send_in_groups(&messages)
        .await
        .unwrap();
    let report = stage.poll(json!({"stop_when_empty": true})).await;
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(count("received"), 9, "{report}");
    assert_eq!(count("delivered"), 1, "{report}");
    assert_eq!(count("deferred"), 8, "{report}");
    assert_eq!(count("attempts"), 1, "{report}");
    assert_eq!(shown_soon(&stage), 8);
    stage.poll_until_drained().await;
    let accepted: Vec<_> = (1..=9).map(|n| (n, 200)).collect();
    assert_eq!(by_group(&stage)["a"], accepted);
    let logs = stage.logs().await;
    for cause in ["\"cause\":\"deadline\"", "\"cause\":\"group_blocked\""] {
        assert!(logs.iter().any(|line| line.contains(cause)), "{logs:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_keeps_its_order_when_a_poller_is_killed_f24_f33() {
    let setting = setting("fifo-killed", Mode::Poll).await;
    let setting = setting.with("PollerVisibilitySeconds", 10);
    let aws = setting.aws();
    let stage = setting.stage(move |received, nth| {
        if number(received) == ("a".to_owned(), 4) && nth == 1 {
            for sandbox in aws.sandboxes("") {
                let _ = sandbox.kill();
            }
            return Reply::status(503);
        }
        ok()
    });
    let stage = stage.await;
    let messages = mixed(&["a", "b"], 8);
    stage
        .bundle
        .source()
        .send_in_groups(&messages)
        .await
        .unwrap();
    let killed = stage.try_poll(json!({"stop_when_empty": true})).await;
    assert!(killed.is_err(), "{killed:?}");
    stage.poll_until_drained().await;
    for (group, requests) in by_group(&stage) {
        // What was done twice keeps its place.
        let mut accepted: Vec<_> = requests
            .iter()
            .filter(|(_, status)| *status == 200)
            .collect();
        accepted.dedup();
        let numbers: Vec<_> = accepted.into_iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, (1..=8).collect::<Vec<_>>(), "{group}");
    }
    assert_eq!(
        stage.bundle.dead_letters().depth().await.unwrap().total(),
        0
    );
}
