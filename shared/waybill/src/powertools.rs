//! Events that Powertools for AWS Lambda has done already, while a team comes from there.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use waybill_aws::ambient::System;
use waybill_aws::dynamodb::PowertoolsTable;
use waybill_core::key::KeyExpression;
use waybill_core::outcome::{Attempt, DeferCause};
use waybill_core::powertools::{Before, Language, OldKey, OldRow};
use waybill_core::retry::outage_wait;
use waybill_core::time::Timestamp;
use waybill_engine::env::ConfigErrors;
use waybill_engine::handler::Delivery;
use waybill_engine::ports::Ambient;

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
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// What each row is known by.
    key: OldKey,
    /// The table's name.
    table: String,
    /// Where the rows are read. Without it no event is let through.
    rows: Option<Arc<dyn Rows>>,
}

/// Where rows are read, and the time that they are judged by.
pub(crate) trait Rows: fmt::Debug + Send + Sync {
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

    /// How a try ends without its work: where that was done, or it cannot be said, or not yet. The
    /// look takes half of the try's time at most, so that one without an answer is not cut off.
    pub(crate) async fn look(&self, delivery: &Delivery<'_>) -> Option<Attempt> {
        let id = match self.key.of(delivery.event, delivery.message) {
            Ok(id) => id,
            Err(why) => return Some(Attempt::rejected("powertools_key_missing", why)),
        };
        let unreadable = |why: String| {
            let after = outage_wait(delivery.message.receive_count);
            let cause = DeferCause::StoreDown;
            Some(Attempt::put_off("powertools_unreadable", why, after, cause))
        };
        let Some(rows) = &self.rows else {
            let why = "only what `run`, `poll`, `triggered` and `polling` make reads the old table";
            return unreadable(why.to_owned());
        };
        let row = match timeout(delivery.limit / 2, rows.row(&id)).await {
            Ok(Ok(row)) => row,
            Ok(Err(why)) => return unreadable(why),
            Err(_) => {
                return unreadable(format!(
                    "Powertools' table `{}` does not answer",
                    self.table
                ));
            }
        };
        let now = rows.now();
        match OldRow::judge(row.as_ref(), now) {
            Before::Nothing => None,
            Before::Done => Some(Attempt::delivered("done_by_powertools")),
            Before::Busy { until } => {
                let (after, cause) = (until.since(now) + MARGIN, DeferCause::LeaseBusy);
                let why = "the function under Powertools is at it";
                Some(Attempt::put_off("powertools_busy", why, after, cause))
            }
            Before::Unknown(why) => unreadable(why),
        }
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

/// How much later than the end of a row's time an event comes again: clocks differ.
const MARGIN: Duration = Duration::from_secs(2);
