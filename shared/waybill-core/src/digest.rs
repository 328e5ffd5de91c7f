//! What an event's data is told apart by, without keeping it.
//!
//! JSON is digested as canonical text, so that a producer who sends the same event again may
//! reorder members, indent, or escape characters otherwise. In doubt two texts differ: numbers
//! count as they are written (`1` is not `1.0`, and no long number loses a digit), and every one
//! of several equal member names counts. A difference that is none costs a dead letter; an
//! equality that is none would silently drop an event (F47).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::event::Data;

mod canonical;

pub(crate) use canonical::{canonical, repaired};

/// A digest with the name of its algorithm: `json-sha256:…` or `raw-sha256:…`, then base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(pub String);

impl Digest {
    /// The digest of data: of its canonical form where it is JSON, of its bytes otherwise.
    pub fn of(data: &Data) -> Self {
        let canonical = match data {
            Data::Json(text) => canonical::hash(text),
            Data::Text(_) | Data::Bytes(_) | Data::Absent => None,
        };
        // In base64url: 43 characters, since rows are billed by size.
        Self(match canonical {
            Some(hash) => format!("json-sha256:{}", URL_SAFE_NO_PAD.encode(hash)),
            None => {
                let hash = Sha256::digest(data.as_bytes());
                format!("raw-sha256:{}", URL_SAFE_NO_PAD.encode(hash))
            }
        })
    }
}

#[cfg(test)]
mod tests;
