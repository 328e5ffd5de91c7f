//! How many tries of one route are under way in this process. Whoever waits longest is next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use waybill_core::gate::Health;
use waybill_core::gate::concurrency::{Concurrency, Learned, Sample};
use waybill_core::outcome::DeferCause;
use waybill_core::time::Timestamp;

use super::{NotNow, Shared};

/// The places of one route.
pub(super) struct Places {
    free: Arc<Semaphore>,
    count: Arc<Mutex<Count>>,
}

/// How many places there are.
struct Count {
    /// Places, free or taken.
    there: u32,
    /// Of these, taken.
    taken: u32,
    /// What is learned, where anything is.
    learned: Option<Learned>,
}

/// A place, free again when this is dropped.
pub(super) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    count: Arc<Mutex<Count>>,
    free: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new(spec: Concurrency) -> Self {
        let there = spec.first();
        let learned = match spec {
            Concurrency::Fixed(_) => None,
            Concurrency::Adaptive { max } => Some(Learned::new(max)),
        };
        let count = Count {
            there,
            taken: 0,
            learned,
        };
        Self {
            free: Arc::new(Semaphore::new(usize::try_from(there).unwrap_or(1))),
            count: Arc::new(Mutex::new(count)),
        }
    }

    /// Waits for a place.
    pub(super) async fn take(&self, shared: &Shared, until: Timestamp) -> Result<Place, NotNow> {
        let left = until.since(shared.ambient.now());
        let free = Arc::clone(&self.free).acquire_owned();
        match timeout(left, free).await {
            Ok(Ok(permit)) => {
                locked(&self.count).taken += 1;
                Ok(Place {
                    permit: Some(permit),
                    count: Arc::clone(&self.count),
                    free: Arc::clone(&self.free),
                })
            }
            Ok(Err(_)) | Err(_) => Err(NotNow {
                at_least: Duration::ZERO,
                cause: DeferCause::Saturated,
            }),
        }
    }
}

impl Place {
    /// The try of this place ended so.
    pub(super) fn learn(&self, took: Duration, health: Health) {
        let mut count = locked(&self.count);
        let under_way = count.taken;
        if let Some(learned) = &mut count.learned {
            learned.learn(Sample {
                took,
                health,
                under_way,
            });
        }
    }
}

impl Drop for Place {
    /// Gives the place back, and makes of the places as many as were learned.
    fn drop(&mut self) {
        let mut count = locked(&self.count);
        count.taken = count.taken.saturating_sub(1);
        let wanted = count.learned.map_or(count.there, |it| it.limit());
        let permit = self.permit.take();
        if count.there > wanted {
            count.there -= 1;
            permit.into_iter().for_each(OwnedSemaphorePermit::forget);
        } else if count.there < wanted {
            let more = wanted - count.there;
            count.there = wanted;
            self.free.add_permits(usize::try_from(more).unwrap_or(0));
        }
    }
}

fn locked(count: &Mutex<Count>) -> MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}
