//! Processes and the network between them and services.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use waybill_engine::ports::{Ambient, Ledger, Queue, Write};
use waybill_testkit::{FakeLedger, FakeQueue, fixtures};
use waybill_world::{Fault, Faults, World};

const SECOND: Duration = Duration::from_secs(1);

fn claim(name: &str) -> Write {
    Write::Insert(fixtures::ask(name, 1).first("v", &[fixtures::route("a")]))
}

#[test]
fn what_runs_in_a_process_dies_with_it() {
    World::play(1, Faults::none(), |world| async move {
        let sandbox = world.sandbox();
        let ticks = Arc::new(AtomicUsize::new(0));
        let running = {
            let (sandbox, ticks) = (sandbox.clone(), ticks.clone());
            tokio::spawn(async move {
                let ticking = async {
                    loop {
                        sleep(SECOND).await;
                        ticks.fetch_add(1, Ordering::Relaxed);
                    }
                };
                sandbox.run(ticking).await
            })
        };
        sleep(SECOND * 7 / 2).await;
        sandbox.kill();
        sleep(10 * SECOND).await;
        assert_eq!(ticks.load(Ordering::Relaxed), 3);
        let ended: Option<()> = running.await.unwrap();
        assert!(ended.is_none() && sandbox.is_dead());
        assert!(
            sandbox.run(async {}).await.is_none(),
            "nothing begins in it"
        );
    });
}

#[test]
fn a_process_that_stands_still_goes_on_where_it_was_f39() {
    World::play(1, Faults::none(), |world| async move {
        let sandbox = world.sandbox();
        let began = world.now();
        let running = {
            let sandbox = sandbox.clone();
            tokio::spawn(async move { sandbox.run(sleep(2 * SECOND)).await })
        };
        sleep(SECOND).await;
        sandbox.freeze(30 * SECOND);
        assert!(sandbox.is_frozen());
        assert!(running.await.unwrap().is_some());
        assert_eq!(world.now().since(began), 31 * SECOND);
    });
}

#[test]
fn a_request_that_has_left_arrives_when_its_sender_is_dead() {
    World::play(1, Faults::none(), |world| async move {
        for (dies_at, rows) in [(0, 0), (1, 1)] {
            let ledger = FakeLedger::new();
            let sandbox = world.sandbox();
            sandbox.die_at_request(dies_at);
            let link = sandbox.ledger(ledger.clone());
            let writes = [claim("e")];
            assert!(sandbox.run(link.write(&writes)).await.is_none());
            sleep(SECOND).await;
            assert_eq!(ledger.rows().len(), rows, "dies at {dies_at}");
        }
    });
}

#[test]
fn an_answer_that_is_lost_is_an_error_after_the_effect_f40() {
    let faults = Faults::none().with(Fault::LostReply);
    World::play(3, faults, |world| async move {
        let mut lost = 0;
        for n in 0..400 {
            let ledger = FakeLedger::new();
            let link = world.sandbox().ledger(ledger.clone());
            let answers = link.write(&[claim(&format!("e{n}"))]).await;
            assert_eq!(ledger.rows().len(), 1);
            lost += usize::from(answers[0].is_err());
        }
        assert!((1..40).contains(&lost), "{lost}");
        world.calm();
        let link = world.sandbox().ledger(FakeLedger::new());
        assert!(link.write(&[claim("e")]).await[0].is_ok());
    });
}

#[test]
fn a_late_request_arrives_after_its_sender_gave_up() {
    let faults = Faults::none().with(Fault::LateRequest);
    World::play(5, faults, |world| async move {
        let mut late = 0;
        for n in 0..400 {
            let ledger = FakeLedger::new();
            let link = world.sandbox().ledger(ledger.clone());
            let answers = link.write(&[claim(&format!("e{n}"))]).await;
            if answers[0].is_err() {
                assert_eq!(ledger.rows().len(), 0, "not yet");
                sleep(30 * SECOND).await;
                late += 1;
            }
            assert_eq!(ledger.rows().len(), 1);
        }
        assert!(late > 0);
    });
}

#[test]
fn some_entries_of_a_batch_fail_and_some_were_done_all_the_same_f31() {
    let faults = Faults::none().with(Fault::PartialFailure);
    World::play(5, faults, |world| async move {
        let queue = FakeQueue::new("orders", world.ambient());
        let (mut undone, mut unsaid) = (0, 0);
        for _ in 0..1200 {
            for n in 0..10 {
                queue.put_body(n.to_string());
            }
            let link = world.sandbox().queue(queue.clone());
            let Ok(held) = queue.receive(10, Duration::ZERO, SECOND).await else {
                panic!("the queue itself never fails")
            };
            let handles: Vec<_> = held.iter().map(|m| m.receipt_handle.clone()).collect();
            let answers = link.delete(&handles).await;
            let failed = answers.iter().filter(|answer| answer.is_err()).count();
            let left = queue.len();
            assert!(left <= failed, "what is said to be done is done");
            undone += left;
            unsaid += failed - left;
            sleep(2 * SECOND).await;
            for message in queue.messages() {
                queue.forget(&message.message_id);
            }
        }
        assert!(undone > 0 && unsaid > 0, "{undone} {unsaid}");
    });
}

#[test]
fn each_process_has_a_clock_of_its_own_f10() {
    World::play(1, Faults::none(), |world| async move {
        let ahead = world.sandbox_ahead(3 * SECOND);
        assert_eq!(ahead.ambient().now(), world.now().after(3 * SECOND));
        assert_eq!(world.sandbox().ambient().now(), world.now());
    });
}
