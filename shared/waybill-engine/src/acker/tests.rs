//! Batches on their way out, one by one.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::time::timeout;

use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::lease::Terms;

use super::*;
use crate::ports::Outgoing;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What was sent when, and by how many at once.
#[derive(Default)]
struct Sent(Mutex<Vec<(Duration, Vec<usize>)>>);

impl Sent {
    fn note(&self, began: Instant, batch: Vec<usize>) {
        self.0.lock().unwrap().push((began.elapsed(), batch));
    }

    fn sizes(&self) -> Vec<(u128, usize)> {
        let sent = self.0.lock().unwrap();
        sent.iter()
            .map(|(at, of)| (at.as_millis(), of.len()))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn ten_go_at_once_and_fewer_when_the_first_has_waited() {
    let (tray, items) = mpsc::unbounded_channel();
    let (sent, began) = (Sent::default(), Instant::now());
    let sending = in_tens(items, ms(100), |batch| {
        sent.note(began, batch);
        std::future::ready(())
    });
    let coming = async {
        (0..23).for_each(|n| tray.send(n).unwrap());
        // Company that comes later makes nobody wait longer.
        sleep(ms(60)).await;
        tray.send(23).unwrap();
        sleep(ms(60)).await;
        tray.send(24).unwrap();
        sleep(ms(500)).await;
        drop(tray);
    };
    join(sending, coming).await;
    assert_eq!(sent.sizes(), [(0, 10), (0, 10), (100, 4), (220, 1)]);
    let all: Vec<_> = sent
        .0
        .into_inner()
        .unwrap()
        .into_iter()
        .flat_map(|(_, of)| of)
        .collect();
    assert_eq!(
        all,
        (0..25).collect::<Vec<_>>(),
        "in their order, each once"
    );
}

#[tokio::test(start_paused = true)]
async fn when_no_more_will_come_nothing_waits_and_all_is_awaited() {
    let (tray, items) = mpsc::unbounded_channel();
    let (sent, began) = (Sent::default(), Instant::now());
    (0..13).for_each(|n| tray.send(n).unwrap());
    drop(tray);
    let sending = in_tens(items, ms(100), |batch| {
        sent.note(began, batch);
        sleep(ms(300))
    });
    sending.await;
    assert_eq!(sent.sizes(), [(0, 10), (0, 3)]);
    assert_eq!(began.elapsed(), ms(300), "side by side, and to their end");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_holds_up_no_other() {
    let (tray, items) = mpsc::unbounded_channel();
    let (sent, began) = (Sent::default(), Instant::now());
    let sending = in_tens(items, ms(100), |batch: Vec<usize>| {
        let hangs = batch.contains(&0);
        sent.note(began, batch);
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
        }
    });
    let coming = async {
        tray.send(0).unwrap();
        sleep(ms(200)).await;
        tray.send(1).unwrap();
        sleep(ms(200)).await;
    };
    tokio::select! {
        () = sending => {}
        () = coming => {}
    }
    assert_eq!(sent.sizes(), [(100, 1), (300, 1)]);
}

/// A queue whose deletes are answered from a script, and noted.
struct Deletes {
    answers: Mutex<VecDeque<Vec<Option<QueueErrorKind>>>>,
    asked: Mutex<Vec<Vec<String>>>,
    began: Instant,
}

impl Ambient for Deletes {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000_000).after(self.began.elapsed())
    }

    fn random(&self) -> u64 {
        0
    }
}

impl Queue for Deletes {
    async fn receive(
        &self,
        _: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        Ok(Vec::new())
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        vec![Ok(()); changes.len()]
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        let asked = handles.iter().map(|handle| handle.0.clone()).collect();
        self.asked.lock().unwrap().push(asked);
        let said = self.answers.lock().unwrap().pop_front();
        let said = said.unwrap_or_else(|| vec![None; handles.len()]);
        let answer = |kind: Option<QueueErrorKind>| match kind {
            None => Ok(()),
            Some(kind) => Err(QueueError {
                kind,
                ..QueueError::unanswered()
            }),
        };
        said.into_iter().map(answer).collect()
    }

    async fn send(&self, _: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        Vec::new()
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        Ok(true)
    }
}

/// Deletes four messages with these answers, until ten seconds on; the requests made, and how many
/// were deleted.
async fn delete_four(answers: Vec<Vec<Option<QueueErrorKind>>>) -> (Vec<Vec<String>>, u64) {
    let queue = || Deletes {
        answers: Mutex::default(),
        asked: Mutex::default(),
        began: Instant::now(),
    };
    let (source, ambient) = (Source::new(queue(), None), queue());
    *source.queue.answers.lock().unwrap() = answers.into();
    let until = ambient.now().after(ms(10_000));
    let period = ms(30_000);
    let keeper = Keeper::new(&source.queue, &ambient, Terms { period, until });
    let acker = Acker::new(&source, &keeper, &ambient, until, Arc::default());
    let leaving = |place| Leaving {
        place,
        message: Arc::new(crate::keeper::tests::message(place)),
        received: ambient.now(),
    };
    let deleting = acker.delete((0..4).map(leaving).collect());
    timeout(ms(11_000), deleting)
        .await
        .expect("no later than it may");
    let deleted = acker.deleted();
    (source.queue.asked.into_inner().unwrap(), deleted)
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_answered_by_position_and_tried_again_where_that_helps_f31() {
    let lost = Some(QueueErrorKind::LeaseLost);
    let for_now = Some(QueueErrorKind::Transient);
    let wrong = Some(QueueErrorKind::Permanent);
    let (asked, deleted) = delete_four(vec![vec![lost, for_now, wrong, None]]).await;
    assert_eq!(asked[1..], [["h1"]]);
    assert_eq!(deleted, 2);
}

#[tokio::test(start_paused = true)]
async fn a_delete_without_an_answer_is_tried_again_f31() {
    let (asked, deleted) = delete_four(vec![vec![None]]).await;
    assert_eq!(asked[1..], [["h1", "h2", "h3"]]);
    assert_eq!(deleted, 4);
}

#[tokio::test(start_paused = true)]
async fn deletes_that_keep_failing_are_given_up_in_time() {
    let for_now = vec![Some(QueueErrorKind::Transient); 4];
    let (asked, deleted) = delete_four(vec![for_now; 1000]).await;
    assert!((6..=20).contains(&asked.len()), "{} requests", asked.len());
    assert_eq!(deleted, 0);
}
