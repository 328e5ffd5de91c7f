//! Dead letters brought back, looked at, discarded, and runs that are cut off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{advance, sleep, timeout};

use waybill_core::id::{Consumer, LedgerKey};
use waybill_core::ledger::{Deed, Record, RouteState, Status};
use waybill_core::outcome::DeadReason;
use waybill_core::reading;
use waybill_core::redrive::order::{Order, Work};
use waybill_core::redrive::progress::Stopped;
use waybill_core::selection::{Selection, Wanted};
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ambient, Outgoing};
use waybill_engine::redrive::{Bounds, CannotRun, Config, Redriver, Report, Task};
use waybill_testkit::fixtures::{self, CONSUMER, route, route_record};
use waybill_testkit::{Call, FakeLedger, FakeQueue, FakeRuns, Fault, Faulty, TestAmbient};

type Shared<P> = Faulty<P>;

/// A dead-letter queue, its source, and the ledger.
struct Yard {
    ambient: Arc<TestAmbient>,
    dead: FakeQueue,
    source: FakeQueue,
    ledger: FakeLedger,
    runs: FakeRuns,
    dead_port: Shared<FakeQueue>,
    source_port: Shared<FakeQueue>,
    ledger_port: Shared<FakeLedger>,
}

impl Yard {
    fn new(fifo: bool) -> Self {
        let ambient = Arc::new(TestAmbient::default());
        let end = if fifo { ".fifo" } else { "" };
        let queue = |name: &str| FakeQueue::new(&format!("{name}{end}"), ambient.clone());
        let (dead, source, ledger) = (queue("dead"), queue("source"), FakeLedger::new());
        Self {
            dead_port: Faulty::new(dead.clone()),
            source_port: Faulty::new(source.clone()),
            ledger_port: Faulty::new(ledger.clone()),
            runs: FakeRuns::new(),
            ambient,
            dead,
            source,
            ledger,
        }
    }

    fn redriver(
        &self,
    ) -> Redriver<Faulty<FakeQueue>, Faulty<FakeLedger>, FakeRuns, Arc<TestAmbient>> {
        let config = Config {
            consumer: consumer(),
            key: None,
            time_to_live: Duration::from_secs(25 * 86_400),
            retention: Some(Duration::from_secs(14 * 86_400)),
            fifo: self.dead.arn().ends_with(".fifo"),
        };
        Redriver::new(
            self.dead_port.clone(),
            self.source_port.clone(),
            self.ledger_port.clone(),
            self.runs.clone(),
            self.ambient.clone(),
            config,
        )
    }

    /// Runs as `order` says, under the name `mend`.
    async fn run(&self, order: &Order) -> Result<Report, CannotRun> {
        self.run_until(order, None, &|| false, false).await
    }

    async fn run_until(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        stop: &(dyn Fn() -> bool + Sync),
        dry_run: bool,
    ) -> Result<Report, CannotRun> {
        let task = Task {
            run: "mend",
            order: Some(order),
            who: "someone",
            dry_run,
            until,
            stop,
            tell: &|_| {},
        };
        self.redriver().run(task).await
    }

    /// A dead letter of the event `id`, whose row is dead of this.
    fn bury(&self, id: &str, reason: DeadReason) -> LedgerKey {
        self.bury_with(id, None, |row, message_id| {
            row.routes = vec![
                route_record("crm", RouteState::Spent, 4),
                route_record("audit", RouteState::Delivered, 1),
            ];
            let now = self.ambient.now();
            row.die(reason, &fixtures::message_id(message_id), now);
        })
    }

    fn bury_with(
        &self,
        id: &str,
        group: Option<&str>,
        change: impl FnOnce(&mut Record, &str),
    ) -> LedgerKey {
        let body = body(id);
        let message_id = match group {
            Some(group) => self.dead.put_in(group, body),
            None => self.dead.put_body(body),
        };
        let mut row = self.row_of(id);
        change(&mut row, message_id.as_str());
        let key = row.key.clone();
        self.ledger.put(row);
        key
    }

    /// The row of the event `id`, claimed.
    fn row_of(&self, id: &str) -> Record {
        let message = fixtures::message("m", &body(id));
        let reading = reading::read(&message, &consumer(), None);
        let mut row = fixtures::claimed(id, 9);
        row.key = LedgerKey::new(&consumer(), &reading.key);
        row.digest = reading.digest;
        row
    }

    fn record(&self, key: &LedgerKey) -> Record {
        self.ledger.record(key).expect("it has a row")
    }

    /// Ids of the events that were sent to the source queue, with how often.
    fn sent(&self) -> BTreeMap<String, usize> {
        let mut sent = BTreeMap::new();
        for message in self.source.messages() {
            let body: serde_json::Value = serde_json::from_str(&message.sent.body).unwrap();
            *sent
                .entry(body["id"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        sent
    }
}

fn consumer() -> Consumer {
    Consumer::new(CONSUMER).unwrap()
}

fn body(id: &str) -> String {
    json!({"id": id, "queue": "orders", "dispatch_date": "2026-01-01T00:00:00Z", "payload": {"a": 1}})
        .to_string()
}

fn order() -> Order {
    Order {
        rate: 500,
        ramp_seconds: 0,
        ..Order::default()
    }
}

fn only(expression: &str) -> Order {
    Order {
        wanted: Wanted {
            expression: Some(expression.to_owned()),
            ..Wanted::default()
        },
        ..order()
    }
}

/// Marks an event's row as the consumer does that delivered it.
fn deliver(ledger: &FakeLedger, key: &LedgerKey) {
    let mut row = ledger.record(key).unwrap();
    row.status = Status::Completed;
    ledger.put(row.written(0));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_comes_back_and_what_was_delivered_stays_delivered_f69_f71() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::AttemptsSpent);
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!((report.stopped, report.counts.revived), (Stopped::Done, 1));
    assert!(report.is_well() && yard.dead.is_empty());
    assert_eq!(yard.sent(), [("1".to_owned(), 1)].into());
    let row = yard.record(&key);
    assert_eq!((row.status, row.redrive_n), (Status::Pending, 1));
    let states: Vec<_> = row.routes.iter().map(|route| route.state).collect();
    assert_eq!(states, [RouteState::Open, RouteState::Delivered]);
    assert_eq!(row.audit.last().unwrap().deed, Deed::Redriven);
    let sent = yard.source.messages().remove(0).sent;
    assert!(sent.attributes.contains_key("waybill-key"));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_is_written_before_anything_is_sent_and_all_is_sent_before_it_is_deleted() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::AttemptsSpent);
    let (ledger, source) = (yard.ledger.clone(), yard.source.clone());
    let at_send = key.clone();
    let before_send = Fault::meanwhile(move || {
        assert_eq!(ledger.record(&at_send).unwrap().status, Status::Pending);
    });
    yard.source_port.next(Call::Send, before_send);
    let before_delete = Fault::meanwhile(move || assert_eq!(source.len(), 1));
    yard.dead_port.next(Call::Delete, before_delete);
    sleep(Duration::from_secs(1)).await;
    yard.run(&order()).await.unwrap();
    assert!(yard.source_port.pending(Call::Send) + yard.dead_port.pending(Call::Delete) == 0);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_selected_goes_and_the_rest_can_be_seen_again() {
    let yard = Yard::new(false);
    for id in ["1", "2", "3"] {
        yard.bury(id, DeadReason::AttemptsSpent);
    }
    yard.bury("4", DeadReason::Rejected);
    yard.dead.put_body("no event");
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&only("reason = attempts_spent")).await.unwrap();
    assert_eq!((report.counts.revived, report.counts.not_selected), (3, 2));
    assert_eq!(report.counts.seen, report.counts.accounted());
    assert_eq!((yard.sent().len(), yard.dead.visible()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_never_attempted_goes_without_a_row_f18() {
    let yard = Yard::new(false);
    yard.dead.put_body(body("1"));
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&only("reason = never_attempted")).await.unwrap();
    assert_eq!(report.counts.never_attempted, 1);
    assert!(yard.ledger.rows().is_empty() && yard.sent().len() == 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_let_go_and_nothing_is_sent_f09() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::AttemptsSpent);
    deliver(&yard.ledger, &key);
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!(report.counts.completed, 1);
    assert!(yard.dead.is_empty() && yard.source.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_redrive_too_many_is_refused_and_says_so_f70() {
    let yard = Yard::new(false);
    yard.bury_with("1", None, |row, message_id| {
        row.redrive_n = 5;
        row.die(
            DeadReason::AttemptsSpent,
            &fixtures::message_id(message_id),
            fixtures::NOW,
        );
    });
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!(report.counts.left, [("loop".to_owned(), 1)].into());
    assert!(report.remarks[0].says.contains("redriven 5 times,"));
    assert!(yard.source.is_empty() && yard.dead.visible() == 1);
    let more = Order {
        max_redrives: 6,
        ..order()
    };
    assert_eq!(yard.run(&more).await.unwrap().counts.revived, 1);
}

#[tokio::test(start_paused = true)]
async fn other_data_under_a_known_key_stays_f47() {
    let yard = Yard::new(false);
    yard.bury_with("1", None, |row, message_id| {
        row.digest = fixtures::digest("other");
        row.die(
            DeadReason::AttemptsSpent,
            &fixtures::message_id(message_id),
            fixtures::NOW,
        );
    });
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!(report.counts.left, [("conflict".to_owned(), 1)].into());
    assert_eq!((yard.source.len(), yard.dead.visible()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_what_would_be_and_changes_nothing() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::AttemptsSpent);
    let done = yard.bury("2", DeadReason::AttemptsSpent);
    deliver(&yard.ledger, &done);
    let before = (yard.record(&key), yard.record(&done));
    sleep(Duration::from_secs(1)).await;
    let canary = Order {
        canary: 1,
        ..order()
    };
    let report = yard
        .run_until(&canary, None, &|| false, true)
        .await
        .unwrap();
    assert_eq!((report.counts.revived, report.counts.completed), (1, 1));
    assert_eq!((yard.record(&key), yard.record(&done)), before);
    assert_eq!((yard.dead.visible(), yard.source.len()), (2, 0));
    // Nothing is remembered of it.
    assert!(!yard.run(&order()).await.unwrap().resumed);
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_killed_at_any_point_and_go_on_without_redriving_twice_f70() {
    let slow = || {
        Fault::DelayBefore(
            Duration::from_millis(7),
            Box::new(Fault::slow(Duration::from_millis(7))),
        )
    };
    let mut cut = 0;
    for after in (0..).map(|n| Duration::from_millis(5 * n)) {
        let yard = Yard::new(false);
        let keys: Vec<_> = (0..15)
            .map(|n| yard.bury(&n.to_string(), DeadReason::AttemptsSpent))
            .collect();
        for call in [Call::Receive, Call::Delete] {
            yard.dead_port.always(call, slow());
        }
        yard.source_port.always(Call::Send, slow());
        yard.ledger_port.always(Call::Write, slow());
        advance(Duration::from_secs(1)).await;
        let order = only("reason = attempts_spent");
        let first = timeout(after, yard.run(&order)).await;
        if let Ok(first) = first {
            assert_eq!(first.unwrap().counts.revived, 15);
            break;
        }
        cut += 1;
        advance(Duration::from_secs(16)).await;
        let report = yard.run(&order).await.unwrap();
        assert!(report.is_well(), "{report:?}");
        assert!(yard.dead.is_empty(), "cut after {after:?}");
        for key in &keys {
            let row = yard.record(key);
            assert_eq!(
                (row.status, row.redrive_n),
                (Status::Pending, 1),
                "{after:?}"
            );
        }
        assert_eq!(yard.sent().len(), 15, "cut after {after:?}");
    }
    assert!(cut > 15, "it was cut {cut} times");
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_waits_for_what_was_held_when_the_run_was_killed_between_two_notes_of_it() {
    for cut in [8_200, 8_600, 9_000, 9_700] {
        let yard = Yard::new(false);
        for n in 0..200 {
            yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
        }
        advance(Duration::from_secs(1)).await;
        let slowly = Order {
            rate: 20,
            stop_after: 0,
            ..order()
        };
        let first = timeout(Duration::from_millis(cut), yard.run(&slowly)).await;
        assert!(first.is_err());
        sleep(Duration::from_secs(16)).await;
        let report = yard.run(&slowly).await.unwrap();
        assert!(report.resumed && report.is_well(), "{report:?}");
        assert!(yard.dead.is_empty(), "cut at {cut} ms: {}", yard.dead.len());
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_lost_make_nothing_happen_twice_f40() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::AttemptsSpent);
    yard.ledger_port.next(Call::Write, Fault::lost_reply());
    yard.dead_port.next(Call::Delete, Fault::lost_reply());
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!(report.counts.revived, 1);
    assert_eq!(yard.record(&key).redrive_n, 1);
    assert_eq!(yard.sent(), [("1".to_owned(), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_changed_meanwhile_is_judged_anew_f39() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::AttemptsSpent);
    let ledger = yard.ledger.clone();
    let it = key.clone();
    let meanwhile = Fault::meanwhile(move || deliver(&ledger, &it));
    yard.ledger_port.next(Call::Write, meanwhile);
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!(report.counts.completed, 1);
    assert!(yard.source.is_empty() && yard.dead.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_missing_stops_the_run_and_is_named() {
    let yard = Yard::new(false);
    for n in 0..30 {
        yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
    }
    let refused = Fault::Before(waybill_testkit::Trouble::Permanent);
    yard.source_port.always(Call::Send, refused);
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&order()).await.unwrap();
    assert_eq!(report.stopped, Stopped::Trouble);
    assert!(report.trouble.is_some() && !report.is_well());
    assert_eq!((yard.dead.visible(), yard.source.len()), (30, 0));
    yard.source_port.always(Call::Send, Fault::Pass);
    let report = yard.run(&order()).await.unwrap();
    assert!(report.resumed && report.is_well());
    assert_eq!((yard.dead.len(), yard.sent().len()), (0, 30));
}

#[tokio::test(start_paused = true)]
async fn the_others_go_when_the_canaries_are_delivered_and_not_before() {
    let yard = Yard::new(false);
    let keys: Vec<_> = (0..20)
        .map(|n| yard.bury(&n.to_string(), DeadReason::AttemptsSpent))
        .collect();
    sleep(Duration::from_secs(1)).await;
    let canary = Order {
        canary: 2,
        ..order()
    };
    let consumer = async {
        sleep(Duration::from_secs(20)).await;
        assert_eq!(yard.sent().len(), 2);
        keys.iter()
            .filter(|key| yard.record(key).status == Status::Pending)
            .for_each(|key| deliver(&yard.ledger, key));
    };
    let (report, ()) = tokio::join!(yard.run(&canary), consumer);
    let report = report.unwrap();
    assert_eq!((report.stopped, report.counts.revived), (Stopped::Done, 20));
    assert_eq!(report.counts.delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_fails_again_or_is_not_delivered_in_time_keeps_the_others_where_they_are() {
    for fails in [true, false] {
        let yard = Yard::new(false);
        let keys: Vec<_> = (0..20)
            .map(|n| yard.bury(&n.to_string(), DeadReason::AttemptsSpent))
            .collect();
        sleep(Duration::from_secs(1)).await;
        let canary = Order {
            canary: 1,
            ..order()
        };
        let consumer = async {
            sleep(Duration::from_secs(20)).await;
            for key in keys.iter().filter(|_| fails) {
                let mut row = yard.record(key);
                if row.status == Status::Pending {
                    row.die(
                        DeadReason::Rejected,
                        &fixtures::message_id("m-2"),
                        yard.ambient.now(),
                    );
                    yard.ledger.put(row.written(0));
                }
            }
        };
        let (report, ()) = tokio::join!(yard.run(&canary), consumer);
        let report = report.unwrap();
        let expected = match fails {
            true => Stopped::CanaryFailed,
            false => Stopped::CanaryUndecided,
        };
        assert_eq!(report.stopped, expected);
        assert!(report.trouble.is_some());
        assert_eq!((yard.dead.visible(), yard.sent().len()), (19, 1));
        // What has failed is over and begins anew; what is undecided goes on with its canary.
        let again = async {
            sleep(Duration::from_secs(20)).await;
            let pending = |key: &&LedgerKey| yard.record(key).status == Status::Pending;
            keys.iter()
                .filter(pending)
                .for_each(|key| deliver(&yard.ledger, key));
        };
        let (report, ()) = tokio::join!(yard.run(&canary), again);
        let report = report.unwrap();
        assert_eq!((report.stopped, report.resumed), (Stopped::Done, !fails));
        assert_eq!((yard.dead.len(), yard.sent().len()), (0, 20));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_when_too_many_fail_again() {
    let yard = Yard::new(false);
    let keys: Vec<_> = (0..100)
        .map(|n| yard.bury(&n.to_string(), DeadReason::AttemptsSpent))
        .collect();
    sleep(Duration::from_secs(1)).await;
    let slowly = Order {
        rate: 2,
        stop_after: 3,
        ..order()
    };
    let done = AtomicBool::new(false);
    let consumer = async {
        while !done.load(Ordering::Relaxed) {
            sleep(Duration::from_secs(1)).await;
            for key in &keys {
                let mut row = yard.record(key);
                if row.status == Status::Pending {
                    row.routes[0].attempts = 1;
                    row.routes[0].last = "http_503".to_owned();
                    yard.ledger.put(row.written(0));
                }
            }
        }
    };
    let run = async {
        let report = yard.run(&slowly).await.unwrap();
        done.store(true, Ordering::Relaxed);
        report
    };
    let (report, ()) = tokio::join!(run, consumer);
    assert_eq!(report.stopped, Stopped::Failing);
    assert!(report.counts.revived < 30, "{report:?}");
    assert_eq!(yard.dead.len() + yard.sent().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept() {
    let yard = Yard::new(false);
    for n in 0..200 {
        yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
    }
    sleep(Duration::from_secs(1)).await;
    let slowly = Order {
        rate: 20,
        stop_after: 0,
        ..order()
    };
    let watch = async {
        let mut before = 0;
        for second in 1..=9 {
            sleep(Duration::from_secs(1)).await;
            let sent = yard.source.len();
            assert!((10..=30).contains(&(sent - before)), "{sent} at {second} s");
            before = sent;
        }
    };
    let (report, ()) = tokio::join!(yard.run(&slowly), watch);
    assert_eq!(report.unwrap().counts.revived, 200);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_kept_and_canaries_count_toward_it() {
    let yard = Yard::new(false);
    let keys: Vec<_> = (0..30)
        .map(|n| yard.bury(&n.to_string(), DeadReason::AttemptsSpent))
        .collect();
    sleep(Duration::from_secs(1)).await;
    let few = Order {
        limit: Some(3),
        canary: 3,
        ..order()
    };
    let consumer = async {
        sleep(Duration::from_secs(5)).await;
        keys.iter()
            .filter(|key| yard.record(key).status == Status::Pending)
            .for_each(|key| deliver(&yard.ledger, key));
    };
    let (report, ()) = tokio::join!(yard.run(&few), consumer);
    let report = report.unwrap();
    assert_eq!(report.stopped, Stopped::Limit);
    assert_eq!((yard.sent().len(), yard.dead.visible()), (3, 27));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_or_out_of_time_goes_on_and_nothing_is_lost() {
    let yard = Yard::new(false);
    for n in 0..40 {
        yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
    }
    sleep(Duration::from_secs(1)).await;
    let slowly = Order { rate: 2, ..order() };
    let until = yard.ambient.now().after(Duration::from_secs(25));
    let report = yard
        .run_until(&slowly, Some(until), &|| false, false)
        .await
        .unwrap();
    assert_eq!(report.stopped, Stopped::Deadline);
    let stop = AtomicBool::new(false);
    let asked = || stop.load(Ordering::Relaxed);
    let later = async {
        sleep(Duration::from_secs(3)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (report, ()) = tokio::join!(yard.run_until(&slowly, None, &asked, false), later);
    assert_eq!(report.unwrap().stopped, Stopped::Interrupted);
    let sent = yard.sent().len();
    assert!((10..30).contains(&sent), "{sent}");
    let report = yard.run(&slowly).await.unwrap();
    assert!(report.resumed);
    assert_eq!((report.counts.revived, yard.sent().len()), (40, 40));
    assert_eq!(report.counts.seen, report.counts.accounted());
}

#[tokio::test(start_paused = true)]
async fn what_dies_while_the_run_goes_on_is_not_its_concern_f70() {
    let yard = Yard::new(false);
    yard.bury("1", DeadReason::AttemptsSpent);
    sleep(Duration::from_secs(1)).await;
    let slowly = Order { rate: 1, ..order() };
    let later = async {
        sleep(Duration::from_millis(500)).await;
        yard.bury("2", DeadReason::AttemptsSpent);
    };
    let (report, ()) = tokio::join!(yard.run(&slowly), later);
    assert_eq!(report.unwrap().counts.not_selected, 1);
    assert_eq!(yard.sent(), [("1".to_owned(), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn one_run_is_worked_on_by_one_and_is_told_one_thing() {
    let yard = Yard::new(false);
    for n in 0..40 {
        yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
    }
    sleep(Duration::from_secs(1)).await;
    let slowly = Order { rate: 2, ..order() };
    let second = async {
        sleep(Duration::from_secs(8)).await;
        let refused = yard.run(&slowly).await.unwrap_err();
        assert!(
            refused.0.contains("somebody works on run `mend`"),
            "{refused}"
        );
        let refused = yard.run(&only("route = crm")).await.unwrap_err();
        assert!(refused.0.contains("told something else"), "{refused}");
    };
    let (report, ()) = tokio::join!(yard.run(&slowly), second);
    assert!(report.unwrap().is_well());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_wrong_and_a_run_that_is_not_there_are_refused() {
    let yard = Yard::new(false);
    let refused = yard.run(&only("raeson = x")).await.unwrap_err();
    assert!(refused.0.contains("`where`"), "{refused}");
    let task = |run| Task {
        run,
        order: None,
        who: "someone",
        dry_run: false,
        until: None,
        stop: &|| false,
        tell: &|_| {},
    };
    let refused = yard.redriver().run(task("nothing")).await.unwrap_err();
    assert!(refused.0.contains("no run `nothing`"), "{refused}");
    let refused = yard.redriver().run(task("a b")).await.unwrap_err();
    assert!(refused.0.contains("no name of a run"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_keeps_its_groups_in_order_and_gets_ids_of_its_own_f26() {
    let yard = Yard::new(true);
    let bury = |id: &str, group: &str| {
        yard.bury_with(id, Some(group), |row, message_id| {
            row.die(
                DeadReason::AttemptsSpent,
                &fixtures::message_id(message_id),
                fixtures::NOW,
            );
        })
    };
    for n in 0..6 {
        bury(&n.to_string(), ["a", "b"][n % 2]);
    }
    sleep(Duration::from_secs(1)).await;
    // The second of what is sent fails, and what follows in its group waits behind it.
    yard.source_port.next(Call::Send, Fault::Pass);
    let refused = Fault::BeforeAt([0].into(), waybill_testkit::Trouble::LeaseLost);
    yard.source_port.next(Call::Send, refused);
    let report = yard.run(&order()).await.unwrap();
    assert!(report.counts.failed > 0, "{report:?}");
    yard.run(&order()).await.unwrap();
    let mut orders = BTreeMap::<String, Vec<String>>::new();
    for message in yard.source.messages() {
        let Outgoing {
            body,
            group_id,
            deduplication_id,
            ..
        } = message.sent;
        assert!(deduplication_id.is_some());
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let ids = orders.entry(group_id.unwrap()).or_default();
        ids.push(body["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(orders["a"], ["0", "2", "4"]);
    assert_eq!(orders["b"], ["1", "3", "5"]);
    assert!(yard.dead.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_discarded_is_deleted_and_its_row_says_who_did_it() {
    let yard = Yard::new(false);
    let key = yard.bury("1", DeadReason::Rejected);
    yard.bury("2", DeadReason::AttemptsSpent);
    sleep(Duration::from_secs(1)).await;
    let discard = Order {
        work: Work::Discard,
        ..only("reason = rejected")
    };
    let report = yard.run(&discard).await.unwrap();
    assert_eq!(report.counts.discarded, 1);
    assert_eq!((yard.dead.visible(), yard.source.len()), (1, 0));
    let row = yard.record(&key);
    assert_eq!(row.status, Status::Dead);
    let entry = row.audit.last().unwrap();
    assert_eq!(
        (entry.deed, entry.who.as_str()),
        (Deed::Discarded, "someone")
    );
}

#[tokio::test(start_paused = true)]
async fn who_looks_holds_what_is_shown_and_gives_it_back() {
    let yard = Yard::new(false);
    for n in 0..25 {
        yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
    }
    yard.bury("x", DeadReason::Rejected);
    let selection = Selection::read(&only("reason = attempts_spent").wanted).unwrap();
    let bounds = |seen, selected| Bounds { seen, selected };
    let mut keys = Vec::new();
    let mut each = |dossier: waybill_core::dossier::Dossier| {
        assert!(yard.dead.visible() < 26);
        keys.push(dossier.reading.key.as_str().to_owned());
    };
    let redriver = yard.redriver();
    let looked = redriver
        .look(&selection, bounds(1000, 1000), &|| false, &mut each)
        .await
        .unwrap();
    assert_eq!((looked.seen, looked.selected), (26, 25));
    assert!(looked.to_the_end);
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), yard.dead.visible()), (25, 26));
    for (most, expected) in [(bounds(7, 100), 7), (bounds(100, 3), 3)] {
        let mut shown = 0;
        let looked = redriver
            .look(&Selection::default(), most, &|| false, &mut |_| shown += 1)
            .await
            .unwrap();
        assert_eq!(shown, expected);
        assert!(!looked.to_the_end && yard.dead.visible() == 26);
    }
    let _ = route("crm");
}

#[tokio::test(start_paused = true)]
async fn what_stays_does_not_come_between_what_was_not_seen_yet_however_long_the_run() {
    let yard = Yard::new(false);
    for n in 0..400 {
        let reason = match n % 2 {
            0 => DeadReason::Rejected,
            _ => DeadReason::AttemptsSpent,
        };
        yard.bury(&n.to_string(), reason);
    }
    sleep(Duration::from_secs(1)).await;
    let slowly = Order {
        rate: 1,
        stop_after: 0,
        ..only("reason = attempts_spent")
    };
    let report = yard.run(&slowly).await.unwrap();
    assert!(report.seconds > 190.0, "longer than it is held at first");
    let counts = &report.counts;
    assert_eq!((counts.revived, counts.not_selected), (200, 200));
    assert_eq!((counts.seen, yard.dead.visible()), (400, 200));
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_group_overtakes_what_failed_also_when_that_comes_again_f26() {
    let yard = Yard::new(true);
    for n in 0..40 {
        yard.bury_with(&format!("{n:02}"), Some("a"), |row, message_id| {
            let id = fixtures::message_id(message_id);
            row.die(DeadReason::AttemptsSpent, &id, fixtures::NOW);
        });
    }
    sleep(Duration::from_secs(1)).await;
    for _ in 0..3 {
        yard.source_port.next(Call::Send, Fault::Pass);
    }
    let refused = Fault::BeforeAt([0].into(), waybill_testkit::Trouble::LeaseLost);
    yard.source_port.next(Call::Send, refused);
    let slowly = Order { rate: 2, ..order() };
    let report = yard.run(&slowly).await.unwrap();
    assert!(report.counts.failed > 0 && !report.is_well(), "{report:?}");
    assert_eq!(
        yard.sent().into_keys().collect::<Vec<_>>(),
        ["00", "01", "02"]
    );
    let report = yard.run(&order()).await.unwrap();
    assert!(report.is_well(), "{report:?}");
    let sent: Vec<_> = yard.sent().into_keys().collect();
    assert_eq!((sent.len(), yard.source.len()), (40, 40));
}

#[tokio::test(start_paused = true)]
async fn the_same_order_a_day_later_is_a_new_run() {
    let yard = Yard::new(false);
    for n in 0..40 {
        yard.bury(&n.to_string(), DeadReason::AttemptsSpent);
    }
    sleep(Duration::from_secs(1)).await;
    let slowly = Order { rate: 2, ..order() };
    assert!(
        timeout(Duration::from_secs(4), yard.run(&slowly))
            .await
            .is_err()
    );
    sleep(Duration::from_secs(25 * 60 * 60)).await;
    yard.bury("late", DeadReason::AttemptsSpent);
    sleep(Duration::from_secs(1)).await;
    let report = yard.run(&slowly).await.unwrap();
    assert!(!report.resumed && report.is_well(), "{report:?}");
    assert!(yard.dead.is_empty() && yard.sent().contains_key("late"));
}
