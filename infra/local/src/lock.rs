//! One process at a time.

use std::fs::{self, File};
use std::path::Path;

use crate::error::LocalError;
use crate::say::say;

/// Holds a lock file until it is dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing it lets go.
    _file: File,
}

impl Lock {
    /// Waits for the lock; `doing` tells who waits for what another does.
    pub(crate) fn take(path: &Path, doing: &str) -> Result<Self, LocalError> {
        let failed = |error| LocalError::because(format!("cannot lock {}", path.display()), error);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        if file.try_lock().is_err() {
            say(format!("waiting for another process that is {doing}"));
            file.lock().map_err(failed)?;
        }
        Ok(Self { _file: file })
    }
}
