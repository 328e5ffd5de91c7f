//! An event that waits outside its queue, in a schedule of the stack's own.

use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::{BehaviorVersion, Config, Credentials, Region};

use waybill_local::{Fault, FaultAction, Reply};

use crate::support::stage::{Setting, Stage, event};

/// How long the route waits after its first try, in seconds.
const WAIT: u64 = 15;

/// A route that takes its events out of the queue when it has failed once.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 15s, factor: 1, jitter: 0, detach: 1}},
  routes: [
    {name: sick, target: {http: {url: "URL/sick", timeout: 5s}}},
    {name: well, target: {http: {url: "URL/well", timeout: 5s}}}
  ]
}"#;

/// The names of the stack's schedules.
async fn schedules(stage: &Stage) -> Vec<String> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "local"))
        .endpoint_url(stage.aws.endpoint())
        .build();
    let group = stage.bundle.output("ScheduleGroupName").unwrap();
    let listed = Client::from_conf(config)
        .list_schedules()
        .group_name(group)
        .send()
        .await;
    let schedules = listed.unwrap().schedules.into_iter();
    schedules.filter_map(|schedule| schedule.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sick_route_goes_on_from_a_schedule_and_its_event_is_delivered_once_f07_f33() {
    let setting = Setting::new("scheduled").await.routes(ROUTES);
    let stage = setting
        .stage(|received, nth| match (received.path.as_str(), nth) {
            ("/sick", 1) => Reply::status(503),
            _ => Reply::status(200),
        })
        .await;
    // The first schedule is made and nobody hears of it: the next request finds it there.
    let lost = stage.aws.proxy().inject(
        Fault::new(FaultAction::DropReply)
            .service("scheduler")
            .times(1),
    );
    stage.send(&[event("e-1")]).await;
    stage
        .until("the event waits in a schedule", async |stage| {
            let lines = stage.logs().await;
            let left = |line: &String| line.contains("event leaves its queue to wait");
            lines
                .iter()
                .any(|line| left(line) && line.contains("\"detached\""))
        })
        .await;
    stage.until_delivered(2).await;
    assert_eq!(stage.aws.proxy().spoiled(lost), 1);

    let tries: Vec<_> = stage.requests("e-1");
    let of = |path: &str| {
        tries
            .iter()
            .filter(|t| t.received.path == path)
            .collect::<Vec<_>>()
    };
    let (sick, well) = (of("/sick"), of("/well"));
    assert_eq!(
        (sick.len(), well.len()),
        (2, 1),
        "what is done is not done again"
    );
    let [first, second] = [sick[0], sick[1]].map(|exchange| &exchange.received);
    let waited = second.at.duration_since(first.at).unwrap();
    assert!(waited >= Duration::from_secs(WAIT), "{waited:?}");
    assert_eq!(first.body, second.body);
    for name in [
        "idempotency-key",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-time",
    ] {
        assert_eq!(first.headers.get(name), second.headers.get(name), "{name}");
    }

    let row = stage.row("e-1").await;
    assert_eq!(row.status(), "COMPLETED");
    stage
        .until("no schedule is left", async |stage| {
            schedules(stage).await.is_empty()
        })
        .await;
}
