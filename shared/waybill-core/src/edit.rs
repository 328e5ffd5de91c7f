//! Another body for a dead letter: a JSON Patch (RFC 6902), or a body as a whole.

use json_patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::digest::canonical;

/// How a body is changed on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Operations on a body that is JSON; paths begin at the body's own root.
    Patch(Patch),
    /// This body instead.
    Body(String),
}

impl Edit {
    /// Reads a JSON Patch.
    ///
    /// # Errors
    ///
    /// Where it is none, or asks nothing; what is wrong.
    pub fn patch(text: &str) -> Result<Self, String> {
        let patch: Patch = serde_json::from_str(text).map_err(|error| {
            format!(
                "is no JSON Patch (RFC 6902), as `[{{\"op\": \"replace\", \"path\": \"/a\", \
                 \"value\": 1}}]`: {error}"
            )
        })?;
        match patch.is_empty() {
            true => Err("is a JSON Patch without an operation".to_owned()),
            false => Ok(Self::Patch(patch)),
        }
    }

    /// The body after it.
    ///
    /// # Errors
    ///
    /// Where a patch cannot be applied, or where writing the body anew would change more than it
    /// asks for: a number of many digits, or a member that is there twice.
    pub fn apply(&self, body: &str) -> Result<String, String> {
        let patch = match self {
            Self::Body(other) => return Ok(other.clone()),
            Self::Patch(patch) => patch,
        };
        let mut value: Value = serde_json::from_str(body)
            .map_err(|_| "the body is no JSON: give a body as a whole".to_owned())?;
        if canonical(body) != canonical(&value.to_string()) {
            return Err(
                "the body has a number or a member that would not survive a patch: give a body as \
                 a whole"
                    .to_owned(),
            );
        }
        json_patch::patch(&mut value, patch).map_err(|error| error.to_string())?;
        Ok(value.to_string())
    }

    /// What the audit keeps of it: the patch itself, of a body its digest. The row cuts it.
    pub fn note(&self) -> String {
        match self {
            Self::Patch(patch) => serde_json::to_string(patch).unwrap_or_default(),
            Self::Body(body) => {
                format!(
                    "body sha256:{}",
                    hex::encode(Sha256::digest(body.as_bytes()))
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
