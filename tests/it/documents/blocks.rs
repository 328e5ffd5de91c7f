//! Every fenced block of every page is checked, by its language; a language that nothing checks is
//! a fault.
//!
//! What is shown as `text` is output or a drawing, and is not checked here. Whether mermaid can
//! draw a diagram is asked of mermaid itself, when the book is built (`.ci/run book`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::Value;

use waybill_core::routes::RoutesFile;

use crate::support::cli::Cli;
use crate::tidy::{files, product_sources, words};
use crate::yaml;

mod shell;

/// What stands between two fences.
struct Block {
    /// The page, from the root.
    page: String,
    /// The line of its first fence.
    line: usize,
    /// What stands behind the first fence.
    language: String,
    /// Without the fences' own indent.
    text: String,
}

/// Programs that pages may name beside those with a check of their own. They are not ours: what
/// they are told is not checked.
const PROGRAMS: [&str; 10] = [
    "aws", "cd", "eval", "export", "head", "jq", "pip", "python3", "rustup", "tail",
];

/// Commands of cargo's own, or of a tool that the page says to install.
const CARGO: [&str; 8] = [
    "bench", "build", "clippy", "fmt", "install", "lambda", "mutants", "test",
];

/// Commands of SAM that pages may name.
const SAM: [&str; 4] = ["build", "delete", "deploy", "validate"];

/// Our commands that are aliases of cargo's, but for `waybill`: the source that says what each
/// takes, and what may stand beside its options.
const ALIASES: [(&str, &str, Takes); 7] = [
    ("demo", "infra/local/src/bin/demo/main.rs", Takes::Options),
    ("invoke", "infra/local/src/bin/invoke/main.rs", Takes::Words),
    (
        "measure",
        "infra/local/src/bin/measure/main.rs",
        Takes::Subcommand,
    ),
    ("mutations", "infra/mutations/src/main.rs", Takes::Options),
    (
        "pressure",
        "infra/local/src/bin/pressure/main.rs",
        Takes::Subcommand,
    ),
    (
        "simulate",
        "shared/waybill-world/src/bin/simulate/main.rs",
        Takes::Options,
    ),
    ("soak", "infra/local/src/bin/soak/main.rs", Takes::Options),
];

/// What a command takes beside its options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Options,
    Subcommand,
    Words,
}

/// The blocks of a page.
fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::<Block>::new();
    let mut indent = None;
    for (number, line) in (1..).zip(text.lines()) {
        let bare = line.trim_start();
        let other = bare.starts_with("~~~") || bare.starts_with("````");
        assert!(!other, "{page}:{number}: fences here have three backticks");
        match (indent, bare.strip_prefix("```")) {
            (None, Some(language)) => {
                indent = Some(line.len() - bare.len());
                found.push(Block {
                    page: page.to_owned(),
                    line: number,
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some("")) => indent = None,
            (Some(_), Some(_)) => panic!("{page}:{number}: a fence within a block"),
            (Some(indent), None) => {
                let block = found.last_mut().expect("one was begun");
                block.text += line.get(indent..).unwrap_or_default();
                block.text += "\n";
            }
            (None, None) => {}
        }
    }
    assert!(indent.is_none(), "{page}: the last block has no end");
    found
}

/// The blocks of all pages.
fn blocks() -> Vec<Block> {
    let pages = files(".md").into_iter();
    pages
        .flat_map(|(page, text)| blocks_of(&page, &text))
        .collect()
}

/// Fails with what is wrong in each block of these languages. There must be some.
fn all_sound(languages: &[&str], fault: impl Fn(&Block) -> Option<String>) {
    let blocks = blocks().into_iter();
    let blocks: Vec<_> = blocks
        .filter(|block| languages.contains(&block.language.as_str()))
        .collect();
    assert!(!blocks.is_empty(), "no block is {languages:?}");
    let faults: Vec<_> = blocks
        .iter()
        .filter_map(|block| Some(format!("{}:{}: {}", block.page, block.line, fault(block)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The languages that a test below, or the one that is named, checks.
fn language_fault(block: &Block) -> Option<String> {
    match block.language.as_str() {
        "rust" | "yaml" | "json" | "toml" | "bash" | "sh" | "console" | "mermaid" | "text" => None,
        // `the_page_of_the_protocol_shows_the_statements_that_are_sent`
        "sql" if block.page == "docs/PROTOCOL.md" => None,
        other => Some(format!(
            "nothing checks a block of `{other}` here: add a check to {}",
            file!()
        )),
    }
}

#[test]
fn every_block_is_of_a_language_that_is_checked() {
    let faults: Vec<_> = blocks()
        .iter()
        .filter_map(|block| {
            let fault = language_fault(block)?;
            Some(format!("{}:{}: {fault}", block.page, block.line))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rust_that_is_shown_stands_in_an_example_that_is_built() {
    let sources = files(".rs").into_iter();
    let examples: Vec<_> = sources
        .filter(|(path, _)| path.contains("/examples/"))
        .collect();
    all_sound(&["rust"], |block| rust_fault(block, &examples));
}

/// Whether a block is a part of one of these files.
fn rust_fault(block: &Block, examples: &[(String, String)]) -> Option<String> {
    let built = examples.iter().any(|(_, text)| text.contains(&block.text));
    (!built || block.text.lines().count() < 3)
        .then(|| "is not a part of a file of `examples`: show what is built".to_owned())
}

#[test]
fn yaml_that_is_shown_is_a_routes_file_or_a_part_of_the_template() {
    let template = yaml::read("template.yaml");
    all_sound(&["yaml"], |block| yaml_fault(block, &template));
}

/// Routes must be read by their own reader. Anything else is taken for a part of the template: its
/// keys stand there, and so does what it refers to.
fn yaml_fault(block: &Block, template: &Value) -> Option<String> {
    let read = match yaml::parse(&block.text) {
        Ok(read) => read,
        Err(error) => return Some(format!("is no YAML: {error}")),
    };
    if read.get("routes").is_some() {
        let named = |_: &str| Some("https://sqs.eu-central-1.amazonaws.com/1/a.fifo".to_owned());
        let file = RoutesFile::parse(&block.text, named);
        return file.err().map(|errors| errors.to_string());
    }
    let text = yaml::text("template.yaml");
    let Some(keys) = read.as_object() else {
        return Some("is neither routes nor a part of the template".to_owned());
    };
    let unknown = keys.keys().find(|key| !text.contains(&format!(" {key}:")));
    if let Some(key) = unknown {
        return Some(format!("`{key}` is no key of the template"));
    }
    referred(&read)
        .into_iter()
        .find(|name| {
            let known = |part: &str| template[part].get(name).is_some();
            !known("Parameters") && !known("Resources") && !name.starts_with("AWS::")
        })
        .map(|name| format!("the template has no `{name}`"))
}

/// What a part of a template refers to.
fn referred(node: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node {
            Value::Array(list) => open.extend(list),
            Value::Object(entries) => {
                open.extend(entries.values());
                let of = |key: &str| entries.get(key).and_then(Value::as_str);
                let attribute = of("Fn::GetAtt").and_then(|text| text.split('.').next());
                found.extend(of("Ref").into_iter().chain(attribute).map(str::to_owned));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

#[test]
fn json_that_is_shown_has_the_fields_of_the_code() {
    let sources: Vec<_> = product_sources().map(|(_, text)| text).collect();
    all_sound(&["json"], |block| json_fault(block, &sources));
}

/// Each key is a public field of something; of a list each text is written in the code.
fn json_fault(block: &Block, sources: &[String]) -> Option<String> {
    let read = match serde_json::from_str::<Value>(&block.text) {
        Ok(read) => read,
        Err(error) => return Some(format!("is no JSON: {error}")),
    };
    if let Some(list) = read.as_array() {
        let keys = list.iter().filter_map(Value::as_object);
        let keys = keys.flat_map(|entries| entries.keys().map(String::as_str));
        let mut texts = list.iter().filter_map(Value::as_str).chain(keys);
        let written = |text: &str| sources.iter().any(|source| source.contains(text));
        let unknown = texts.find(|text| !written(text));
        return unknown.map(|text| format!("nothing that is deployed knows `{text}`"));
    }
    let Some(entries) = read.as_object() else {
        return Some("is neither object nor list".to_owned());
    };
    let field = |key: &str| format!("\n    pub {key}: ");
    let unknown = entries
        .keys()
        .find(|key| !sources.iter().any(|text| text.contains(&field(key))));
    unknown.map(|key| format!("nothing that is deployed has a field `{key}`"))
}

#[test]
fn a_manifest_that_is_shown_is_one_that_cargo_resolves() {
    all_sound(&["toml"], toml_fault);
}

/// A project with this manifest, beside a checkout called `waybill`, with what has been downloaded
/// for the workspace.
fn toml_fault(block: &Block) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let project = place.path().join("project");
    fs::create_dir_all(project.join("src")).unwrap();
    symlink(yaml::root(), place.path().join("waybill")).unwrap();
    fs::write(project.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(project.join("Cargo.toml"), &block.text).unwrap();
    fs::copy(yaml::root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.args(["update", "--workspace", "--offline"]);
    let ran = cargo.current_dir(&project).output().expect("cargo runs");
    (!ran.status.success()).then(|| String::from_utf8_lossy(&ran.stderr).into_owned())
}

#[test]
fn every_diagram_is_of_a_kind_that_is_drawn_and_joins_something() {
    all_sound(&["mermaid"], mermaid_fault);
}

/// The kind, one arrow, and no `;` where it would begin a statement: mermaid reads the words behind
/// it as states. The rest is mermaid's to judge.
fn mermaid_fault(block: &Block) -> Option<String> {
    let kinds = [
        "flowchart LR",
        "flowchart TD",
        "sequenceDiagram",
        "stateDiagram-v2",
    ];
    let kind = block.text.lines().next().unwrap_or_default();
    if !kinds.contains(&kind) {
        return Some(format!("`{kind}` is not one of {kinds:?}"));
    }
    if !kind.starts_with("flowchart") && block.text.contains(';') {
        return Some("has a `;`, behind which mermaid reads another statement".to_owned());
    }
    (!block.text.contains("->")).then(|| "joins nothing".to_owned())
}

/// The languages of what is typed.
const TYPED: [&str; 3] = ["bash", "sh", "console"];

/// What of a block is typed: in a `console` the lines behind a `$`, with those that they go on in.
fn typed(block: &Block) -> String {
    if block.language != "console" {
        return block.text.clone();
    }
    let mut typed = String::new();
    let mut goes_on = false;
    for line in block.text.lines() {
        let begins = line.strip_prefix("$ ");
        if goes_on || begins.is_some() {
            typed += begins.unwrap_or(line);
            typed += "\n";
            goes_on = line.ends_with('\\');
        }
    }
    typed
}

#[test]
fn what_is_typed_is_shell_and_names_commands_options_and_variables_that_are_there() {
    // This file names some that are not there.
    let sources = files(".rs").into_iter();
    let variables = sources
        .filter(|(path, _)| !file!().ends_with(path.as_str()) && !path.ends_with(file!()))
        .flat_map(|(_, text)| words(&text, "WAYBILL_"))
        .collect();
    let template = yaml::read("template.yaml");
    all_sound(&TYPED, |block| typed_fault(block, &template, &variables));
}

/// Whether the shell reads it, and each command is one that is there.
fn typed_fault(block: &Block, template: &Value, variables: &BTreeSet<String>) -> Option<String> {
    let typed = typed(block);
    if let Some(variable) = words(&typed, "WAYBILL_").difference(variables).next() {
        return Some(format!("nothing reads `{variable}`"));
    }
    let commands = shell::commands(&typed);
    if commands.is_empty() {
        return Some("has no command".to_owned());
    }
    syntax_fault(&typed).or_else(|| {
        commands
            .iter()
            .find_map(|command| command_fault(command, template))
    })
}

/// What `bash -n` says.
fn syntax_fault(text: &str) -> Option<String> {
    let mut bash = Command::new("bash");
    bash.arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut bash = bash.spawn().expect("bash runs");
    let mut input = bash.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let ran = bash.wait_with_output().unwrap();
    (!ran.status.success()).then(|| String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// What is wrong with one command. Those of `waybill` are asked by a test of their own.
fn command_fault(command: &[String], template: &Value) -> Option<String> {
    let (program, arguments) = command.split_first().expect("a command has a word");
    let first = arguments.first().map_or("", String::as_str);
    let has = |part: &str, name: &str| template[part].get(name).is_some();
    match program.as_str() {
        "waybill" => parameters_fault(arguments, template),
        "cargo" => cargo_fault(arguments, template),
        "sam" if SAM.contains(&first) => parameters_fault(arguments, template),
        "sam" => Some(format!(
            "pages know no `sam {first}`: see SAM in {}",
            file!()
        )),
        // Two functions of the shell that `docs/OPERATE.md` defines.
        "out()" | "id()" => None,
        "out" => (!has("Outputs", first)).then(|| format!("the stack has no output `{first}`")),
        "id" => (!has("Resources", first)).then(|| format!("the stack has no `{first}`")),
        path if path.contains('/') => {
            let there = yaml::root().join(path).is_file();
            (!there).then(|| format!("no file is called `{path}`"))
        }
        known if PROGRAMS.contains(&known) => None,
        other => Some(format!(
            "pages know no program `{other}`: see PROGRAMS in {}",
            file!()
        )),
    }
}

/// Values for the template's parameters: each is there, and takes the value where it has a list.
fn parameters_fault(arguments: &[String], template: &Value) -> Option<String> {
    let mut given = Vec::new();
    let mut overrides = false;
    let mut before = "";
    for argument in arguments {
        if argument.starts_with("--") {
            overrides = argument == "--parameter-overrides";
        } else if overrides || before == "--parameter" {
            given.push(argument);
        }
        before = argument;
    }
    given.into_iter().find_map(|pair| {
        let Some((name, value)) = pair.split_once('=') else {
            return Some(format!("`{pair}` is no parameter with a value"));
        };
        let Some(parameter) = template["Parameters"].get(name) else {
            return Some(format!("the template has no parameter `{name}`"));
        };
        let allowed = parameter["AllowedValues"].as_array()?;
        let taken = allowed.iter().any(|each| match each.as_str() {
            Some(text) => text == value,
            None => each.as_i64().is_some_and(|each| value.parse() == Ok(each)),
        });
        (!taken).then(|| format!("the parameter `{name}` does not take `{value}`"))
    })
}

/// What is wrong with a command of cargo's, ours among them.
fn cargo_fault(arguments: &[String], template: &Value) -> Option<String> {
    let (name, rest) = arguments.split_first()?;
    if name == "waybill" {
        return parameters_fault(rest, template);
    }
    if CARGO.contains(&name.as_str()) {
        let package = rest.iter().skip_while(|word| *word != "-p").nth(1);
        return package.and_then(|package| package_fault(package));
    }
    let Some((_, source, takes)) = ALIASES.iter().find(|(alias, _, _)| alias == name) else {
        return Some(format!("there is no `cargo {name}`"));
    };
    let source = yaml::text(source);
    let known = options_in(&source);
    let option = rest.iter().filter(|word| word.starts_with("--"));
    let unknown = option
        .map(|word| word.split('=').next().unwrap_or_default())
        .find(|option| !known.contains(*option));
    if let Some(option) = unknown {
        return Some(format!("`cargo {name}` takes no `{option}`"));
    }
    let first = rest.first().filter(|word| !word.starts_with('-'))?;
    let fault = match takes {
        Takes::Words => false,
        // A number behind an option is its value; a word in the first place is none.
        Takes::Options => true,
        Takes::Subcommand => !has_variant(&source, first),
    };
    fault.then(|| format!("`cargo {name}` knows no `{first}`"))
}

/// Whether the workspace has the package.
fn package_fault(package: &str) -> Option<String> {
    let line = format!("name = \"{package}\"\n");
    let manifests = files("Cargo.toml");
    let there = manifests.iter().any(|(_, text)| text.contains(&line));
    (!there).then(|| format!("the workspace has no package `{package}`"))
}

/// Whether an enum of a source has a variant by the name that clap gives it.
fn has_variant(source: &str, word: &str) -> bool {
    let parts = word.split('-').filter_map(|part| {
        let (first, rest) = part.split_at_checked(1)?;
        Some(first.to_uppercase() + rest)
    });
    let variant: String = parts.collect();
    [",", " {", "("]
        .iter()
        .any(|end| source.contains(&format!("\n    {variant}{end}")))
}

/// The options that the fields of a source's clap structures make.
fn options_in(source: &str) -> BTreeSet<String> {
    let attributes = source.split("#[arg(").skip(1);
    let named = attributes.filter_map(|after| {
        let (attribute, field) = after.split_once(")]\n")?;
        let long = attribute.split(',').find(|part| {
            let part = part.trim();
            part == "long" || part.starts_with("long =")
        })?;
        let name = match long.split_once('"') {
            Some((_, name)) => name.trim_end_matches('"').to_owned(),
            None => field.trim_start().split(':').next()?.replace('_', "-"),
        };
        Some(format!("--{name}"))
    });
    named.collect()
}

#[tokio::test]
async fn every_command_of_waybill_that_is_shown_takes_the_options_that_are_shown() {
    let mut known = BTreeMap::<Vec<String>, BTreeSet<String>>::new();
    let mut faults = Vec::new();
    let typed_ones = blocks().into_iter();
    let typed_ones = typed_ones.filter(|block| TYPED.contains(&block.language.as_str()));
    for block in typed_ones {
        for arguments in of_waybill(&typed(&block)) {
            let (path, options) = asked(&arguments);
            if !known.contains_key(&path) {
                let taken = options_of_waybill(&path).await;
                known.insert(path.clone(), taken);
            }
            let unknown = options
                .into_iter()
                .find(|option| !known[&path].contains(option));
            let place = format!("{}:{}: waybill {}", block.page, block.line, path.join(" "));
            faults.extend(unknown.map(|option| format!("{place}: takes no `{option}`")));
        }
    }
    assert!(known.len() > 8, "{known:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The arguments of each `waybill` or `cargo waybill` in what is typed.
fn of_waybill(typed: &str) -> Vec<Vec<String>> {
    let commands = shell::commands(typed).into_iter();
    let ours = commands.filter_map(|command| {
        let words: Vec<_> = command.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["cargo", "waybill", rest @ ..] | ["waybill", rest @ ..] => {
                Some(rest.iter().map(|word| (*word).to_owned()).collect())
            }
            _ => None,
        }
    });
    ours.collect()
}

/// Which command is meant, and which options are given to it.
fn asked(arguments: &[String]) -> (Vec<String>, Vec<String>) {
    let of_two = matches!(
        arguments.first().map(String::as_str),
        Some("dlq" | "ledger")
    );
    let path = arguments.iter().take(1 + usize::from(of_two)).cloned();
    let options = arguments.iter().filter(|word| word.starts_with("--"));
    let options = options.filter_map(|word| Some(word.split('=').next()?.to_owned()));
    (path.collect(), options.collect())
}

/// What the command itself says that it takes.
async fn options_of_waybill(path: &[String]) -> BTreeSet<String> {
    let help = Cli::new(path.iter().cloned().chain(["--help".to_owned()]));
    let help = help.run().await.expect(0).stdout;
    let lines = help.lines().map(str::trim_start);
    let words = lines
        .filter(|line| line.starts_with('-'))
        .flat_map(|line| line.split([' ', ',']));
    words
        .filter(|word| word.starts_with("--"))
        .map(str::to_owned)
        .collect()
}

/// A block of a page that is not there.
fn made_up(language: &str, text: &str) -> Block {
    let page = format!("```{language}\n{text}\n```\n");
    blocks_of("docs/MADE-UP.md", &page).remove(0)
}

/// Blocks with one fault each: language, text, and what the fault says; one of several by `|`.
const WRONG: &[(&str, &str, &str)] = &[
    ("brainfuck", "+", "nothing checks"),
    ("sql", "SELECT 1", "nothing checks"),
    ("", "plain", "nothing checks"),
    ("rust", "fn a() {\n    b();\n}", "not a part"),
    ("yaml", "a: [", "is no YAML"),
    ("yaml", "routes: [{ name: a }]", "target"),
    ("yaml", "Lairs: [1]", "`Lairs`"),
    ("yaml", "Layers: [!Ref NoLayer]", "`NoLayer`"),
    ("yaml", "Layers: [!GetAtt NoLayer.Arn]", "`NoLayer`"),
    ("json", "{", "is no JSON"),
    ("json", "{\"recieved\": 1}", "`recieved`"),
    ("toml", "[package", "unclosed"),
    (
        "toml",
        "[package]\nname = \"a\"\n[dependencies]\nwaybill = { path = \"../waybill/shared/waybill\", features = [\"no\"] }",
        "feature",
    ),
    ("mermaid", "pie\n a -> b", "`pie`"),
    ("mermaid", "flowchart LR\n a", "joins nothing"),
    ("mermaid", "stateDiagram-v2\n a --> b: c; or d", "has a `;`"),
    ("bash", "# nothing", "no command"),
    ("bash", "waybill 'dlq", "syntax|EOF"),
    ("bash", "waybil dlq ls", "`waybil`"),
    (
        "bash",
        "WAYBILL_CONSUMERS=a waybill top",
        "`WAYBILL_CONSUMERS`",
    ),
    ("bash", "cargo demon", "`cargo demon`"),
    ("bash", "cargo demo --events=5 --even 5", "`--even`"),
    ("bash", "cargo measure piers", "`piers`"),
    ("bash", "cargo soak fast", "`fast`"),
    ("bash", "cargo test -p waybill-cor", "`waybill-cor`"),
    ("bash", "sam deplor", "`sam deplor`"),
    (
        "sh",
        "sam deploy --parameter-overrides Modus=poll",
        "`Modus`",
    ),
    ("sh", "sam deploy --parameter-overrides Mode=push", "`push`"),
    ("bash", "a | waybill check --parameter Mode=push", "`a`"),
    (
        "bash",
        "jq . | waybill check --parameter Mode=push",
        "`push`",
    ),
    ("bash", "aws x \"$(id NoFunction)\"", "`NoFunction`"),
    ("bash", "export A=$(out NoOutput)", "`NoOutput`"),
    ("bash", "infra/peers/instal", "`infra/peers/instal`"),
    ("console", "$ cargo waybil\nwaybill", "`cargo waybil`"),
];

#[test]
fn a_block_that_is_wrong_is_seen() {
    let template = yaml::read("template.yaml");
    let sources: Vec<_> = product_sources().map(|(_, text)| text).collect();
    let variables = BTreeSet::from(["WAYBILL_CONSUMER".to_owned()]);
    for (language, text, expected) in WRONG.iter().copied() {
        let block = made_up(language, text);
        let fault = language_fault(&block).or_else(|| match language {
            "rust" => rust_fault(&block, &[]),
            "yaml" => yaml_fault(&block, &template),
            "json" => json_fault(&block, &sources),
            "toml" => toml_fault(&block),
            "mermaid" => mermaid_fault(&block),
            _ => typed_fault(&block, &template, &variables),
        });
        let fault = fault.unwrap_or_else(|| panic!("no fault is seen in {text:?}"));
        let seen = expected.split('|').any(|each| fault.contains(each));
        assert!(seen, "{text:?}: {fault}");
    }
}

#[test]
fn options_that_are_shown_to_waybill_are_found_behind_pipes_and_in_both_forms() {
    let typed = "jq . a | waybill send - --json && cargo waybill dlq ls --where='a = b' --each\n";
    let found: Vec<_> = of_waybill(typed).iter().map(|words| asked(words)).collect();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let expected: Vec<(Vec<String>, Vec<String>)> = vec![
        (owned(&["send"]), owned(&["--json"])),
        (owned(&["dlq", "ls"]), owned(&["--where", "--each"])),
    ];
    assert_eq!(found, expected);
}
