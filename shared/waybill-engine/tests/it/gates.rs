//! Breakers, rates and places: several processes in simulated time, one queue, one store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join, join_all};
use tokio::time::sleep;

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::gate::breaker::Breaker;
use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Record, RouteState, Status};
use waybill_core::outcome::Attempt;
use waybill_core::routes::RoutesFile;
use waybill_core::time::Timestamp;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::gates::Gates;
use waybill_engine::poller::{Poller, PollerConfig, Report};
use waybill_engine::ports::{Ambient, Outgoing, Queue, Target, TargetRequest};
use waybill_engine::router::Router;
use waybill_testkit::{
    Call, FakeGates, FakeLedger, FakeQueue, Fault, Faulty, TestAmbient, Trouble, fixtures,
};

use crate::scene::{HELD, Scene, TIMEOUT, VISIBILITY};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// One call of a target.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    route: String,
    id: String,
    at: Timestamp,
}

/// How a target is: changed by the test while it runs.
#[derive(Debug, Clone, Copy)]
struct Health {
    well: bool,
    takes: Duration,
}

/// What all targets of a world share.
struct Book {
    sent: Mutex<Vec<Sent>>,
    /// Calls under way, and the most there were.
    under_way: Mutex<(usize, usize)>,
    sick: Mutex<Health>,
    ambient: Arc<TestAmbient>,
}

/// The target of one route: as the book says, but that `well` is well, and `slow` ten times slower.
struct Noted {
    route: String,
    book: Arc<Book>,
}

/// Counts a call while it is under way.
struct UnderWay<'b>(&'b Book);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().unwrap().0 -= 1;
    }
}

impl Target for Noted {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        async move {
            self.book.sent.lock().unwrap().push(Sent {
                route: self.route.clone(),
                id: request.event.id.clone(),
                at: self.book.ambient.now(),
            });
            let health = *self.book.sick.lock().unwrap();
            if self.route == "well" {
                return Attempt::delivered("ok");
            }
            {
                let mut under_way = self.book.under_way.lock().unwrap();
                under_way.0 += 1;
                under_way.1 = under_way.1.max(under_way.0);
            }
            let _under_way = UnderWay(&self.book);
            let times = if self.route == "slow" { 10 } else { 1 };
            sleep(health.takes * times).await;
            match health.well {
                true => Attempt::delivered("ok"),
                false => Attempt::transient("http_503", "down", None),
            }
        }
        .boxed()
    }
}

/// A queue, a ledger and a store of gates, for any number of processes.
struct World {
    scene: Scene,
    store: FakeGates,
    book: Arc<Book>,
    routes: String,
}

/// A process of it.
struct Process<'w> {
    world: &'w World,
    engine: Engine<Router, Faulty<FakeLedger>, Arc<TestAmbient>>,
    source: Source<Faulty<FakeQueue>>,
}

impl World {
    /// A world with these routes, each on a line of its own without a target.
    fn new(routes: &str) -> Self {
        let scene = Scene::new(&[]);
        let target = "target: { http: { url: \"https://t.example/\", timeout: 5s } }";
        let lines = routes.lines().map(str::trim).filter(|l| !l.is_empty());
        let lines: Vec<_> = lines
            .map(|line| format!("  - {{ {line}, {target} }}\n"))
            .collect();
        let health = Health {
            well: true,
            takes: Duration::ZERO,
        };
        Self {
            book: Arc::new(Book {
                sent: Mutex::default(),
                under_way: Mutex::default(),
                sick: Mutex::new(health),
                ambient: scene.ambient.clone(),
            }),
            scene,
            store: FakeGates::new(),
            routes: format!("routes:\n{}", lines.concat()),
        }
    }

    fn is_well(&self, well: bool) {
        self.book.sick.lock().unwrap().well = well;
    }

    fn takes(&self, time: Duration) {
        self.book.sick.lock().unwrap().takes = time;
    }

    fn now(&self) -> Timestamp {
        self.scene.ambient.now()
    }

    fn send(&self, id: &str) {
        let body =
            format!(r#"{{"id":"{id}","source":"shop","detail-type":"order","detail":{{"n":1}}}}"#);
        self.scene.queue.inner().put_body(body);
    }

    /// Sends an event to a group of a FIFO queue.
    fn send_in(&self, group: &str, id: &str) {
        let body =
            format!(r#"{{"id":"{id}","source":"shop","detail-type":"order","detail":{{"n":1}}}}"#);
        self.scene.queue.inner().put(Outgoing {
            body,
            group_id: Some(group.to_owned()),
            deduplication_id: Some(id.to_owned()),
            ..Outgoing::default()
        });
    }

    fn router(&self) -> Router {
        let file = RoutesFile::parse(&self.routes, |_| None).unwrap();
        let gates = Gates::new(
            &file.routes,
            &self.scene.config.consumer,
            Arc::new(self.store.clone()),
            self.scene.ambient.clone(),
        );
        let router = Router::new(file, |route, _| {
            Ok::<_, ()>(Box::new(Noted {
                route: route.name.as_str().to_owned(),
                book: Arc::clone(&self.book),
            }) as Box<dyn Target>)
        });
        router.unwrap().with_gates(gates)
    }

    fn process(&self) -> Process<'_> {
        let scene = &self.scene;
        let (ledger, ambient) = (scene.ledger.clone(), scene.ambient.clone());
        Process {
            world: self,
            engine: Engine::new(self.router(), ledger, ambient, scene.config.clone()),
            source: Source::new(scene.queue.clone(), Some(scene.dead_letters.clone())),
        }
    }

    /// One poll of this long in a new process.
    async fn poll(&self, lasts: Duration) -> Report {
        let queue = self.scene.queue.clone();
        let config = PollerConfig {
            queue_url: queue.inner().arn().to_owned(),
            visibility: HELD,
            reserve: secs(5),
        };
        let engine = self.process().engine;
        let poller = Poller::new(engine, self.scene.ambient.clone(), config, move |_| {
            Source::new(queue.clone(), None)
        });
        let deadline = self.now().after(lasts);
        poller.handle("{}", deadline).await.unwrap()
    }

    /// Calls of one route's target, in order.
    fn calls(&self, route: &str) -> Vec<Sent> {
        let sent = self.book.sent.lock().unwrap();
        sent.iter().filter(|s| s.route == route).cloned().collect()
    }

    fn row(&self, id: &str) -> Record {
        let consumer = self.scene.config.consumer.as_str();
        let key = LedgerKey::from_stored(format!("{consumer}#eb:{id}"));
        self.scene.ledger.inner().record(&key).unwrap()
    }

    fn breaker(&self) -> Option<GateRow> {
        let consumer = &self.scene.config.consumer;
        self.store
            .row(&GateKey::breaker(consumer, &fixtures::route("sick")))
    }
}

impl Process<'_> {
    /// One batch of at most ten, as the event source mapping brings it.
    async fn turn(&self) -> Vec<Handed> {
        let queue = self.world.scene.queue.inner();
        let messages = queue.receive(10, Duration::ZERO, VISIBILITY).await.unwrap();
        if messages.is_empty() {
            sleep(Duration::from_millis(100)).await;
            return Vec::new();
        }
        let started = self.world.now();
        let deadline = started.after(TIMEOUT);
        let budget = Budget { started, deadline };
        let handed = self
            .engine
            .run(messages.clone(), &self.source, budget)
            .await;
        assert!(self.world.now() <= deadline, "the deadline passed");
        let over = messages.iter().zip(&handed);
        let over = over.filter(|(_, handed)| **handed == Handed::Over);
        let handles: Vec<_> = over.map(|(m, _)| m.receipt_handle.clone()).collect();
        for answer in queue.delete(&handles).await {
            answer.unwrap();
        }
        handed
    }

    /// Batches until then.
    async fn run_until(&self, until: Timestamp) {
        while self.world.now() < until {
            self.turn().await;
        }
    }
}

/// The most calls in any window of this length.
fn most_in(calls: &[Sent], window: Duration) -> usize {
    let in_window = |first: &Sent| {
        let end = first.at.after(window);
        let later = calls.iter().filter(|c| c.at >= first.at && c.at < end);
        later.count()
    };
    calls.iter().map(in_window).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn three_processes_share_one_rate_and_the_target_sees_it_evenly() {
    let world = World::new("name: sick, rate: { limit: 20 }");
    world.store.take(Duration::from_millis(8));
    world.takes(Duration::from_millis(30));
    (0..2000).for_each(|n| world.send(&n.to_string()));
    let began = world.now();
    let processes = [world.process(), world.process(), world.process()];
    let until = began.after(secs(60));
    join_all(processes.iter().map(|p| p.run_until(until))).await;
    let calls = world.calls("sick");
    let steady = |from: u64, to: u64| {
        let (from, to) = (began.after(secs(from)), began.after(secs(to)));
        calls.iter().filter(|c| c.at >= from && c.at < to).count()
    };
    for second in 2..58 {
        let seen = steady(second, second + 1);
        assert!((19..=21).contains(&seen), "{seen} in second {second}");
    }
    let most = most_in(&calls, secs(1));
    assert!(most <= 21, "{most} in some second");
    let writes = world.store.counts().puts;
    assert!(writes <= 60 * 8, "{writes} requests in a minute");
    assert!(
        calls
            .iter()
            .all(|call| world.row(&call.id).routes[0].attempts <= 1)
    );
}

#[tokio::test(start_paused = true)]
async fn what_has_no_slot_in_time_is_put_off_uncharged() {
    let world = World::new("name: sick, rate: { limit: 1, per: 30s }");
    (0..10).for_each(|n| world.send(&n.to_string()));
    let handed = world.process().turn().await;
    let over = handed.iter().filter(|h| **h == Handed::Over).count();
    assert_eq!(over, world.calls("sick").len());
    assert_eq!(over, 2, "{handed:?}");
    let waiting: Vec<_> = (0..10).map(|n| world.row(&n.to_string())).collect();
    let waiting: Vec<_> = waiting
        .iter()
        .filter(|row| row.routes[0].state == RouteState::Open)
        .collect();
    assert_eq!(waiting.len(), 8);
    assert!(waiting.iter().all(|row| row.routes[0].attempts == 0));
    assert!(waiting.iter().all(|row| row.attempts.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_rate_lets_nothing_through_f43() {
    let world = World::new("name: sick, rate: { limit: 20 }\n name: well");
    world.store.set_away(true);
    world.send("1");
    assert_eq!(world.process().turn().await, [Handed::Back]);
    assert_eq!(world.calls("sick"), []);
    assert_eq!(world.calls("well").len(), 1, "another route goes on");
    assert_eq!(world.row("1").routes[0].attempts, 0);
    world.store.set_away(false);
    world.scene.wait_for_next().await;
    assert_eq!(world.process().turn().await, [Handed::Over]);
    assert_eq!(world.calls("well").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_has_no_more_tries_at_once_than_it_may() {
    let world = World::new("name: sick, concurrency: 3");
    world.takes(secs(2));
    (0..10).for_each(|n| world.send(&n.to_string()));
    let began = world.now();
    assert_eq!(world.process().turn().await, [Handed::Over; 10]);
    assert_eq!(world.book.under_way.lock().unwrap().1, 3);
    assert_eq!(world.now().since(began).as_secs(), 8, "four rounds of 2 s");
    let order: Vec<_> = world.calls("sick").into_iter().map(|c| c.id).collect();
    let sent: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(order, sent, "who waits longest is next");
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_place_in_time_is_put_off_uncharged_and_holds_up_no_other_route() {
    let world = World::new("name: sick, concurrency: 1\n name: well");
    world.takes(secs(4));
    (0..10).for_each(|n| world.send(&n.to_string()));
    let began = world.now();
    world.process().turn().await;
    let calls = world.calls("well");
    assert_eq!(calls.len(), 10);
    assert!(calls[9].at.since(began) < secs(1), "at once");
    assert_eq!(world.calls("sick").len(), 1);
    // An invocation does not last for as long as all of them take: others wait behind it.
    assert_eq!(world.now().since(began).as_secs(), 4);
    let attempts = |n: u32| world.row(&n.to_string()).routes[0].attempts;
    let tried = (0..10).filter(|n| attempts(*n) == 1).count();
    let untried = (0..10).filter(|n| attempts(*n) == 0).count();
    assert_eq!((tried, untried), (1, 9));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_lets_nothing_through_but_one_probe_at_a_time_of_three_processes() {
    let world = World::new("name: sick, breaker: {}\n name: well");
    world.store.take(Duration::from_millis(8));
    world.takes(Duration::from_millis(50));
    world.is_well(false);
    let began = world.now();
    let until = began.after(secs(300));
    let processes = [world.process(), world.process(), world.process()];
    let feeding = async {
        for n in 0..1500 {
            world.send(&n.to_string());
            sleep(Duration::from_millis(200)).await;
        }
    };
    let running = join_all(processes.iter().map(|p| p.run_until(until)));
    join(feeding, running).await;
    let calls = world.calls("sick");
    let opened = began.after(secs(3));
    let probes: Vec<_> = calls.iter().filter(|c| c.at > opened).collect();
    // 5 s, 10 s, then every 15 s.
    assert!((18..=21).contains(&probes.len()), "{}", probes.len());
    for pair in probes.windows(2) {
        let apart = pair[1].at.since(pair[0].at);
        assert!(apart >= secs(5), "{apart:?} apart");
    }
    let before = calls.len() - probes.len();
    assert!(before <= 3 * 10, "{before} before it opened");
    let charged: u32 = (0..1500)
        .map(|n| world.row(&n.to_string()).routes[0].attempts)
        .sum();
    assert_eq!(
        charged,
        u32::try_from(before).unwrap(),
        "no probe is charged"
    );
    // The other route is as quick as ever.
    let well = world.calls("well");
    assert_eq!(well.len(), 1500);
    assert!(world.scene.dead_letters.inner().is_empty());

    world.is_well(true);
    let back = world.now();
    let until = back.after(secs(60));
    join_all(processes.iter().map(|p| p.run_until(until))).await;
    let left = world.scene.queue.inner().len();
    assert_eq!(left, 0, "drained within a minute");
    let done: Vec<_> = world
        .calls("sick")
        .into_iter()
        .filter(|c| c.at >= back)
        .collect();
    assert_eq!(done.len(), 1500);
    // It ramps: 2, 4, 8 … a second in each process.
    let Some(GateState::Breaker(Breaker::Ramp { since, .. })) = world.breaker().map(|r| r.state)
    else {
        panic!("it does not ramp: {:?}", world.breaker());
    };
    let counts = [1, 2, 3].map(|s| {
        let end = since.after(secs(s));
        done.iter().filter(|c| c.at >= since && c.at < end).count()
    });
    for (count, most) in counts.into_iter().zip([3 * 2, 3 * 6, 3 * 14]) {
        assert!(count <= most, "{counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn six_hours_of_a_dead_target_carry_no_valid_message_into_the_dead_letter_queue() {
    let world = World::new("name: sick, breaker: {}");
    world.is_well(false);
    (0..40).for_each(|n| world.send(&n.to_string()));
    let back = world.now().after(secs(6 * 3600));
    let process = world.process();
    while world.now() < back {
        process.turn().await;
        world.scene.wait_for_next().await;
    }
    let receives = world.scene.queue.inner().messages();
    let most = receives.iter().map(|m| m.receive_count).max().unwrap();
    assert!(most <= 21, "{most} receives");
    world.is_well(true);
    for _ in 0..60 {
        if world.scene.queue.inner().is_empty() {
            break;
        }
        world.scene.wait_for_next().await;
        process.turn().await;
    }
    assert!(world.scene.queue.inner().is_empty());
    assert!(world.scene.dead_letters.inner().is_empty());
    let done = |n: u32| world.row(&n.to_string()).routes[0].state == RouteState::Delivered;
    assert!((0..40).all(done));
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_dies_frees_its_probe_and_a_failed_probe_is_noted_uncharged() {
    let world = World::new("name: sick, breaker: { failures: 1 }");
    world.is_well(false);
    world.send("1");
    world.process().turn().await;
    assert_eq!(
        world.row("1").routes[0].attempts,
        1,
        "what opened it is charged"
    );
    let open = world.breaker().unwrap();
    assert!(matches!(open.state, GateState::Breaker(Breaker::Open(open)) if open.round == 0));
    // A process takes the probe and dies.
    world.takes(secs(3600));
    world.scene.wait_for_next().await;
    let dying = world.process();
    assert!(tokio::time::timeout(secs(2), dying.turn()).await.is_err());
    assert_eq!(world.calls("sick").len(), 2);
    world.takes(Duration::ZERO);
    // Another waits for the lease's end, and probes then.
    world.send("2");
    world.process().turn().await;
    assert_eq!(world.calls("sick").len(), 2);
    sleep(secs(15)).await;
    world.process().turn().await;
    assert_eq!(world.calls("sick").len(), 3);
    let row = world.row("2");
    assert_eq!((row.routes[0].attempts, row.attempts.len()), (0, 1));
    assert_eq!(row.routes[0].state, RouteState::Open);
}

#[tokio::test(start_paused = true)]
async fn how_a_probe_ended_is_told_before_the_other_routes_of_its_event_have_ended() {
    let world = World::new("name: sick, breaker: { failures: 1 }\n name: slow");
    world.is_well(false);
    world.send("1");
    world.process().turn().await;
    world.is_well(true);
    world.takes(Duration::from_millis(400));
    // Both routes are due again at the same time.
    sleep(secs(11)).await;
    let process = world.process();
    let looking = async {
        sleep(Duration::from_millis(1000)).await;
        world.breaker().map(|row| row.state)
    };
    let (handed, seen) = join(process.turn(), looking).await;
    assert_eq!(handed, [Handed::Over]);
    assert!(
        matches!(seen, Some(GateState::Breaker(Breaker::Ramp { .. }))),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_route_refuses_itself_is_over_as_a_probe_too_and_closes_no_breaker() {
    let world = World::new("name: sick, breaker: { failures: 1 }, transform: data.n");
    world.is_well(false);
    world.send("1");
    world.process().turn().await;
    let body = r#"{"id":"2","source":"shop","detail-type":"order","detail":{"m":1}}"#;
    sleep(secs(6)).await;
    world.scene.queue.inner().put_body(body);
    world.process().turn().await;
    let row = world.row("2");
    assert_eq!(
        (row.routes[0].state, row.routes[0].attempts),
        (RouteState::Rejected, 1)
    );
    assert_eq!(world.calls("sick").len(), 1, "nobody was asked");
    let state = world.breaker().unwrap().state;
    assert!(
        matches!(state, GateState::Breaker(Breaker::Open(open)) if open.probing_until.is_none()),
        "another may probe: {state:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_delays_no_write_of_what_was_delivered_f43() {
    let world = World::new("name: sick, breaker: { failures: 1 }");
    world.is_well(false);
    world.send("1");
    world.process().turn().await;
    world.is_well(true);
    world.scene.wait_for_next().await;
    // The probe is taken at once; how it ended cannot be told in time.
    world.takes(secs(1));
    let process = world.process();
    let hanging = async {
        sleep(Duration::from_millis(500)).await;
        world.store.take(secs(3600));
    };
    let looking = async {
        sleep(Duration::from_millis(1100)).await;
        world.row("1").status
    };
    let (handed, ((), status)) = join(process.turn(), join(hanging, looking)).await;
    assert_eq!(handed, [Handed::Over]);
    assert_eq!(status, Status::Completed, "a moment after the answer");
}

#[tokio::test(start_paused = true)]
async fn a_breakers_row_of_another_release_lets_nothing_through() {
    let world = World::new("name: sick, breaker: {}");
    let consumer = &world.scene.config.consumer;
    world.store.plant(GateRow {
        key: GateKey::breaker(consumer, &fixtures::route("sick")),
        rev: 3,
        expires_at: u64::MAX,
        state: GateState::Unknown,
    });
    world.send("1");
    assert_eq!(world.process().turn().await, [Handed::Back]);
    assert_eq!(world.calls("sick"), []);
}

#[tokio::test(start_paused = true)]
async fn a_route_without_gates_makes_no_request_and_a_closed_breaker_one_a_second() {
    let world = World::new("name: well, concurrency: 5");
    (0..50).for_each(|n| world.send(&n.to_string()));
    let process = world.process();
    for _ in 0..5 {
        process.turn().await;
    }
    let counts = world.store.counts();
    assert_eq!((counts.reads, counts.puts), (0, 0));
    let world = World::new("name: sick, breaker: {}\n name: well, breaker: {}");
    world.takes(Duration::from_millis(100));
    (0..300).for_each(|n| world.send(&n.to_string()));
    let (process, began) = (world.process(), world.now());
    process.run_until(began.after(secs(3))).await;
    let counts = world.store.counts();
    assert!(world.calls("sick").len() >= 200);
    assert!(counts.reads <= 4, "{counts:?}");
    assert_eq!(counts.puts, 0);
}

#[tokio::test(start_paused = true)]
async fn places_that_are_learned_grow_while_the_target_bears_them_and_shrink_when_it_does_not() {
    let world = World::new("name: sick, concurrency: { max: 10, adaptive: true }");
    world.takes(Duration::from_millis(100));
    (0..300).for_each(|n| world.send(&n.to_string()));
    let process = world.process();
    for _ in 0..10 {
        process.turn().await;
    }
    let most = std::mem::take(&mut world.book.under_way.lock().unwrap().1);
    assert!((6..=10).contains(&most), "{most} at once");
    world.is_well(false);
    for _ in 0..15 {
        process.turn().await;
    }
    world.book.under_way.lock().unwrap().1 = 0;
    process.turn().await;
    assert_eq!(world.book.under_way.lock().unwrap().1, 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_behind_what_its_route_puts_off_and_keeps_its_order() {
    let mut world = World::new("name: sick, breaker: { failures: 1 }");
    world.scene = world.scene.fifo();
    world.is_well(false);
    for group in ["a", "b"] {
        (0..4).for_each(|n| world.send_in(group, &format!("{group}{n}")));
    }
    let process = world.process();
    for _ in 0..6 {
        world.scene.wait_for_next().await;
        process.turn().await;
    }
    let tried: Vec<_> = world.calls("sick").into_iter().map(|c| c.id).collect();
    assert!(tried.iter().all(|id| id.ends_with('0')), "{tried:?}");
    world.is_well(true);
    for _ in 0..30 {
        if world.scene.queue.inner().is_empty() {
            break;
        }
        world.scene.wait_for_next().await;
        process.turn().await;
    }
    assert!(world.scene.queue.inner().is_empty());
    let done = world.calls("sick").into_iter().skip(tried.len());
    let done: Vec<_> = done.map(|c| c.id).collect();
    for group in ["a", "b"] {
        let of_group: Vec<_> = done.iter().filter(|id| id.starts_with(group)).collect();
        assert_eq!(of_group.len(), 4, "{done:?}");
        assert!(of_group.is_sorted(), "{done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_a_gate_when_its_lease_is_lost_was_not_begun_and_is_not_charged_f04() {
    let world = World::new("name: sick, concurrency: 1");
    world.takes(secs(4));
    (0..12).for_each(|n| world.send(&n.to_string()));
    // No renewal succeeds: after one period what still waits must not begin.
    world
        .scene
        .queue
        .always(Call::ChangeVisibility, Fault::Before(Trouble::Transient));
    let report = world.poll(secs(45)).await;
    let calls = world.calls("sick").len();
    assert!((7..12).contains(&calls), "{report:?}");
    let rows: Vec<_> = (0..12).map(|n| world.row(&n.to_string())).collect();
    let charged: u32 = rows.iter().map(|row| row.routes[0].attempts).sum();
    assert_eq!(usize::try_from(charged).unwrap(), calls);
    let cut_off = rows.iter().filter(|row| !row.attempts.is_empty());
    assert_eq!(cut_off.count(), 1, "the one that was under way");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_grows_too_old_at_a_gate_is_not_begun_f11() {
    let world = World::new("name: sick, concurrency: 1, max_event_age: 10s");
    world.takes(secs(4));
    (0..5).for_each(|n| world.send(&n.to_string()));
    let process = world.process();
    for _ in 0..40 {
        process.turn().await;
        world.scene.wait_for_next().await;
    }
    let calls = world.calls("sick");
    assert_eq!(calls.len(), 3, "at 0, 4 and 8 s: {calls:?}");
    let states = (0..5).map(|n| world.row(&n.to_string()).routes[0].state);
    let states: Vec<_> = states.collect();
    assert_eq!(states[..3], [RouteState::Delivered; 3]);
    assert_eq!(states[3..], [RouteState::Expired; 2]);
    assert!((3..5).all(|n| world.row(&n.to_string()).routes[0].attempts == 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_a_gate_reaches_the_dead_letter_queue_before_its_queue_drops_it_f08() {
    let mut world = World::new("name: sick, breaker: { failures: 1 }");
    let retention = secs(1200);
    world.scene = world.scene.with_retention(retention);
    world.scene.config.retention = Some(retention);
    world.is_well(false);
    (0..10).for_each(|n| world.send(&n.to_string()));
    let process = world.process();
    for _ in 0..2000 {
        if world.scene.queue.inner().is_empty() {
            break;
        }
        process.turn().await;
        world.scene.wait_for_next().await;
    }
    assert_eq!(world.scene.dead_letters.inner().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_succeeds_closes_its_breaker_for_all_and_nothing_more_is_written() {
    let world = World::new("name: sick, breaker: { failures: 1, ramp: 0s }");
    world.is_well(false);
    world.send("1");
    world.process().turn().await;
    world.scene.wait_for_next().await;
    world.is_well(true);
    assert_eq!(world.process().turn().await, [Handed::Over]);
    let row = world.breaker().unwrap();
    assert!(matches!(
        row.state,
        GateState::Breaker(Breaker::Ramp { .. })
    ));
    let writes = world.store.counts().puts;
    (0..20).for_each(|n| world.send(&format!("n{n}")));
    let process = world.process();
    for _ in 0..2 {
        assert_eq!(process.turn().await, [Handed::Over; 10]);
    }
    assert_eq!(
        world.store.counts().puts,
        writes,
        "what is closed writes nothing"
    );
    // And it opens anew, with its waits from the first.
    world.is_well(false);
    world.send("2");
    process.turn().await;
    let row = world.breaker().unwrap();
    assert!(matches!(row.state, GateState::Breaker(Breaker::Open(open)) if open.round == 0));
}

#[tokio::test(start_paused = true)]
async fn a_poller_whose_targets_are_all_away_rests_and_tastes() {
    let world = World::new("name: sick, breaker: {}");
    world.is_well(false);
    (0..2000).for_each(|n| world.send(&n.to_string()));
    let report = world.poll(secs(300)).await;
    let counts = world.scene.queue.inner().counts();
    let calls = world.calls("sick").len();
    // What was received before it opened, and then a message for each probe.
    assert!(report.received <= 200 + 30, "{report:?}");
    assert!(counts.receives <= 80, "{counts:?}");
    assert!(calls <= 200 + 25, "{calls} calls");
    world.is_well(true);
    let report = world.poll(secs(120)).await;
    assert!(world.scene.queue.inner().is_empty(), "{report:?}");
}
