//! CloudWatch's metric math, as far as the template uses it. What is not known here is refused.

use std::collections::{BTreeMap, BTreeSet};

/// One value for each period; `None` where there is none.
pub(super) type Points = Vec<Option<f64>>;

/// What `FILL` makes of a metric that has no value in the whole range: AWS does not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FillOfNothing {
    Nothing,
    Filled,
}

/// An expression, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Name(String),
    List(Vec<Expression>),
    Call(String, Vec<Expression>),
    Binary(Box<Expression>, String, Box<Expression>),
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Scalar(f64),
    Series(Points),
    List(Vec<Value>),
}

impl Expression {
    pub(super) fn read(text: &str) -> Self {
        let mut tokens = tokens(text);
        tokens.reverse();
        let read = comparison(&mut tokens);
        assert!(tokens.is_empty(), "{text}: {tokens:?} is left");
        read
    }

    /// The metrics and expressions that it names.
    pub(super) fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Number(_) => BTreeSet::new(),
            Self::Name(name) => [name.clone()].into(),
            Self::List(parts) | Self::Call(_, parts) => {
                parts.iter().flat_map(Self::names).collect()
            }
            Self::Binary(left, _, right) => &left.names() | &right.names(),
        }
    }

    /// Its value in each period.
    pub(super) fn points(&self, of: &BTreeMap<String, Points>, fill: FillOfNothing) -> Points {
        match self.value(of, fill) {
            Value::Series(points) => points,
            other @ (Value::Scalar(_) | Value::List(_)) => {
                panic!("{self:?} is no series: {other:?}")
            }
        }
    }

    fn value(&self, of: &BTreeMap<String, Points>, fill: FillOfNothing) -> Value {
        match self {
            Self::Number(number) => Value::Scalar(*number),
            Self::Name(name) => {
                let points = of.get(name).unwrap_or_else(|| panic!("nothing is {name}"));
                Value::Series(points.clone())
            }
            Self::List(parts) => Value::List(parts.iter().map(|one| one.value(of, fill)).collect()),
            Self::Binary(left, operator, right) => {
                let (left, right) = (left.value(of, fill), right.value(of, fill));
                zip(&[left, right], |both| operate(operator, both[0]?, both[1]?))
            }
            Self::Call(name, parts) => {
                let parts: Vec<_> = parts.iter().map(|one| one.value(of, fill)).collect();
                call(name, &parts, fill)
            }
        }
    }
}

fn call(name: &str, parts: &[Value], fill: FillOfNothing) -> Value {
    match (name, parts) {
        ("IF", [_, _, _]) => zip(
            parts,
            |three| {
                if three[0]? != 0.0 { three[1] } else { three[2] }
            },
        ),
        ("FILL", [Value::Series(points), Value::Scalar(with)]) => {
            let nothing = points.iter().all(Option::is_none);
            if nothing && fill == FillOfNothing::Nothing {
                return parts[0].clone();
            }
            Value::Series(points.iter().map(|one| one.or(Some(*with))).collect())
        }
        ("DIFF", [Value::Series(points)]) => {
            let mut before = None;
            let differences = points.iter().map(|one| {
                let difference = one.zip(before).map(|(now, then): (f64, f64)| now - then);
                before = one.or(before);
                difference
            });
            Value::Series(differences.collect())
        }
        // Of several series, what is there of each period.
        ("SUM", [Value::List(many)]) => zip(many, |all| {
            all.iter().flatten().copied().reduce(|a, b| a + b)
        }),
        ("MAX", [Value::List(many)]) => {
            zip(many, |all| all.iter().flatten().copied().reduce(f64::max))
        }
        _ => panic!("{name} of {parts:?} is not known here"),
    }
}

/// Applies a function to the values of each period.
fn zip(parts: &[Value], of: impl Fn(&[Option<f64>]) -> Option<f64>) -> Value {
    let lengths = parts.iter().filter_map(|part| match part {
        Value::Series(points) => Some(points.len()),
        Value::Scalar(_) => None,
        Value::List(_) => panic!("a list where a value was"),
    });
    let Some(length) = lengths.max() else {
        let all: Vec<_> = parts.iter().map(|part| at(part, 0)).collect();
        return Value::Scalar(of(&all).expect("a number"));
    };
    let each = (0..length).map(|n| {
        let all: Vec<_> = parts.iter().map(|part| at(part, n)).collect();
        of(&all)
    });
    Value::Series(each.collect())
}

fn at(part: &Value, n: usize) -> Option<f64> {
    match part {
        Value::Scalar(number) => Some(*number),
        Value::Series(points) => points[n],
        Value::List(_) => None,
    }
}

fn operate(operator: &str, left: f64, right: f64) -> Option<f64> {
    let truth = |holds: bool| Some(f64::from(u8::from(holds)));
    match operator {
        "+" => Some(left + right),
        "-" => Some(left - right),
        "*" => Some(left * right),
        // Nothing by nothing is no value.
        "/" => (right != 0.0).then(|| left / right),
        ">" => truth(left > right),
        ">=" => truth(left >= right),
        "<" => truth(left < right),
        "<=" => truth(left <= right),
        _ => panic!("{operator} is not known here"),
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in text.chars() {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let joined = (word(c) && word(last)) || (c == '=' && matches!(last, '<' | '>'));
        match tokens.last_mut() {
            Some(token) if joined => token.push(c),
            Some(_) | None if c.is_whitespace() => {}
            Some(_) | None => tokens.push(c.to_string()),
        }
        last = c;
    }
    tokens
}

/// The tokens, the next one last.
type Tokens = Vec<String>;

fn comparison(tokens: &mut Tokens) -> Expression {
    chain(tokens, &[">", ">=", "<", "<="], |tokens| {
        chain(tokens, &["+", "-"], |tokens| {
            chain(tokens, &["*", "/"], single)
        })
    })
}

fn chain(
    tokens: &mut Tokens,
    operators: &[&str],
    next: impl Fn(&mut Tokens) -> Expression,
) -> Expression {
    let mut left = next(tokens);
    while let Some(operator) = tokens.pop_if(|token| operators.contains(&token.as_str())) {
        left = Expression::Binary(Box::new(left), operator, Box::new(next(tokens)));
    }
    left
}

fn single(tokens: &mut Tokens) -> Expression {
    let token = tokens.pop().expect("an expression");
    if token == "(" {
        let inner = comparison(tokens);
        assert_eq!(tokens.pop().as_deref(), Some(")"));
        return inner;
    }
    if token == "[" {
        return Expression::List(until(tokens, "]"));
    }
    if let Ok(number) = token.parse() {
        return Expression::Number(number);
    }
    assert!(token.starts_with(char::is_alphabetic), "`{token}`");
    match tokens.pop_if(|next| next == "(") {
        Some(_) => Expression::Call(token, until(tokens, ")")),
        None => Expression::Name(token),
    }
}

fn until(tokens: &mut Tokens, end: &str) -> Vec<Expression> {
    let mut parts = vec![comparison(tokens)];
    while tokens.pop_if(|next| next == ",").is_some() {
        parts.push(comparison(tokens));
    }
    assert_eq!(tokens.pop().as_deref(), Some(end));
    parts
}

#[test]
fn math_is_read_and_worked_out() {
    let of = BTreeMap::from([
        ("a".to_owned(), vec![Some(1.0), None, Some(4.0), None]),
        ("b".to_owned(), vec![Some(2.0), Some(3.0), None, None]),
        ("none".to_owned(), vec![None; 4]),
    ]);
    let cases = [
        ("1 + 2 * a - 1", [Some(2.0), None, Some(8.0), None]),
        ("(10 - a) / 2", [Some(4.5), None, Some(3.0), None]),
        ("a + b", [Some(3.0), None, None, None]),
        ("SUM([a, b])", [Some(3.0), Some(3.0), Some(4.0), None]),
        ("MAX([a, b])", [Some(2.0), Some(3.0), Some(4.0), None]),
        ("FILL(a, 0)", [Some(1.0), Some(0.0), Some(4.0), Some(0.0)]),
        ("FILL(none, 0)", [None; 4]),
        ("DIFF(a)", [None, None, Some(3.0), None]),
        ("IF(a >= 2, 7, 8)", [Some(8.0), None, Some(7.0), None]),
        ("b / (a - 1)", [None; 4]),
    ];
    for (text, expected) in cases {
        let points = Expression::read(text).points(&of, FillOfNothing::Nothing);
        assert_eq!(points, expected, "{text}");
    }
    let filled = Expression::read("FILL(none, 0)").points(&of, FillOfNothing::Filled);
    assert_eq!(filled, [Some(0.0); 4]);
    let names = Expression::read("IF(a > 1, SUM([b, 2]), x1)").names();
    assert_eq!(names, ["a", "b", "x1"].map(str::to_owned).into());
}
