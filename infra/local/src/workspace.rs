//! Where the project is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::LocalError;

/// The project's folder and its target folder, which holds everything that a local run leaves.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Holds `template.yaml`.
    root: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo about the workspace that this crate was built in.
    pub fn find() -> Result<Self, LocalError> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .arg("--manifest-path")
            .arg(&manifest)
            .output()
            .map_err(|_| {
                LocalError::missing(
                    "cargo cannot be started",
                    "run this by `cargo demo` or `cargo test`, or put cargo on PATH",
                )
            })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(LocalError::failed(format!(
                "cargo metadata failed: {}",
                said.trim()
            )));
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .map_err(|error| LocalError::because("cargo metadata cannot be read", error))?;
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
        })
    }

    /// The folder that holds `template.yaml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The folder for everything of ours under the target folder, made if it is not there.
    pub(crate) fn home(&self) -> Result<PathBuf, LocalError> {
        let home = self.target.join("waybill-local");
        fs::create_dir_all(&home).map_err(|error| {
            LocalError::because(format!("cannot make {}", home.display()), error)
        })?;
        Ok(home)
    }
}

/// The cargo that runs us, or the one on `PATH`.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// What we read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}
