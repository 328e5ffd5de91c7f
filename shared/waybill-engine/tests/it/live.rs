//! Routes that change between the batches of one process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{advance, sleep};

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::outcome::Attempt;
use waybill_core::routes::RoutesFile;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::env::ConfigErrors;
use waybill_engine::live::{Live, READ_APART};
use waybill_engine::ports::{Ambient, Queue, RoutesStore, StoredRoutes, Target, TargetRequest};
use waybill_engine::router::Router;
use waybill_testkit::{FakeLedger, Faulty, TestAmbient};

use crate::scene::{Scene, TIMEOUT, VISIBILITY};

/// A process with the engine that its routes make.
type Process = Live<Engine<Router, Faulty<FakeLedger>, Arc<TestAmbient>>>;

/// A target that takes a second and notes its route; it answers 503 while it is `busy`.
struct Slow {
    route: String,
    sent: Arc<Mutex<Vec<String>>>,
    busy: Arc<Mutex<bool>>,
}

impl Target for Slow {
    fn send<'a>(&'a self, _: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        async {
            sleep(Duration::from_secs(1)).await;
            self.sent.lock().unwrap().push(self.route.clone());
            match *self.busy.lock().unwrap() {
                true => Attempt::transient("http_503", "busy", None),
                false => Attempt::delivered("http_200"),
            }
        }
        .boxed()
    }
}

/// A store that a test writes.
#[derive(Clone)]
struct Written(Arc<Mutex<StoredRoutes>>);

impl RoutesStore for Written {
    fn read(&self) -> BoxFuture<'_, Result<StoredRoutes, String>> {
        async { Ok(self.0.lock().unwrap().clone()) }.boxed()
    }
}

/// A queue, a ledger, and a process whose routes are in a store.
struct World {
    scene: Scene,
    process: Process,
    store: Written,
    sent: Arc<Mutex<Vec<String>>>,
    busy: Arc<Mutex<bool>>,
}

/// A file of these routes, each without its target.
fn file(routes: &[&str]) -> String {
    let target = "target: {http: {url: 'https://t.example'}}";
    let routes: Vec<_> = routes
        .iter()
        .map(|r| format!("{{{r}, {target}}}"))
        .collect();
    format!("{{unrouted: ack, routes: [{}]}}", routes.join(", "))
}

impl World {
    fn new(routes: &[&str]) -> Self {
        let scene = Scene::new(&[]);
        let (sent, busy) = (Arc::default(), Arc::default());
        let first = StoredRoutes {
            version: "1".to_owned(),
            text: file(routes),
        };
        let store = Written(Arc::new(Mutex::new(first.clone())));
        let (ledger, ambient) = (scene.ledger.clone(), scene.ambient.clone());
        let config = scene.config.clone();
        let notes = (Arc::clone(&sent), Arc::clone(&busy));
        let make = move |stored: &StoredRoutes| {
            let file = RoutesFile::parse(&stored.text, |_| None);
            let file = file.map_err(|faults| ConfigErrors::one(faults.to_string()))?;
            let router = Router::new(file, |route, _| {
                Ok::<_, ConfigErrors>(Box::new(Slow {
                    route: route.name.to_string(),
                    sent: Arc::clone(&notes.0),
                    busy: Arc::clone(&notes.1),
                }) as Box<dyn Target>)
            });
            let (ledger, ambient) = (ledger.clone(), ambient.clone());
            Ok(Engine::new(router?, ledger, ambient, config.clone()))
        };
        let engine = make(&first).unwrap();
        let clock = scene.ambient.clone();
        let process = Live::changing(engine, first, store.clone(), make, clock);
        Self {
            scene,
            process,
            store,
            sent,
            busy,
        }
    }

    /// Writes the next version.
    fn write(&self, text: &str) {
        let mut stored = self.store.0.lock().unwrap();
        let version: u32 = stored.version.parse().unwrap();
        *stored = StoredRoutes {
            version: (version + 1).to_string(),
            text: text.to_owned(),
        };
    }

    /// One batch, a minute and more after the one before: which routes were called, and whether
    /// its message left the queue.
    async fn turn(&self) -> (Vec<String>, Handed) {
        advance(READ_APART).await;
        let scene = &self.scene;
        let queue = scene.queue.inner();
        let messages = queue.receive(1, Duration::ZERO, VISIBILITY).await.unwrap();
        let started = scene.ambient.now();
        let deadline = started.after(TIMEOUT);
        let source = Source::new(scene.queue.clone(), None);
        let engine = self.process.current();
        let budget = Budget { started, deadline };
        let work = engine.run(messages.clone(), &source, budget);
        let handed = self.process.beside(deadline, work).await[0];
        if handed == Handed::Over {
            let handle = messages[0].receipt_handle.clone();
            queue.delete(&[handle]).await.remove(0).unwrap();
        }
        let mut sent = std::mem::take(&mut *self.sent.lock().unwrap());
        sent.sort();
        (sent, handed)
    }
}

/// The routes that were called, and a message that left.
fn over(routes: &[&str]) -> (Vec<String>, Handed) {
    let routes = routes.iter().map(|route| (*route).to_owned());
    (routes.collect(), Handed::Over)
}

#[tokio::test(start_paused = true)]
async fn a_batch_keeps_its_routes_and_the_next_one_has_the_new() {
    let world = World::new(&["name: crm", "name: erp"]);
    for n in 1..=4 {
        world.scene.send(&format!("e-{n}"));
    }
    assert_eq!(world.turn().await, over(&["crm", "erp"]));
    world.write(&file(&["name: crm, enabled: false", "name: bi"]));
    assert_eq!(world.turn().await, over(&["crm", "erp"]), "read beside it");
    assert_eq!(world.turn().await, over(&["bi"]));
    world.write("{routes: []}");
    world.turn().await;
    world.scene.send("e-5");
    assert_eq!(world.turn().await, over(&["bi"]), "what is refused");
}

#[tokio::test(start_paused = true)]
async fn an_event_claimed_for_a_route_that_is_gone_waits_until_it_is_back() {
    let world = World::new(&["name: crm"]);
    world.scene.send("e-1");
    *world.busy.lock().unwrap() = true;
    world.write(&file(&["name: erp"]));
    let (sent, handed) = world.turn().await;
    assert_eq!((sent, handed), (vec!["crm".to_owned()], Handed::Back));
    *world.busy.lock().unwrap() = false;
    world.write(&file(&["name: crm"]));
    assert_eq!(
        world.turn().await,
        (vec![], Handed::Back),
        "erp does not take it"
    );
    assert_eq!(world.turn().await, over(&["crm"]));
}
