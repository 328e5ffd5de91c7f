//! Who may work on an event: leases, take-overs, fences, crashes.

use std::time::Duration;

use waybill_core::batch::Handed;
use waybill_core::ledger::{Record, Row, Status};
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::time::Timestamp;
use waybill_engine::ports::Ambient;
use waybill_testkit::{Call, Fault, fixtures};

use crate::scene::{Answer, Scene, TIMEOUT};

/// A row of somebody else's whose data is the scene's.
fn others(scene: &Scene, key: &str, lease_until: Timestamp) -> Record {
    let digest = waybill_core::digest::Digest::of(&waybill_core::event::Data::Text(key.into()));
    Record {
        digest,
        lease_until,
        ..fixtures::claimed(key, 7)
    }
    .tap(|row| scene.ledger.inner().put(row))
}

trait Tap: Clone {
    fn tap(self, act: impl FnOnce(Self)) -> Self {
        act(self.clone());
        self
    }
}

impl Tap for Record {}

#[tokio::test(start_paused = true)]
async fn a_live_lease_defers_to_its_end_and_charges_nothing_f46() {
    let scene = Scene::new(&["crm"]);
    let lease = Duration::from_secs(30);
    others(&scene, "e", scene.ambient.now().after(lease));
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(scene.tried().is_empty());
    assert_eq!(scene.visible_in(), lease + Duration::from_secs(2));
    scene.wait_for_next().await;
    assert_eq!(scene.turn().await, [Handed::Back], "the skew is waited for");
    scene.drain(2).await;
    assert_eq!(scene.tried().len(), 1);
    assert_eq!(scene.row("e").crashes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_never_freed_by_expiry() {
    let scene = Scene::new(&["crm"]);
    let mut row = others(&scene, "e", scene.ambient.now().after(TIMEOUT));
    row.expires_at = 1;
    scene.ledger.inner().put(row);
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(scene.tried().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expired_row_that_still_stands_is_as_if_it_did_not_f41() {
    let scene = Scene::new(&["crm"]);
    let row = others(&scene, "e", fixtures::NOW);
    let done = Record {
        status: Status::Completed,
        expires_at: 1,
        crashes: 2,
        ..row
    };
    scene.ledger.inner().put(done);
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.tried().len(), 1);
    assert_eq!(scene.row("e").crashes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_moves_between_read_and_take_over_is_judged_anew() {
    let scene = Scene::new(&["crm"]);
    let crashed = others(&scene, "e", fixtures::NOW);
    scene.send("e");
    tokio::time::advance(Duration::from_secs(5)).await;
    // A third one takes it over and ends it, after we have read it as free.
    let (ledger, rev) = (scene.ledger.clone(), crashed.rev + 2);
    scene.ledger.next(Call::Write, Fault::Pass).next(
        Call::Write,
        Fault::meanwhile(move || {
            ledger.inner().put(Record {
                owner: fixtures::owner(8),
                status: Status::Completed,
                rev,
                ..crashed.clone()
            });
        }),
    );
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.pending(Call::Write), 0);
    assert!(scene.tried().is_empty(), "it was done meanwhile");
    assert_eq!(scene.row("e").owner, fixtures::owner(8));
}

#[tokio::test(start_paused = true)]
async fn a_zombie_neither_completes_nor_deletes_f39() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    let (ledger, key) = (scene.ledger.clone(), scene.key("e"));
    scene.ledger.next(Call::Write, Fault::Pass).next(
        Call::Write,
        Fault::meanwhile(move || {
            let row = ledger.inner().record(&key).unwrap();
            let rev = row.rev + 1;
            ledger.inner().put(Record {
                owner: fixtures::owner(7),
                rev,
                ..row
            });
        }),
    );
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!(
        (row.owner, row.status),
        (fixtures::owner(7), Status::InProgress)
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_cancels_what_still_runs_f04() {
    let scene = Scene::new(&["crm", "slow"]);
    scene.answer("e", "slow", Answer::Hang);
    scene.send("e");
    let (ledger, key) = (scene.ledger.clone(), scene.key("e"));
    scene.ledger.next(Call::Write, Fault::Pass).next(
        Call::Write,
        Fault::meanwhile(move || drop(ledger.inner().remove(&key))),
    );
    let started = tokio::time::Instant::now();
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "the other route was not waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn what_took_processes_down_runs_alone_after_the_rest_f38() {
    let scene = Scene::new(&["crm"]);
    let mut row = others(&scene, "bad", fixtures::NOW);
    row.crashes = 1;
    scene.ledger.inner().put(row);
    for key in ["bad", "a", "b"] {
        scene.send(key);
    }
    let slow = Duration::from_secs(3);
    scene.answer("b", "crm", Answer::Slowly(slow, Attempt::delivered("ok")));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(scene.turn().await, [Handed::Over; 3]);
    let tries = scene.tries();
    assert_eq!(tries[2].data, "bad");
    assert_eq!(tries[2].at.since(tries[1].at), slow);
}

#[tokio::test(start_paused = true)]
async fn the_third_end_without_a_word_is_death() {
    let scene = Scene::new(&["crm"]);
    let mut row = others(&scene, "bad", fixtures::NOW);
    row.crashes = 2;
    scene.ledger.inner().put(row);
    scene.send("bad");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(scene.tried().is_empty());
    assert_eq!(scene.row("bad").death.unwrap().reason, DeadReason::Crashed);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_another_release_is_left_alone() {
    let scene = Scene::new(&["crm"]);
    let unknown = Row::Unknown {
        what: "v 2".to_owned(),
    };
    scene
        .ledger
        .inner()
        .put_row(scene.key("e"), unknown.clone());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(scene.tried().is_empty());
    assert_eq!(scene.ledger.inner().row(&scene.key("e")), Some(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_message_before_its_time_waits_for_it() {
    let scene = Scene::new(&["crm"]);
    scene.answer(
        "e",
        "crm",
        Answer::Give(Attempt::transient("http_503", "", None)),
    );
    scene.send("e");
    scene.turn().await;
    scene.send("e");
    assert_eq!(
        scene.turn().await,
        [Handed::Back],
        "a copy that comes early"
    );
    assert_eq!(scene.tried().len(), 1);
    scene.drain(5).await;
    assert_eq!(scene.tried().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_took_processes_down_runs_alone_when_it_was_released_too_f38() {
    let scene = Scene::new(&["crm"]);
    let mut row = others(&scene, "bad", fixtures::NOW);
    row.crashes = 2;
    row.status = Status::Pending;
    row.due = Some(fixtures::NOW);
    scene.ledger.inner().put(row);
    for key in ["bad", "a", "b"] {
        scene.send(key);
    }
    let slow = Duration::from_secs(3);
    scene.answer("b", "crm", Answer::Slowly(slow, Attempt::delivered("ok")));
    assert_eq!(scene.turn().await, [Handed::Over; 3]);
    let tries = scene.tries();
    assert_eq!(tries[2].data, "bad");
    assert_eq!(tries[2].at.since(tries[1].at), slow);
}
