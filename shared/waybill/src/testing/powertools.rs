//! Powertools' table in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use waybill_core::powertools::{OldKey, OldRow};
use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;
use waybill_testkit::TestAmbient;

use crate::powertools::{Looked, Rows};

/// The table that [`crate::HandlerBuilder::after_powertools`] looks into, in memory. Clones are the
/// same table.
#[derive(Debug, Clone)]
pub struct OldTable {
    ambient: Arc<TestAmbient>,
    state: Arc<Mutex<State>>,
}

/// What stands there.
#[derive(Debug, Default)]
struct State {
    key: Option<OldKey>,
    rows: BTreeMap<String, OldRow>,
    fault: Option<String>,
    takes: Duration,
    reads: usize,
}

impl OldTable {
    /// A table with nothing in it.
    pub(super) fn new(ambient: Arc<TestAmbient>) -> Self {
        Self {
            ambient,
            state: Arc::default(),
        }
    }

    /// The same, whose rows are known by this.
    pub(super) fn known_by(&self, key: &OldKey) -> Arc<dyn Rows> {
        self.state().key = Some(key.clone());
        Arc::new(self.clone())
    }

    /// Whatever the key finds so was done, and stays so for this long. Nothing where the handler
    /// looks up nothing.
    pub fn done(&self, found: impl Into<Value>, stays: Duration) {
        self.put("COMPLETED", &found.into(), stays, None);
    }

    /// Whatever the key finds so was begun, and nobody else may be at it for this long.
    pub fn begun(&self, found: impl Into<Value>, lasts: Duration) {
        let until = self.ambient.now().after(lasts);
        self.put("INPROGRESS", &found.into(), lasts.max(HOUR), Some(until));
    }

    /// From now on it cannot be read, because of this; or it can, where there is nothing.
    pub fn fail(&self, why: Option<&str>) {
        self.state().fault = why.map(str::to_owned);
    }

    /// From now on a read takes this long.
    pub fn delay(&self, takes: Duration) {
        self.state().takes = takes;
    }

    /// How often it was read.
    pub fn reads(&self) -> usize {
        self.state().reads
    }

    /// Puts a row.
    fn put(&self, status: &str, found: &Value, stays: Duration, until: Option<Timestamp>) {
        let row = OldRow {
            status: status.to_owned(),
            expiration: Some(self.ambient.now().after(stays).as_secs_ceil()),
            in_progress_expiration: until.map(Timestamp::as_millis),
        };
        let mut state = self.state();
        let id = state.key.as_ref().and_then(|key| key.of_value(found).ok());
        if let Some(id) = id {
            state.rows.insert(id, row);
        }
    }

    /// What stands there; whole at any time.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows for OldTable {
    fn row<'a>(&'a self, id: &'a str) -> Looked<'a> {
        let mut state = self.state();
        state.reads += 1;
        let answer = match &state.fault {
            Some(why) => Err(why.clone()),
            None => Ok(state.rows.get(id).cloned()),
        };
        let takes = state.takes;
        Box::pin(async move {
            sleep(takes).await;
            answer
        })
    }

    fn now(&self) -> Timestamp {
        self.ambient.now()
    }
}

/// How long Powertools keeps its rows where nothing else is said.
const HOUR: Duration = Duration::from_secs(3600);
