//! A table as a target, against DynamoDB Local: one event, one write, whatever happens in between.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::task::JoinSet;

use waybill_aws::dynamodb::DynamoLedger;
use waybill_core::event::{Data, Event};
use waybill_core::id::RouteName;
use waybill_core::ledger::{Record, Row, Status};
use waybill_core::outcome::{Attempt, Outcome, RowEnd};
use waybill_engine::env::{EnvSource, RouteSettings};
use waybill_engine::handler::{Delivery, Handler};
use waybill_engine::ports::{Ledger, Write, Written};
use waybill_engine::router::Router;
use waybill_testkit::fixtures;

use crate::support::connection_to;
use crate::support::dynamodb_local::DynamoDbLocal;

/// The variables of a function.
struct Told(BTreeMap<&'static str, String>);

impl EnvSource for Told {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::Error::other("there is none"))
    }
}

/// A route into a table of its own, with a ledger of its own.
struct Scene {
    _local: Arc<DynamoDbLocal>,
    router: Arc<Router>,
    client: Client,
    table: String,
    ledger: String,
}

impl Scene {
    /// Tables that are named for the test, and a route with these lines.
    async fn new(name: &str, lines: &str) -> Self {
        let local = DynamoDbLocal::get().await;
        let (table, ledger) = (format!("{name}-items"), format!("{name}-ledger"));
        for table in [&table, &ledger] {
            local.make_table(table).await;
        }
        let router = router(&local, &table, &ledger, lines).await;
        Self {
            router: Arc::new(router),
            client: local.client().await,
            _local: local,
            table,
            ledger,
        }
    }

    /// Tries until an event is delivered, and says how.
    async fn deliver(&self, event: &Event) -> Attempt {
        let mut last = None;
        for _ in 0..TRIES {
            let attempt = attempt(&self.router, event).await;
            if matches!(attempt.outcome, Outcome::Delivered | Outcome::Rejected) {
                return attempt;
            }
            last = Some(attempt);
        }
        panic!("{} is not delivered: {last:?}", event.id);
    }

    /// What stands in a table, item by item.
    async fn items(&self, table: &str) -> Vec<BTreeMap<String, AttributeValue>> {
        let scan = self.client.scan().table_name(table).consistent_read(true);
        let items = scan.send().await.expect("a table can be read").items;
        items
            .unwrap_or_default()
            .into_iter()
            .map(BTreeMap::from_iter)
            .collect()
    }

    /// A number of the one item there is.
    async fn count(&self, name: &str) -> u64 {
        let items = self.items(&self.table).await;
        assert_eq!(items.len(), 1, "{items:?}");
        items[0][name].as_n().unwrap().parse().unwrap()
    }
}

/// The router of a function with one route, into a table.
async fn router(local: &DynamoDbLocal, table: &str, ledger: &str, lines: &str) -> Router {
    let target = format!("{{dynamodb: {{table: {table}, {lines}, timeout: 60s}}}}");
    router_at(local.endpoint(), ledger, &target).await
}

/// The router of a function with one route, whose AWS is at an endpoint.
pub(super) async fn router_at(endpoint: &str, ledger: &str, target: &str) -> Router {
    let told = [
        ("WAYBILL_CONSUMER", "orders".to_owned()),
        ("WAYBILL_LEDGER_TABLE", ledger.to_owned()),
        ("WAYBILL_LEDGER_TTL_DAYS", "25".to_owned()),
        (
            "WAYBILL_ROUTES",
            format!("inline:{{routes: [{{name: out, target: {target}}}]}}"),
        ),
    ];
    let settings = RouteSettings::read(&Told(told.into()), 10);
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    let connection = connection_to(endpoint).await;
    let router = connection.router(&settings);
    router.unwrap_or_else(|fault| panic!("{fault}"))
}

/// One try; the idempotency key is the event's id.
pub(super) async fn attempt(router: &Router, event: &Event) -> Attempt {
    attempt_with(router, event, None).await
}

/// The same of a try that is to write this row with its item.
async fn attempt_with(router: &Router, event: &Event, row: Option<&Record>) -> Attempt {
    let delivery = Delivery {
        event,
        message: &fixtures::message("m-1", ""),
        route: &RouteName::new("out").expect("a name"),
        idempotency_key: &event.id,
        attempt: 1,
        revision: 0,
        limit: Duration::from_secs(60),
        given_up: None,
        trace: None,
        row,
    };
    router.deliver(delivery).await
}

/// A try that is killed when it has made so many steps: what was on its way is left to itself.
async fn killed(router: &Router, event: &Event, steps: usize) -> Option<Attempt> {
    killed_with(router, event, None, steps).await
}

/// The same of a try that is to write this row with its item.
async fn killed_with(
    router: &Router,
    event: &Event,
    row: Option<&Record>,
    steps: usize,
) -> Option<Attempt> {
    let mut attempt = pin!(attempt_with(router, event, row));
    let mut left = steps;
    std::future::poll_fn(|context| match attempt.as_mut().poll(context) {
        Poll::Ready(attempt) => Poll::Ready(Some(attempt)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

pub(super) fn event(id: &str, data: &str) -> Event {
    Event {
        id: id.to_owned(),
        source: "shop".to_owned(),
        kind: "order".to_owned(),
        data: Data::Json(data.into()),
        ..Event::default()
    }
}

const PUT: &str = "key: '{pk: id}', put: data";
pub(super) const COUNT: &str = "key: '{pk: source}', add: '{n: `1`, paid: data.paid}'";

/// Most tries of one event: some end in a conflict with another's transaction.
const TRIES: usize = 100;

#[tokio::test]
async fn an_event_that_comes_again_writes_nothing_more_f33() {
    let scene = Scene::new("again", COUNT).await;
    let paid = event("e-1", r#"{"paid": 2.5}"#);
    assert_eq!(scene.deliver(&paid).await, Attempt::delivered("written"));
    for _ in 0..3 {
        assert_eq!(
            scene.deliver(&paid).await,
            Attempt::delivered("already_done")
        );
    }
    assert_eq!(scene.count("n").await, 1);
    let markers = scene.items(&scene.ledger).await;
    assert_eq!(markers.len(), 1);
    assert_eq!(markers[0]["pk"], AttributeValue::S("#e-1".to_owned()));
}

/// Every event is tried by several at once, as by zombies, and all add to one item.
#[tokio::test]
async fn tries_side_by_side_count_each_event_once_f39() {
    let scene = Scene::new("aside", COUNT).await;
    let mut tries = JoinSet::new();
    for n in 0..6 {
        for _ in 0..3 {
            let router = Arc::clone(&scene.router);
            tries.spawn(async move {
                attempt(&router, &event(&format!("e-{n}"), r#"{"paid": 1}"#)).await
            });
        }
    }
    let ended = tries.join_all().await;
    assert!(
        ended
            .iter()
            .any(|attempt| attempt.outcome == Outcome::Delivered)
    );
    assert!(
        ended
            .iter()
            .all(|attempt| attempt.outcome != Outcome::Rejected),
        "{ended:?}"
    );
    for n in 0..6 {
        scene
            .deliver(&event(&format!("e-{n}"), r#"{"paid": 1}"#))
            .await;
    }
    assert_eq!((scene.count("n").await, scene.count("paid").await), (6, 6));
}

/// Killed after each of its first steps, and after its end before anybody could write it down.
#[tokio::test]
async fn tries_killed_between_any_two_steps_count_each_event_once_f33_f38() {
    let scene = Scene::new("killed", COUNT).await;
    let paid = |n: usize| event(&format!("e-{n}"), r#"{"paid": 1}"#);
    let steps = 12;
    let mut cut = 0;
    for n in 0..steps {
        cut += usize::from(killed(&scene.router, &paid(n), n).await.is_none());
    }
    assert!(cut > 0, "no try was killed");
    for n in 0..steps {
        scene.deliver(&paid(n)).await;
    }
    assert_eq!(scene.count("n").await, u64::try_from(steps).unwrap());
    assert_eq!(scene.items(&scene.ledger).await.len(), steps);
}

#[tokio::test]
async fn each_event_puts_one_item_of_every_type() {
    let scene = Scene::new("put", PUT).await;
    let data = r#"{"pk": "no", "n": -1.5e-7, "big": 18446744073709551615, "yes": true,
        "list": [null, "a"], "map": {"x": {}}, "none": null, "empty": ""}"#;
    for id in ["e-1", "e-2", "e-1"] {
        scene.deliver(&event(id, data)).await;
    }
    let items = scene.items(&scene.table).await;
    assert_eq!(items.len(), 2);
    let item = items
        .iter()
        .find(|i| i["pk"] == AttributeValue::S("e-1".to_owned()));
    let item = item.expect("the first event's item");
    let map = |entries: &[(&str, AttributeValue)]| {
        let entries = entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        AttributeValue::M(entries.collect())
    };
    let text = |text: &str| AttributeValue::S(text.to_owned());
    assert_eq!(item["n"], AttributeValue::N("-0.00000015".to_owned()));
    assert_eq!(
        item["big"],
        AttributeValue::N("18446744073709551615".to_owned())
    );
    assert_eq!(item["yes"], AttributeValue::Bool(true));
    let list = vec![AttributeValue::Null(true), text("a")];
    assert_eq!(item["list"], AttributeValue::L(list));
    assert_eq!(item["map"], map(&[("x", map(&[]))]));
    assert_eq!(item["empty"], text(""));
    assert_eq!(item.get("none"), None);
}

#[tokio::test]
async fn a_marker_that_has_ended_holds_nothing_back_f41() {
    let scene = Scene::new("ended", PUT).await;
    for (id, ends) in [("old", 1), ("live", u32::MAX)] {
        let marker = scene.client.put_item().table_name(&scene.ledger);
        let marker = marker.item("pk", AttributeValue::S(format!("#{id}")));
        let marker = marker.item("expires_at", AttributeValue::N(ends.to_string()));
        marker.send().await.expect("a marker can be put");
    }
    let live = scene.deliver(&event("live", "{}")).await;
    assert_eq!(live, Attempt::delivered("already_done"));
    assert_eq!(scene.items(&scene.table).await, []);
    let old = scene.deliver(&event("old", "{}")).await;
    assert_eq!(old, Attempt::delivered("written"));
    assert_eq!(scene.items(&scene.table).await.len(), 1);
    let again = scene.deliver(&event("old", "{}")).await;
    assert_eq!(again, Attempt::delivered("already_done"));
}

#[tokio::test]
async fn a_condition_on_the_item_is_kept_and_a_repeat_is_no_breach_f40() {
    let new = Scene::new("new", "key: '{pk: source}', put: data, only: new").await;
    let existing = Scene::new("existing", "key: '{pk: source}', set: data, only: existing").await;
    let data = r#"{"a": 1}"#;
    assert_eq!(
        new.deliver(&event("e-1", data)).await,
        Attempt::delivered("written")
    );
    assert_eq!(
        new.deliver(&event("e-1", data)).await,
        Attempt::delivered("already_done")
    );
    for (scene, id) in [(&new, "e-2"), (&existing, "e-1")] {
        let refused = scene.deliver(&event(id, data)).await;
        assert_eq!(
            (refused.outcome, &*refused.code),
            (Outcome::Rejected, "condition_failed")
        );
    }
    assert_eq!(
        new.items(&new.ledger).await.len(),
        1,
        "what is refused leaves no marker"
    );
    let item = existing.client.put_item().table_name(&existing.table);
    let item = item.item("pk", AttributeValue::S("shop".to_owned()));
    item.send().await.expect("an item can be put");
    assert_eq!(
        existing.deliver(&event("e-1", data)).await,
        Attempt::delivered("written")
    );
    assert_eq!(existing.count("a").await, 1);
}

#[tokio::test]
async fn what_the_table_refuses_is_told_apart() {
    let scene = Scene::new("refused", PUT).await;
    let local = DynamoDbLocal::get().await;
    let cases = [
        (
            "refused-items",
            "key: '{order: id}', put: data",
            "{}",
            "item_refused",
        ),
        (
            "refused-items",
            "key: '{pk: `1`}', put: data",
            "{}",
            "item_refused",
        ),
        (
            "refused-items",
            "key: '{pk: id}', add: '{text: `1`}'",
            "{}",
            "item_refused",
        ),
        ("nowhere", PUT, "{}", "table_missing"),
    ];
    let with_text = event("e-1", r#"{"text": "x"}"#);
    assert_eq!(scene.deliver(&with_text).await.outcome, Outcome::Delivered);
    for (table, lines, data, code) in cases {
        let router = router(&local, table, &scene.ledger, lines).await;
        // Another delivery than that of the item above, on its key.
        let event = event("e-1", data);
        let delivery = Delivery {
            event: &event,
            message: &fixtures::message("m-1", ""),
            route: &RouteName::new("out").expect("a name"),
            idempotency_key: "another",
            attempt: 1,
            revision: 0,
            limit: Duration::from_secs(60),
            given_up: None,
            trace: None,
            row: None,
        };
        let refused = router.deliver(delivery).await;
        assert_eq!(refused.code, code, "{lines}: {}", refused.message);
        let rejected = code == "item_refused";
        assert_eq!(refused.outcome == Outcome::Rejected, rejected, "{lines}");
    }
    let huge = format!(r#"{{"a": "{}"}}"#, "x".repeat(400 * 1024));
    let refused = scene.deliver(&event("e-2", &huge)).await;
    assert_eq!(
        (refused.outcome, &*refused.code),
        (Outcome::Rejected, "item_refused")
    );
    assert_eq!(
        scene.items(&scene.ledger).await.len(),
        1,
        "no marker without its item"
    );
}

/// The row of an event that was not claimed: as its try delivers it, and as one that failed.
fn rows_of(event: &Event) -> [Record; 2] {
    let first = fixtures::claimed(&event.id, 1).unwritten();
    let delivered = first.as_delivered(&fixtures::route("crm"), "written", first.expires_at);
    [delivered, fixtures::moved(&first, Status::Pending)]
}

#[tokio::test]
async fn a_row_and_its_item_are_written_together_or_not_at_all_f39() {
    let scene = Scene::new("with-row", "key: '{pk: data.id}', add: '{n: `1`}'").await;
    let ledger = DynamoLedger::new(scene.client.clone(), scene.ledger.as_str());
    let one = event("e-1", r#"{"id": "one"}"#);
    let [delivered, _] = rows_of(&one);
    let written = attempt_with(&scene.router, &one, Some(&delivered)).await;
    assert_eq!(written.row, RowEnd::Written);
    let read = || async {
        ledger
            .read(std::slice::from_ref(&delivered.key))
            .await
            .remove(0)
            .unwrap()
    };
    assert_eq!(read().await, Some(Row::Known(Box::new(delivered.clone()))));
    assert_eq!(scene.items(&scene.ledger).await.len(), 1, "and no marker");
    // Whatever row stands refuses the item.
    let again = attempt_with(&scene.router, &one, Some(&delivered)).await;
    assert_eq!((&*again.code, again.row), ("conflict", RowEnd::Refused));
    assert_eq!(scene.count("n").await, 1);
    // Killed anywhere, and the row of the failed try after it: one of the two stands, and a late
    // transaction does nothing. A try on the usual way then has the effect that is missing.
    let mut whole = false;
    for steps in 0..STEPS_MOST {
        let event = event(&format!("k-{steps}"), r#"{"id": "one"}"#);
        let [delivered, failed] = rows_of(&event);
        let ended = killed_with(&scene.router, &event, Some(&delivered), steps).await;
        whole = ended.is_some();
        if inserted(&ledger, &failed).await {
            assert!(ended.is_none_or(|attempt| attempt.row != RowEnd::Written));
            let late = attempt_with(&scene.router, &event, Some(&delivered)).await;
            assert_eq!(late.row, RowEnd::Refused);
            scene.deliver(&event).await;
        }
        let done = u64::try_from(steps).unwrap() + 2;
        assert_eq!(scene.count("n").await, done, "after {steps} steps");
        if whole {
            break;
        }
    }
    assert!(whole, "each try was killed");
}

/// Writes the row of a failed try; whether it was not refused.
async fn inserted(ledger: &DynamoLedger, row: &Record) -> bool {
    for _ in 0..TRIES {
        match ledger.write(&[Write::Insert(row.clone())]).await.remove(0) {
            Ok(Written::Done(_)) => return true,
            Ok(Written::Refused(_)) => return false,
            // A transaction on the same row is under way.
            Err(_) => {}
        }
    }
    panic!("the ledger does not answer");
}

/// More steps than a try has.
const STEPS_MOST: usize = 100;
