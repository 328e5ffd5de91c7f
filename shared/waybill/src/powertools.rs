//! Events that Powertools for AWS Lambda has done already, while a team comes from there.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use waybill_aws::ambient::System;
use waybill_aws::dynamodb::PowertoolsTable;
use waybill_core::key::KeyExpression;
use waybill_core::outcome::{Attempt, DeferCause, Outcome};
use waybill_core::powertools::{Before, Language, OldKey, OldRow};
use waybill_core::time::Timestamp;
use waybill_engine::env::ConfigErrors;
use waybill_engine::handler::{Charge, Delivery, PassEnd, Passage};
use waybill_engine::ports::Ambient;

use crate::{Failure, Receipt};

/// What a function that ran under Powertools for AWS Lambda has left: where its rows are, and what
/// each is known by. See [`crate::HandlerBuilder::after_powertools`].
#[derive(Debug, Clone)]
pub struct Powertools {
    language: Language,
    table: String,
    prefix: String,
    key: String,
}

impl Powertools {
    /// Of a function in Python. The prefix is what stands before `#` in the `id` of each row: the
    /// function's name in Lambda, its module's and its own, like `orders.handler.book`, or the
    /// `key_prefix` that it was given. The key is `event_key_jmespath`, over `messageId` and `body`
    /// of the record and the `{id, source, type, subject, time, data}` of its event: what was
    /// `powertools_json(body).order_id` is `data.order_id`.
    pub fn python(
        table: impl Into<String>,
        prefix: impl Into<String>,
        key: impl Into<String>,
    ) -> Self {
        Self::of(Language::Python, table.into(), prefix.into(), key.into())
    }

    /// Of a function in TypeScript, whose prefix is its name in Lambda, or `keyPrefix`. What the key
    /// finds must be a text, a whole number, or yes or no.
    pub fn typescript(
        table: impl Into<String>,
        prefix: impl Into<String>,
        key: impl Into<String>,
    ) -> Self {
        Self::of(
            Language::TypeScript,
            table.into(),
            prefix.into(),
            key.into(),
        )
    }

    fn of(language: Language, table: String, prefix: String, key: String) -> Self {
        Self {
            language,
            table,
            prefix,
            key,
        }
    }

    /// What is looked up, by rows that are not there yet.
    pub(crate) fn build(self) -> Result<Earlier, ConfigErrors> {
        let fault = |what: &str| Err(ConfigErrors::one(format!("after_powertools: {what}")));
        if self.table.is_empty() || self.prefix.is_empty() {
            return fault("name the table, and what stands before `#` in its ids");
        }
        match KeyExpression::compile(&self.key) {
            Ok(key) => Ok(Earlier {
                key: OldKey::new(self.language, self.prefix, key),
                table: self.table,
                rows: None,
            }),
            Err(error) => fault(&error),
        }
    }
}

/// What was done earlier, looked up row by row.
#[derive(Clone)]
pub(crate) struct Earlier {
    /// What each row is known by.
    key: OldKey,
    /// The table's name.
    table: String,
    /// Where the rows are read. Without it no event is let through.
    rows: Option<Arc<dyn Rows>>,
}

/// Where rows are read, and the time that they are judged by.
pub(crate) trait Rows: Send + Sync {
    /// The row of a key; or why it cannot be said.
    fn row<'a>(&'a self, id: &'a str) -> Looked<'a>;

    /// The time.
    fn now(&self) -> Timestamp;
}

/// What a look at a row comes to.
pub(crate) type Looked<'a> =
    Pin<Box<dyn Future<Output = Result<Option<OldRow>, String>> + Send + 'a>>;

impl Earlier {
    /// Has the rows read there, by the table's name and what they are known by.
    pub(crate) fn read_by(&mut self, rows: impl FnOnce(&str, &OldKey) -> Arc<dyn Rows>) {
        self.rows = Some(rows(&self.table, &self.key));
    }

    /// Whether the work of this event is still to be done; a receipt where it was done.
    ///
    /// # Errors
    ///
    /// Where that cannot be said, or not yet: then nothing may be done.
    pub(crate) async fn look(&self, delivery: &Delivery<'_>) -> Result<Option<Receipt>, Failure> {
        let id = self.key.of(delivery.event, delivery.message);
        let id = id.map_err(|why| Failure::permanent("powertools_key_missing", why))?;
        let Some(rows) = &self.rows else {
            let why = "only what `run`, `poll`, `triggered` and `polling` make reads the old table";
            return Err(unreadable(why));
        };
        let row = rows.row(&id).await.map_err(|why| unreadable(&why))?;
        let now = rows.now();
        match OldRow::judge(row.as_ref(), now) {
            Before::Nothing => Ok(None),
            Before::Done => Ok(Some(Receipt::from(DONE))),
            Before::Busy { until } => {
                let wait = until.since(now) + MARGIN;
                let why = "the function under Powertools is at it";
                Err(Failure::retry_after(wait, BUSY, why))
            }
            Before::Unknown(why) => Err(unreadable(&why)),
        }
    }
}

impl fmt::Debug for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, table) = (&self.key, &self.table);
        f.debug_struct("Earlier")
            .field("key", key)
            .field("table", table)
            .finish_non_exhaustive()
    }
}

impl Rows for PowertoolsTable {
    fn row<'a>(&'a self, id: &'a str) -> Looked<'a> {
        Box::pin(PowertoolsTable::row(self, id))
    }

    fn now(&self) -> Timestamp {
        System.now()
    }
}

/// A failure of the look.
fn unreadable(why: &str) -> Failure {
    Failure::retry_after(AGAIN, UNREADABLE, why)
}

/// A try that may have ended before the handler was asked: that one is not charged.
pub(crate) struct Looking;

impl Passage for Looking {
    fn ended(self: Box<Self>, attempt: &Attempt, _: Duration) -> PassEnd {
        let cause = match &*attempt.code {
            BUSY => Some(DeferCause::LeaseBusy),
            UNREADABLE => Some(DeferCause::StoreDown),
            _ => None,
        };
        let charge = match (cause, &attempt.outcome) {
            (Some(cause), Outcome::Transient { retry_after }) => Charge::Free {
                after: retry_after.unwrap_or(AGAIN),
                cause,
            },
            (Some(_), Outcome::Delivered | Outcome::Rejected | Outcome::Unknown) | (None, _) => {
                Charge::Charged
            }
        };
        PassEnd { charge, tell: None }
    }
}

/// The receipt of what was done before.
const DONE: &str = "done_by_powertools";

/// The code of an event that the old function is at.
const BUSY: &str = "powertools_busy";

/// The code of an event of which the old table says nothing.
const UNREADABLE: &str = "powertools_unreadable";

/// How long an event waits when the old table cannot be read.
const AGAIN: Duration = Duration::from_secs(30);

/// How much later than the end of a row's time an event comes again: clocks differ.
const MARGIN: Duration = Duration::from_secs(2);
