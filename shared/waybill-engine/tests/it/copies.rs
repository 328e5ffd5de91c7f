//! Several messages of one event key in one batch.

use std::time::Duration;

use tokio::time::sleep;

use waybill_core::batch::Handed;
use waybill_core::ledger::Status;
use waybill_core::outcome::Attempt;

use crate::scene::{Answer, Scene};

fn refused() -> Answer {
    Answer::Give(Attempt::rejected("http_422", "no"))
}

#[tokio::test(start_paused = true)]
async fn a_redriven_event_is_not_held_up_by_one_with_other_data_f45_f47() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", refused());
    scene.send("e");
    scene.drain(30).await;
    assert_eq!(scene.row("e").status, Status::Dead);
    sleep(Duration::from_secs(10)).await;
    scene.send_with_data("e", "other");
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back, Handed::Over]);
    assert_eq!(scene.tried().len(), 2);
    assert_eq!(scene.row("e").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_redriven_event_is_not_held_up_by_its_dead_copy_f45() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", refused());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    sleep(Duration::from_secs(10)).await;
    scene.send("e");
    assert_eq!(
        scene.turn().await,
        [Handed::Back, Handed::Over],
        "the dead one goes on to the dead-letter queue"
    );
    assert_eq!(scene.row("e").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn copies_with_other_data_are_judged_one_by_one_in_one_batch_f45_f47() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    scene.send_with_data("e", "other");
    scene.send("e");
    scene.send_with_data("e", "other");
    let handed = scene.turn().await;
    let [over, back] = [Handed::Over, Handed::Back];
    assert_eq!(handed, [over, back, over, back]);
    assert_eq!(scene.tried().len(), 1);
}
