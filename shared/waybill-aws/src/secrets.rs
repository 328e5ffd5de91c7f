//! The secrets that routes refer to: read before the first try that needs them, kept for a while,
//! and read anew when a target refuses them.
//!
//! When to read is decided in [`waybill_core::secret`]. A secret that cannot be read kills no
//! message and is never left out of a request: the try is put off.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as Turn;

use waybill_core::routes::{Secret, SecretPlace, SecretReference};
use waybill_core::secret::{Known, Refusal, Step};
use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;

use crate::kept::{Keeping, Kind, NotFound};

/// The secrets of a process. Clones share them.
#[derive(Clone)]
pub struct Secrets {
    /// Who is asked for them.
    keeping: Keeping,
    /// The clock.
    ambient: Arc<dyn Ambient>,
    /// What is known of each, as many as the routes files of this process name.
    entries: Arc<Mutex<BTreeMap<SecretPlace, Arc<Turn<Entry>>>>>,
}

/// What is known of one secret. Whoever reads it holds it, so that it is read once for all.
#[derive(Default)]
struct Entry {
    known: Known,
    /// The value that `known.read` speaks of.
    text: Option<Secret>,
    /// Why there is none.
    why: String,
}

/// A secret that a try needs and that is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// It cannot be read; why, and what to do.
    Unread(String),
    /// It was read, and cannot serve; why, without the value.
    Unfit(String),
}

impl Secrets {
    /// Secrets that are read by `keeping`.
    pub(crate) fn new(keeping: Keeping, ambient: Arc<dyn Ambient>) -> Self {
        Self {
            keeping,
            ambient,
            entries: Arc::default(),
        }
    }

    /// The time by the clock that the secrets go by.
    pub(crate) fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    /// The secret of a reference, for a try.
    pub(crate) async fn get(&self, reference: &SecretReference) -> Result<Secret, Unavailable> {
        let entry = self.entry(&reference.place);
        let mut entry = entry.lock().await;
        match entry.known.before_try(self.ambient.now()) {
            Step::Use | Step::Wait => {}
            Step::Read => self.read(&reference.place, &mut entry).await,
        }
        let Some(text) = &entry.text else {
            return Err(Unavailable::Unread(entry.why.clone()));
        };
        reference.pick(text).map_err(|why| unfit(reference, why))
    }

    /// Whether it stands that a target refused a secret, in a try that began at `began`: whether
    /// the secret was read since, and is the same. Otherwise it may have been replaced, and the
    /// next try has the new one.
    pub(crate) async fn is_still(
        &self,
        reference: &SecretReference,
        sent: &Secret,
        began: Timestamp,
    ) -> bool {
        let entry = self.entry(&reference.place);
        let mut entry = entry.lock().await;
        let is_same = |entry: &Entry| {
            let text = entry.text.as_ref();
            text.is_some_and(|text| reference.pick(text).as_ref() == Ok(sent))
        };
        if !is_same(&entry) {
            return false;
        }
        match entry.known.after_refusal(began, self.ambient.now()) {
            Refusal::Stands => return true,
            Refusal::Open => {
                entry.known.is_doubted = true;
                return false;
            }
            Refusal::Read => {
                entry.known.is_doubted = true;
                self.read(&reference.place, &mut entry).await;
            }
        }
        entry.known.read.is_some_and(|read| read >= began) && is_same(&entry)
    }

    /// What is known of a place.
    fn entry(&self, place: &SecretPlace) -> Arc<Turn<Entry>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(entries.entry(place.clone()).or_default())
    }

    /// Reads a secret. One that was read before serves on while the service fails; it does not
    /// when it is gone or forbidden.
    async fn read(&self, place: &SecretPlace, entry: &mut Entry) {
        let began = self.ambient.now();
        // Before the wait: a reading that is cut off counts too.
        entry.known.asked = Some(began);
        if entry.text.is_none() {
            "it could not be read in time".clone_into(&mut entry.why);
        }
        match self.keeping.read(place).await {
            Ok(found) => {
                entry.known.read = Some(began);
                entry.known.is_doubted = false;
                entry.text = Some(found.text);
            }
            Err(NotFound { kind, message }) => {
                entry.why = message;
                if kind == Kind::Standing {
                    entry.known.read = None;
                    entry.text = None;
                }
            }
        }
    }
}

/// A secret that cannot serve.
pub(crate) fn unfit(reference: &SecretReference, why: &str) -> Unavailable {
    Unavailable::Unfit(format!("secret `{}` {why}", reference.place.name()))
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
