//! Rows of runs in memory, put as DynamoDB puts them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use waybill_core::id::Consumer;
use waybill_engine::ports::{RunRow, RunStore, StoreError};

/// Rows of runs in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FakeRuns {
    rows: Arc<Mutex<BTreeMap<(String, String), RunRow>>>,
}

impl FakeRuns {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Where a row stands.
fn place(consumer: &Consumer, run: &str) -> (String, String) {
    (consumer.as_str().to_owned(), run.to_owned())
}

impl RunStore for FakeRuns {
    async fn load(&self, consumer: &Consumer, run: &str) -> Result<Option<RunRow>, StoreError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(&place(consumer, run)).cloned())
    }

    async fn save(&self, consumer: &Consumer, run: &str, row: &RunRow) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place(consumer, run);
        let stands = rows.get(&place).map_or(0, |stands| stands.rev);
        if stands.saturating_add(1) != row.rev {
            return Ok(false);
        }
        rows.insert(place, row.clone());
        Ok(true)
    }
}
