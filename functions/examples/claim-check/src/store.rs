//! The bucket that large bodies lie in.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use serde::de::DeserializeOwned;

use waybill::{Event, Failure};
use waybill_aws::connect::{ConnectError, connect};

use crate::pointer::Pointer;

/// One bucket, and nothing beside it. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Store {
    /// The bucket of this name. No request is made.
    ///
    /// # Errors
    ///
    /// No region is configured.
    pub(crate) async fn connect(bucket: String) -> Result<Self, ConnectError> {
        let client = aws_sdk_s3::Client::new(connect().await?.sdk_config());
        Ok(Self { client, bucket })
    }

    /// The data of an event as a type, from wherever it lies.
    ///
    /// # Errors
    ///
    /// Permanent where another try would end alike. Nothing has happened after any of them, so that
    /// every other is one to retry.
    pub(crate) async fn data<T: DeserializeOwned>(&self, event: &Event) -> Result<T, Failure> {
        match Pointer::of(&event.data)? {
            None => waybill::read_json(event.data.as_bytes()),
            Some(pointer) => {
                let pointer = pointer.within(&self.bucket)?;
                let reading = self.object(&pointer.key);
                let bytes = tokio::time::timeout(READ_TIMEOUT, reading).await;
                waybill::read_json(&bytes.map_err(|_| unavailable("no answer in time"))??)
            }
        }
    }

    /// What an object holds.
    async fn object(&self, key: &str) -> Result<Vec<u8>, Failure> {
        let asked = self.client.get_object().bucket(&self.bucket).key(key);
        let object = asked.send().await.map_err(|error| refused(error.code()))?;
        whole(object).await
    }
}

/// All of an object's bytes, if they are no more than there may be.
async fn whole(object: GetObjectOutput) -> Result<Vec<u8>, Failure> {
    let told = object.content_length().unwrap_or_default();
    let told = usize::try_from(told).unwrap_or_default();
    within_bounds(told)?;
    let mut read = Vec::with_capacity(told);
    let mut body = object.body;
    // Whatever it was told to be: the bound holds for what comes.
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| unavailable("the object broke off"))?;
        within_bounds(read.len() + chunk.len())?;
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

/// Refuses what is over [`OBJECT_MAX`].
fn within_bounds(bytes: usize) -> Result<(), Failure> {
    match bytes > OBJECT_MAX {
        true => Err(Failure::permanent(
            "claim_too_large",
            format!("the object is larger than {OBJECT_MAX} bytes"),
        )),
        false => Ok(()),
    }
}

/// What a refusal of S3's means, by its code; none where it gave no answer.
fn refused(code: Option<&str>) -> Failure {
    match code {
        // The clients store first and send then, and S3 shows at once what it stores.
        Some("NoSuchKey") => {
            Failure::permanent("claim_missing", "the object is not in the bucket any more")
        }
        Some("NoSuchBucket") => Failure::permanent("claim_missing", "the bucket is not there"),
        // A role that may not list the bucket is told this of a missing object too. Where it is the
        // role's fault somebody mends it; where it is not, the retries are spent soon.
        Some("AccessDenied") => Failure::retry(
            "claim_denied",
            "the role has no `s3:GetObject`, or no `s3:ListBucket` and the object is not there",
        ),
        Some(code) => unavailable(code),
        None => unavailable("no answer"),
    }
}

/// It can be read later.
fn unavailable(why: &str) -> Failure {
    Failure::retry("claim_unavailable", format!("S3: {why}"))
}

/// Most bytes of an object. The clients store up to 2 GB, which no function holds: this is what
/// [`crate::AT_ONCE`] of them may take of its memory. SQS itself takes 1 MiB.
pub(crate) const OBJECT_MAX: usize = 16 * 1024 * 1024;

/// How long an object may take to come, the SDK's own retries among it.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
