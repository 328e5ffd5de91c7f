//! The ledger throttles, breaks off, loses replies: fail closed before an effect, hold on after.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::sleep;

use waybill_core::batch::Handed;
use waybill_core::ledger::Status;
use waybill_core::outcome::Attempt;
use waybill_engine::ports::Ambient;
use waybill_testkit::{Call, Fault, Trouble};

use crate::scene::{Answer, Scene};

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_or_charged_while_the_ledger_is_down_f43() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .always(Call::Write, Fault::refused())
        .always(Call::Read, Fault::refused());
    scene.send("e");
    let mut waits = Vec::new();
    for _ in 0..10 {
        scene.wait_for_next().await;
        assert_eq!(scene.turn().await, [Handed::Back]);
        waits.push(scene.visible_in().as_secs());
    }
    assert!(scene.tried().is_empty());
    assert_eq!(waits, [5, 10, 20, 35, 35, 35, 35, 35, 35, 35]);
    scene
        .ledger
        .always(Call::Write, Fault::Pass)
        .always(Call::Read, Fault::Pass);
    scene.drain(2).await;
    assert_eq!(scene.tries()[0].attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn six_hours_without_a_ledger_carry_no_valid_message_into_the_dead_letter_queue_f43() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .always(Call::Write, Fault::refused())
        .always(Call::Read, Fault::refused());
    scene.send("e");
    let back = scene.ambient.now().after(Duration::from_secs(6 * 3600));
    while scene.ambient.now() < back {
        scene.turn().await;
        scene.wait_for_next().await;
    }
    scene
        .ledger
        .always(Call::Write, Fault::Pass)
        .always(Call::Read, Fault::Pass);
    // And every try that the route may have is still possible.
    for _ in 0..3 {
        let busy = Attempt::transient("http_503", "busy", None);
        scene.answer("e", "crm", Answer::Give(busy));
    }
    scene.drain(5).await;
    assert_eq!(scene.tried().len(), 4);
    assert!(scene.dead_letters.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_a_person_must_mend_is_not_hammered() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .always(Call::Write, Fault::Before(Trouble::Permanent));
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.ledger.calls(Call::Write), 1);
    assert!(scene.tried().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_reply_was_lost_is_recognised_f40() {
    let scene = Scene::new(&["crm"]);
    scene.ledger.next(Call::Write, Fault::lost_reply());
    for n in 0..10 {
        scene.send(&format!("e-{n}"));
    }
    assert_eq!(scene.turn().await, [Handed::Over; 10]);
    assert_eq!(scene.tried().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_claim_throttled_in_part_is_made_whole_f43() {
    let scene = Scene::new(&["crm"]);
    scene.ledger.next(Call::Write, Fault::refused_at([1, 3]));
    for n in 0..5 {
        scene.send(&format!("e-{n}"));
    }
    assert_eq!(scene.turn().await, [Handed::Over; 5]);
    assert_eq!(scene.tried().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_settle_whose_reply_was_lost_is_recognised_f40() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .next(Call::Write, Fault::Pass)
        .next(Call::Write, Fault::lost_reply());
    for n in 0..10 {
        scene.send(&format!("e-{n}"));
    }
    assert_eq!(scene.turn().await, [Handed::Over; 10]);
    assert_eq!(scene.tried().len(), 10);
    assert_eq!(scene.row("e-1").rev, 2, "written once");
}

#[tokio::test(start_paused = true)]
async fn a_settle_is_tried_again_while_there_is_time() {
    let scene = Scene::new(&["crm"]);
    scene.ledger.next(Call::Write, Fault::Pass);
    for _ in 0..5 {
        scene.ledger.next(Call::Write, Fault::refused());
    }
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.pending(Call::Write), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_settle_is_never_followed_by_a_release_g11() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .next(Call::Write, Fault::Pass)
        .always(Call::Write, Fault::refused());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!((row.status, row.rev), (Status::InProgress, 1));
    assert_eq!(scene.tried().len(), 1);
    scene.ledger.always(Call::Write, Fault::Pass);
    scene.drain(5).await;
    let tries = scene.tries();
    assert_eq!(tries.len(), 2, "the second of the open doors, once");
    assert_eq!(tries[0].idempotency_key, tries[1].idempotency_key);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_done_is_not_released_by_a_ledger_that_comes_back_g11() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .next(Call::Write, Fault::Pass)
        .always(Call::Write, Fault::refused());
    scene.send("e");
    // It comes back when there is no time for another settle, and would be for a release: of a
    // minute the last second is left for handing back, and settles are 1.6 s apart by then.
    let coming_back = async {
        sleep(Duration::from_secs(58)).await;
        scene.ledger.always(Call::Write, Fault::Pass);
        scene.ledger.calls(Call::Write)
    };
    let process = scene.process();
    let (handed, writes) = join(process.turn(), coming_back).await;
    assert_eq!(handed, [Handed::Back]);
    assert_eq!(scene.ledger.calls(Call::Write), writes);
    let row = scene.row("e");
    assert_eq!((row.status, row.rev), (Status::InProgress, 1));
}

#[tokio::test(start_paused = true)]
async fn receives_without_a_try_use_up_no_retry_f43_f46() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.retry.steps = 1;
    scene.ledger.always(Call::Write, Fault::refused());
    scene.send("e");
    for _ in 0..5 {
        scene.wait_for_next().await;
        assert_eq!(scene.turn().await, [Handed::Back]);
    }
    scene.ledger.always(Call::Write, Fault::Pass);
    let busy = Attempt::transient("http_503", "", None);
    scene.answer("e", "crm", Answer::Give(busy));
    scene.wait_for_next().await;
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!((row.status, row.routes[0].attempts), (Status::Pending, 1));
    scene.drain(2).await;
    assert_eq!(scene.row("e").status, Status::Completed);
    let attempts: Vec<_> = scene.tries().iter().map(|t| t.attempt).collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_whose_reply_was_lost_goes_on_from_the_row_f40() {
    let scene = Scene::new(&["crm", "audit"]);
    scene.answer(
        "e",
        "audit",
        Answer::Give(Attempt::transient("http_503", "", None)),
    );
    scene.send("e");
    scene.turn().await;
    scene.wait_for_next().await;
    scene.ledger.next(Call::Write, Fault::lost_reply());
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.tried().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_ledger_does_not_carry_work_over_the_deadline() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .next(Call::Write, Fault::slow(Duration::from_secs(55)));
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(scene.tried().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_visibility_that_cannot_be_set_loses_nothing() {
    let scene = Scene::new(&["crm"]);
    scene.queue.next(Call::ChangeVisibility, Fault::refused());
    scene.answer(
        "e",
        "crm",
        Answer::Give(Attempt::transient("http_503", "", None)),
    );
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.visible_in(), crate::scene::VISIBILITY);
    scene.drain(2).await;
    assert_eq!(scene.tried().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_known_to_stand_is_given_back_uncharged() {
    let scene = Scene::new(&["crm"]);
    scene.ledger.next(Call::Write, Fault::lost_reply());
    for _ in 0..4 {
        scene.ledger.next(Call::Read, Fault::refused());
    }
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!((row.status, row.crashes), (Status::Pending, 0));
    scene.drain(2).await;
    assert_eq!(scene.row("e").crashes, 0, "nothing was begun");
    assert_eq!(scene.tries()[0].attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_answered_too_late_is_given_back_uncharged() {
    let scene = Scene::new(&["crm"]);
    scene
        .ledger
        .next(Call::Write, Fault::slow(Duration::from_secs(65)));
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!((row.status, row.crashes), (Status::Pending, 0));
    scene.drain(2).await;
    assert_eq!(scene.row("e").crashes, 0, "nothing was begun");
}
