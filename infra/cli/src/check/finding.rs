//! What a check has to say.

use super::rules::Rule;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// A promise is broken, or the deployment would fail.
    Error,
    /// A promise hangs on luck, or on what people do.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Every one, the worst first.
    pub(crate) const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    /// The word for it, the same as SARIF's level.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Where what a finding is about stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    /// The template.
    Template,
    /// The routes file.
    Routes,
    /// The workspace's manifest.
    Manifest,
    /// None: the stack as it is deployed.
    Stack,
}

/// One thing that a check has to say.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// The rule that it breaks.
    pub(crate) rule: &'static Rule,
    /// Which file.
    pub(crate) input: Input,
    /// The place in it, like `Resources.Consumer.Properties.Timeout`; empty for the whole.
    pub(crate) path: String,
    /// The line, counted from 1, where it is known.
    pub(crate) line: Option<u64>,
    /// What was found, with the numbers, and what is wanted.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Finding {
    /// How much it matters.
    pub(crate) fn severity(&self) -> Severity {
        self.rule.severity
    }
}
