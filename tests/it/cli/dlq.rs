//! `waybill dlq`: what is refused before anything is touched, and what changes nothing.

use std::fs;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tokio::time::Instant;

use waybill_core::ledger::{Row, Status};
use waybill_local::local_aws::free_port;

use super::bare::{Bare, key, queue, row, typed};
use crate::support::stage::event;

/// Every command that looks at dead letters, with what it must be told besides.
const ALL: [&[&str]; 6] = [
    &["ls"],
    &["show", "e-1"],
    &["redrive", "--yes"],
    &["edit", "--body", "{}", "--yes"],
    &["discard", "--yes"],
    &["export"],
];

/// Those that take a selection.
const SELECTING: [&[&str]; 5] = [ALL[0], ALL[2], ALL[3], ALL[4], ALL[5]];

/// `waybill dlq` with these words behind it.
fn dlq<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["dlq"], words, more].concat()
}

#[tokio::test]
async fn what_no_command_can_do_without_is_asked_for_by_name() {
    let bare = Bare::new().await;
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.yaml");
    fs::write(&broken, "consumer: [a").unwrap();
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, "consumer: 'a#b'").unwrap();
    let named = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (broken, wrong) = (named(&broken), named(&wrong));
    for words in ALL {
        let nothing = [
            ("WAYBILL_CONSUMER", ""),
            ("WAYBILL_LEDGER_TABLE", ""),
            ("WAYBILL_QUEUE_URL", ""),
            ("WAYBILL_DLQ_URL", ""),
        ];
        let run = bare.cli(dlq(words, &[]));
        let run = nothing
            .iter()
            .fold(run, |run, (name, value)| run.with(name, value));
        let ran = run.run().await.expect(2);
        let ran = ran.says(&["--dlq-url", "--ledger-table", "--consumer", "--queue-url"]);
        let ran = ran.says(&["DeadLetterQueueUrl", "LedgerTableName", "SourceQueueUrl"]);
        assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 4));

        for (routes, sentences) in [
            ("", ["give --routes", "--routes none"]),
            (
                "/nowhere/routes.yaml",
                ["`/nowhere/routes.yaml` cannot be read", "give --routes"],
            ),
            (&broken, [broken.as_str(), "line 1"]),
            (&wrong, [wrong.as_str(), "consumer"]),
        ] {
            let run = bare.cli(dlq(words, &[])).with("WAYBILL_ROUTES", routes);
            let ran = run.run().await.expect(2).says(&sentences);
            assert_eq!(ran.stdout, "", "{words:?}");
        }
    }
    let no_consumer = bare.cli(["dlq", "ls", "--consumer", "a#b"]).run().await;
    no_consumer
        .expect(2)
        .says(&["--consumer is `a#b`", "no `#`"]);
}

#[tokio::test]
async fn a_selection_that_is_not_understood_is_refused_by_its_place() {
    let bare = Bare::new().await;
    let table: [(&[&str], &[&str]); 10] = [
        (&["--where", ""], &["--where: ends where a comparison"]),
        (
            &["--where", "raeson = x"],
            &["--where: `raeson` (column 1) is no field", "reason, route"],
        ),
        (
            &["--where", "reason = spent"],
            &["--where: `spent` (column 10)", "attempts_spent"],
        ),
        (
            &["--where", "route = crm and age < soon"],
            &["`soon` (column 23)", "as `2h`"],
        ),
        (
            &["--where", "route = 'crm"],
            &["quote at column 9 is not closed"],
        ),
        (
            &["--pattern", "type = x"],
            &["--pattern is no JSON", "line 1 column 2"],
        ),
        (&["--pattern", "[]"], &["--pattern"]),
        (
            &["--pattern", r#"{"type": [{"prefiks": "x"}]}"#],
            &["--pattern: ", "prefiks"],
        ),
        (
            &["--since", "yesterday"],
            &["--since: `yesterday` is no duration", "`2h`"],
        ),
        (&["--since", "2"], &["--since: `2` is no duration"]),
    ];
    for (more, sentences) in table {
        for words in SELECTING {
            let ran = bare.cli(dlq(words, more)).run().await;
            let ran = ran.expect(2).says(sentences);
            assert_eq!(ran.stdout, "", "{words:?} {more:?}");
        }
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_followed_is_refused_by_its_option() {
    let bare = Bare::new().await;
    let table: [(&[&str], &[&str]); 26] = [
        (&["ls", "--sample", "0"], &["--sample", "1..=100000"]),
        (&["ls", "--limit", "1"], &["'--limit'"]),
        (&["show"], &["<KEY|EVENT_ID|MESSAGE_ID>"]),
        (&["export", "--limit", "0"], &["--limit"]),
        (&["redrive", "--limit", "0"], &["--limit"]),
        (&["redrive", "--rate", "0"], &["--rate must be 1 to 500"]),
        (&["redrive", "--rate", "501"], &["--rate must be 1 to 500"]),
        (&["discard", "--rate", "501"], &["--rate must be 1 to 500"]),
        (&["discard", "--canary", "1"], &["'--canary'"]),
        (
            &["redrive", "--canary", "101"],
            &["--canary must be at most 100"],
        ),
        (&["redrive", "--canary", "-1"], &["'-1'"]),
        (
            &["redrive", "--canary-time", "5"],
            &["--canary-time is `5`", "`5m`"],
        ),
        (
            &["redrive", "--ramp", "soon"],
            &["--ramp is `soon`", "`30s`"],
        ),
        (&["edit"], &["--patch", "required"]),
        (
            &["edit", "--patch", "[]", "--body", "x"],
            &["--patch", "--body", "cannot be used with"],
        ),
        (
            &["edit", "--patch", "add"],
            &["--patch is no JSON Patch (RFC 6902)", "line 1 column 1"],
        ),
        (&["edit", "--patch", "{}"], &["--patch is no JSON Patch"]),
        (
            &["edit", "--patch", "[]"],
            &["--patch is a JSON Patch without an operation"],
        ),
        (
            &["edit", "--patch", "@/nowhere/p"],
            &["--patch: `/nowhere/p` cannot be read"],
        ),
        (
            &["edit", "--body", "@/nowhere/b"],
            &["--body: `/nowhere/b` cannot be read"],
        ),
        (
            &["redrive", "--run", "a b", "--yes"],
            &["`a b` is no name of a run", "1 to 64"],
        ),
        (
            &["redrive", "--run", "", "--dry-run"],
            &["`` is no name of a run"],
        ),
        (
            &["redrive", "--resume", "r-none", "--yes"],
            &["there is no run `r-none` to go on with"],
        ),
        (
            &["redrive", "--resume", "a/b", "--yes"],
            &["`a/b` is no name of a run"],
        ),
        (&["discard", "--resume", "r-1"], &["'--resume'"]),
        (&["lst"], &["'lst'"]),
    ];
    for (words, sentences) in table {
        let ran = bare.cli(dlq(words, &[])).run().await;
        let ran = ran.expect(2).says(sentences);
        assert_eq!(ran.stdout, "", "{words:?}");
    }
    for other in [
        &["--where", "route = crm"][..],
        &["--pattern", "{}"],
        &["--since", "2h"],
        &["--key", "k"],
        &["--message-id", "m"],
        &["--limit", "1"],
        &["--run", "r"],
        &["--canary", "1"],
        &["--canary-time", "1m"],
        &["--rate", "1"],
        &["--ramp", "1s"],
        &["--stop-after", "1"],
        &["--max-redrives", "1"],
        &["--dry-run"],
    ] {
        let ran = bare
            .cli(dlq(&["redrive", "--resume", "r-1"], other))
            .run()
            .await;
        ran.expect(2)
            .says(&["--resume", "cannot be used with", other[0]]);
    }
}

#[tokio::test]
async fn places_that_are_not_there_or_do_not_fit_are_told_in_bounded_time() {
    let bare = Bare::new().await;
    bare.bury(&event("e-1")).await;
    let fifo = (QueueAttributeName::FifoQueue, "true");
    let fifo = queue(&bare.sqs, "orders-dead.fifo", &[fifo]).await;
    let arn = "arn:aws:sqs:us-east-1:000000000000:orders-dead";
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    let policy = (QueueAttributeName::RedrivePolicy, policy.as_str());
    let chained = queue(&bare.sqs, "orders-sick", &[policy]).await;
    let nowhere = bare.dead.replace("orders-dead", "elsewhere");
    let nobody = format!("http://127.0.0.1:{}", free_port().expect("a port is free"));
    let begun = Instant::now();
    for words in ALL {
        let table: [(&str, &str, &[&str]); 6] = [
            (
                "WAYBILL_DLQ_URL",
                &nowhere,
                &["elsewhere", "does not exist", "set --dlq-url", "--region"],
            ),
            (
                "WAYBILL_DLQ_URL",
                &fifo,
                &["orders-dead.fifo", "are no pair"],
            ),
            (
                "WAYBILL_DLQ_URL",
                &chained,
                &[
                    "orders-sick",
                    "redrive policy of its own",
                    "last queue of the chain",
                ],
            ),
            (
                "WAYBILL_LEDGER_TABLE",
                "elsewhere",
                &["ledger table `elsewhere`", "--region"],
            ),
            ("AWS_ENDPOINT_URL", &nobody, &["--endpoint-url"]),
            (
                "AWS_ENDPOINT_URL",
                "nowhere",
                &["`nowhere` is no address", "--endpoint-url"],
            ),
        ];
        for (name, value, sentences) in table {
            let ran = bare.cli(dlq(words, &[])).with(name, value).run().await;
            let ran = ran.expect(2).says(sentences);
            assert!(!ran.stderr.contains("the function"), "{words:?} {ran:?}");
            assert_eq!(ran.stdout, "", "{words:?} {name}");
        }
    }
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        (bare.depth(&bare.dead).await, bare.depth(&bare.source).await),
        (1, 0)
    );

    // Only the send finds out that the source is gone: the dead letter stays.
    let gone = bare.source.replace("orders", "gone");
    let redrive = bare.cli(dlq(ALL[2], &[])).with("WAYBILL_QUEUE_URL", &gone);
    let ran = redrive.run().await.expect(1);
    assert!(ran.stdout.contains("gone"), "{ran:?}");
    assert_eq!(bare.depth(&bare.dead).await, 1);
}

#[tokio::test]
async fn an_empty_queue_is_nothing_to_do() {
    let bare = Bare::new().await;
    let listed = bare.cli(["dlq", "ls"]).run().await.expect(0);
    assert!(
        listed
            .stdout
            .starts_with("0 selected of 0 seen: all that nobody else holds"),
        "{listed:?}"
    );
    let listed = bare
        .cli(["dlq", "ls", "--each", "--json"])
        .run()
        .await
        .expect(0);
    let expected = json!({
        "seen": 0,
        "selected": 0,
        "to_the_end": true,
        "in_queue_about": 0,
        "groups": [],
        "dead_letters": [],
    });
    assert_eq!(listed.json(), expected);
    let exported = bare.cli(["dlq", "export"]).run().await.expect(0);
    let exported = exported.says(&["0 written of 0 seen"]);
    assert_eq!(exported.stdout, "");
    for words in [ALL[2], ALL[3], ALL[4]] {
        let report = bare
            .cli(dlq(words, &["--json"]))
            .run()
            .await
            .expect(0)
            .json();
        assert_eq!(
            (&report["stopped"], &report["resumed"]),
            (&json!("done"), &json!(false))
        );
        let counts = report["counts"].as_object().unwrap().values();
        for count in counts {
            assert!([json!(0), json!({})].contains(count), "{report}");
        }
    }
    let shown = bare.cli(["dlq", "show", "e-1"]).run().await.expect(2);
    shown.says(&["`e-1`", "0 seen", "waybill ledger show"]);
}

#[tokio::test]
async fn what_is_not_confirmed_and_what_is_tried_dry_changes_nothing() {
    let bare = Bare::new().await;
    let dead = row("e-1", Status::Dead);
    bare.plant(&dead).await;
    for id in ["e-1", "e-2"] {
        bare.bury(&event(id)).await;
    }
    let patch = r#"[{"op": "add", "path": "/payload/x", "value": 1}]"#;
    let edit: &[&str] = &["edit", "--patch", patch];
    for (words, asks) in [
        (
            &["redrive"][..],
            "Bring back what is selected (route = crm)",
        ),
        (edit, ", edited, "),
        (
            &["discard"][..],
            "Delete what is selected (route = crm) of about 2",
        ),
    ] {
        let run = bare.cli(dlq(words, &["--where", "route = crm"]));
        let ran = run.run().await.expect(2);
        let ran = ran.says(&["not confirmed", "--yes", asks, &bare.dead]);
        assert_eq!(ran.stdout, "");

        let would = bare.cli(dlq(words, &["--dry-run"])).run().await.expect(0);
        assert!(
            would
                .stdout
                .starts_with("dry run, nothing was changed: done"),
            "{would:?}"
        );
        let would = bare.cli(dlq(words, &["--dry-run", "--json"])).run().await;
        let counts = would.expect(0).json()["counts"].clone();
        let taken = match words {
            ["discard"] => json!([0, 0, 2]),
            _ => json!([1, 1, 0]),
        };
        let told = ["revived", "never_attempted", "discarded"].map(|name| counts[name].clone());
        assert_eq!(Value::from(told.to_vec()), taken, "{words:?} {counts}");
        assert_eq!(
            (bare.depth(&bare.dead).await, bare.depth(&bare.source).await),
            (2, 0)
        );
        let stands = bare.row(&key("e-1")).await;
        assert_eq!(
            stands,
            Some(Row::Known(Box::new(dead.clone()))),
            "{words:?}"
        );
    }
    // A look changes nothing either, and gives back what it held.
    for arguments in [
        &["dlq", "ls"][..],
        &["dlq", "export"],
        &["dlq", "show", "e-2"],
    ] {
        let ran = bare.cli(arguments.iter().copied()).run().await;
        ran.expect(0);
    }
    let none = bare
        .cli(["dlq", "show", "e-3", "--sample", "1"])
        .run()
        .await;
    none.expect(2).says(&["1 seen", "see --sample"]);
    let none = bare.cli(["dlq", "show", &typed("e-3")]).run().await;
    none.expect(2)
        .says(&["2 seen, which are all that nobody else holds"]);
    assert_eq!(bare.depth(&bare.dead).await, 2);
}

#[tokio::test]
async fn dead_letters_go_back_are_deleted_and_their_rows_say_by_whom_f71() {
    let bare = Bare::new().await;
    for id in ["e-1", "e-2"] {
        bare.plant(&row(id, Status::Dead)).await;
    }
    for id in ["e-1", "e-2", "e-3", "e-4"] {
        bare.bury(&event(id)).await;
    }
    let listed = bare.cli([
        "dlq",
        "ls",
        "--json",
        "--each",
        "--where",
        "reason = never_attempted",
    ]);
    let listed = listed.run().await.expect(0).json();
    assert_eq!(
        (&listed["seen"], &listed["selected"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(listed["groups"][0]["reason"], "never_attempted");
    assert_eq!(listed["dead_letters"].as_array().unwrap().len(), 2);
    let exported = bare.cli(["dlq", "export", "--limit", "3"]).run().await;
    assert_eq!(exported.expect(0).stdout.lines().count(), 3);

    let key_of_one = typed("e-1");
    let discard = ["dlq", "discard", "--key", &key_of_one, "--yes", "--json"];
    let report = bare.cli(discard).run().await.expect(0).json();
    assert_eq!(report["counts"]["discarded"], 1, "{report}");
    let Some(Row::Known(gone)) = bare.row(&key("e-1")).await else {
        panic!("its row stays")
    };
    let entry = gone.audit.last().unwrap();
    assert_eq!(
        (gone.status, entry.deed.word(), entry.who.as_str()),
        (Status::Dead, "discarded", "ada")
    );

    let limited = [
        "dlq",
        "redrive",
        "--where",
        "reason = never_attempted",
        "--limit",
        "1",
        "--yes",
    ];
    let report = bare.cli(limited.into_iter().chain(["--json"])).run().await;
    let report = report.expect(0).json();
    assert_eq!(
        (&report["stopped"], &report["counts"]["never_attempted"]),
        (&json!("limit"), &json!(1))
    );
    assert_eq!(
        (bare.depth(&bare.dead).await, bare.depth(&bare.source).await),
        (2, 1)
    );

    let rest = ["dlq", "redrive", "--run", "rest", "--who", "bob", "--yes"];
    let rest = bare.cli(rest).run().await.expect(0);
    assert!(rest.stdout.starts_with("run rest: done"), "{rest:?}");
    assert_eq!(
        (bare.depth(&bare.dead).await, bare.depth(&bare.source).await),
        (0, 3)
    );
    let Some(Row::Known(back)) = bare.row(&key("e-2")).await else {
        panic!("its row stays")
    };
    let entry = back.audit.last().unwrap();
    assert_eq!((back.status, back.redrive_n), (Status::Pending, 1));
    assert_eq!(
        (
            entry.deed.word(),
            entry.who.as_str(),
            entry.note.contains("rest")
        ),
        ("redriven", "bob", true)
    );
}
