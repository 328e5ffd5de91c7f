//! Calls of one key in one process come one after the other, where they may wait.
//!
//! The ledger alone decides who may run; the gate only spares copies in one process a wait to the
//! end of the lease when the first of them has ended before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use waybill_core::id::LedgerKey;

/// The calls that are under way, by key.
#[derive(Default)]
pub(super) struct Gate {
    turns: Mutex<HashMap<LedgerKey, Arc<tokio::sync::Mutex<()>>>>,
}

/// A call's turn; the next has it when this is dropped, by a panic too.
pub(super) struct Turn<'g> {
    gate: &'g Gate,
    key: LedgerKey,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Gate {
    /// Waits for a turn, no longer than `wait`. Without one the ledger still says who may run.
    pub(super) async fn enter(&self, key: &LedgerKey, wait: Duration) -> Option<Turn<'_>> {
        let turn = Arc::clone(self.turns().entry(key.clone()).or_default());
        // Forgets the key again, also where the wait is given up or dropped.
        let mut entered = Turn {
            gate: self,
            key: key.clone(),
            guard: None,
        };
        entered.guard = timeout(wait, turn.lock_owned()).await.ok();
        entered.guard.is_some().then_some(entered)
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<LedgerKey, Arc<tokio::sync::Mutex<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut turns = self.gate.turns();
        // Nobody else can come by it while the map is locked.
        if turns
            .get(&self.key)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
