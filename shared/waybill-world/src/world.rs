//! The world itself: its seed, its clock, its weather, and what is told of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;
use waybill_testkit::TestAmbient;

use crate::chance::Chance;
use crate::fault::{Fault, Faults};
use crate::sandbox::Sandbox;

/// A world in a box. Clones are the same world.
///
/// All of it follows from one seed: chance, time, the order of everything. Time is virtual: it
/// stands still while anything can be done, and then jumps to the next thing that happens.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    chance: Chance,
    clock: Arc<TestAmbient>,
    faults: Faults,
    calm: AtomicBool,
    over: AtomicBool,
    ended: Notify,
    asleep: AtomicBool,
    woken: Notify,
    sandboxes: AtomicUsize,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    counts: BTreeMap<Fault, u64>,
    outages: BTreeMap<Outage, Weather>,
    history: Option<Vec<String>>,
}

/// What a world's outages are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outage {
    Store,
    Target,
}

/// What one outage is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weather {
    /// Everything is refused at once.
    Refuses,
    /// Nothing arrives.
    Silent,
    /// Everything is done, and no answer arrives.
    Mute,
}

impl World {
    /// Plays a world to its end on a thread of its own clock: `scene` is everything that happens.
    ///
    /// # Panics
    ///
    /// When the runtime cannot be made, and where the scene panics.
    pub fn play<T, F>(seed: u64, faults: Faults, scene: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T>,
    {
        Self::enter(seed, faults, false, scene)
    }

    /// The same, with everything told in [`World::history`].
    ///
    /// # Panics
    ///
    /// As [`World::play`].
    pub fn play_told<T, F>(seed: u64, faults: Faults, scene: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T>,
    {
        Self::enter(seed, faults, true, scene)
    }

    fn enter<T, F>(seed: u64, faults: Faults, tells: bool, scene: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let runtime = runtime.expect("a runtime of one thread needs nothing");
        runtime.block_on(async {
            let told = Told {
                history: tells.then(Vec::new),
                ..Told::default()
            };
            let world = Self(Arc::new(Inner {
                seed,
                chance: Chance::of(seed),
                clock: Arc::new(TestAmbient::seeded(seed)),
                faults,
                calm: AtomicBool::new(false),
                over: AtomicBool::new(false),
                ended: Notify::new(),
                asleep: AtomicBool::new(false),
                woken: Notify::new(),
                sandboxes: AtomicUsize::new(0),
                told: Mutex::new(told),
            }));
            scene(world).await
        })
    }

    /// The seed that it all follows from.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Its chance.
    pub fn chance(&self) -> &Chance {
        &self.0.chance
    }

    /// The right time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A clock that is right.
    pub fn ambient(&self) -> Arc<dyn Ambient> {
        self.0.clock.clone()
    }

    /// A process with a memory and a clock of its own.
    pub fn sandbox(&self) -> Sandbox {
        let number = self.0.sandboxes.fetch_add(1, Ordering::Relaxed);
        Sandbox::new(self.clone(), number, Duration::ZERO)
    }

    /// The same with a clock that is ahead by this much.
    pub fn sandbox_ahead(&self, ahead: Duration) -> Sandbox {
        let number = self.0.sandboxes.fetch_add(1, Ordering::Relaxed);
        Sandbox::new(self.clone(), number, ahead)
    }

    /// Ends all trouble: from now on nothing goes wrong.
    pub fn calm(&self) {
        self.0.calm.store(true, Ordering::Relaxed);
        self.lock().outages.clear();
        self.tell(|| "the trouble is over".to_owned());
    }

    /// Whether trouble has ended.
    pub fn is_calm(&self) -> bool {
        self.0.calm.load(Ordering::Relaxed)
    }

    /// Ends what runs on until the world is over, like mappings and schedules.
    pub fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
        self.0.ended.notify_waiters();
    }

    /// Whether the world is over.
    pub fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// Lets days go by in which nobody polls or is invoked.
    pub async fn sleep(&self, wait: Duration) {
        self.0.asleep.store(true, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
        self.0.asleep.store(false, Ordering::Relaxed);
        self.0.woken.notify_waiters();
    }

    /// Waits while the world sleeps.
    pub(crate) async fn wakes(&self) {
        let woken = self.0.woken.notified();
        if self.0.asleep.load(Ordering::Relaxed) {
            woken.await;
        }
    }

    /// Waits for the end of the world, at most this long.
    pub(crate) async fn end_within(&self, wait: Duration) {
        let ended = self.0.ended.notified();
        if !self.is_over() {
            // Whether it ended or not is looked at by whoever waited.
            let _ = tokio::time::timeout(wait, ended).await;
        }
    }

    /// Whether this trouble may come.
    pub fn allows(&self, fault: Fault) -> bool {
        !self.is_calm() && self.0.faults.has(fault)
    }

    /// Whether this trouble comes now: where it is allowed, so many times in a thousand. Counted.
    pub fn strikes(&self, fault: Fault, per_mille: u64) -> bool {
        let strikes = self.allows(fault) && self.chance().hits(per_mille);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Counts trouble that was made otherwise.
    pub fn count(&self, fault: Fault) {
        *self.lock().counts.entry(fault).or_default() += 1;
    }

    /// How often each trouble came.
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        self.lock().counts.clone()
    }

    /// Tells what happens, where anybody listens: [`World::play_told`].
    pub fn tell(&self, what: impl FnOnce() -> String) {
        let now = self.now().since(TestAmbient::BASE);
        let mut told = self.lock();
        if let Some(history) = &mut told.history {
            history.push(format!("{:>12.3} s  {}", now.as_secs_f64(), what()));
        }
    }

    /// Everything that was told, in order; empty where nobody listens.
    pub fn history(&self) -> Vec<String> {
        self.lock().history.clone().unwrap_or_default()
    }

    /// An outage for some time.
    pub(crate) async fn outage(&self, of: Outage, weather: Weather, lasts: Duration) {
        self.lock().outages.insert(of, weather);
        self.tell(|| format!("outage of {of:?} for {} s: {weather:?}", lasts.as_secs()));
        self.end_within(lasts).await;
        self.lock().outages.remove(&of);
        self.tell(|| format!("{of:?} is back"));
    }

    /// What the weather is like for somebody.
    pub(crate) fn weather(&self, of: Outage) -> Option<Weather> {
        self.lock().outages.get(&of).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
