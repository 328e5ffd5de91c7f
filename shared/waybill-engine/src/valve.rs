//! The valve on the source: while every route's target is away, the event source mapping brings no
//! more than the least, and afterwards what it brought before.
//!
//! What is done is decided in `waybill_core::gate::valve`. Here are the looks: made by an
//! invocation whose work is done, seldom, and never outlasting it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use waybill_core::gate::valve::{Flow, LEAST, Step, VALVE_LIFE, Valve};
use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_core::id::Consumer;
use waybill_core::time::Timestamp;

use crate::ports::{Ambient, GatePut, GateStore, SourceMapping};
use crate::telemetry::{self, Happened};

/// The valve on the queues of one function.
pub struct SourceValve {
    consumer: Consumer,
    store: Arc<dyn GateStore>,
    mapping: Box<dyn SourceMapping>,
    ambient: Box<dyn Ambient>,
    queues: Mutex<HashMap<String, Known>>,
}

/// What this process knows of one queue's valve.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// When its next look may be.
    look_due: Timestamp,
    /// When its row is read again, though nothing seems to be the matter.
    row_due: Timestamp,
    /// What the row said when it was last read or written.
    valve: Valve,
}

/// A row that was read.
struct Stands {
    key: GateKey,
    rev: u64,
    valve: Valve,
}

impl SourceValve {
    /// The valve of a consumer, whose rows are in `store`.
    pub fn new(
        consumer: &Consumer,
        store: Arc<dyn GateStore>,
        mapping: impl SourceMapping + 'static,
        ambient: impl Ambient + 'static,
    ) -> Self {
        Self {
            consumer: consumer.clone(),
            store,
            mapping: Box::new(mapping),
            ambient: Box::new(ambient),
            queues: Mutex::default(),
        }
    }

    /// Looks whether the mapping of a queue is as it should be, where that is due, and makes it so.
    /// It takes two seconds at most, and ends half a second before `deadline`.
    pub async fn look(
        &self,
        queue_arn: &str,
        flow: impl Future<Output = Flow>,
        deadline: Timestamp,
    ) {
        let now = self.ambient.now();
        let left = deadline.before(MARGIN).since(now).min(LOOK_TIME);
        if left.is_zero() || !self.begin(queue_arn, now) {
            return;
        }
        let turned = timeout(left, self.turn(queue_arn, flow)).await;
        let turned = turned.unwrap_or_else(|_| Err("no answer came in time".to_owned()));
        if let Err(what) = turned {
            telemetry::tell(Happened::SourceUnmoved {
                queue_arn,
                what: &what,
            });
        }
    }

    /// Begins a look, where one is due. Of several invocations at once one looks.
    fn begin(&self, queue_arn: &str, now: Timestamp) -> bool {
        let mut queues = self.queues();
        if !queues.contains_key(queue_arn) {
            queues.insert(queue_arn.to_owned(), Known::default());
        }
        let Some(known) = queues.get_mut(queue_arn) else {
            return false;
        };
        // A clock that is set back makes no wait longer than the usual.
        let wait = known.look_due.since(now);
        let due = wait.is_zero() || wait > LOOK_APART;
        if due {
            known.look_due = now.after(LOOK_APART);
        }
        due
    }

    /// One look.
    async fn turn(&self, queue_arn: &str, flow: impl Future<Output = Flow>) -> Result<(), String> {
        let flow = flow.await;
        let now = self.ambient.now();
        let known = self.queues().get(queue_arn).copied().unwrap_or_default();
        if known.valve == Valve::Open && known.row_due > now && !flow.is_shut_long(now) {
            return Ok(());
        }
        let Some(stands) = self.read(queue_arn).await? else {
            return Ok(());
        };
        self.note(queue_arn, stands.valve);
        if !stands.valve.is_worth_a_look(flow, now) {
            return Ok(());
        }
        let mapping = self.mapping.look(queue_arn).await?;
        match stands.valve.step(flow, mapping, self.ambient.now()) {
            Step::Leave => {}
            Step::Lower { normal } => {
                let at = self.ambient.now();
                if self
                    .put(queue_arn, stands, Valve::Lowered { normal, at })
                    .await?
                {
                    self.mapping.limit(queue_arn, Some(LEAST)).await?;
                    telemetry::tell(Happened::SourceLowered { queue_arn, normal });
                }
            }
            Step::Restore { to } => {
                self.mapping.limit(queue_arn, to).await?;
                telemetry::tell(Happened::SourceRestored {
                    queue_arn,
                    normal: to,
                });
                self.put(queue_arn, stands, Valve::Open).await?;
            }
            Step::Forget => {
                if self.put(queue_arn, stands, Valve::Open).await? {
                    telemetry::tell(Happened::SourceLeft(queue_arn));
                }
            }
        }
        Ok(())
    }

    /// Reads a queue's row; nothing where another release has written it.
    async fn read(&self, queue_arn: &str) -> Result<Option<Stands>, String> {
        let key = GateKey::valve(&self.consumer, queue_arn);
        let mut rows = self.store.read(std::slice::from_ref(&key)).await;
        let row = match rows.pop() {
            Some(row) => row.map_err(|error| error.to_string())?,
            None => return Ok(None),
        };
        let (rev, valve) = match row {
            None => (0, Valve::Open),
            Some(row) => match row.state {
                GateState::Valve(valve) => (row.rev, valve),
                GateState::Breaker(_) | GateState::Rate { .. } | GateState::Unknown => {
                    return Ok(None);
                }
            },
        };
        Ok(Some(Stands { key, rev, valve }))
    }

    /// Writes a queue's row; whether it is as asked, and not as somebody else has made it.
    async fn put(&self, queue_arn: &str, stands: Stands, valve: Valve) -> Result<bool, String> {
        let row = GateRow {
            key: stands.key,
            rev: stands.rev.saturating_add(1),
            expires_at: self.ambient.now().after(VALVE_LIFE).as_secs_ceil(),
            state: GateState::Valve(valve),
        };
        match self.store.put(&row).await {
            Ok(GatePut::Done) => {
                self.note(queue_arn, valve);
                Ok(true)
            }
            Ok(GatePut::Refused(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Remembers what a queue's row says.
    fn note(&self, queue_arn: &str, valve: Valve) {
        let row_due = self.ambient.now().after(ROW_APART);
        if let Some(known) = self.queues().get_mut(queue_arn) {
            known.valve = valve;
            known.row_due = row_due;
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shortest time between two looks of a process at one queue's valve.
pub const LOOK_APART: Duration = Duration::from_secs(10);

/// How long a row is taken for what it was, while nothing seems to be the matter.
pub const ROW_APART: Duration = Duration::from_secs(60);

/// How long a look may take, and so how long an answer may wait for one.
pub const LOOK_TIME: Duration = Duration::from_secs(2);

/// What is left of an invocation's time for its answer.
const MARGIN: Duration = Duration::from_millis(500);
