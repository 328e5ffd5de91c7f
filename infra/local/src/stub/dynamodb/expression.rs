//! Condition and update expressions, as far as measured functions use them.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::super::Refusal;
use super::Item;

/// What the names and values of an expression stand for.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    names: Option<&'a Value>,
    values: Option<&'a Value>,
}

/// An expression that is being read.
struct Reader<'a> {
    words: Vec<&'a str>,
    at: usize,
    names: Names<'a>,
    item: Option<&'a Item>,
}

impl<'a> Names<'a> {
    /// Of a request.
    pub(super) fn of(asked: &'a Value) -> Self {
        Self {
            names: asked.get("ExpressionAttributeNames"),
            values: asked.get("ExpressionAttributeValues"),
        }
    }

    /// The attribute that a word names.
    fn name(self, word: &'a str) -> Result<&'a str, Refusal> {
        if !word.starts_with('#') {
            return Ok(word);
        }
        let name = self.names.and_then(|names| names.get(word)?.as_str());
        name.ok_or_else(|| Refusal::invalid(format!("`{word}` stands for nothing")))
    }
}

/// Whether a condition holds of an item.
pub(super) fn holds(
    condition: &str,
    names: Names<'_>,
    item: Option<&Item>,
) -> Result<bool, Refusal> {
    let mut reader = Reader {
        words: words(condition),
        at: 0,
        names,
        item,
    };
    let holds = reader.either()?;
    match reader.peek() {
        None => Ok(holds),
        Some(word) => Err(unexpected(word)),
    }
}

/// The item after `SET a = b, … REMOVE c, …`.
pub(super) fn updated(text: &str, names: Names<'_>, old: Item) -> Result<Item, Refusal> {
    let mut new = old.clone();
    let mut reader = Reader {
        words: words(text),
        at: 0,
        names,
        item: Some(&old),
    };
    let mut clause = "";
    while let Some(word) = reader.take() {
        match word {
            "SET" | "REMOVE" => clause = word,
            "," => {}
            name if clause == "SET" => {
                reader.expect("=")?;
                let value = reader.sum()?;
                let value = value.ok_or_else(|| Refusal::invalid("SET to what is not there"))?;
                new.insert(names.name(name)?.to_owned(), value);
            }
            name if clause == "REMOVE" => {
                new.remove(names.name(name)?);
            }
            other => return Err(unexpected(other)),
        }
    }
    Ok(new)
}

impl<'a> Reader<'a> {
    /// The next word.
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    /// Takes the next word.
    fn take(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += 1;
        word
    }

    /// Passes over this word, if it comes next.
    fn skip(&mut self, word: &str) -> bool {
        let is = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    /// This word must come next.
    fn expect(&mut self, word: &str) -> Result<(), Refusal> {
        match self.skip(word) {
            true => Ok(()),
            false => Err(unexpected(self.peek().unwrap_or("the end"))),
        }
    }

    /// Conditions joined by OR.
    fn either(&mut self) -> Result<bool, Refusal> {
        let mut holds = self.both()?;
        while self.skip("OR") {
            holds |= self.both()?;
        }
        Ok(holds)
    }

    /// Conditions joined by AND.
    fn both(&mut self) -> Result<bool, Refusal> {
        let mut holds = self.one()?;
        while self.skip("AND") {
            holds &= self.one()?;
        }
        Ok(holds)
    }

    /// One condition.
    fn one(&mut self) -> Result<bool, Refusal> {
        if self.skip("NOT") {
            return Ok(!self.one()?);
        }
        if self.skip("(") {
            let holds = self.either()?;
            self.expect(")")?;
            return Ok(holds);
        }
        for (function, there) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.skip(function) {
                self.expect("(")?;
                let is = self.operand()?.is_some();
                self.expect(")")?;
                return Ok(is == there);
            }
        }
        let left = self.operand()?;
        let sign = self.take().unwrap_or("the end");
        let right = self.operand()?;
        let (Some(left), Some(right)) = (left, right) else {
            return Ok(sign == "<>");
        };
        let order = compare(&left, &right);
        Ok(match sign {
            "=" => left == right,
            "<>" => left != right,
            "<" => order == Some(Ordering::Less),
            ">" => order == Some(Ordering::Greater),
            "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            other => return Err(unexpected(other)),
        })
    }

    /// An operand, or two with a plus between them.
    fn sum(&mut self) -> Result<Option<Value>, Refusal> {
        let left = self.operand()?;
        if !self.skip("+") {
            return Ok(left);
        }
        let right = self.operand()?;
        let sum = number(&left.unwrap_or_default()).zip(number(&right.unwrap_or_default()));
        Ok(sum.map(|(left, right)| json!({ "N": (left + right).to_string() })))
    }

    /// A value, or what an attribute is.
    fn operand(&mut self) -> Result<Option<Value>, Refusal> {
        let word = self.take().unwrap_or("the end");
        if word == "if_not_exists" {
            self.expect("(")?;
            let there = self.operand()?;
            self.expect(",")?;
            let otherwise = self.operand()?;
            self.expect(")")?;
            return Ok(there.or(otherwise));
        }
        if word.starts_with(':') {
            let value = self.names.values.and_then(|values| values.get(word));
            let missing = || Refusal::invalid(format!("`{word}` stands for nothing"));
            return value.cloned().map(Some).ok_or_else(missing);
        }
        let name = self.names.name(word)?;
        Ok(self.item.and_then(|item| item.get(name)).cloned())
    }
}

/// The words of an expression: names, values, signs, brackets.
fn words(text: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | ':' | '.' | '-');
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let signs = |c: char| matches!(c, '<' | '>' | '=');
        let end = if is_name(first) {
            rest.find(|c| !is_name(c))
        } else if signs(first) {
            rest.find(|c| !signs(c))
        } else {
            Some(first.len_utf8())
        };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// How two values compare; of different kinds they do not.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if let Some((left, right)) = number(left).zip(number(right)) {
        return left.partial_cmp(&right);
    }
    let text = |value: &Value| value.get("S").and_then(Value::as_str).map(str::to_owned);
    Some(text(left)?.cmp(&text(right)?))
}

/// A number, as far as a float holds it.
fn number(value: &Value) -> Option<f64> {
    value.get("N")?.as_str()?.parse().ok()
}

/// A word that is not understood where it stands.
fn unexpected(word: &str) -> Refusal {
    Refusal::invalid(format!("`{word}` is not understood here"))
}
