//! An async function as a handler of events.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use waybill_core::event::Event;
use waybill_core::id::RouteName;
use waybill_core::key::KeyExpression;
use waybill_core::ledger::{OnRejected, OnceBy};
use waybill_core::outcome::Attempt;
use waybill_core::powertools::OldKey;
use waybill_core::retry::RetryPolicy;
use waybill_core::routes::OnConflict;
use waybill_engine::engine::Config;
use waybill_engine::env::ConfigErrors;
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};

use crate::powertools::{Earlier, Powertools, Rows};
use crate::{Context, Failure, Receipt, data};

/// Makes a handler of an async function that takes an event's data, as whatever type serde can
/// read, and a [`Context`]. See [`crate::handler`].
#[derive(Debug, Clone)]
#[must_use = "it does nothing before it is run"]
pub struct HandlerBuilder<F, T> {
    name: String,
    key: Option<String>,
    on_conflict: OnConflict,
    retry: RetryPolicy,
    on_rejected: OnRejected,
    timeout: Duration,
    concurrency: usize,
    earlier: Option<Powertools>,
    work: F,
    data: PhantomData<fn(T)>,
}

/// A handler that is ready for the engine.
pub struct EventHandler<F, T> {
    name: RouteName,
    key: Option<KeyExpression>,
    on_conflict: OnConflict,
    concurrency: usize,
    policy: Arc<Policy>,
    earlier: Option<Earlier>,
    work: F,
    data: PhantomData<fn(T)>,
}

impl<F, T> HandlerBuilder<F, T> {
    pub(crate) fn new(name: String, work: F) -> Self {
        Self {
            name,
            key: None,
            on_conflict: OnConflict::default(),
            retry: RetryPolicy::default(),
            on_rejected: OnRejected::default(),
            timeout: TIMEOUT,
            concurrency: CONCURRENCY,
            earlier: None,
            work,
            data: PhantomData,
        }
    }

    /// What makes two messages one event, as JMESPath on `{id, source, type, subject, time, data}`,
    /// like `data.orderId`. Without it that is the event's own id, and of a body without one the
    /// message's: then only SQS's redeliveries are known as copies.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.key = Some(expression.into());
        self
    }

    /// What becomes of an event whose key is known with other data; it is dead, unless this says
    /// otherwise.
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.on_conflict = on_conflict;
        self
    }

    /// How often and how long apart a failed try is made again: 3 times, after 10, 20 and 40 s and
    /// up to a tenth more, unless this says otherwise.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// What a [permanent](crate::Failure::permanent) failure means; the event is dead, unless this
    /// says otherwise.
    pub fn on_rejected(mut self, on_rejected: OnRejected) -> Self {
        self.on_rejected = on_rejected;
        self
    }

    /// How long one try may take; it is cut off then, and counts as
    /// [unknown](crate::Failure::unknown). Ten seconds, unless this says otherwise. None is begun
    /// that cannot end before the invocation, except in one that is too short for it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many events are worked on at once in one invocation; 25, unless this says otherwise, and
    /// at least 1. A poller also holds that many.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// While you come from Powertools for AWS Lambda: what its rows say is done is not done again. Before
    /// each try its row is read, once, by `GetItem`. Where that is not possible the event waits, and no
    /// try is charged. Take it out when the last of those rows has expired.
    pub fn after_powertools(mut self, earlier: Powertools) -> Self {
        self.earlier = Some(earlier);
        self
    }

    /// The handler, for an engine of your own.
    ///
    /// # Errors
    ///
    /// A name that is not `[a-z0-9-]{1,64}`, a key that is no JMESPath, a time-out of nothing, no
    /// concurrency; `after_powertools`, whose table such an engine does not read.
    pub fn build(self) -> Result<EventHandler<F, T>, ConfigErrors> {
        match self.earlier {
            Some(_) => Err(ConfigErrors::one(
                "after_powertools: an engine of your own reads no table of Powertools'; use `run`, \
                 `poll`, `triggered` or `polling`, and `Bench` in tests"
                    .to_owned(),
            )),
            None => self.assemble(),
        }
    }

    /// The handler, whose [`reading`](EventHandler::reading) is to be said where it comes after
    /// Powertools.
    pub(crate) fn assemble(self) -> Result<EventHandler<F, T>, ConfigErrors> {
        let name = RouteName::new(self.name.as_str()).ok_or_else(|| {
            ConfigErrors::one(format!(
                "the handler's name `{}` must be 1 to 64 characters of a-z, 0-9 and `-`",
                self.name
            ))
        })?;
        let key = self.key.as_deref().map(KeyExpression::compile).transpose();
        let key = key.map_err(|error| ConfigErrors::one(format!("the handler's key: {error}")))?;
        if self.timeout.is_zero() {
            let fault = "the handler's time-out is 0; give the longest that one try may take";
            return Err(ConfigErrors::one(fault));
        }
        if self.concurrency == 0 {
            let fault = "the handler's concurrency is 0; give at least 1";
            return Err(ConfigErrors::one(fault));
        }
        let earlier = self.earlier.map(Powertools::build).transpose()?;
        Ok(EventHandler {
            name,
            key,
            on_conflict: self.on_conflict,
            concurrency: self.concurrency,
            policy: Arc::new(Policy {
                retry: self.retry,
                on_rejected: self.on_rejected,
                time: self.timeout,
                dead_letter: None,
                once: OnceBy::Ledger,
            }),
            earlier,
            work: self.work,
            data: PhantomData,
        })
    }
}

impl<F, T> EventHandler<F, T> {
    /// The same, which reads there what was done earlier, if it is to read it at all.
    pub(crate) fn reading(mut self, rows: impl FnOnce(&str, &OldKey) -> Arc<dyn Rows>) -> Self {
        if let Some(earlier) = &mut self.earlier {
            earlier.read_by(rows);
        }
        self
    }

    /// How long one try may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.policy.time
    }

    /// Puts what the handler says of its events into what an engine is told.
    pub fn configure(&self, config: &mut Config) {
        config.key = self.key.clone();
        config.on_conflict = self.on_conflict;
        config.concurrency = self.concurrency;
    }
}

impl<F, T, R, Fut> Handler for EventHandler<F, T>
where
    F: Fn(T, Context) -> Fut + Send + Sync,
    Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    R: Into<Receipt> + 'static,
    T: DeserializeOwned + Send,
{
    fn plan(&self, _: &Event) -> Plan {
        Plan::Deliver {
            version: VERSION.to_owned(),
            routes: vec![self.name.clone()],
        }
    }

    fn policy(&self, route: &RouteName) -> Option<Arc<Policy>> {
        (*route == self.name).then(|| Arc::clone(&self.policy))
    }

    async fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> Attempt {
        let cut_off = Instant::now() + delivery.limit;
        if let Some(earlier) = &self.earlier
            && let Some(ended) = earlier.look(&delivery).await
        {
            return ended;
        }
        let data = match data::read(&delivery.event.data) {
            Ok(data) => data,
            Err(why) => return Attempt::rejected("data_unfit", why),
        };
        let attempts_max = self.policy.retry.steps.saturating_add(1);
        let context = Context::new(&delivery, cut_off, attempts_max);
        match (self.work)(data, context).await {
            Ok(receipt) => Attempt::from(receipt.into()),
            Err(failure) => failure.into(),
        }
    }
}

impl<F: Clone, T> Clone for EventHandler<F, T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            on_conflict: self.on_conflict,
            concurrency: self.concurrency,
            policy: Arc::clone(&self.policy),
            earlier: self.earlier.clone(),
            work: self.work.clone(),
            data: PhantomData,
        }
    }
}

impl<F, T> fmt::Debug for EventHandler<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, policy) = (&self.name, &self.policy);
        f.debug_struct("EventHandler")
            .field("name", name)
            .field("policy", policy)
            .finish_non_exhaustive()
    }
}

/// What the ledger calls the plan of one part.
const VERSION: &str = "1";

/// How long a try may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many events are worked on at once where nothing else is said.
const CONCURRENCY: usize = 25;
