//! What the two services answer.

use serde::Deserialize;

use waybill_core::routes::{Secret, SecretPlace};

use super::{Found, Keeper, Kind, NotFound};

/// The parts of an answer that matter, of either service, and of a refusal.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Parameter")]
    parameter: Option<Parameter>,
    #[serde(rename = "SecretString")]
    secret: Option<String>,
    #[serde(rename = "SecretBinary")]
    binary: Option<serde::de::IgnoredAny>,
    #[serde(rename = "VersionId")]
    version: Option<String>,
    #[serde(rename = "__type")]
    refusal: Option<String>,
}

/// A parameter.
#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Value")]
    value: String,
    #[serde(rename = "Version")]
    version: Option<i64>,
}

/// Reads an answer. Nothing of a refusal is repeated but its code: its message may name what
/// stands in the secret's place.
pub(super) fn found(
    keeper: Keeper,
    place: &SecretPlace,
    status: u16,
    body: &[u8],
) -> Result<Found, NotFound> {
    let thing = format!("{} `{}`", keeper.thing(), place.name());
    let told = |kind, what: String| NotFound {
        kind,
        message: format!("{thing} {what}"),
    };
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        let what = format!("has no answer that is the service's, but one with status {status}");
        return Err(told(Kind::Passing, what));
    };
    if status != 200 {
        let code = answer.refusal.as_deref().unwrap_or("no code");
        let code = code.rsplit(['.', '#']).next().unwrap_or(code);
        let (kind, what) = refused(keeper, status, code);
        return Err(told(kind, what));
    }
    if let Some(Parameter { value, version }) = answer.parameter {
        return Ok(Found {
            text: Secret::new(value),
            version: version
                .map(|version| version.to_string())
                .unwrap_or_default(),
        });
    }
    match (answer.secret, answer.binary) {
        (Some(text), _) => Ok(Found {
            text: Secret::new(text),
            version: answer.version.unwrap_or_default(),
        }),
        (None, Some(_)) => Err(told(
            Kind::Standing,
            "is binary; keep it as text (SecretString)".to_owned(),
        )),
        (None, None) => Err(told(Kind::Passing, "has no value in its answer".to_owned())),
    }
}

/// What a refusal means.
fn refused(keeper: Keeper, status: u16, code: &str) -> (Kind, String) {
    let permission = keeper.permission();
    match code {
        "ParameterNotFound" | "ParameterVersionNotFound" | "ResourceNotFoundException" => (
            Kind::Standing,
            format!("does not exist in this region (`{code}`): create it, or mend the name"),
        ),
        "AccessDeniedException" | "DecryptionFailure" | "InvalidKeyId" => (
            Kind::Standing,
            format!(
                "may not be read (`{code}`): allow `{permission}` on it, and `kms:Decrypt` on its \
                 key where that is your own"
            ),
        ),
        // The function's own credentials or clock: nothing of what is kept.
        "ExpiredTokenException"
        | "InvalidSignatureException"
        | "RequestExpired"
        | "UnrecognizedClientException" => {
            (Kind::Passing, format!("could not be asked for (`{code}`)"))
        }
        "ThrottlingException" | "TooManyRequestsException" => {
            (Kind::Passing, format!("was asked for too often (`{code}`)"))
        }
        _ if status == 429 || status >= 500 => {
            (Kind::Passing, format!("could not be read (`{code}`)"))
        }
        _ => (Kind::Standing, format!("could not be read (`{code}`)")),
    }
}
