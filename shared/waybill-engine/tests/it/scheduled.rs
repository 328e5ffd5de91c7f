//! Events that wait outside their queue.

use std::time::Duration;

use tokio::time::advance;

use waybill_core::batch::Handed;
use waybill_core::ledger::{RouteState, Status};
use waybill_core::message::AttributeValue;
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::retry::{Backoff, RetryPolicy};
use waybill_engine::ports::{Ambient, Appointment, Outgoing};
use waybill_testkit::{Call, Fault, Trouble, fixtures};

use crate::scene::{Answer, Scene};

const HOUR: Duration = Duration::from_secs(3600);

fn busy() -> Answer {
    Answer::Give(Attempt::transient("http_503", "busy", None))
}

/// Waits of this long, one after the other.
fn waits(wait: Duration) -> RetryPolicy {
    RetryPolicy {
        steps: 5,
        backoff: Backoff::Exponential {
            duration: wait,
            factor: 1.0,
        },
        jitter: 0.0,
        cap: wait,
        ..RetryPolicy::default()
    }
}

/// A scene with a route whose first tries fail, each followed by a wait of this long.
fn failing(tries: usize, wait: Duration) -> Scene {
    let mut scene = Scene::new(&["crm"]).with_schedules();
    scene.script.policy.retry = waits(wait);
    for _ in 0..tries {
        scene.answer("e", "crm", busy());
    }
    scene
}

/// The one schedule that is to be fired.
fn only(scene: &Scene) -> Appointment {
    let mut standing = scene.schedules().inner().standing();
    assert_eq!(standing.len(), 1, "one schedule");
    standing.remove(0)
}

/// Lets time go on to when the one schedule is due, and fires it.
async fn fire(scene: &Scene) {
    let at = only(scene).at;
    advance(at.since(scene.ambient.now())).await;
    assert_eq!(scene.schedules().inner().fire(scene.ambient.now()).len(), 1);
}

fn status(scene: &Scene) -> Status {
    scene.row("e").status
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_leaves_the_queue_and_comes_back_when_it_is_due_f07() {
    let scene = failing(2, 3 * HOUR);
    scene.send("e");
    for round in 1..=2 {
        assert_eq!(scene.turn().await, [Handed::Over]);
        assert_eq!(status(&scene), Status::Scheduled);
        assert!(
            scene.queue.inner().is_empty(),
            "it holds no place in flight"
        );
        let row = scene.row("e");
        assert_eq!(
            (row.routes[0].attempts, row.due),
            (round, Some(only(&scene).at))
        );
        let wait = only(&scene).at.since(scene.ambient.now());
        assert!((3 * HOUR..=3 * HOUR + Duration::from_secs(1)).contains(&wait));
        fire(&scene).await;
    }
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(status(&scene), Status::Completed);
    assert!(scene.queue.inner().is_empty() && scene.schedules().inner().standing().is_empty());
    let tries = scene.tries();
    let first = &tries[0];
    assert_eq!(tries.len(), 3);
    for (n, this) in (1..).zip(&tries) {
        let same = (&this.data, &this.idempotency_key);
        assert_eq!(same, (&first.data, &first.idempotency_key));
        assert_eq!(this.attempt, n, "the ledger goes on counting");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_a_quarter_of_an_hour_stays_in_the_queue() {
    let scene = failing(1, HOUR / 4);
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(
        (status(&scene), scene.visible_in()),
        (Status::Pending, HOUR / 4)
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_scheduler_a_long_wait_stays_in_the_queue() {
    let mut scene = failing(1, 3 * HOUR);
    scene.scheduler = None;
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(
        (status(&scene), scene.visible_in()),
        (Status::Pending, 3 * HOUR)
    );
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_s_events_never_leave_it_f24() {
    let mut scene = Scene::new(&["crm"]).fifo().with_schedules();
    scene.script.policy.retry = waits(3 * HOUR);
    scene.script.policy.retry.detach = Some(1);
    scene.answer("e", "crm", busy());
    scene.send_in("g", "e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(status(&scene), Status::Pending);
    assert_eq!(scene.schedules().calls(Call::Schedule), 0);
}

#[tokio::test(start_paused = true)]
async fn a_poll_lets_go_what_waits_outside_and_counts_it() {
    let scene = failing(1, 3 * HOUR);
    scene.send("e");
    let report = scene.poll_until_empty().await;
    assert_eq!(
        (report.scheduled, report.delivered, report.deleted),
        (1, 0, 1)
    );
    fire(&scene).await;
    let report = scene.poll_until_empty().await;
    assert_eq!(
        (report.scheduled, report.delivered, report.deleted),
        (0, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_sick_route_is_detached_after_its_attempts_and_a_healthy_one_is_not_tried_again() {
    let mut scene = Scene::new(&["crm", "audit"]).with_schedules();
    scene.script.policy.retry = waits(Duration::from_secs(20));
    scene.script.policy.retry.detach = Some(2);
    for _ in 0..3 {
        scene.answer("e", "crm", busy());
    }
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back], "one attempt is not two");
    scene.wait_for_next().await;
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(status(&scene), Status::Scheduled);
    fire(&scene).await;
    assert_eq!(
        scene.turn().await,
        [Handed::Over],
        "the third attempt fails too"
    );
    fire(&scene).await;
    scene.drain(2).await;
    assert_eq!(status(&scene), Status::Completed);
    let audits = scene.tried().into_iter().filter(|(_, r)| r == "audit");
    assert_eq!((audits.count(), scene.tried().len()), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn an_open_route_that_says_nothing_keeps_its_event_in_the_queue() {
    let mut scene = Scene::new(&["crm", "audit"]).with_schedules();
    let detached = RetryPolicy {
        detach: Some(1),
        ..waits(Duration::from_secs(20))
    };
    scene.script.policy.retry = waits(Duration::from_secs(20));
    scene.script.retries.insert("crm".to_owned(), detached);
    scene
        .answer("e", "crm", busy())
        .answer("e", "audit", busy());
    scene.answer("e", "crm", busy());
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Back]);
    scene.wait_for_next().await;
    assert_eq!(
        scene.turn().await,
        [Handed::Over],
        "only the detached one is open now"
    );
    assert_eq!(status(&scene), Status::Scheduled);
}

#[tokio::test(start_paused = true)]
async fn what_was_received_fifteen_times_leaves_before_the_redrive_policy_takes_it_f07() {
    let mut scene = failing(60, Duration::from_secs(30));
    scene.script.policy.retry.steps = 50;
    scene.send("e");
    for receive in 1..15 {
        assert_eq!(scene.turn().await, [Handed::Back], "receive {receive}");
        scene.wait_for_next().await;
    }
    for _ in 0..2 {
        assert_eq!(scene.turn().await, [Handed::Over]);
        fire(&scene).await;
        for receive in 1..15 {
            assert_eq!(
                scene.turn().await,
                [Handed::Back],
                "receive {receive} of another message"
            );
            scene.wait_for_next().await;
        }
    }
    assert!(scene.dead_letters.inner().is_empty());
    assert_eq!(
        scene.row("e").routes[0].attempts,
        44,
        "each try is charged once"
    );
}

/// Everything between the ledger's word and the delete: what it takes to be killed there.
#[tokio::test(start_paused = true)]
async fn killed_between_any_two_steps_an_event_goes_on_and_is_done_once_f33() {
    let hour = Duration::from_secs(3600);
    let kills: [(&str, Fault); 3] = [
        // The call hangs beyond the deadline: to the rest of the world that is a kill.
        (
            "before the schedule is made",
            Fault::DelayBefore(hour, Box::new(Fault::refused())),
        ),
        (
            "before the answer is heard",
            Fault::DelayAfter(hour, Box::new(Fault::Pass)),
        ),
        ("its answer is lost", Fault::lost_reply()),
    ];
    for (what, fault) in kills {
        let scene = failing(1, 3 * HOUR);
        scene.schedules().next(Call::Schedule, fault);
        scene.send("e");
        assert_eq!(scene.turn().await, [Handed::Back], "{what}");
        assert_eq!(
            status(&scene),
            Status::Scheduled,
            "{what}: the ledger comes first"
        );
        let row = scene.row("e");
        scene.wait_for_next().await;
        assert_eq!(
            scene.turn().await,
            [Handed::Over],
            "{what}: handed over at last"
        );
        assert_eq!(
            scene.row("e"),
            row,
            "{what}: nothing is written or charged for it"
        );
        fire(&scene).await;
        scene.drain(2).await;
        assert_eq!(
            (status(&scene), scene.tried().len()),
            (Status::Completed, 2),
            "{what}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn killed_before_the_delete_both_messages_make_one_effect_f09_f33() {
    for early in [true, false] {
        let scene = failing(1, 3 * HOUR);
        scene.send("e");
        let first = scene.queue.inner().messages().remove(0);
        assert_eq!(scene.turn().await, [Handed::Over]);
        scene.queue.inner().bring_back(&first);
        if early {
            assert_eq!(scene.turn().await, [Handed::Over], "the schedule is there");
            fire(&scene).await;
        } else {
            fire(&scene).await;
        }
        scene.drain(5).await;
        assert_eq!(
            (status(&scene), scene.tried().len()),
            (Status::Completed, 2)
        );
        assert!(scene.dead_letters.inner().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_schedule_the_message_itself_goes_on_when_it_is_due_f33() {
    let scene = failing(1, HOUR);
    scene.schedules().always(Call::Schedule, Fault::refused());
    scene.send("e");
    scene.turn().await;
    assert!(scene.visible_in() <= HOUR / 4, "it looks again soon");
    scene.drain(10).await;
    assert_eq!(
        (status(&scene), scene.tried().len()),
        (Status::Completed, 2)
    );
    assert_eq!(scene.row("e").routes[0].attempts, 2);
    assert!(scene.tries()[1].at.since(scene.tries()[0].at) >= HOUR);
}

#[tokio::test(start_paused = true)]
async fn another_copy_is_handed_over_too_and_a_schedule_that_fires_twice_does_nothing_twice_f09() {
    let scene = failing(1, 3 * HOUR);
    scene.send("e");
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over; 2]);
    let made = only(&scene);
    scene.send("e");
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(only(&scene), made, "one schedule for all of them");
    scene.schedules().inner().send(&made);
    assert_eq!(
        scene.turn().await,
        [Handed::Over],
        "early, it is handed over again"
    );
    fire(&scene).await;
    scene.schedules().inner().send(&made);
    scene.drain(5).await;
    assert_eq!(
        (status(&scene), scene.tried().len()),
        (Status::Completed, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_for_a_schedule_waits_in_the_queue() {
    let mut scene = Scene::new(&["crm"]).with_schedules();
    scene.script.policy.retry = waits(3 * HOUR);
    let data = "\"".repeat(130_000);
    scene.answer(&data, "crm", busy());
    scene.send_with_data("e", &data);
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(
        (status(&scene), scene.visible_in()),
        (Status::Pending, 3 * HOUR)
    );
    assert_eq!(scene.schedules().calls(Call::Schedule), 0);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_the_first_message_in_all_that_is_read_of_it() {
    let scene = failing(1, 3 * HOUR);
    let body = "<aws.scheduler.execution-id> \u{1}\"\\";
    scene.answer(body, "crm", busy());
    let mut sent = Outgoing {
        body: body.to_owned(),
        group_id: Some("tenant-1".to_owned()),
        trace_header: Some("Root=1-5f".to_owned()),
        ..Outgoing::default()
    };
    sent.attributes
        .insert("kind".to_owned(), fixtures::text("<new>"));
    let mut bytes = fixtures::text("");
    bytes.data_type = "Binary".to_owned();
    bytes.value = AttributeValue::Bytes(vec![0, 255]);
    sent.attributes.insert("raw".to_owned(), bytes);
    let id = scene.queue.inner().put(sent);
    assert_eq!(scene.turn().await, [Handed::Over]);
    let made = only(&scene);
    assert!(
        !made.body.contains('<'),
        "nothing that a schedule would replace"
    );
    assert!(
        !made.body.contains("Root="),
        "no trace: it would be taken for a loop"
    );
    fire(&scene).await;
    let carrier = scene.queue.inner().messages().remove(0);
    assert_ne!(carrier.message_id, id);
    assert_eq!(scene.turn().await, [Handed::Over]);
    let tries = scene.tries();
    assert_eq!((tries.len(), &tries[1].data), (2, &body.to_owned()));
    assert_eq!(
        tries[0].idempotency_key, tries[1].idempotency_key,
        "the same event"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_s_age_counts_from_its_first_message_and_a_redrive_makes_it_young_f11() {
    let mut scene = failing(1, 3 * HOUR);
    scene.script.policy.retry.max_event_age = Some(2 * HOUR);
    scene.send("e");
    scene.turn().await;
    let row = scene.row("e");
    assert_eq!(
        row.routes[0].state,
        RouteState::Expired,
        "its next try would be too late"
    );

    let mut scene = failing(2, 3 * HOUR);
    scene.script.policy.retry.max_event_age = Some(5 * HOUR);
    scene.send("e");
    scene.turn().await;
    fire(&scene).await;
    scene.drain(30).await;
    let row = scene.row("e");
    assert_eq!(
        row.death.unwrap().reason,
        DeadReason::Expired,
        "3 h old, and 6 h at the next"
    );
    assert_eq!(scene.tried().len(), 2);

    advance(HOUR).await;
    scene.dead_letters.inner().redrive_to(scene.queue.inner());
    scene.drain(2).await;
    assert_eq!(
        (status(&scene), scene.tried().len()),
        (Status::Completed, 3)
    );
    assert_eq!(
        scene.row("e").redrive_n,
        1,
        "a parcel is redriven like any message"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_near_the_end_of_its_queue_s_retention_leaves_it_f08() {
    let day = 24 * HOUR;
    let mut scene = failing(30, HOUR / 4).with_retention(day);
    scene = scene.with_schedules();
    scene.config.retention = Some(day);
    scene.script.policy.retry.steps = 30;
    scene.send("e");
    advance(day - HOUR / 2).await;
    assert_eq!(scene.turn().await, [Handed::Back]);
    scene.wait_for_next().await;
    assert_eq!(
        scene.turn().await,
        [Handed::Over],
        "the next wait would outlive it"
    );
    assert_eq!(status(&scene), Status::Scheduled);
    fire(&scene).await;
    assert_eq!(
        scene.turn().await,
        [Handed::Back],
        "the new message is young"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_leave_in_time_is_dead_before_its_queue_drops_it_f08() {
    let day = 24 * HOUR;
    let mut scene = failing(30, HOUR / 4).with_retention(day).with_schedules();
    scene.config.retention = Some(day);
    scene
        .schedules()
        .always(Call::Schedule, Fault::Before(Trouble::Permanent));
    scene.send("e");
    advance(day - HOUR / 4).await;
    scene.drain(40).await;
    let row = scene.row("e");
    assert_eq!(row.death.unwrap().reason, DeadReason::WouldExpire);
    assert_eq!(scene.dead_letters.inner().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_of_what_waited_outside_are_the_first_message_again_f69() {
    let mut scene = failing(6, 3 * HOUR).sending_the_dead();
    scene.script.policy.retry.steps = 1;
    scene.send("e");
    scene.turn().await;
    fire(&scene).await;
    assert_eq!(scene.turn().await, [Handed::Over]);
    let dead = scene.dead_letters.inner().messages().remove(0).sent;
    assert_eq!(dead.body, "e");
    let names: Vec<_> = dead.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["waybill-key", "waybill-reason"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_begins_like_a_parcel_and_is_none_is_dead_and_never_delivered_f14() {
    let scene = failing(1, 3 * HOUR);
    scene.send("e");
    scene.turn().await;
    let forged = only(&scene).body.replace("\"e\"", "\"f\"");
    assert_ne!(forged, only(&scene).body);
    scene.send_with_data("looks-alike", &forged);
    scene.turn().await;
    assert_eq!(
        scene.row("looks-alike").death.unwrap().reason,
        DeadReason::Malformed
    );
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_consumer_s_parcel_is_dead_and_never_delivered() {
    let scene = failing(1, 3 * HOUR);
    scene.send("e");
    scene.turn().await;
    let parcel = only(&scene).body;
    let mut other = Scene::new(&["crm"]);
    other.config.consumer = waybill_core::id::Consumer::new("other").unwrap();
    other.queue.inner().put(Outgoing {
        body: parcel.clone(),
        ..Outgoing::default()
    });
    assert_eq!(other.turn().await, [Handed::Back]);
    assert!(other.tries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_waits_outside_lives_until_after_its_schedule_f37() {
    let scene = failing(1, 300 * HOUR);
    scene.send("e");
    scene.turn().await;
    let row = scene.row("e");
    let lives = scene.config.time_to_live;
    assert_eq!(row.expires_at, row.due.unwrap().after(lives).as_secs_ceil());
}

#[tokio::test(start_paused = true)]
async fn where_schedules_were_taken_away_the_message_waits_and_goes_on_when_it_is_due() {
    let mut scene = failing(1, 3 * HOUR);
    scene.send("e");
    let first = scene.queue.inner().messages().remove(0);
    scene.turn().await;
    scene.queue.inner().bring_back(&first);
    scene.scheduler = None;
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(status(&scene), Status::Scheduled);
    scene.drain(2).await;
    assert_eq!(
        (status(&scene), scene.tried().len()),
        (Status::Completed, 2)
    );
}
