//! What it costs to put the ledger's writes into words: `cargo bench -p waybill-aws`. Allocations
//! are counted.

use divan::{AllocProfiler, Bencher, black_box};

use waybill_aws::dynamodb::DynamoLedger;
use waybill_core::ledger::{Record, Status};
use waybill_engine::ports::Write;
use waybill_testkit::fixtures::claimed;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A ledger whose client is never asked anything.
fn ledger() -> DynamoLedger {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .build();
    DynamoLedger::new(aws_sdk_dynamodb::Client::from_conf(config), "ledger")
}

/// The rows of a batch as they are claimed.
fn rows(batch: usize) -> Vec<Record> {
    (0..batch)
        .map(|n| claimed(&format!("event-{n}"), 1))
        .collect()
}

#[divan::bench(args = [1, 10, 25])]
fn claim(bencher: Bencher<'_, '_>, batch: usize) {
    let ledger = ledger();
    let writes: Vec<_> = rows(batch).into_iter().map(Write::Insert).collect();
    bencher.bench_local(|| ledger.statements(black_box(&writes)));
}

#[divan::bench(args = [1, 10, 25])]
fn settle(bencher: Bencher<'_, '_>, batch: usize) {
    let ledger = ledger();
    let settle = |row: Record| {
        let held = row.fence();
        let mut next = row.written(1_800_000_000);
        next.status = Status::Completed;
        Write::Settle { held, next }
    };
    let writes: Vec<_> = rows(batch).into_iter().map(settle).collect();
    bencher.bench_local(|| ledger.statements(black_box(&writes)));
}
