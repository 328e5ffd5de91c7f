//! The list of mutations, and what must be true of it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::MutationsError;

/// Where the list stands, from the root of the project.
pub const LIST: &str = "tests/mutations/named.yaml";

/// One fault to put into the product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What it is known by: small letters, digits and hyphens.
    pub name: String,
    /// What would go wrong with it.
    pub why: String,
    /// The source that it changes, from the root of the project.
    pub file: String,
    /// A text that stands exactly once in that source.
    pub before: String,
    /// What stands there instead.
    pub after: String,
    /// The test that must fail.
    pub caught_by: NamedTest,
}

/// A test by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NamedTest {
    /// The crate in `shared/` that has it.
    pub package: String,
    /// Which of its test binaries.
    pub target: Target,
    /// Its path in that binary, as the test harness prints it.
    pub test: String,
}

/// A test binary of a crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Tests beside their module.
    Lib,
    /// `tests/it`.
    It,
}

impl Mutation {
    /// The source with the mutation in it. Fails when its text is not there exactly once: the
    /// source has changed, and the list must follow.
    pub fn applied(&self, source: &str) -> Result<String, MutationsError> {
        let found = source.matches(&self.before).count();
        if found != 1 {
            return Err(MutationsError::List(format!(
                "mutation `{}`: its text stands {found} times in {}, and must stand there once",
                self.name, self.file
            )));
        }
        Ok(source.replacen(&self.before, &self.after, 1))
    }
}

impl NamedTest {
    /// The file that the test's path leads to, from the root of the project.
    pub fn file(&self) -> PathBuf {
        let folder = match self.target {
            Target::Lib => "src",
            Target::It => "tests/it",
        };
        let modules = self.test.rsplit_once("::").map_or("", |(before, _)| before);
        let modules = modules.replace("::", "/");
        PathBuf::from(format!("shared/{}/{folder}/{modules}.rs", self.package))
    }

    /// The name of its function.
    pub fn function(&self) -> &str {
        self.test.rsplit("::").next().unwrap_or_default()
    }
}

impl fmt::Display for NamedTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.test)
    }
}

/// Reads the list of a project.
pub fn read(root: &Path) -> Result<Vec<Mutation>, MutationsError> {
    let path = root.join(LIST);
    let text =
        fs::read_to_string(&path).map_err(|error| MutationsError::file("read", &path, error))?;
    parse(&text)
}

/// Reads a list. Names are unique, and a mutation changes something.
pub fn parse(text: &str) -> Result<Vec<Mutation>, MutationsError> {
    let list: Vec<Mutation> = serde_saphyr::from_str(text)
        .map_err(|error| MutationsError::List(format!("{LIST} cannot be read: {error}")))?;
    let mut names = BTreeSet::new();
    for mutation in &list {
        let name = &mutation.name;
        let fault = if !names.insert(name) {
            "stands twice in the list"
        } else if mutation.before.is_empty() || mutation.before == mutation.after {
            "changes nothing"
        } else {
            continue;
        };
        return Err(MutationsError::List(format!("mutation `{name}` {fault}")));
    }
    Ok(list)
}

/// The mutations that were asked for by name; all of them when none was.
pub fn chosen(list: Vec<Mutation>, names: &[String]) -> Result<Vec<Mutation>, MutationsError> {
    let unknown = |name: &&String| !list.iter().any(|mutation| mutation.name == **name);
    if let Some(unknown) = names.iter().find(unknown) {
        return Err(MutationsError::List(format!(
            "no mutation is called `{unknown}`"
        )));
    }
    let wanted = |mutation: &Mutation| names.is_empty() || names.contains(&mutation.name);
    Ok(list.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests;
