//! Waybill's own engine in the world: every promise looked at, in every world of a seed.
//!
//! A world has some events (copies, other data under the same key, one to three routes, some that
//! nobody wants or nobody can read) on a standard or a FIFO queue, and functions that are triggered
//! with batches, or poll, or both. All goes wrong that the switches allow; then trouble ends, the
//! queue drains, and every promise is looked at. An effect that the ledger does not show in the end
//! needs a cause that the world made: that is one of four doors ([`Door`]), and an event has at most
//! one effect more than it had doors. Order has no door.

mod laws;
mod plan;
mod seen;
mod target;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use waybill_core::ledger::Status;
use waybill_core::message::MessageAttribute;
use waybill_core::time::Timestamp;
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::gates::Gates;
use waybill_engine::poller::{Poller, PollerConfig};
use waybill_engine::ports::{Ambient, Outgoing};
use waybill_testkit::{FakeQueue, fixtures};

use crate::fault::{Fault, Faults};
use crate::link::{Link, Service};
use crate::mapping::Function;
use crate::sandbox::Sandbox;
use crate::world::{Outage, Weather, World};

use plan::Plan;
use seen::{Ear, SeenLedger, SeenQueue, SeenScheduler};
use target::Worker;
use watch::Watch;

/// Why an event can have one effect more: what no software on this side of the network closes
/// alone. A target that honours the idempotency key it is sent closes them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// The process died between the effect and the ledger's write.
    Killed,
    /// The ledger could not be written after the effect.
    Unwritable,
    /// The answer of the target did not arrive.
    AnswerLost,
    /// The lease ended while the request was in flight.
    LeaseEnded,
}

impl Door {
    /// Every door.
    pub const ALL: [Self; 4] = [
        Self::Killed,
        Self::Unwritable,
        Self::AnswerLost,
        Self::LeaseEnded,
    ];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Killed => "killed before the ledger write",
            Self::Unwritable => "ledger unwritable after the effect",
            Self::AnswerLost => "answer lost after sending",
            Self::LeaseEnded => "lease ended while in flight",
        }
    }
}

/// What worlds held. A simulation without trouble shows nothing, so it is counted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Account {
    /// Worlds.
    pub worlds: u64,
    /// Messages handed over by a queue: the simulated deliveries.
    pub deliveries: u64,
    /// Invocations by mappings.
    pub invocations: u64,
    /// Invocations of pollers.
    pub polls: u64,
    /// Messages sent.
    pub sent: u64,
    /// Tries at a target.
    pub tries: u64,
    /// Of these, those without a claim.
    pub unclaimed: u64,
    /// Tries that a target took, repeats included.
    pub effects: u64,
    /// Effects beyond the first of an event and route.
    pub repeats: u64,
    /// Of these, those that no door explains.
    pub unexplained: u64,
    /// Messages that are neither over nor with the dead.
    pub lost: u64,
    /// Tries that began before their turn, in a FIFO queue.
    pub out_of_turn: u64,
    /// How often each door was open.
    pub doors: BTreeMap<Door, u64>,
    /// Rows that end as completed.
    pub completed: u64,
    /// Rows that end as dead, by reason.
    pub dead: BTreeMap<&'static str, u64>,
    /// Messages that the redrive policy moved though they were valid, after long trouble.
    pub moved_valid: u64,
    /// Dead messages brought back.
    pub redriven: u64,
    /// Tries that began in their turn, in a FIFO queue.
    pub in_turn: u64,
    /// Refused writes of claims that were lost.
    pub fenced: u64,
    /// Leases lost and heard of.
    pub lost_leases: u64,
    /// Messages that a schedule sent.
    pub scheduled: u64,
    /// Trouble by sort.
    pub faults: BTreeMap<Fault, u64>,
    /// Virtual time, in seconds.
    pub seconds: u64,
}

impl Account {
    /// Adds another account.
    pub fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.deliveries += other.deliveries;
        self.invocations += other.invocations;
        self.polls += other.polls;
        self.sent += other.sent;
        self.tries += other.tries;
        self.unclaimed += other.unclaimed;
        self.effects += other.effects;
        self.repeats += other.repeats;
        self.unexplained += other.unexplained;
        self.lost += other.lost;
        self.out_of_turn += other.out_of_turn;
        self.completed += other.completed;
        self.moved_valid += other.moved_valid;
        self.redriven += other.redriven;
        self.in_turn += other.in_turn;
        self.fenced += other.fenced;
        self.lost_leases += other.lost_leases;
        self.scheduled += other.scheduled;
        self.seconds += other.seconds;
        add_all(&mut self.doors, &other.doors);
        add_all(&mut self.dead, &other.dead);
        add_all(&mut self.faults, &other.faults);
    }
}

fn add_all<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(*key).or_default() += count;
    }
}

/// A promise that a world broke.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The world's seed.
    pub seed: u64,
    /// What was seen.
    pub what: String,
    /// What its world held all the same.
    pub account: Box<Account>,
}

/// Where the first process of a calm world dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// After so many polls of what runs in it: at an await point.
    Poll(u64),
    /// At a request: before each and right after it are points of their own.
    Request(u64),
}

/// What a sweep went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Await points at which the process was killed.
    pub polls: u64,
    /// Points before and after a request at which it was.
    pub requests: u64,
}

/// Kills the first process of a world at every await point and around every request, one world for
/// each, with no other trouble; at most `most` of either.
///
/// # Errors
///
/// The first promise that was broken.
pub fn sweep(seed: u64, most: u64) -> Result<Swept, Broken> {
    sweep_of(seed, most, Plan::draw)
}

/// The same where events of one route are tried without a claim at first: at targets that know a
/// repeat by its key, and at those that write the row with their effect.
///
/// # Errors
///
/// The first promise that was broken.
pub fn sweep_once_by_target(seed: u64, most: u64) -> Result<Swept, Broken> {
    let by_key = sweep_of(seed, most, Plan::once_by_key)?;
    let by_transaction = sweep_of(seed, most, Plan::once_by_transaction)?;
    Ok(Swept {
        polls: by_key.polls + by_transaction.polls,
        requests: by_key.requests + by_transaction.requests,
    })
}

/// The same where every event waits in schedules.
///
/// # Errors
///
/// The first promise that was broken.
pub fn sweep_scheduled(seed: u64, most: u64) -> Result<Swept, Broken> {
    sweep_of(seed, most, Plan::scheduled)
}

fn sweep_of(seed: u64, most: u64, plan: fn(&World) -> Plan) -> Result<Swept, Broken> {
    let mut swept = Swept::default();
    while swept.polls < most && dies_in(seed, plan, Point::Poll(swept.polls))? {
        swept.polls += 1;
    }
    while swept.requests < most && dies_in(seed, plan, Point::Request(swept.requests))? {
        swept.requests += 1;
    }
    Ok(swept)
}

/// Plays a world without trouble but that its first process dies at one point; whether it did.
///
/// # Errors
///
/// The first promise that was broken.
pub fn dies_at(seed: u64, point: Point) -> Result<bool, Broken> {
    dies_in(seed, Plan::draw, point)
}

fn dies_in(seed: u64, plan: fn(&World) -> Plan, point: Point) -> Result<bool, Broken> {
    World::play(seed, Faults::none(), |world| async move {
        let first = world.sandbox();
        match point {
            Point::Poll(after) => first.die_after_polls(after),
            Point::Request(after) => first.die_at_request(after),
        }
        let plan = plan(&world);
        let mut trial = Trial::of(world, plan);
        trial.first = Arc::new(Mutex::new(Some(first.clone())));
        trial.live().await.map(|_| first.is_dead())
    })
}

/// Plays the world of a seed.
///
/// # Errors
///
/// The first promise that was broken.
pub fn try_seed(seed: u64, faults: Faults) -> Result<Account, Broken> {
    World::play(seed, faults, |world| Trial::new(world).live())
}

/// Plays the world of a seed, and tells all that happens.
pub fn tell_seed(seed: u64, faults: Faults) -> (Result<Account, Broken>, Vec<String>) {
    World::play_told(seed, faults, |world| async move {
        let ended = Trial::new(world.clone()).live().await;
        (ended, world.history())
    })
}

/// One world, while it lives.
struct Trial {
    world: World,
    plan: Plan,
    watch: Arc<Watch>,
    queue: FakeQueue,
    dead: FakeQueue,
    lives: AtomicUsize,
    /// The process that comes first, where that is decided.
    first: Arc<Mutex<Option<Sandbox>>>,
}

impl Trial {
    fn new(world: World) -> Self {
        let plan = Plan::draw(&world);
        Self::of(world, plan)
    }

    fn of(world: World, plan: Plan) -> Self {
        let [dead, queue] = match plan.fifo {
            true => ["dead.fifo", "orders.fifo"],
            false => ["dead", "orders"],
        };
        let dead = FakeQueue::new(dead, world.ambient());
        let queue = FakeQueue::new(queue, world.ambient());
        let mut queue = queue
            .with_redrive(plan.max_receive_count, dead.clone())
            .with_retention(RETENTION);
        if let Some(max) = plan.in_flight_max {
            queue = queue.with_in_flight_max(max);
        }
        world.tell(|| format!("{plan:#?}"));
        let watch = Watch::new(world.clone(), plan.clone(), queue.clone(), dead.clone());
        Self {
            world,
            plan,
            watch,
            queue,
            dead,
            lives: AtomicUsize::new(1),
            first: Arc::default(),
        }
    }

    /// Lives to the end; what it held, or the first promise that was broken.
    async fn live(self) -> Result<Account, Broken> {
        let working = tokio::spawn(self.functions());
        tokio::join!(self.send_events(), self.storm(), self.mischief());
        self.world.calm();
        self.drain().await;
        self.look_at_the_end();
        if !self.dead.is_empty() && self.world.chance().hits(400) {
            self.redrive_later().await;
        }
        if self.world.chance().hits(50) {
            self.outlive_the_rows().await;
        }
        self.world.end();
        if let Err(panic) = working.await {
            self.watch.must(false, || format!("panicked: {panic}"));
        }
        let account = self.account();
        let broken = self.watch.log().broken.take();
        match broken {
            None => Ok(account),
            Some(what) => Err(Broken {
                seed: self.world.seed(),
                what,
                account: Box::new(account),
            }),
        }
    }

    /// The dead are brought back when all is well: soon, or shortly before they would be gone.
    async fn redrive_later(&self) {
        let soon = self.world.chance().hits(800);
        let wait = match soon {
            true => Duration::from_secs(60),
            false => Duration::from_secs(13 * 24 * 3600),
        };
        self.world.sleep(wait).await;
        self.watch.ledger.sweep(self.world.now());
        self.redrive();
        self.drain().await;
        self.look_at_the_end();
        self.look_at_the_redriven();
    }

    /// What was done longer ago than the ledger remembers is new again, whether its row was swept
    /// or not (F41).
    async fn outlive_the_rows(&self) {
        let life = self.plan.config.time_to_live;
        self.world.sleep(life + Duration::from_secs(60)).await;
        if self.world.chance().hits(500) {
            self.watch.ledger.sweep(self.world.now());
        }
        // The dead-letter queue keeps them for fourteen days.
        for message in self.dead.messages() {
            self.dead.forget(&message.message_id);
        }
        self.watch.looks_at_what_stands();
        self.lives.fetch_add(1, Ordering::Relaxed);
        for n in 0..self.plan.events {
            self.send(&format!("e{n}"), &format!("a:e{n}"));
        }
        self.drain().await;
        self.look_at_the_end();
        for row in self.rows() {
            let done = row.status == Status::Completed && row.routes.len() == 1;
            self.watch
                .must(done, || format!("not new after its life: {row:#?}"));
        }
    }

    /// How many lives the events had: within each, an effect is once.
    fn lives(&self) -> usize {
        self.lives.load(Ordering::Relaxed)
    }

    /// Everything that works on the queue, until the world is over.
    fn functions(&self) -> impl Future<Output = ()> + Send + 'static {
        let (world, plan, watch) = (self.world.clone(), self.plan.clone(), self.watch.clone());
        let (queue, first) = (self.queue.clone(), self.first.clone());
        async move {
            let sandbox = || {
                let (world, plan, first) = (world.clone(), plan.clone(), first.clone());
                move || {
                    let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                    first.unwrap_or_else(|| world.sandbox_ahead(plan.ahead(world.chance())))
                }
            };
            let triggered = async {
                let Some(mapping) = &plan.mapping else { return };
                let start = {
                    let watch = watch.clone();
                    move |sandbox: &Sandbox| Triggered::new(&watch, sandbox)
                };
                mapping
                    .run(&world, &queue, watch.clone(), start, sandbox())
                    .await;
            };
            let polled = async {
                let Some(polling) = &plan.polling else { return };
                let start = {
                    let watch = watch.clone();
                    move |sandbox: &Sandbox| Polled::new(&watch, sandbox)
                };
                let schedule = &polling.schedule;
                schedule.run(&world, watch.clone(), start, sandbox()).await;
            };
            tokio::join!(triggered, polled);
        }
    }

    /// Sends the events over some time: copies, and other data under the same key.
    async fn send_events(&self) {
        let plans = [
            "a", "a", "ab", "ab", "abc", "c", "bc", "ignored", "unrouted", "broken",
        ];
        let chance = self.world.chance();
        for n in 0..self.plan.events {
            let key = format!("e{n}");
            let plan = chance.pick(&plans).unwrap_or("a");
            let data = |text: &str| match plan {
                "broken" => format!(r#"{{"specversion":"9","data":"broken:{text}"}}"#),
                plan => format!("{plan}:{text}"),
            };
            self.send(&key, &data(&key));
            while self.world.strikes(Fault::Resend, 250) {
                sleep(chance.time(Duration::from_secs(20))).await;
                self.send(&key, &data(&key));
            }
            if self.world.strikes(Fault::OtherData, 120) {
                self.send(&key, &data(&format!("{key}:other")));
            }
            if chance.hits(300) {
                sleep(chance.time(Duration::from_secs(10))).await;
            }
        }
    }

    /// Sends an event as its producer does: one that may be tried without a claim has an id of its
    /// own, any other a message that says its key.
    fn send(&self, key: &str, data: &str) {
        if self.plan.tries_first(data) {
            return self.put(watch::cloud_event(key, data), BTreeMap::new());
        }
        let key = match self.plan.by_target {
            Some(_) => format!("key:{key}"),
            None => key.to_owned(),
        };
        self.send_keyed(&key, data);
    }

    /// Sends a message that says its event's key.
    fn send_keyed(&self, key: &str, body: &str) {
        let attributes = [("waybill-key".to_owned(), fixtures::text(key))];
        self.put(body.to_owned(), attributes.into());
    }

    fn put(&self, body: String, attributes: BTreeMap<String, MessageAttribute>) {
        let chance = self.world.chance();
        let fifo = self.plan.fifo;
        let id = self.queue.put(Outgoing {
            body: body.clone(),
            attributes,
            group_id: fifo.then(|| format!("g{}", chance.below(3))),
            deduplication_id: fifo.then(|| format!("d{:016x}", chance.bits())),
            ..Outgoing::default()
        });
        self.world.tell(|| format!("sent {id}: `{body}`"));
        let mut log = self.watch.log();
        log.standing.insert(id);
        log.counts.sent += 1;
    }

    /// Outages, one after the other, as long as the storm lasts.
    async fn storm(&self) {
        let chance = self.world.chance();
        let ends = self.world.now().after(self.plan.storm);
        let weathers = [Weather::Refuses, Weather::Silent, Weather::Mute];
        let weather = || chance.pick(&weathers).unwrap_or(Weather::Refuses);
        if let Some(fault) = self.plan.long_outage {
            let of = match fault == Fault::LongStoreOutage {
                true => Outage::Store,
                false => Outage::Target,
            };
            sleep(chance.time(Duration::from_secs(20))).await;
            self.world.outage(of, weather(), SIX_HOURS).await;
        }
        while self.world.now() < ends {
            sleep(chance.time(Duration::from_secs(25))).await;
            let lasts = Duration::from_secs(chance.pick(&[3, 20, 120]).unwrap_or(20));
            if self.world.strikes(Fault::StoreOutage, 300) {
                self.world.outage(Outage::Store, weather(), lasts).await;
            } else if self.world.strikes(Fault::TargetOutage, 250) {
                self.world.outage(Outage::Target, weather(), lasts).await;
            }
        }
    }

    /// What befalls queues and tables while the storm lasts.
    async fn mischief(&self) {
        let chance = self.world.chance();
        let ends = self.world.now().after(self.plan.storm);
        while self.world.now() < ends {
            sleep(chance.time(Duration::from_secs(12))).await;
            if self.world.strikes(Fault::Duplicate, 100) && !self.plan.fifo {
                self.show_one(Duration::ZERO);
            }
            if self.world.strikes(Fault::LeaseLoss, 100) {
                self.show_one(chance.time(Duration::from_secs(2)));
            }
            if self.world.strikes(Fault::Sweep, 100) {
                self.watch.ledger.sweep(self.world.now());
            }
            if !self.dead.is_empty() {
                if self.world.strikes(Fault::NativeRedrive, 60) {
                    self.redrive();
                } else if self.world.strikes(Fault::OwnRedrive, 60) {
                    self.redrive_one();
                }
            }
            self.watch.looks_at_what_stands();
        }
    }

    /// Lets others have a message that somebody holds.
    fn show_one(&self, wait: Duration) {
        let now = self.world.now();
        let standing = self.queue.messages();
        let held: Vec<_> = standing.iter().filter(|m| m.is_in_flight(now)).collect();
        let Some(message) = self.world.chance().pick(&held) else {
            return;
        };
        let id = &message.message_id;
        self.world.tell(|| format!("{id} is shown in {wait:?}"));
        self.watch.log().shown.insert(id.clone());
        self.watch.burns([id]);
        self.queue.show_in(id, wait);
    }

    /// Moves the dead back, as the console does.
    fn redrive(&self) {
        let before: Vec<_> = self.queue.messages();
        let count = self.dead.len();
        self.world.tell(|| format!("{count} are redriven"));
        self.dead.redrive_to(&self.queue);
        let mut log = self.watch.log();
        for message in self.queue.messages() {
            if before.iter().all(|m| m.message_id != message.message_id) {
                log.standing.insert(message.message_id);
            }
        }
        log.counts.redriven += count as u64;
    }

    /// Sends one of the dead again, by its key, and only then takes it away.
    fn redrive_one(&self) {
        let Some(dead) = self.dead.messages().into_iter().next() else {
            return;
        };
        let key = watch::event_key(&dead.sent.attributes, &dead.sent.body);
        self.world.tell(|| format!("{key} is sent again"));
        self.send_keyed(&key, &dead.sent.body);
        self.dead.forget(&dead.message_id);
        self.watch.log().counts.redriven += 1;
    }

    /// Waits until the queue is empty and nothing is under way.
    async fn drain(&self) {
        let until = self.world.now().after(DRAINED_WITHIN);
        let coming = || self.watch.log().coming > 0;
        while (!self.queue.is_empty() || coming()) && self.world.now() < until {
            sleep(Duration::from_secs(15)).await;
        }
        // What is still on its way arrives.
        sleep(Duration::from_secs(60)).await;
        self.watch.looks_at_what_stands();
        let left = self.queue.messages();
        self.watch.must(left.is_empty(), || {
            format!("the queue did not drain: {left:#?}")
        });
    }
}

/// The consumer function in a process.
struct Triggered {
    consumer: Consumer<Worker, Link<SeenLedger>, Arc<dyn Ambient>, Ear>,
}

impl Triggered {
    fn new(watch: &Arc<Watch>, sandbox: &Sandbox) -> Self {
        let ports = Ports::of(watch, sandbox);
        let open = ports.opening();
        Self {
            consumer: Consumer::new(ports.engine, sandbox.ambient(), open),
        }
    }
}

impl Function for Triggered {
    async fn invoke(&self, payload: String, deadline: Timestamp) -> Result<String, String> {
        let answer = self.consumer.handle(&payload, deadline).await;
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::to_string(&answer).map_err(|error| error.to_string())
    }
}

/// The poller function in a process.
struct Polled {
    poller: Poller<Worker, Link<SeenLedger>, Arc<dyn Ambient>, Ear>,
}

impl Polled {
    fn new(watch: &Arc<Watch>, sandbox: &Sandbox) -> Self {
        let ports = Ports::of(watch, sandbox);
        let open = ports.opening();
        let polling = watch.plan.polling.as_ref();
        let config = PollerConfig {
            queue_url: watch.queue.arn().to_owned(),
            visibility: polling.map_or(Duration::from_secs(30), |p| p.visibility),
            reserve: polling.map_or(Duration::ZERO, |p| p.reserve),
        };
        Self {
            poller: Poller::new(ports.engine, sandbox.ambient(), config, open),
        }
    }
}

impl Function for Polled {
    async fn invoke(&self, payload: String, deadline: Timestamp) -> Result<String, String> {
        let report = self.poller.handle(&payload, deadline).await;
        let report = report.map_err(|error| error.to_string())?;
        serde_json::to_string(&report).map_err(|error| error.to_string())
    }
}

/// What an engine of a process is made of.
struct Ports {
    engine: Engine<Worker, Link<SeenLedger>, Arc<dyn Ambient>>,
    queue: Ear,
    dead: Ear,
    scheduler: Option<Link<SeenScheduler>>,
}

impl Ports {
    fn of(watch: &Arc<Watch>, sandbox: &Sandbox) -> Self {
        let by = sandbox.number();
        let gates = watch.plan.gates.as_ref().map(|file| {
            let store = Link::new(sandbox.clone(), watch.gates.clone(), Service::Store);
            let consumer = &watch.plan.config.consumer;
            let store = Arc::new(store);
            Arc::new(Gates::new(&file.routes, consumer, store, sandbox.ambient()))
        });
        let worker = Worker {
            sandbox: sandbox.clone(),
            watch: watch.clone(),
            gates,
        };
        let ledger = sandbox.ledger(SeenLedger {
            watch: watch.clone(),
            by,
        });
        let ear = |queue: &FakeQueue| Ear {
            watch: watch.clone(),
            link: sandbox.queue(SeenQueue {
                watch: watch.clone(),
                by,
                queue: queue.clone(),
            }),
        };
        let config = watch.plan.config.clone();
        Self {
            engine: Engine::new(worker, ledger, sandbox.ambient(), config),
            queue: ear(&watch.queue),
            dead: ear(&watch.dead),
            scheduler: watch
                .plan
                .schedules
                .then(|| sandbox.scheduler(SeenScheduler(watch.clone()))),
        }
    }

    /// How a function opens its queue.
    fn opening(&self) -> impl Fn(&str) -> Source<Ear> + Send + Sync + 'static {
        let (queue, dead) = (self.queue.clone(), self.dead.clone());
        let scheduler = self.scheduler.clone();
        move |_| {
            let source = Source::new(queue.clone(), Some(dead.clone()));
            match &scheduler {
                Some(scheduler) => source.with_scheduler(Arc::new(scheduler.clone())),
                None => source,
            }
        }
    }
}

/// How long a queue keeps a message.
const RETENTION: Duration = Duration::from_secs(4 * 24 * 3600);

/// How long a long outage lasts: longer than what some configurations survive.
const SIX_HOURS: Duration = Duration::from_secs(6 * 3600);

/// How soon a queue is empty when trouble has ended: many waits of fifteen minutes.
const DRAINED_WITHIN: Duration = Duration::from_secs(24 * 3600);
