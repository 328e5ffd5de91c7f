//! A secret that is kept elsewhere, by its name.

use super::super::fields::{Faults, Fields, join};
use super::super::hidden::Secret;
use super::super::tree::Node;

/// Where a secret is kept, and which part of it is meant. None of this is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretReference {
    /// Which service keeps it, under which name.
    pub place: SecretPlace,
    /// The key of its JSON object whose text is meant; `None` for the whole of it.
    pub key: Option<String>,
}

/// One secret of one service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretPlace {
    /// A secret of AWS Secrets Manager.
    SecretsManager {
        /// Its name or ARN.
        name: String,
        /// The staging label of the version, `AWSCURRENT` where none is said.
        stage: Option<String>,
    },
    /// A parameter of Systems Manager's Parameter Store.
    Ssm {
        /// Its name or ARN; `:` and a version or a label may follow.
        name: String,
    },
}

/// Longest name, in bytes: an ARN of either service's fits.
const NAME_MAX: usize = 2048;

/// Longest staging label, in characters.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
const STAGE_MAX: usize = 256;

/// Longest key of a secret's JSON object, in bytes.
const KEY_MAX: usize = 256;

impl SecretPlace {
    /// Its name or ARN, which may be shown.
    pub fn name(&self) -> &str {
        match self {
            Self::SecretsManager { name, .. } | Self::Ssm { name } => name,
        }
    }
}

impl SecretReference {
    /// Reads the keys of a reference from a mapping that may have others.
    pub(super) fn read(fields: &Fields<'_>, faults: &mut Faults) -> Option<Self> {
        let of_manager = fields.get("secretsmanager");
        let of_ssm = fields.get("ssm");
        let stage = fields.get("stage");
        let place = match (of_manager, of_ssm) {
            (Some(node), None) => {
                let name = text(node, fields, "secretsmanager", NAME_MAX, faults);
                let stage = match stage {
                    Some(node) => Some(text(node, fields, "stage", STAGE_MAX, faults)?),
                    None => None,
                };
                SecretPlace::SecretsManager { name: name?, stage }
            }
            (None, Some(node)) => {
                if let Some(stage) = stage {
                    let message = "is of `secretsmanager` only; end a parameter's name in `:` and \
                                   a version or a label";
                    faults.add(&join(fields.path, "stage"), stage.at, message);
                }
                let name = text(node, fields, "ssm", NAME_MAX, faults)?;
                SecretPlace::Ssm { name }
            }
            (None, None) | (Some(_), Some(_)) => {
                let message = "must have one of `secretsmanager` and `ssm`: say where the secret \
                               is kept";
                faults.add(fields.path, fields.at, message);
                return None;
            }
        };
        let key = match fields.get("key") {
            Some(node) => Some(text(node, fields, "key", KEY_MAX, faults)?),
            None => None,
        };
        Some(Self { place, key })
    }

    /// What is meant of the text that is kept; the error says what is wrong without showing it.
    ///
    /// # Errors
    ///
    /// Where a key is said, and the text is no JSON object with a text under it.
    pub fn pick(&self, kept: &Secret) -> Result<Secret, &'static str> {
        let Some(key) = &self.key else {
            return Ok(kept.clone());
        };
        let Ok(object) = serde_json::from_str::<serde_json::Value>(kept.expose()) else {
            return Err("is no JSON, and the routes file names a `key` of it");
        };
        match object.get(key) {
            Some(serde_json::Value::String(text)) => Ok(Secret::new(text)),
            Some(_) | None => Err("has no text under the `key` that the routes file names"),
        }
    }
}

/// Reads a text of printable ASCII.
fn text(
    node: &Node,
    fields: &Fields<'_>,
    name: &str,
    max: usize,
    faults: &mut Faults,
) -> Option<String> {
    let path = join(fields.path, name);
    let text = faults.text(node, &path)?;
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable || !(1..=max).contains(&text.len()) {
        let message = format!("must be 1 to {max} characters of printable ASCII without spaces");
        return faults.refuse(&path, node, message);
    }
    Some(text.to_owned())
}
