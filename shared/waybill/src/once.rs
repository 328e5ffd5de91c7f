//! An async function that runs once in effect for each key, whoever invokes it.

use std::marker::PhantomData;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use lambda_runtime::{Diagnostic, LambdaEvent, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use waybill_aws::assemble::AwsOnce;
use waybill_aws::connect::connect;
use waybill_core::id::Operation;
use waybill_core::key::KeyExpression;
use waybill_core::once::{MissingKey, Results, Terms};
use waybill_core::time::Timestamp;
use waybill_engine::env::{ConfigErrors, OnceSettings, ProcessEnv, all};
use waybill_engine::once::{self, Claimed, Effect, NotBegun};
use waybill_engine::telemetry;

use crate::run::{StartError, cannot_start, ended};
use crate::{Failure, data};

/// An operation that is not connected yet. See [`crate::once`].
#[derive(Debug, Clone)]
#[must_use = "it does nothing before it is connected"]
pub struct OnceBuilder {
    name: String,
    key: String,
    agreeing_in: Option<String>,
    missing: MissingKey,
    results: Results,
    terms: Terms,
}

/// An operation over its ledger. Clones are the same operation.
#[derive(Clone)]
pub struct Once(Arc<AwsOnce>);

/// A Lambda function that answers an invocation by a function that runs once in effect for each
/// key: a service for `lambda_runtime::run` and `run_concurrent`.
pub struct OnceFunction<F, P> {
    once: Once,
    work: Arc<F>,
    payload: PhantomData<fn(P)>,
}

/// Why an invocation has no answer. Its error type is what Lambda's caller is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Nothing was begun. `NotBegun`.
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    /// It failed, and may be invoked again. `Failed`.
    #[error("{0}")]
    Failed(String),
    /// It was refused for good, now or before. `Dead`.
    #[error("{0}")]
    Dead(String),
    /// The key is known with another payload. `Conflict`.
    #[error("the key is known with another payload")]
    Conflict,
    /// Another invocation is at it, or it asked not to be tried yet. `Busy`.
    #[error("another invocation is at work on this key, or it must not be tried yet")]
    Busy,
    /// It was done before, and what it answered is not there. `AnswerNotKept`.
    #[error("done before, and the answer was not kept")]
    AnswerNotKept,
}

impl OnceBuilder {
    pub(crate) fn new(name: String, key: String) -> Self {
        Self {
            name,
            key,
            agreeing_in: None,
            missing: MissingKey::default(),
            results: Results::default(),
            terms: Terms::default(),
        }
    }

    /// Two calls of one key must agree in this part of their payloads, as JMESPath; otherwise the
    /// second is a conflict.
    pub fn agreeing_in(mut self, part: impl Into<String>) -> Self {
        self.agreeing_in = Some(part.into());
        self
    }

    /// What becomes of a payload without a key; refused, unless this says otherwise.
    pub fn on_missing_key(mut self, missing: MissingKey) -> Self {
        self.missing = missing;
        self
    }

    /// What is kept of results; up to 32 KiB, unless this says otherwise.
    pub fn keeping(mut self, results: Results) -> Self {
        self.results = results;
        self
    }

    /// The operation's times.
    pub fn on_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// The operation over the ledger that the environment names, `WAYBILL_LEDGER_TABLE`, in the
    /// namespace `WAYBILL_CONSUMER`.
    ///
    /// # Errors
    ///
    /// A name that is not `[a-z0-9-]{1,64}`, an expression that is no JMESPath, or what is wrong
    /// with the environment. No request is made.
    pub async fn connect(self) -> Result<Once, StartError> {
        let name = Operation::new(self.name.as_str()).ok_or_else(|| {
            ConfigErrors::one(format!(
                "the operation's name `{}` must be 1 to 64 characters of a-z, 0-9 and `-`",
                self.name
            ))
        });
        let key = compiled("key", &self.key);
        let part = self.agreeing_in.as_deref();
        let part = part.map(|part| compiled("agreeing_in", part)).transpose();
        let said = all(all(name, key), all(part, OnceSettings::read(&ProcessEnv)));
        let ((name, key), (part, settings)) = said.map_err(StartError::Config)?;
        let connection = connect().await?;
        let once = connection.once(settings.ledger_table, settings.consumer, name, key);
        let once = once
            .on_missing_key(self.missing)
            .keeping(self.results)
            .on_terms(self.terms);
        Ok(Once(Arc::new(match part {
            Some(part) => once.agreeing_in(part),
            None => once,
        })))
    }

    /// Runs as a Lambda function that answers each invocation by `work`, until Lambda ends it: now,
    /// or with what it answered before. Logs go to standard output.
    pub async fn run<F, P, T, Fut>(self, work: F) -> ExitCode
    where
        F: Fn(P, Claimed) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
        P: DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        telemetry::init();
        match self.connect().await {
            Ok(once) => ended(lambda_runtime::run_concurrent(once.function(work)).await),
            Err(error) => cannot_start(&error.to_string()),
        }
    }
}

/// An expression, or what is wrong with it.
fn compiled(what: &str, text: &str) -> Result<KeyExpression, ConfigErrors> {
    let fault = |error| ConfigErrors::one(format!("the operation's {what}: {error}"));
    KeyExpression::compile(text).map_err(fault)
}

impl Once {
    /// Runs `work` unless it was done before for this payload's key, and says what came of it, in
    /// the time of this invocation. See [`waybill_engine::once::Once::run`].
    ///
    /// # Errors
    ///
    /// When nothing was begun: too little time, no key, or no answer of the ledger.
    pub async fn run<P, T, W, Fut>(
        &self,
        payload: &P,
        context: &lambda_runtime::Context,
        work: W,
    ) -> Result<Effect<T>, NotBegun>
    where
        P: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        W: FnOnce(Claimed) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let deadline = Timestamp::from_millis(context.deadline);
        let work = async |claimed| Ok(work(claimed).await?);
        self.0.run(payload, deadline, work).await
    }

    /// A Lambda function that answers each invocation by `work`, which takes the payload as its type
    /// and what it is told of its claim: now, or with what it answered before.
    pub fn function<F, P, T, Fut>(self, work: F) -> OnceFunction<F, P>
    where
        F: Fn(P, Claimed) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        OnceFunction {
            once: self,
            work: Arc::new(work),
            payload: PhantomData,
        }
    }
}

impl<F, P, T, Fut> Service<LambdaEvent<Value>> for OnceFunction<F, P>
where
    F: Fn(P, Claimed) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    P: DeserializeOwned + Send + 'static,
    T: Serialize + DeserializeOwned + Send + 'static,
{
    type Response = Value;
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<Value, Unanswered>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Unanswered>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Value>) -> Self::Future {
        let (once, work) = (self.once.clone(), Arc::clone(&self.work));
        Box::pin(async move {
            let (payload, context) = event.into_parts();
            let typed = data::of_value::<P>(&payload).map_err(NotBegun::Payload)?;
            let running = once.run(&payload, &context, |claimed| work(typed, claimed));
            answer(Box::pin(running).await?)
        })
    }
}

/// What the caller is answered.
fn answer<T: Serialize>(effect: Effect<T>) -> Result<Value, Unanswered> {
    let failed = |failure: &once::Failure| failure.to_string();
    match effect {
        Effect::Done { value, .. }
        | Effect::Unrecorded { value, .. }
        | Effect::Unguarded { value }
        | Effect::Replayed { value } => {
            let value = serde_json::to_value(value);
            value.map_err(|error| Unanswered::Failed(format!("done, but no JSON: {error}")))
        }
        Effect::ReplayedWithoutValue { .. } => Err(Unanswered::AnswerNotKept),
        Effect::Failed { failure, .. } => Err(Unanswered::Failed(failed(&failure))),
        Effect::Dead { reason, failure } => {
            let said = failure.as_ref().map(failed);
            Err(Unanswered::Dead(
                said.unwrap_or_else(|| reason.word().to_owned()),
            ))
        }
        Effect::Conflict => Err(Unanswered::Conflict),
        Effect::Busy { .. } | Effect::NotDue { .. } => Err(Unanswered::Busy),
    }
}

impl From<Unanswered> for Diagnostic {
    fn from(unanswered: Unanswered) -> Self {
        let error_type = match &unanswered {
            Unanswered::NotBegun(_) => "NotBegun",
            Unanswered::Failed(_) => "Failed",
            Unanswered::Dead(_) => "Dead",
            Unanswered::Conflict => "Conflict",
            Unanswered::Busy => "Busy",
            Unanswered::AnswerNotKept => "AnswerNotKept",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: unanswered.to_string(),
        }
    }
}

impl<F, P> Clone for OnceFunction<F, P> {
    fn clone(&self) -> Self {
        Self {
            once: self.once.clone(),
            work: Arc::clone(&self.work),
            payload: PhantomData,
        }
    }
}
