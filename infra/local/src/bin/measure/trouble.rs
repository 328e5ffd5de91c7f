//! What duplicates and kills cost, and what comes of them: at the functions and at their peers.
//!
//! An event source mapping is played over the stand-in's queue: it hands over batches, deletes
//! what is not named as failed, and whatever a killed function held comes back when its
//! visibility ends.

use std::time::Duration;

use waybill_local::stub::{Received, Stub, mapping};
use waybill_local::{Answer, Function, LocalError, say};

use crate::figures::millis;
use crate::load::event;
use crate::rig::Rig;
use crate::show::Show;
use crate::subject::{Subject, wide};

/// What came of a run.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Messages that were sent.
    messages: u64,
    /// Events among them that were delivered at least once.
    delivered: u64,
    /// Deliveries beyond the first of each event.
    repeats: u64,
    /// Times that a message was named as failed.
    failed: u64,
    /// Messages that the redrive policy took.
    dead: u64,
    /// Kills.
    kills: u64,
    /// Requests to DynamoDB for a message.
    dynamodb: f64,
    /// The processor's time for a thousand messages, in milliseconds.
    cpu_ms: f64,
}

/// Compares all of them.
pub(crate) async fn compare(
    rig: &Rig,
    subjects: &[Subject],
    show: &mut Show,
) -> Result<(), LocalError> {
    rig.no_latency();
    let mut clean = Vec::new();
    let mut copies = Vec::new();
    let mut killed = Vec::new();
    for subject in subjects {
        say(format!("duplicates and kills: {}", subject.title));
        clean.push(run(rig, subject, EVENTS, 0, false).await?);
        copies.push(run(rig, subject, EVENTS / 5 * 4, EVENTS / 5, false).await?);
        killed.push(run(rig, subject, EVENTS, 0, true).await?);
    }
    let columns = [
        "messages",
        "delivered",
        "repeats",
        "named failed",
        "dead",
        "DynamoDB/msg",
        "CPU ms/1,000",
    ];
    for (name, accounts) in [("no duplicates", &clean), ("20 % duplicates", &copies)] {
        show.table(name, &columns);
        for (subject, account) in subjects.iter().zip(accounts) {
            show.row(&subject.title, account.row());
        }
    }
    let columns = [
        "messages",
        "delivered",
        "repeats",
        "named failed",
        "dead",
        "kills",
        "lost",
    ];
    show.table("killed in 10 % of batches", &columns);
    for (subject, account) in subjects.iter().zip(&killed) {
        let lost = account.messages - account.delivered;
        let counts = [
            account.messages,
            account.delivered,
            account.repeats,
            account.failed,
            account.dead,
            account.kills,
            lost,
        ];
        show.row(&subject.title, counts.map(|count| Some(count as f64)));
    }
    Ok(())
}

impl Account {
    /// Its figures where nothing was killed.
    fn row(&self) -> [Option<f64>; 7] {
        let counts = [
            self.messages,
            self.delivered,
            self.repeats,
            self.failed,
            self.dead,
        ];
        let [a, b, c, d, e] = counts.map(|count| Some(count as f64));
        [a, b, c, d, e, Some(self.dynamodb), Some(self.cpu_ms)]
    }
}

/// Runs so many events, some of them sent twice, until the queue is empty.
async fn run(
    rig: &Rig,
    subject: &Subject,
    events: usize,
    copies: usize,
    kill: bool,
) -> Result<Account, LocalError> {
    let stub = &rig.stub;
    stub.clear();
    let first = (0..events).map(|n| event(&format!("event-{n}"), 1024));
    // Each copy comes some messages after the first of it: in its batch, or in a later one.
    let mut bodies: Vec<_> = first.collect();
    for n in 0..copies {
        let of = n * events / copies.max(1);
        let at = (of + n + 1 + n % 17).min(bodies.len());
        bodies.insert(at, event(&format!("event-{of}"), 1024));
    }
    let messages = bodies.len();
    stub.queue().send(bodies);
    let (mut function, _) = subject.start().await?;
    let mut account = Account {
        messages: wide(messages),
        ..Account::default()
    };
    let before = stub.traffic();
    let mut cpu = Duration::ZERO;
    let mut started_at = function.cpu_time().unwrap_or_default();
    let mut dice = Dice(7);
    let mut owed = 0;
    while stub.queue().left() > 0 {
        let batch = stub.queue().receive(BATCH, Some(VISIBILITY));
        if batch.is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
            continue;
        }
        // One that has answered before it could be killed is followed by another, but never by what
        // was killed before: that has its one chance in ten like any.
        owed += u64::from(kill && dice.below(10) == 0);
        let fresh = batch.iter().all(|message| message.receives == 1);
        let doomed = owed > 0 && (fresh || dice.below(10) == 0);
        let when = doomed.then(|| {
            let effects = dice.below(wide(batch.len()) + 1);
            (
                effects,
                PAUSE * u32::try_from(dice.below(4)).unwrap_or_default(),
            )
        });
        match hand_over(stub, &function, &batch, when).await? {
            Some(answer) => {
                let done = mapping::done(&answer, &batch);
                account.failed += wide(batch.len() - done.len());
                for message in done {
                    stub.queue().delete(&message.handle);
                }
            }
            None => {
                account.kills += 1;
                owed -= 1;
                cpu += function
                    .cpu_time()
                    .unwrap_or_default()
                    .saturating_sub(started_at);
                drop(function);
                (function, _) = subject.start().await?;
                started_at = function.cpu_time().unwrap_or_default();
            }
        }
    }
    cpu += function
        .cpu_time()
        .unwrap_or_default()
        .saturating_sub(started_at);
    let distinct = wide(stub.target().distinct());
    account.delivered = distinct + wide(copies);
    account.repeats = stub.target().deliveries() - distinct;
    account.dead = stub.queue().dead();
    let requests = stub.traffic().since(&before).counts.of_service("dynamodb");
    account.dynamodb = requests as f64 / messages as f64;
    account.cpu_ms = millis(cpu) * 1000.0 / messages as f64;
    Ok(account)
}

/// Hands over one batch; its answer, or nothing where the function is to be killed: so long after
/// so many of the batch have taken effect, before it has answered.
async fn hand_over(
    stub: &Stub,
    function: &Function,
    batch: &[Received],
    kill: Option<(u64, Duration)>,
) -> Result<Option<Answer>, LocalError> {
    let payload = mapping::payload(stub.queue().arn(), batch);
    let before = stub.target().deliveries();
    let invoked = function.invoke(payload, TIMEOUT);
    let Some((effects, pause)) = kill else {
        return invoked.await.map(Some);
    };
    let reached = async {
        while stub.target().deliveries() < before + effects {
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        // What was sent may be answered, and what was answered may be on its way to the ledger.
        tokio::time::sleep(pause).await;
    };
    tokio::select! {
        biased;
        () = reached => Ok(None),
        answer = invoked => answer.map(Some),
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below this one.
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX generator.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Messages of a run.
const EVENTS: usize = 600;

/// Messages of a batch.
const BATCH: usize = 10;

/// The function's time-out.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Six times that, as the documents of Lambda's advise.
const VISIBILITY: Duration = Duration::from_secs(6);

/// How long after an effect a function is killed, at most three times.
const PAUSE: Duration = Duration::from_micros(250);

/// How often it is looked whether something is visible again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
