//! What a request shows its target to be let in: headers of the route, and its signature. Some of
//! it stands in the routes file, some is kept elsewhere and read before a try.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};

use waybill_core::outcome::Attempt;
use waybill_core::routes::{HeaderText, Secret, SecretReference, SigningKey, SigningSecret};
use waybill_core::time::Timestamp;

use super::HttpTargetError;
use crate::secrets::{Secrets, Unavailable, unfit};

/// What one route shows its target.
#[derive(Debug)]
pub(super) struct Credentials {
    /// Headers that are known.
    said: HeaderMap,
    /// Headers whose values are kept elsewhere: each with what stands before it.
    kept: Vec<(HeaderName, Secret, SecretReference)>,
    /// Secrets by which each request is signed.
    signature: Vec<SigningSecret>,
    /// Where those are had that are kept elsewhere.
    secrets: Secrets,
}

/// The same for one try, all of it known.
#[derive(Debug)]
pub(super) struct Shown {
    /// The route's headers.
    pub(super) headers: HeaderMap,
    /// The keys of its signature.
    pub(super) keys: Vec<SigningKey>,
    /// The secrets among them that were kept elsewhere.
    used: Vec<(SecretReference, Secret)>,
    /// When the try began.
    began: Timestamp,
}

impl Credentials {
    /// Takes a route's headers and secrets.
    ///
    /// # Errors
    ///
    /// When a header cannot be sent.
    pub(super) fn new(
        headers: &BTreeMap<String, HeaderText>,
        signature: &[SigningSecret],
        secrets: &Secrets,
    ) -> Result<Self, HttpTargetError> {
        let (mut said, mut kept) = (HeaderMap::new(), Vec::new());
        for (name, text) in headers {
            let refused = || HttpTargetError::Header(name.clone());
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
            match text {
                HeaderText::Said(value) => {
                    said.insert(name, header_value(value).ok_or_else(refused)?);
                }
                HeaderText::Kept { prefix, secret } => {
                    kept.push((name, prefix.clone(), secret.clone()));
                }
            }
        }
        Ok(Self {
            said,
            kept,
            signature: signature.to_vec(),
            secrets: secrets.clone(),
        })
    }

    /// What is shown in one try. Where any of it is not to be had there is no try: it is not sent
    /// without.
    pub(super) async fn show(&self) -> Result<Shown, Attempt> {
        let mut shown = Shown {
            headers: self.said.clone(),
            keys: Vec::new(),
            used: Vec::new(),
            began: self.secrets.now(),
        };
        for (name, prefix, reference) in &self.kept {
            let secret = self.secrets.get(reference).await.map_err(put_off)?;
            let value = HeaderText::joined(prefix, &secret);
            let value = value.map_err(|why| put_off(unfit(reference, why)))?;
            let value = header_value(&value)
                .ok_or_else(|| put_off(unfit(reference, "is no value of a header")))?;
            shown.headers.insert(name.clone(), value);
            shown.used.push((reference.clone(), secret));
        }
        for secret in &self.signature {
            let reference = match secret {
                SigningSecret::Said(key) => {
                    shown.keys.push(key.clone());
                    continue;
                }
                SigningSecret::Kept(reference) => reference,
            };
            let secret = self.secrets.get(reference).await.map_err(put_off)?;
            let Some(key) = SigningKey::new(secret.expose()) else {
                let why = "is no `whsec_` and base64 of 24 to 64 bytes, by which requests are \
                           signed";
                return Err(put_off(unfit(reference, why)));
            };
            shown.keys.push(key);
            shown.used.push((reference.clone(), secret));
        }
        Ok(shown)
    }

    /// What it means that a target would not let a request in, by 401 or 403: what it says, where
    /// every secret that is kept elsewhere was read since the try began and is the same. Where one
    /// may have been replaced meanwhile the try is made again, because the message is not to
    /// blame.
    pub(super) async fn refused(
        &self,
        shown: &Shown,
        answer: Attempt,
        deadline: Instant,
    ) -> Attempt {
        for (reference, secret) in &shown.used {
            let is_still = self.secrets.is_still(reference, secret, shown.began);
            if !matches!(timeout_at(deadline, is_still).await, Ok(true)) {
                return Attempt::transient(
                    "secret_refused",
                    format!(
                        "the target answered `{}`, and the secret `{}` may have been replaced; it \
                         is read again",
                        answer.code,
                        reference.place.name()
                    ),
                    None,
                );
            }
        }
        answer
    }
}

/// A value that no debug output shows.
fn header_value(value: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The end of a try for which a secret is not to be had.
fn put_off(why: Unavailable) -> Attempt {
    match why {
        Unavailable::Unread(why) => Attempt::transient("secret_unavailable", why, None),
        Unavailable::Unfit(why) => Attempt::transient("secret_unfit", why, None),
    }
}
