//! Python programs in private virtual environments: installed once, whole or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LocalError;
use crate::lock::Lock;
use crate::process::{Group, find_program};
use crate::say::say;
use crate::workspace::Workspace;

/// A virtual environment, and what is in it.
#[derive(Debug, Clone, Copy)]
pub struct Venv {
    /// The folder under the target folder.
    folder: &'static str,
    /// What it is called, and how much it is.
    what: &'static str,
    /// What pip is asked for, in one call: asked one after the other, the second may change what the
    /// first brought.
    pins: &'static [&'static str],
}

/// Written last, with the pins in it: an environment without it was broken off and is made anew.
const MARKER: &str = "installed";

impl Venv {
    /// The stand-in for AWS.
    pub(crate) const MINISTACK: Self = Self {
        folder: "ministack-1.5.33",
        what: "MiniStack (once, about 110 MB)",
        pins: &["ministack==1.5.33", "aws-sam-translator==1.115.0"],
    };

    /// What others write to the queues and tables that our functions read.
    pub const PEERS: Self = Self {
        folder: "peers",
        what: "Amazon's SQS Extended Client and Powertools (once, about 40 MB)",
        pins: &[
            "amazon-sqs-extended-client==1.0.1",
            "aws-lambda-powertools==3.37.0",
            "boto3==1.43.106",
            "botocore==1.43.106",
            "jmespath==1.1.0",
        ],
    };

    /// The Python of the environment, which is installed if it is not there.
    ///
    /// Blocks; needs `python3` (3.10 or newer, with the `venv` module) and, the first time, a package
    /// index that pip can reach.
    pub fn python(&self, workspace: &Workspace) -> Result<PathBuf, LocalError> {
        let home = workspace.home()?;
        let folder = home.join(self.folder);
        let _lock = Lock::take(&home.join("install.lock"), "installing Python packages")?;
        let python = folder.join("bin").join("python3");
        let pins = self.pins.join("\n");
        let found = fs::read_to_string(folder.join(MARKER));
        if found.is_ok_and(|found| found == pins) && python.exists() {
            return Ok(python);
        }
        say(format!(
            "installing {} into {}",
            self.what,
            folder.display()
        ));
        install(self.pins, &home, &folder, &python)?;
        fs::write(folder.join(MARKER), &pins).map_err(|error| {
            LocalError::because(format!("cannot write into {}", folder.display()), error)
        })?;
        Ok(python)
    }
}

/// Makes the environment from nothing.
fn install(pins: &[&str], home: &Path, folder: &Path, python: &Path) -> Result<(), LocalError> {
    let system = system_python()?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| {
            LocalError::because(format!("cannot remove {}", folder.display()), error)
        })?;
    }
    let log = home.join("install.log");
    let mut venv = Group::command(&system);
    venv.args(["-m", "venv"]).arg(folder);
    if !run(venv, &log)? {
        return Err(LocalError::missing(
            format!("`python3 -m venv` failed: {}", tail(&log)),
            format!(
                "install Python's venv module (`python3-venv` on Debian and Ubuntu); see {}",
                log.display()
            ),
        ));
    }
    let mut pip = Group::command(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        .arg("--disable-pip-version-check")
        .args(pins);
    if !run(pip, &log)? {
        return Err(LocalError::missing(
            format!(
                "pip could not install {}: {}",
                pins.join(" and "),
                tail(&log)
            ),
            format!(
                "pip must reach a Python package index (PIP_INDEX_URL names another); see {}",
                log.display()
            ),
        ));
    }
    Ok(())
}

/// A `python3` that is new enough.
fn system_python() -> Result<PathBuf, LocalError> {
    let remedy =
        "install Python 3.10 or newer: the local AWS stand-in, MiniStack, is written in it";
    let python =
        find_program("python3").ok_or_else(|| LocalError::missing("no python3 on PATH", remedy))?;
    let check = "import sys; sys.exit(sys.version_info < (3, 10))";
    let fits = Command::new(&python)
        .args(["-c", check])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    if fits {
        Ok(python)
    } else {
        let what = format!("{} is older than 3.10 or does not run", python.display());
        Err(LocalError::missing(what, remedy))
    }
}

/// Runs a command to its end with its output in the log; whether it succeeded.
fn run(mut command: Command, log: &Path) -> Result<bool, LocalError> {
    let failed = |error| LocalError::because(format!("cannot write {}", log.display()), error);
    let file = File::create(log).map_err(failed)?;
    let twin = file.try_clone().map_err(failed)?;
    command.stdout(file).stderr(twin);
    Ok(Group::spawn(command)?.wait()?.success())
}

/// The last lines of a log, on one line.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or(&[]);
    last.join(" | ")
}
