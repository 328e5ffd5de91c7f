//! The fakes that other tests lean on.

use std::sync::Arc;

use waybill_core::id::LedgerKey;
use waybill_core::ledger::Row;
use waybill_engine::ports::Ambient;
use waybill_testkit::conformance::{self, MakeQueue, Planted, RawRows};
use waybill_testkit::{
    FakeGates, FakeLedger, FakeQueue, FakeRuns, FakeScheduler, Faulty, TestAmbient,
};

/// A fake's rows, planted past its port.
struct FakeRows(FakeLedger);

impl RawRows for FakeRows {
    async fn plant(&self, key: &LedgerKey, row: Planted) {
        let what = format!("{row:?}");
        self.0.put_row(key.clone(), Row::Unknown { what });
    }

    async fn sweep(&self, key: &LedgerKey) {
        self.0.remove(key);
    }
}

struct FakeQueues(Arc<TestAmbient>);

impl MakeQueue for FakeQueues {
    type Queue = FakeQueue;

    async fn make(&self, name: &str) -> FakeQueue {
        FakeQueue::new(name, self.0.clone())
    }

    async fn make_with_redrive(&self, name: &str, max: u32) -> (FakeQueue, FakeQueue) {
        let dead_letters = self.make(&conformance::dead_letters_of(name)).await;
        let queue = self
            .make(name)
            .await
            .with_redrive(max, dead_letters.clone());
        (queue, dead_letters)
    }
}

#[tokio::test]
async fn the_fake_ledger_passes_the_suite() {
    let ledger = FakeLedger::new();
    let rows = FakeRows(ledger.clone());
    conformance::ledger(&ledger, &rows).await;
}

#[tokio::test]
async fn a_ledger_without_scripted_faults_passes_the_suite() {
    let ledger = FakeLedger::new();
    let rows = FakeRows(ledger.clone());
    conformance::ledger(&Faulty::new(ledger), &rows).await;
}

#[tokio::test]
async fn the_fake_gates_pass_the_suite() {
    conformance::gates(&FakeGates::new()).await;
}

#[tokio::test]
async fn the_fake_runs_pass_the_suite() {
    conformance::runs(&FakeRuns::new()).await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_queue_passes_the_suite() {
    let queues = FakeQueues(Arc::new(TestAmbient::default()));
    conformance::queue(&queues, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_fifo_queue_passes_the_suite() {
    let queues = FakeQueues(Arc::new(TestAmbient::default()));
    conformance::fifo_queue(&queues, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_scheduler_passes_the_suite() {
    let ambient = Arc::new(TestAmbient::default());
    let queue = FakeQueue::new("orders", ambient.clone());
    let scheduler = FakeScheduler::new(queue.clone());
    let ran = conformance::scheduler(&scheduler, queue.arn(), ambient.now(), &[]).await;
    assert_eq!(ran, 4);
}
