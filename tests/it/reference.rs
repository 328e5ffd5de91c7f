//! The reference of the routes file: written from the schema, each example of it loaded, and the
//! schema's keys compared with those that the reader knows.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Map, Value, json};

use waybill_core::routes::{RoutesErrors, RoutesFile};

use crate::support::stage::workspace;
use crate::yaml;

/// The page that is written from the schema.
const PAGE: &str = "docs/ROUTES.md";

/// What stands above the tables.
const HEAD: &str = "# The routes file, key by key

This page is written from [the schema](../infra/routes/routes.schema.json); a test compares the two
and loads every example. [The sample](../infra/routes/routes.yaml) shows a whole file. Unknown keys
are refused, and a fault names its line and what to do. `${NAME}` in a value is replaced from the
environment; an unset name is an error.
";

/// The schema, and a walk over its mappings.
struct Schema(Value);

/// A mapping of the file: where it stands, and what it is.
struct Mapping<'a> {
    /// Every place of it, as `routes[].retry`.
    paths: Vec<String>,
    /// Its part of the schema.
    node: &'a Value,
}

/// What stands beside a key that is tried.
#[derive(Clone, Copy)]
enum Others {
    /// What must.
    Least,
    /// What the mapping's own example has, of this position: some keys go together.
    Example(usize),
}

impl Schema {
    fn read() -> Self {
        let text = yaml::text("infra/routes/routes.schema.json");
        Self(serde_json::from_str(&text).expect("the schema is JSON"))
    }

    /// The schema of a value, behind its reference; of one that may be a mapping or something
    /// shorter, the mapping's.
    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        if let Some(to) = node["$ref"].as_str() {
            return self.0.pointer(&to[1..]).expect(to);
        }
        let choices = node["anyOf"].as_array().into_iter().flatten();
        let mut mappings = choices.map(|choice| self.resolved(choice));
        let mapping = mappings.find(|choice| choice["additionalProperties"] == false);
        mapping
            .filter(|_| node.get("examples").is_some())
            .unwrap_or(node)
    }

    /// Every mapping with keys of its own, in the order of a walk from the top; one that stands in
    /// several places is told once.
    fn mappings(&self) -> Vec<Mapping<'_>> {
        let mut found: Vec<Mapping<'_>> = Vec::new();
        let mut open = vec![(String::new(), &self.0)];
        while let Some((path, node)) = open.pop() {
            let node = self.resolved(node);
            if let Some(known) = found.iter_mut().find(|at| std::ptr::eq(at.node, node)) {
                // A mapping in itself is told by the outer one.
                if !path.starts_with(&known.paths[0]) {
                    known.paths.push(path);
                }
                continue;
            }
            if let Some(items) = node.get("items") {
                open.push((format!("{path}[]"), items));
            }
            let Some(properties) = node["properties"].as_object() else {
                continue;
            };
            let paths = vec![path.clone()];
            found.push(Mapping { paths, node });
            let below = properties.iter().rev().map(|(key, node)| {
                let dot = if path.is_empty() { "" } else { "." };
                (format!("{path}{dot}{key}"), node)
            });
            open.extend(below);
        }
        found
    }

    /// The example of a value: its own, else the least that is valid.
    fn least(&self, node: &Value) -> Value {
        if let Some(example) = node["examples"].get(0) {
            return example.clone();
        }
        let node = self.resolved(node);
        if let Some(example) = node["examples"].get(0) {
            return example.clone();
        }
        if let Some(items) = node.get("items") {
            return json!([self.least(items)]);
        }
        let required = node["required"].as_array().into_iter().flatten();
        let keys = required.filter_map(Value::as_str).map(|key| {
            let value = self.least(&node["properties"][key]);
            (key.to_owned(), value)
        });
        Value::Object(keys.collect())
    }

    /// A file that has `value` under `key` in the mapping at `path`, beside what `others` says.
    fn file_with(&self, path: &str, key: &str, value: &Value, others: Others) -> Value {
        let mut steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
        steps.push(key);
        self.with(&self.0, &steps, value, others)
    }

    fn with(&self, node: &Value, steps: &[&str], value: &Value, others: Others) -> Value {
        let Some((step, rest)) = steps.split_first() else {
            return value.clone();
        };
        let said = node.get("examples");
        let node = self.resolved(node);
        let key = step.trim_end_matches("[]");
        let below = &node["properties"][key];
        let inner = match step.ends_with("[]") {
            true => json!([self.with(&self.resolved(below)["items"], rest, value, others)]),
            false => self.with(below, rest, value, others),
        };
        let mut whole = match others {
            // A mapping that takes one key of several has no least.
            _ if node["maxProperties"] == 1 => Map::new(),
            Others::Example(nth) => {
                let example = said.unwrap_or(&node["examples"])[nth].as_object();
                let least = || self.least_mapping(node);
                example.cloned().unwrap_or_else(least)
            }
            Others::Least => self.least_mapping(node),
        };
        whole.insert(key.to_owned(), inner);
        Value::Object(whole)
    }

    /// The keys that a mapping must have, whatever examples it has.
    fn least_mapping(&self, node: &Value) -> Map<String, Value> {
        let required = node["required"].as_array().into_iter().flatten();
        let keys = required.filter_map(Value::as_str).map(|key| {
            let value = self.least(&node["properties"][key]);
            (key.to_owned(), value)
        });
        keys.collect()
    }
}

/// Reads a file; every variable is set.
fn load(file: &Value) -> Result<RoutesFile, RoutesErrors> {
    RoutesFile::parse(&file.to_string(), |_| Some("set".to_owned()))
}

/// The keys of a mapping, in the order of the schema.
fn keys(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    node["properties"].as_object().into_iter().flatten()
}

/// The page.
fn page(schema: &Schema) -> String {
    let mut page = HEAD.to_owned();
    for Mapping { paths, node } in schema.mappings() {
        let heading = match paths[0].as_str() {
            "" => "The file".to_owned(),
            _ => {
                let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
                paths.join(", ")
            }
        };
        let required = node["required"].as_array();
        write!(
            page,
            "\n## {heading}\n\n| key | meaning | example |\n|---|---|---|\n"
        )
        .unwrap();
        for (key, value) in keys(node) {
            let said = value["description"].as_str();
            let said = said.or_else(|| schema.resolved(value)["description"].as_str());
            let must = required.is_some_and(|keys| keys.iter().any(|name| name == key));
            let must = if must { "Required. " } else { "" };
            let example = schema.least(value).to_string();
            let example = format!("`{}`", example.replace('|', "\\|"));
            let said = said.expect(key).replace('|', "\\|");
            writeln!(page, "| `{key}` | {must}{said} | {example} |").unwrap();
        }
    }
    page
}

#[test]
fn the_reference_of_the_routes_file_is_what_the_schema_says() {
    let page = page(&Schema::read());
    if page != yaml::text(PAGE) {
        let made = workspace().target().join("ROUTES.md");
        fs::write(&made, page).expect("the page is written");
        panic!(
            "{PAGE} is not what the schema says: copy {} over it",
            made.display()
        );
    }
}

#[test]
fn every_example_of_the_schema_is_loaded() {
    let schema = Schema::read();
    let mut loaded = 0;
    for Mapping { paths, node } in schema.mappings() {
        for (key, value) in keys(node) {
            let own = value["examples"].as_array();
            let examples = own.or_else(|| schema.resolved(value)["examples"].as_array());
            let least = vec![schema.least(value)];
            for (path, example) in paths
                .iter()
                .flat_map(|path| examples.unwrap_or(&least).iter().map(move |e| (path, e)))
            {
                let load = |others| load(&schema.file_with(path, key, example, others));
                let others = [Others::Least, Others::Example(0), Others::Example(1)];
                let loads = others.into_iter().any(|others| load(others).is_ok());
                let why = load(Others::Least).map_or_else(|why| why.to_string(), |_| String::new());
                assert!(loads, "{path}.{key}: {example}: {why}");
                loaded += 1;
            }
        }
    }
    assert!(loaded > 30, "{loaded}");
}

#[test]
fn the_schema_has_the_keys_that_the_reader_knows() {
    let schema = Schema::read();
    // A mapping that takes any key has no list of them.
    let closed = schema.mappings().into_iter();
    let closed = closed.filter(|at| at.node["additionalProperties"] == false);
    for Mapping { paths, node } in closed {
        for path in paths {
            let file = schema.file_with(&path, "no-such-key", &json!(1), Others::Least);
            let errors = load(&file).expect_err("an unknown key is refused");
            // "… is not known; known here: `a`, `b`", in whatever words.
            let told = errors
                .iter()
                .find(|error| error.path.ends_with("no-such-key"))
                .and_then(|error| error.message.split_once("; "));
            let (_, known) = told.unwrap_or_else(|| panic!("{path}: {errors}"));
            let known: BTreeSet<_> = known.split('`').skip(1).step_by(2).collect();
            let told: BTreeSet<_> = keys(node).map(|(key, _)| key.as_str()).collect();
            assert_eq!(told, known, "{path}");
        }
    }
}
