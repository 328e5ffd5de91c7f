//! `waybill ledger stuck`: what goes on by nobody.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::sleep;

use waybill_aws::ambient::System;
use waybill_aws::dynamodb::Next;
use waybill_core::id::{LedgerKey, printable};
use waybill_core::ledger::{Deed, Record, Row, Status};
use waybill_core::limit::{INDEX_SHARDS, LEASE_SKEW};
use waybill_core::selection::{Selection, duration};
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ambient, Ledger};
use waybill_engine::redrive::Bounds;

use super::Book;
use crate::Ended;
use crate::dlq::{interruptible, redriver};
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};

/// What is looked through.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    routes: reach::Routes,
    /// For how long a row's time must have passed.
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    overdue: String,
    /// Receive at most so many dead letters, to know which rows have one.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    sample: u64,
    /// Read the whole table too: claims whose lease has ended, and schedules that did not come,
    /// are in no index. It costs a read of every row.
    #[arg(long)]
    scan: bool,
    /// Read so many rows of the table in a second, 100 to 10000.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..=10_000), requires = "scan")]
    scan_rate: u32,
    /// Show at most so many of each kind.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

/// A kind of what is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A claim whose lease has ended, and whose message has not come again.
    LeaseEnded,
    /// A row that waits for its message, whose time has passed.
    RowOverdue,
    /// A row that waits for its schedule, whose time has passed.
    ScheduleOverdue,
    /// A dead row whose dead letter is not in the queue.
    DeadWithoutLetter,
    /// A dead letter without a row.
    LetterWithoutRow,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::LeaseEnded,
        Self::RowOverdue,
        Self::ScheduleOverdue,
        Self::DeadWithoutLetter,
        Self::LetterWithoutRow,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::LeaseEnded => "lease_ended",
            Self::RowOverdue => "row_overdue",
            Self::ScheduleOverdue => "schedule_overdue",
            Self::DeadWithoutLetter => "dead_without_letter",
            Self::LetterWithoutRow => "letter_without_row",
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::LeaseEnded => {
                "who held it is gone, and its message has not come again: it comes when its \
                 visibility ends; if its queue is empty, send the event again. `waybill ledger \
                 unlock` frees it without a crash being counted"
            }
            Self::RowOverdue => {
                "its message should have come: the consumer is behind or stopped; or, if its queue \
                 is empty, the message was deleted or has left by age: send the event again"
            }
            Self::ScheduleOverdue => {
                "its schedule should have sent it: see the queue of the unsent, and send the event \
                 again"
            }
            Self::DeadWithoutLetter => {
                "its dead letter was deleted, has left by age, or is held by somebody: send the \
                 event again, or forget the row"
            }
            Self::LetterWithoutRow => {
                "it was never attempted: `waybill dlq redrive --where 'reason = never_attempted'`"
            }
        }
    }

    /// What is stuck about a row, and since when. Rows of operations (`op:`) have no messages: whoever
    /// calls again goes on with them.
    fn of(record: &Record, letters: &HashSet<String>, now: Timestamp) -> Option<(Self, Timestamp)> {
        let discarded = record.audit.last().map(|entry| entry.deed) == Some(Deed::Discarded);
        if discarded || record.key.event_key().starts_with("op:") {
            return None;
        }
        match record.status {
            Status::InProgress => {
                let free = record.lease_until.after(LEASE_SKEW);
                (free < now).then_some((Self::LeaseEnded, free))
            }
            Status::Pending => Some((Self::RowOverdue, record.due.unwrap_or_default()))
                .filter(|(_, due)| *due < now),
            Status::Scheduled => Some((Self::ScheduleOverdue, record.due.unwrap_or_default()))
                .filter(|(_, due)| *due < now),
            Status::Dead => {
                let at = record.death.as_ref().map(|death| death.at);
                let gone = !letters.contains(record.key.event_key());
                gone.then_some((Self::DeadWithoutLetter, at.unwrap_or_default()))
            }
            Status::Completed => None,
        }
    }
}

/// One thing that is stuck.
#[derive(Debug)]
struct Found {
    kind: Kind,
    key: String,
    since: Timestamp,
}

/// What was found so far, at most so many of each kind.
struct Finds {
    found: Vec<Found>,
    counts: [u64; Kind::ALL.len()],
    /// Keys of rows that were found, for a scan sees them again.
    known: HashSet<String>,
    limit: u64,
    before: Timestamp,
    now: Timestamp,
}

impl Finds {
    fn add(&mut self, kind: Kind, key: &str, since: Timestamp) {
        if since > self.before {
            return;
        }
        let place = Kind::ALL.iter().position(|other| *other == kind);
        let Some(count) = place.and_then(|place| self.counts.get_mut(place)) else {
            return;
        };
        *count += 1;
        if *count <= self.limit {
            let key = printable(key).into_owned();
            self.found.push(Found { kind, key, since });
        }
    }

    fn row(&mut self, record: &Record, letters: &HashSet<String>) {
        // A row without a due time is there to be taken at once; when it was written, nobody says
        // but its audit.
        if let Some((kind, since)) = Kind::of(record, letters, self.now)
            && self.known.insert(record.key.event_key().to_owned())
        {
            let written = record.audit.last().map(|entry| entry.at);
            self.add(
                kind,
                record.key.event_key(),
                since.max(written.unwrap_or_default()),
            );
        }
    }
}

/// Looks.
pub(crate) async fn run(
    reach: &reach::Options,
    options: &Options,
    output: Output,
) -> Result<Ended, Failure> {
    let overdue = duration(&options.overdue).ok_or_else(|| {
        Failure::new(format!(
            "--overdue is `{}`: give a duration, as `1h`",
            options.overdue
        ))
    })?;
    let settings = reach.dead_letters(&options.routes)?;
    let book = Book::open(reach).await?;
    let now = System.now();
    let mut finds = Finds {
        found: Vec::new(),
        counts: [0; Kind::ALL.len()],
        known: HashSet::new(),
        limit: options.limit,
        before: now.before(overdue),
        now,
    };
    let consumer = settings.consumer.as_str().to_owned();
    let (redriver, _) = redriver(&book.connection, settings).await?;
    let stop = interruptible();
    let mut letters = HashSet::new();
    let bounds = Bounds {
        seen: options.sample,
        selected: u64::MAX,
    };
    let bar = screen::bar(None, "looking at dead letters");
    let looked = redriver
        .look(
            &Selection::default(),
            bounds,
            &|| stop.load(Ordering::Relaxed),
            &mut |dossier| {
                bar.inc(1);
                let key = dossier.reading.key.as_str();
                letters.insert(key.to_owned());
                if dossier.record.is_none() {
                    let sent = dossier.message.sent.unwrap_or_default();
                    finds.add(Kind::LetterWithoutRow, key, sent);
                }
            },
        )
        .await;
    bar.finish_and_clear();
    let looked = looked.map_err(|what| Failure::of_words(&what))?;
    let stop = || stop.load(Ordering::Relaxed);
    through_index(&book, &consumer, &letters, &stop, &mut finds).await?;
    let mut scanned = 0;
    if options.scan {
        scanned = through_table(
            &book,
            &consumer,
            options.scan_rate,
            &stop,
            &letters,
            &mut finds,
        )
        .await?;
    }
    tell(output, &finds, looked.to_the_end, options.scan, scanned)?;
    if stop() {
        // What was not looked at may be stuck.
        screen::say("interrupted: not all was looked through");
        return Ok(Ended::InPart);
    }
    match finds.counts.iter().all(|count| *count == 0) {
        true => Ok(Ended::Well),
        false => Ok(Ended::InPart),
    }
}

/// Looks through the rows that the index has.
async fn through_index(
    book: &Book,
    consumer: &str,
    letters: &HashSet<String>,
    stop: &dyn Fn() -> bool,
    finds: &mut Finds,
) -> Result<(), Failure> {
    let bar = screen::bar(None, "looking through the index");
    for status in [Status::Dead, Status::Pending] {
        for shard in 0..INDEX_SHARDS {
            let mut next: Option<Next> = None;
            while !stop() {
                let page = book.desk.index(consumer, status, shard, PAGE, next).await?;
                bar.inc(u64::try_from(page.0.len()).unwrap_or_default());
                rows(book, page.0, letters, finds).await?;
                next = page.1;
                if next.is_none() {
                    break;
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Looks at rows by their keys: the index says only that they were so a moment ago.
async fn rows(
    book: &Book,
    keys: Vec<LedgerKey>,
    letters: &HashSet<String>,
    finds: &mut Finds,
) -> Result<(), Failure> {
    for row in book.ledger.read(&keys).await {
        match row? {
            Some(Row::Known(record)) if record.index_key().is_some() => {
                finds.row(&record, letters);
            }
            Some(Row::Known(_) | Row::Unknown { .. }) | None => {}
        }
    }
    Ok(())
}

/// Looks through the whole table for what no index has; how many rows it read.
async fn through_table(
    book: &Book,
    consumer: &str,
    rate: u32,
    stop: &dyn Fn() -> bool,
    letters: &HashSet<String>,
    finds: &mut Finds,
) -> Result<u64, Failure> {
    let bar = screen::bar(None, "reading the table");
    let wait = Duration::from_secs(1) * u32::try_from(PAGE).unwrap_or(1) / rate;
    let mut next: Option<Next> = None;
    let mut read = 0;
    while !stop() {
        let (rows, more) = book.desk.scan(consumer, PAGE, next).await?;
        for (_, row) in &rows {
            if let Row::Known(record) = row {
                finds.row(record, letters);
            }
        }
        read += u64::try_from(rows.len()).unwrap_or_default();
        bar.set_position(read);
        next = more;
        if next.is_none() {
            break;
        }
        sleep(wait).await;
    }
    bar.finish_and_clear();
    Ok(read)
}

/// Tells what was found.
fn tell(
    output: Output,
    finds: &Finds,
    all_letters: bool,
    scan: bool,
    scanned: u64,
) -> Result<(), Failure> {
    let counts = Kind::ALL.iter().zip(finds.counts);
    if output == Output::Json {
        let counts: serde_json::Map<_, _> = counts
            .map(|(kind, count)| (kind.word().to_owned(), Value::from(count)))
            .collect();
        let found = finds.found.iter().map(|found| {
            json!({
                "kind": found.kind.word(),
                "key": found.key,
                "since": found.since.to_rfc3339(),
            })
        });
        let all = json!({
            "counts": counts,
            "found": found.collect::<Vec<_>>(),
            "all_dead_letters_seen": all_letters,
            "rows_scanned": scan.then_some(scanned),
        });
        return screen::print(all.to_string());
    }
    for (kind, count) in counts.filter(|(_, count)| *count > 0) {
        screen::print(format!(
            "{} {}: {}",
            screen::count(count),
            kind.word(),
            kind.says()
        ))?;
        let of_kind = finds.found.iter().filter(|found| found.kind == *kind);
        let rows = of_kind.map(|found| {
            let since = screen::duration(finds.now.since(found.since));
            vec![format!("  {}", found.key), since]
        });
        screen::print(screen::table(&["  KEY", "SINCE"], rows))?;
        screen::print("")?;
    }
    let letters = match all_letters {
        true => "",
        false => " Not every dead letter was seen, so that a dead row may have one: see --sample.",
    };
    let table = match scan {
        true => format!(" {} rows of the table were read.", screen::count(scanned)),
        false => " Claims and schedules are looked through with --scan only.".to_owned(),
    };
    let found = match finds.found.is_empty() {
        true => "Nothing is stuck.",
        false => "That is what is stuck.",
    };
    screen::print(format!("{found}{letters}{table}"))
}

/// How many rows are read at once: as many as the ledger answers in one request.
const PAGE: i32 = 100;
