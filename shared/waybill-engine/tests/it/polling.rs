//! Poll mode: what is received, held, deleted and handed back, and when.

use std::time::Duration;

use futures_util::future::{join, select};
use tokio::time::{sleep, timeout};

use waybill_core::ledger::{RouteState, Status};
use waybill_core::outcome::Attempt;
use waybill_core::time::Timestamp;
use waybill_engine::poller::{PollRefused, PollRequest};
use waybill_engine::ports::Ambient;
use waybill_testkit::{Call, Fault, QueueAsk, Trouble};

use crate::scene::{Answer, HELD, LONG, Scene};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn ok() -> Attempt {
    Attempt::delivered("ok")
}

/// The requests of one sort, with their sizes.
fn sizes(scene: &Scene, size: impl Fn(&QueueAsk) -> Option<usize>) -> Vec<usize> {
    let requests = scene.queue.inner().requests();
    requests.iter().filter_map(|r| size(&r.ask)).collect()
}

fn deletes(scene: &Scene) -> Vec<usize> {
    sizes(scene, |ask| match ask {
        QueueAsk::Delete(handles) => Some(handles.len()),
        QueueAsk::Receive { .. }
        | QueueAsk::Change(_)
        | QueueAsk::Send(_)
        | QueueAsk::Attributes => None,
    })
}

fn renewals(scene: &Scene) -> Vec<usize> {
    sizes(scene, |ask| match ask {
        QueueAsk::Change(changes) => Some(changes.len()),
        QueueAsk::Receive { .. }
        | QueueAsk::Delete(_)
        | QueueAsk::Send(_)
        | QueueAsk::Attributes => None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_drained_in_tens() {
    let scene = Scene::new(&["crm"]);
    (0..200).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let report = scene.poll_until_empty().await;
    assert_eq!(
        (report.received, report.delivered, report.deleted),
        (200, 200, 200)
    );
    assert_eq!((report.attempts, report.leases_extended), (200, 0));
    assert!(scene.queue.inner().is_empty());
    assert_eq!(deletes(&scene), [10; 20]);
    let counts = scene.queue.inner().counts();
    assert!(counts.receives <= 20 + 8, "{counts:?}");
    assert_eq!(counts.changes, 0);
    let writes = scene.ledger.inner().counts();
    assert!(
        writes.write_requests + writes.read_requests <= 40,
        "{writes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_poll_asks_three_times_a_minute() {
    let scene = Scene::new(&["crm"]);
    let report = scene.poll(secs(60), "{}").await;
    assert_eq!((report.received, report.stopped), (0, "deadline"));
    assert_eq!(scene.queue.inner().counts().receives, 3);
    assert!(report.seconds >= 47.0, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_it_waits_is_delivered_at_once() {
    let scene = Scene::new(&["crm"]);
    let sending = async {
        sleep(secs(7)).await;
        scene.send("late");
        scene.ambient.now()
    };
    let (report, sent) = join(scene.poll(secs(60), "{}"), sending).await;
    assert_eq!(report.delivered, 1);
    assert!(scene.tries()[0].at.since(sent) < secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_holds_a_message_for_several_periods_and_is_called_once() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("slow");
    scene.answer("slow", "crm", Answer::Slowly(HELD * 7, ok()));
    let other = async {
        sleep(secs(1)).await;
        scene.poll(HELD * 7, "{}").await
    };
    let (report, other) = join(scene.poll(LONG, r#"{"max_messages": 1}"#), other).await;
    assert_eq!((report.delivered, report.deleted), (1, 1));
    assert!(report.leases_extended >= 13, "{report:?}");
    assert_eq!(other.received, 0, "nobody else saw it");
    assert_eq!(scene.tried().len(), 1);
    assert_eq!(scene.row("slow").crashes, 0);
}

#[tokio::test(start_paused = true)]
async fn the_lease_follows_the_visibility_and_never_outlives_it_f06() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("slow");
    scene.answer("slow", "crm", Answer::Slowly(HELD * 4, ok()));
    let looking = async {
        let mut leases = Vec::new();
        for _ in 0..HELD.as_secs() * 4 - 1 {
            sleep(secs(1)).await;
            let row = scene.row("slow");
            let visible_at = scene.queue.inner().messages()[0].visible_at;
            assert!(row.lease_until <= visible_at.after(secs(1)));
            assert!(row.lease_until > scene.ambient.now(), "it never ends");
            assert!(row.lease_until.since(scene.ambient.now()) <= HELD);
            leases.push(row.lease_until);
        }
        leases.dedup();
        leases.len()
    };
    let (report, leases) = join(scene.poll(LONG, r#"{"max_messages": 1}"#), looking).await;
    assert_eq!(report.delivered, 1);
    assert!((5..=10).contains(&leases), "{leases}");
}

#[tokio::test(start_paused = true)]
async fn renewals_go_in_tens() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    for n in 0..20 {
        let key = format!("e{n}");
        scene.send(&key);
        scene.answer(&key, "crm", Answer::Slowly(secs(25), ok()));
    }
    let report = scene.poll_until_empty().await;
    assert_eq!(report.delivered, 20);
    assert_eq!(renewals(&scene), [10, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_for_now_is_tried_again_in_time_f04() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("slow");
    scene.answer("slow", "crm", Answer::Slowly(HELD * 2, ok()));
    let fault = || Fault::Before(Trouble::Transient);
    scene.queue.next(Call::ChangeVisibility, fault());
    scene.queue.next(Call::ChangeVisibility, fault());
    let report = scene.poll_until_empty().await;
    assert_eq!((report.delivered, report.leases_lost), (1, 0));
    assert_eq!(scene.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_cuts_the_work_before_another_may_begin_f02_f04() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(600);
    let id = scene.send("slow");
    scene.answer("slow", "crm", Answer::Slowly(secs(500), ok()));
    let taking = async {
        sleep(secs(3)).await;
        scene.queue.inner().show_in(&id, Duration::ZERO);
    };
    let began = scene.ambient.now();
    let (report, ()) = join(scene.poll(LONG, r#"{"max_messages": 1}"#), taking).await;
    assert_eq!(
        (report.delivered, report.deleted, report.leases_lost),
        (0, 0, 1)
    );
    let row = scene.row("slow");
    assert_eq!(
        (row.status, row.attempts[0].code.as_str()),
        (Status::Pending, "lease_ended")
    );
    assert!(
        row.attempts[0].at < began.after(HELD),
        "before the lease ended"
    );
    assert_eq!(row.crashes, 0);
    // The next to receive it tries again, and that is the second try.
    sleep(secs(60)).await;
    assert_eq!(scene.poll_until_empty().await.delivered, 1);
    let tries: Vec<_> = scene.tries().iter().map(|t| t.attempt).collect();
    assert_eq!(tries, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_receives_a_lost_message_finds_its_lease_busy_while_work_goes_on_f46() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(600);
    let id = scene.send("slow");
    scene.answer("slow", "crm", Answer::Slowly(secs(12), ok()));
    let taking = async {
        sleep(secs(3)).await;
        scene.queue.inner().show_in(&id, Duration::ZERO);
        scene.poll(secs(20), r#"{"max_messages": 1}"#).await
    };
    let (report, other) = join(scene.poll(LONG, r#"{"max_messages": 1}"#), taking).await;
    assert_eq!((other.deferred, other.attempts), (1, 0));
    assert_eq!(
        (report.delivered, report.deleted),
        (1, 1),
        "SQS accepts a stale handle's delete, and does nothing"
    );
    assert_eq!(scene.tried().len(), 1);
    sleep(secs(60)).await;
    let last = scene.poll_until_empty().await;
    assert_eq!((last.duplicates, last.deleted), (1, 1));
    assert!(scene.queue.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_on_a_lease_that_is_lost_f04() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 1;
    let id = scene.send("e");
    // The claim takes longer than the message is held, and the renewals are refused.
    let slow = Fault::DelayBefore(HELD * 2, Box::new(Fault::Pass));
    scene.ledger.next(Call::Write, slow);
    let taking = async {
        sleep(secs(1)).await;
        scene.queue.inner().show_in(&id, secs(3600));
        let lost = || Fault::Before(Trouble::LeaseLost);
        scene.queue.always(Call::ChangeVisibility, lost());
    };
    let (report, ()) = join(scene.poll(LONG, r#"{"max_messages": 1}"#), taking).await;
    assert_eq!(
        (report.attempts, report.leases_lost, report.deferred),
        (0, 1, 1)
    );
    assert!(scene.tried().is_empty());
    assert_eq!(scene.row("e").status, Status::Pending, "given back at once");
}

#[tokio::test(start_paused = true)]
async fn a_claim_slower_than_its_lease_is_renewed_before_anything_begins_f04() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("e");
    scene.answer("e", "crm", Answer::Slowly(secs(1), ok()));
    // The row stands at once; the answer comes when its lease has ended, and the message is held.
    scene.ledger.next(Call::Write, Fault::slow(HELD * 2));
    let polling = scene.poll(LONG, r#"{"max_messages": 1}"#);
    let looking = async {
        for _ in 0..900 {
            sleep(Duration::from_millis(100)).await;
            if !scene.tries().is_empty() {
                break;
            }
        }
        scene.row("e").lease_until
    };
    let (report, lease_until) = join(polling, looking).await;
    assert!(lease_until > scene.tries()[0].at, "on a lease that lives");
    assert_eq!((report.delivered, report.attempts), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_is_claimed_for_as_long_as_it_is_held_by_then() {
    let scene = Scene::new(&["crm"]).fifo();
    scene.send_in("a", "first");
    scene.send_in("b", "second");
    // The second comes while the claim of the first is on its way, and waits until it has landed.
    scene
        .queue
        .inner()
        .show_in(&scene.queue.inner().messages()[1].message_id, secs(1));
    scene.ledger.next(Call::Write, Fault::slow(HELD * 2));
    let report = scene.poll(LONG, r#"{"max_messages": 2}"#).await;
    assert_eq!((report.delivered, report.attempts), (2, 2));
    let writes = scene.ledger.inner().counts().writes;
    assert_eq!(writes, 5, "two claims, two ends, one lease renewed");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_on_its_way_is_awaited_before_the_delete_f03() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("slow");
    // It ends a second after its renewal was asked for, which takes five.
    scene.answer("slow", "crm", Answer::Slowly(HELD / 2 + secs(1), ok()));
    let slow = Fault::DelayBefore(secs(5), Box::new(Fault::Pass));
    scene.queue.next(Call::ChangeVisibility, slow);
    let report = scene.poll_until_empty().await;
    assert_eq!((report.deleted, report.leases_lost), (1, 0));
    let asked = scene.queue.inner().requests();
    let asked: Vec<_> = asked
        .iter()
        .filter(|r| !matches!(r.ask, QueueAsk::Receive { .. }))
        .collect();
    assert!(matches!(asked[0].ask, QueueAsk::Change(_)), "{asked:?}");
    assert!(matches!(asked[1].ask, QueueAsk::Delete(_)), "{asked:?}");
    assert_eq!(asked.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_on_its_way_never_undoes_a_hand_back_f03_f06() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("slow");
    let busy = Attempt::transient("busy", "busy", Some(secs(40)));
    scene.answer("slow", "crm", Answer::Slowly(HELD / 2 + secs(1), busy));
    let slow = Fault::DelayBefore(secs(5), Box::new(Fault::Pass));
    scene.queue.next(Call::ChangeVisibility, slow);
    let report = scene.poll_until_empty().await;
    assert_eq!(report.retried, 1);
    let row = scene.row("slow");
    let visible_at = scene.queue.inner().messages()[0].visible_at;
    let due = row.due.unwrap();
    assert!(
        visible_at >= due && visible_at.since(due) <= secs(1),
        "as the row says"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_before_the_ledger_says_so_f34() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    // The write of the end arrives late.
    let late = Fault::DelayBefore(secs(5), Box::new(Fault::Pass));
    scene
        .ledger
        .next(Call::Write, Fault::Pass)
        .next(Call::Write, late);
    let looking = async {
        sleep(secs(4)).await;
        (scene.tried().len(), scene.row("e").status, deletes(&scene))
    };
    let (report, seen) = join(scene.poll_until_empty(), looking).await;
    assert_eq!(seen, (1, Status::InProgress, Vec::new()));
    assert_eq!((report.delivered, report.deleted), (1, 1));
    assert_eq!(scene.row("e").status, Status::Completed);
    assert_eq!(deletes(&scene), [1]);
}

#[tokio::test(start_paused = true)]
async fn entries_that_were_not_deleted_are_tried_again_f31() {
    let scene = Scene::new(&["crm"]);
    (0..10).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let fault = Fault::BeforeAt([3, 7].into(), Trouble::Transient);
    scene.queue.next(Call::Delete, fault);
    let report = scene.poll_until_empty().await;
    assert_eq!((report.delivered, report.deleted), (10, 10));
    assert!(scene.queue.inner().is_empty());
    assert_eq!(deletes(&scene), [8, 2]);
}

#[tokio::test(start_paused = true)]
async fn while_deletes_fail_no_more_and_more_is_received_f31() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 100;
    (0..1500).for_each(|n| drop(scene.send(&format!("e{n}"))));
    scene.queue.always(Call::Delete, Fault::refused());
    let mending = async {
        sleep(secs(15)).await;
        let waiting = 1500 - scene.queue.inner().visible();
        scene.queue.always(Call::Delete, Fault::Pass);
        waiting
    };
    let (report, waiting) = join(scene.poll_until_empty(), mending).await;
    assert!(
        (1000..=1100).contains(&waiting),
        "{waiting} wait for their delete"
    );
    assert_eq!((report.delivered, report.deleted), (1500, 1500));
}

#[tokio::test(start_paused = true)]
async fn done_but_not_deleted_comes_again_and_is_found_done_f09_f31() {
    let scene = Scene::new(&["crm"]);
    (0..3).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let fault = Fault::BeforeAt([1].into(), Trouble::Permanent);
    scene.queue.next(Call::Delete, fault);
    let report = scene.poll_until_empty().await;
    assert_eq!((report.delivered, report.deleted), (3, 2));
    sleep(HELD * 2).await;
    let again = scene.poll_until_empty().await;
    assert_eq!((again.duplicates, again.deleted, again.attempts), (1, 1, 0));
    assert!(scene.queue.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_hands_back_what_was_not_begun_uncharged_f16() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 20;
    scene.script.policy.time = secs(20);
    for n in 0..60 {
        let key = format!("e{n}");
        scene.send(&key);
        scene.answer(&key, "crm", Answer::Slowly(secs(15), ok()));
    }
    let report = scene.poll(secs(60), "{}").await;
    assert_eq!(report.stopped, "deadline");
    assert_eq!(report.delivered + report.deferred, report.received);
    assert_eq!(report.deleted, report.delivered);
    assert!(report.delivered >= 20, "{report:?}");
    sleep(secs(3)).await;
    assert_eq!(
        scene.queue.inner().visible(),
        60 - usize::try_from(report.deleted).unwrap(),
        "nothing stays hidden"
    );
    scene.poll_until_empty().await;
    assert_eq!(scene.tried().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_target_without_end_is_cut_at_the_deadline_and_released() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("hangs");
    scene.answer("hangs", "crm", Answer::Hang);
    let report = scene.poll(secs(60), "{}").await;
    assert_eq!((report.retried, report.attempts), (1, 1));
    assert_eq!(scene.row("hangs").status, Status::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_killed_pollers_messages_come_back_when_their_period_ends() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    for n in 0..12 {
        let key = format!("e{n}");
        scene.send(&key);
        scene.answer(&key, "crm", Answer::Hang);
    }
    let killed = scene.poll(LONG, "{}");
    assert!(timeout(secs(100), killed).await.is_err());
    assert_eq!(scene.queue.inner().visible(), 0);
    sleep(HELD + secs(2)).await;
    assert_eq!(scene.queue.inner().visible(), 12);
    let report = scene.poll_until_empty().await;
    assert_eq!(report.delivered, 12);
    assert_eq!(scene.row("e3").crashes, 1);
    assert_eq!(scene.tried().len(), 24);
}

#[tokio::test(start_paused = true)]
async fn two_pollers_and_a_trigger_share_a_queue_and_do_everything_once() {
    let scene = Scene::new(&["crm", "erp"]);
    for n in 0..150 {
        let key = format!("e{n}");
        scene.send(&key);
        if n % 3 == 0 {
            scene.send(&key);
        }
        scene.answer(&key, "crm", Answer::Slowly(secs(n % 7), ok()));
    }
    let triggered = async {
        for _ in 0..10 {
            scene.turn().await;
            sleep(secs(1)).await;
        }
    };
    let polls = join(scene.poll(secs(120), "{}"), scene.poll(secs(120), "{}"));
    let ((one, two), ()) = join(polls, triggered).await;
    assert!(one.received > 0 && two.received > 0);
    scene.poll_until_empty().await;
    assert!(scene.queue.inner().is_empty());
    let mut tried = scene.tried();
    let all = tried.len();
    tried.sort();
    tried.dedup();
    assert_eq!((all, tried.len()), (300, 300));
}

#[tokio::test(start_paused = true)]
async fn as_many_messages_as_asked_for() {
    let scene = Scene::new(&["crm"]);
    (0..50).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let report = scene.poll(LONG, r#"{"max_messages": 13}"#).await;
    assert_eq!((report.received, report.stopped), (13, "max_messages"));
    assert_eq!(scene.queue.inner().len(), 37);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_held_than_can_be_worked_on() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 20;
    scene.script.policy.time = secs(200);
    for n in 0..100 {
        let key = format!("e{n}");
        scene.send(&key);
        scene.answer(&key, "crm", Answer::Slowly(secs(100), ok()));
    }
    let polling = scene.poll(secs(200), "{}");
    let looking = async {
        for _ in 0..90 {
            sleep(secs(1)).await;
            assert!(100 - scene.queue.inner().visible() <= 20);
        }
    };
    join(polling, looking).await;
}

#[tokio::test(start_paused = true)]
async fn a_poller_without_a_place_works_on_one_at_a_time() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 0;
    (0..3).for_each(|n| drop(scene.send(&format!("e{n}"))));
    assert_eq!(scene.poll_until_empty().await.delivered, 3);
}

#[tokio::test(start_paused = true)]
async fn one_slow_call_does_not_stop_a_small_poller() {
    let mut scene = Scene::new(&["crm"]);
    scene.config.concurrency = 5;
    scene.script.policy.time = secs(200);
    scene.send("slow");
    scene.answer("slow", "crm", Answer::Slowly(secs(150), ok()));
    (0..40).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let began = scene.ambient.now();
    let report = scene.poll(secs(400), r#"{"max_messages": 41}"#).await;
    assert_eq!(report.delivered, 41);
    let tries = scene.tries();
    let last = tries.iter().map(|t| t.at).max().unwrap();
    assert!(last.since(began) < secs(60), "{:?}", last.since(began));
}

#[tokio::test(start_paused = true)]
async fn what_took_processes_down_runs_alone() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(100);
    scene.send("poison");
    for _ in 0..2 {
        scene.answer("poison", "crm", Answer::Hang);
        let killed = scene.poll(LONG, "{}");
        assert!(timeout(secs(5), killed).await.is_err());
        sleep(HELD + secs(3)).await;
    }
    for n in 0..40 {
        let key = format!("e{n}");
        scene.send(&key);
        scene.answer(&key, "crm", Answer::Slowly(secs(2), ok()));
    }
    scene.answer("poison", "crm", Answer::Slowly(secs(9), ok()));
    let report = scene.poll_until_empty().await;
    assert_eq!(report.delivered, 41);
    let tries = scene.tries();
    let poison = tries.iter().rposition(|t| t.data == "poison").unwrap();
    let (began, ended) = (tries[poison].at, tries[poison].at.after(secs(9)));
    let beside = |at: Timestamp| at.after(secs(2)) > began && at < ended;
    let others = tries.iter().filter(|t| t.data != "poison" && beside(t.at));
    assert_eq!(others.count(), 0, "nothing ran beside it");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_outage_loses_nothing_and_begins_nothing_f41() {
    let scene = Scene::new(&["crm"]);
    (0..30).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let down = || Fault::Before(Trouble::Transient);
    scene.ledger.always(Call::Write, down());
    scene.ledger.always(Call::Read, down());
    let report = scene.poll(secs(60), "{}").await;
    assert!(report.deferred >= 30, "{report:?}");
    assert_eq!((report.attempts, report.deleted), (0, 0));
    scene.ledger.always(Call::Write, Fault::Pass);
    scene.ledger.always(Call::Read, Fault::Pass);
    sleep(secs(1000)).await;
    scene.poll_until_empty().await;
    assert_eq!(scene.tried().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_done_is_not_done_again_after_a_lost_lease() {
    let mut scene = Scene::new(&["crm", "erp"]);
    scene.script.policy.time = secs(600);
    let id = scene.send("e");
    scene.answer("e", "erp", Answer::Slowly(secs(500), ok()));
    let taking = async {
        sleep(secs(3)).await;
        scene.queue.inner().show_in(&id, Duration::ZERO);
    };
    join(scene.poll(LONG, r#"{"max_messages": 1}"#), taking).await;
    let row = scene.row("e");
    assert_eq!(row.routes[0].state, RouteState::Delivered);
    sleep(secs(60)).await;
    scene.poll_until_empty().await;
    let crm = scene
        .tried()
        .iter()
        .filter(|(_, route)| route == "crm")
        .count();
    assert_eq!(crm, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_is_left_to_the_redrive_policy() {
    let scene = Scene::new(&["crm"]);
    scene.send("bad");
    scene.answer("bad", "crm", Answer::Give(Attempt::rejected("no", "no")));
    let report = scene.poll(secs(60), "{}").await;
    assert!(report.dead >= 1);
    assert_eq!((report.attempts, report.deleted), (1, 0));
    assert_eq!(
        scene.dead_letters.inner().len(),
        1,
        "its quick receives were spent"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_is_sent_and_then_deleted_f36() {
    let scene = Scene::new(&["crm"]).sending_the_dead();
    scene.send("bad");
    scene.answer("bad", "crm", Answer::Give(Attempt::rejected("no", "no")));
    let report = scene.poll_until_empty().await;
    assert_eq!((report.dead, report.deleted), (1, 1));
    assert_eq!(scene.dead_letters.inner().len(), 1);
    assert!(scene.queue.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_fails_the_invocation_after_its_work() {
    let scene = Scene::new(&["crm"]);
    (0..10).for_each(|n| drop(scene.send(&format!("e{n}"))));
    let refused = Fault::Before(Trouble::Permanent);
    scene.queue.next(Call::Receive, Fault::Pass);
    scene.queue.next(Call::Receive, refused.clone());
    scene.queue.next(Call::Receive, refused.clone());
    scene.queue.always(Call::Receive, refused);
    let deadline = scene.ambient.now().after(secs(60));
    let answer = scene.poller().handle("{}", deadline).await;
    assert!(
        matches!(answer, Err(PollRefused::Queue { .. })),
        "{answer:?}"
    );
    assert_eq!(scene.tried().len(), 10);
    assert!(scene.queue.inner().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_never_answers_fails_the_invocation() {
    let scene = Scene::new(&["crm"]);
    scene
        .queue
        .always(Call::Receive, Fault::Before(Trouble::Transient));
    let deadline = scene.ambient.now().after(secs(60));
    let answer = scene.poller().handle("{}", deadline).await;
    assert!(
        matches!(answer, Err(PollRefused::Queue { .. })),
        "{answer:?}"
    );
    let asked = scene.queue.calls(Call::Receive);
    assert!((5..=20).contains(&asked), "{asked} receives");
}

#[tokio::test(start_paused = true)]
async fn receives_that_fail_for_now_are_tried_again() {
    let scene = Scene::new(&["crm"]);
    scene.send("e");
    let fault = || Fault::Before(Trouble::Transient);
    scene.queue.next(Call::Receive, fault());
    scene.queue.next(Call::Receive, fault());
    scene.queue.next(Call::Receive, fault());
    let report = scene.poll_until_empty().await;
    assert_eq!(report.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_dropped_leaves_nothing_running_f64() {
    let mut scene = Scene::new(&["crm"]);
    scene.script.policy.time = secs(300);
    scene.send("e");
    scene.answer("e", "crm", Answer::Hang);
    let polling = Box::pin(scene.poll(LONG, "{}"));
    select(polling, Box::pin(sleep(secs(40)))).await;
    let asked = scene.queue.inner().requests().len();
    sleep(secs(300)).await;
    assert_eq!(scene.queue.inner().requests().len(), asked);
}

#[test]
fn a_payload_says_what_it_may_and_nothing_else() {
    let parse = PollRequest::parse;
    assert_eq!(parse("{}").unwrap(), PollRequest::default());
    let asked = parse(r#"{"queue_url": "u", "max_messages": 5, "stop_when_empty": true}"#);
    assert_eq!(asked.unwrap().max_messages, Some(5));
    let event = r#"{"version": "0", "detail-type": "Scheduled Event", "detail": {}}"#;
    assert_eq!(parse(event).unwrap(), PollRequest::default());
    for wrong in [
        r#"{"max_mesages": 5}"#,
        "[]",
        "null",
        r#"{"max_messages": 0}"#,
        "17",
    ] {
        let error = parse(wrong).unwrap_err().to_string();
        assert!(error.contains("max_messages"), "{wrong}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_is_refused_where_the_dead_are_redriven() {
    let mut scene = Scene::new(&["crm"]).fifo();
    scene.config.dead_letter = waybill_core::ledger::DeadLetter::Redrive;
    let deadline = scene.ambient.now().after(secs(60));
    let answer = scene.poller().handle("{}", deadline).await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("dead_letter: send"), "{error}");
    assert_eq!(scene.queue.inner().counts().receives, 0);
}
