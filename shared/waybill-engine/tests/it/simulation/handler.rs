//! Targets that fail by chance, and the book of what they were asked and what they did.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use waybill_core::event::Event;
use waybill_core::id::RouteName;
use waybill_core::ledger::OnRejected;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::retry::RetryPolicy;
use waybill_core::time::Timestamp;
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};
use waybill_engine::ports::Ambient;
use waybill_testkit::{TestAmbient, fixtures};

use super::Chance;
use super::watch::Watch;

/// One try, as the target saw it.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    /// Data of the event.
    pub(crate) data: String,
    pub(crate) route: String,
    pub(crate) idempotency_key: String,
    /// Which receive it belongs to.
    pub(crate) handle: String,
    pub(crate) begun: Timestamp,
    /// When its answer was handed over, or its future dropped.
    pub(crate) ended: Option<Timestamp>,
    /// It was cut off by the engine, or with it.
    pub(crate) cut: bool,
    /// The target took it.
    pub(crate) effect: bool,
    /// The target's answer was handed to the engine.
    pub(crate) answered: Answered,
}

/// How a try ended for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It has not.
    Not,
    /// It heard that the target took it.
    Delivered,
    /// It heard something else, or cut it off.
    Otherwise,
    /// Its process was killed.
    Killed,
}

/// What targets were asked and what they did.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) tries: Vec<Try>,
    /// Receives whose invocation is killed now.
    pub(crate) killed: Vec<String>,
}

/// The handler of a world.
#[derive(Clone)]
pub(crate) struct Shaky {
    pub(crate) policies: BTreeMap<RouteName, Policy>,
    pub(crate) book: Arc<Mutex<Book>>,
    pub(crate) chance: Arc<Mutex<Chance>>,
    pub(crate) healthy: Arc<AtomicBool>,
    pub(crate) ambient: Arc<TestAmbient>,
    pub(crate) watch: Arc<Watch>,
    /// How many times slower targets are than where nothing is held anew.
    pub(crate) slow: u32,
}

/// What a target does with one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    TakesSlowly,
    TakesSilently,
    TakesAndPanics,
    TakesAndHangs,
    Panics,
    Hangs,
    Busy,
    BusyFor,
    Refuses,
    Silent,
}

impl Shaky {
    /// Policies of routes `a`, `b` and `c`; what `c` refuses is let go.
    pub(crate) fn policies(chance: &mut Chance, slow: u64) -> BTreeMap<RouteName, Policy> {
        let policy = |(name, on_rejected)| {
            let retry = RetryPolicy {
                steps: u32::try_from(chance.below(4)).unwrap(),
                duration: Duration::from_secs(1 + chance.below(10)),
                ..RetryPolicy::default()
            };
            let time = Duration::from_secs((1 + chance.below(4)) * slow);
            let policy = Policy {
                retry,
                on_rejected,
                time,
            };
            (fixtures::route(name), policy)
        };
        let routes = [
            ("a", OnRejected::Dead),
            ("b", OnRejected::Dead),
            ("c", OnRejected::Ack),
        ];
        routes.map(policy).into()
    }

    fn mood(&self) -> (Mood, Duration, Duration) {
        let mut chance = self.chance.lock().unwrap();
        if self.healthy.load(Ordering::Relaxed) {
            return (Mood::Takes, chance.ms(50), chance.ms(50));
        }
        let moods = [
            Mood::TakesSlowly,
            Mood::TakesSilently,
            Mood::TakesAndPanics,
            Mood::TakesAndHangs,
            Mood::Panics,
            Mood::Hangs,
            Mood::Busy,
            Mood::Busy,
            Mood::BusyFor,
            Mood::Refuses,
            Mood::Silent,
        ];
        match chance.hits(50) {
            true => (Mood::Takes, chance.ms(200), chance.ms(200) * self.slow),
            false => {
                let mood = chance.pick(&moods);
                (
                    mood,
                    chance.ms(900) * self.slow,
                    chance.ms(2000) * self.slow,
                )
            }
        }
    }
}

impl Handler for Shaky {
    /// The data's first word says what is wanted.
    fn plan(&self, event: &Event) -> Plan {
        let text = String::from_utf8_lossy(event.data.as_bytes()).into_owned();
        let routes = match text.split(':').next().unwrap_or_default() {
            "ignored" => return Plan::Ignore,
            "unrouted" => return Plan::Dead(DeadReason::Unrouted),
            word => word.chars().map(|c| fixtures::route(&c.to_string())),
        };
        Plan::Deliver {
            version: "v".to_owned(),
            routes: routes.collect(),
        }
    }

    fn policy(&self, route: &RouteName) -> Option<Policy> {
        self.policies.get(route).copied()
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let (mood, before, after) = self.mood();
        self.watch.begins(&delivery);
        let entry = Entry::begin(self, delivery);
        sleep(before).await;
        let takes = [
            Mood::Takes,
            Mood::TakesSlowly,
            Mood::TakesSilently,
            Mood::TakesAndPanics,
            Mood::TakesAndHangs,
        ];
        if takes.contains(&mood) {
            entry.note(|this| this.effect = true);
        }
        sleep(after).await;
        let hangs = [Mood::TakesAndHangs, Mood::Hangs].contains(&mood);
        entry.note(|this| this.cut = hangs);
        match mood {
            Mood::Takes | Mood::TakesSlowly => {
                entry.note(|this| this.answered = Answered::Delivered);
                Attempt::delivered("ok")
            }
            Mood::TakesSilently | Mood::Silent => Attempt::unknown("no_answer", ""),
            Mood::TakesAndPanics | Mood::Panics => resume_unwind(Box::new("by chance")),
            Mood::TakesAndHangs | Mood::Hangs => std::future::pending().await,
            Mood::Busy => Attempt::transient("http_503", "", None),
            Mood::BusyFor => Attempt::transient("http_429", "", Some(before.saturating_mul(20))),
            Mood::Refuses => Attempt::rejected("http_422", ""),
        }
    }
}

/// A try's entry in the book, closed when its future is dropped.
struct Entry<'a>(&'a Shaky, usize);

impl<'a> Entry<'a> {
    fn begin(shaky: &'a Shaky, delivery: Delivery<'_>) -> Self {
        let mut book = shaky.book.lock().unwrap();
        book.tries.push(Try {
            data: String::from_utf8_lossy(delivery.event.data.as_bytes()).into_owned(),
            route: delivery.route.as_str().to_owned(),
            idempotency_key: delivery.idempotency_key.to_owned(),
            handle: delivery.message.receipt_handle.0.clone(),
            begun: shaky.ambient.now(),
            ended: None,
            cut: true,
            effect: false,
            answered: Answered::Not,
        });
        Self(shaky, book.tries.len() - 1)
    }

    fn note(&self, change: impl FnOnce(&mut Try)) {
        change(&mut self.0.book.lock().unwrap().tries[self.1]);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut book = self.0.book.lock().unwrap();
        let killed = book.killed.contains(&book.tries[self.1].handle);
        let this = &mut book.tries[self.1];
        this.ended = Some(self.0.ambient.now());
        if this.answered == Answered::Not {
            this.answered = match killed {
                true => Answered::Killed,
                false => Answered::Otherwise,
            };
        }
    }
}
