//! Why the list could not be played.

use std::path::{Path, PathBuf};

/// The run cannot go on. It says nothing about the tests: those are judged by
/// [`crate::run::Verdict`].
#[derive(Debug, thiserror::Error)]
pub enum MutationsError {
    /// A file or folder cannot be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// With which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The list does not say what it must.
    #[error("{0}")]
    List(String),
    /// Cargo cannot be started, or says what is not understood.
    #[error("{0}")]
    Cargo(String),
    /// The unchanged product fails a named test: its failure would show nothing.
    #[error("without any mutation: {0}")]
    Unmutated(String),
}

impl MutationsError {
    /// An error of the file system.
    pub fn file(verb: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File {
            verb,
            path: path.to_owned(),
            source,
        }
    }

    /// The whole story in one line.
    pub fn chain(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}
