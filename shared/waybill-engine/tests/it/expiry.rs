//! Events that grow too old, and messages that would leave their queue by age.

use std::time::Duration;

use tokio::time::advance;

use waybill_core::ledger::{RouteState, Status};
use waybill_core::message::AttributeValue;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::retry::RetryPolicy;

use crate::scene::{Answer, Scene};

fn busy() -> Answer {
    Answer::Give(Attempt::transient("http_503", "busy", None))
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Waits of 10, 20 and 40 s, and events of at most this age.
fn up_to(age: Duration) -> RetryPolicy {
    RetryPolicy {
        jitter: 0.0,
        max_event_age: Some(age),
        ..RetryPolicy::default()
    }
}

/// What the row of the event died of.
fn death(scene: &Scene) -> DeadReason {
    let row = scene.row("e");
    assert_eq!(row.status, Status::Dead);
    row.death.unwrap().reason
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_when_it_comes_is_dead_untried_f11() {
    let late = Duration::from_millis(60_001);
    for (age, tries) in [(late, 0), (secs(60), 1)] {
        let mut scene = Scene::new(&["crm"]);
        scene.script.policy.retry = up_to(secs(60));
        let id = scene.send("e");
        advance(age).await;
        scene.drain(30).await;
        assert_eq!(scene.tried().len(), tries, "at {age:?}");
        let dead = scene.dead_letters.inner().messages();
        if tries == 1 {
            assert_eq!(scene.row("e").status, Status::Completed);
            assert!(dead.is_empty());
        } else {
            assert_eq!(death(&scene), DeadReason::Expired);
            assert_eq!(scene.row("e").routes[0].attempts, 0, "nothing is charged");
            assert_eq!((dead.len(), &dead[0].message_id), (1, &id));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_tries_nothing_that_is_too_old_f11() {
    let mut scene = Scene::new(&["crm"]).sending_the_dead();
    scene.script.policy.retry = up_to(secs(60));
    scene.send("e");
    advance(secs(61)).await;
    let report = scene.poll_until_empty().await;
    assert_eq!((report.dead, report.attempts, report.deleted), (1, 0, 1));
    assert_eq!(death(&scene), DeadReason::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_try_under_way_is_never_too_old_f11() {
    let mut scene = Scene::new(&["crm", "audit"]);
    scene.script.policy.retry = up_to(secs(5));
    let slowly = |attempt| Answer::Slowly(secs(8), attempt);
    scene.answer("e", "crm", slowly(Attempt::delivered("ok")));
    scene.answer(
        "e",
        "audit",
        slowly(Attempt::transient("http_503", "", None)),
    );
    scene.send("e");
    scene.turn().await;
    let states = scene.row("e").routes.into_iter().map(|at| at.state);
    let states: Vec<_> = states.collect();
    assert_eq!(states, [RouteState::Delivered, RouteState::Expired]);
    assert_eq!(death(&scene), DeadReason::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_route_whose_events_grow_too_old_ends_alone_f11() {
    let mut scene = Scene::new(&["crm", "audit"]);
    let bounded = up_to(secs(29));
    scene.script.retries.insert("crm".to_owned(), bounded);
    for (route, times) in [("crm", 2), ("audit", 3)] {
        for _ in 0..times {
            scene.answer("e", route, busy());
        }
    }
    scene.send("e");
    scene.turn().await;
    scene.wait_for_next().await;
    scene.turn().await;
    // It failed after 10 s, and the next try would be due after 30 s.
    let row = scene.row("e");
    assert_eq!(row.status, Status::Pending, "the other has tries left");
    let states: Vec<_> = row.routes.iter().map(|at| at.state).collect();
    assert_eq!(states, [RouteState::Expired, RouteState::Open]);
    scene.drain(30).await;
    assert_eq!(death(&scene), DeadReason::Expired);
    let row = scene.row("e");
    assert_eq!(row.routes[1].state, RouteState::Delivered);
    let tries = |route| scene.tried().iter().filter(|(_, r)| r == route).count();
    assert_eq!([tries("crm"), tries("audit")], [2, 4]);

    // A redrive is another message, sent anew: the event is young again, where it is needed.
    advance(secs(10)).await;
    scene.send("e");
    scene.turn().await;
    assert_eq!(scene.row("e").status, Status::Completed);
    assert_eq!([tries("crm"), tries("audit")], [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn what_its_queue_would_drop_before_its_next_try_reaches_the_dead_f08() {
    let minute = secs(60);
    let play = async |told| {
        let mut scene = Scene::new(&["crm", "audit"]).with_retention(minute);
        scene.config.retention = told;
        for _ in 0..4 {
            scene.answer("e", "crm", busy());
        }
        scene.send("e");
        for _ in 0..30 {
            scene.wait_for_next().await;
            scene.turn().await;
        }
        assert!(scene.queue.inner().is_empty());
        scene
    };
    // It fails at once, after 10 s and after 30 s. The next try would be due after 70 s.
    let told = play(Some(minute)).await;
    assert_eq!(death(&told), DeadReason::WouldExpire);
    let row = told.row("e");
    let states: Vec<_> = row.routes.iter().map(|at| at.state).collect();
    assert_eq!(states, [RouteState::WouldExpire, RouteState::Delivered]);
    assert_eq!(row.routes[0].attempts, 3);
    assert_eq!(told.tried().len(), 4, "nothing more is tried");
    assert!(told.queue.inner().expired().is_empty());
    assert_eq!(told.dead_letters.inner().len(), 1);

    let untold = play(None).await;
    assert_eq!(untold.queue.inner().expired().len(), 1, "what it is for");
    assert!(untold.dead_letters.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_says_that_its_message_would_have_expired_f08() {
    let mut scene = Scene::new(&["crm"]).sending_the_dead();
    scene.config.retention = Some(secs(60));
    scene.answer("e", "crm", busy());
    scene.send("e");
    advance(secs(45)).await;
    scene.turn().await;
    assert_eq!(death(&scene), DeadReason::WouldExpire);
    let dead = scene.dead_letters.inner().messages();
    let reason = &dead[0].sent.attributes["waybill-reason"].value;
    assert_eq!(*reason, AttributeValue::Text("would_expire".to_owned()));
    assert!(scene.queue.inner().is_empty(), "it is with the dead");
    assert_eq!(scene.tried().len(), 1);
}
