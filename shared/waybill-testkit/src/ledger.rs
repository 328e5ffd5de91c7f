//! A ledger in memory that refuses, answers and counts as DynamoDB does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Fence, Record, Row};
use waybill_core::limit::{BATCH_GET_MAX, STATEMENTS_MAX};
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ledger, StoreError, StoreErrorKind, Write, Written};

/// A ledger in memory. Clones share their rows.
///
/// Each write is conditional as its port says; a request that names a key twice, or too many, is
/// refused whole and changes nothing (DynamoDB may have written what stood before the repeated
/// key).
#[derive(Debug, Clone, Default)]
pub struct FakeLedger {
    state: Arc<Mutex<State>>,
}

/// How much was asked of a [`FakeLedger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerCounts {
    /// Requests that write.
    pub write_requests: usize,
    /// Requests that read.
    pub read_requests: usize,
    /// Single writes asked for, refused ones included.
    pub writes: usize,
    /// Single keys asked for.
    pub reads: usize,
}

impl LedgerCounts {
    /// Requests of either sort.
    pub fn requests(self) -> usize {
        self.write_requests + self.read_requests
    }
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<LedgerKey, Row>,
    counts: LedgerCounts,
}

impl FakeLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// The row that stands at a key.
    pub fn row(&self, key: &LedgerKey) -> Option<Row> {
        self.state().rows.get(key).cloned()
    }

    /// The record that stands at a key, where it is one that this release knows.
    pub fn record(&self, key: &LedgerKey) -> Option<Record> {
        match self.row(key)? {
            Row::Known(record) => Some(*record),
            Row::Unknown { .. } => None,
        }
    }

    /// Every row, by key.
    pub fn rows(&self) -> BTreeMap<LedgerKey, Row> {
        self.state().rows.clone()
    }

    /// Puts a record where its key says, whatever stands there.
    pub fn put(&self, record: Record) {
        let key = record.key.clone();
        self.put_row(key, Row::Known(Box::new(record)));
    }

    /// Puts a row at a key, whatever stands there.
    pub fn put_row(&self, key: LedgerKey, row: Row) {
        self.state().rows.insert(key, row);
    }

    /// Takes a row away.
    pub fn remove(&self, key: &LedgerKey) -> Option<Row> {
        self.state().rows.remove(key)
    }

    /// What was asked of it so far.
    pub fn counts(&self) -> LedgerCounts {
        self.state().counts
    }

    /// Takes away what has outlived its time to live, as DynamoDB does some day (F41). Rows that
    /// this release cannot read stay.
    pub fn sweep(&self, now: Timestamp) {
        self.state().rows.retain(|_, row| match row {
            Row::Known(record) => Timestamp::from_secs(record.expires_at) > now,
            Row::Unknown { .. } => true,
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for FakeLedger {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        let mut state = self.state();
        state.counts.write_requests += 1;
        state.counts.writes += writes.len();
        if let Some(refusal) = refused_whole(writes.iter().map(key_of), STATEMENTS_MAX) {
            return vec![Err(refusal); writes.len()];
        }
        let answer = |write| match too_large(write) {
            Some(refusal) => Err(refusal),
            None => Ok(state.apply(write)),
        };
        writes.iter().map(answer).collect()
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let mut state = self.state();
        state.counts.read_requests += 1;
        state.counts.reads += keys.len();
        if let Some(refusal) = refused_whole(keys.iter(), BATCH_GET_MAX) {
            return vec![Err(refusal); keys.len()];
        }
        let read = |key| Ok(state.rows.get(key).cloned());
        keys.iter().map(read).collect()
    }
}

impl State {
    /// One write, alone.
    fn apply(&mut self, write: &Write) -> Written {
        match write {
            Write::Insert(record) => {
                if self.rows.contains_key(&record.key) {
                    return Written::Refused(None);
                }
                self.put(record);
                Written::Done(None)
            }
            Write::TakeOver { seen, next } => {
                if !self.stands(&next.key, seen) {
                    return Written::Refused(self.rows.get(&next.key).cloned());
                }
                Written::Done(Some(self.put(next)))
            }
            Write::Settle { held, next } => {
                if !self.stands(&next.key, held) {
                    return Written::Refused(self.rows.get(&next.key).cloned());
                }
                self.put(next);
                Written::Done(None)
            }
        }
    }

    /// Whether the row stands as the fence says; one that is not understood never does.
    fn stands(&self, key: &LedgerKey, fence: &Fence) -> bool {
        match self.rows.get(key) {
            Some(Row::Known(record)) => record.fence() == *fence,
            Some(Row::Unknown { .. }) | None => false,
        }
    }

    /// Puts the record and answers the row.
    fn put(&mut self, record: &Record) -> Row {
        let row = Row::Known(Box::new(record.clone()));
        self.rows.insert(record.key.clone(), row.clone());
        row
    }
}

/// The key that a write is about.
fn key_of(write: &Write) -> &LedgerKey {
    match write {
        Write::Insert(record) => &record.key,
        Write::TakeOver { next, .. } | Write::Settle { next, .. } => &next.key,
    }
}

/// The answer to a write whose row is longer than an item of DynamoDB may be. What counts is what
/// may be long: the rest of a row is a few kilobytes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
fn too_large(write: &Write) -> Option<StoreError> {
    const ITEM_MAX: usize = 400 * 1024;
    let row = match write {
        Write::Insert(record) => record,
        Write::TakeOver { next, .. } | Write::Settle { next, .. } => next,
    };
    let result = row.result.iter().map(String::len);
    let routes = row.routes.iter().map(|route| route.last.len());
    let tries = row.attempts.iter();
    let tries = tries.map(|tried| tried.code.len() + tried.message.len());
    let length: usize = result.chain(routes).chain(tries).sum();
    (length >= ITEM_MAX).then(|| StoreError {
        kind: StoreErrorKind::Permanent,
        code: "ValidationError".to_owned(),
        message: "the row is longer than an item may be".to_owned(),
    })
}

/// The answer to a request with too many keys, or with one key twice.
fn refused_whole<'a>(
    keys: impl ExactSizeIterator<Item = &'a LedgerKey>,
    max: usize,
) -> Option<StoreError> {
    let asked = keys.len();
    let distinct = keys.collect::<BTreeSet<_>>().len();
    let message = if asked > max {
        format!("{asked} keys in one request, at most {max} are allowed")
    } else if distinct < asked {
        "one key stands twice in one request".to_owned()
    } else {
        return None;
    };
    Some(StoreError {
        kind: StoreErrorKind::Permanent,
        code: "ValidationException".to_owned(),
        message,
    })
}

#[cfg(test)]
mod tests;
