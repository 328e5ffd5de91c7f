//! Order: within a group one after the other, groups side by side, also after a failure.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::{sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::ledger::Status;
use waybill_core::outcome::Attempt;
use waybill_engine::ports::Ambient;
use waybill_testkit::{Call, Fault, Trouble};

use crate::scene::{Answer, HELD, LONG, Scene};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn ok() -> Attempt {
    Attempt::delivered("ok")
}

fn busy() -> Answer {
    Answer::Give(Attempt::transient("busy", "busy", None))
}

fn refused() -> Answer {
    Answer::Give(Attempt::rejected("no", "no"))
}

/// The data of every try that was delivered in the end, in order, of one group.
fn order(scene: &Scene, group: &str) -> Vec<String> {
    let mut last = Vec::new();
    for (data, _) in scene.tried() {
        if data.starts_with(group) {
            last.retain(|before| *before != data);
            last.push(data);
        }
    }
    last
}

fn names(group: &str, numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("{group}{n:02}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_is_worked_on_in_order_and_groups_side_by_side_f24() {
    let scene = Scene::new(&["crm"]).fifo();
    for group in ["a", "b"] {
        for name in names(group, 0..5) {
            scene.send_in(group, &name);
            scene.answer(&name, "crm", Answer::Slowly(secs(2), ok()));
        }
    }
    let began = scene.ambient.now();
    let handed = scene.turn().await;
    assert_eq!(handed, [Handed::Over; 10]);
    assert_eq!(order(&scene, "a"), names("a", 0..5));
    assert_eq!(order(&scene, "b"), names("b", 0..5));
    let took = scene.ambient.now().since(began);
    assert!(took < secs(12), "side by side: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_rest_of_its_group_is_handed_back_untried_f24() {
    let scene = Scene::new(&["crm"]).fifo();
    for name in names("a", 0..4) {
        scene.send_in("a", &name);
    }
    for name in names("b", 0..3) {
        scene.send_in("b", &name);
    }
    scene.answer("a01", "crm", busy());
    let handed = scene.turn().await;
    let over = handed.iter().filter(|handed| **handed == Handed::Over);
    assert_eq!(over.count(), 1 + 3);
    assert_eq!(
        order(&scene, "a"),
        ["a00", "a01"],
        "nothing behind it was tried"
    );
    assert_eq!(order(&scene, "b"), names("b", 0..3));
    // What is behind waits for as long as what failed.
    let standing = scene.queue.inner().messages();
    let first = standing[0].visible_at;
    assert!(
        standing.iter().all(|m| m.visible_at >= first),
        "{standing:?}"
    );
    scene.drain(9).await;
    assert_eq!(order(&scene, "a"), names("a", 0..4));
    assert_eq!(scene.tried().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_poison_head_dies_alone_and_its_followers_are_delivered_in_order_f25() {
    for polled in [false, true] {
        let scene = Scene::new(&["crm"]).fifo();
        for name in names("a", 0..10) {
            scene.send_in("a", &name);
        }
        scene.answer("a00", "crm", refused());
        match polled {
            true => {
                scene.poll_until_empty().await;
            }
            false => scene.drain(3).await,
        }
        let dead = scene.dead_letters.inner().messages();
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].sent.body, "a00");
        assert_eq!(dead[0].group(), Some("a"));
        assert_eq!(order(&scene, "a"), names("a", 0..10));
        assert_eq!(scene.tried().len(), 10);
        assert!(scene.queue.inner().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_spends_its_tries_lets_its_followers_go_f25() {
    let scene = Scene::new(&["crm"]).fifo();
    for name in names("a", 0..3) {
        scene.send_in("a", &name);
    }
    for _ in 0..4 {
        scene.answer("a00", "crm", busy());
    }
    scene.drain(30).await;
    assert_eq!(scene.dead_letters.inner().len(), 1);
    let tried: Vec<_> = scene.tried().into_iter().map(|(data, _)| data).collect();
    assert_eq!(tried, ["a00", "a00", "a00", "a00", "a01", "a02"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_sent_once_though_its_answer_was_lost_f26() {
    let scene = Scene::new(&["crm"]).fifo();
    scene.send_in("a", "a00");
    scene.answer("a00", "crm", refused());
    scene
        .dead_letters
        .next(Call::Send, Fault::After(Trouble::Transient));
    scene.drain(5).await;
    assert_eq!(scene.dead_letters.inner().len(), 1);
    assert_eq!(scene.row("a00").status, Status::Dead);
    let sent = &scene.dead_letters.inner().messages()[0].sent;
    let id = sent.deduplication_id.as_deref().unwrap();
    assert!(id.ends_with("#0"), "{id}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_dies_in_its_turn_f24() {
    let scene = Scene::new(&["crm"]).fifo();
    scene.send_in("a", "a00");
    scene.send_in("a", r#"{"specversion":"9"}"#);
    scene.send_in("a", "a02");
    scene.answer("a00", "crm", busy());
    let handed = scene.turn().await;
    assert_eq!(handed, [Handed::Back; 3]);
    assert!(scene.dead_letters.inner().is_empty(), "not before its turn");
    scene.drain(9).await;
    assert_eq!(scene.dead_letters.inner().len(), 1);
    assert_eq!(order(&scene, "a"), ["a00", "a02"]);
}

#[tokio::test(start_paused = true)]
async fn copies_in_two_groups_are_done_once_and_block_nobody_f45() {
    let scene = Scene::new(&["crm"]).fifo();
    scene.send_in("a", "same");
    scene.queue.inner().put(waybill_engine::ports::Outgoing {
        group_id: Some("b".to_owned()),
        deduplication_id: Some("other".to_owned()),
        ..scene.queue.inner().messages()[0].sent.clone()
    });
    scene.send_in("a", "a01");
    scene.send_in("b", "b01");
    assert_eq!(scene.turn().await, [Handed::Over; 4]);
    assert_eq!(scene.tried().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_keeps_the_order() {
    let scene = Scene::new(&["crm"]).fifo();
    for name in names("a", 0..10) {
        scene.send_in("a", &name);
        scene.answer(&name, "crm", Answer::Slowly(secs(9), ok()));
    }
    scene.drain(20).await;
    assert_eq!(order(&scene, "a"), names("a", 0..10));
    assert_eq!(scene.tried().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn followers_are_held_while_a_slow_head_is_worked_on() {
    let mut scene = Scene::new(&["crm"]).fifo();
    scene.script.policy.time = secs(300);
    for name in names("a", 0..10) {
        scene.send_in("a", &name);
    }
    scene.answer("a00", "crm", Answer::Slowly(HELD * 5, ok()));
    let other = async {
        sleep(secs(1)).await;
        scene.poll(HELD * 4, "{}").await
    };
    let (report, other) = join(scene.poll(LONG, r#"{"max_messages": 10}"#), other).await;
    assert_eq!((report.delivered, report.deleted), (10, 10));
    assert_eq!(other.received, 0);
    assert_eq!(order(&scene, "a"), names("a", 0..10));
    assert_eq!(scene.tried().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn two_pollers_keep_the_order_of_every_group() {
    let scene = Scene::new(&["crm"]).fifo();
    for n in 0..12 {
        for group in ["a", "b", "c", "d"] {
            let name = format!("{group}{n:02}");
            scene.send_in(group, &name);
            if n % 5 == 2 {
                scene.answer(&name, "crm", busy());
            }
            scene.answer(&name, "crm", Answer::Slowly(secs(1), ok()));
        }
    }
    join(scene.poll(secs(300), "{}"), scene.poll(secs(300), "{}")).await;
    assert!(scene.queue.inner().is_empty());
    for group in ["a", "b", "c", "d"] {
        assert_eq!(order(&scene, group), names(group, 0..12));
    }
    assert_eq!(scene.tried().len(), 48 + 8);
}

#[tokio::test(start_paused = true)]
async fn a_killed_poller_leaves_its_groups_in_order() {
    let scene = Scene::new(&["crm"]).fifo();
    for name in names("a", 0..6) {
        scene.send_in("a", &name);
        scene.answer(&name, "crm", Answer::Slowly(secs(3), ok()));
    }
    let killed = scene.poll(LONG, "{}");
    assert!(timeout(secs(7), killed).await.is_err());
    sleep(HELD * 2 + secs(5)).await;
    scene.poll(secs(300), "{}").await;
    assert!(scene.queue.inner().is_empty());
    let tried: Vec<_> = scene.tried().into_iter().map(|(data, _)| data).collect();
    assert_eq!(tried, ["a00", "a01", "a02", "a02", "a03", "a04", "a05"]);
}
