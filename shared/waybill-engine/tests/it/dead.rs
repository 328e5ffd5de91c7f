//! Dead messages: where they go, what they cost, and how they come back.

use std::time::Duration;

use waybill_core::batch::Handed;
use waybill_core::key::KeyExpression;
use waybill_core::ledger::{RouteState, Status};
use waybill_core::message::AttributeValue;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::routes::OnConflict;
use waybill_engine::ports::Outgoing;
use waybill_testkit::{Call, Fault, fixtures};

use crate::scene::{Answer, Scene};

fn busy() -> Answer {
    Answer::Give(Attempt::transient("http_503", "busy", None))
}

fn refused() -> Answer {
    Answer::Give(Attempt::rejected("http_422", "no"))
}

#[tokio::test(start_paused = true)]
async fn spent_tries_end_in_the_dead_letter_queue_by_the_redrive_policy() {
    let scene = Scene::new(&["crm"]);
    for _ in 0..4 {
        scene.answer("e", "crm", busy());
    }
    let id = scene.send("e");
    scene.drain(30).await;
    assert_eq!(scene.tried().len(), 4, "one try and three retries");
    let row = scene.row("e");
    assert_eq!(row.death.unwrap().reason, DeadReason::AttemptsSpent);
    assert_eq!(row.attempts.len(), 4, "the row says what was tried");
    let dead = scene.dead_letters.inner().messages();
    assert_eq!(
        (dead.len(), &dead[0].message_id),
        (1, &id),
        "moved by SQS, untouched"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_costs_at_most_one_read_in_a_process() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", refused());
    scene.send("e");
    scene.drain(30).await;
    assert_eq!(scene.ledger.calls(Call::Read), 0);
    assert_eq!(scene.ledger.calls(Call::Write), 2);
    assert_eq!(scene.queue.calls(Call::HasRedrivePolicy), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_comes_back_at_once_so_that_sqs_moves_it() {
    let scene = Scene::new(&["crm"]);
    scene.answer("e", "crm", refused());
    scene.send("e");
    scene.turn().await;
    assert_eq!(scene.visible_in(), Duration::ZERO);
    assert_eq!(
        scene.turn().await,
        [Handed::Back],
        "another process reads it"
    );
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_redrive_policy_the_dead_wait_instead_of_spinning() {
    let scene = Scene::new(&["crm"]).without_redrive_policy();
    scene.answer("e", "crm", refused());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.visible_in(), Duration::from_secs(900));
}

#[tokio::test(start_paused = true)]
async fn the_other_routes_end_before_a_refusal_kills() {
    let scene = Scene::new(&["crm", "audit"]);
    scene
        .answer("e", "crm", refused())
        .answer("e", "audit", busy());
    scene.send("e");
    scene.turn().await;
    assert_eq!(scene.row("e").status, Status::Pending);
    scene.wait_for_next().await;
    scene.turn().await;
    let row = scene.row("e");
    assert_eq!(row.death.unwrap().reason, DeadReason::Rejected);
    assert_eq!(row.routes[1].state, RouteState::Delivered);
    assert_eq!(scene.tried().len(), 3, "what refused is not asked again");
}

#[tokio::test(start_paused = true)]
async fn a_redriven_message_tries_only_what_did_not_deliver_f69() {
    let scene = Scene::new(&["crm", "audit"]);
    scene.answer("e", "crm", refused());
    scene.send("e");
    scene.drain(30).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    scene.dead_letters.inner().redrive_to(scene.queue.inner());
    assert_eq!(scene.turn().await, [Handed::Over]);
    let tried = scene.tried();
    assert_eq!(
        tried.iter().filter(|(_, route)| route == "audit").count(),
        1
    );
    assert_eq!(tried.iter().filter(|(_, route)| route == "crm").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_later_message_brings_a_dead_event_back() {
    let scene = Scene::new(&["crm", "audit"]);
    scene.answer("e", "crm", refused());
    scene.send("e");
    scene.drain(30).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    let row = scene.row("e");
    assert_eq!((row.status, row.redrive_n), (Status::Completed, 1));
    let audits = scene
        .tried()
        .iter()
        .filter(|(_, route)| route == "audit")
        .count();
    assert_eq!(audits, 1, "what was delivered stays delivered");
    let crm: Vec<_> = scene
        .tries()
        .into_iter()
        .filter(|t| t.route == "crm")
        .collect();
    assert_eq!(crm[1].attempt, 1, "tries count from zero again");
    assert_eq!(crm[0].idempotency_key, crm[1].idempotency_key);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_too_many_is_a_loop_f70() {
    let scene = Scene::new(&["crm"]);
    for _ in 0..=3 {
        scene.answer("e", "crm", refused());
        scene.send("e");
        scene.drain(30).await;
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    scene.send("e");
    scene.drain(30).await;
    assert_eq!(scene.tried().len(), 4);
    assert_eq!(
        scene.row("e").death.unwrap().reason,
        DeadReason::RedriveLoop
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_key_with_other_data_is_never_silently_done_f47() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    scene.turn().await;
    let before = scene.row("e");
    scene.send_with_data("e", "other");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.row("e"), before, "the row is the other event's");
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_let_go_where_the_file_says_so_f47() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.on_conflict = OnConflict::Ack;
    scene.send("e");
    scene.turn().await;
    scene.send_with_data("e", "other");
    assert_eq!(scene.turn().await, [Handed::Over]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_inside_one_batch_is_not_taken_for_a_copy_f47() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    scene.send_with_data("e", "other");
    assert_eq!(scene.turn().await, [Handed::Over, Handed::Back]);
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn sending_the_dead_writes_sends_marks_and_deletes_in_this_order_f36() {
    let scene = Scene::new(&["crm"]).sending_the_dead();
    scene.answer("e", "crm", refused());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    let dead = scene.dead_letters.inner().messages();
    assert_eq!(dead.len(), 1);
    let attribute = |name: &str| dead[0].sent.attributes[name].value.clone();
    assert_eq!(
        attribute("waybill-reason"),
        AttributeValue::Text("rejected".to_owned())
    );
    assert_eq!(
        attribute("waybill-key"),
        AttributeValue::Text("e".to_owned())
    );
    assert_eq!(dead[0].sent.body, "e");
    assert!(scene.row("e").death.unwrap().dlq_sent);
    assert_eq!(scene.queue.calls(Call::HasRedrivePolicy), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_to_the_dead_stays_and_is_sent_later_f36() {
    let scene = Scene::new(&["crm"]).sending_the_dead();
    scene.answer("e", "crm", refused());
    scene.dead_letters.next(Call::Send, Fault::refused());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(!scene.row("e").death.unwrap().dlq_sent);
    scene.drain(2).await;
    assert_eq!(scene.dead_letters.inner().len(), 1);
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_death_whose_mark_was_not_written_is_sent_again_not_lost_f36() {
    let scene = Scene::new(&["crm"]).sending_the_dead();
    scene.answer("e", "crm", refused());
    scene
        .ledger
        .next(Call::Write, Fault::Pass)
        .next(Call::Write, Fault::Pass);
    scene.ledger.always(Call::Write, Fault::refused());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    scene.ledger.always(Call::Write, Fault::Pass);
    scene.drain(3).await;
    assert_eq!(
        scene.dead_letters.inner().len(),
        2,
        "tolerated, and labelled by the key"
    );
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_sent_with_its_reason_f47() {
    let scene = Scene::new(&["crm"]).sending_the_dead();
    scene.send("e");
    scene.turn().await;
    scene.send_with_data("e", "other");
    assert_eq!(scene.turn().await, [Handed::Over]);
    let dead = scene.dead_letters.inner().messages();
    let reason = dead[0].sent.attributes["waybill-reason"].value.clone();
    assert_eq!(reason, AttributeValue::Text("key_conflict".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_is_mended_by_a_redrive_once_it_is_found_f48() {
    let mut scene = Scene::new(&["crm"]).sending_the_dead();
    let asks = |text| Some(KeyExpression::compile(text).unwrap());
    scene.config.key = asks("data.nothing");
    scene.queue.inner().put_body(r#"{"order": 7}"#);
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert!(scene.tried().is_empty());
    tokio::time::advance(Duration::from_secs(60)).await;
    scene.config.key = asks("data.order");
    scene.dead_letters.inner().redrive_to(scene.queue.inner());
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.tried().len(), 1);
    assert!(scene.dead_letters.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_dead_carry_no_more_attributes_than_sqs_takes_f74() {
    for (theirs, key, reason) in [(8, true, true), (9, true, false), (10, false, false)] {
        let scene = Scene::new(&["crm"]).sending_the_dead();
        scene.answer("e", "crm", refused());
        let attributes = (0..theirs).map(|n| (format!("a-{n}"), fixtures::text("x")));
        scene.queue.inner().put(Outgoing {
            body: "e".to_owned(),
            attributes: attributes.collect(),
            ..Outgoing::default()
        });
        assert_eq!(scene.turn().await, [Handed::Over]);
        let dead = scene.dead_letters.inner().messages();
        let has = |name: &str| dead[0].sent.attributes.contains_key(name);
        assert_eq!((has("waybill-key"), has("waybill-reason")), (key, reason));
        assert!(
            (0..theirs).all(|n| has(&format!("a-{n}"))),
            "the sender's own stay"
        );
    }
}
