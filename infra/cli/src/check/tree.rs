//! YAML or JSON as a tree of values with their lines, CloudFormation's short forms written out.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, Tagged};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The value.
    pub(crate) raw: Raw,
    /// The line, counted from 1: of its key where it has one. Zero where it is not known.
    pub(crate) line: u64,
}

/// A value as it is written. What is a number or a boolean to YAML is text here, as it is to
/// CloudFormation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    /// Nothing.
    Null,
    /// A text, a number or a boolean.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Node)>),
}

/// Why a text is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoTree {
    /// The line, counted from 1; zero where it is not known.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) message: String,
}

impl Node {
    /// Reads one document; `!Ref x` reads as `{"Ref": "x"}`, `!If […]` as `{"Fn::If": […]}`.
    pub(crate) fn parse(text: &str) -> Result<Self, NoTree> {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let read = serde_saphyr::from_str_with_options::<Spanned<Tagged<Read>>>(text, options);
        read.map(written_out).map_err(|error| {
            let line = error.location().map(|at| at.line()).unwrap_or_default();
            let bare = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
            let mut message = error.render_with_options(bare);
            // The parser's own words end in the place, which is told beside them.
            if let Some(end) = message.rfind(" at line ") {
                message.truncate(end);
            }
            NoTree { line, message }
        })
    }

    /// What stands under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let found = self.entries().iter().find(|(name, _)| name == key);
        found.map(|(_, node)| node)
    }

    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match &self.raw {
            Raw::Map(entries) => entries,
            Raw::Null | Raw::Text(_) | Raw::List(_) => &[],
        }
    }

    /// The entries of a list; none of anything else.
    pub(crate) fn list(&self) -> &[Self] {
        match &self.raw {
            Raw::List(list) => list,
            Raw::Null | Raw::Text(_) | Raw::Map(_) => &[],
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.raw {
            Raw::Text(text) => Some(text),
            Raw::Null | Raw::List(_) | Raw::Map(_) => None,
        }
    }
}

/// Writes a short form out.
fn written_out(spanned: Spanned<Tagged<Read>>) -> Node {
    let line = spanned.referenced.line();
    let Tagged(Read(raw), tag) = spanned.value;
    let name = match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
        Some(name @ ("Ref" | "Condition")) => name.to_owned(),
        Some(name) if name.chars().all(char::is_alphanumeric) && !name.is_empty() => {
            format!("Fn::{name}")
        }
        Some(_) | None => return Node { raw, line },
    };
    let raw = Raw::Map(vec![(name, Node { raw, line })]);
    Node { raw, line }
}

/// A value below its tag.
struct Read(Raw);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadVisitor)
    }
}

/// Takes whatever the parser found.
struct ReadVisitor;

impl<'de> Visitor<'de> for ReadVisitor {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read(Raw::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read, E> {
        Ok(Read(Raw::Text(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read, E> {
        Ok(Read(Raw::Text(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read, E> {
        Ok(Read(Raw::Text(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read, E> {
        Ok(Read(Raw::Text(value.to_string())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Read, E> {
        Ok(Read(Raw::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Read, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element::<Spanned<Tagged<Read>>>()? {
            list.push(written_out(entry));
        }
        Ok(Read(Raw::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Read, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let mut node = written_out(entries.next_value()?);
            node.line = key.referenced.line();
            map.push((key.value, node));
        }
        Ok(Read(Raw::Map(map)))
    }
}

#[cfg(test)]
mod tests;
