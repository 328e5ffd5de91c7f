//! The roles of the template, enforced: with each a function does its work, and of what a role allows
//! nothing can be taken away unnoticed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::sleep;

use waybill_local::api::{Api, element};
use waybill_local::{Mode, Received, Reply};

use crate::support::stage::{Setting, Stage, event};

/// A route that is tried again soon, one whose breaker opens at once, and one whose events leave the
/// queue when they have failed once.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [
    {name: hook, target: {http: {url: "URL/hook", timeout: 5s}},
      filter: {id: [{prefix: ok}, {prefix: again}, {prefix: dead}]}},
    {name: weak, target: {http: {url: "URL/weak", timeout: 5s}}, filter: {id: [{prefix: open}]},
      breaker: {failures: 1, probe: 1s, probe_max: 2s, ramp: 1s}},
    {name: slow, target: {http: {url: "URL/slow", timeout: 5s}}, filter: {id: [{prefix: later}]},
      retry: {steps: 3, duration: 15s, factor: 1, jitter: 0, detach: 1}}
  ]
}"#;

/// What happens to events, by the beginnings of their ids.
const KINDS: [&str; 5] = ["ok", "again", "open", "later", "dead"];

/// What nothing here can take away, and why.
const UNPROVEN: [(&str, &str); 5] = [
    (
        "dynamodb:PartiQLInsert",
        "the stand-in knows only BatchExecuteStatement",
    ),
    (
        "dynamodb:PartiQLUpdate",
        "the stand-in knows only BatchExecuteStatement",
    ),
    (
        "logs:CreateLogStream",
        "Lambda does it in the role's name, the stand-in in its own",
    ),
    (
        "logs:PutLogEvents",
        "Lambda does it in the role's name, the stand-in in its own",
    ),
    ("iam:PassRole", "the stand-in asks nobody"),
];

/// What the event source mapping does in the role's name, and the stand-in's in its own.
const OF_THE_MAPPING: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

/// Answers by the event's id.
fn answer(received: &Received, nth: u32) -> Reply {
    let id = received.event_id().unwrap_or_default();
    let kind = id.split('-').next().unwrap_or_default();
    match (kind, nth) {
        ("dead", _) => Reply::status(422),
        ("again" | "open" | "later", 1) => Reply::status(503),
        _ => Reply::status(200),
    }
}

/// A role of the stack's and what stands in its own policy.
struct Role {
    api: Api,
    name: String,
    policy: String,
    document: Value,
}

/// Calls IAM.
async fn iam(api: &Api, action: &str, parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let answer = api.query("iam", "2010-05-08", action, &parameters).await;
    answer.unwrap_or_else(|error| panic!("{action}: {error}"))
}

/// Text as it was before it was put into a URL.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        match (*first, others) {
            (b'%', [high, low, after @ ..]) => {
                let digits = String::from_utf8(vec![*high, *low]).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

impl Role {
    /// Reads a role, and lets it do the same by the stand-in's names.
    async fn of(stage: &Stage, logical_id: &str) -> Self {
        let api = Api::new(stage.aws.endpoint()).unwrap();
        let name = stage.bundle.physical_id(logical_id).await.unwrap();
        let listed = iam(&api, "ListRolePolicies", &[("RoleName", &name)]).await;
        let policy = element(&listed, "member").expect("a policy of its own");
        let asked = [("RoleName", &*name), ("PolicyName", &*policy)];
        let told = iam(&api, "GetRolePolicy", &asked).await;
        let document = element(&told, "PolicyDocument").unwrap();
        let document = match serde_json::from_str(&document) {
            Ok(document) => document,
            Err(_) => serde_json::from_str(&percent_decode(&document)).unwrap(),
        };
        let role = Self {
            api,
            name,
            policy,
            document,
        };
        role.whole().await;
        role
    }

    /// Each action that it allows.
    fn actions(&self) -> Vec<String> {
        let statements = self.document["Statement"].as_array().unwrap();
        statements.iter().flat_map(allowed).collect()
    }

    /// Lets it do what the template says, but for this.
    async fn without(&self, taken: Option<&str>) {
        let mut document = self.document.clone();
        let statements = document["Statement"].as_array_mut().unwrap();
        for statement in statements.iter_mut() {
            let actions = allowed(statement).into_iter();
            let actions = actions.filter(|action| Some(&**action) != taken);
            let actions: Vec<_> = actions.flat_map(|action| names(&action)).collect();
            statement["Action"] = json!(actions);
        }
        statements.retain(|statement| statement["Action"] != json!([]));
        // AWS authorises each statement of a batch, on its table, and a schedule by its name; the
        // stand-in both without a resource.
        let without_resource = ["dynamodb:BatchExecuteStatement", "scheduler:CreateSchedule"];
        let kept = without_resource
            .into_iter()
            .filter(|action| Some(*action) != taken);
        let kept: Vec<_> = kept.collect();
        statements.push(json!({"Effect": "Allow", "Action": kept, "Resource": "*"}));
        let document = document.to_string();
        let parameters = [
            ("RoleName", &*self.name),
            ("PolicyName", &self.policy),
            ("PolicyDocument", &document),
        ];
        iam(&self.api, "PutRolePolicy", &parameters).await;
    }

    /// Gives it what the template gives it.
    async fn whole(&self) {
        self.without(None).await;
    }
}

/// What a statement allows.
fn allowed(statement: &Value) -> Vec<String> {
    let actions = &statement["Action"];
    let one = std::slice::from_ref(actions);
    let name = |action: &Value| action.as_str().unwrap().to_owned();
    let actions = actions.as_array().map_or(one, Vec::as_slice);
    actions.iter().map(name).collect()
}

/// An action, and what the stand-in calls it where it asks for the name of the operation: AWS
/// authorises each entry of a batch.
fn names(action: &str) -> Vec<String> {
    let own = match action {
        "sqs:ChangeMessageVisibility" | "sqs:DeleteMessage" | "sqs:SendMessage" => {
            Some(format!("{action}Batch"))
        }
        _ => None,
    };
    [action.to_owned()].into_iter().chain(own).collect()
}

/// Whether since then a function was told that it may not do this.
fn was_denied(stage: &Stage, action: &str, since: SystemTime) -> bool {
    let recorded = stage.aws.proxy().recorded();
    let said = names(action).into_iter();
    let said: Vec<_> = said
        .map(|name| format!("not authorized to perform: {name} "))
        .collect();
    recorded
        .iter()
        .filter(|asked| asked.at >= since)
        .any(|asked| {
            let reply = asked.reply().to_string();
            said.iter().any(|said| reply.contains(said))
        })
}

/// Every denial that there was.
fn denials(stage: &Stage) -> Vec<String> {
    let recorded = stage.aws.proxy().recorded();
    let replies = recorded.iter().map(|asked| asked.reply().to_string());
    replies
        .filter(|reply| reply.contains("not authorized to perform"))
        .collect()
}

/// Takes from a role one action after the other, but for these, and has the function begin anew and
/// work, until it is told that it may not do just this.
async fn each_is_missed(
    stage: &Stage,
    function: &str,
    role: &Role,
    but_for: &[&str],
    work: impl AsyncFn(&str),
) {
    let actions = role.actions().into_iter();
    let actions: Vec<_> = actions
        .filter(|action| !but_for.contains(&&**action))
        .filter(|action| UNPROVEN.iter().all(|(unproven, _)| unproven != action))
        .collect();
    assert!(actions.len() > 4, "{actions:?}");
    for action in actions {
        role.without(Some(&action)).await;
        let since = SystemTime::now();
        for sandbox in stage.aws.sandboxes(function) {
            sandbox.kill().unwrap();
        }
        let what = format!("{function} misses {action}");
        let round = AtomicU32::new(0);
        let name = action.replace(':', "-");
        stage
            .until(&what, async |stage| {
                let round = round.fetch_add(1, Ordering::SeqCst);
                work(&format!("{name}-{round}")).await;
                was_denied(stage, &action, since)
            })
            .await;
        role.whole().await;
    }
}

/// Sends one event of each kind.
async fn send_each(stage: &Stage, name: &str) {
    let events = KINDS.map(|kind| event(&format!("{kind}-{name}")));
    stage.send(&events).await;
}

/// A deployed bundle whose roles are enforced.
async fn enforced(name: &'static str, mode: Mode) -> Stage {
    let setting = Setting::enforced(name).await.routes(ROUTES).mode(mode);
    let setting = setting
        .with("DeadLetterMode", "send")
        .with("MaxReceiveCount", 100);
    let stage = setting.stage(answer).await;
    stage.aws.proxy().record();
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_poller_and_the_redrive_do_their_work_with_no_grant_too_few_or_too_many() {
    let stage = enforced("permitted-poll", Mode::Poll).await;
    let poller = Role::of(&stage, "PollerRole").await;
    let redrive = Role::of(&stage, "RedriveRole").await;
    send_each(&stage, "first").await;
    stage.poll_until_drained().await;
    let ask = async |payload: Value| {
        let function = stage.bundle.redrive_function();
        let invoked = stage.bundle.invoke(function, &payload).await;
        invoked.expect("a function can be invoked")
    };
    let redrive_all = |run: &str| json!({"action": "redrive", "run": run, "rate": 500});
    ask(redrive_all("first")).await;
    stage.poll_until_drained().await;
    assert_eq!(denials(&stage), Vec::<String>::new());

    let function = stage.bundle.poller_function().to_owned();
    each_is_missed(&stage, &function, &poller, &[], async |name| {
        send_each(&stage, name).await;
        for _ in 0..3 {
            // An invocation that may not even read its queue fails, and says so.
            let _ = stage.try_poll(json!({"stop_when_empty": true})).await;
        }
    })
    .await;

    let function = stage.bundle.redrive_function().to_owned();
    each_is_missed(&stage, &function, &redrive, &[], async |name| {
        stage.send(&[event(&format!("dead-again-{name}"))]).await;
        stage.poll(json!({"stop_when_empty": true})).await;
        ask(json!({"action": "list"})).await;
        ask(redrive_all(name)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_consumer_does_its_work_with_no_grant_too_few_or_too_many() {
    let stage = enforced("permitted-trigger", Mode::Trigger).await;
    let consumer = Role::of(&stage, "ConsumerRole").await;
    send_each(&stage, "first").await;
    stage.until_delivered(4).await;
    assert_eq!(denials(&stage), Vec::<String>::new());

    let function = stage.bundle.consumer_function().to_owned();
    each_is_missed(
        &stage,
        &function,
        &consumer,
        &OF_THE_MAPPING,
        async |name| {
            send_each(&stage, name).await;
            sleep(Duration::from_secs(3)).await;
        },
    )
    .await;
}
