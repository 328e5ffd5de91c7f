//! Targets that write the row with their effect: what each order of a late transaction, the row of
//! the try and the claim of the next receive comes to.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::{advance, sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::ledger::Status;
use waybill_testkit::{Call, Fault};

use super::{busy, ms, scene, standing};
use crate::scene::{Answer, LONG, Scene, VISIBILITY};

/// The next try sends a transaction that is there after so long; the answer comes at once, or never.
fn transact(scene: &Scene, there: Duration, answered: bool) {
    let back = answered.then_some(Duration::ZERO);
    scene.answer("e", "crm", Answer::Transact(there, back));
}

#[tokio::test(start_paused = true)]
async fn a_row_written_with_the_effect_costs_no_request_of_the_engine() {
    let (scene, written) = scene().metered();
    scene.produce("e");
    transact(&scene, Duration::ZERO, true);
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!(scene.ledger.inner().counts().requests(), 0);
    let row = scene.row_of("e");
    assert_eq!((row.status, row.rev), (Status::Completed, 1));
    assert_eq!(
        (row.routes[0].attempts, row.routes[0].last.as_str()),
        (1, "written")
    );
    assert_eq!(scene.effects().len(), 1);
    // The row's part of the transaction is counted: two units.
    let sum = |metric| written.sum(metric, &[]);
    assert_eq!(
        (sum("LedgerRequests"), sum("Attempts"), sum("Delivered")),
        (1.0, 1.0, 1.0)
    );
    let right = (2.0 * 0.625 + 0.2 + 0.8) / 1e6;
    assert!(
        (sum("EstimatedCost") - right).abs() < 1e-9,
        "{}",
        sum("EstimatedCost")
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_a_row_refuses_has_no_effect_and_the_row_decides_f09_f47() {
    let done = scene();
    done.ledger
        .inner()
        .put(standing(&done, "e", Status::Completed));
    done.produce("e");
    transact(&done, ms(20), true);
    assert_eq!(done.turn().await, [Handed::Over]);
    let held = scene();
    held.ledger
        .inner()
        .put(standing(&held, "e", Status::InProgress));
    held.produce("e");
    transact(&held, ms(20), true);
    assert_eq!(held.turn().await, [Handed::Back]);
    let other = scene();
    let mut row = standing(&other, "other", Status::Completed);
    row.key = standing(&other, "e", Status::Completed).key;
    other.ledger.inner().put(row);
    other.produce("e");
    transact(&other, ms(20), true);
    assert_eq!(other.turn().await, [Handed::Back]);
    for scene in [done, held, other] {
        assert!(scene.effects().is_empty());
        assert_eq!(scene.tried().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_failed_try_is_gone_on_with_under_a_marker() {
    let scene = scene();
    scene.produce("e");
    scene.answer("e", "crm", busy());
    scene.turn().await;
    transact(&scene, ms(20), true);
    scene.drain(2).await;
    let row = scene.row_of("e");
    assert_eq!((row.status, row.routes[0].attempts), (Status::Completed, 2));
    assert_eq!(scene.effects().len(), 1);
}

/// The transaction happened, its answer was lost: the row of the try is refused by the one that was
/// written with the effect, and the event is done.
#[tokio::test(start_paused = true)]
async fn a_transaction_whose_answer_was_lost_refuses_the_row_of_its_try_f40() {
    let scene = scene();
    scene.produce("e");
    transact(&scene, ms(20), false);
    assert_eq!(scene.turn().await, [Handed::Over]);
    assert_eq!((scene.effects().len(), scene.tried().len()), (1, 1));
    assert_eq!(scene.row_of("e").status, Status::Completed);
}

/// The row of the try was there before the transaction: that is refused for ever.
#[tokio::test(start_paused = true)]
async fn a_transaction_that_comes_after_the_row_of_its_try_does_nothing_f39() {
    let scene = scene();
    scene.produce("e");
    transact(&scene, Duration::from_secs(15), false);
    assert_eq!(scene.turn().await, [Handed::Back]);
    assert_eq!(scene.row_of("e").status, Status::Pending);
    sleep(Duration::from_secs(30)).await;
    assert!(scene.effects().is_empty());
    transact(&scene, ms(20), true);
    scene.drain(2).await;
    assert_eq!(scene.effects().len(), 1);
    assert_eq!(scene.row_of("e").status, Status::Completed);
}

/// Killed before the row of the try: the next receive finds no row, and claims. The transaction
/// comes before its claim, between its claim and its try, or after that: one effect each time.
#[tokio::test(start_paused = true)]
async fn a_transaction_of_one_that_was_killed_comes_once_or_never_f33_f39() {
    let second = VISIBILITY + Duration::from_secs(5);
    for late in [
        VISIBILITY,
        VISIBILITY + Duration::from_secs(7),
        VISIBILITY + Duration::from_secs(60),
    ] {
        let scene = scene();
        scene.produce("e");
        transact(&scene, late, false);
        let killed = timeout(Duration::from_secs(1), scene.turn()).await;
        assert!(killed.is_err() && scene.find_row_of("e").is_none());
        sleep(second - Duration::from_secs(1)).await;
        // Its own effect takes five seconds to arrive.
        transact(&scene, Duration::from_secs(5), true);
        assert_eq!(scene.turn().await, [Handed::Over], "{late:?}");
        sleep(LONG).await;
        assert_eq!(scene.effects().len(), 1, "{late:?}");
        assert_eq!(scene.row_of("e").status, Status::Completed);
    }
}

/// The row of the try arrives late too, when its writer is gone: it is refused by whatever stands.
#[tokio::test(start_paused = true)]
async fn a_row_of_a_try_that_comes_late_overwrites_nothing_f39() {
    let scene = scene();
    scene.produce("e");
    scene.answer("e", "crm", busy());
    let late = Fault::DelayBefore(Duration::from_secs(8), Box::new(Fault::Pass));
    scene.ledger.next(Call::Write, late);
    let first = scene.process();
    let second = async {
        sleep(Duration::from_secs(2)).await;
        // Others may have it meanwhile, and do it.
        let standing = scene.queue.inner().messages();
        scene
            .queue
            .inner()
            .show_in(&standing[0].message_id, Duration::ZERO);
        transact(&scene, ms(20), true);
        assert_eq!(scene.turn().await, [Handed::Over]);
        scene.row_of("e")
    };
    let ((_, handed), row) = join(first.run(10), second).await;
    // It is let go by the row that it finds.
    assert_eq!(handed, [Handed::Over]);
    assert_eq!(scene.row_of("e"), row);
    assert_eq!((row.status, scene.effects().len()), (Status::Completed, 1));
}

/// Two receives of one message at once: their transactions meet, and one has the effect.
#[tokio::test(start_paused = true)]
async fn transactions_side_by_side_have_one_effect_f09() {
    let scene = scene();
    scene.produce("e");
    scene.produce("e");
    let (one, two) = (scene.process(), scene.process());
    transact(&scene, ms(20), true);
    transact(&scene, ms(20), true);
    let turns = join(one.turn_of(1), two.turn_of(1)).await;
    assert_eq!(turns, (vec![Handed::Over], vec![Handed::Over]));
    assert_eq!((scene.effects().len(), scene.tried().len()), (1, 2));
    advance(LONG).await;
    assert!(scene.queue.inner().is_empty());
}
