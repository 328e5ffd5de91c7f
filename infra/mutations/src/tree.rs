//! A copy of the project, to be changed and built without touching the project.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::MutationsError;

/// Makes `to` the same as `from`, but for what is built or fetched. A file that is the same already
/// is not touched, so that cargo builds only what changed.
pub fn copy(from: &Path, to: &Path) -> Result<(), MutationsError> {
    fs::create_dir_all(to).map_err(|error| MutationsError::file("make", to, error))?;
    let ours = entries(from)?;
    for stale in entries(to)?.difference(&ours) {
        remove(&to.join(stale))?;
    }
    for name in &ours {
        let (source, target) = (from.join(name), to.join(name));
        if source.is_dir() {
            if target.is_file() {
                remove(&target)?;
            }
            copy(&source, &target)?;
        } else {
            if target.is_dir() {
                remove(&target)?;
            }
            let text = fs::read(&source).map_err(|e| MutationsError::file("read", &source, e))?;
            write(&target, &text)?;
        }
    }
    Ok(())
}

/// Writes a file that does not say this yet.
pub fn write(path: &Path, text: &[u8]) -> Result<(), MutationsError> {
    if fs::read(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| MutationsError::file("write", path, error))
}

/// The names in a folder that are part of a project.
fn entries(folder: &Path) -> Result<BTreeSet<PathBuf>, MutationsError> {
    let failed = |error| MutationsError::file("read", folder, error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !LEFT_OUT.iter().any(|left_out| name == OsStr::new(left_out)) {
            names.insert(PathBuf::from(name));
        }
    }
    Ok(names)
}

/// Takes away a file or a folder.
fn remove(path: &Path) -> Result<(), MutationsError> {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    removed.map_err(|error| MutationsError::file("remove", path, error))
}

/// What no copy needs.
const LEFT_OUT: [&str; 3] = [".git", "target", "node_modules"];

#[cfg(test)]
mod tests;
