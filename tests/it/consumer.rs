//! The consumer as it is deployed: the real binary, triggered by a real mapping, against stand-ins
//! and real trouble.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount as ReceiveCount;
use aws_sdk_sqs::types::{Message, MessageAttributeValue};

use waybill_local::{Fault, FaultAction, Gate, Reply};

use crate::support::config_for;
use crate::support::dynamodb_local::make_table;
use crate::support::stage::{Setting, Stage, event, events};

/// Whether a request is about an event whose id begins so.
fn is(received: &waybill_local::Received, id: &str) -> bool {
    received
        .event_id()
        .is_some_and(|event| event.starts_with(id))
}

fn ok() -> Reply {
    Reply::status(200)
}

/// The text of a message attribute.
fn attribute(message: &Message, name: &str) -> Option<String> {
    let attributes = message.message_attributes()?;
    attributes
        .get(name)
        .and_then(MessageAttributeValue::string_value)
        .map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_1_every_event_is_delivered_once_and_leaves_after_the_ledger_says_so_f34() {
    let stage = Setting::new("happy").await.stage(|_, _| ok()).await;
    let before = stage.aws.proxy().counts();
    stage.send_in_batches(&events("e", 100)).await;
    stage.until_delivered(100).await;
    assert_eq!(stage.effects(), [1; 100]);
    let counts = stage.aws.proxy().counts().since(&before);
    // Twenty where the ten of a batch end together. A busy machine lets them end apart, but hardly
    // one by one.
    assert!(counts.of_service("dynamodb") <= 60, "{counts:?}");
    assert_eq!(counts.of_service("sqs"), 0, "{counts:?}");
    let rows = stage.bundle.ledger().rows().await.unwrap();
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row.status() == "COMPLETED"));
    assert!(
        rows.iter()
            .all(|row| row.number("expires_at") > Some(1_700_000_000))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_a_repeat_does_nothing_f09_f45() {
    let stage = Setting::new("repeats").await.stage(|_, _| ok()).await;
    let mut sent = events("e", 15);
    sent.extend(events("e", 15));
    stage.send_in_batches(&sent).await;
    stage.until_delivered(15).await;
    stage.send(&events("e", 15)).await;
    stage
        .until("the repeats are over", async |stage| {
            stage.is_drained().await
        })
        .await;
    assert_eq!(stage.effects(), [1; 15]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failed_message_of_ten_stays_alone_f12() {
    let stage = Setting::new("partial").await;
    let stage = stage.stage(|received, nth| match nth {
        1 | 2 if is(received, "e-7") => Reply::status(503),
        _ => ok(),
    });
    let stage = stage.await;
    stage.send_in_batches(&events("e", 10)).await;
    stage.until_delivered(10).await;
    assert_eq!(stage.effects(), [1; 10]);
    let tries = stage.requests("e-7");
    assert_eq!(tries.len(), 3);
    assert!(
        tries
            .iter()
            .all(|t| { t.received.idempotency_key() == tries[0].received.idempotency_key() })
    );
    assert_eq!(stage.requests("e-6").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_7_a_body_that_will_not_parse_harms_no_other_f14() {
    let routes = r#"{routes: [{name: hook, require: json, target: {http: {url: "URL/hook"}}}]}"#;
    let setting = Setting::new("poison")
        .await
        .routes(routes)
        .with("MaxReceiveCount", 5);
    let stage = setting.stage(|_, _| ok()).await;
    let mut sent = events("e", 9);
    sent.push("{\"id\": \"broken".to_owned());
    stage.send_in_batches(&sent).await;
    stage.until_dead(1).await;
    assert_eq!(stage.effects(), [1; 9]);
    let rows = stage.bundle.ledger().rows().await.unwrap();
    let dead: Vec<_> = rows.iter().filter_map(|row| row.dead_reason()).collect();
    assert_eq!(dead, ["malformed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_spent_tries_reach_the_dead_letter_queue_by_the_redrive_policy() {
    let stage = Setting::new("spent")
        .await
        .stage(|_, _| Reply::status(503))
        .await;
    let ids = stage.send(&[event("e-1")]).await;
    stage.until_dead(1).await;
    assert_eq!(stage.requests("e-1").len(), 4, "one try and three retries");
    let row = stage.row("e-1").await;
    assert_eq!(
        (row.status(), row.dead_reason()),
        ("DEAD", Some("attempts_spent"))
    );
    let dead = stage.bundle.dead_letters().peek().await.unwrap();
    assert_eq!(
        dead[0].message_id(),
        Some(ids[0].as_str()),
        "moved by SQS, untouched"
    );
    assert_eq!(dead[0].body(), Some(event("e-1").as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_with_send_the_dead_carry_their_reason_f36() {
    let setting = Setting::new("send").await.with("DeadLetterMode", "send");
    let stage = setting
        .with("MaxReceiveCount", 100)
        .stage(|_, _| Reply::status(422))
        .await;
    stage.send(&[event("e-1")]).await;
    stage.until_dead(1).await;
    let dead = stage.bundle.dead_letters().peek().await.unwrap();
    assert_eq!(
        attribute(&dead[0], "waybill-reason").as_deref(),
        Some("rejected")
    );
    assert_eq!(stage.requests("e-1").len(), 1);
    assert_eq!(stage.row("e-1").await.status(), "DEAD");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_killed_in_the_middle_nothing_is_lost_and_repeats_carry_their_key_f33() {
    let setting = Setting::new("killed").await;
    let aws = setting.aws();
    // All that run die before one of these has its answer; the others of their batches may have.
    let stage = setting.stage(move |received, nth| {
        if nth == 1 && is(received, "e-5") {
            for sandbox in aws.sandboxes("") {
                let _ = sandbox.kill();
            }
        }
        ok()
    });
    let stage = stage.await;
    stage.send_in_batches(&events("e", 30)).await;
    stage.until_delivered(30).await;
    let effects = stage.receiver.effects();
    assert_eq!(effects.len(), 30, "a repeat has the key of its first try");
    assert!(
        effects.values().all(|effects| (1..=2).contains(effects)),
        "{effects:?}"
    );
    assert_eq!(stage.requests("e-5").len(), 2, "its first answer was lost");
    let rows = stage.bundle.ledger().rows().await.unwrap();
    assert!(rows.iter().all(|row| row.status() == "COMPLETED"));
}

/// The table is written side by side with the calls, so that some die after their item was written
/// and before the ledger says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_killed_in_the_middle_a_table_counts_each_event_once_f33_f38() {
    let routes = r#"{
      defaults: {retry: {steps: 10, duration: 1s, factor: 1, jitter: 0}},
      routes: [
        {name: hook, target: {http: {url: "URL/hook", timeout: 5s}}},
        {name: count, target: {dynamodb:
          {table: counted, key: "{pk: id}", add: "{n: `1`}", timeout: 5s}}}
      ]
    }"#;
    let setting = Setting::new("counted").await.routes(routes);
    let aws = setting.aws();
    let table = Client::new(&config_for(aws.endpoint()).await);
    make_table(&table, "counted").await;
    let stage = setting.stage(move |received, nth| {
        // Once: what dies three times is dead, and a machine that is slow may add to that.
        if nth == 1 && is(received, "e-5") {
            for sandbox in aws.sandboxes("") {
                let _ = sandbox.kill();
            }
        }
        ok()
    });
    let stage = stage.await;
    stage.send_in_batches(&events("e", 30)).await;
    stage.until_delivered(30).await;
    let rows = stage.bundle.ledger().rows().await.unwrap();
    let states: Vec<_> = rows.iter().map(|row| row.status()).collect();
    assert_eq!(states, ["COMPLETED"; 30]);
    let items = table.scan().table_name("counted").consistent_read(true);
    let items = items.send().await.expect("the table can be read").items;
    let items = items.unwrap_or_default();
    let once = AttributeValue::N("1".to_owned());
    assert_eq!(items.len(), 30);
    assert!(items.iter().all(|item| item["n"] == once), "{items:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_3_a_target_slower_than_the_function_is_cut_off_before_the_deadline_f61() {
    let routes = r#"{
      defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
      routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 60s}}}]
    }"#;
    // Long enough for the two seconds at its end that a function keeps at most.
    let setting = Setting::new("slow")
        .await
        .routes(routes)
        .with("FunctionTimeoutSeconds", 20)
        .with("VisibilityTimeoutSeconds", 30);
    let stage = setting.stage(|received, nth| match nth {
        1 if is(received, "slow") => Reply::hang(),
        _ => ok(),
    });
    let stage = stage.await;
    let mut sent = events("e", 9);
    sent.push(event("slow"));
    stage.send_in_batches(&sent).await;
    stage.until_delivered(10).await;
    assert_eq!(stage.effects(), [1; 10], "what was done is not done again");
    assert_eq!(stage.requests("slow").len(), 2);
    let logs = stage.logs().await;
    assert!(
        !logs.iter().any(|line| line.contains("Task timed out")),
        "{logs:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_a_function_that_timed_out_in_the_middle_loses_nothing_f16_f38() {
    let setting = Setting::new("frozen").await;
    let aws = setting.aws();
    let stage = setting.stage(move |received, nth| {
        if nth == 1 && is(received, "e-5") {
            for sandbox in aws.sandboxes("") {
                let _ = sandbox.stop();
            }
        }
        ok()
    });
    let stage = stage.await;
    stage.send_in_batches(&events("e", 10)).await;
    stage.until_delivered(10).await;
    let effects = stage.receiver.effects();
    assert_eq!(effects.len(), 10, "a repeat has the key of its first try");
    assert!(
        effects.values().all(|effects| (1..=2).contains(effects)),
        "{effects:?}"
    );
    assert_eq!(stage.requests("e-5").len(), 2, "its first answer was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_two_consumers_of_one_queue_share_one_effect_f29() {
    let stage = Setting::new("twins").await.stage(|_, _| ok()).await;
    stage
        .bundle
        .add_trigger(stage.bundle.consumer_function())
        .await
        .unwrap();
    let mut sent = events("e", 60);
    sent.extend(events("e", 60));
    stage.send_in_batches(&sent).await;
    stage.until_delivered(60).await;
    assert_eq!(stage.effects(), [1; 60]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_4_a_receive_without_a_try_is_no_attempt_f43_f46() {
    // One retry, which the target needs: one attempt charged too many, and the event is dead.
    let routes = r#"{
      defaults: {retry: {steps: 1, duration: 1s, factor: 1, jitter: 0}},
      routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 15s}}}]
    }"#;
    let setting = Setting::new("uncharged")
        .await
        .routes(routes)
        .with("FunctionTimeoutSeconds", 20)
        .with("VisibilityTimeoutSeconds", 22);
    let deferred = Gate::shut();
    let gate = deferred.clone();
    let stage = setting.stage(move |received, nth| match nth {
        1 if is(received, "throttled") => Reply::status(503),
        _ => ok().behind(&gate),
    });
    let stage = stage.await;
    let function = stage.bundle.consumer_function();
    stage.bundle.add_trigger(function).await.unwrap();

    // A copy comes to the second trigger while the first one's lease holds.
    stage.send(&[event("busy")]).await;
    stage
        .until("the event is in flight", async |stage| {
            !stage.requests("busy").is_empty()
        })
        .await;
    let copy = stage.send(&[event("busy")]).await.remove(0);
    until_deferred(&stage, &copy, "lease_busy").await;
    deferred.open();
    stage
        .until("the event is done", async |stage| {
            stage.row("busy").await.status() == "COMPLETED"
        })
        .await;

    // An event comes while DynamoDB throttles.
    let throttle = Fault::new(FaultAction::Throttle).service("dynamodb");
    stage.aws.proxy().inject(throttle);
    let throttled = stage.send(&[event("throttled")]).await.remove(0);
    until_deferred(&stage, &throttled, "store_down").await;
    stage.bundle.pause(function).await.unwrap();
    stage.aws.proxy().heal();
    stage.until_all_visible().await;
    let received = stage.bundle.source().peek().await.unwrap();
    let one = received
        .iter()
        .find(|message| message.message_id() == Some(&throttled));
    let receives = one.unwrap().attributes().unwrap()[&ReceiveCount].as_str();
    assert!(
        receives.parse::<u32>().unwrap() > 1,
        "SQS counted {receives}"
    );

    stage.bundle.resume(function).await.unwrap();
    stage.until_delivered(2).await;
    assert_eq!(stage.effects(), [1; 2]);
    assert_eq!(stage.requests("busy").len(), 1, "the copy was not tried");
    let statuses: Vec<_> = stage
        .requests("throttled")
        .into_iter()
        .map(|r| r.status)
        .collect();
    assert_eq!(
        statuses,
        [Some(503), Some(200)],
        "it had its whole number of tries"
    );
    assert_eq!(stage.row("throttled").await.status(), "COMPLETED");
}

/// Waits until the function has said that it deferred a message for this cause.
async fn until_deferred(stage: &Stage, message_id: &str, cause: &str) {
    let cause = format!("\"cause\":\"{cause}\"");
    stage
        .until("the message is deferred", async |stage| {
            let logs = stage.logs().await;
            let mut of_it = logs.iter().filter(|line| line.contains(message_id));
            of_it.any(|line| line.contains("message deferred") && line.contains(&cause))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_6_while_dynamodb_refuses_nothing_is_begun_or_charged_f43() {
    for (name, action) in [
        ("refusing", FaultAction::Refuse),
        ("throttling", FaultAction::Throttle),
    ] {
        let stage = Setting::new(name).await.stage(|_, _| ok()).await;
        let fault = stage
            .aws
            .proxy()
            .inject(Fault::new(action).service("dynamodb"));
        stage.send_in_batches(&events("e", 10)).await;
        stage
            .until("it was tried", async |stage| {
                stage.aws.proxy().spoiled(fault) >= 4
            })
            .await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(
            stage.receiver.exchanges().is_empty(),
            "no effect without a claim"
        );
        assert!(!stage.is_drained().await, "the messages stay");
        stage.aws.proxy().heal();
        stage.until_delivered(10).await;
        assert_eq!(stage.effects(), [1; 10]);
        assert!(
            stage
                .receiver
                .exchanges()
                .iter()
                .all(|exchange| exchange.nth_try == 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_a_lost_reply_is_recognised_f40() {
    for (name, skip) in [("lost-claim", 0), ("lost-settle", 1)] {
        let stage = Setting::new(name).await.stage(|_, _| ok()).await;
        let lost = Fault::new(FaultAction::DropReply)
            .service("dynamodb")
            .skip(skip)
            .times(1);
        let fault = stage
            .aws
            .proxy()
            .inject(lost.operation("BatchExecuteStatement"));
        stage.send_in_batches(&events("e", 10)).await;
        stage.until_delivered(10).await;
        assert_eq!(stage.aws.proxy().spoiled(fault), 1);
        assert_eq!(stage.effects(), [1; 10], "{name}");
        let rows = stage.bundle.ledger().rows().await.unwrap();
        assert!(
            rows.iter()
                .all(|row| row.number("crashes").unwrap_or(0) == 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_console_redrives_is_tried_again_where_it_did_not_deliver_f69() {
    let routes = r#"{routes: [
      {name: crm, target: {http: {url: "URL/crm"}}},
      {name: audit, target: {http: {url: "URL/audit"}}}
    ]}"#;
    let mended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_mended = std::sync::Arc::clone(&mended);
    let setting = Setting::new("redrive")
        .await
        .routes(routes)
        .with("MaxReceiveCount", 5);
    let stage = setting.stage(move |received, _| {
        let refuse =
            received.path == "/crm" && !is_mended.load(std::sync::atomic::Ordering::SeqCst);
        Reply::status(if refuse { 422 } else { 200 })
    });
    let stage = stage.await;
    stage.send(&[event("e-1")]).await;
    stage.until_dead(1).await;
    mended.store(true, std::sync::atomic::Ordering::SeqCst);
    // As the console does it: the body is sent again, as a new message.
    let dead = stage.bundle.dead_letters().drain().await.unwrap();
    stage.send(&[dead[0].body().unwrap().to_owned()]).await;
    stage.until_delivered(2).await;
    let paths: BTreeMap<_, _> = stage.requests("e-1").into_iter().fold(
        BTreeMap::new(),
        |mut paths: BTreeMap<String, u32>, exchange| {
            *paths.entry(exchange.received.path).or_default() += 1;
            paths
        },
    );
    assert_eq!(
        paths,
        BTreeMap::from([("/crm".to_owned(), 2), ("/audit".to_owned(), 1)])
    );
    let row = stage.row("e-1").await;
    assert_eq!(
        (row.status(), row.number("redrive_n")),
        ("COMPLETED", Some(1))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_7_one_aborting_message_among_nine_dies_alone() {
    // Hidden until the lease of the process that died may be taken over.
    let setting = Setting::new("abort")
        .await
        .with("MaxReceiveCount", 10)
        .with("VisibilityTimeoutSeconds", 16);
    let aws = setting.aws();
    // What takes the process down is not the target: but that it happens while this message is
    // worked on, and again each time, is the same. Another process that runs beside it lives on.
    let stage = setting.stage(move |received, _| {
        if is(received, "bomb") {
            let bombed = aws.sandbox_at(received.from);
            bombed.expect("it runs").kill().expect("it can be killed");
            return Reply::hang();
        }
        ok().after(Duration::from_millis(200))
    });
    let stage = stage.await;
    let mut sent = events("e", 9);
    sent.insert(4, event("bomb"));
    stage.send_in_batches(&sent).await;
    stage.until_dead(1).await;
    let effects = stage.receiver.effects();
    assert_eq!(effects.len(), 9, "the nine were delivered");
    let row = stage.row("bomb").await;
    assert_eq!((row.status(), row.dead_reason()), ("DEAD", Some("crashed")));
    assert_eq!(stage.requests("bomb").len(), 3);
    assert_eq!(
        stage.bundle.dead_letters().depth().await.unwrap().total(),
        1
    );
}
