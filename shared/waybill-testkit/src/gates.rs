//! Rows of gates in memory, put as DynamoDB puts them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_engine::ports::{GatePut, GateStore, StoreError, StoreErrorKind};

/// Rows of gates in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FakeGates {
    state: Arc<Mutex<State>>,
}

/// How much was asked of [`FakeGates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateCounts {
    /// Requests that read.
    pub reads: usize,
    /// Puts, refused ones included.
    pub puts: usize,
    /// Puts that were refused.
    pub refused: usize,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<GateKey, GateRow>,
    counts: GateCounts,
    takes: Duration,
    away: bool,
}

impl FakeGates {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets each request take so long, half of it before it has its effect.
    pub fn take(&self, time: Duration) {
        self.state().takes = time;
    }

    /// Whether it answers nothing but errors.
    pub fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    /// The row that stands at a key.
    pub fn row(&self, key: &GateKey) -> Option<GateRow> {
        self.state().rows.get(key).cloned()
    }

    /// Puts a row, whatever stands there.
    pub fn plant(&self, row: GateRow) {
        self.state().rows.insert(row.key.clone(), row);
    }

    /// What was asked of it so far.
    pub fn counts(&self) -> GateCounts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request: half its time, its effect or an error, the other half.
    async fn request<T>(
        &self,
        effect: impl FnOnce(&mut State) -> T + Send,
    ) -> Result<T, StoreError> {
        let half = self.state().takes / 2;
        if !half.is_zero() {
            sleep(half).await;
        }
        let answer = {
            let mut state = self.state();
            match state.away {
                true => Err(away()),
                false => Ok(effect(&mut state)),
            }
        };
        if !half.is_zero() {
            sleep(half).await;
        }
        answer
    }
}

impl GateStore for FakeGates {
    fn read<'a>(
        &'a self,
        keys: &'a [GateKey],
    ) -> BoxFuture<'a, Vec<Result<Option<GateRow>, StoreError>>> {
        async move {
            self.state().counts.reads += 1;
            let rows = self.request(|state| {
                let rows = keys.iter().map(|key| state.rows.get(key).cloned());
                rows.collect::<Vec<_>>()
            });
            match rows.await {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); keys.len()],
            }
        }
        .boxed()
    }

    fn put<'a>(&'a self, row: &'a GateRow) -> BoxFuture<'a, Result<GatePut, StoreError>> {
        async move {
            self.state().counts.puts += 1;
            self.request(|state| state.put(row)).await
        }
        .boxed()
    }
}

impl State {
    fn put(&mut self, row: &GateRow) -> GatePut {
        let stands = self.rows.get(&row.key);
        let rev = match stands {
            None => Some(0),
            Some(stands) if stands.state == GateState::Unknown => None,
            Some(stands) => Some(stands.rev),
        };
        if rev.is_none_or(|rev| rev.saturating_add(1) != row.rev) {
            self.counts.refused += 1;
            return GatePut::Refused(stands.cloned());
        }
        self.rows.insert(row.key.clone(), row.clone());
        GatePut::Done
    }
}

fn away() -> StoreError {
    StoreError {
        kind: StoreErrorKind::Transient,
        code: "InternalServerError".to_owned(),
        message: "the store is away".to_owned(),
    }
}
