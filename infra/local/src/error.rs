//! Why a local run could not be.

use std::error::Error;

/// The local run cannot go on. It says nothing about the promises: those are judged by
/// [`crate::account`].
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// This machine lacks something; a person can mend it.
    #[error("{what}: {remedy}")]
    Missing {
        /// What is not there.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// Something did not work.
    #[error("{what}")]
    Failed {
        /// What was tried, and where to read more.
        what: String,
        /// What went wrong underneath, where that is an error of its own.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl LocalError {
    /// Something that this machine lacks, and the remedy.
    pub fn missing(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Missing {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Something that did not work, with nothing underneath.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::Failed {
            what: what.into(),
            source: None,
        }
    }

    /// Something that did not work because of something else.
    pub fn because(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// The whole chain on one line, for people.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
