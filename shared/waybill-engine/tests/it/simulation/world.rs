//! One world: what is sent, what runs, what goes wrong, and what must hold all the while.

mod polls;
mod promises;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join_all, join3};
use tokio::time::{sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::id::{Consumer, LedgerKey, MessageId};
use waybill_core::ledger::{DeadLetter, Record, Row, Status};
use waybill_core::message::Message;
use waybill_core::outcome::DeadReason;
use waybill_core::routes::OnConflict;
use waybill_core::time::Timestamp;
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::ports::{Ambient, Outgoing, Queue};
use waybill_testkit::{Call, FakeLedger, FakeQueue, Fault, Faulty, TestAmbient, Trouble, fixtures};

use super::handler::{Book, Shaky, Try};
use super::watch::{Watch, WatchedLedger, digest};
use super::{Chance, Seen};

/// How long an invocation may take; each has some milliseconds more, so that its lease is its own.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a lease outlives its invocation's deadline.
const LEASE: Duration = Duration::from_secs(2);

/// Receives before the redrive policy moves a message. No valid message of a world needs as many.
const MAX_RECEIVE_COUNT: u32 = 60;

/// Batches in which a world without trouble must drain.
const DRAIN_MAX: usize = 900;

/// Everything there is.
pub(crate) struct World {
    chance: Arc<Mutex<Chance>>,
    ambient: Arc<TestAmbient>,
    watch: Arc<Watch>,
    ledger: FakeLedger,
    queue: FakeQueue,
    dead: FakeQueue,
    shaky: Shaky,
    config: Config,
    told: Mutex<Told>,
    /// Whether clocks differ by more than a lease allows for.
    skewed: bool,
    mode: Mode,
    fifo: bool,
    /// Numbers given to processes.
    numbers: AtomicUsize,
}

/// How the queue is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Triggered,
    Polled,
    Both,
}

/// What is told while the world lives.
#[derive(Default)]
struct Told {
    broken: Option<String>,
    /// Sent, and neither deleted nor found among the dead.
    standing: BTreeSet<MessageId>,
    /// Invocations that left a claim without a word, by row.
    left: BTreeMap<LedgerKey, u32>,
    /// Doors by idempotency key.
    doors: BTreeMap<String, usize>,
    seen: Seen,
    invocations: u64,
}

/// A clock that is ahead.
struct Ahead(Arc<TestAmbient>, Duration);

impl Ambient for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now().after(self.1)
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}

/// What befalls an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Runs,
    Killed(Duration),
    Frozen(Duration, Duration),
}

/// An engine and its ports, with their faults.
struct Process {
    engine: Engine<Shaky, Faulty<WatchedLedger>, Arc<dyn Ambient>>,
    /// How far its clock is ahead: it takes leases for ended that are not.
    ahead: Duration,
    source: Source<Faulty<FakeQueue>>,
    by: usize,
    ledger: Faulty<WatchedLedger>,
    queue: Faulty<FakeQueue>,
    dead: Faulty<FakeQueue>,
    /// Whether each fault that was put in the ledger's lines is trouble.
    lines: Mutex<BTreeMap<Call, Vec<bool>>>,
    /// Standing faults begun and ended.
    outages: (AtomicUsize, AtomicUsize),
}

/// An invocation as it is looked at when it is over.
struct Invocation<'a> {
    messages: &'a [Message],
    deadline: Timestamp,
    fate: Fate,
    trouble: bool,
    /// End of its lease, by its own clock.
    lease: Timestamp,
    /// The number of its process.
    by: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let ambient = Arc::new(TestAmbient::seeded(seed));
        let mode = chance.pick(&[Mode::Triggered, Mode::Polled, Mode::Both]);
        let fifo = chance.hits(35);
        let [dead, queue] = match fifo {
            true => ["dead.fifo", "orders.fifo"],
            false => ["dead", "orders"],
        };
        let dead = FakeQueue::new(dead, ambient.clone());
        let queue = FakeQueue::new(queue, ambient.clone());
        let queue = queue.with_redrive(MAX_RECEIVE_COUNT, dead.clone());
        let config = Config {
            consumer: Consumer::new(fixtures::CONSUMER).unwrap(),
            key: None,
            dead_letter: match fifo {
                true => DeadLetter::Send,
                false => chance.pick(&[DeadLetter::Redrive, DeadLetter::Send]),
            },
            on_conflict: chance.pick(&[OnConflict::Dead, OnConflict::Ack]),
            time_to_live: Duration::from_secs(35 * 24 * 3600),
            redrive_limit: 3,
            concurrency: chance.pick(&[1, 2, 3, 25, 100]),
        };
        let slow = match mode {
            Mode::Triggered => 1,
            Mode::Polled | Mode::Both => chance.pick(&[1, 1, 5, 15]),
        };
        let policies = Shaky::policies(&mut chance, slow);
        let skewed = chance.hits(25);
        let ends = (config.dead_letter, config.on_conflict);
        let watch = Watch::new(ambient.clone(), queue.clone(), dead.clone(), ends, skewed);
        let chance = Arc::new(Mutex::new(chance));
        let shaky = Shaky {
            policies,
            book: Arc::new(Mutex::new(Book::default())),
            chance: chance.clone(),
            healthy: Arc::new(AtomicBool::new(false)),
            ambient: ambient.clone(),
            watch: watch.clone(),
            slow: u32::try_from(slow).unwrap(),
        };
        Self {
            chance,
            ambient,
            ledger: watch.ledger.clone(),
            watch,
            queue,
            dead,
            shaky,
            config,
            told: Mutex::default(),
            skewed,
            mode,
            fifo,
            numbers: AtomicUsize::new(0),
        }
    }

    /// Lives to the end; what it held, or the first promise that was broken.
    pub(crate) async fn live(self) -> Result<Seen, String> {
        let least = if self.skewed { 1 } else { 0 };
        let numbers = 0..=self.below(3).max(least);
        // Each is ahead of the one before by more than a lease.
        let ahead = |n| Duration::from_secs(if self.skewed { 20 * n } else { 0 });
        let processes: Vec<_> = numbers.map(|n| self.process(ahead(n))).collect();
        let lanes = processes.iter().flat_map(|process| {
            let lanes = if self.skewed { 1 } else { 1 + self.below(2) };
            (0..lanes).map(move |_| process)
        });
        let lanes: Vec<_> = match self.mode {
            Mode::Triggered | Mode::Both => lanes.map(|process| self.lane(process)).collect(),
            Mode::Polled => Vec::new(),
        };
        let pollers = match self.mode {
            Mode::Polled | Mode::Both => 1 + self.below(3),
            Mode::Triggered => 0,
        };
        let pollers = (0..pollers).map(|n| self.poll_lane(ahead(n)));
        let pollers = join_all(pollers.collect::<Vec<_>>());
        join3(self.send_events(), join_all(lanes), pollers).await;
        self.shaky.healthy.store(true, Ordering::Relaxed);
        self.drain().await;
        self.look_at_the_end();
        if self.hits(40) && !self.dead.is_empty() {
            sleep(Duration::from_secs(60)).await;
            self.redrive();
            self.drain().await;
            self.look_at_the_end();
            self.look_at_the_redriven();
        }
        self.count();
        let seen = self.watch.log().broken.take();
        let told = self.told.into_inner().unwrap();
        seen.or(told.broken).map_or(Ok(told.seen), Err)
    }

    /// Sends the events over some time: copies, and other data under the same key.
    async fn send_events(&self) {
        let plans = [
            "a", "a", "ab", "ab", "abc", "c", "bc", "ignored", "unrouted", "broken",
        ];
        let many = self.mode != Mode::Triggered && self.hits(15);
        let last = if many {
            20 + self.below(40)
        } else {
            self.below(7)
        };
        for n in 0..=last {
            let key = format!("e{n}");
            let plan = self.chance.lock().unwrap().pick(&plans);
            let data = |text: &str| match plan {
                "broken" => format!(r#"{{"specversion":"9","data":"broken:{text}"}}"#),
                plan => format!("{plan}:{text}"),
            };
            self.send(&key, &data(&key));
            while self.hits(25) {
                if self.hits(50) {
                    sleep(self.ms(20_000)).await;
                }
                self.send(&key, &data(&key));
            }
            if self.hits(12) {
                self.send(&key, &data(&format!("{key}:other")));
            }
            if self.hits(30) {
                sleep(self.ms(10_000)).await;
            }
        }
    }

    fn send(&self, key: &str, data: &str) {
        let group = |of: u64| ["g0", "g1", "g2"][usize::try_from(of).unwrap()].to_owned();
        let unique = || format!("{:016x}", self.ambient.random());
        let id = self.queue.put(Outgoing {
            body: data.to_owned(),
            attributes: [("waybill-key".to_owned(), fixtures::text(key))].into(),
            group_id: self.fifo.then(|| group(self.below(3))),
            deduplication_id: self.fifo.then(unique),
            ..Outgoing::default()
        });
        self.told().standing.insert(id);
    }

    fn process(&self, ahead: Duration) -> Process {
        let by = self.number();
        let watch = self.watch.clone();
        let ledger = Faulty::new(WatchedLedger { watch, by });
        let queue = Faulty::new(self.queue.clone());
        let dead = Faulty::new(self.dead.clone());
        Process {
            engine: Engine::new(
                self.shaky.clone(),
                ledger.clone(),
                Arc::new(Ahead(self.ambient.clone(), ahead)),
                self.config.clone(),
            ),
            ahead,
            source: Source::new(queue.clone(), Some(dead.clone())),
            by,
            ledger,
            queue,
            dead,
            lines: Mutex::default(),
            outages: (AtomicUsize::new(0), AtomicUsize::new(0)),
        }
    }

    fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Some invocations, one after the other, in a process that may have others.
    async fn lane(&self, process: &Process) {
        let (batches, pause) = match self.skewed {
            true => (20, 800),
            false => (2 + self.below(7), 15_000),
        };
        for _ in 0..batches {
            sleep(self.ms(pause)).await;
            self.plant_faults(process);
            let fate = self.fate();
            let outage = self.hits(15);
            if outage {
                process.outages.0.fetch_add(1, Ordering::Relaxed);
                for _ in 0..self.below(3) {
                    process.next(Call::Write, Fault::Pass, false);
                }
                let calls = [Call::Write, Call::Write, Call::Read];
                let call = self.chance.lock().unwrap().pick(&calls);
                process.ledger.always(call, Fault::refused());
            }
            self.invoke(process, fate).await;
            if outage {
                process.ledger.always(Call::Write, Fault::Pass);
                process.ledger.always(Call::Read, Fault::Pass);
                process.outages.1.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn fate(&self) -> Fate {
        let mut chance = self.chance.lock().unwrap();
        let spans = [100, 400, 800, 4_000];
        let at = chance.pick(&spans);
        let at = chance.ms(at);
        match chance.below(100) {
            _ if self.skewed => Fate::Runs,
            0..60 => Fate::Runs,
            60..88 => Fate::Killed(at),
            _ => Fate::Frozen(at, Duration::from_secs(3 + chance.below(30))),
        }
    }

    /// Puts faults in the lines of a process: most are small delays, at which it may be killed.
    fn plant_faults(&self, process: &Process) {
        for call in [Call::Write, Call::Read] {
            for _ in 0..self.below(6) {
                let (fault, trouble) = self.fault();
                process.next(call, fault, trouble);
            }
        }
        if self.hits(20) {
            let (fault, _) = self.fault();
            process.queue.next(Call::ChangeVisibility, fault);
        }
        if self.hits(20) {
            let (fault, _) = self.fault();
            process.dead.next(Call::Send, fault);
        }
        if self.hits(10) {
            process.queue.next(Call::HasRedrivePolicy, Fault::refused());
        }
    }

    /// A fault, and whether it is trouble.
    fn fault(&self) -> (Fault, bool) {
        let mut chance = self.chance.lock().unwrap();
        let small = chance.ms(60);
        let at = [
            usize::try_from(chance.below(3)).unwrap(),
            usize::try_from(chance.below(10)).unwrap(),
        ];
        let fault = match chance.below(20) {
            0..10 => return (Fault::slow(small), false),
            10..12 => return (Fault::DelayBefore(small, Box::new(Fault::Pass)), false),
            12 => Fault::refused(),
            13 => Fault::refused_at(at),
            14 => Fault::lost_reply_at(at),
            15 => Fault::Before(Trouble::Permanent),
            16 => Fault::slow(chance.ms(12_000)),
            17 => Fault::DelayBefore(chance.ms(12_000), Box::new(Fault::Pass)),
            18 => Fault::DelayAfter(small, Box::new(Fault::lost_reply())),
            _ => Fault::lost_reply(),
        };
        (fault, true)
    }

    /// One invocation from receive to delete.
    async fn invoke(&self, process: &Process, fate: Fate) {
        let healthy = self.shaky.healthy.load(Ordering::Relaxed);
        let (max, visibility) = match healthy {
            true => (10, 60),
            false if self.hits(if self.skewed { 60 } else { 20 }) => (1 + self.below(10), 1),
            false => (1 + self.below(10), 60),
        };
        let max = usize::try_from(max).unwrap();
        let received = self
            .queue
            .receive(max, Duration::ZERO, Duration::from_secs(visibility));
        let messages = received.await.unwrap();
        if messages.is_empty() {
            return;
        }
        let number = {
            let mut told = self.told();
            told.invocations += 1;
            told.invocations
        };
        let started = self.ambient.now();
        let deadline = started.after(TIMEOUT + Duration::from_millis(number));
        let lease = deadline.after(process.ahead).after(LEASE);
        let budget = Budget {
            started: started.after(process.ahead),
            deadline: deadline.after(process.ahead),
        };
        let before = process.consumed();
        let outages = process.outages.0.load(Ordering::Relaxed);
        let outage = outages != process.outages.1.load(Ordering::Relaxed);
        let run = process
            .engine
            .run(messages.clone(), &process.source, budget);
        let handed = self.fated(run, fate, &messages, (process.by, lease)).await;
        let trouble = outage
            || outages != process.outages.0.load(Ordering::Relaxed)
            || process.trouble_since(&before);
        let over = Invocation {
            messages: &messages,
            deadline,
            fate,
            trouble,
            lease,
            by: process.by,
        };
        self.look_at(&over);
        let now = self.ambient.now();
        let frozen = matches!(fate, Fate::Frozen(..));
        let Some(handed) = handed else {
            return;
        };
        self.must(frozen || now <= deadline, || {
            format!("an invocation ended {now:?}, after its deadline {deadline:?}")
        });
        self.must(handed.len() == messages.len(), || {
            "answers are missing".into()
        });
        if now > deadline {
            return;
        }
        for (message, _) in messages
            .iter()
            .zip(handed)
            .filter(|(_, handed)| *handed == Handed::Over)
        {
            self.look_at_ack(message);
            if healthy || !self.hits(10) {
                self.delete(message).await;
            }
        }
    }

    /// Runs an invocation to its fate; nothing comes of one that was killed.
    async fn fated(
        &self,
        run: impl Future<Output = Vec<Handed>>,
        fate: Fate,
        messages: &[Message],
        lease: (usize, Timestamp),
    ) -> Option<Vec<Handed>> {
        match fate {
            Fate::Runs => Some(run.await),
            Fate::Killed(after) => {
                let mut run = Box::pin(run);
                if let Ok(handed) = timeout(after, &mut run).await {
                    return Some(handed);
                }
                let handles = || messages.iter().map(|m| m.receipt_handle.0.clone());
                self.shaky.book.lock().unwrap().killed.extend(handles());
                drop(run);
                self.shaky.book.lock().unwrap().killed.clear();
                None
            }
            Fate::Frozen(at, how_long) => {
                let mut run = pin!(run);
                if let Ok(handed) = timeout(at, &mut run).await {
                    return Some(handed);
                }
                self.note_left(messages, lease);
                sleep(how_long).await;
                Some(run.await)
            }
        }
    }

    async fn delete(&self, message: &Message) {
        let handles = [message.receipt_handle.clone()];
        for answer in self.queue.delete(&handles).await {
            // A FIFO queue refuses the handle of a message that is visible again.
            assert!(answer.is_ok() || self.fifo, "{answer:?}");
        }
        let stands = self.queue.messages();
        if stands.iter().all(|m| m.message_id != message.message_id) {
            self.told().standing.remove(&message.message_id);
        }
    }

    /// Batches in one process without trouble until nothing is left.
    async fn drain(&self) {
        let process = self.process(Duration::ZERO);
        for n in 0..DRAIN_MAX {
            let standing = self.queue.messages();
            let Some(next) = standing.iter().map(|m| m.visible_at).min() else {
                return;
            };
            // What is behind a message in flight is visible, and cannot be received.
            let behind = Duration::from_secs(u64::from(self.fifo));
            sleep(next.since(self.ambient.now()).max(behind)).await;
            match self.mode {
                Mode::Polled => self.poll_calmly().await,
                Mode::Both if n % 2 == 0 => self.poll_calmly().await,
                Mode::Triggered | Mode::Both => self.invoke(&process, Fate::Runs).await,
            }
        }
        let left = self.queue.messages();
        self.must(false, || format!("the queue did not drain: {left:#?}"));
    }

    /// Moves the dead back, as the console does.
    fn redrive(&self) {
        self.dead.redrive_to(&self.queue);
        let ids = self.queue.messages().into_iter().map(|m| m.message_id);
        let mut told = self.told();
        told.standing = ids.collect();
        told.seen.redriven += told.standing.len();
    }

    fn count(&self) {
        let tries = self.tries();
        let mut told = self.told();
        let effects: Vec<_> = tries.iter().filter(|t| t.effect).collect();
        let distinct: BTreeSet<_> = effects.iter().map(|t| &t.idempotency_key).collect();
        told.seen.in_order = self.watch.log().in_order;
        told.seen.effects = effects.len();
        told.seen.twice = effects.len() - distinct.len();
        told.seen.invocations = usize::try_from(told.invocations).unwrap();
        let dead = self.dead.messages();
        for row in self.rows() {
            match row.status {
                Status::Completed => told.seen.completed += 1,
                Status::Dead => told.seen.dead += 1,
                Status::InProgress | Status::Pending => {}
            }
            let reason = row.death.as_ref().map(|d| d.reason);
            told.seen.crashed += usize::from(reason == Some(DeadReason::Crashed));
            let of_row = dead.iter().filter(|m| row_key(&m.sent.body) == row.key);
            let others = of_row.filter(|m| digest(&m.sent.body) != row.digest);
            told.seen.conflicts += others.count();
        }
    }

    fn rows(&self) -> Vec<Record> {
        let rows = self.ledger.rows().into_values();
        let known = rows.map(|row| match row {
            Row::Known(record) => *record,
            Row::Unknown { what } => panic!("no world has such rows: {what}"),
        });
        known.collect()
    }

    fn tries(&self) -> Vec<Try> {
        self.shaky.book.lock().unwrap().tries.clone()
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    /// Notes the first promise that is broken.
    fn must(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            self.told().broken.get_or_insert(what);
        }
    }

    fn below(&self, end: u64) -> u64 {
        self.chance.lock().unwrap().below(end)
    }

    fn hits(&self, percent: u64) -> bool {
        self.chance.lock().unwrap().hits(percent)
    }

    fn ms(&self, end: u64) -> Duration {
        self.chance.lock().unwrap().ms(end)
    }
}

impl Process {
    /// Puts a fault in a line of the ledger.
    fn next(&self, call: Call, fault: Fault, trouble: bool) {
        self.ledger.next(call, fault);
        let mut lines = self.lines.lock().unwrap();
        lines.entry(call).or_default().push(trouble);
    }

    /// How many faults of each line were met.
    fn consumed(&self) -> BTreeMap<Call, usize> {
        let lines = self.lines.lock().unwrap();
        let met = lines
            .iter()
            .map(|(call, line)| (*call, line.len() - self.ledger.pending(*call)));
        met.collect()
    }

    /// Whether trouble was met since.
    fn trouble_since(&self, before: &BTreeMap<Call, usize>) -> bool {
        let now = self.consumed();
        let lines = self.lines.lock().unwrap();
        lines.iter().any(|(call, line)| {
            let from = before.get(call).copied().unwrap_or_default();
            line[from..now[call]].iter().any(|trouble| *trouble)
        })
    }
}

/// The ledger's key by an event's data.
fn row_key(data: &str) -> LedgerKey {
    let key = data.split(':').find(|word| {
        let digits = word.strip_prefix('e').unwrap_or_default();
        digits.trim_end_matches(['"', '}']).parse::<u32>().is_ok()
    });
    fixtures::key(key.unwrap_or_default().trim_end_matches(['"', '}']))
}
