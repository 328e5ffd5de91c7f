//! This machine's clock and chance.

use std::time::{SystemTime, UNIX_EPOCH};

use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;

/// The operating system's clock and random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Ambient for System {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// 64 bits of the operating system.
    ///
    /// # Panics
    ///
    /// When the operating system has no random numbers: without them two claims could share an
    /// owner, and a zombie could not be told from its successor (F39).
    fn random(&self) -> u64 {
        getrandom::u64().expect("the operating system gives random numbers")
    }
}
