//! What is measured: a function, its program and its variables.

use std::time::{Duration, Instant};

use waybill_local::stub::Traffic;
use waybill_local::{Answer, Environment, Function, LocalError, Program};

use crate::figures::{Batches, Polled};
use crate::load::{Load, event};
use crate::rig::Rig;

/// A function that takes batches, or polls.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// What it is called.
    pub(crate) title: String,
    /// What runs.
    pub(crate) program: Program,
    /// Its variables.
    pub(crate) environment: Environment,
    /// Whether it is one of the project's functions.
    pub(crate) own: bool,
    /// Whether it is given fewer messages.
    pub(crate) slow: bool,
}

impl Subject {
    /// One of the project's functions, with one route to the target.
    pub(crate) fn own(rig: &Rig, function: &str) -> Result<Self, LocalError> {
        let url = rig.stub.target_url();
        let route = format!(r#"name: hook, target: {{http: {{url: "{url}"}}}}"#);
        Self::with_route(rig, function, &route)
    }

    /// One of the project's functions, with this route.
    pub(crate) fn with_route(rig: &Rig, function: &str, route: &str) -> Result<Self, LocalError> {
        let routes = format!("{{routes: [{{{route}}}]}}");
        let mut environment = Environment::of(function)
            .with("WAYBILL_CONSUMER", function)
            .with("WAYBILL_LEDGER_TABLE", TABLE)
            .with("WAYBILL_QUEUE_URL", rig.stub.queue_url())
            .with("WAYBILL_ROUTES", format!("inline:{routes}"))
            .with("WAYBILL_ALLOW_PRIVATE_TARGETS", "true")
            .with("AWS_ENDPOINT_URL", rig.stub.endpoint());
        for (name, value) in &rig.variables {
            environment = environment.with(name, value);
        }
        let mut program = Program::binary(&rig.binary(function)?);
        program.core = rig.core;
        Ok(Self {
            title: format!("waybill {function}"),
            program,
            environment,
            own: true,
            slow: false,
        })
    }

    /// Starts it, and waits for its first `/next`; the time that took.
    pub(crate) async fn start(&self) -> Result<(Function, Duration), LocalError> {
        let mut function = Function::run(&self.program, &self.environment).await?;
        match function.ready(PATIENCE).await {
            Some(took) => Ok((function, took)),
            None => Err(self.failed("it did not start", &function)),
        }
    }

    /// Hands it batches of this load one after the other, and forgets the first of them; every
    /// message must be delivered once.
    pub(crate) async fn batches(
        &self,
        rig: &Rig,
        load: Load,
        batches: usize,
    ) -> Result<Batches, LocalError> {
        self.batches_to(rig, load, batches, true).await
    }

    /// The same, where the target may be a table, whose items are not counted as deliveries.
    pub(crate) async fn batches_to(
        &self,
        rig: &Rig,
        load: Load,
        batches: usize,
        counted: bool,
    ) -> Result<Batches, LocalError> {
        rig.stub.clear();
        let (function, _) = self.start().await?;
        for batch in 0..WARM_UP {
            self.batch(&function, load.payload(&format!("warm-{batch}")))
                .await?;
        }
        let before = rig.stub.traffic();
        let delivered = rig.stub.target().deliveries();
        let cpu = function.cpu_time();
        let mut times = Vec::with_capacity(batches);
        for batch in 0..batches {
            let payload = load.payload(&format!("run-{batch}"));
            times.push(self.batch(&function, payload).await?);
        }
        let cpu = function
            .cpu_time()
            .zip(cpu)
            .map(|(after, before)| after - before);
        let traffic = rig.stub.traffic().since(&before);
        let messages = batches * load.batch;
        let delivered = rig.stub.target().deliveries() - delivered;
        let distinct = rig
            .stub
            .target()
            .distinct()
            .saturating_sub(WARM_UP * load.batch);
        if counted && (delivered != wide(messages) || distinct != messages) {
            let what = format!("{delivered} deliveries of {distinct} for {messages} messages");
            return Err(self.failed(&what, &function));
        }
        let peak = function.peak_memory();
        Ok(Batches::new(messages, times, cpu, peak, &traffic))
    }

    /// Lets it poll a queue of so many messages until all are delivered; each must be once.
    pub(crate) async fn polls(&self, rig: &Rig, messages: usize) -> Result<Polled, LocalError> {
        rig.stub.clear();
        let function = match self.own {
            true => self.start().await?.0,
            false => Function::run(&self.program, &self.environment).await?,
        };
        if !self.own {
            // A poller that is no function has no other sign that it is there.
            self.deliver(rig, &function, WARM_UP * 10).await?;
        }
        let before = rig.stub.traffic();
        rig.stub.target().clear();
        let cpu = function.cpu_time();
        let bodies = (0..messages).map(|n| event(&format!("polled-{n}"), 1024));
        rig.stub.queue().send(bodies);
        if self.own {
            let payload = r#"{"stop_when_empty":true}"#;
            let polling = function.invoke(payload, PATIENCE);
            match polling.await? {
                Answer::Response(_) => {}
                Answer::Error(error) => return Err(self.failed(&error, &function)),
            }
        } else {
            self.wait_for(rig, &function, messages).await?;
        }
        let cpu = function
            .cpu_time()
            .zip(cpu)
            .map(|(after, before)| after - before);
        let traffic = rig.stub.traffic().since(&before);
        let target = rig.stub.target();
        if target.distinct() != messages || target.deliveries() != wide(messages) {
            let what = format!("{} deliveries of {messages}", target.deliveries());
            return Err(self.failed(&what, &function));
        }
        let peak = function.peak_memory();
        Ok(Polled::new(messages, target.span(), cpu, peak, &traffic))
    }

    /// Sends so many messages, and waits until they are delivered.
    async fn deliver(
        &self,
        rig: &Rig,
        function: &Function,
        messages: usize,
    ) -> Result<(), LocalError> {
        let bodies = (0..messages).map(|n| event(&format!("warm-{n}"), 1024));
        rig.stub.queue().send(bodies);
        self.wait_for(rig, function, messages).await
    }

    /// Waits until so many different messages are delivered and the queue is empty.
    async fn wait_for(
        &self,
        rig: &Rig,
        function: &Function,
        messages: usize,
    ) -> Result<(), LocalError> {
        let end = Instant::now() + PATIENCE;
        while rig.stub.target().distinct() < messages || rig.stub.queue().left() > 0 {
            if Instant::now() > end {
                return Err(self.failed("it did not drain the queue", function));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Hands it one batch, all of which must be done.
    pub(crate) async fn batch(
        &self,
        function: &Function,
        payload: String,
    ) -> Result<Duration, LocalError> {
        let begun = Instant::now();
        let answer = function.invoke(payload, PATIENCE).await?;
        let took = begun.elapsed();
        match answer {
            Answer::Response(text) if is_all_done(&text) => Ok(took),
            Answer::Response(text) | Answer::Error(text) => {
                Err(self.failed(&format!("a batch was not done: {text}"), function))
            }
        }
    }

    /// Why it cannot be measured, with its last words.
    pub(crate) fn failed(&self, what: &str, function: &Function) -> LocalError {
        let lines = function.lines();
        let last = lines.get(lines.len().saturating_sub(LAST_WORDS)..);
        let last = last.unwrap_or_default().join("\n");
        LocalError::failed(format!("{}: {what}; it said:\n{last}", self.title))
    }
}

/// Whether an answer says that every message is done.
fn is_all_done(answer: &str) -> bool {
    answer.replace(' ', "") == r#"{"batchItemFailures":[]}"#
}

/// A count.
pub(crate) fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The requests to a service that were made for one message.
pub(crate) fn per_message(traffic: &Traffic, service: &str, messages: usize) -> f64 {
    traffic.counts.of_service(service) as f64 / messages as f64
}

/// The ledger's table.
pub(crate) const TABLE: &str = "measured-ledger";

/// Batches before those that count: connections, caches.
const WARM_UP: usize = 5;

/// How many of its lines are shown of what failed.
const LAST_WORDS: usize = 5;

/// How often it is looked whether a queue is drained.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How long a function may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
