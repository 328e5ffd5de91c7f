//! YAML as a JSON value, with CloudFormation's short forms written out.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// A file of the repository.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A YAML file of the repository; `!Ref x` reads as `{"Ref": "x"}`, `!If […]` as
/// `{"Fn::If": […]}`.
pub(crate) fn read(path: &str) -> Value {
    parse(&text(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A YAML text, read likewise.
pub(crate) fn parse(text: &str) -> Result<Value, serde_saphyr::Error> {
    serde_saphyr::from_str::<Tagged<Node>>(text).map(long_form)
}

/// A node below its tag.
struct Node(Value);

fn long_form(Tagged(Node(value), tag): Tagged<Node>) -> Value {
    match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
        Some(name @ ("Ref" | "Condition")) => json!({ name: value }),
        Some(name) if name.chars().all(char::is_alphanumeric) => {
            let name = format!("Fn::{name}");
            json!({ name: value })
        }
        Some(_) | None => value,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = seq.next_element::<Tagged<Node>>()? {
            list.push(long_form(entry));
        }
        Ok(Node(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Map::new();
        while let Some((key, value)) = map.next_entry::<String, Tagged<Node>>()? {
            entries.insert(key, long_form(value));
        }
        Ok(Node(Value::Object(entries)))
    }
}

#[test]
fn short_forms_are_written_out() {
    let read =
        parse("a: !Ref b\nc: !If [d, 1, !Sub 'e']\nf: !GetAtt g.h\ni: 'text'\nj: 1").unwrap();
    let expected = json!({
        "a": { "Ref": "b" },
        "c": { "Fn::If": ["d", 1, { "Fn::Sub": "e" }] },
        "f": { "Fn::GetAtt": "g.h" },
        "i": "text",
        "j": 1,
    });
    assert_eq!(read, expected);
}
