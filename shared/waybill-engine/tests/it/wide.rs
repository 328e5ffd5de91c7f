//! Batches of more than one window: how many requests they cost, and that those go side by side.

use std::time::Duration;

use waybill_core::batch::Handed;
use waybill_engine::ports::Ambient;
use waybill_testkit::{Call, Fault};

use crate::scene::Scene;

/// What a request to the ledger takes.
const TAKES: Duration = Duration::from_millis(100);

/// A scene of so many places, with so many events in its queue and a ledger that takes its time.
fn scene(events: usize, places: usize) -> Scene {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = places;
    scene.ledger.always(Call::Write, Fault::slow(TAKES));
    (0..events).for_each(|n| drop(scene.send(&format!("e{n}"))));
    scene
}

#[tokio::test(start_paused = true)]
async fn a_hundred_at_once_cost_eight_requests_and_the_time_of_two() {
    let scene = scene(100, 100);
    let began = scene.ambient.now();
    assert_eq!(scene.process().turn_of(100).await, [Handed::Over; 100]);
    let counts = scene.ledger.inner().counts();
    assert_eq!((counts.write_requests, counts.writes), (8, 200));
    assert_eq!(counts.read_requests, 0);
    assert_eq!(scene.ambient.now().since(began), TAKES * 2);
}

#[tokio::test(start_paused = true)]
async fn what_fills_no_window_waits_for_those_before_it_and_fills() {
    let scene = scene(60, 60);
    let began = scene.ambient.now();
    assert_eq!(scene.process().turn_of(60).await, [Handed::Over; 60]);
    // Two full windows side by side, then the ten that were left, while the fifty settle.
    let counts = scene.ledger.inner().counts();
    assert_eq!(counts.write_requests, 6);
    assert_eq!(scene.ambient.now().since(began), TAKES * 3);
}
