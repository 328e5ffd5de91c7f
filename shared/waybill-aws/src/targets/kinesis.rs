//! A data stream as a target: one event, one record.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::put_record::builders::PutRecordFluentBuilder;
use aws_sdk_kinesis::primitives::Blob;
use futures_util::future::BoxFuture;

use waybill_core::outcome::Attempt;
use waybill_core::routes::{EventBody, KinesisSpec};
use waybill_engine::ports::{Target, TargetRequest};

use super::answer::{self, Place, Refusal};

/// One route's stream.
///
/// Kinesis knows no repeat by anything: whoever reads the stream can, by `idempotencykey` of the
/// event.
#[derive(Debug, Clone)]
pub struct KinesisTarget {
    client: Client,
    spec: KinesisSpec,
}

/// What it takes to put a record.
const PLACE: Place = Place {
    service: "Kinesis",
    permission: "`kinesis:PutRecord`",
};

impl KinesisTarget {
    /// A target. The client must not retry: one try is one request.
    pub fn new(client: Client, spec: &KinesisSpec) -> Self {
        let spec = spec.clone();
        Self { client, spec }
    }

    /// Makes one try.
    async fn put(&self, request: TargetRequest<'_>) -> Attempt {
        let record = match self.record(&request) {
            Ok(record) => record,
            Err(refused) => return refused,
        };
        answer::within(self.spec.timeout, request.limit, put(record)).await
    }

    /// The record of one event; where there is none, what that means.
    fn record(&self, request: &TargetRequest<'_>) -> Result<PutRecordFluentBuilder, Attempt> {
        let (spec, event, data) = (&self.spec, request.event, request.data);
        let key = spec.partition_key(event, data, request.idempotency_key);
        let key =
            key.map_err(|missing| Attempt::rejected("partition_key_missing", missing.to_string()))?;
        let data = match spec.body {
            EventBody::Structured => event
                .structured_alone(data, request.idempotency_key, request.traceparent())
                .into_bytes(),
            EventBody::Plain => data.as_bytes().to_vec(),
        };
        let put = self.client.put_record();
        let put = match spec.stream.starts_with("arn:") {
            true => put.stream_arn(&spec.stream),
            false => put.stream_name(&spec.stream),
        };
        Ok(put.partition_key(key).data(Blob::new(data)))
    }
}

/// Puts a record, and reads the answer.
async fn put(record: PutRecordFluentBuilder) -> Attempt {
    match record.send().await {
        Ok(_) => Attempt::delivered("written"),
        Err(error) => match answer::refusal(&error) {
            Ok(refusal) => judge(&refusal),
            Err(ended) => ended,
        },
    }
}

/// What a refusal of Kinesis's means: what it says of the record is final, all else may pass.
fn judge(refusal: &Refusal<'_>) -> Attempt {
    match refusal.code {
        "InvalidArgument" | "Validation" => {
            let message = format!("Kinesis refused the record with `{}`", refusal.code);
            Attempt::rejected("event_refused", message)
        }
        "ResourceNotFound" => Attempt::transient(
            "stream_missing",
            "there is no such stream; deploy it, or mend `stream`",
            None,
        ),
        _ => refusal.passing(PLACE),
    }
}

impl Target for KinesisTarget {
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt> {
        Box::pin(self.put(request))
    }
}

#[cfg(test)]
mod tests;
