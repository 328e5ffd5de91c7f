//! Routes in a parameter, which change while functions run, and a secret that a route refers to.

use std::time::Duration;

use tokio::time::sleep;

use waybill_local::{Received, Reply};

use crate::support::stage::{Setting, Stage, event};

/// Where the routes are.
const PARAMETER: &str = "/live/routes";

/// One route to this path, with a token that is kept elsewhere.
fn routes(stage: &Stage, path: &str) -> String {
    let url = stage.receiver.url(path);
    format!(
        r#"{{routes: [{{name: hook, target: {{http: {{url: "{url}", timeout: 60s, headers: {{
            authorization: {{secretsmanager: live/hook, key: token, prefix: "Bearer "}}}}}}}}}}]}}"#
    )
}

/// A stage whose routes are in the parameter: `/old`.
async fn stage(name: &'static str) -> Stage {
    let setting = Setting::new(name).await;
    let setting = setting.with("RoutesParameterName", PARAMETER);
    let stage = setting.stage(|_: &Received, _| Reply::status(200)).await;
    let aws = &stage.aws;
    let secret = aws.create_secret("live/hook", r#"{"token": "t0p"}"#);
    secret.await.expect("a secret is made");
    put(&stage, &routes(&stage, "/old")).await;
    stage
}

/// Puts another version into the parameter.
async fn put(stage: &Stage, text: &str) {
    let put = stage.aws.put_parameter(PARAMETER, text).await;
    put.expect("a parameter is put");
}

/// Delivers one more event.
async fn deliver(stage: &Stage) {
    let before = stage.effects().len();
    stage.send(&[event(&format!("e-{before}"))]).await;
    stage.until_delivered(before + 1).await;
}

/// Delivers an event every few seconds until this has come: routes are read beside the work.
async fn deliver_until(stage: &Stage, come: impl AsyncFn(&Stage) -> bool) {
    for _ in 0..100 {
        deliver(stage).await;
        if come(stage).await {
            return;
        }
        sleep(Duration::from_secs(2)).await;
    }
    panic!(
        "waited in vain; the functions said: {:#?}",
        stage.logs().await
    );
}

/// The path and the authorization of the last request.
fn last(stage: &Stage) -> (String, String) {
    let all = stage.receiver.exchanges();
    let received = &all.last().expect("there was a request").received;
    let shown = received.header("authorization").unwrap_or_default();
    (received.path.clone(), shown.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_routes_of_the_parameter_are_taken_by_a_function_that_runs() {
    let stage = stage("live").await;
    deliver(&stage).await;
    assert_eq!(last(&stage), ("/old".to_owned(), "Bearer t0p".to_owned()));
    put(&stage, &routes(&stage, "/new")).await;
    deliver_until(&stage, async |stage| last(stage).0 == "/new").await;
    assert_eq!(last(&stage).1, "Bearer t0p");
    let logs = stage.logs().await.join("\n");
    assert!(!logs.contains("t0p"), "{logs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_6_a_version_of_the_routes_that_is_not_valid_leaves_the_old_in_force() {
    let stage = stage("live-refused").await;
    deliver(&stage).await;
    put(&stage, "{routes: [{name: hook}]}").await;
    let is_told = async |stage: &Stage| {
        let logs = stage.logs().await;
        logs.iter().any(|line| {
            line.contains("new routes refused; those in force stay")
                && line.contains("key `target` is missing")
        })
    };
    deliver_until(&stage, is_told).await;
    deliver(&stage).await;
    assert_eq!(last(&stage).0, "/old");
}
