//! The secrets by which a request is signed.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::fields::{Faults, Fields, join};
use super::super::tree::{Node, Value};
use super::reference::SecretReference;

/// A secret by which requests are signed, as the bytes it stands for; no log, error or debug
/// output shows it (F66).
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// Most secrets of one route: the new one, the old one, and room for one more rotation.
const SECRETS_MAX: usize = 3;

impl SigningKey {
    /// Takes a secret of Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes. `None` when it
    /// is no such text.
    pub fn new(text: &str) -> Option<Self> {
        let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&key.len()).then_some(Self(key))
    }

    /// The secret's bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// A secret of a route's `signature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningSecret {
    /// Known since the file was read.
    Said(SigningKey),
    /// Kept elsewhere, and read before it is used.
    Kept(SecretReference),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Reads `signature`: the secrets, in the order of the file; none only after a fault was told.
pub(super) fn read(node: &Node, path: &str, faults: &mut Faults) -> Vec<SigningSecret> {
    let Some(fields) = Fields::open(node, path, &["secret"], faults) else {
        return Vec::new();
    };
    let Some(node) = fields.get("secret") else {
        let why = "give `\"${NAME}\"` or a reference, or a list of them while one is replaced";
        return fields.missing("secret", why, faults).unwrap_or_default();
    };
    let path = join(path, "secret");
    let Value::List(entries) = &node.value else {
        return secret(node, &path, faults).into_iter().collect();
    };
    if !(1..=SECRETS_MAX).contains(&entries.len()) {
        let message = format!("must have 1 to {SECRETS_MAX} secrets");
        return faults.refuse(&path, node, message).unwrap_or_default();
    }
    let mut keys = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(key) = secret(entry, &path, faults) else {
            continue;
        };
        if keys.contains(&key) {
            faults.add(&path, entry.at, "secret is given twice");
        }
        keys.push(key);
    }
    keys
}

/// Reads one secret.
fn secret(node: &Node, path: &str, faults: &mut Faults) -> Option<SigningSecret> {
    if matches!(node.value, Value::Map(_)) {
        let known = ["secretsmanager", "ssm", "key", "stage"];
        let fields = Fields::open(node, path, &known, faults)?;
        return SecretReference::read(&fields, faults).map(SigningSecret::Kept);
    }
    let text = faults.text(node, path)?;
    let key = SigningKey::new(text);
    if key.is_none() {
        let message = "must be `whsec_` and base64 of 24 to 64 bytes";
        faults.add(path, node.at, message);
    }
    key.map(SigningSecret::Said)
}
