//! Stands in for the poller's loop until that is here: the shape of its API, and a refusal.

use std::time::Duration;

use waybill_core::time::Timestamp;

use crate::engine::{Engine, Source};

/// The function, kept between invocations.
pub struct Poller<H, L, A, Q> {
    _parts: (Engine<H, L, A>, A, PollerConfig),
    _open: Box<Open<Q>>,
}

/// Makes a source of a queue's URL.
type Open<Q> = dyn Fn(&str) -> Source<Q> + Send + Sync;

/// What a poller is told once.
#[derive(Debug, Clone)]
pub struct PollerConfig {
    /// URL of the queue.
    pub queue_url: String,
    /// For how long a received message is hidden at a time.
    pub visibility: Duration,
    /// The longest that a try may take.
    pub reserve: Duration,
}

/// What an invocation did.
#[derive(Debug)]
pub struct Report {}

impl serde::Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// Why an invocation did nothing.
#[derive(Debug, thiserror::Error)]
#[error("there is no poller here yet")]
pub struct PollRefused;

impl<H, L, A, Q> Poller<H, L, A, Q> {
    /// A poller over its engine.
    pub fn new(
        engine: Engine<H, L, A>,
        ambient: A,
        config: PollerConfig,
        open: impl Fn(&str) -> Source<Q> + Send + Sync + 'static,
    ) -> Self {
        Self {
            _parts: (engine, ambient, config),
            _open: Box::new(open),
        }
    }

    /// Refuses.
    ///
    /// # Errors
    ///
    /// Always.
    pub async fn handle(&self, _: &str, _: Timestamp) -> Result<Report, PollRefused> {
        std::future::ready(Err(PollRefused)).await
    }
}
