//! Operations run once in effect, gap by gap (`docs/IDEMPOTENCY.md`).

mod chance;
mod claims;
mod leases;
mod memory;
mod replays;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use waybill_core::id::{Consumer, LedgerKey, Operation};
use waybill_core::key::KeyExpression;
use waybill_core::ledger::{Record, Row};
use waybill_core::once::Terms;
use waybill_core::time::Timestamp;
use waybill_engine::once::{Claimed, Effect, Failure, NotBegun, Once};
use waybill_engine::ports::Ambient;
use waybill_testkit::{FakeLedger, Faulty, TestAmbient, fixtures};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An operation as one process has it.
type Booking = Once<Faulty<FakeLedger>, Arc<TestAmbient>>;

/// A ledger, and a count of what was really done. Time stands still but for waits.
struct Bench {
    ambient: Arc<TestAmbient>,
    ledger: Faulty<FakeLedger>,
    runs: AtomicU32,
}

impl Bench {
    fn new() -> Self {
        Self::seeded(0)
    }

    /// A bench whose chance is decided by a seed.
    fn seeded(seed: u64) -> Self {
        Self {
            ambient: Arc::new(TestAmbient::seeded(seed)),
            ledger: Faulty::new(FakeLedger::new()),
            runs: AtomicU32::new(0),
        }
    }

    /// The operation `book` by `id`, as a new process has it.
    fn process(&self) -> Booking {
        self.operation("book")
    }

    /// Another operation by `id`.
    fn operation(&self, name: &str) -> Booking {
        self.keyed(name, "id")
    }

    /// An operation by a key of its own.
    fn keyed(&self, name: &str, key: &str) -> Booking {
        let consumer = Consumer::new(fixtures::CONSUMER).unwrap();
        let operation = Operation::new(name).unwrap();
        let key = expression(key);
        let (ledger, ambient) = (self.ledger.clone(), self.ambient.clone());
        Once::new(ledger, ambient, consumer, operation, key)
    }

    /// Counts an effect.
    fn effect(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// How many effects there were.
    fn effects(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    /// The deadline of a call that is made now.
    fn deadline(&self) -> Timestamp {
        self.now().after(TIMEOUT)
    }

    fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    /// A call whose effect answers with a value.
    async fn call<T>(&self, once: &Booking, payload: &Value, value: T) -> Called<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let work = async |_: Claimed| {
            self.effect();
            Ok(value)
        };
        once.run(payload, self.deadline(), work).await
    }

    /// A call whose effect fails.
    async fn fail(&self, once: &Booking, payload: &Value, failure: Failure) -> Called<Value> {
        let work = async |_: Claimed| {
            self.effect();
            Err(failure)
        };
        once.run(payload, self.deadline(), work).await
    }

    /// The row of `book` for an id.
    fn row(&self, id: &str) -> Record {
        self.row_of("book", id)
    }

    /// The row of an operation for an id.
    fn row_of(&self, operation: &str, id: &str) -> Record {
        let row = self.ledger.inner().record(&key_of(operation, id));
        row.expect("the row stands")
    }

    /// Lets a lease end, and the seconds after it.
    async fn after_the_lease(&self, id: &str) {
        let free = self.row(id).lease_until.after(Duration::from_secs(3));
        tokio::time::sleep(free.since(self.now())).await;
    }

    /// Ends the lease of a row, as the clock of a successor sees it.
    fn end_lease(&self, id: &str) {
        let mut row = self.row(id);
        row.lease_until = self.now().before(Duration::from_secs(10));
        self.ledger.inner().put(row);
    }
}

/// What a call is answered with.
type Called<T> = Result<Effect<T>, NotBegun>;

fn expression(text: &str) -> KeyExpression {
    KeyExpression::compile(text).unwrap()
}

/// The ledger's key of an operation and an id.
fn key_of(operation: &str, id: &str) -> LedgerKey {
    let consumer = fixtures::CONSUMER;
    LedgerKey::from_stored(format!("{consumer}#op:{operation}\u{0}\"{id}\""))
}

/// A payload with an id.
fn order(id: &str) -> Value {
    json!({"id": id})
}

/// Terms with a lease of its own.
fn leased(secs: u64) -> Terms {
    Terms {
        lease: Some(Duration::from_secs(secs)),
        ..Terms::default()
    }
}

/// Terms of those who wait.
fn waiting(secs: u64) -> Terms {
    Terms {
        wait: Duration::from_secs(secs),
        ..Terms::default()
    }
}

/// The value of a call that was done now.
fn done<T: std::fmt::Debug>(called: Called<T>) -> T {
    match called {
        Ok(Effect::Done { value, .. }) => value,
        other => panic!("not done: {other:?}"),
    }
}

/// The value of a call that was done before.
fn replayed<T: std::fmt::Debug>(called: Called<T>) -> T {
    match called {
        Ok(Effect::Replayed { value }) => value,
        other => panic!("not replayed: {other:?}"),
    }
}

fn known(row: Record) -> Row {
    Row::Known(Box::new(row))
}
