//! Delivering along the routes of a file: transforms, and routes that are switched off.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::event::Data;
use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Record, RouteState, Status};
use waybill_core::limit::WAIT_MAX;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::routes::RoutesFile;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::ports::{Ambient, Queue, Target, TargetRequest};
use waybill_engine::router::Router;
use waybill_testkit::{Call, FakeLedger, FakeQueue, Faulty, TestAmbient};

use crate::scene::{Scene, TIMEOUT, VISIBILITY};

/// One call of a target: which route's, and what it was given.
type Sent = (String, Data);

/// A target that notes what it is given and answers 503 to a body that says `busy`; a dead-letter
/// target takes everything, and is noted under its route's name with `!`.
struct Noting {
    route: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    given_up: Arc<Mutex<Vec<(String, String)>>>,
}

impl Target for Noting {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        let sent = (self.route.clone(), request.data.clone());
        self.sent.lock().unwrap().push(sent);
        let busy = request.data.as_bytes() == br#"{"busy":true}"#;
        let busy = busy && request.given_up.is_none();
        let why = request.given_up.map_or(String::new(), |why| why.to_json());
        let told = (request.idempotency_key.to_owned(), why);
        self.given_up.lock().unwrap().push(told);
        async move {
            match busy {
                true => Attempt::transient("http_503", "busy", None),
                false => Attempt::delivered("http_200"),
            }
        }
        .boxed()
    }
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue and a ledger, and what targets were given.
struct World {
    scene: Scene,
    sent: Arc<Mutex<Vec<Sent>>>,
    /// The idempotency key of each call, and what it was told of a route that gave up.
    given_up: Arc<Mutex<Vec<(String, String)>>>,
    log: Log,
}

impl World {
    fn new() -> Self {
        Self {
            scene: Scene::new(&[]),
            sent: Arc::default(),
            given_up: Arc::default(),
            log: Log::default(),
        }
    }

    /// Sends an event of this id with data.
    fn send(&self, id: &str, data: &str) {
        let body =
            format!(r#"{{"id":"{id}","source":"shop","detail-type":"order","detail":{data}}}"#);
        self.scene.queue.inner().put_body(body);
    }

    /// One batch in a new process with these routes, each on a line of its own without a target.
    async fn turn(&self, routes: &str) -> Vec<Handed> {
        let lines = routes
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let target = "target: { http: { url: \"https://t.example/\" } }";
        let lines: Vec<_> = lines
            .map(|line| format!("  - {{ {line}, {target} }}\n"))
            .collect();
        let file = RoutesFile::parse(&format!("routes:\n{}", lines.concat()), |_| None).unwrap();
        let router = Router::new(file, |route, spec| {
            let own = if *spec == route.target { "" } else { "!" };
            Ok::<_, ()>(Box::new(Noting {
                route: format!("{}{own}", route.name),
                sent: Arc::clone(&self.sent),
                given_up: Arc::clone(&self.given_up),
            }) as Box<dyn Target>)
        });
        let scene = &self.scene;
        let engine: Engine<Router, Faulty<FakeLedger>, Arc<TestAmbient>> = Engine::new(
            router.unwrap(),
            scene.ledger.clone(),
            scene.ambient.clone(),
            scene.config.clone(),
        );
        let source: Source<Faulty<FakeQueue>> = Source::new(scene.queue.clone(), None);
        let queue = scene.queue.inner();
        let messages = queue.receive(10, Duration::ZERO, VISIBILITY).await.unwrap();
        let started = scene.ambient.now();
        let deadline = started.after(TIMEOUT);
        let to = self.log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || to.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        let budget = Budget { started, deadline };
        let handed = engine.run(messages.clone(), &source, budget).await;
        for (message, handed) in messages.iter().zip(&handed) {
            if *handed == Handed::Over {
                let handle = message.receipt_handle.clone();
                queue.delete(&[handle]).await.remove(0).unwrap();
            }
        }
        handed
    }

    /// Which routes were called, and the text that each was given, in the order of the routes'
    /// names; forgotten thereby.
    fn sent(&self) -> Vec<(String, String)> {
        let mut sent = std::mem::take(&mut *self.sent.lock().unwrap());
        sent.sort_by(|a, b| a.0.cmp(&b.0));
        let text = |data: &Data| String::from_utf8(data.as_bytes().to_vec()).unwrap();
        sent.iter()
            .map(|(route, data)| (route.clone(), text(data)))
            .collect()
    }

    /// The row of an event of this id.
    fn row(&self, id: &str) -> Option<Record> {
        let consumer = self.scene.config.consumer.as_str();
        let key = LedgerKey::from_stored(format!("{consumer}#eb:{id}"));
        self.scene.ledger.inner().record(&key)
    }

    /// What was logged so far; forgotten thereby.
    fn logged(&self) -> String {
        let bytes = std::mem::take(&mut *self.log.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    }
}

/// Calls as they are compared.
fn calls(calls: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = calls
        .iter()
        .map(|(route, data)| ((*route).to_owned(), (*data).to_owned()));
    owned.collect()
}

#[tokio::test(start_paused = true)]
async fn each_target_is_given_what_its_route_makes_of_the_event() {
    let world = World::new();
    world.send("1", r#"{"n": 1.50}"#);
    let routes = r#"
        name: made, transform: "{text: join(' ', ['order', id]), n: data.n}"
        name: plain
        name: text, transform: "join(' ', [type, id])"
    "#;
    assert_eq!(world.turn(routes).await, [Handed::Over]);
    let sent = std::mem::take(&mut *world.sent.lock().unwrap());
    for (route, data) in [
        ("made", Data::Json(r#"{"n":1.5,"text":"order 1"}"#.into())),
        ("plain", Data::Json(r#"{"n": 1.50}"#.into())),
        ("text", Data::Text("order 1".into())),
    ] {
        assert!(
            sent.contains(&(route.to_owned(), data)),
            "{route}: {sent:?}"
        );
    }
    assert_eq!(sent.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_transform_makes_nothing_of_is_refused_once_and_harms_no_other_route() {
    let world = World::new();
    world.send("1", r#"{"n":1}"#);
    world.send("2", r#"{"n":1,"gone":"here"}"#);
    let routes = r#"
        name: made, transform: "data.gone"
        name: plain
    "#;
    assert_eq!(world.turn(routes).await, [Handed::Back, Handed::Over]);
    let mut sent = world.sent();
    sent.sort();
    let expected = [
        ("made", "here"),
        ("plain", r#"{"n":1,"gone":"here"}"#),
        ("plain", r#"{"n":1}"#),
    ];
    assert_eq!(sent, calls(&expected));
    let row = world.row("1").unwrap();
    assert_eq!(row.status, Status::Dead);
    assert_eq!(
        row.death.map(|death| death.reason),
        Some(DeadReason::Rejected)
    );
    assert_eq!(row.routes[0].state, RouteState::Rejected);
    assert_eq!(
        (row.routes[0].attempts, row.routes[0].last.as_str()),
        (1, "transform_failed")
    );
    assert_eq!(row.routes[1].state, RouteState::Delivered);
    let told = row
        .attempts
        .iter()
        .find(|at| at.code == "transform_failed")
        .unwrap();
    assert_eq!(told.message, "transform finds nothing in this event");
    assert_eq!(world.row("2").unwrap().status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_route_may_let_go_what_its_transform_makes_nothing_of() {
    let world = World::new();
    world.send("1", "{}");
    let route = r#"name: made, transform: "data.gone", on_rejected: ack"#;
    assert_eq!(world.turn(route).await, [Handed::Over]);
    assert!(world.sent().is_empty());
    assert_eq!(world.row("1").unwrap().routes[0].state, RouteState::LetGo);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_route_takes_nothing_new_and_what_only_it_would_take_is_unrouted() {
    let world = World::new();
    world.send("1", "1");
    let off = "name: off, enabled: false";
    assert_eq!(
        world.turn(&format!("{off}\nname: on")).await,
        [Handed::Over]
    );
    assert_eq!(world.sent(), calls(&[("on", "1")]));
    let row = world.row("1").unwrap();
    let planned: Vec<_> = row.routes.iter().map(|at| at.name.as_str()).collect();
    assert_eq!(planned, ["on"]);

    world.send("2", "2");
    assert_eq!(world.turn(off).await, [Handed::Back]);
    assert!(world.sent().is_empty());
    let death = world.row("2").unwrap().death;
    assert_eq!(death.map(|death| death.reason), Some(DeadReason::Unrouted));
}

#[tokio::test(start_paused = true)]
async fn what_was_claimed_for_a_route_waits_uncharged_while_it_is_off_f55() {
    for flag in ["enabled: false", "shadow: true"] {
        let world = World::new();
        world.send("1", r#"{"busy":true}"#);
        assert_eq!(
            world.turn("name: crm\nname: erp, transform: id").await,
            [Handed::Back]
        );
        assert_eq!(
            world.sent(),
            calls(&[("crm", r#"{"busy":true}"#), ("erp", "1")])
        );

        let off = format!("name: crm, {flag}\nname: erp, transform: id");
        for _ in 0..5 {
            world.scene.wait_for_next().await;
            assert_eq!(world.turn(&off).await, [Handed::Back]);
            assert!(world.sent().is_empty(), "{flag}");
            assert_eq!(world.scene.visible_in(), WAIT_MAX);
            let crm = world.row("1").unwrap().routes[0].clone();
            assert_eq!((crm.state, crm.attempts), (RouteState::Open, 1), "{flag}");
            assert!(world.logged().contains("cause=\"route_off\""), "{flag}");
        }

        world.scene.wait_for_next().await;
        let on = "name: crm, transform: id\nname: erp, transform: id";
        assert_eq!(world.turn(on).await, [Handed::Over]);
        assert_eq!(world.sent(), calls(&[("crm", "1")]), "{flag}");
        assert_eq!(world.row("1").unwrap().status, Status::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_off_holds_up_no_retry_of_another() {
    let world = World::new();
    world.send("1", r#"{"busy":true}"#);
    world.turn("name: crm\nname: erp").await;
    world.sent();
    world.scene.wait_for_next().await;
    world.turn("name: crm, enabled: false\nname: erp").await;
    assert_eq!(world.sent(), calls(&[("erp", r#"{"busy":true}"#)]));
    assert!(
        world.scene.visible_in() < Duration::from_secs(30),
        "the other's own wait"
    );
    assert!(!world.logged().contains("route_off"), "a try was made");
    world.scene.wait_for_next().await;
    world
        .turn("name: crm, enabled: false\nname: erp, transform: id")
        .await;
    assert_eq!(world.sent(), calls(&[("erp", "1")]));
    let row = world.row("1").unwrap();
    assert_eq!((row.status, row.routes[0].attempts), (Status::Pending, 1));
    assert_eq!(row.routes[1].state, RouteState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_shadow_is_told_once_for_an_event_and_calls_no_target() {
    let world = World::new();
    world.send("1", r#"{"busy":true}"#);
    let routes = "name: crm\nname: new, shadow: true, transform: id";
    let line = "shadow route evaluated; nothing was sent";
    assert_eq!(world.turn(routes).await, [Handed::Back]);
    let log = world.logged();
    assert_eq!(log.matches(line).count(), 1, "{log}");
    let told = log.lines().find(|told| told.contains(line)).unwrap();
    for field in [
        "route.name=\"new\"",
        "shadow.outcome=\"would_deliver\"",
        "size_bytes=1",
    ] {
        assert!(told.contains(field), "{told}");
    }
    world.scene.wait_for_next().await;
    assert_eq!(world.turn(routes).await, [Handed::Back]);
    assert!(!world.logged().contains(line), "a retry is no other event");
    world.send("1", r#"{"busy":true}"#);
    world.turn(routes).await;
    assert!(!world.logged().contains(line), "nor is a repeat");
    let called: Vec<_> = world.sent().into_iter().map(|(route, _)| route).collect();
    assert_eq!(called, ["crm", "crm"]);
    let row = world.row("1").unwrap();
    assert_eq!(row.routes.len(), 1, "a shadow is in no plan");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_only_shadows_take_is_let_go_and_not_unrouted() {
    let world = World::new();
    world.send("1", r#"{"n":1}"#);
    let routes = r#"
        name: a, shadow: true
        name: b, shadow: true, transform: "data.gone"
        name: c, shadow: true, percent: 0
        name: d, shadow: true, enabled: false
        name: e, shadow: true, transform: "data[1::2147483647]"
        name: f, percent: 0
    "#;
    assert_eq!(world.turn(routes).await, [Handed::Over]);
    assert!(world.sent().is_empty());
    assert_eq!(
        world.scene.ledger.calls(Call::Write),
        0,
        "nothing was to be done"
    );
    let log = world.logged();
    let told: Vec<_> = log
        .lines()
        .filter(|line| line.contains("shadow route"))
        .collect();
    assert_eq!(told.len(), 3, "{log}");
    assert!(told[0].contains("size_bytes=7"), "{}", told[0]);
    assert!(
        told[1].contains("shadow.outcome=\"transform_failed\""),
        "{}",
        told[1]
    );
    assert!(told[2].contains("finds nothing"), "{}", told[2]);
    assert!(!log.contains("message dead"));
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_requires_json_kills_nothing_and_says_so() {
    let world = World::new();
    world.scene.queue.inner().put_body("no json");
    let routes = "name: crm\nname: new, shadow: true, require: json";
    assert_eq!(world.turn(routes).await, [Handed::Over]);
    assert_eq!(world.sent(), calls(&[("crm", "no json")]));
    assert!(world.logged().contains("shadow.outcome=\"malformed\""));
}

#[tokio::test(start_paused = true)]
async fn a_percentage_takes_an_event_or_lets_it_go_and_a_redelivery_falls_the_same_way() {
    let world = World::new();
    let some = "name: crm, percent: 50, transform: id";
    let mut taken = Vec::new();
    for id in 0..20 {
        let id = id.to_string();
        for _ in 0..2 {
            world.send(&id, "1");
            assert_eq!(world.turn(some).await, [Handed::Over]);
        }
        let sent = world.sent();
        assert!(sent.len() < 2, "a repeat does nothing");
        assert_eq!(world.row(&id).is_some(), sent.len() == 1);
        taken.extend(sent.into_iter().map(|(_, id)| id));
    }
    // By hash: these are the same on every run.
    assert!((5..=15).contains(&taken.len()), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_route_gives_up_is_given_to_its_own_dead_letter_target_as_it_came() {
    let world = World::new();
    world.send("1", r#"{"busy":true}"#);
    let own = "dead_letter: { target: { http: { url: \"https://dead.example/\" } } }";
    let routes = format!("name: crm, retry: {{ steps: 1 }}, {own}\nname: erp, transform: id");
    assert_eq!(world.turn(&routes).await, [Handed::Back]);
    world.scene.wait_for_next().await;
    assert_eq!(world.turn(&routes).await, [Handed::Back]);
    let row = world.row("1").unwrap();
    assert_eq!(row.routes[0].state, RouteState::DeadLetter);
    assert!(world.logged().contains("route gave up"));
    let busy = ("crm", r#"{"busy":true}"#);
    assert_eq!(world.sent(), calls(&[busy, busy, ("erp", "1")]));

    world.scene.wait_for_next().await;
    assert_eq!(world.turn(&routes).await, [Handed::Over]);
    assert_eq!(world.sent(), calls(&[("crm!", r#"{"busy":true}"#)]));
    let told = world.given_up.lock().unwrap().clone();
    let (key, why) = told.last().unwrap();
    let expected = r#"{"route":"crm","reason":"attempts_spent","code":"http_503"}"#;
    assert_eq!(why, expected);
    let others = &told[..told.len() - 1];
    assert!(
        others
            .iter()
            .all(|(other, why)| other != key && why.is_empty())
    );
    let row = world.row("1").unwrap();
    assert_eq!(row.status, Status::Completed);
    assert_eq!(row.routes[0].state, RouteState::DeadLettered);
    assert_eq!(row.routes[1].state, RouteState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_release_without_the_dead_letter_target_waits_for_one_that_has_it_f55() {
    let world = World::new();
    world.send("1", r#"{"busy":true}"#);
    let own = "dead_letter: { target: { http: { url: \"https://dead.example/\" } } }";
    let with = format!("name: crm, retry: {{ steps: 0 }}, {own}");
    world.turn(&with).await;
    world.scene.wait_for_next().await;
    assert_eq!(world.turn("name: crm").await, [Handed::Back]);
    let row = world.row("1").unwrap();
    let waits = (RouteState::DeadLetter, "route_unknown");
    assert_eq!((row.routes[0].state, row.routes[0].last.as_str()), waits);
    world.scene.wait_for_next().await;
    assert_eq!(world.turn(&with).await, [Handed::Over]);
    let calls = calls(&[("crm", r#"{"busy":true}"#), ("crm!", r#"{"busy":true}"#)]);
    assert_eq!(world.sent(), calls);
}
