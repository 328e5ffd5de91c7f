//! Routes that change while functions run: read again beside the work of an invocation, and in
//! force from the next one on.
//!
//! An invocation keeps the function that it began with, routes and all, to its end. New routes
//! make a new function; where they are refused the old one stays. Nothing waits for a reading but
//! the answer of an invocation that has ended before it, and that not for long; nothing is read
//! while no invocation runs.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{sleep, timeout};

use waybill_core::time::Timestamp;

use crate::env::ConfigErrors;
use crate::ports::{Ambient, RoutesStore, StoredRoutes};
use crate::telemetry::{self, Happened};

/// The function as it is now; `F` is what an invocation is handed to.
pub struct Live<F> {
    now: Mutex<Arc<F>>,
    changing: Option<Changing<F>>,
}

/// What it takes to make the function anew.
struct Changing<F> {
    store: Box<dyn RoutesStore>,
    make: Box<Make<F>>,
    ambient: Box<dyn Ambient>,
    state: Mutex<State>,
}

/// Makes a function of routes, or says every fault of them.
type Make<F> = dyn Fn(&StoredRoutes) -> Result<F, ConfigErrors> + Send + Sync;

/// What was read, and when it is read again.
struct State {
    /// The last version that was read, taken or refused.
    seen: StoredRoutes,
    /// Not before.
    due: Timestamp,
}

/// The shortest time between two readings.
pub const READ_APART: Duration = Duration::from_secs(60);

/// How long the answer of an invocation that has ended waits for a reading that is under way.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// What is left of an invocation's time for its answer.
const MARGIN: Duration = Duration::from_millis(500);

impl<F> Live<F> {
    /// A function whose routes do not change.
    pub fn fixed(function: F) -> Self {
        Self {
            now: Mutex::new(Arc::new(function)),
            changing: None,
        }
    }

    /// A function whose routes were read a moment ago from `store`, and which `make` makes of
    /// others.
    pub fn changing(
        function: F,
        seen: StoredRoutes,
        store: impl RoutesStore + 'static,
        make: impl Fn(&StoredRoutes) -> Result<F, ConfigErrors> + Send + Sync + 'static,
        ambient: impl Ambient + 'static,
    ) -> Self {
        let due = ambient.now().after(READ_APART);
        Self {
            now: Mutex::new(Arc::new(function)),
            changing: Some(Changing {
                store: Box::new(store),
                make: Box::new(make),
                ambient: Box::new(ambient),
                state: Mutex::new(State { seen, due }),
            }),
        }
    }

    /// The function for an invocation that begins now.
    pub fn current(&self) -> Arc<F> {
        Arc::clone(&lock(&self.now))
    }

    /// Runs the work of an invocation, and reads the routes again beside it whenever that is due.
    pub async fn beside<T>(&self, deadline: Timestamp, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let Some(changing) = &self.changing else {
            return work.await;
        };
        loop {
            if let Some(wait) = changing.begin() {
                match select(work.as_mut(), pin!(sleep(wait))).await {
                    Either::Left((done, _)) => return done,
                    Either::Right(_) => continue,
                }
            }
            let mut reading = pin!(self.read(changing));
            match select(work.as_mut(), reading.as_mut()).await {
                Either::Left((done, _)) => {
                    let left = deadline.before(MARGIN).since(changing.ambient.now());
                    if timeout(left.min(PATIENCE), reading).await.is_err() {
                        telemetry::tell(Happened::RoutesUnread(
                            "their store did not answer in time",
                        ));
                    }
                    return done;
                }
                Either::Right(_) => {}
            }
        }
    }

    /// Reads the routes once, and takes them where they are new and nothing is wrong with them.
    async fn read(&self, changing: &Changing<F>) {
        let stored = match changing.store.read().await {
            Ok(stored) => stored,
            Err(what) => return telemetry::tell(Happened::RoutesUnread(&what)),
        };
        let before = std::mem::replace(&mut lock(&changing.state).seen, stored.clone());
        // The text too: a parameter that is deleted and made again counts from 1 again.
        if before == stored {
            return;
        }
        match (changing.make)(&stored) {
            Ok(function) => {
                *lock(&self.now) = Arc::new(function);
                telemetry::routes_taken(&stored.version);
            }
            Err(faults) => telemetry::tell(Happened::RoutesRefused {
                version: &stored.version,
                what: &faults.to_string(),
            }),
        }
    }
}

impl<F> Changing<F> {
    /// Begins a reading, where one is due; otherwise how long to wait. Of several invocations at
    /// once one reads.
    fn begin(&self) -> Option<Duration> {
        let now = self.ambient.now();
        let mut state = lock(&self.state);
        let wait = state.due.since(now);
        // A clock that is set back makes no wait longer than the usual.
        if !wait.is_zero() && wait <= READ_APART {
            return Some(wait);
        }
        state.due = now.after(READ_APART);
        None
    }
}

/// What a mutex holds, whatever became of those who held it before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
