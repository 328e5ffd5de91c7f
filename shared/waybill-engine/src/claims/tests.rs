//! Claims one by one: what is asked of a scripted ledger, and when.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use waybill_core::id::LedgerKey;
use waybill_core::ledger::Status;
use waybill_testkit::fixtures::{NOW, ask, claimed, moved};

use super::*;

/// The answers to one read, and to one write.
type Reads = Vec<Result<Option<Row>, StoreError>>;
type Answers = Vec<Result<Written, StoreError>>;

/// What was asked, after how many milliseconds, and of how many keys.
type Asked = (&'static str, u128, usize);

/// A ledger whose answers a test scripts, and what was asked of it.
struct Ledgers {
    began: Instant,
    reads: Mutex<VecDeque<Reads>>,
    writes: Mutex<VecDeque<Answers>>,
    asked: Mutex<Vec<Asked>>,
}

impl Ledgers {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            reads: Mutex::default(),
            writes: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    fn reads(self, answers: Reads) -> Self {
        self.reads.lock().unwrap().push_back(answers);
        self
    }

    fn writes(self, answers: Answers) -> Self {
        self.writes.lock().unwrap().push_back(answers);
        self
    }

    fn note(&self, what: &'static str, size: usize) {
        let at = self.began.elapsed().as_millis();
        self.asked.lock().unwrap().push((what, at, size));
    }

    /// Claims one event for ten seconds at most; what came of it, and what was asked when.
    async fn claim_one(self, repeat: bool) -> (Claim, Vec<Asked>) {
        let ask = ask("e", 1);
        let first = claimed("e", 1);
        let request = Request {
            ask: &ask,
            first: &first,
            repeat,
            alone: false,
        };
        let until = self.now().after(Duration::from_secs(10));
        let mut claims = claim(&self, &self, &[request], until).await;
        (claims.remove(0), self.asked.into_inner().unwrap())
    }
}

impl Ambient for Ledgers {
    fn now(&self) -> Timestamp {
        NOW.after(self.began.elapsed())
    }

    fn random(&self) -> u64 {
        0
    }
}

/// A ledger without a script left refuses everything for now.
impl Ledger for Ledgers {
    async fn write(&self, writes: &[Write]) -> Vec<Result<Written, StoreError>> {
        self.note("write", writes.len());
        let said = self.writes.lock().unwrap().pop_front();
        said.unwrap_or_else(|| vec![Err(StoreError::unanswered()); writes.len()])
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        self.note("read", keys.len());
        let said = self.reads.lock().unwrap().pop_front();
        said.unwrap_or_else(|| vec![Err(StoreError::unanswered()); keys.len()])
    }
}

fn wrong() -> StoreError {
    StoreError {
        kind: StoreErrorKind::Permanent,
        ..StoreError::unanswered()
    }
}

/// A row of somebody else's, released and due.
fn released() -> Record {
    Record {
        due: Some(NOW),
        ..moved(&claimed("e", 7), Status::Pending)
    }
}

fn known(record: Record) -> Row {
    Row::Known(Box::new(record))
}

#[tokio::test(start_paused = true)]
async fn store_trouble_is_waited_out_longer_each_time_and_bounded() {
    let (claim, asked) = Ledgers::new().claim_one(true).await;
    assert!(claim.failure().is_some());
    let reads: Vec<_> = asked.iter().map(|(what, at, _)| (*what, *at)).collect();
    assert_eq!(
        reads,
        [("read", 0), ("read", 50), ("read", 150), ("read", 350)]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_beyond_the_time_there_is() {
    let ledger = Ledgers::new();
    let (ask, first) = (ask("e", 1), claimed("e", 1));
    let request = Request {
        ask: &ask,
        first: &first,
        repeat: true,
        alone: false,
    };
    let until = ledger.now().after(Duration::from_millis(150));
    claim(&ledger, &ledger, &[request], until).await;
    assert_eq!(ledger.began.elapsed(), Duration::from_millis(50));
    assert_eq!(
        *ledger.asked.lock().unwrap(),
        [("read", 0, 1), ("read", 50, 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_is_asked_once() {
    let ledger = Ledgers::new().writes(vec![Err(wrong())]);
    let (claim, asked) = ledger.claim_one(false).await;
    assert_eq!(claim.failure(), Some(&wrong()));
    assert_eq!(asked.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_without_an_answer_says_what_it_may_have_written() {
    let (claim, _) = Ledgers::new().writes(Vec::new()).claim_one(false).await;
    let Claim::Failed { written, .. } = claim else {
        panic!("{claim:?}");
    };
    assert_eq!(written, Some(Box::new(claimed("e", 1))));
}

#[tokio::test(start_paused = true)]
async fn a_read_without_an_answer_says_that_nothing_was_written() {
    let (claim, asked) = Ledgers::new().reads(Vec::new()).claim_one(true).await;
    assert!(matches!(claim, Claim::Failed { written: None, .. }));
    assert!(asked.iter().all(|(what, ..)| *what == "read"));
}

#[tokio::test(start_paused = true)]
async fn a_take_over_that_is_answered_without_a_row_is_read() {
    let ask = ask("e", 1);
    let mine = ask.take_over(&released(), TakeOver::Retry, &claimed("e", 1), NOW);
    let ledger = Ledgers::new()
        .reads(vec![Ok(Some(known(released())))])
        .writes(vec![Ok(Written::Done(None))])
        .reads(vec![Ok(Some(known(mine.clone())))]);
    let (claim, asked) = ledger.claim_one(true).await;
    let Claim::Won(row) = claim else {
        panic!("{claim:?}");
    };
    assert_eq!(*row, mine);
    assert_eq!(
        asked,
        [("read", 0, 1), ("write", 0, 1), ("read", 0, 1)],
        "without a wait: nothing is wrong"
    );
}

#[tokio::test(start_paused = true)]
async fn work_goes_on_from_the_row_that_the_take_over_answers() {
    let ask = ask("e", 1);
    let mut mine = ask.take_over(&released(), TakeOver::Retry, &claimed("e", 1), NOW);
    mine.crashes = 1;
    let ledger = Ledgers::new()
        .reads(vec![Ok(Some(known(released())))])
        .writes(vec![Ok(Written::Done(Some(known(mine.clone()))))]);
    let (claim, _) = ledger.claim_one(true).await;
    let Claim::Won(row) = claim else {
        panic!("{claim:?}");
    };
    assert_eq!(*row, mine);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_changes_between_every_read_and_write_is_left_for_now() {
    let mut ledger = Ledgers::new();
    for rev in 5..9 {
        let row = Record { rev, ..released() };
        ledger = ledger
            .reads(vec![Ok(Some(known(row)))])
            .writes(vec![Ok(Written::Refused(None))]);
    }
    let (claim, asked) = ledger.claim_one(true).await;
    assert_eq!(claim.failure().map(|e| e.code.as_str()), Some("raced"));
    assert_eq!(asked.len(), 8, "four rounds");
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged when one event is claimed whose row stands so.
async fn logged(row: Record) -> String {
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let ledger = Ledgers::new().reads(vec![Ok(Some(known(row)))]);
    ledger.claim_one(true).await;
    let log = log.0.lock().unwrap();
    String::from_utf8_lossy(&log).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ended_without_a_word_is_told_and_a_release_is_not() {
    let ended = Record {
        lease_until: NOW.before(Duration::from_secs(60)),
        ..claimed("e", 7)
    };
    let line = "a lease ended without a word";
    assert!(logged(ended).await.contains(line));
    assert!(!logged(released()).await.contains(line));
}

#[test]
fn a_claim_tells_what_the_log_must_say() {
    let failed = Claim::Failed {
        error: wrong(),
        written: None,
    };
    let defer = |cause| Claim::Defer {
        until: NOW,
        cause,
        row: None,
    };
    assert_eq!(failed.failure(), Some(&wrong()));
    assert!(!failed.is_unknown());
    assert!(defer(DeferCause::UnknownRow).is_unknown());
    assert!(!defer(DeferCause::LeaseBusy).is_unknown());
    for claim in [defer(DeferCause::LeaseBusy), Claim::Alone] {
        assert_eq!(claim.failure(), None);
    }
}
