//! The way of an event that meets no trouble but its target's.

use std::time::Duration;

use waybill_core::batch::Handed;
use waybill_core::ledger::{OnRejected, RouteState, Status};
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::retry::Backoff;
use waybill_engine::handler::Plan;
use waybill_engine::ports::Queue;
use waybill_testkit::{Call, Fault};

use crate::scene::{Answer, Scene};

fn busy() -> Answer {
    Answer::Give(Attempt::transient("http_503", "busy", None))
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_ten_costs_two_ledger_requests_and_none_to_the_queue() {
    let scene = Scene::new(&["crm"]);
    for n in 0..10 {
        scene.send(&format!("e-{n}"));
    }
    assert_eq!(scene.turn().await, [Handed::Over; 10]);
    assert_eq!(scene.ledger.inner().counts().requests(), 2);
    assert_eq!(scene.queue.calls(Call::ChangeVisibility), 0);
    assert_eq!(scene.queue.calls(Call::HasRedrivePolicy), 0);
    assert!(scene.queue.inner().is_empty());
    assert_eq!(scene.tried().len(), 10);
    assert_eq!(scene.row("e-3").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_after_it_was_done_is_over_f09() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    scene.turn().await;
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn copies_in_one_batch_wait_for_the_first_f45() {
    let scene = Scene::new(&["crm"]);
    for _ in 0..3 {
        scene.send("e");
    }
    assert_eq!(scene.turn().await, [Handed::Over; 3]);
    assert_eq!(scene.tried().len(), 1);
    assert_eq!(scene.ledger.inner().counts().requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn copies_of_what_failed_are_not_counted_as_done_f45() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", busy());
    for _ in 0..2 {
        scene.send("e");
    }
    assert_eq!(scene.turn().await, [Handed::Back; 2]);
    scene.drain(4).await;
    assert_eq!(scene.tried().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_try_comes_again_after_its_wait() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", busy()).answer("e", "crm", busy());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.row("e").status, Status::Pending);
    assert_eq!(scene.visible_in(), Duration::from_secs(10));
    scene.drain(3).await;
    let tries = scene.tries();
    assert_eq!(
        tries.iter().map(|t| t.attempt).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(tries[2].at.since(tries[1].at), Duration::from_secs(20));
    assert!(
        tries
            .iter()
            .all(|t| t.idempotency_key == tries[0].idempotency_key)
    );
    assert!(scene.row("e").attempts.is_empty(), "dropped on COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn what_the_target_asks_for_is_waited_for_f58() {
    let scene = Scene::new(&["crm"]);
    let wait = Duration::from_secs(100);
    scene.answer(
        "e",
        "crm",
        Answer::Give(Attempt::transient("http_429", "", Some(wait))),
    );
    scene.send("e");
    scene.turn().await;
    assert_eq!(scene.visible_in(), wait);
}

#[tokio::test(start_paused = true)]
async fn no_wait_is_longer_than_sqs_takes_f05() {
    let mut scene = Scene::new(&["crm"]);
    let long = Duration::from_secs(12 * 3600);
    let retry = &mut scene.script.policy.retry;
    (retry.backoff, retry.cap) = (Backoff::Linear { duration: long }, long);
    scene.answer("e", "crm", busy());
    scene.send("e");
    scene.turn().await;
    let twenty_minutes = Duration::from_secs(20 * 60);
    assert_eq!(scene.visible_in(), long - twenty_minutes);
    scene.drain(3).await;
    assert_eq!(scene.tried().len(), 2, "early is not due, and not charged");
    assert!(scene.tries()[1].at.since(scene.tries()[0].at) >= long);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_not_delivered_is_tried_again_f53() {
    let scene = Scene::new(&["crm", "audit"]);
    scene.answer("e", "audit", busy());
    scene.send("e");
    scene.drain(3).await;
    let tried = scene.tried();
    assert_eq!(tried.iter().filter(|(_, route)| route == "crm").count(), 1);
    assert_eq!(
        tried.iter().filter(|(_, route)| route == "audit").count(),
        2
    );
    let tries = scene.tries();
    assert_ne!(
        tries[0].idempotency_key, tries[1].idempotency_key,
        "each route has its own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_route_that_ends_is_written_down_while_others_run() {
    let scene = Scene::new(&["crm", "slow"]);
    let delivered = Attempt::delivered("ok");
    scene.answer(
        "e",
        "slow",
        Answer::Slowly(Duration::from_secs(5), delivered),
    );
    scene.send("e");
    let process = scene.process();
    let looking = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.row("e")
    };
    let (handed, row) = tokio::join!(process.turn(), looking);
    assert_eq!(row.status, Status::InProgress);
    assert_eq!(row.routes[0].state, RouteState::Delivered);
    assert_eq!(row.routes[1].state, RouteState::Open);
    assert_eq!(handed, [Handed::Over]);
    assert_eq!(scene.ledger.calls(Call::Write), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_neighbour_delays_no_write() {
    let scene = Scene::new(&["crm"]);
    let delivered = Attempt::delivered("ok");
    scene.answer(
        "slow",
        "crm",
        Answer::Slowly(Duration::from_secs(9), delivered),
    );
    scene.send("slow");
    scene.send("quick");
    let process = scene.process();
    let looking = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        scene.row("quick").status
    };
    let (_, status) = tokio::join!(process.turn(), looking);
    assert_eq!(status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_touches_its_message_alone_f15() {
    let scene = Scene::new(&["crm"]);
    scene.answer("bad", "crm", Answer::Panic);
    for key in ["a", "bad", "panic in plan", "b"] {
        scene.send(key);
    }
    let handed = scene.turn().await;
    assert_eq!(
        handed,
        [Handed::Over, Handed::Back, Handed::Back, Handed::Over]
    );
    assert_eq!(scene.row("bad").routes[0].last, "panicked");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_is_cut_off() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", Answer::Hang);
    scene.send("e");
    let started = tokio::time::Instant::now();
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(started.elapsed().as_secs(), 10);
    let row = scene.row("e");
    assert_eq!(
        (row.status, row.routes[0].last.as_str()),
        (Status::Pending, "timeout")
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_end_in_time_is_not_begun_and_not_charged_f16() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 1;
    for n in 0..10 {
        let data = format!("e-{n}");
        let delivered = Attempt::delivered("ok");
        scene.answer(
            &data,
            "crm",
            Answer::Slowly(Duration::from_secs(9), delivered),
        );
        scene.send(&data);
    }
    let handed = scene.turn().await;
    let over = handed
        .iter()
        .filter(|handed| **handed == Handed::Over)
        .count();
    assert_eq!(over, 6, "six tries of 9 s start with 10 s left of 58");
    assert_eq!(scene.tried().len(), 6);
    assert!(
        scene.ledger.inner().record(&scene.key("e-9")).is_none(),
        "not even claimed"
    );
    scene.drain(10).await;
    assert_eq!(scene.tried().len(), 10);
    assert!(
        scene.tries().iter().all(|t| t.attempt == 1),
        "nothing was charged"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_the_route_lets_go_is_over_f56() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.on_rejected = OnRejected::Ack;
    scene.answer(
        "e",
        "crm",
        Answer::Give(Attempt::rejected("http_401", "who are you")),
    );
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.row("e").routes[0].state, RouteState::LetGo);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_is_over_where_the_file_says_so() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.plan = Some(Plan::Ignore);
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.inner().counts().requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_is_dead_where_the_file_says_so() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.plan = Some(Plan::Dead(DeadReason::Unrouted));
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!(
        row.death.map(|death| death.reason),
        Some(DeadReason::Unrouted)
    );
    assert!(scene.tried().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_route_that_this_release_does_not_know_is_tried_again_later_f55() {
    let scene = Scene::new(&["crm", "new"]);
    scene.answer("e", "crm", busy()).answer("e", "new", busy());
    scene.send("e");
    scene.turn().await;
    let mut older = Scene::new(&["crm"]);
    older.ledger = scene.ledger.clone();
    older.queue = scene.queue.clone();
    scene.wait_for_next().await;
    assert_eq!(older.turn().await, [Handed::Back]);
    let row = scene.row("e");
    assert_eq!(row.routes[0].state, RouteState::Delivered);
    assert_eq!(
        (row.routes[1].state, row.routes[1].last.as_str()),
        (RouteState::Open, "route_unknown")
    );
    scene.drain(2).await;
    assert_eq!(scene.row("e").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_wait_counts_from_the_try_and_not_from_the_end_of_the_batch_f06() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", busy());
    let slow = Duration::from_secs(8);
    scene.answer("s", "crm", Answer::Slowly(slow, Attempt::delivered("ok")));
    scene.send("e");
    scene.send("s");
    assert_eq!(scene.turn().await, [Handed::Back, Handed::Over]);
    assert_eq!(scene.visible_in(), Duration::from_secs(2));
    scene.drain(2).await;
    let tries = scene.tries();
    assert_eq!(tries[2].at.since(tries[0].at), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_wanted_ends_on_the_routes_of_its_first_claim_f55() {
    let mut scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", busy());
    scene.send("e");
    scene.turn().await;
    scene.script.plan = Some(Plan::Ignore);
    scene.wait_for_next().await;
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.tried().len(), 2);
    assert_eq!(scene.row("e").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_ever_wanted_is_over_when_it_comes_again() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.plan = Some(Plan::Ignore);
    scene.send("e");
    let visibility = crate::scene::VISIBILITY;
    let received = scene.queue.inner().receive(10, Duration::ZERO, visibility);
    drop(received.await.unwrap());
    scene.wait_for_next().await;
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert!(scene.tried().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_an_attempt_too_f15() {
    let scene = Scene::new(&["crm"]);
    scene.answer("bad", "crm", Answer::PanicAtOnce);
    for key in ["a", "bad"] {
        scene.send(key);
    }
    assert_eq!(scene.turn().await, [Handed::Over, Handed::Back]);
    assert_eq!(scene.row("bad").routes[0].last, "panicked");
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_a_place_works_on_one_at_a_time() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 0;
    scene.send("a");
    scene.send("b");
    assert_eq!(scene.turn().await, [Handed::Over; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_counts_from_the_decision_and_not_from_its_late_write_f06() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", busy());
    scene.send("e");
    let late = Fault::slow(Duration::from_secs(3));
    scene
        .ledger
        .next(Call::Write, Fault::Pass)
        .next(Call::Write, late);
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.visible_in(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_for_a_redrive_policy_while_nothing_is_dead() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", busy());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.queue.calls(Call::HasRedrivePolicy), 0);
}
