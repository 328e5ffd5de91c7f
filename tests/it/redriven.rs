//! The day after the outage: dead letters seen, explained and brought back, by the command and by
//! the function, against a stand-in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use waybill_local::{GroupedMessage, Reply};

use crate::support::cli::{Cli, ended};
use crate::support::stage::{Setting, Stage, event, events};

/// A bundle whose target answers 503 until it is mended, and refuses for good what begins with `r`.
async fn outage(setting: Setting) -> (Stage, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let stage = setting
        .with("MaxReceiveCount", 11)
        .stage(move |received, _| {
            let id = received.event_id().unwrap_or_default().to_owned();
            match () {
                () if id.starts_with('r') => Reply::status(422),
                () if is_mended.load(Ordering::Relaxed) || id.starts_with("ok") => {
                    Reply::status(200)
                }
                () => Reply::status(503),
            }
        });
    (stage.await, mended)
}

/// The groups that `dlq ls --json` tells of, by reason.
async fn groups(stage: &Stage) -> BTreeMap<String, u64> {
    let listed = Cli::new(["dlq", "ls", "--json"]).of(stage);
    let listed = listed.run().await.expect(0).json();
    let groups = listed["groups"].as_array().unwrap().iter();
    let group = |group: &Value| {
        let reason = group["reason"].as_str().unwrap().to_owned();
        (reason, group["count"].as_u64().unwrap())
    };
    groups.map(group).collect()
}

async fn dead(stage: &Stage) -> u64 {
    let depth = stage.bundle.dead_letters().depth().await;
    depth.expect("it can be asked").total()
}

const REDRIVE: [&str; 9] = [
    "dlq",
    "redrive",
    "--where",
    "reason = attempts_spent",
    "--canary",
    "1",
    "--rate",
    "20",
    "--yes",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_just_what_it_killed_comes_back_once_also_when_the_command_is_killed_f69_f71()
 {
    let (stage, mended) = outage(Setting::new("outage").await).await;
    let mut sent = events("e", 60);
    sent.extend(events("r", 3));
    sent.extend(events("ok", 10));
    stage.send(&sent).await;
    stage.until_dead(63).await;
    let expected = [
        ("attempts_spent".to_owned(), 60),
        ("rejected".to_owned(), 3),
    ];
    assert_eq!(groups(&stage).await, expected.into());
    let listed = Cli::new(["dlq", "ls"]).of(&stage).run().await.expect(0);
    for part in [
        "attempts_spent",
        "hook 60",
        "http_503 60",
        "rejected",
        "63 seen",
    ] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }

    let shown = Cli::new(["dlq", "show", "plain:orders\\0e-7"]).of(&stage);
    let shown = shown.run().await.expect(0).stdout;
    assert_eq!(
        shown.matches("http_503").count(),
        5,
        "four tries and the last: {shown}"
    );
    assert!(
        shown.contains("its tries at a target are used up"),
        "{shown}"
    );
    let told = Cli::new(["dlq", "show", "r-1", "--json", "--body"]).of(&stage);
    let told = told.run().await.expect(0).json();
    assert_eq!(told["reason"], "rejected");
    assert_eq!(told["body_with_history"]["error"][0]["status_code"], 422);

    // What was not mended says so: the canary fails again, and the others stay.
    let failed = Cli::new(REDRIVE).of(&stage).run().await.expect(1);
    assert!(failed.stdout.contains("canary_failed"), "{}", failed.stdout);
    assert_eq!(dead(&stage).await, 62);
    stage.until_dead(63).await;

    mended.store(true, Ordering::Relaxed);
    let mut child = Cli::new(REDRIVE).of(&stage).start();
    stage
        .until("some are back", async |stage| stage.effects().len() > 25)
        .await;
    child.kill().await.expect("it can be killed");
    ended(child).await;
    let left = dead(&stage).await;
    assert!((4..62).contains(&left), "{left}");
    // The lease of the run that was killed ends first.
    sleep(Duration::from_secs(16)).await;
    let report = Cli::new(REDRIVE.into_iter().chain(["--json"])).of(&stage);
    let report = report.run().await.expect(0).json();
    assert_eq!(report["resumed"], true);
    stage.until_delivered(70).await;
    stage.until_dead(3).await;
    assert_eq!(stage.effects(), [1; 70]);
    // What was not selected is hidden for two minutes, for the run that was killed did not show it.
    stage
        .until("the others can be seen again", async |stage| {
            groups(stage).await == [("rejected".to_owned(), 3)].into()
        })
        .await;
    let row = stage.row("e-7").await;
    assert_eq!(row.status(), "COMPLETED");
    assert!(
        (1..=2).contains(&row.number("redrive_n").unwrap()),
        "{row:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_loop_is_stopped_and_says_so_f70() {
    let (stage, _) = outage(Setting::new("loop").await).await;
    stage.send(&[event("e-1")]).await;
    stage.until_dead(1).await;
    let once = ["dlq", "redrive", "--yes", "--max-redrives", "1", "--json"];
    let report = Cli::new(once).of(&stage).run().await.expect(0).json();
    assert_eq!(report["counts"]["revived"], 1);
    stage
        .until("it is dead again", async |stage| {
            let row = stage.row("e-1").await;
            row.status() == "DEAD" && row.number("redrive_n") == Some(1)
        })
        .await;
    stage.until_dead(1).await;
    let again = Cli::new(&once[..5]).of(&stage).run().await.expect(1);
    for part in [
        "left: loop",
        "it was redriven once, and died again each time",
    ] {
        assert!(again.stdout.contains(part), "{part}: {}", again.stdout);
    }
    assert_eq!(dead(&stage).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_function_lists_dead_letters_and_brings_them_back() {
    let (stage, mended) = outage(Setting::new("redrive").await).await;
    stage.send(&events("e", 5)).await;
    stage.until_dead(5).await;
    let invoke = async |event: Value| {
        let function = stage.bundle.redrive_function();
        let invoked = stage.bundle.invoke(function, &event).await;
        let invoked = invoked.expect("it can be invoked");
        (invoked.function_error.is_none(), invoked.payload)
    };
    let (well, listed) = invoke(json!({"action": "list", "where": "route = hook"})).await;
    assert!(well, "{listed}");
    assert_eq!(
        (&listed["selected"], &listed["to_the_end"]),
        (&json!(5), &json!(true))
    );
    assert_eq!(listed["dead_letters"][0]["reason"], "attempts_spent");
    let (well, refused) = invoke(json!({"action": "redrive", "wehre": "x"})).await;
    assert!(
        !well && refused["errorMessage"].as_str().unwrap().contains("wehre"),
        "{refused}"
    );
    let order =
        |dry_run| json!({"action": "redrive", "where": "code = http_503", "dry_run": dry_run});
    let (_, would) = invoke(order(true)).await;
    assert_eq!(would["counts"]["revived"], 5, "{would}");
    mended.store(true, Ordering::Relaxed);
    let (_, report) = invoke(order(false)).await;
    assert_eq!(
        (&report["stopped"], &report["counts"]["revived"]),
        (&json!("done"), &json!(5))
    );
    stage.until_delivered(5).await;
    assert_eq!((stage.effects(), dead(&stage).await), (vec![1; 5], 0));
    let (well, none) = invoke(json!({"action": "resume", "run": report["run"]})).await;
    assert!(!well, "a run that is over does not go on: {none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_edited_exported_and_discarded_and_fifo_keeps_its_order_f26() {
    let (stage, mended) = outage(Setting::new("mend").await.fifo()).await;
    for group in ["a", "b"] {
        let message = |id: String| GroupedMessage {
            group: group.to_owned(),
            body: event(&id),
            deduplication_id: id,
        };
        let messages: Vec<_> = (0..3).map(|n| message(format!("e-{group}{n}"))).collect();
        stage
            .bundle
            .source()
            .send_in_groups(&messages)
            .await
            .unwrap();
    }
    stage.until_dead(6).await;
    let exported = Cli::new(["dlq", "export"]).of(&stage).run().await.expect(0);
    let lines: Vec<Value> = exported
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 6);
    assert!(lines[0]["body"].is_string() && lines[0]["attributes"]["waybill-key"].is_object());
    let history = Cli::new(["dlq", "export", "--history"]).of(&stage);
    let history = history.run().await.expect(0).stdout;
    assert_eq!(history.matches("\"error\":[").count(), 6, "{history}");
    mended.store(true, Ordering::Relaxed);
    let patch = r#"[{"op": "add", "path": "/payload/mended", "value": true}]"#;
    let edit = [
        "dlq",
        "edit",
        "--key",
        "plain:orders\\0e-a0",
        "--patch",
        patch,
        "--yes",
        "--json",
    ];
    let report = Cli::new(edit).of(&stage).run().await.expect(0).json();
    assert_eq!(report["counts"]["revived"], 1, "{report}");
    stage.until_delivered(1).await;
    let tried = stage.requests("e-a0");
    assert!(
        tried
            .last()
            .unwrap()
            .received
            .body
            .windows(6)
            .any(|part| part == b"mended")
    );
    let row = Cli::new(["ledger", "show", "plain:orders\\0e-a0"]).of(&stage);
    let row = row.run().await.expect(0).stdout;
    assert!(row.contains("edited") && row.contains("ada"), "{row}");
    let discard = ["dlq", "discard", "--where", "group = b", "--yes"];
    Cli::new(discard).of(&stage).run().await.expect(0);
    let rest = Cli::new(["dlq", "redrive", "--yes"]).of(&stage);
    rest.run().await.expect(0);
    stage.until_delivered(3).await;
    assert_eq!((stage.effects(), dead(&stage).await), (vec![1; 3], 0));
    let order: Vec<_> = stage
        .receiver
        .exchanges()
        .into_iter()
        .filter(|e| e.status == Some(200))
        .filter_map(|e| e.received.event_id().map(str::to_owned))
        .collect();
    assert_eq!(order, ["e-a0", "e-a1", "e-a2"]);
}
