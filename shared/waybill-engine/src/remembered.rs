//! Rows that a process remembers, so that a repeat of what has ended asks the ledger nothing.
//!
//! Only `COMPLETED` and `DEAD` rows: they are as they are until they expire, or until a redrive,
//! and every answer from memory is judged like a row that was read.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Record, Status};

/// The last rows that came to their end, a bounded number of them.
pub(crate) struct Remembered {
    most: usize,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    by_key: HashMap<LedgerKey, Record>,
    /// The keys, in the order in which they came.
    order: VecDeque<LedgerKey>,
}

impl Remembered {
    /// Remembers at most so many rows.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            rows: Mutex::default(),
        }
    }

    /// The row of a key, as it was when it ended.
    pub(crate) fn row(&self, key: &LedgerKey) -> Option<Record> {
        self.rows().by_key.get(key).cloned()
    }

    /// Remembers a row that has ended; of others, and of one with a long result, nothing is kept.
    /// The oldest is forgotten when there are too many.
    pub(crate) fn keep(&self, row: &Record) {
        let ended = match row.status {
            Status::Completed | Status::Dead => true,
            Status::InProgress | Status::Pending | Status::Scheduled => false,
        };
        let length = row.result.as_ref().map_or(0, String::len);
        if !ended || length > RESULT_REMEMBERED_MAX || self.most == 0 {
            return;
        }
        let mut rows = self.rows();
        if rows.by_key.insert(row.key.clone(), row.clone()).is_none() {
            rows.order.push_back(row.key.clone());
        }
        while rows.order.len() > self.most
            && let Some(oldest) = rows.order.pop_front()
        {
            rows.by_key.remove(&oldest);
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest result that is remembered, in bytes; longer ones are read from the ledger.
const RESULT_REMEMBERED_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests;
