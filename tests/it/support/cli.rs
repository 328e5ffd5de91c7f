//! The command `waybill`, run as a person runs it, with nothing in its environment but what the
//! test says.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::stage::{Stage, built};

/// How long the command may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// One run that is to be.
#[derive(Debug)]
pub(crate) struct Cli {
    command: Command,
    input: Option<Vec<u8>>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What scripts read.
    pub(crate) stdout: String,
    /// What people read.
    pub(crate) stderr: String,
}

impl Cli {
    /// The command with these arguments, and nowhere to go.
    pub(crate) fn new<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let binary = built().command().expect("the command is built");
        let mut command = Command::new(binary);
        command
            .args(arguments.into_iter().map(Into::into))
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/nowhere/config")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let input = None;
        Self { command, input }
    }

    /// With credentials and a region, where AWS is played by this.
    pub(crate) fn at(self, endpoint: &str) -> Self {
        self.with("AWS_ACCESS_KEY_ID", "local")
            .with("AWS_SECRET_ACCESS_KEY", "local")
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ENDPOINT_URL", endpoint)
    }

    /// With what it takes to reach a stage's bundle, whose routes file names no key.
    pub(crate) fn of(self, stage: &Stage) -> Self {
        let bundle = &stage.bundle;
        let output = |name| bundle.output(name).expect("the template has the output");
        self.at(stage.aws.endpoint())
            .with("WAYBILL_CONSUMER", bundle.stack())
            .with("WAYBILL_LEDGER_TABLE", output("LedgerTableName"))
            .with("WAYBILL_QUEUE_URL", output("SourceQueueUrl"))
            .with("WAYBILL_DLQ_URL", output("DeadLetterQueueUrl"))
            .with("WAYBILL_ROUTES", "none")
            .with("USER", "ada")
    }

    /// With a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In this folder.
    pub(crate) fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With this on its standard input, which ends behind it.
    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(input.into());
        self
    }

    /// Runs it to its end, which must come.
    pub(crate) async fn run(mut self) -> Ran {
        let mut child = self.command.spawn().expect("a process can be started");
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input) {
            // Whoever has read enough closes the pipe.
            tokio::spawn(async move { stdin.write_all(&input).await });
        }
        ended(child).await
    }

    /// Starts it, with a standard input that stays open.
    pub(crate) fn start(mut self) -> Child {
        self.command.stdin(Stdio::piped());
        self.command.spawn().expect("a process can be started")
    }
}

/// Waits for the end of a run, which must come.
pub(crate) async fn ended(child: Child) -> Ran {
    let ended = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = ended.expect("the command ends in time");
    let output = output.expect("the command can be waited for");
    let text = |bytes| String::from_utf8(bytes).expect("the command writes text");
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Ran {
    /// Fails where it did not end so.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails where one of these is not said on stderr.
    pub(crate) fn says(self, what: &[&str]) -> Self {
        for what in what {
            assert!(self.stderr.contains(what), "no `{what}` in {self:#?}");
        }
        self
    }

    /// What is on stdout, which is one JSON value and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
