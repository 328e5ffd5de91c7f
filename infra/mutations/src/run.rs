//! Playing the list: each mutation is made in the copy, built, shown to its test, and taken back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::MutationsError;
use crate::list::{Mutation, NamedTest, Target};
use crate::tree;

/// The project, the copy that is mutated, and where that is built.
#[derive(Debug, Clone)]
pub struct Place {
    /// The project's folder.
    pub root: PathBuf,
    /// The folder for everything of ours; it is kept from one run to the next.
    pub home: PathBuf,
}

/// What came of one mutation.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which.
    pub name: String,
    /// The test that had to fail.
    pub test: NamedTest,
    /// Whether it did.
    pub verdict: Verdict,
    /// How long the build and the test took.
    pub seconds: f64,
}

/// Whether a test saw a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The named test failed, as it must.
    Caught,
    /// The named test passed: nothing holds what the mutation broke.
    Survived,
    /// Nothing can be said, and why: it does not compile, or its test did not come to an end.
    Unclear(String),
}

/// How a test binary ended that ran one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, well.
    Passed,
    /// By itself, not well.
    Failed,
    /// It was stopped after its time.
    Stopped,
}

/// Plays mutations one by one; `tell` hears of each when it is done.
///
/// First the named tests must pass in the unchanged copy. The copy is as it was when this ends,
/// and is made so again at the start in any case.
pub fn play(
    place: &Place,
    mutations: &[Mutation],
    mut tell: impl FnMut(&Finding),
) -> Result<Vec<Finding>, MutationsError> {
    let copy = place.home.join("tree");
    tree::copy(&place.root, &copy)?;
    must_pass(place, mutations)?;
    let mut findings = Vec::new();
    for mutation in mutations {
        let path = copy.join(&mutation.file);
        let source = fs::read_to_string(&path)
            .map_err(|error| MutationsError::file("read", &path, error))?;
        let mutated = mutation.applied(&source)?;
        let began = Instant::now();
        tree::write(&path, mutated.as_bytes())?;
        let seen = show(place, &mutation.caught_by);
        tree::write(&path, source.as_bytes())?;
        let finding = Finding {
            name: mutation.name.clone(),
            test: mutation.caught_by.clone(),
            verdict: seen?,
            seconds: began.elapsed().as_secs_f64(),
        };
        tell(&finding);
        findings.push(finding);
    }
    Ok(findings)
}

/// What is said of a test of a mutated product, by its output and its end.
pub fn verdict(test: &NamedTest, output: &str, end: End) -> Verdict {
    let failed = format!("test {} ... FAILED", test.test);
    let should_panic = format!("test {} - should panic ... FAILED", test.test);
    let said = |line: &str| output.lines().any(|said| said == line);
    match end {
        End::Failed if said(&failed) || said(&should_panic) => Verdict::Caught,
        End::Failed => Verdict::Unclear("the test binary ended without its verdict".to_owned()),
        End::Passed if ran_one(output) => Verdict::Survived,
        End::Passed => Verdict::Unclear(format!("no test is called `{}`", test.test)),
        End::Stopped => Verdict::Unclear("the test did not end in its time".to_owned()),
    }
}

/// Whether exactly one test ran and passed.
fn ran_one(output: &str) -> bool {
    output
        .lines()
        .any(|line| line.starts_with("test result: ok. 1 passed;"))
}

/// Runs every named test in the copy as it is.
fn must_pass(place: &Place, mutations: &[Mutation]) -> Result<(), MutationsError> {
    let mut tests: Vec<_> = mutations.iter().map(|m| &m.caught_by).collect();
    tests.sort();
    tests.dedup();
    let mut binaries = BTreeMap::<_, PathBuf>::new();
    for test in tests {
        let of = (test.package.clone(), test.target);
        let built = match binaries.get(&of) {
            Some(binary) => Ok(binary.clone()),
            None => build(place, test)?,
        };
        let binary = built.map_err(MutationsError::Unmutated)?;
        match verdict_of(place, &binary, test)? {
            Verdict::Survived => {}
            Verdict::Caught => {
                let said = format!("{test} fails");
                return Err(MutationsError::Unmutated(said));
            }
            Verdict::Unclear(why) => {
                let said = format!("{test}: {why}");
                return Err(MutationsError::Unmutated(said));
            }
        }
        binaries.insert(of, binary);
    }
    Ok(())
}

/// Builds what is in the copy and runs one test.
fn show(place: &Place, test: &NamedTest) -> Result<Verdict, MutationsError> {
    match build(place, test)? {
        Ok(binary) => verdict_of(place, &binary, test),
        Err(why) => Ok(Verdict::Unclear(why)),
    }
}

/// Builds the binary of a test: its path, or why it does not compile.
fn build(place: &Place, test: &NamedTest) -> Result<Result<PathBuf, String>, MutationsError> {
    let target: &[_] = match test.target {
        Target::Lib => &["--lib"],
        Target::It => &["--test", "it"],
    };
    let output = Command::new(cargo())
        .args(["test", "--locked", "--quiet", "--no-run"])
        .args(["--profile", PROFILE])
        .args(["--message-format", "json-render-diagnostics"])
        .args(["--package", &test.package])
        .args(target)
        .current_dir(place.home.join("tree"))
        .env("CARGO_TARGET_DIR", place.home.join("target"))
        .output()
        .map_err(|error| MutationsError::Cargo(format!("cargo cannot be started: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|line| line.starts_with("error"));
        let first = first.unwrap_or("without a word").to_owned();
        return Ok(Err(format!("it does not build: {first}")));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let binary = executable(&said)
        .ok_or_else(|| MutationsError::Cargo("cargo names no test binary".to_owned()))?;
    Ok(Ok(binary))
}

/// The test binary among cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    let artifact = |line| serde_json::from_str::<Artifact>(line).ok();
    messages
        .lines()
        .rev()
        .find_map(|line| artifact(line)?.executable)
}

/// What we read of a message of cargo's.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

/// Runs one test of a binary.
fn verdict_of(place: &Place, binary: &Path, test: &NamedTest) -> Result<Verdict, MutationsError> {
    let log = place.home.join("last.log");
    let opened = File::create(&log).map_err(|e| MutationsError::file("write", &log, e))?;
    let errors = opened
        .try_clone()
        .map_err(|e| MutationsError::file("write", &log, e))?;
    let mut child = Command::new(binary)
        .args(["--exact", &test.test, "--test-threads", "1"])
        .current_dir(place.home.join("tree/shared").join(&test.package))
        .stdin(Stdio::null())
        .stdout(opened)
        .stderr(errors)
        .spawn()
        .map_err(|error| MutationsError::file("start", binary, error))?;
    let until = Instant::now() + TEST_TIME;
    let mut ended: Option<ExitStatus> = None;
    while ended.is_none() && Instant::now() < until {
        ended = child
            .try_wait()
            .map_err(|error| MutationsError::file("await", binary, error))?;
        if ended.is_none() {
            sleep(LOOK_EVERY);
        }
    }
    let end = match ended {
        Some(status) if status.success() => End::Passed,
        Some(_) => End::Failed,
        None => {
            // It may have ended meanwhile; then there is nothing to stop.
            let _ = child.kill();
            let _ = child.wait();
            End::Stopped
        }
    };
    let output = fs::read(&log).map_err(|error| MutationsError::file("read", &log, error))?;
    Ok(verdict(test, &String::from_utf8_lossy(&output), end))
}

/// The cargo that runs us, or the one on `PATH`.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// The quickest to build; the workspace's `Cargo.toml` has it for `cargo mutants` too.
const PROFILE: &str = "mutants";

/// How long one test may take: all of them wait in simulated time.
const TEST_TIME: Duration = Duration::from_secs(180);

/// How often it is looked whether a test has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;
