//! The two PartiQL statements that the ledger writes rows by.

use serde_json::{Map, Value, json};

use super::{Item, PK, TOO_LARGE, Tables, Units, is_too_large, kilobytes, text};

/// What an update does to one attribute.
enum Change<'a> {
    Set(&'a str, Value),
    Remove(&'a str),
}

/// The words of a statement: what stands in quotes, and everything else.
struct Words<'a>(&'a str);

/// Why a statement was not run.
struct Fault(&'static str, String, Option<Value>);

/// Runs one statement of a batch; its answer.
pub(super) fn run(tables: &mut Tables, asked: &Value, units: &mut Units) -> Value {
    match execute(tables, asked, units) {
        Ok(Some(item)) => json!({ "Item": item }),
        Ok(None) => json!({}),
        Err(Fault(code, message, item)) => {
            let mut error = json!({ "Code": code, "Message": message });
            if let (Some(item), Some(error)) = (item, error.as_object_mut()) {
                error.insert("Item".to_owned(), item);
            }
            json!({ "Error": error })
        }
    }
}

/// Runs one statement; the item that it returns.
fn execute(tables: &mut Tables, asked: &Value, units: &mut Units) -> Result<Option<Item>, Fault> {
    let parameters = asked.get("Parameters").and_then(Value::as_array);
    let mut parameters = parameters.into_iter().flatten().cloned();
    let mut words = Words(text(asked, "Statement"));
    if words.skip("INSERT INTO ") {
        let table = words.name()?;
        words.expect(" VALUE {")?;
        insert(tables, table, &mut words, &mut parameters, units)
    } else {
        words.expect("UPDATE ")?;
        let table = words.name()?;
        let old = text(asked, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD";
        update(tables, table, &mut words, &mut parameters, old, units)
    }
}

/// `INSERT INTO "t" VALUE {'a':?,…}`, from behind the brace.
fn insert(
    tables: &mut Tables,
    table: &str,
    words: &mut Words<'_>,
    parameters: &mut impl Iterator<Item = Value>,
    units: &mut Units,
) -> Result<Option<Item>, Fault> {
    let mut item = Map::new();
    loop {
        let name = words.name()?;
        words.expect(":?")?;
        item.insert(name.to_owned(), next(parameters)?);
        if words.skip("}") {
            break;
        }
        words.expect(",")?;
    }
    let pk = item
        .get(PK)
        .and_then(|pk| pk.get("S"))
        .and_then(Value::as_str);
    let pk = pk
        .ok_or_else(|| invalid("the item has no `pk`"))?
        .to_owned();
    let items = tables.table(table);
    if is_too_large(&item) {
        return Err(invalid(TOO_LARGE));
    }
    units.write += kilobytes(&item);
    if items.contains_key(&pk) {
        let message = "Duplicate primary key exists in table";
        return Err(Fault("DuplicateItem", message.to_owned(), None));
    }
    items.insert(pk, item);
    Ok(None)
}

/// `UPDATE "t" SET "a"=? REMOVE "b" … WHERE "pk"=? AND "c"=? … [RETURNING ALL NEW *]`, from behind
/// the table.
fn update(
    tables: &mut Tables,
    table: &str,
    words: &mut Words<'_>,
    parameters: &mut impl Iterator<Item = Value>,
    returns_old: bool,
    units: &mut Units,
) -> Result<Option<Item>, Fault> {
    let mut changes = Vec::new();
    while !words.skip(" WHERE ") {
        if words.skip(" SET ") {
            let name = words.name()?;
            words.expect("=?")?;
            changes.push(Change::Set(name, next(parameters)?));
        } else {
            words.expect(" REMOVE ")?;
            changes.push(Change::Remove(words.name()?));
        }
    }
    let mut conditions = Vec::new();
    loop {
        let name = words.name()?;
        words.expect("=?")?;
        conditions.push((name, next(parameters)?));
        if !words.skip(" AND ") {
            break;
        }
    }
    let returns_new = words.skip(" RETURNING ALL NEW *");
    let pk = conditions.iter().find(|(name, _)| *name == PK);
    let pk = pk
        .and_then(|(_, value)| value.get("S"))
        .and_then(Value::as_str);
    let pk = pk.ok_or_else(|| invalid("the condition has no `pk`"))?;
    let items = tables.table(table);
    let item = items.get_mut(pk).filter(|item| {
        conditions
            .iter()
            .all(|(name, value)| item.get(*name) == Some(value))
    });
    let Some(item) = item else {
        let old = items.get(pk);
        units.write += old.map_or(1, kilobytes);
        let old = old.filter(|_| returns_old).map(|item| json!(item));
        let message = "The conditional request failed".to_owned();
        return Err(Fault("ConditionalCheckFailed", message, old));
    };
    let mut new = item.clone();
    for change in changes {
        match change {
            Change::Set(name, value) => new.insert(name.to_owned(), value),
            Change::Remove(name) => new.remove(name),
        };
    }
    if is_too_large(&new) {
        return Err(invalid(TOO_LARGE));
    }
    units.write += kilobytes(item).max(kilobytes(&new));
    *item = new;
    Ok(returns_new.then(|| item.clone()))
}

/// The next parameter.
fn next(parameters: &mut impl Iterator<Item = Value>) -> Result<Value, Fault> {
    let parameter = parameters.next();
    parameter.ok_or_else(|| invalid("there are too few parameters"))
}

/// A statement that is not understood here.
fn invalid(message: &str) -> Fault {
    Fault("ValidationError", message.to_owned(), None)
}

impl<'a> Words<'a> {
    /// Whether this comes next; it is passed over then.
    fn skip(&mut self, words: &str) -> bool {
        match self.0.strip_prefix(words) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// This must come next.
    fn expect(&mut self, words: &str) -> Result<(), Fault> {
        match self.skip(words) {
            true => Ok(()),
            false => Err(invalid(&format!("expected `{words}` before `{}`", self.0))),
        }
    }

    /// A name in quotes of either kind.
    fn name(&mut self) -> Result<&'a str, Fault> {
        let quote = self.0.chars().next().filter(|c| matches!(c, '"' | '\''));
        let name = quote.and_then(|quote| self.0.get(1..)?.split_once(quote));
        let Some((name, rest)) = name else {
            return Err(invalid(&format!("expected a name before `{}`", self.0)));
        };
        self.0 = rest;
        Ok(name)
    }
}
