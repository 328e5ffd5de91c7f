//! Events whose targets make each effect once by themselves: tried without a claim when they come
//! for the first time, and written down after the try.

mod transactions;

use std::time::Duration;

use futures_util::future::join;
use tokio::time::{advance, sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::digest::Digest;
use waybill_core::event::Data;
use waybill_core::ledger::{Record, RouteState, Status};
use waybill_core::message::{AttributeValue, MessageAttribute};
use waybill_core::outcome::Attempt;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ambient, Outgoing, Queue};
use waybill_testkit::{Call, Fault, fixtures};

use crate::scene::{Answer, LONG, Scene, VISIBILITY};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn scene() -> Scene {
    Scene::new(&["crm"]).once_by_target()
}

fn busy() -> Answer {
    Answer::Give(Attempt::transient("http_503", "busy", None))
}

/// What stands in the ledger of an event that somebody else is at.
fn standing(scene: &Scene, id: &str, status: Status) -> Record {
    let now = scene.ambient.now();
    let held = fixtures::claimed(&format!("ce:shop\0{id}"), 77);
    let mut row = match status {
        Status::InProgress => held,
        Status::Pending | Status::Scheduled | Status::Completed | Status::Dead => {
            fixtures::moved(&held, status)
        }
    };
    row.digest = Digest::of(&Data::Text(id.into()));
    row.lease_until = now.after(Duration::from_secs(30));
    row
}

#[tokio::test(start_paused = true)]
async fn a_clean_batch_of_ten_without_claims_costs_one_request_and_ten_units() {
    let (scene, written) = scene().metered();
    (0..10).for_each(|n| drop(scene.produce(&format!("e{n}"))));
    assert_eq!(scene.turn().await, [Handed::Over; 10]);
    let counts = scene.ledger.inner().counts();
    assert_eq!((counts.write_requests, counts.writes), (1, 10));
    assert_eq!(counts.read_requests, 0);
    let sum = |metric| written.sum(metric, &[]);
    assert_eq!((sum("Delivered"), sum("LedgerRequests")), (10.0, 1.0));
    // 10 write units, an invocation, a receive and a delete of Lambda's.
    let cost = sum("EstimatedCost");
    let right = (10.0 * 0.625 + 0.2 + 0.8) / 1e6;
    assert!((cost - right).abs() < 1e-9, "{cost}");
}

#[tokio::test(start_paused = true)]
async fn without_a_claim_no_request_comes_before_the_effect_and_the_row_after_it_f34() {
    let scene = scene();
    scene.produce("e");
    let slowly = Answer::Slowly(Duration::from_secs(1), Attempt::delivered("started"));
    scene.answer("e", "crm", slowly);
    let looking = async {
        sleep(ms(900)).await;
        assert_eq!(scene.tried().len(), 1);
        assert_eq!(scene.ledger.inner().counts().requests(), 0);
    };
    assert_eq!(join(scene.turn(), looking).await.0, [Handed::Over]);
    let row = scene.row_of("e");
    assert_eq!(
        (row.status, row.rev, row.crashes),
        (Status::Completed, 1, 0)
    );
    assert_eq!(row.routes[0].state, RouteState::Delivered);
    assert_eq!(
        (row.routes[0].attempts, row.routes[0].last.as_str()),
        (1, "started")
    );
    assert!(scene.queue.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_try_without_a_claim_is_written_down_and_the_next_one_is_claimed() {
    let scene = scene();
    scene.produce("e");
    scene.answer("e", "crm", busy());
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.rev), (Status::Pending, 1));
    assert_eq!((row.routes[0].attempts, row.attempts.len()), (1, 1));
    assert!(row.due.is_some());
    scene.drain(2).await;
    let tries = scene.tries();
    assert_eq!([tries[0].attempt, tries[1].attempt], [1, 2]);
    assert_eq!(tries[0].idempotency_key, tries[1].idempotency_key);
    // Read, taken over, settled: as any event that comes again.
    let row = scene.row_of("e");
    assert_eq!(
        (row.status, row.rev, row.crashes),
        (Status::Completed, 3, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_target_refuses_for_good_without_a_claim_is_dead_and_moved() {
    let scene = scene();
    scene.produce("e");
    scene.answer(
        "e",
        "crm",
        Answer::Give(Attempt::rejected("event_refused", "no")),
    );
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.row_of("e").status, Status::Dead);
    scene.drain(30).await;
    assert_eq!(scene.tried().len(), 1);
    assert_eq!(scene.dead_letters.inner().len(), 1);
    // The console's redrive has another id and no key: it is known by the row that stands.
    advance(Duration::from_secs(60)).await;
    scene.dead_letters.inner().redrive_to(scene.queue.inner());
    assert_eq!(scene.turn().await, [Handed::Over]);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.redrive_n), (Status::Completed, 1));
}

#[tokio::test(start_paused = true)]
async fn dead_at_the_first_try_it_is_sent_with_its_reason_f36() {
    let scene = scene().sending_the_dead();
    scene.produce("e");
    scene.answer(
        "e",
        "crm",
        Answer::Give(Attempt::rejected("event_refused", "no")),
    );
    assert_eq!(scene.turn().await, [Handed::Over]);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.rev), (Status::Dead, 2));
    assert!(row.death.unwrap().dlq_sent);
    assert_eq!(scene.dead_letters.inner().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_effect_and_the_row_an_event_is_claimed_when_it_comes_again_f33() {
    let scene = scene();
    scene.produce("e");
    scene
        .ledger
        .next(Call::Write, Fault::DelayBefore(LONG, Box::new(Fault::Pass)));
    let killed = timeout(Duration::from_secs(5), scene.turn()).await;
    assert!(killed.is_err() && scene.find_row_of("e").is_none());
    let looking = async {
        advance(VISIBILITY).await;
        let slowly = Answer::Slowly(
            Duration::from_secs(1),
            Attempt::delivered("already_started"),
        );
        scene.answer("e", "crm", slowly);
        let looking = async {
            sleep(ms(500)).await;
            scene.row_of("e").status
        };
        join(scene.turn(), looking).await
    };
    let (handed, meanwhile) = looking.await;
    assert_eq!(
        (handed, meanwhile),
        (vec![Handed::Over], Status::InProgress)
    );
    let tries = scene.tries();
    assert_eq!(tries[0].idempotency_key, tries[1].idempotency_key);
    // The first receive left no word, so no crash is counted.
    let row = scene.row_of("e");
    assert_eq!((row.status, row.crashes), (Status::Completed, 0));
}

#[tokio::test(start_paused = true)]
async fn an_insert_whose_reply_was_lost_is_recognised_f40() {
    for faults in [
        vec![Fault::lost_reply()],
        vec![Fault::lost_reply(), Fault::refused(), Fault::Pass],
    ] {
        let (scene, written) = scene().metered();
        scene.produce("e");
        let writes = faults.len() + usize::from(faults.len() == 1);
        for fault in faults {
            scene.ledger.next(Call::Write, fault);
        }
        assert_eq!(scene.turn().await, [Handed::Over]);
        assert_eq!(scene.ledger.calls(Call::Write), writes);
        assert_eq!(scene.ledger.calls(Call::Read), 1);
        let row = scene.row_of("e");
        assert_eq!((row.status, row.rev), (Status::Completed, 1));
        assert_eq!(scene.tried().len(), 1);
        assert_eq!(written.sum("Delivered", &[]), 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_again_is_asked_for_until_it_can_f40() {
    let scene = scene();
    scene.produce("e");
    scene.ledger.next(Call::Write, Fault::lost_reply());
    scene.ledger.next(Call::Read, Fault::refused());
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.calls(Call::Write), 3);
    assert_eq!(scene.ledger.calls(Call::Read), 2);
    assert_eq!(scene.row_of("e").rev, 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_stays_and_comes_again_f43() {
    let scene = scene();
    scene.produce("e");
    scene.ledger.always(Call::Write, Fault::refused());
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert!(scene.find_row_of("e").is_none());
    scene.ledger.always(Call::Write, Fault::Pass);
    scene.drain(2).await;
    assert_eq!(scene.tried().len(), 2);
    assert_eq!(scene.row_of("e").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_what_is_done_is_let_go_by_the_row_that_stands_f09() {
    let (scene, written) = scene().metered();
    scene.produce("e");
    scene.turn().await;
    scene.produce("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    // Another process: it tries, its insert is refused, and it reads the row.
    assert_eq!(scene.tried().len(), 2);
    let counts = scene.ledger.inner().counts();
    assert_eq!((counts.writes, counts.reads), (2, 1));
    assert_eq!(written.sum("Duplicates", &[]), 1.0);
    assert_eq!(written.sum("Fenced", &[]), 0.0);
}

#[tokio::test(start_paused = true)]
async fn copies_without_a_claim_in_one_batch_wait_for_the_first_f45() {
    let scene = scene();
    for _ in 0..3 {
        scene.produce("e");
    }
    scene.produce_with_data("e", "other");
    let handed = scene.turn().await;
    assert_eq!(handed[..3], [Handed::Over; 3]);
    assert_eq!(handed[3], Handed::Back);
    assert_eq!(
        scene.tried().len(),
        1,
        "the one with other data is read first"
    );
    assert_eq!(scene.row_of("e").rev, 1);
}

#[tokio::test(start_paused = true)]
async fn other_data_under_a_known_key_is_a_conflict_also_without_a_claim_f47() {
    let scene = scene();
    scene.produce("e");
    scene.turn().await;
    scene.produce_with_data("e", "other");
    let refused = Attempt::rejected("execution_conflict", "other data");
    scene.answer("other", "crm", Answer::Give(refused));
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.rev), (Status::Completed, 1));
    scene.drain(30).await;
    assert_eq!(scene.dead_letters.inner().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_holds_is_left_to_it_and_not_charged_f46() {
    for status in [Status::InProgress, Status::Pending] {
        let (scene, written) = scene().metered();
        let mut row = standing(&scene, "e", status);
        row.due = Some(scene.ambient.now().after(Duration::from_secs(40)));
        scene.ledger.inner().put(row.clone());
        scene.produce("e");
        assert_eq!(scene.turn().await, [Handed::Back], "{status:?}");
        assert_eq!(scene.ledger.inner().record(&row.key), Some(row));
        assert_eq!(written.sum("Fenced", &[]), 0.0);
        let wait = scene.visible_in();
        assert!((30..=40).contains(&wait.as_secs()), "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_may_be_taken_over_is_gone_on_with_at_once() {
    let scene = scene();
    let mut row = standing(&scene, "e", Status::Pending);
    row.due = None;
    row.crashes = 1;
    scene.ledger.inner().put(row);
    scene.produce("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.crashes), (Status::Completed, 1));
    assert_eq!(scene.tried().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_a_row_or_has_several_routes_is_claimed_first() {
    let claims = |scene: &Scene| scene.row_of("e").rev > 1;
    let two = Scene::new(&["crm", "erp"]).once_by_target();
    two.produce("e");
    two.turn().await;
    assert!(claims(&two), "two routes");
    let by_ledger = Scene::new(&["crm"]);
    by_ledger.produce("e");
    by_ledger.turn().await;
    assert!(claims(&by_ledger), "a route that says nothing");
    let again = scene();
    let message = again.produce("e");
    let received = again.queue.inner().receive(1, Duration::ZERO, VISIBILITY);
    assert_eq!(received.await.unwrap().len(), 1);
    again.queue.inner().show_in(&message, Duration::ZERO);
    again.turn().await;
    assert!(claims(&again), "received before");
    let sent_anew = scene();
    let key = "ce:shop\0e".as_bytes().to_vec();
    let attribute = MessageAttribute {
        data_type: "Binary".to_owned(),
        value: AttributeValue::Bytes(key),
    };
    sent_anew.queue.inner().put(Outgoing {
        body: "e".to_owned(),
        attributes: [("waybill-key".to_owned(), attribute)].into(),
        ..Outgoing::default()
    });
    sent_anew.turn().await;
    assert!(claims(&sent_anew), "sent by a redrive");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_begun_has_no_row() {
    let mut scene = scene();
    scene.script.policy.time = Duration::from_secs(40);
    scene.config.concurrency = 1;
    scene.produce("a");
    scene.produce("b");
    let slowly = Answer::Slowly(Duration::from_secs(30), Attempt::delivered("ok"));
    scene.answer("a", "crm", slowly);
    let handed = scene.turn().await;
    assert_eq!(handed, [Handed::Over, Handed::Back]);
    assert!(scene.find_row_of("b").is_none());
    assert_eq!(scene.ledger.inner().counts().requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_begin_without_a_claim_than_there_are_places() {
    let mut scene = Scene::new(&["crm"]).once_by_target();
    scene.config.concurrency = 2;
    for n in 0..6 {
        let id = format!("e{n}");
        // Every second one is claimed: its key came with it.
        match n % 2 {
            0 => scene.produce(&id),
            _ => scene.send(&id),
        };
        let slowly = Answer::Slowly(Duration::from_secs(1), Attempt::delivered("ok"));
        scene.answer(&id, "crm", slowly);
    }
    assert_eq!(scene.turn().await, [Handed::Over; 6]);
    let at: Vec<Timestamp> = scene.tries().into_iter().map(|this| this.at).collect();
    for (n, begun) in at.iter().enumerate() {
        let beside = at
            .iter()
            .filter(|other| other <= &begun && begun.since(**other) < Duration::from_secs(1));
        assert!(beside.count() <= 2, "{n}: {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_keeps_its_order_without_claims_f24() {
    let scene = scene().fifo();
    for id in ["a", "b", "c"] {
        scene.produce_in("g", id);
    }
    scene.answer("a", "crm", busy());
    assert_eq!(scene.turn().await, [Handed::Back; 3]);
    scene.drain(6).await;
    let order: Vec<_> = scene.tried().into_iter().map(|(data, _)| data).collect();
    assert_eq!(order, ["a", "a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_what_was_not_claimed_is_written_down_f15() {
    let scene = scene();
    scene.produce("e");
    scene.answer("e", "crm", Answer::Panic);
    assert_eq!(scene.turn().await, [Handed::Back]);
    let row = scene.row_of("e");
    assert_eq!(
        (row.status, row.routes[0].last.as_str()),
        (Status::Pending, "panicked")
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_not_claimed_may_wait_outside_its_queue_f07() {
    let mut scene = scene().with_schedules();
    scene.script.policy.retry.detach = Some(1);
    scene.produce("e");
    scene.answer("e", "crm", busy());
    assert_eq!(scene.turn().await, [Handed::Over]);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.rev), (Status::Scheduled, 1));
    assert_eq!(scene.schedules().inner().standing().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_held_longer_is_worked_on_longer_without_a_claim_f06() {
    let mut scene = scene();
    scene.script.policy.time = Duration::from_secs(200);
    scene.produce("e");
    let slowly = Answer::Slowly(Duration::from_secs(100), Attempt::delivered("ok"));
    scene.answer("e", "crm", slowly);
    let report = scene.poll_until_empty().await;
    assert_eq!((report.delivered, scene.tried().len()), (1, 1));
    let row = scene.row_of("e");
    assert_eq!((row.status, row.rev), (Status::Completed, 1));
    assert_eq!(scene.ledger.inner().counts().requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_cuts_off_what_was_not_claimed_f04() {
    let mut scene = scene();
    scene.script.policy.time = Duration::from_secs(200);
    scene.produce("e");
    scene.answer("e", "crm", Answer::Hang);
    scene
        .queue
        .always(Call::ChangeVisibility, Fault::lease_lost_at([0]));
    scene.poll(Duration::from_secs(100), "{}").await;
    let row = scene.row_of("e");
    assert_eq!(
        (row.status, row.routes[0].last.as_str()),
        (Status::Pending, "lease_ended")
    );
}
