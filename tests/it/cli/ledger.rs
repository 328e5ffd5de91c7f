//! `waybill ledger`, on rows of every kind.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::{Record, RouteState, Row, Status};
use waybill_core::outcome::DeadReason;
use waybill_testkit::fixtures;

use super::bare::{Bare, key, now, row, typed};
use crate::support::cli::ended;
use crate::support::stage::event;

/// A claim that somebody works on.
fn running(id: &str) -> Record {
    let mut record = row(id, Status::InProgress);
    record.lease_until = now().after(Duration::from_secs(600));
    record
}

/// What is known of a row that this release can read.
async fn known(bare: &Bare, id: &str) -> Record {
    match bare.row(&key(id)).await {
        Some(Row::Known(record)) => *record,
        other => panic!("{id}: {other:?}"),
    }
}

#[tokio::test]
async fn a_row_of_every_kind_is_shown() {
    let bare = Bare::new().await;
    let mut dead = row("dead", Status::Dead);
    dead.death.as_mut().unwrap().reason = DeadReason::AttemptsSpent;
    dead.routes = vec![fixtures::route_record("crm", RouteState::Spent, 4)];
    dead.attempts = (0..4).map(|n| fixtures::attempt_record("crm", n)).collect();
    for record in [
        dead,
        row("waits", Status::Pending),
        running("runs"),
        row("left", Status::InProgress),
    ] {
        bare.plant(&record).await;
    }
    let table = [
        ("dead", vec!["DEAD", "of attempts_spent", "message m-1"]),
        ("dead", vec!["crm", "spent", "the target answered 503"]),
        ("waits", vec!["PENDING", "due "]),
        ("runs", vec!["IN_PROGRESS", "lease "]),
        ("left", vec!["IN_PROGRESS", ", has ended"]),
    ];
    for (id, parts) in table {
        let shown = bare.cli(["ledger", "show", &typed(id)]).run().await;
        let shown = shown.expect(0).stdout;
        assert!(
            shown.contains(&format!("key        test#{}\n", typed(id))),
            "{shown}"
        );
        for part in parts {
            assert!(shown.contains(part), "{id}: no {part} in {shown}");
        }
    }
    let runs = bare.cli(["ledger", "show", &typed("runs")]).run().await;
    assert!(!runs.stdout.contains("has ended"), "{runs:?}");

    // With the consumer before it, as `ledger show` itself writes it, and as it stands.
    let whole = format!("test#{}", typed("dead"));
    let told = bare.cli(["ledger", "show", &whole, "--json"]).run().await;
    let told = told.expect(0).json();
    assert_eq!(told["key"], whole);
    assert_eq!(told["row"]["status"], "DEAD");
    assert_eq!(told["row"]["reason"], "attempts_spent");
    assert_eq!(told["row"]["routes"][0]["attempts"], 4);
    assert_eq!(told["row"]["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&told["unknown_row"], &told["forgotten"]),
        (&json!(null), &json!([]))
    );
    let other = bare.cli(["ledger", "show", &typed("dead"), "--consumer", "other"]);
    let other = other.run().await.expect(2);
    other.says(&[
        "no row `other#plain:orders\\0dead`",
        "--consumer and the key",
    ]);
}

#[tokio::test]
async fn only_a_claim_whose_lease_has_ended_is_unlocked_and_the_row_says_by_whom_f38_f52() {
    let bare = Bare::new().await;
    let mut left = row("left", Status::InProgress);
    left.crashes = 2;
    for record in [
        &left,
        &running("runs"),
        &row("waits", Status::Pending),
        &row("later", Status::Scheduled),
        &row("dead", Status::Dead),
        &row("done", Status::Completed),
    ] {
        bare.plant(record).await;
    }
    bare.plant_unreadable(&key("odd")).await;
    let table = [
        ("runs", "somebody holds it: its lease ends in"),
        ("waits", "it is not locked: the next message of its event"),
        ("later", "it is not locked: a schedule brings its event"),
        ("dead", "it is dead; redrive its dead letter, or forget it"),
        ("done", "it is done; to have its event done again, forget"),
        ("odd", "cannot be read"),
        ("none", "the ledger has no row `test#plain:orders\\0none`"),
    ];
    for (id, sentence) in table {
        let before = bare.row(&key(id)).await;
        let refused = bare.cli(["ledger", "unlock", &typed(id), "--yes"]);
        let refused = refused.run().await.expect(2).says(&[sentence, &typed(id)]);
        assert_eq!(refused.stdout, "", "{id}");
        assert_eq!(bare.row(&key(id)).await, before, "{id}");
    }

    let unlock = ["ledger", "unlock", &typed("left"), "--why", "its host died"];
    let asked = bare.cli(unlock).run().await.expect(2);
    asked.says(&["not confirmed", "--yes"]);
    let would = bare.cli(unlock.into_iter().chain(["--dry-run"]));
    let would = would.run().await.expect(0);
    assert!(would.stdout.contains("would be unlocked"), "{would:?}");
    assert_eq!(known(&bare, "left").await, left);

    let freed = bare.cli(unlock.into_iter().chain(["--yes", "--json"]));
    let freed = freed.run().await.expect(0).json();
    let told = json!({"key": format!("test#{}", typed("left")), "result": "unlocked"});
    assert_eq!(freed, told);
    let record = known(&bare, "left").await;
    assert_eq!(
        (record.status, record.crashes, record.rev),
        (Status::Pending, 0, left.rev + 1)
    );
    assert_ne!(record.owner, left.owner);
    let entry = record.audit.last().unwrap();
    assert_eq!(
        (entry.who.as_str(), entry.note.as_str()),
        ("ada", "its host died")
    );
    let shown = bare.cli(["ledger", "show", &typed("left")]).run().await;
    let shown = shown.expect(0).stdout;
    assert!(
        shown.contains("unlocked") && shown.contains("ada"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_forgotten_row_is_gone_and_who_forgot_it_is_told_f52() {
    let bare = Bare::new().await;
    for record in [row("done", Status::Completed), running("runs")] {
        bare.plant(&record).await;
    }
    bare.plant_unreadable(&key("odd")).await;

    for (id, sentence) in [
        ("runs", "is being worked on: wait until its lease has ended"),
        ("none", "the ledger has no row `test#plain:orders\\0none`"),
    ] {
        let refused = bare.cli(["ledger", "forget", &typed(id), "--yes"]);
        refused.run().await.expect(2).says(&[sentence]);
    }
    assert_eq!(known(&bare, "runs").await.status, Status::InProgress);

    let forget = ["ledger", "forget", &typed("done"), "--why", "bad data"];
    let asked = bare.cli(forget).run().await.expect(2);
    asked.says(&["not confirmed", "COMPLETED", "--yes"]);
    let would = bare.cli(forget.into_iter().chain(["--dry-run"]));
    let would = would.run().await.expect(0).stdout;
    assert!(would.contains("would be forgotten"), "{would}");
    assert_eq!(known(&bare, "done").await.status, Status::Completed);

    // Twice, for the note of the first must outlive the second.
    for who in ["bob", "eve"] {
        let deed = ["--yes", "--who", who];
        let gone = bare.cli(forget.into_iter().chain(deed)).run().await;
        assert!(gone.expect(0).stdout.ends_with(": forgotten\n"));
        assert_eq!(bare.row(&key("done")).await, None);
        let shown = bare.cli(["ledger", "show", &typed("done")]).run().await;
        let shown = shown.expect(0).stdout;
        for part in ["there is no row any more", "forgotten", who, "bad data"] {
            assert!(shown.contains(part), "no {part} in {shown}");
        }
        bare.plant(&row("done", Status::Completed)).await;
    }
    let told = bare.cli(["ledger", "show", &typed("done"), "--json"]);
    let told = told.run().await.expect(0).json();
    assert_eq!(told["row"]["status"], "COMPLETED");
    let who = [&told["forgotten"][0]["who"], &told["forgotten"][1]["who"]];
    assert_eq!(who, ["bob", "eve"], "{told}");

    let shown = bare.cli(["ledger", "show", &typed("odd")]).run().await;
    let shown = shown.expect(0).stdout;
    assert!(shown.contains("the row cannot be read"), "{shown}");
    let odd = bare.cli(["ledger", "forget", &typed("odd"), "--yes"]);
    odd.run().await.expect(0);
    assert_eq!(bare.row(&key("odd")).await, None);
}

#[tokio::test]
async fn what_is_stuck_is_found_by_its_kind_and_what_is_not_stuck_is_not() {
    let bare = Bare::new().await;
    let stuck = ["ledger", "stuck"];
    let none = bare.cli(stuck).run().await.expect(0);
    assert!(none.stdout.starts_with("Nothing is stuck."), "{none:?}");

    let mut soon = row("soon", Status::Pending);
    soon.due = Some(now().after(Duration::from_secs(600)));
    let mut fresh = row("fresh", Status::Dead);
    fresh.death.as_mut().unwrap().at = now();
    let late = row("late", Status::Pending);
    let since = late.due.unwrap().to_rfc3339();
    for record in [
        soon,
        fresh,
        running("runs"),
        row("done", Status::Completed),
        row("buried", Status::Dead),
        row("lost", Status::Dead),
        late,
        row("left", Status::InProgress),
        row("missed", Status::Scheduled),
    ] {
        bare.plant(&record).await;
    }
    let mut others = row("others", Status::Dead);
    others.key = LedgerKey::from_stored("other#plain:orders\0lost");
    bare.plant(&others).await;
    for id in ["buried", "rowless"] {
        bare.bury(&event(id)).await;
    }

    // The index alone: what has just died or was just sent is not stuck yet.
    let found = bare.cli(stuck.into_iter().chain(["--json"])).run().await;
    let found = found.expect(1).json();
    let counts = json!({
        "lease_ended": 0,
        "row_overdue": 1,
        "schedule_overdue": 0,
        "dead_without_letter": 1,
        "letter_without_row": 0,
    });
    assert_eq!(found["counts"], counts);
    assert_eq!(found["all_dead_letters_seen"], true);
    assert_eq!(found["rows_scanned"], json!(null));
    let mut kinds: Vec<_> = found["found"].as_array().unwrap().iter().collect();
    kinds.sort_by_key(|one| one["kind"].as_str());
    let kind = |n: usize| (&kinds[n]["kind"], &kinds[n]["key"]);
    assert_eq!(
        kind(0),
        (&json!("dead_without_letter"), &json!(typed("lost")))
    );
    assert_eq!(kind(1), (&json!("row_overdue"), &json!(typed("late"))));
    assert_eq!(kinds[1]["since"], json!(since));

    let all = ["--overdue", "1ms", "--scan", "--scan-rate", "10000"];
    let found = bare.cli(stuck.into_iter().chain(all)).run().await.expect(1);
    let (before, after) = found.stdout.split_once("letter_without_row").unwrap();
    for part in [
        "1 lease_ended",
        "1 schedule_overdue",
        "2 dead_without_letter",
    ] {
        assert!(before.contains(part), "no {part} in {before}");
    }
    for id in ["left", "missed", "late", "lost", "fresh"] {
        assert!(before.contains(&typed(id)), "no {id} in {before}");
    }
    assert!(after.contains(&typed("rowless")), "{after}");
    assert!(after.contains("9 rows of the table were read."), "{after}");
    for id in ["soon", "runs", "done", "buried", "others"] {
        assert!(!found.stdout.contains(&typed(id)), "{id}: {found:?}");
    }
    let few = bare.cli(stuck.into_iter().chain(["--sample", "1"]));
    let few = few.run().await.expect(1).stdout;
    assert!(few.contains("Not every dead letter was seen"), "{few}");
}

#[tokio::test]
async fn a_look_for_what_is_stuck_that_is_cut_short_does_not_say_that_all_is_well_f73() {
    let bare = Bare::new().await;
    bare.bury(&event("e-1")).await;
    let child = bare.cli(["ledger", "stuck"]).start();
    let end = Instant::now() + Duration::from_secs(60);
    while bare.held(&bare.dead).await == 0 {
        assert!(Instant::now() < end, "the dead letter is looked at");
        sleep(Duration::from_millis(20)).await;
    }
    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(killed.success());
    let ran = ended(child).await.expect(1);
    let ran = ran.says(&["interrupted: not all was looked through"]);
    assert!(
        ran.stdout.contains("Not every dead letter was seen"),
        "{ran:?}"
    );
    assert_eq!(bare.held(&bare.dead).await, 0, "it is given back");
}

#[tokio::test]
async fn what_is_asked_of_the_ledger_in_vain_says_what_to_give_instead() {
    let bare = Bare::new().await;
    let show = ["ledger", "show", "plain:orders\\0e-1"];
    let table = [
        (vec!["ledger", "stuck", "--scan-rate", "200"], "--scan"),
        (
            vec!["ledger", "stuck", "--scan", "--scan-rate", "99"],
            "100..=10000",
        ),
        (
            vec!["ledger", "stuck", "--overdue", "soon"],
            "--overdue is `soon`",
        ),
        (vec!["ledger", "stuck", "--limit", "0"], "--limit"),
        (vec!["ledger", "show"], "<KEY>"),
        (vec!["ledger", "show", ""], "which event?"),
        (vec!["ledger", "show", "test#"], "which event?"),
        (
            vec!["ledger", "unlock", "none", "--yes"],
            "the ledger has no row `test#none`",
        ),
        (
            vec!["ledger", "show", "none"],
            "check --consumer and the key",
        ),
    ];
    for (arguments, sentence) in table {
        let ran = bare.cli(arguments).run().await.expect(2).says(&[sentence]);
        assert_eq!(ran.stdout, "");
    }
    for (name, value, sentence) in [
        ("WAYBILL_LEDGER_TABLE", "", "give --ledger-table"),
        ("WAYBILL_CONSUMER", "", "give --consumer"),
        ("WAYBILL_CONSUMER", "a#b", "no `#`"),
        ("WAYBILL_LEDGER_TABLE", "elsewhere", "--region"),
    ] {
        let ran = bare.cli(show).with(name, value).run().await;
        ran.expect(2).says(&[sentence]);
    }
    let elsewhere = ["--ledger-table", "elsewhere", "--json"];
    let ran = bare.cli(["ledger", "stuck"].into_iter().chain(elsewhere));
    ran.run().await.expect(2).says(&["`elsewhere`", "--region"]);
}
