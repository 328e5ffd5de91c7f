//! `waybill ledger`: what is known of an event, and freeing what is stuck.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use waybill_aws::ambient::System;
use waybill_aws::connect::Connection;
use waybill_aws::dynamodb::{DynamoDesk, DynamoLedger};
use waybill_core::id::{LedgerKey, from_printable, printable};
use waybill_core::ledger::{AttemptRecord, AuditRecord, Deed, Record, RouteRecord, Row, Status};
use waybill_core::redrive::times;
use waybill_engine::ports::{Ambient, Ledger, Write, Written};

use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};

mod stuck;

/// What is to be done.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Tells all that the ledger knows of an event.
    Show(Which),
    /// Frees an event of a claim whose lease has ended, so that it is not counted as a crash.
    Unlock(Deeds),
    /// Deletes an event's row. What comes of the event next is as if it had never come.
    Forget(Deeds),
    /// Finds what is stuck: rows whose time has passed, rows without a message, dead letters
    /// without a row.
    Stuck(stuck::Options),
}

/// Which row.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// Key of the event, as `waybill dlq ls --each` shows it.
    #[arg(value_name = "KEY")]
    key: String,
}

/// A row, and what is done to it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Deeds {
    #[command(flatten)]
    which: Which,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Who does it, for the audit.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "somebody")]
    who: String,
    /// Tell what would happen, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// The ledger that is meant.
struct Book {
    ledger: DynamoLedger,
    desk: DynamoDesk,
    connection: Connection,
}

impl Book {
    async fn open(reach: &reach::Options) -> Result<Self, Failure> {
        let table = reach.table()?;
        let connection = reach.connect().await?;
        Ok(Self {
            ledger: connection.ledger(&table),
            desk: connection.desk(&table),
            connection,
        })
    }

    /// The row that stands at a key.
    async fn row(&self, key: &LedgerKey) -> Result<Option<Row>, Failure> {
        let mut rows = self.ledger.read(std::slice::from_ref(key)).await;
        match rows.pop() {
            Some(row) => Ok(row?),
            None => Err(Failure::new("the ledger gave no answer")),
        }
    }
}

/// The ledger's key of an event's key, which may be given whole.
fn key(reach: &reach::Options, which: &Which) -> Result<LedgerKey, Failure> {
    let consumer = reach.consumer(&waybill_core::routes::Identity::default())?;
    let own = format!("{consumer}#");
    let key = from_printable(&which.key);
    let key = key.strip_prefix(&own).unwrap_or(&key);
    if key.is_empty() {
        return Err(Failure::new("which event? give its key"));
    }
    Ok(LedgerKey::from_stored(format!("{own}{key}")))
}

/// A key as people read and type it.
fn shown(key: &LedgerKey) -> String {
    printable(key.as_str()).into_owned()
}

/// Does it.
pub(crate) async fn run(
    reach: &reach::Options,
    command: Command,
    output: Output,
) -> Result<Ended, Failure> {
    match command {
        Command::Show(which) => show(reach, &which, output).await,
        Command::Unlock(deeds) => unlock(reach, &deeds, output).await,
        Command::Forget(deeds) => forget(reach, &deeds, output).await,
        Command::Stuck(options) => stuck::run(reach, &options, output).await,
    }
}

/// Shows a row.
async fn show(reach: &reach::Options, which: &Which, output: Output) -> Result<Ended, Failure> {
    let key = key(reach, which)?;
    let book = Book::open(reach).await?;
    let row = book.row(&key).await?;
    let forgotten = book.desk.forgotten(&key).await?;
    if row.is_none() && forgotten.is_empty() {
        return Err(Failure::new(format!(
            "the ledger has no row `{}`: the event was never claimed, or its row has outlived its \
             time; check --consumer and the key",
            shown(&key)
        )));
    }
    match output {
        Output::Json => screen::print(as_json(&key, row.as_ref(), &forgotten).to_string())?,
        Output::Text => {
            match row {
                Some(Row::Known(record)) => screen::print(text(&record))?,
                Some(Row::Unknown { what }) => {
                    screen::print(format!("{}\nthe row cannot be read: {what}", shown(&key)))?;
                }
                None => screen::print(format!("{}\nthere is no row any more", shown(&key)))?,
            }
            if !forgotten.is_empty() {
                screen::print(format!("\n{}", audit(&forgotten)))?;
            }
        }
    }
    Ok(Ended::Well)
}

/// A row as JSON, and who forgot rows of this key.
fn as_json(key: &LedgerKey, row: Option<&Row>, forgotten: &[AuditRecord]) -> Value {
    let (record, unknown) = match row {
        Some(Row::Known(record)) => (Some(record.to_json()), None),
        Some(Row::Unknown { what }) => (None, Some(what)),
        None => (None, None),
    };
    json!({
        "key": printable(key.as_str()),
        "row": record,
        "unknown_row": unknown,
        "forgotten": forgotten.iter().map(AuditRecord::to_json).collect::<Vec<_>>(),
    })
}

/// Frees a row.
async fn unlock(reach: &reach::Options, deeds: &Deeds, output: Output) -> Result<Ended, Failure> {
    let key = key(reach, &deeds.which)?;
    let book = Book::open(reach).await?;
    let record = match book.row(&key).await? {
        Some(Row::Known(record)) => record,
        Some(Row::Unknown { what }) => {
            return Err(Failure::new(format!(
                "row `{}` cannot be read ({what}): use the release that wrote it",
                shown(&key)
            )));
        }
        None => {
            return Err(Failure::new(format!(
                "the ledger has no row `{}`",
                shown(&key)
            )));
        }
    };
    let now = System.now();
    let entry = AuditRecord::new(now, Deed::Unlocked, &deeds.who, &deeds.why);
    let expires_at = now.after(reach::TIME_TO_LIVE).as_secs_ceil();
    let next = record
        .unlocked(System.owner(), entry, expires_at, now)
        .map_err(|what| Failure::new(format!("`{}`: {what}", shown(&key))))?;
    if deeds.dry_run {
        return told(output, &key, "would be unlocked", Ended::Well);
    }
    let question = format!("Free `{}` of the claim whose lease has ended?", shown(&key));
    if !screen::confirm(&question, deeds.yes)? {
        return told(output, &key, "nothing was done", Ended::InPart);
    }
    let seen = record.fence();
    let mut written = book.ledger.write(&[Write::TakeOver { seen, next }]).await;
    match written.pop() {
        Some(Ok(Written::Done(_))) => told(output, &key, "unlocked", Ended::Well),
        Some(Ok(Written::Refused(_))) => Err(changed(&key)),
        Some(Err(error)) => Err(error.into()),
        None => Err(Failure::new("the ledger gave no answer")),
    }
}

/// Deletes a row.
async fn forget(reach: &reach::Options, deeds: &Deeds, output: Output) -> Result<Ended, Failure> {
    let key = key(reach, &deeds.which)?;
    let book = Book::open(reach).await?;
    let row = book.row(&key).await?;
    let record = match &row {
        Some(Row::Known(record)) => Some(&**record),
        Some(Row::Unknown { .. }) => None,
        None => {
            return Err(Failure::new(format!(
                "the ledger has no row `{}`",
                shown(&key)
            )));
        }
    };
    let now = System.now();
    if let Some(record) = record
        && record.status == Status::InProgress
        && now <= record.lease_until.after(waybill_core::limit::LEASE_SKEW)
    {
        return Err(Failure::new(format!(
            "`{}` is being worked on: wait until its lease has ended, at {}",
            shown(&key),
            record.lease_until.to_rfc3339().unwrap_or_default()
        )));
    }
    if deeds.dry_run {
        return told(output, &key, "would be forgotten", Ended::Well);
    }
    let question = format!(
        "Forget `{}` ({})? When a message of its event comes again, it is delivered again, to \
         every route.",
        shown(&key),
        record.map_or("a row that cannot be read", |record| record.status.word())
    );
    if !screen::confirm(&question, deeds.yes)? {
        return told(output, &key, "nothing was done", Ended::InPart);
    }
    let entry = AuditRecord::new(now, Deed::Forgotten, &deeds.who, &deeds.why);
    let expires_at = now.after(reach::TIME_TO_LIVE).as_secs_ceil();
    match book.desk.forget(&key, record, &entry, expires_at).await? {
        true => told(output, &key, "forgotten", Ended::Well),
        false => Err(changed(&key)),
    }
}

/// A row was changed between the look and the write.
fn changed(key: &LedgerKey) -> Failure {
    Failure::new(format!(
        "`{}` was changed while this ran, and nothing was done: look at it again",
        shown(key)
    ))
}

/// Tells what came of a deed.
fn told(output: Output, key: &LedgerKey, what: &str, ended: Ended) -> Result<Ended, Failure> {
    match output {
        Output::Json => {
            screen::print(json!({"key": printable(key.as_str()), "result": what}).to_string())?
        }
        Output::Text => screen::print(format!("{}: {what}", shown(key)))?,
    }
    Ok(ended)
}

/// A row for people.
fn text(record: &Record) -> String {
    let now = System.now();
    let at = |at: waybill_core::time::Timestamp| at.to_rfc3339().unwrap_or_default();
    let mut lines = Vec::new();
    let mut fact = |name: &str, what: String| lines.push(format!("{name:<10} {what}"));
    fact("key", printable(record.key.as_str()).into_owned());
    fact("status", record.status.word().to_owned());
    if record.status == Status::InProgress {
        let ended = record.lease_until < now;
        let ended = if ended { ", has ended" } else { "" };
        fact("lease", format!("until {}{ended}", at(record.lease_until)));
    }
    if let Some(due) = record.due {
        fact("due", at(due));
    }
    if let Some(death) = &record.death {
        let sent = if death.dlq_sent {
            ", sent to the dead-letter queue"
        } else {
            ""
        };
        fact(
            "died",
            format!(
                "{} of {}, as message {}{sent}",
                at(death.at),
                death.reason.word(),
                death.message_id
            ),
        );
    }
    fact(
        "written",
        format!("{} times, last by {}", record.rev, record.owner),
    );
    fact(
        "expires",
        at(waybill_core::time::Timestamp::from_secs(record.expires_at)),
    );
    fact("digest", record.digest.0.clone());
    fact("redriven", times(record.redrive_n));
    if record.crashes > 0 {
        fact(
            "crashes",
            format!("{} claims ended without a word", record.crashes),
        );
    }
    if let Some(result) = &record.result {
        fact("result", result.clone());
    }
    lines.push(String::new());
    lines.push(routes(&record.routes, &record.attempts));
    lines.push(audit(&record.audit));
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

/// Routes, and the tries at them.
pub(crate) fn routes(routes: &[RouteRecord], attempts: &[AttemptRecord]) -> String {
    let mut parts = Vec::new();
    if !routes.is_empty() {
        let row = |route: &RouteRecord| {
            vec![
                route.name.to_string(),
                route.state.word().to_owned(),
                route.attempts.to_string(),
                route.last.clone(),
            ]
        };
        let header = ["ROUTE", "STATE", "ATTEMPTS", "LAST CODE"];
        parts.push(screen::table(&header, routes.iter().map(row)));
    }
    if !attempts.is_empty() {
        let row = |tried: &AttemptRecord| {
            let target = if tried.dead_letter {
                " (dead-letter target)"
            } else {
                ""
            };
            vec![
                tried.at.to_rfc3339().unwrap_or_default(),
                format!("{}{target}", tried.route),
                tried.outcome.clone(),
                tried.code.clone(),
                tried.message.clone(),
            ]
        };
        let header = ["ATTEMPT AT", "ROUTE", "OUTCOME", "CODE", "MESSAGE"];
        parts.push(screen::table(&header, attempts.iter().map(row)));
    }
    match parts.is_empty() {
        true => String::new(),
        false => parts.join("\n\n") + "\n",
    }
}

/// What people did.
pub(crate) fn audit(audit: &[AuditRecord]) -> String {
    if audit.is_empty() {
        return String::new();
    }
    let row = |entry: &AuditRecord| {
        vec![
            entry.at.to_rfc3339().unwrap_or_default(),
            entry.deed.word().to_owned(),
            entry.who.clone(),
            entry.note.clone(),
        ]
    };
    let header = ["DONE AT", "WHAT", "BY", "NOTE"];
    screen::table(&header, audit.iter().map(row)) + "\n"
}
