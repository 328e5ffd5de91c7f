//! The functions' binaries, built by a cargo inside cargo.
//!
//! The nested cargo is started without the variables that the outer cargo set for us, because they
//! would make it build everything anew.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;

use serde::Deserialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::LocalError;
use crate::lock::Lock;
use crate::process::Group;
use crate::say::say;
use crate::workspace::{Workspace, cargo};

/// The packages that are functions; each has a binary of its own name.
const FUNCTIONS: [&str; 3] = ["consumer", "poller", "redrive"];

/// The command for people, built for the tests alone; it is no function.
const COMMAND: &str = "waybill";

/// How the functions are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Profile {
    /// As they are deployed.
    #[default]
    Release,
    /// As the tests are built, from the libraries that were built for them: no library is built
    /// twice, and none of them waits for an optimiser. The command `waybill` is built with them.
    Dev,
}

/// The functions' binaries by package name.
#[derive(Debug, Clone)]
pub struct BuiltFunctions {
    /// Where each binary is.
    binaries: BTreeMap<String, PathBuf>,
    /// Where the command is, where it was built too.
    command: Option<PathBuf>,
}

/// What this process has built already.
static BUILT: Mutex<BTreeMap<Profile, BuiltFunctions>> = Mutex::new(BTreeMap::new());

/// Builds every function, once in a process; cargo does nothing where nothing changed.
///
/// Blocks, minutes the first time; cargo's progress goes to stderr. Processes that build at once
/// wait for each other.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<BuiltFunctions, LocalError> {
    let mut built = BUILT
        .lock()
        .map_err(|_| LocalError::failed("the functions' build failed before in this process"))?;
    if let Some(functions) = built.get(&profile) {
        return Ok(functions.clone());
    }
    let functions = run_cargo(workspace, profile)?;
    built.insert(profile, functions.clone());
    Ok(functions)
}

impl BuiltFunctions {
    /// Binaries that were built otherwise, by function name.
    pub fn from_binaries(binaries: BTreeMap<String, PathBuf>) -> Self {
        Self {
            binaries,
            command: None,
        }
    }

    /// Where the binary of a function is; `None` when no function has that name.
    pub fn binary(&self, function: &str) -> Option<&Path> {
        self.binaries.get(function).map(PathBuf::as_path)
    }

    /// Where the command `waybill` is, which only [`Profile::Dev`] builds.
    pub fn command(&self) -> Option<&Path> {
        self.command.as_deref()
    }

    /// The archive that Lambda takes: the binary, executable, named `bootstrap`.
    pub(crate) fn archive(&self, function: &str) -> Result<Vec<u8>, LocalError> {
        let binary = self.binary(function).ok_or_else(|| {
            LocalError::failed(format!(
                "the template names a function `{function}` that is not built"
            ))
        })?;
        zip_files(&[("bootstrap".to_owned(), binary.to_owned())])
    }
}

/// Zips files under the names given, all executable, in that order.
pub fn zip_files(files: &[(String, PathBuf)]) -> Result<Vec<u8>, LocalError> {
    // It goes no further than this machine: packing it would take longer than the copy.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o755);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, path) in files {
        let bytes = fs::read(path).map_err(|error| {
            LocalError::because(format!("cannot read {}", path.display()), error)
        })?;
        archive
            .start_file(name, options)
            .and_then(|()| archive.write_all(&bytes).map_err(Into::into))
            .map_err(|error| LocalError::because(format!("cannot zip {name}"), error))?;
    }
    let cursor = archive
        .finish()
        .map_err(|error| LocalError::because("cannot finish a zip archive", error))?;
    Ok(cursor.into_inner())
}

/// Builds the command `waybill` as it is installed, and says where it is. Blocks, as [`build`].
pub fn command(workspace: &Workspace) -> Result<PathBuf, LocalError> {
    say("building the command as it is installed");
    let mut binaries = cargo_build(workspace, &["--release", "--bin", COMMAND])?;
    let missing = || LocalError::failed(format!("cargo built no binary named `{COMMAND}`"));
    binaries.remove(COMMAND).ok_or_else(missing)
}

/// Builds every function.
fn run_cargo(workspace: &Workspace, profile: Profile) -> Result<BuiltFunctions, LocalError> {
    say(match profile {
        Profile::Release => "building the functions as they are deployed",
        Profile::Dev => "building the functions in the dev profile",
    });
    let mut arguments = Vec::new();
    match profile {
        Profile::Release => {
            arguments.push("--release");
            arguments.extend(FUNCTIONS.iter().flat_map(|function| ["-p", function]));
        }
        // Of the whole workspace, for its union of features is what the tests are built with.
        Profile::Dev => {
            arguments.push("--workspace");
            arguments.extend(FUNCTIONS.iter().flat_map(|function| ["--bin", function]));
            arguments.extend(["--bin", COMMAND]);
        }
    }
    let mut binaries = cargo_build(workspace, &arguments)?;
    for function in FUNCTIONS {
        if !binaries.contains_key(function) {
            return Err(LocalError::failed(format!(
                "cargo built no binary named `{function}`"
            )));
        }
    }
    let command = binaries.remove(COMMAND);
    Ok(BuiltFunctions { binaries, command })
}

/// Runs the nested cargo and reads from its messages where the binaries are, by name.
fn cargo_build(
    workspace: &Workspace,
    arguments: &[&str],
) -> Result<BTreeMap<String, PathBuf>, LocalError> {
    let _lock = Lock::take(
        &workspace.home()?.join("functions.lock"),
        "building the functions",
    )?;
    let mut command = Group::command(cargo());
    command
        .args(["build", "--message-format=json-render-diagnostics"])
        .arg("--target-dir")
        .arg(workspace.target())
        .args(arguments)
        .current_dir(workspace.root())
        .stdout(Stdio::piped());
    for name in std::env::vars_os().map(|(name, _)| name) {
        if is_set_by_cargo(&name) {
            command.env_remove(name);
        }
    }
    let mut group = Group::spawn(command)?;
    let stdout = group
        .take_stdout()
        .ok_or_else(|| LocalError::failed("cargo's messages cannot be read"))?;
    let binaries = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| read_executable(&line))
        .collect::<BTreeMap<_, _>>();
    if !group.wait()?.success() {
        return Err(LocalError::failed(
            "it does not build; cargo says why above",
        ));
    }
    Ok(binaries)
}

/// Whether cargo set this variable for the program it runs, as against one that a person set to
/// steer cargo (`CARGO_HOME`, `CARGO_NET_OFFLINE`, …), which the nested cargo must see too.
fn is_set_by_cargo(name: &OsString) -> bool {
    const NAMES: [&str; 10] = [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_MANIFEST_LINKS",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "CARGO_MAKEFLAGS",
        "OUT_DIR",
    ];
    const PREFIXES: [&str; 4] = [
        "CARGO_PKG_",
        "CARGO_BIN_EXE_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
    ];
    name.to_str().is_some_and(|name| {
        NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}

/// The name and path of a binary, where the message of cargo's is about one.
fn read_executable(line: &str) -> Option<(String, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    (message.reason == "compiler-artifact").then_some(())?;
    Some((message.target?.name, message.executable?))
}

/// What we read of one message of cargo's.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

/// What we read of a target.
#[derive(Deserialize)]
struct Target {
    name: String,
}

#[cfg(test)]
mod tests;
