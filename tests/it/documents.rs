//! The documents say what the code does: words, codes, samples and snippets, compared both ways.

use std::collections::BTreeSet;

use serde_json::Value;

use waybill_core::envelope::{self, Envelope};
use waybill_core::key::event_key;
use waybill_core::outcome::{DeadReason, DeferCause};
use waybill_core::routes::RoutesFile;
use waybill_core::sqs_event::Batch;
use waybill_engine::telemetry::metric::{ALL, Dimension};

use crate::tidy::{files, product_sources};
use crate::yaml;

mod blocks;

/// What stands below a heading, up to the next one of its level.
fn section(text: &str, heading: &str) -> String {
    let (_, after) = text
        .split_once(&format!("\n## {heading}\n"))
        .expect(heading);
    let end = after.find("\n## ").unwrap_or(after.len());
    after[..end].to_owned()
}

/// The rows of the tables in a text, cell by cell, without their heads.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<_> = text.lines().collect();
    let is_row = |at: usize| {
        let line = lines[at];
        let is_head = lines
            .get(at + 1)
            .is_some_and(|next| next.starts_with("|---"));
        line.starts_with('|') && !line.starts_with("|---") && !is_head
    };
    let rows = (0..lines.len()).filter(|at| is_row(*at)).map(|at| {
        let cells = lines[at].trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    });
    rows.collect()
}

/// What a text has between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// What the first column of the table below a heading of `FAILURES.md` names.
fn failures(heading: &str) -> BTreeSet<String> {
    let rows = rows(&section(&yaml::text("docs/FAILURES.md"), heading));
    assert!(!rows.is_empty(), "no table below {heading}");
    rows.iter().flat_map(|row| quoted(&row[0])).collect()
}

/// The texts between quotes that follow one of these beginnings in what is deployed, white space
/// apart.
fn literals_after(beginnings: &[&str]) -> BTreeSet<String> {
    let sources = product_sources().filter(|(path, _)| !path.contains("/examples/"));
    let mut found = BTreeSet::new();
    for (_, text) in sources {
        for beginning in beginnings {
            for after in text.split(beginning).skip(1) {
                let literal = after.trim_start().strip_prefix('"');
                found.extend(literal.and_then(|l| l.split('"').next()).map(str::to_owned));
            }
        }
    }
    found
}

/// Sorted words.
fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The first fenced block of a language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let fence = format!("```{language}\n");
    let (_, after) = text.split_once(&fence).expect(language);
    after.split_once("```").expect("its end").0
}

#[test]
fn every_code_of_an_attempt_is_explained_and_none_that_is_not() {
    let ends = [
        "transient(",
        "unknown(",
        "rejected(",
        "delivered(",
        "Attempt::put_off(",
    ];
    let mut codes = literals_after(&ends);
    let status = literals_after(&["let code = format!("]);
    assert_eq!(status, set(&["http_{status}"]));
    codes.insert("http_NNN".to_owned());
    assert!(codes.len() > 10, "{codes:?}");
    assert_eq!(failures("Attempts"), codes);
}

#[test]
fn every_cause_of_a_deferral_is_explained_and_none_that_is_not() {
    for cause in DeferCause::ALL {
        // A new cause must be explained too: this stops compiling when there is one.
        match cause {
            DeferCause::Deadline
            | DeferCause::LeaseBusy
            | DeferCause::NotDue
            | DeferCause::StoreDown
            | DeferCause::UnknownRow
            | DeferCause::Fenced
            | DeferCause::Copy
            | DeferCause::Panicked
            | DeferCause::DeadLetterUnavailable
            | DeferCause::GroupBlocked
            | DeferCause::LeaseLost
            | DeferCause::RouteOff
            | DeferCause::BreakerOpen
            | DeferCause::RateLimited
            | DeferCause::Saturated
            | DeferCause::SchedulerUnavailable => {}
        }
    }
    let words: Vec<_> = DeferCause::ALL.iter().map(|cause| cause.word()).collect();
    assert_eq!(failures("Deferrals"), set(&words));
}

#[test]
fn every_code_that_a_try_fails_with_may_have_waits_of_its_own() {
    let text = yaml::text("docs/FAILURES.md");
    let retried = rows(&section(&text, "Attempts")).into_iter();
    let retried = retried.filter(|row| row[1].contains("transient") || row[1].contains("unknown"));
    // A route that is not known has no policy, an error of a handler's own is no route's, nor is
    // what Powertools left.
    let others = |code: &String| {
        ["route_unknown", "error"].contains(&code.as_str()) || code.starts_with("powertools_")
    };
    let codes = retried.flat_map(|row| quoted(&row[0]));
    for code in codes.filter(|code| !others(code)) {
        let text = format!(
            "defaults: {{ retry: {{ on: {{ {code}: {{ duration: 1s }} }} }} }}\n\
             routes: [{{ name: a, target: {{ http: {{ url: \"https://a.example\" }} }} }}]\n"
        );
        let read = RoutesFile::parse(&text, |_| None);
        read.unwrap_or_else(|errors| panic!("{errors}"));
    }
}

#[test]
fn every_reason_of_death_is_explained_and_none_that_is_not() {
    let words: Vec<_> = DeadReason::ALL.iter().map(|reason| reason.word()).collect();
    assert_eq!(failures("Reasons"), set(&words));
}

#[test]
fn every_code_of_ours_about_ledger_and_queue_is_explained_and_none_that_is_not() {
    let codes = literals_after(&["code: ", "Kind::Transient, ", "Kind::Permanent, "]);
    assert_eq!(failures("Ledger and queue"), codes);
}

/// Where every line is written.
const LINES: &str = "shared/waybill-engine/src/telemetry/event.rs";

/// The names of the fields of every line: what stands before `=`, or alone, in a macro's call.
fn fields() -> BTreeSet<String> {
    let text = yaml::text(LINES);
    let calls = ["error!(", "warn!(", "info!(", "debug!("].iter();
    let calls = calls.flat_map(|name| text.split(name).skip(1));
    let calls = calls.map(|after| {
        let end = after.find('"').expect("each line has words");
        &after[..end]
    });
    let parts = calls.flat_map(|call| call.split(','));
    let names = parts.map(|part| part.split('=').next().unwrap().trim());
    let names = names.filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

#[test]
fn the_page_of_metrics_names_each_metric_with_its_unit_and_dimensions_f77() {
    let page = yaml::text("docs/METRICS.md");
    let (metrics, _) = page.split_once("\n## Fields of the lines").unwrap();
    let told = rows(metrics).into_iter();
    let told: Vec<_> = told.filter(|row| row.len() == 4).collect();
    let all = ALL.map(|metric| {
        let set = |set: &&[Dimension]| {
            let names: Vec<_> = set.iter().map(|d| format!("`{}`", d.word())).collect();
            names.join(" ")
        };
        let sets: Vec<_> = metric.dimensions.iter().map(set).collect();
        let (unit, meaning) = (metric.unit.word(), metric.meaning);
        let name = format!("`{}`", metric.name);
        vec![name, unit.to_owned(), sets.join("; "), meaning.to_owned()]
    });
    assert_eq!(told, all);
    let with = |last: Dimension| {
        let sets = ALL.iter().flat_map(|metric| metric.dimensions);
        sets.filter(|set| set.last() == Some(&last)).count()
    };
    assert_eq!(with(Dimension::Cause) * DeferCause::ALL.len(), 16);
    assert_eq!(with(Dimension::Reason) * DeadReason::ALL.len(), 10);
    let of_route = with(Dimension::Route) + 4 * with(Dimension::Outcome);
    let many = format!("at most {} + 26 + {of_route} `r`", with(Dimension::Queue));
    assert!(page.contains(&many), "{many}");
}

#[test]
fn the_page_of_metrics_names_each_value_of_a_dimension() {
    let page = yaml::text("docs/METRICS.md");
    let values = |dimension: &str| {
        let row = page
            .lines()
            .find(|l| l.starts_with(&format!("| `{dimension}` | ")));
        let mut words = quoted(row.expect(dimension));
        words.remove(0);
        words
    };
    assert_eq!(values("Cause"), DeferCause::ALL.map(DeferCause::word));
    assert_eq!(values("Reason"), DeadReason::ALL.map(DeadReason::word));
}

#[test]
fn every_field_of_a_line_is_explained_and_none_that_is_not() {
    let page = yaml::text("docs/METRICS.md");
    let (_, fields_of_lines) = page.split_once("\n## Fields of the lines").unwrap();
    let told = rows(fields_of_lines);
    let told: BTreeSet<_> = told.iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(told, fields());
}

/// The messages of the lines of these levels: the first text of each macro's call.
fn logged(macros: &[&str]) -> Vec<String> {
    let telemetry = yaml::text(LINES);
    let mut lines = Vec::new();
    for name in macros {
        for after in telemetry.split(&format!("{name}(")).skip(1) {
            let message = after.split('"').nth(1).expect("a text");
            lines.push(message.to_owned());
        }
    }
    lines
}

#[test]
fn every_error_and_warning_is_explained_and_none_that_is_not() {
    let mut written = logged(&["error!", "warn!"]);
    assert!(written.len() > 5);
    // The runtime writes this one, from what the function fails with.
    let main = yaml::text("functions/consumer/src/main.rs");
    let refused = "invocation refused, every message stays in the queue";
    assert!(main.contains(&format!("\"{refused}")));
    written.push(refused.to_owned());
    let page = yaml::text("docs/FAILURES.md");
    let rows = rows(&section(&page, "Errors and warnings"));
    let explained: Vec<_> = rows.iter().map(|row| quoted(&row[1]).remove(0)).collect();
    for line in &written {
        let known = explained
            .iter()
            .any(|beginning| line.starts_with(beginning));
        assert!(known, "not in docs/FAILURES.md: {line}");
    }
    for beginning in explained {
        let known = written.iter().any(|line| line.starts_with(&beginning));
        assert!(known, "no such line: {beginning}");
    }
}

#[test]
fn every_open_door_names_a_line_that_is_written() {
    let telemetry = yaml::text(LINES);
    let rows = rows(&section(
        &yaml::text("docs/SEMANTICS.md"),
        "The four open doors",
    ));
    assert_eq!(rows.len(), 4);
    for row in rows {
        let line = &quoted(&row[2])[0];
        assert!(telemetry.contains(&format!("\"{line}")), "{line}");
    }
}

/// The names of all functions without an argument: every test is among them.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (_, text) in files(".rs") {
        let names = text.split("fn ").skip(1).filter_map(|after| {
            let (name, _) = after.split_once("()")?;
            Some(name.to_owned())
        });
        tests.extend(names);
    }
    tests
}

#[test]
fn every_gap_is_told_once_and_names_tests_that_are_there() {
    let page = yaml::text("docs/IDEMPOTENCY.md");
    let rows = rows(&section(&page, "Twenty-seven gaps"));
    let told: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
    let all: Vec<_> = (1..=27).map(|n| format!("G{n}")).collect();
    assert_eq!(told, all);
    let tests = tests();
    let mut cited = BTreeSet::new();
    for row in &rows {
        let shown = quoted(&row[3]);
        assert!(!shown.is_empty(), "{} names no test", row[0]);
        let gone: Vec<_> = shown.iter().filter(|test| !tests.contains(*test)).collect();
        assert!(gone.is_empty(), "{}: no such tests: {gone:?}", row[0]);
        let own = format!("_{}", row[0].to_lowercase());
        let named = shown.iter().any(|test| test.ends_with(&own));
        assert!(named, "{} names no test of its own", row[0]);
        cited.extend(shown);
    }
    let gaps = tests.iter().filter(|test| {
        let number = test.rsplit_once("_g").map(|(_, number)| number);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    });
    let untold: Vec<_> = gaps.filter(|test| !cited.contains(*test)).collect();
    assert!(untold.is_empty(), "not in docs/IDEMPOTENCY.md: {untold:?}");
}

#[test]
fn the_page_of_operations_shows_the_function_that_is_built() {
    let page = yaml::text("docs/IDEMPOTENCY.md");
    let example = yaml::text("shared/waybill-aws/examples/once.rs");
    let shown = block(&page, "rust");
    assert!(shown.contains("Effect::Unrecorded"));
    assert!(
        example.contains(shown),
        "the page's code is not the example's"
    );
}

#[test]
fn the_page_of_operations_tells_every_effect_and_every_knob() {
    let page = yaml::text("docs/IDEMPOTENCY.md");
    let told = rows(&section(&page, "What you are told"));
    let told: BTreeSet<_> = told.iter().map(|row| quoted(&row[0]).remove(0)).collect();
    let source = yaml::text("shared/waybill-engine/src/once/effect.rs");
    let mut variants = BTreeSet::new();
    for name in ["enum Effect<T> {", "enum NotBegun {"] {
        let (_, after) = source.split_once(name).expect(name);
        let (body, _) = after.split_once("\n}").expect("its end");
        let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
        let names = lines.filter(|line| line.starts_with(char::is_uppercase));
        variants.extend(names.map(|line| {
            let end = line.find(|c: char| !c.is_alphanumeric());
            line[..end.unwrap_or(line.len())].to_owned()
        }));
    }
    assert!(variants.len() > 12, "{variants:?}");
    assert_eq!(told, variants);

    let knobs = rows(&section(&page, "What you can set"));
    let knobs: Vec<_> = knobs.iter().map(|row| quoted(&row[0]).remove(0)).collect();
    let once = yaml::text("shared/waybill-engine/src/once.rs");
    let builders = once.split("#[must_use]\n    pub fn ").skip(1);
    for builder in builders.filter_map(|after| after.split_once('(')) {
        let terms = builder.0 == "on_terms";
        assert!(
            terms || knobs.iter().any(|knob| knob == builder.0),
            "{}",
            builder.0
        );
    }
}

/// The names of tests among what a text has between backticks.
fn tests_named_in(text: &str) -> BTreeSet<String> {
    let is_name = |word: &String| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        word.chars().all(plain) && word.matches('_').count() > 3
    };
    quoted(text).into_iter().filter(is_name).collect()
}

#[test]
fn the_pages_of_the_proof_name_tests_that_are_there() {
    let tests = tests();
    for page in ["SEMANTICS", "PROTOCOL", "TESTING"] {
        let said = tests_named_in(&yaml::text(&format!("docs/{page}.md")));
        assert!(said.len() > 10, "{page}: {said:?}");
        let gone: Vec<_> = said.difference(&tests).collect();
        assert!(gone.is_empty(), "{page}: no such tests: {gone:?}");
    }
}

#[test]
fn the_promises_name_their_tests() {
    let said = tests_named_in(&yaml::text("docs/SEMANTICS.md"));
    for promise in 1..=7 {
        let own = format!("promise_{promise}_");
        let named = said.iter().any(|test| test.starts_with(&own));
        assert!(named, "promise {promise} names no test of its own");
    }
}

#[test]
fn the_page_of_the_protocol_shows_the_statements_that_are_sent() {
    let page = yaml::text("docs/PROTOCOL.md");
    let facts = yaml::text("shared/waybill-aws/src/dynamodb/statement/tests.rs");
    let plain = |text: &str| {
        let text = text.replace("\\\n", "").replace('\\', "");
        text.split_whitespace().collect::<String>()
    };
    let facts = plain(&facts);
    let shown: Vec<_> = page.split("```sql\n").skip(1).collect();
    assert_eq!(shown.len(), 2);
    for after in shown {
        let statement = after.split_once("```").expect("its end").0;
        assert!(facts.contains(&plain(statement)), "{statement}");
    }
}

#[test]
fn the_readme_shows_routes_that_are_read() {
    let readme = yaml::text("README.md");
    let file = RoutesFile::parse(block(&readme, "yaml"), |_| None);
    let file = file.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(file.routes[0].retry.steps, 5);
    let waits = [1, 2, 3].map(|n| file.routes[0].retry.backoff.wait(n).as_secs());
    assert_eq!(waits, [10, 20, 40], "over the defaults");
}

/// The examples that a part of the schema gives.
fn examples(of: &Value) -> impl Iterator<Item = &Value> {
    of["examples"].as_array().into_iter().flatten()
}

#[test]
fn every_example_of_a_target_is_one_that_is_read() {
    let schema = yaml::text("infra/routes/routes.schema.json");
    let schema: Value = serde_json::from_str(&schema).unwrap_or_else(|error| panic!("{error}"));
    let url = serde_json::json!({ "url": "https://crm.example/in" });
    let kinds = [
        "http",
        "sqs",
        "dynamodb",
        "sns",
        "eventbridge",
        "lambda",
        "stepfunctions",
        "kinesis",
    ];
    for kind in kinds {
        let whole = &schema["$defs"][kind];
        let wholes: Vec<_> = examples(whole).collect();
        let mut asked = wholes.clone();
        let first = *wholes.first().unwrap_or(&&url);
        let mut made = Vec::new();
        for (key, told) in whole["properties"].as_object().into_iter().flatten() {
            let has_it = wholes.iter().find(|whole| whole.get(key).is_some());
            for example in examples(told) {
                let mut target = has_it.map_or(first, |whole| *whole).clone();
                target[key.as_str()] = example.clone();
                made.push(target);
            }
        }
        asked.extend(&made);
        assert!(asked.len() > 2, "{kind} has examples");
        for target in asked {
            let file =
                serde_json::json!({ "routes": [{ "name": "a", "target": { kind: target } }] });
            let read = RoutesFile::parse(&file.to_string(), |_| None);
            assert!(read.is_ok(), "{file}: {read:?}");
        }
    }
}

#[test]
fn the_readme_shows_the_handler_that_is_built() {
    let readme = yaml::text("README.md");
    let example = yaml::text("functions/examples/order-handler/src/main.rs");
    let shown = block(&readme, "rust");
    assert!(shown.contains("waybill::handler("));
    assert!(
        example.contains(shown),
        "the README's handler is not the example's"
    );
}

#[test]
fn the_guide_to_handlers_shows_the_example_that_is_built_and_names_tests_that_are_run() {
    let page = yaml::text("docs/HANDLERS.md");
    let shown: Vec<_> = page.split("```rust\n").skip(1).collect();
    assert!(shown.len() >= 2, "the first two are the example's files");
    for (block, file) in shown.iter().zip(["main.rs", "tests.rs"]) {
        let (block, _) = block.split_once("```").expect("its end");
        let built = yaml::text(&format!("functions/examples/order-handler/src/{file}"));
        assert_eq!(block, built, "{file}");
    }
    let tests = tests();
    let rows = rows(&section(&page, "From Powertools"));
    let named: Vec<_> = rows.iter().flat_map(|row| quoted(&row[2])).collect();
    assert!(named.len() > 12, "{named:?}");
    let gone: Vec<_> = named.iter().filter(|name| !tests.contains(*name)).collect();
    assert!(gone.is_empty(), "no such tests: {gone:?}");
}

#[test]
fn the_page_of_security_names_tests_that_are_run() {
    let page = yaml::text("docs/SECURITY.md");
    let tests = tests();
    let rows = rows(&section(&page, "Threats"));
    let named: Vec<_> = rows.iter().flat_map(|row| quoted(&row[3])).collect();
    assert!(named.len() > 12, "{named:?}");
    let gone: Vec<_> = named.iter().filter(|name| !tests.contains(*name)).collect();
    assert!(gone.is_empty(), "no such tests: {gone:?}");
}

#[test]
fn the_readme_names_the_options_of_the_demo_and_the_soak() {
    for command in ["demo", "soak"] {
        let section = format!("What `cargo {command}` shows");
        assert_eq!(options_shown_in(&section), options_of(command), "{command}");
    }
}

/// The options that a command of ours takes.
fn options_of(command: &str) -> BTreeSet<String> {
    let text = yaml::text(&format!("infra/local/src/bin/{command}/main.rs"));
    let (_, after) = text.split_once("struct Arguments {").unwrap();
    let (fields, _) = after.split_once("\n}").unwrap();
    let names = fields.lines().filter_map(|line| {
        let (name, _) = line.trim().split_once(": ")?;
        let word = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        word.then(|| format!("--{}", name.replace('_', "-")))
    });
    names.collect()
}

/// The options in the table of a section of the README.
fn options_shown_in(heading: &str) -> BTreeSet<String> {
    let shown = rows(&section(&yaml::text("README.md"), heading));
    let shown = shown.iter().flat_map(|row| quoted(&row[0]));
    shown
        .filter_map(|option| option.split(' ').next().map(str::to_owned))
        .filter(|option| option.starts_with("--"))
        .collect()
}

/// What the messages of a payload are known by: the beginnings of their keys.
fn known_by(payload: &str) -> Vec<String> {
    let batch = Batch::parse(payload).unwrap_or_else(|error| panic!("{error}"));
    assert!(batch.unread.is_empty(), "{:?}", batch.unread);
    let known = batch.messages.iter().map(|(_, message)| {
        let parsed = match envelope::parse(message) {
            Ok(Envelope::Event(parsed)) => parsed,
            Ok(Envelope::TestEvent) => return "nothing".to_owned(),
            Err(_) => return "malformed".to_owned(),
        };
        let key = event_key(message, Some(&parsed), None).unwrap();
        let (beginning, _) = key.as_str().split_once(':').expect("a prefix");
        format!("`{beginning}:`")
    });
    known.collect()
}

#[test]
fn every_sample_event_means_what_its_row_says() {
    let readme = yaml::text("functions/consumer/README.md");
    let rows = rows(&section(&readme, "Sample events"));
    let samples = files(".json");
    let samples = samples.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("functions/consumer/events/")?;
        Some((name, text))
    });
    let mut count = 0;
    for (name, text) in samples {
        let row = rows
            .iter()
            .find(|row| row[0].starts_with(&format!("[{name}]")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        assert_eq!(row[2], known_by(text).join(", "), "{name}");
        count += 1;
    }
    assert_eq!(count, rows.len());
}

#[test]
fn every_sample_event_of_the_poller_has_a_row_and_says_only_what_is_known() {
    let readme = yaml::text("functions/poller/README.md");
    let named = rows(&section(&readme, "Sample events"));
    let keys = rows(&section(&readme, "Event"));
    let keys: BTreeSet<_> = keys.iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(keys, set(&["max_messages", "queue_url", "stop_when_empty"]));
    let mut count = 0;
    for (path, text) in files(".json") {
        let Some(name) = path.strip_prefix("functions/poller/events/") else {
            continue;
        };
        let row = format!("[{name}]");
        assert!(named.iter().any(|r| r[0].starts_with(&row)), "{name}");
        let event: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let event = event.as_object().expect("an object");
        let known = event.keys().all(|key| keys.contains(key));
        assert!(known || event.contains_key("detail-type"), "{path}");
        count += 1;
    }
    assert_eq!(count, named.len());
}
