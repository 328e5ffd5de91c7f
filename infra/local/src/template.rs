//! The one change that a local run makes to `template.yaml`: where code and layers come from.
//!
//! The text is edited, not a tree: a YAML library would have to carry CloudFormation's tags
//! (`!Sub`, `!GetAtt`, …) through reading and writing, and what is deployed here would then be
//! what the library made of the template. So each `CodeUri` and `ContentUri` must stand on a line
//! of its own, as a plain path, within a resource; anything else is refused by line.

use std::fmt;

use crate::error::LocalError;

/// A property that names local files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Of a function.
    CodeUri,
    /// Of a layer.
    ContentUri,
}

/// One place in a template that names local files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Artifact<'a> {
    /// The resource's logical id.
    pub logical_id: &'a str,
    /// Which property.
    pub property: Property,
    /// The path as written, without quotes.
    pub path: &'a str,
}

/// Rewrites the value of every `CodeUri` and `ContentUri` to what `place` answers, nothing else.
pub fn rewrite(
    template: &str,
    mut place: impl FnMut(Artifact<'_>) -> Result<String, LocalError>,
) -> Result<String, LocalError> {
    let mut rewritten = String::with_capacity(template.len());
    let mut position = Position::default();
    for (number, line) in (1..).zip(template.split_inclusive('\n')) {
        position.pass(line);
        let Some(found) = find(line) else {
            rewritten.push_str(line);
            continue;
        };
        let refused = |why: &str| {
            let property = found.property;
            LocalError::failed(format!("template.yaml line {number}: {property} {why}"))
        };
        let logical_id = position
            .resource
            .ok_or_else(|| refused("must stand within a resource"))?;
        if found.path.is_empty() || found.path.starts_with(['{', '[', '!', '&', '*', '|', '>']) {
            return Err(refused("must be a plain path on the same line"));
        }
        rewritten.push_str(found.before);
        rewritten.push_str(&place(Artifact {
            logical_id,
            property: found.property,
            path: found.path,
        })?);
        rewritten.push_str(found.after);
    }
    Ok(rewritten)
}

/// Where in the template a line stands.
#[derive(Default)]
struct Position<'a> {
    /// Whether within `Resources:`.
    in_resources: bool,
    /// How far the logical ids are indented.
    indent: Option<usize>,
    /// The logical id of the resource.
    resource: Option<&'a str>,
}

impl<'a> Position<'a> {
    /// Moves past a line's opening key.
    fn pass(&mut self, line: &'a str) {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            *self = Self {
                in_resources: text.starts_with("Resources:"),
                ..Self::default()
            };
        } else if self.in_resources && indent <= *self.indent.get_or_insert(indent) {
            self.resource = text.split_once(':').map(|(name, _)| name.trim());
        }
    }
}

/// A line cut around the value of one of the properties.
struct Found<'a> {
    property: Property,
    before: &'a str,
    path: &'a str,
    after: &'a str,
}

/// Cuts a line, where it holds one of the properties.
fn find(line: &str) -> Option<Found<'_>> {
    let (key, rest) = line.split_once(':')?;
    let property = match key.trim() {
        "CodeUri" => Property::CodeUri,
        "ContentUri" => Property::ContentUri,
        _ => return None,
    };
    let value = rest.trim_start();
    let before = line.len() - value.len();
    let value = match value.find(" #") {
        Some(comment) => value.get(..comment)?,
        None => value,
    };
    let value = value.trim_end();
    Some(Found {
        property,
        before: line.get(..before)?,
        path: value.trim_matches(['"', '\'']),
        after: line.get(before + value.len()..)?,
    })
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodeUri => "CodeUri",
            Self::ContentUri => "ContentUri",
        })
    }
}

#[cfg(test)]
mod tests;
