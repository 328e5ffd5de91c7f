//! The poller as it is deployed: the real binary, invoked by hand, on a queue of its own or beside
//! others, against stand-ins and real trouble.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use waybill_local::{Asked, EntryFault, Fault, FaultAction, Gate, Mode, Reply};

use crate::support::stage::{Setting, Stage, event, events, sum};

/// One route whose target may take its time.
const PATIENT: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 50s}}}]
}"#;

fn ok() -> Reply {
    Reply::status(200)
}

/// Polls until the queue has nothing to give.
fn to_its_end() -> Value {
    json!({"stop_when_empty": true})
}

/// A stage that polls.
async fn setting(name: &'static str) -> Setting {
    Setting::new(name).await.mode(Mode::Poll)
}

/// Named counts of a report.
fn counts<const N: usize>(report: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| {
        let count = report[name].as_u64();
        count.unwrap_or_else(|| panic!("no `{name}` in {report}"))
    })
}

/// What the functions asked of an operation, with its answers, since records are kept.
fn asked(stage: &Stage, service: &str, operation: &str) -> Vec<Asked> {
    let mut recorded = stage.aws.proxy().recorded();
    recorded.retain(|asked| asked.is(service, operation));
    recorded
}

/// The entries of a batch.
fn entries(asked: &Asked) -> Vec<Value> {
    let request = asked.request();
    request["Entries"].as_array().cloned().unwrap_or_default()
}

/// The messages that receives brought.
fn received(stage: &Stage) -> Vec<Value> {
    let receives = asked(stage, "sqs", "ReceiveMessage");
    let replies = receives.iter().map(Asked::reply);
    replies
        .flat_map(|reply| reply["Messages"].as_array().cloned().unwrap_or_default())
        .collect()
}

/// How many messages were shown again within two seconds, long before they would have shown
/// themselves.
pub(crate) fn shown_soon(stage: &Stage) -> usize {
    let changes = asked(stage, "sqs", "ChangeMessageVisibilityBatch");
    let soon = |entry: &Value| entry["VisibilityTimeout"].as_u64() <= Some(2);
    changes.iter().flat_map(entries).filter(soon).count()
}

/// How many receives brought nothing.
fn idle_receives(stage: &Stage) -> usize {
    let receives = asked(stage, "sqs", "ReceiveMessage");
    let empty = |asked: &&Asked| asked.reply()["Messages"].as_array().is_none();
    receives.iter().filter(empty).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_1_a_poll_drains_its_queue_and_says_what_it_did_f45() {
    let stage = setting("drain").await.stage(|_, _| ok()).await;
    let mut sent = events("e", 90);
    sent.extend(events("e", 10));
    stage.send(&sent).await;
    let report = stage.poll(to_its_end()).await;
    let names = ["received", "delivered", "duplicates", "attempts", "deleted"];
    assert_eq!(counts(&report, names), [100, 90, 10, 90, 100], "{report}");
    let names = [
        "ignored",
        "retried",
        "dead",
        "deferred",
        "fenced",
        "leases_lost",
    ];
    assert_eq!(counts(&report, names), [0; 6], "{report}");
    assert_eq!(report["stopped"], "empty");
    assert!(report["seconds"].as_f64() > Some(0.0));
    assert_eq!(stage.effects(), [1; 90]);
    assert!(stage.is_drained().await);
    let rows = stage.bundle.ledger().rows().await.unwrap();
    assert_eq!(rows.len(), 90);
    assert!(rows.iter().all(|row| row.status() == "COMPLETED"));
    let logs = stage.logs().await;
    let line = logs.iter().find(|line| line.contains("\"poll ended\""));
    let line: Value = serde_json::from_str(line.expect("its line")).unwrap();
    for (name, value) in report.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_1_effect_ledger_delete_in_this_order_f34() {
    let slow = Duration::from_millis(150);
    let stage = setting("order").await;
    let stage = stage.stage(move |_, _| ok().after(slow)).await;
    stage.aws.proxy().record();
    stage.send(&events("e", 60)).await;
    let report = stage.poll(to_its_end()).await;
    assert_eq!(counts(&report, ["delivered", "deleted"]), [60, 60]);

    let event_of = |message: &Value| {
        let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        body["id"].as_str().unwrap().to_owned()
    };
    let events: BTreeMap<_, _> = received(&stage)
        .iter()
        .map(|m| (m["ReceiptHandle"].as_str().unwrap().to_owned(), event_of(m)))
        .collect();
    let writes = asked(&stage, "dynamodb", "BatchExecuteStatement");
    let completions: Vec<(SystemTime, String)> = writes
        .iter()
        .map(|write| (write.answered_at, write.request().to_string()))
        .filter(|(_, text)| text.contains("COMPLETED"))
        .collect();
    let mut deleted = 0;
    for delete in asked(&stage, "sqs", "DeleteMessageBatch") {
        for entry in entries(&delete) {
            let event = &events[entry["ReceiptHandle"].as_str().unwrap()];
            let [exchange] = &stage.requests(event)[..] else {
                panic!("{event} was not asked for once");
            };
            let acknowledged = exchange.received.at + slow;
            let key = json!(format!("order#plain:orders\0{event}")).to_string();
            let completed = completions.iter().find(|(_, text)| text.contains(&key));
            let (completed, _) = completed.unwrap_or_else(|| panic!("{event} not completed"));
            assert!(acknowledged <= *completed, "{event}");
            assert!(*completed <= delete.at, "{event}");
            deleted += 1;
        }
    }
    assert_eq!(deleted, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_costs_a_quarter_of_a_request_and_an_idle_queue_next_to_nothing() {
    let stage = setting("cost").await.stage(|_, _| ok()).await;
    stage.send(&events("e", 300)).await;
    stage.aws.proxy().record();
    // While a write is under way, what ends meanwhile shares the next one: so many share that a
    // busy machine, which lets them end apart, spoils nothing.
    let slow = Fault::new(FaultAction::Delay(Duration::from_millis(200)));
    let slow = slow.operation("BatchExecuteStatement");
    let slow = stage.aws.proxy().inject(slow);
    let before = stage.aws.proxy().counts();
    let report = stage.poll(to_its_end()).await;
    assert_eq!(counts(&report, ["delivered", "deleted"]), [300, 300]);
    let spent = stage.aws.proxy().counts().since(&before);
    let idle = u32::try_from(idle_receives(&stage)).unwrap();
    assert!(spent.of_service("sqs") <= 75 + u64::from(idle), "{spent:?}");
    assert!(spent.of_service("dynamodb") <= 75, "{spent:?}");
    // At most as many as run at once, and one in each second while the last are worked on.
    let seconds = report["seconds"].as_f64().unwrap();
    assert!(f64::from(idle) <= 12.0 + seconds, "{idle} in {report}");
    stage.aws.proxy().withdraw(slow);

    // One long poll for as long as there is, and perhaps what is left of it.
    stage.poller_time(6).await;
    let before = stage.aws.proxy().counts();
    let report = stage.poll(json!({})).await;
    assert_eq!(counts(&report, ["received"]), [0]);
    assert_eq!(report["stopped"], "deadline");
    let spent = stage.aws.proxy().counts().since(&before);
    assert!(spent.of("sqs", "ReceiveMessage") <= 2, "{spent:?}");
    assert_eq!(spent.of_service("dynamodb"), 0, "{spent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_messages_cost_two_requests_of_the_ledger() {
    let stage = setting("tens").await.stage(|_, _| ok()).await;
    // More where a busy machine lets the ten end far apart: the best of many counts.
    stage.send(&events("e", 200)).await;
    let mut spent = Vec::new();
    while spent.len() < 20 && spent.last() != Some(&2) {
        let before = stage.aws.proxy().counts();
        let report = stage.poll(json!({"max_messages": 10})).await;
        assert_eq!(counts(&report, ["received", "delivered"]), [10, 10]);
        assert_eq!(report["stopped"], "max_messages");
        let counted = stage.aws.proxy().counts().since(&before);
        spent.push(counted.of_service("dynamodb"));
    }
    assert_eq!(stage.effects(), vec![1; 10 * spent.len()]);
    assert_eq!(spent.iter().min(), Some(&2), "{spent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_1_what_was_not_deleted_for_now_is_deleted_in_the_end_f31() {
    let stage = setting("undeleted").await.stage(|_, _| ok()).await;
    let fault = Fault::new(FaultAction::FailEntries(3, EntryFault::Service));
    let fault = fault.operation("DeleteMessageBatch").times(2);
    let fault = stage.aws.proxy().inject(fault);
    stage.send(&events("e", 10)).await;
    let report = stage.poll(to_its_end()).await;
    assert_eq!(stage.aws.proxy().spoiled(fault), 2);
    assert_eq!(counts(&report, ["delivered", "deleted"]), [10, 10]);
    assert_eq!(stage.effects(), [1; 10]);
    assert!(stage.is_drained().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_what_could_not_be_deleted_comes_again_and_is_found_done_f09_f31() {
    let stage = setting("found-done").await.stage(|_, _| ok()).await;
    stage.aws.proxy().record();
    let fault = Fault::new(FaultAction::FailEntries(3, EntryFault::Sender));
    let fault = fault.operation("DeleteMessageBatch").times(1);
    stage.aws.proxy().inject(fault);
    stage.send(&events("e", 10)).await;
    // Nothing is received after the ten: they stay for the next poll.
    let report = stage.poll(json!({"max_messages": 10})).await;
    // Three of ten, or fewer where the first to end were deleted before the others had ended.
    let deletes = asked(&stage, "sqs", "DeleteMessageBatch");
    let failed = deletes.iter().map(|asked| {
        let failed = asked.reply()["Failed"].as_array().map_or(0, Vec::len);
        u64::try_from(failed).unwrap()
    });
    let failed: u64 = failed.sum();
    assert!((1..=3).contains(&failed), "{failed}");
    assert_eq!(counts(&report, ["delivered", "deleted"]), [10, 10 - failed]);
    let logs = stage.logs().await;
    let told = logs
        .iter()
        .find(|line| line.contains("done but not deleted"));
    let told: Value = serde_json::from_str(told.expect("its line")).unwrap();
    assert_eq!(
        (&told["messages"], &told["level"]),
        (&json!(failed), &json!("WARN"))
    );

    let report = stage.poll_until_drained().await;
    let names = ["received", "delivered", "duplicates", "deleted", "attempts"];
    let expected = [failed, 0, failed, failed, 0];
    assert_eq!(counts(&report, names), expected, "{report}");
    assert_eq!(stage.effects(), [1; 10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_3_what_a_lost_lease_leaves_is_cut_off_and_another_finishes_it_f02_f04() {
    // The thief has six seconds before the first renewal.
    let setting = setting("lost").await.routes(PATIENT);
    let setting = setting.with("PollerVisibilitySeconds", 12);
    let stage = setting.stage(|_, nth| match nth {
        1 => Reply::status(503).after(Duration::from_secs(45)),
        _ => ok(),
    });
    let stage = stage.await;
    stage.aws.proxy().record();
    stage.send(&[event("e-1")]).await;
    let source = stage.bundle.source();
    let thief = async {
        stage
            .until("it is in flight", async |stage| {
                !stage.requests("e-1").is_empty()
            })
            .await;
        // Whoever has the handle can show the message, and whoever receives it then makes the
        // handle stale.
        let handle = received(&stage)[0]["ReceiptHandle"].clone();
        let shown = source.client().change_message_visibility();
        let shown = shown.queue_url(source.url()).visibility_timeout(0);
        let shown = shown.receipt_handle(handle.as_str().unwrap());
        shown.send().await.unwrap();
        let taken = source.client().receive_message().queue_url(source.url());
        let taken = taken.visibility_timeout(60).send().await.unwrap();
        taken.messages.unwrap().remove(0).receipt_handle.unwrap()
    };
    // One message, so that this poller's next receive does not compete with the thief's.
    let (report, handle) = tokio::join!(stage.poll(json!({"max_messages": 1})), thief);
    let names = ["received", "leases_lost", "delivered", "deleted"];
    assert_eq!(counts(&report, names), [1, 1, 0, 0], "{report}");
    assert!(
        report["seconds"].as_f64() < Some(30.0),
        "the try is cut off when the lease ends, not at its own end: {report}"
    );
    assert_eq!(stage.requests("e-1").len(), 1);
    let changes = asked(&stage, "sqs", "ChangeMessageVisibilityBatch");
    assert_eq!(changes.len(), 1, "another's visibility is left alone");
    let logs = stage.logs().await;
    for told in ["leases lost; nothing more is begun", "lease_ended"] {
        assert!(logs.iter().any(|line| line.contains(told)), "{logs:#?}");
    }

    let shown = source.client().change_message_visibility();
    let shown = shown.queue_url(source.url()).visibility_timeout(0);
    shown.receipt_handle(handle).send().await.unwrap();
    let report = stage.poll_until_drained().await;
    assert_eq!(counts(&report, ["delivered", "deleted"]), [1, 1]);
    let tries = stage.requests("e-1");
    let statuses: Vec<_> = tries.iter().map(|t| t.status).collect();
    assert_eq!(statuses, [Some(503), Some(200)]);
    let keys = tries.iter().map(|t| t.received.idempotency_key());
    assert_eq!(keys.collect::<std::collections::BTreeSet<_>>().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_3_a_delete_waits_for_the_renewal_that_is_on_its_way_f03() {
    let setting = setting("race").await.routes(PATIENT);
    let setting = setting.with("PollerVisibilitySeconds", 12);
    let on_its_way = Gate::shut();
    let gate = on_its_way.clone();
    let stage = setting.stage(move |_, _| ok().behind(&gate)).await;
    // Due half a period after the receive, and answered after the target is done.
    let late = Fault::new(FaultAction::Delay(Duration::from_millis(2500)));
    let late = late.operation("ChangeMessageVisibilityBatch");
    let late = stage.aws.proxy().inject(late);
    stage.aws.proxy().record();
    stage.send(&[event("e-1")]).await;
    let target = async {
        stage
            .until("a renewal is on its way", async |stage| {
                stage.aws.proxy().spoiled(late) == 1
            })
            .await;
        on_its_way.open();
    };
    let (report, ()) = tokio::join!(stage.poll(to_its_end()), target);
    let names = ["delivered", "deleted", "leases_extended", "leases_lost"];
    assert_eq!(counts(&report, names), [1, 1, 0, 0], "{report}");
    assert_eq!(stage.aws.proxy().spoiled(late), 1);
    let renewal = asked(&stage, "sqs", "ChangeMessageVisibilityBatch").remove(0);
    let delete = asked(&stage, "sqs", "DeleteMessageBatch").remove(0);
    let settle = asked(&stage, "dynamodb", "BatchExecuteStatement").remove(1);
    assert!(settle.request().to_string().contains("COMPLETED"));
    let done = settle.answered_at;
    assert!(renewal.at < done && done < renewal.answered_at, "a race");
    assert!(renewal.answered_at <= delete.at);
    assert!(stage.is_drained().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_a_poller_killed_in_the_middle_loses_nothing_f33_f38() {
    let setting = setting("poll-killed").await.routes(PATIENT);
    let setting = setting.with("PollerVisibilitySeconds", 10);
    let killed = Gate::shut();
    let gate = killed.clone();
    let stage = setting.stage(move |_, _| ok().behind(&gate)).await;
    stage.send(&events("e", 30)).await;
    let killer = async {
        stage
            .until("a batch is in flight", async |stage| {
                stage.receiver.inspect(<[_]>::len) >= 10
            })
            .await;
        for sandbox in stage.sandboxes() {
            sandbox.kill().unwrap();
        }
        killed.open();
    };
    let (report, ()) = tokio::join!(stage.try_poll(to_its_end()), killer);
    assert!(report.is_err(), "{report:?}");
    assert!(!stage.is_drained().await, "what was begun is still there");

    let report = stage.poll_until_drained().await;
    assert_eq!(counts(&report, ["delivered", "deleted"]), [30, 30]);
    let effects = stage.receiver.effects();
    assert_eq!(effects.len(), 30, "a repeat has the key of its first try");
    assert!(effects.values().all(|effects| (1..=2).contains(effects)));
    let repeated = effects.values().filter(|effects| **effects == 2).count();
    assert!(repeated >= 10, "the kill came in the middle: {repeated}");
    let door = "a lease ended without a word; taking over";
    let logs = stage.logs().await;
    let told = logs.iter().filter(|line| line.contains(door)).count();
    assert!(repeated <= told, "{repeated} repeated, {told} told");
    let rows = stage.bundle.ledger().rows().await.unwrap();
    assert!(rows.iter().all(|row| row.status() == "COMPLETED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_a_poller_and_a_consumer_of_one_queue_share_one_effect_f29() {
    let setting = Setting::new("both").await.mode(Mode::Both);
    let both_work = Gate::shut();
    let gate = both_work.clone();
    let setting = setting.routes(PATIENT).with("FunctionTimeoutSeconds", 20);
    let setting = setting.with("VisibilityTimeoutSeconds", 30);
    let stage = setting.stage(move |_, _| ok().behind(&gate)).await;
    let mut sent = events("e", 150);
    sent.extend(events("e", 50));
    let consumer = stage.bundle.consumer_function();
    stage.bundle.pause(consumer).await.unwrap();
    stage.send(&sent).await;
    // What the poller takes of them it holds until the consumer has some too.
    let consuming = async {
        let in_flight = async |more_than: usize| {
            stage
                .until("more are in flight", async |stage| {
                    stage.receiver.inspect(<[_]>::len) > more_than
                })
                .await;
        };
        in_flight(0).await;
        stage.bundle.resume(consumer).await.unwrap();
        in_flight(60).await;
        both_work.open();
    };
    let (report, ()) = tokio::join!(stage.poll(json!({"max_messages": 60})), consuming);
    stage.until_delivered(150).await;
    assert_eq!(stage.effects(), [1; 150]);
    let [by_poller] = counts(&report, ["delivered"]);
    assert!((1..150).contains(&by_poller), "each had its part: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_two_pollers_of_one_queue_share_one_effect_f29() {
    let setting = setting("two").await.routes(PATIENT).with("Pollers", 2);
    let both_work = Gate::shut();
    let gate = both_work.clone();
    // One poller works on a hundred at once and no more: the next comes from the other.
    let in_flight = AtomicUsize::new(0);
    let stage = setting.stage(move |_, _| {
        if in_flight.fetch_add(1, Ordering::Relaxed) == 100 {
            gate.open();
        }
        ok().behind(&both_work)
    });
    let stage = stage.await;
    let mut sent = events("e", 200);
    sent.extend(events("e", 60));
    stage.send(&sent).await;
    let (one, other) = tokio::join!(stage.poll(to_its_end()), stage.poll(to_its_end()));
    assert!(counts(&one, ["delivered"]) > [0], "{one}");
    assert!(counts(&other, ["delivered"]) > [0], "{other}");
    // A copy of what the other poller had in hand waits for its lease.
    let rest = stage.poll_until_drained().await;
    let all = sum(&[one, other, rest]);
    assert_eq!(
        counts(&all, ["delivered", "duplicates", "deleted"]),
        [200, 60, 260]
    );
    assert_eq!(stage.effects(), [1; 200]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_3_a_target_slower_than_the_visibility_is_asked_once_f06() {
    let setting = setting("held").await.routes(PATIENT).with("Pollers", 2);
    let setting = setting.with("PollerVisibilitySeconds", 10);
    let held_long = Gate::shut();
    let gate = held_long.clone();
    let stage = setting.stage(move |_, _| ok().behind(&gate)).await;
    stage.aws.proxy().record();
    stage.send(&events("e", 3)).await;
    // Hidden for ten seconds only, and then for ten more when five of them are over. The target
    // answers when each was renewed three times.
    let target = async {
        stage
            .until("they are held for long", async |stage| {
                let renewals = asked(stage, "sqs", "ChangeMessageVisibilityBatch");
                renewals.iter().flat_map(entries).count() >= 9
            })
            .await;
        held_long.open();
    };
    // Another looks for them all the time.
    let other = async {
        stage
            .until("they are in flight", async |stage| {
                stage.receiver.inspect(<[_]>::len) == 3
            })
            .await;
        let mut seen = 0;
        while !stage.is_drained().await {
            let report = stage.poll(to_its_end()).await;
            seen += counts(&report, ["received"])[0];
        }
        seen
    };
    let (report, seen_by_other, ()) = tokio::join!(stage.poll(to_its_end()), other, target);
    let names = ["delivered", "deleted", "leases_lost", "attempts"];
    assert_eq!(counts(&report, names), [3, 3, 0, 3], "{report}");
    assert!(counts(&report, ["leases_extended"]) >= [9], "{report}");
    assert_eq!(seen_by_other, 0);
    assert_eq!(stage.effects(), [1; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_6_while_dynamodb_refuses_a_poll_begins_nothing_f43() {
    let stage = setting("outage").await.stage(|_, _| ok()).await;
    stage.poller_time(20).await;
    stage.send(&events("e", 10)).await;
    let refuse = Fault::new(FaultAction::Refuse).service("dynamodb");
    stage.aws.proxy().inject(refuse);
    let report = stage.poll(to_its_end()).await;
    let names = ["received", "deferred", "attempts", "deleted"];
    assert_eq!(counts(&report, names), [10, 10, 0, 0], "{report}");
    assert!(stage.receiver.exchanges().is_empty(), "no effect, no claim");
    assert!(!stage.is_drained().await, "the messages stay");
    stage.aws.proxy().heal();
    stage.poll_until_drained().await;
    assert_eq!(stage.effects(), [1; 10]);
    let exchanges = stage.receiver.exchanges();
    assert!(exchanges.iter().all(|exchange| exchange.nth_try == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_an_outage_between_effect_and_ledger_is_waited_out_f43() {
    let stage = setting("unsettled").await.stage(|_, _| ok()).await;
    let refuse = Fault::new(FaultAction::Refuse).service("dynamodb");
    let refuse = stage.aws.proxy().inject(refuse.skip(1));
    stage.send(&events("e", 10)).await;
    let mender = async {
        stage
            .until("the ledger was asked in vain", async |stage| {
                stage.aws.proxy().spoiled(refuse) >= 3
            })
            .await;
        stage.aws.proxy().heal();
    };
    let (report, ()) = tokio::join!(stage.poll(to_its_end()), mender);
    let names = ["delivered", "deleted", "fenced"];
    assert_eq!(counts(&report, names), [10, 10, 0], "{report}");
    assert_eq!(stage.effects(), [1; 10]);
    assert!(stage.is_drained().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_4_what_a_poll_had_no_time_for_is_shown_again_soon_and_uncharged_f16() {
    let setting = setting("too-late").await.routes(PATIENT);
    let stage = setting.stage(|_, _| ok()).await;
    stage.poller_time(8).await;
    // The claims come when more than half of the time is over: they are read before, because the
    // messages were received before, and either takes long.
    for operation in ["BatchGetItem", "BatchExecuteStatement"] {
        let late = Fault::new(FaultAction::Delay(Duration::from_millis(2200)));
        let late = late.operation(operation).times(1);
        stage.aws.proxy().inject(late);
    }
    stage.aws.proxy().record();
    stage.send(&events("e", 10)).await;
    stage.bundle.source().peek().await.unwrap();
    let report = stage.poll(to_its_end()).await;
    let names = ["received", "deferred", "attempts", "deleted"];
    assert_eq!(counts(&report, names), [10, 10, 0, 0], "{report}");
    assert!(stage.receiver.exchanges().is_empty(), "nothing was begun");
    assert_eq!(shown_soon(&stage), 10);
    stage.until_all_visible().await;
    let report = stage.poll(to_its_end()).await;
    let names = ["received", "delivered", "attempts", "deleted"];
    assert_eq!(counts(&report, names), [10, 10, 10, 10], "{report}");
    assert_eq!(stage.effects(), [1; 10]);
    let logs = stage.logs().await;
    let door = "a lease ended without a word";
    assert!(!logs.iter().any(|line| line.contains(door)), "given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_a_poll_leaves_its_dead_to_the_redrive_policy_untouched() {
    let setting = setting("poll-dead").await.with("MaxReceiveCount", 5);
    let stage = setting.stage(|received, _| {
        let refuse = received.event_id() == Some("bad");
        Reply::status(if refuse { 422 } else { 200 })
    });
    let stage = stage.await;
    let mut sent = events("e", 9);
    sent.insert(4, event("bad"));
    let ids = stage.send(&sent).await;
    stage.poll_until_drained().await;
    stage.until_dead(1).await;
    assert_eq!(stage.effects(), [1; 9]);
    assert_eq!(stage.requests("bad").len(), 1, "refused for good, once");
    let dead = stage.bundle.dead_letters().peek().await.unwrap();
    assert_eq!(dead[0].message_id(), Some(ids[4].as_str()));
    assert_eq!(dead[0].body(), Some(event("bad").as_str()));
}
