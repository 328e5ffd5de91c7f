//! What is deployed, and how: the template's parameters by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is deployed, and how.
#[derive(Debug, Clone)]
pub struct DeployOptions {
    pub(super) stack: String,
    pub(super) template: Option<PathBuf>,
    pub(super) parameters: BTreeMap<String, String>,
}

/// How messages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// SQS invokes the consumer.
    #[default]
    Trigger,
    /// The poller receives by itself.
    Poll,
    /// Both on one queue.
    Both,
}

/// The kind of the two queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueType {
    /// Without order.
    #[default]
    Standard,
    /// In order within a message group.
    Fifo,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Trigger, Self::Poll, Self::Both];

    /// As the template has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Poll => "poll",
            Self::Both => "both",
        }
    }
}

impl QueueType {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Fifo];

    /// As the template has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fifo => "fifo",
        }
    }
}

impl DeployOptions {
    /// The project's template as a stack of that name (letters, digits and `-`), for this
    /// machine's processor, with targets on the loopback allowed and a table that can be deleted.
    /// The poller's schedule is off: a poller runs when it is invoked. Alarms are left out, because
    /// the stand-in has neither composite ones nor metric math; dashboards, because nobody looks at
    /// them; the canary, because it would be counted.
    pub fn new(stack: impl Into<String>) -> Self {
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            stack: stack.into(),
            template: None,
            parameters: BTreeMap::new(),
        }
        .parameter("Architecture", architecture)
        .parameter("AllowPrivateTargets", "true")
        .parameter("LedgerDeletionProtection", "false")
        .parameter("PollerSchedule", "DISABLED")
        .parameter("Alarms", "false")
        .parameter("Dashboards", "false")
        .parameter("Canary", "false")
    }

    /// Sets a parameter of the template.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.parameters.insert(name.into(), value.to_string());
        self
    }

    /// Sets how messages come in.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        self.parameter("Mode", mode.word())
    }

    /// Sets the kind of the queues. FIFO ones bring what the template wants with them: dead
    /// messages are sent, and there is room for receives.
    #[must_use]
    pub fn queue_type(self, kind: QueueType) -> Self {
        let options = self.parameter("QueueType", kind.word());
        match kind {
            QueueType::Standard => options,
            QueueType::Fifo => options
                .parameter("DeadLetterMode", "send")
                .parameter("MaxReceiveCount", 100),
        }
    }

    /// Sets the routes file, by its text.
    #[must_use]
    pub fn routes(self, yaml: &str) -> Self {
        self.parameter("Routes", format!("inline:{yaml}"))
    }

    /// Another template than the project's; its paths count from its own folder.
    #[must_use]
    pub fn template(mut self, path: impl Into<PathBuf>) -> Self {
        self.template = Some(path.into());
        self
    }
}
