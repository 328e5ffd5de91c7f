//! What an event asks for.

use serde::Deserialize;
use serde_json::{Map, Value};

use waybill_core::redrive::order::{self, Order};
use waybill_core::selection::{Selection, Wanted};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// To see dead letters.
    List(List),
    /// To bring them back, or to delete them.
    Work(Work),
}

/// Dead letters to be seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List {
    /// Which.
    pub(crate) selection: Selection,
    /// At most so many.
    pub(crate) limit: u64,
    /// Of the first so many that are received.
    pub(crate) sample: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// What it is called.
    pub(crate) run: String,
    /// What it is told; nothing where it goes on.
    pub(crate) order: Option<Order>,
    /// Who says that they do it.
    pub(crate) who: String,
    /// Count, and change nothing.
    pub(crate) dry_run: bool,
}

/// The first word of an event.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    List,
    Redrive,
    Discard,
    Resume,
}

/// How many dead letters are to be seen.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shown {
    #[serde(flatten)]
    wanted: Wanted,
    limit: u64,
    sample: u64,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            wanted: Wanted::default(),
            limit: 100,
            sample: 1000,
        }
    }
}

/// Reads an event.
///
/// # Errors
///
/// Where it is wrong; what, and what would be right.
pub(crate) fn read(payload: Value) -> Result<Asked, String> {
    let Value::Object(mut members) = payload else {
        return Err(format!("the event is no object; {ACTIONS}"));
    };
    let action = match members.remove("action") {
        None => return Err(format!("the event has no `action`; {ACTIONS}")),
        Some(word) => serde_json::from_value(word.clone())
            .map_err(|_| format!("`action` is {word}; {ACTIONS}"))?,
    };
    match action {
        Action::List => list(members).map(Asked::List),
        Action::Redrive => work(members, order::Work::Redrive).map(Asked::Work),
        Action::Discard => work(members, order::Work::Discard).map(Asked::Work),
        Action::Resume => resume(members).map(Asked::Work),
    }
}

/// What an event must say.
const ACTIONS: &str = "say `list`, `redrive`, `discard` or `resume`";

/// Most dead letters of one answer, which Lambda lets be 6 MB long.
const LIMIT_MAX: u64 = 400;

fn list(members: Map<String, Value>) -> Result<List, String> {
    let shown: Shown = parse(members)?;
    if !(1..=LIMIT_MAX).contains(&shown.limit) {
        return Err(format!(
            "`limit` is {}: an answer has room for 1 to {LIMIT_MAX} dead letters",
            shown.limit
        ));
    }
    Ok(List {
        selection: Selection::read(&shown.wanted)?,
        limit: shown.limit,
        sample: shown.sample,
    })
}

fn work(mut members: Map<String, Value>, work: order::Work) -> Result<Work, String> {
    let run = take(&mut members, "run")?;
    let who = take(&mut members, "who")?;
    let dry_run = take(&mut members, "dry_run")?.unwrap_or_default();
    if members.contains_key("work") {
        return Err("`work` is said by `action`; leave it out".to_owned());
    }
    let order = Order {
        work,
        ..parse(members)?
    };
    order.selection()?;
    Ok(Work {
        run: run.unwrap_or_else(|| order.name()),
        who: who.unwrap_or_else(|| WHO.to_owned()),
        dry_run,
        order: Some(order),
    })
}

fn resume(mut members: Map<String, Value>) -> Result<Work, String> {
    let run: Option<String> = take(&mut members, "run")?;
    let who = take(&mut members, "who")?;
    if let Some(unknown) = members.keys().next() {
        return Err(format!(
            "`{unknown}` is not for `resume`: a run goes on as it was told; say `run`, and `who`"
        ));
    }
    let run = run.ok_or("`resume` needs `run`: the name that the run's answer had")?;
    Ok(Work {
        run,
        order: None,
        who: who.unwrap_or_else(|| WHO.to_owned()),
        dry_run: false,
    })
}

/// Who does it where nobody says.
const WHO: &str = "the redrive function";

/// Takes one member out.
fn take<T: serde::de::DeserializeOwned>(
    members: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, String> {
    let value = members.remove(name).map(serde_json::from_value);
    value
        .transpose()
        .map_err(|error| format!("`{name}`: {error}"))
}

/// Reads what is left.
fn parse<T: serde::de::DeserializeOwned>(members: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
