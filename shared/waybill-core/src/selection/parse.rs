//! From text to an expression, or what is wrong with it and where.

use super::expression::{Expression, FIELDS, Field, Order, TextField, TextTest};
use super::{EXPRESSION_MAX, EXPRESSION_STEPS_MAX, duration};
use crate::dossier::Why;

/// Reads an expression: comparisons joined by `and`, `or`, `not` and parentheses.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > EXPRESSION_MAX {
        return Err(format!("is longer than {EXPRESSION_MAX} bytes"));
    }
    let tokens = tokens(text)?;
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        steps: 0,
    };
    let read = reader.any()?;
    match reader.next() {
        None => Ok(read),
        Some(token) => Err(format!(
            "{token} stands where `and`, `or` or the end is expected"
        )),
    }
}

/// A piece of the text and where it begins, in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    column: usize,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A word without quotes: a field, a keyword or a value.
    Word(String),
    /// A value in quotes.
    Quoted(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `~`, `(`, `)` or `,`.
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match &self.kind {
            Kind::Word(text) | Kind::Quoted(text) => text.as_str(),
            Kind::Sign(sign) => sign,
        };
        write!(f, "`{text}` (column {})", self.column)
    }
}

/// Signs, the longer before those that they begin with; the second is what the first means.
const SIGNS: [(&str, &str); 14] = [
    ("&&", "and"),
    ("||", "or"),
    ("==", "="),
    ("!=", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("=", "="),
    ("<", "<"),
    (">", ">"),
    ("~", "~"),
    ("(", "("),
    (")", ")"),
    (",", ","),
    ("!", "not"),
];

/// Takes a text to pieces.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let before = text.len().saturating_sub(rest.len());
        let column = text.get(..before).unwrap_or_default().chars().count() + 1;
        let (kind, after) = if first == '\'' || first == '"' {
            let inside = rest.get(1..).unwrap_or_default();
            let Some((quoted, after)) = inside.split_once(first) else {
                return Err(format!("the quote at column {column} is not closed"));
            };
            (Kind::Quoted(quoted.to_owned()), after)
        } else if let Some((sign, meant)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            let kind = match *meant {
                "and" | "or" | "not" => Kind::Word((*meant).to_owned()),
                meant => Kind::Sign(meant),
            };
            (kind, rest.get(sign.len()..).unwrap_or_default())
        } else {
            let ends = |c: char| c.is_whitespace() || "=!<>~(),&|'\"".contains(c);
            let end = rest.find(ends).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end.max(first.len_utf8()));
            (Kind::Word(word.to_owned()), after)
        };
        tokens.push(Token { kind, column });
        rest = after;
    }
}

/// Reads pieces one after the other. Its depth is bounded by the number of steps.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    steps: usize,
}

impl<'a> Reader<'a> {
    /// The next piece, which is taken.
    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Takes the next piece where it is this keyword.
    fn word(&mut self, word: &str) -> bool {
        let next = self.tokens.get(self.at).map(|token| &token.kind);
        let is = matches!(next, Some(Kind::Word(text)) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    /// Takes the next piece where it is this sign.
    fn sign(&mut self, sign: &str) -> bool {
        let next = self.tokens.get(self.at).map(|token| &token.kind);
        let is = matches!(next, Some(Kind::Sign(text)) if *text == sign);
        self.at += usize::from(is);
        is
    }

    /// Counts a step, of which there are not many.
    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        match self.steps > EXPRESSION_STEPS_MAX {
            true => Err(format!(
                "has more than {EXPRESSION_STEPS_MAX} comparisons, parentheses and negations"
            )),
            false => Ok(()),
        }
    }

    /// Alternatives.
    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expression::Any))
    }

    /// What must hold together.
    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Ok(joined(parts, Expression::All))
    }

    /// A comparison, a negation, or something in parentheses.
    fn one(&mut self) -> Result<Expression, String> {
        self.step()?;
        if self.word("not") {
            return Ok(Expression::Not(Box::new(self.one()?)));
        }
        if self.sign("(") {
            let inside = self.any()?;
            return match self.sign(")") {
                true => Ok(inside),
                false => Err("a parenthesis is not closed".to_owned()),
            };
        }
        self.comparison()
    }

    /// A field, how it compares, and with what.
    fn comparison(&mut self) -> Result<Expression, String> {
        let token = self.next().ok_or("ends where a comparison is expected")?;
        let field = match &token.kind {
            Kind::Word(name) => Field::named(name),
            Kind::Quoted(_) | Kind::Sign(_) => None,
        };
        let field =
            field.ok_or_else(|| format!("{token} is no field; there are {}", FIELDS.join(", ")))?;
        match field {
            Field::Text(field) => self.text(field),
            Field::Number(field) => {
                let token = self.next();
                let order = match token.map(|token| &token.kind) {
                    Some(Kind::Sign("=")) => Order::Equal,
                    Some(Kind::Sign("<")) => Order::Less,
                    Some(Kind::Sign("<=")) => Order::AtMost,
                    Some(Kind::Sign(">")) => Order::More,
                    Some(Kind::Sign(">=")) => Order::AtLeast,
                    Some(Kind::Word(_) | Kind::Quoted(_) | Kind::Sign(_)) | None => {
                        return Err(expected("`=`, `<`, `<=`, `>` or `>=`", token));
                    }
                };
                let (value, token) = self.value()?;
                let number = value.parse().ok();
                let number = number.or_else(|| duration(&value).map(|wait| wait.as_secs()));
                let number = number.ok_or_else(|| {
                    format!("{token} is no whole number and no duration, as `2h`")
                })?;
                Ok(Expression::Number(field, order, number))
            }
        }
    }

    /// How texts compare, and with what.
    fn text(&mut self, field: TextField) -> Result<Expression, String> {
        if self.word("in") {
            return Ok(Expression::Text(field, TextTest::In(self.list(field)?)));
        }
        if self.word("not") {
            return match self.word("in") {
                true => {
                    let test = TextTest::In(self.list(field)?);
                    Ok(Expression::Not(Box::new(Expression::Text(field, test))))
                }
                false => Err(expected("`in`", self.next())),
            };
        }
        let token = self.next();
        match token.map(|token| &token.kind) {
            Some(Kind::Sign("=")) => {
                let test = TextTest::In(vec![self.known(field)?]);
                Ok(Expression::Text(field, test))
            }
            Some(Kind::Sign("!=")) => {
                let test = TextTest::In(vec![self.known(field)?]);
                Ok(Expression::Not(Box::new(Expression::Text(field, test))))
            }
            Some(Kind::Sign("~")) => Ok(Expression::Text(field, TextTest::Like(self.value()?.0))),
            Some(Kind::Word(_) | Kind::Quoted(_) | Kind::Sign(_)) | None => {
                Err(expected("`=`, `!=`, `~` or `in`", token))
            }
        }
    }

    /// Values in parentheses.
    fn list(&mut self, field: TextField) -> Result<Vec<String>, String> {
        if !self.sign("(") {
            return Err(expected("`(`", self.next()));
        }
        let mut values = vec![self.known(field)?];
        while self.sign(",") {
            values.push(self.known(field)?);
        }
        match self.sign(")") {
            true => Ok(values),
            false => Err(expected("`,` or `)`", self.next())),
        }
    }

    /// A value; a reason must be one that there is, so that a slip of the pen selects nothing
    /// silently.
    fn known(&mut self, field: TextField) -> Result<String, String> {
        let (value, token) = self.value()?;
        if field == TextField::Reason && !Why::words().any(|word| word == value) {
            let words: Vec<_> = Why::words().collect();
            return Err(format!(
                "{token} is no reason; there are {}",
                words.join(", ")
            ));
        }
        Ok(value)
    }

    /// A value, in quotes or a word.
    fn value(&mut self) -> Result<(String, &'a Token), String> {
        let token = self.next().ok_or("ends where a value is expected")?;
        match &token.kind {
            Kind::Word(text) | Kind::Quoted(text) => Ok((text.clone(), token)),
            Kind::Sign(_) => Err(format!("{token} stands where a value is expected")),
        }
    }
}

/// What is told where something else is expected.
fn expected(what: &str, token: Option<&Token>) -> String {
    match token {
        Some(token) => format!("{token} stands where {what} is expected"),
        None => format!("ends where {what} is expected"),
    }
}

/// One part by itself, or several together.
fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
