//! The bundle as it is deployed, on a stand-in of its own, with a target that answers by a script.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use waybill_local::functions::{self, BuiltFunctions};
use waybill_local::local_aws::Sandbox;
use waybill_local::{
    Bundle, DeployOptions, Exchange, LedgerRow, LocalAws, Mode, Profile, Received, Receiver, Reply,
    Workspace,
};

/// How long a test waits for what must come, on a machine that is slow and busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// One route to the receiver, whose retries come quickly. Its time is not what a test waits for:
/// it is long, because a try that a busy machine cuts off is a second effect.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 5s}}}]
}"#;

/// A deployed bundle, its target and its stand-in.
pub(crate) struct Stage {
    pub(crate) bundle: Bundle,
    pub(crate) receiver: Receiver,
    pub(crate) aws: Arc<LocalAws>,
}

/// What a stage is made of.
pub(crate) struct Setting {
    name: &'static str,
    aws: Arc<LocalAws>,
    /// Where our own calls go.
    endpoint: String,
    routes: String,
    parameters: Vec<(&'static str, String)>,
}

impl Setting {
    /// A stand-in, and the bundle's usual parameters but for shorter times. A message whose
    /// function was killed is taken over when the function's time and four seconds are over.
    pub(crate) async fn new(name: &'static str) -> Self {
        let aws = LocalAws::start(&workspace()).await;
        let aws = aws.expect("the stand-in starts");
        let endpoint = aws.endpoint().to_owned();
        Self::on(name, aws, endpoint)
    }

    /// The same on a stand-in where a function may only do what its role allows.
    pub(crate) async fn enforced(name: &'static str) -> Self {
        let aws = LocalAws::start_enforcing(&workspace()).await;
        let aws = aws.expect("the stand-in starts");
        let endpoint = aws.proxy().endpoint();
        Self::on(name, aws, endpoint)
    }

    fn on(name: &'static str, aws: LocalAws, endpoint: String) -> Self {
        let setting = Self {
            name,
            aws: Arc::new(aws),
            endpoint,
            routes: ROUTES.to_owned(),
            parameters: Vec::new(),
        };
        setting
            .with("FunctionTimeoutSeconds", 10)
            .with("VisibilityTimeoutSeconds", 12)
    }

    /// Another value of a parameter of the template.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// How messages come in. The poller renews what it holds after ten seconds, which no test
    /// reaches without wanting to.
    pub(crate) fn mode(self, mode: Mode) -> Self {
        self.with("Mode", mode.word())
            .with("PollerVisibilitySeconds", 20)
    }

    /// Queues with an order, and what they bring with them.
    pub(crate) fn fifo(self) -> Self {
        self.with("QueueType", "fifo")
            .with("DeadLetterMode", "send")
            .with("MaxReceiveCount", 100)
    }

    /// Other routes; `URL` stands for the receiver's.
    pub(crate) fn routes(mut self, text: &str) -> Self {
        text.clone_into(&mut self.routes);
        self
    }

    /// The stand-in, for a script that acts on it.
    pub(crate) fn aws(&self) -> Arc<LocalAws> {
        Arc::clone(&self.aws)
    }

    /// Deploys, with this script for the target.
    pub(crate) async fn stage(
        self,
        script: impl Fn(&Received, u32) -> Reply + Send + Sync + 'static,
    ) -> Stage {
        let receiver = Receiver::start(script).await.expect("the receiver starts");
        let url = receiver.url("");
        let mut options = DeployOptions::new(self.name).routes(&self.routes.replace("URL", &url));
        for (name, value) in self.parameters {
            options = options.parameter(name, value);
        }
        let workspace = workspace();
        let bundle = Bundle::deploy(&self.endpoint, &workspace, built(), options);
        let bundle = bundle.await.expect("the bundle deploys");
        Stage {
            bundle,
            receiver,
            aws: self.aws,
        }
    }
}

impl Stage {
    /// Sends events while the trigger stands still, so that they come in full batches.
    pub(crate) async fn send_in_batches(&self, bodies: &[String]) {
        let function = self.bundle.consumer_function();
        self.bundle
            .pause(function)
            .await
            .expect("the trigger stops");
        self.send(bodies).await;
        self.bundle
            .resume(function)
            .await
            .expect("the trigger starts");
    }

    /// Sends events.
    pub(crate) async fn send(&self, bodies: &[String]) -> Vec<String> {
        self.bundle
            .source()
            .send(bodies)
            .await
            .expect("events are sent")
    }

    /// Invokes the poller with this and waits for its report, which must come.
    pub(crate) async fn poll(&self, payload: Value) -> Value {
        let report = self.try_poll(payload).await;
        report.unwrap_or_else(|error| panic!("the poller failed: {error}"))
    }

    /// Invokes the poller with this and waits for its report, or for how it failed.
    pub(crate) async fn try_poll(&self, payload: Value) -> Result<Value, Value> {
        let poller = self.bundle.poller_function();
        let invoked = self.bundle.invoke(poller, &payload).await;
        let invoked = invoked.expect("a function can be invoked");
        match invoked.function_error {
            Some(_) => Err(invoked.payload),
            None => Ok(invoked.payload),
        }
    }

    /// Polls until the queue gives nothing any more, and once more as long as it holds something.
    /// The reports of all polls, as one.
    pub(crate) async fn poll_until_drained(&self) -> Value {
        let mut reports = Vec::new();
        let end = Instant::now() + PATIENCE;
        loop {
            reports.push(self.poll(json!({"stop_when_empty": true})).await);
            if self.is_drained().await {
                return sum(&reports);
            }
            if Instant::now() >= end {
                self.give_up("the queue is drained").await;
            }
        }
    }

    /// Gives the poller another time than the template's minute.
    pub(crate) async fn poller_time(&self, seconds: u64) {
        let poller = self.bundle.poller_function();
        let set = self.bundle.set_timeout(poller, seconds).await;
        set.expect("a function's timeout can be set");
    }

    /// Waits until both the queue is empty and this many distinct deliveries had an effect.
    pub(crate) async fn until_delivered(&self, events: usize) {
        self.until("all is delivered", async |stage| {
            stage.effects().len() >= events && stage.is_drained().await
        })
        .await;
    }

    /// Waits until nobody holds a message any more.
    pub(crate) async fn until_all_visible(&self) {
        self.until("all is visible again", async |stage| {
            let depth = stage.bundle.source().depth().await;
            depth.expect("the queue can be asked").in_flight == 0
        })
        .await;
    }

    /// Waits until the dead-letter queue holds this many messages and the source queue none.
    pub(crate) async fn until_dead(&self, messages: u64) {
        self.until("the dead are in their queue", async |stage| {
            let dead = stage
                .bundle
                .dead_letters()
                .depth()
                .await
                .expect("it can be asked")
                .total();
            dead == messages && stage.is_drained().await
        })
        .await;
    }

    /// Waits for something that must come.
    pub(crate) async fn until(&self, what: &str, come: impl AsyncFn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !come(self).await {
            if Instant::now() >= end {
                self.give_up(what).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Fails with what the functions said.
    async fn give_up(&self, what: &str) -> ! {
        let logs = self.logs().await.join("\n");
        let stack = self.aws.log();
        panic!(
            "waited in vain until {what}; {}; the functions said:\n{logs}",
            stack.display()
        )
    }

    /// Whether the source queue holds nothing.
    pub(crate) async fn is_drained(&self) -> bool {
        self.bundle
            .source()
            .depth()
            .await
            .expect("the queue can be asked")
            .total()
            == 0
    }

    /// Effects by idempotency key.
    pub(crate) fn effects(&self) -> Vec<u32> {
        self.receiver.effects().into_values().collect()
    }

    /// Every request that the target saw for an event.
    pub(crate) fn requests(&self, event_id: &str) -> Vec<Exchange> {
        let all = self.receiver.exchanges();
        all.into_iter()
            .filter(|e| e.received.event_id() == Some(event_id))
            .collect()
    }

    /// The ledger's row of an event sent by [`event`].
    pub(crate) async fn row(&self, id: &str) -> LedgerRow {
        let rows = self
            .bundle
            .ledger()
            .rows()
            .await
            .expect("the ledger can be read");
        let row = rows
            .into_iter()
            .find(|row| row.pk().ends_with(&format!("\0{id}")));
        row.expect("the event has a row")
    }

    /// The functions there are.
    fn functions(&self) -> impl Iterator<Item = &str> {
        let all = [
            self.bundle.consumer_function(),
            self.bundle.poller_function(),
        ];
        all.into_iter().filter(|name| !name.is_empty())
    }

    /// What the functions said.
    pub(crate) async fn logs(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for function in self.functions() {
            let logs = self.bundle.logs(function).await;
            lines.extend(logs.expect("logs can be read"));
        }
        lines
    }

    /// The processes that run the functions.
    pub(crate) fn sandboxes(&self) -> Vec<Sandbox> {
        let of = |function| self.aws.sandboxes(function);
        self.functions().flat_map(of).collect()
    }
}

/// The reports of several polls as one; `stopped` is the last one's.
pub(crate) fn sum(reports: &[Value]) -> Value {
    let mut whole = reports.last().expect("there was a poll").clone();
    for (name, value) in whole.as_object_mut().expect("a report") {
        let counts = reports.iter().map(|report| report[name].as_u64());
        if let Some(count) = counts.sum::<Option<u64>>() {
            *value = count.into();
        }
    }
    whole
}

/// An event in the plain form.
pub(crate) fn event(id: &str) -> String {
    let body = json!({
        "id": id,
        "queue": "orders",
        "dispatch_date": "2026-01-01T00:00:00Z",
        "payload": {"order": id},
    });
    body.to_string()
}

/// Events `prefix-0` to `prefix-(count - 1)`.
pub(crate) fn events(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|n| event(&format!("{prefix}-{n}")))
        .collect()
}

/// The project and its target folder.
pub(crate) fn workspace() -> Workspace {
    Workspace::find().expect("the tests run in the project")
}

/// The functions, built once for all tests.
pub(crate) fn built() -> &'static BuiltFunctions {
    static BUILT: OnceLock<BuiltFunctions> = OnceLock::new();
    BUILT.get_or_init(|| functions::build(&workspace(), Profile::Dev).expect("the functions build"))
}
