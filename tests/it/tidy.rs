//! House rules that drift when nobody looks. Each rule names the place to mend.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use waybill_core::lease::Keep;
use waybill_core::ledger::{RouteState, Status};
use waybill_core::polling::{Next, Stop};
use waybill_core::time::Timestamp;

use crate::yaml;

/// Every file of ours: path from the root, with `/`, and text.
pub(crate) fn files(ending: &str) -> Vec<(String, String)> {
    let root = yaml::root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let ours = !name.starts_with('.') && name != "target" && name != "node_modules";
            if path.is_dir() && ours {
                folders.push(path);
            } else if path.is_file() && name.ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((from_root(&path), text));
            }
        }
    }
    assert!(!found.is_empty(), "no file ends in `{ending}`");
    found.sort();
    found
}

fn from_root(path: &Path) -> String {
    let path = path.strip_prefix(yaml::root()).unwrap();
    path.to_string_lossy().replace('\\', "/")
}

/// Sources of ours that are deployed or used by those who write a handler: no tests among them.
pub(crate) fn product_sources() -> impl Iterator<Item = (String, String)> {
    files(".rs").into_iter().filter(|(path, _)| {
        let product = path.starts_with("functions/") || path.starts_with("shared/");
        product
            && !path.starts_with("shared/waybill-testkit/")
            && !path.starts_with("shared/waybill-world/")
            && !path.contains("/tests/")
            && !path.ends_with("/tests.rs")
    })
}

/// Words that begin so and go on in capitals, digits and underscores.
pub(crate) fn words(text: &str, beginning: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !part(c));
    words
        .filter(|word| word.starts_with(beginning) && word.len() > beginning.len())
        .map(str::to_owned)
        .collect()
}

/// The dependencies of a manifest, `[section]` by `[section]`.
fn dependencies(manifest: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut sections = BTreeMap::<String, BTreeSet<String>>::new();
    let mut section = String::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies")
            && let Some((name, _)) = line.split_once(['=', '.'])
        {
            let names = sections.entry(section.clone()).or_default();
            names.insert(name.trim().to_owned());
        }
    }
    sections
}

/// The numbers of the promises that `docs/SEMANTICS.md` makes: its headings `## 1. …`.
fn promises() -> BTreeSet<u32> {
    let text = yaml::text("docs/SEMANTICS.md");
    let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
    headings
        .filter_map(|heading| heading.split_once('.')?.0.parse().ok())
        .collect()
}

/// What the fenced block after a heading says, without the fence.
fn diagram(text: &str, heading: &str) -> String {
    let after = text.split_once(heading).expect(heading).1;
    let block = after.split_once("```mermaid\n").expect("a diagram").1;
    block.split_once("```").expect("its end").0.to_owned()
}

/// The states that the arrows of a mermaid state diagram join.
fn states(diagram: &str) -> BTreeSet<String> {
    let arrows = diagram.lines().filter_map(|line| line.split_once("-->"));
    arrows
        .flat_map(|(from, to)| {
            let to = to.split(':').next().unwrap();
            [from.trim().to_owned(), to.trim().to_owned()]
        })
        .filter(|state| state != "[*]")
        .collect()
}

#[test]
fn no_file_is_named_for_having_no_place() {
    for (path, _) in files(".rs") {
        let name = Path::new(&path).file_stem().unwrap().to_string_lossy();
        let homeless = [
            "utils", "util", "helpers", "helper", "common", "misc", "mod",
        ];
        assert!(!homeless.contains(&name.as_ref()), "{path}");
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for (path, text) in files(".rs") {
        let said = text.starts_with("//! ") || path.ends_with("/tests.rs");
        assert!(said, "{path} must open with `//!`");
    }
}

#[test]
fn no_test_is_ignored() {
    let ignored = concat!("#[", "ignore");
    for (path, text) in files(".rs") {
        assert!(!text.contains(ignored), "{path}");
    }
}

#[test]
fn the_core_depends_on_nothing_that_waits_or_reaches_outside() {
    let manifest = yaml::text("shared/waybill-core/Cargo.toml");
    for (section, names) in dependencies(&manifest) {
        let outside = |name: &&String| {
            [
                "tokio",
                "lambda_runtime",
                "reqwest",
                "hyper",
                "getrandom",
                "tracing",
            ]
            .contains(&name.as_str())
                || name.starts_with("aws-")
                || name.starts_with("waybill-")
        };
        assert_eq!(names.iter().find(outside), None, "in [{section}]");
    }
}

#[test]
fn the_core_reads_no_clock_no_environment_and_no_file() {
    let reaches = [
        "SystemTime",
        "Instant",
        "now_utc",
        "std::env",
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "std::thread",
    ];
    let sources = product_sources().filter(|(path, _)| path.starts_with("shared/waybill-core/"));
    for (path, text) in sources {
        for reach in reaches {
            assert!(!text.contains(reach), "{path} names `{reach}`");
        }
    }
}

#[test]
fn the_testkit_and_the_world_are_for_tests_only() {
    for (path, manifest) in files("Cargo.toml") {
        for (section, names) in dependencies(&manifest) {
            let allowed = section == "dev-dependencies" || section == "workspace.dependencies";
            // The world is a tool for tests too, and so is the face's feature `testing`.
            let of_world = path.starts_with("shared/waybill-world/");
            let of_face = path == "shared/waybill/Cargo.toml";
            let kit = names.contains("waybill-testkit") && !of_world;
            let named = kit || names.contains("waybill-world");
            assert!(
                allowed || of_face || !named,
                "{path} names it in [{section}]"
            );
        }
        let (_, own) = manifest.split_once("[dependencies]").unwrap_or_default();
        let (own, _) = own.split_once("\n[").unwrap_or((own, ""));
        assert!(!own.contains(r#""testing""#), "{path} tests in production");
    }
}

#[test]
fn aws_clients_are_named_by_the_adapters_and_by_tests_only() {
    // Examples are what teams write, whose effects are of any service.
    let places = [
        "Cargo.toml",
        "shared/waybill-aws/",
        "infra/",
        "tests/",
        "functions/examples/",
    ];
    let may = |path: &str| places.iter().any(|start| path.starts_with(start));
    let named = concat!("aws", "-sdk-");
    let used = concat!("aws", "_sdk_");
    for (path, text) in files("Cargo.toml").into_iter().chain(files(".rs")) {
        let named = text.contains(named) || text.contains(used);
        assert!(may(&path) || !named, "{path}");
    }
}

#[test]
fn every_variable_that_is_read_is_documented_and_set() {
    let pages = files("README.md").into_iter();
    let readme: BTreeSet<_> = pages
        .filter(|(path, _)| path.starts_with("functions/"))
        .flat_map(|(_, text)| words(&text, "WAYBILL_"))
        .collect();
    let template = words(&yaml::text("template.yaml"), "WAYBILL_");
    for (path, text) in product_sources() {
        let read = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let read = read.flat_map(|line| words(line, "WAYBILL_"));
        for variable in read {
            assert!(readme.contains(&variable), "{variable} of {path}: README");
            assert!(
                template.contains(&variable),
                "{variable} of {path}: template"
            );
        }
    }
}

/// Requests as the adapters' sources have them, each with the action that allows it.
pub(crate) const REQUESTS: [(&str, &str); 31] = [
    ("\"INSERT INTO ", "dynamodb:PartiQLInsert"),
    ("\"UPDATE ", "dynamodb:PartiQLUpdate"),
    ("\"SELECT ", "dynamodb:PartiQLSelect"),
    ("\"DELETE ", "dynamodb:PartiQLDelete"),
    (".batch_get_item()", "dynamodb:BatchGetItem"),
    (".get_item()", "dynamodb:GetItem"),
    (".put_item()", "dynamodb:PutItem"),
    (".update_item()", "dynamodb:UpdateItem"),
    (".delete_item()", "dynamodb:DeleteItem"),
    (".query()", "dynamodb:Query"),
    (".scan()", "dynamodb:Scan"),
    (".describe_table()", "dynamodb:DescribeTable"),
    (".describe_time_to_live()", "dynamodb:DescribeTimeToLive"),
    (
        ".describe_continuous_backups()",
        "dynamodb:DescribeContinuousBackups",
    ),
    (".receive_message()", "sqs:ReceiveMessage"),
    (".delete_message_batch()", "sqs:DeleteMessage"),
    (
        ".change_message_visibility_batch()",
        "sqs:ChangeMessageVisibility",
    ),
    (".get_queue_attributes()", "sqs:GetQueueAttributes"),
    (".send_message_batch()", "sqs:SendMessage"),
    // Those of targets; what they need beside is in the team's own policy.
    (".send_message()", "sqs:SendMessage"),
    (".transact_write_items()", "dynamodb:PutItem"),
    ("\"AmazonSSM.GetParameter\"", "ssm:GetParameter"),
    (".create_schedule()", "scheduler:CreateSchedule"),
    (
        ".list_event_source_mappings()",
        "lambda:ListEventSourceMappings",
    ),
    (
        ".get_event_source_mapping()",
        "lambda:GetEventSourceMapping",
    ),
    (
        ".get_function_configuration()",
        "lambda:GetFunctionConfiguration",
    ),
    (
        ".get_function_concurrency()",
        "lambda:GetFunctionConcurrency",
    ),
    (
        ".update_event_source_mapping()",
        "lambda:UpdateEventSourceMapping",
    ),
    ("\"Logs_20140328.FilterLogEvents\"", "logs:FilterLogEvents"),
    (
        "/event-source-mappings/?EventSourceArn=",
        "lambda:ListEventSourceMappings",
    ),
    ("/configuration\"", "lambda:GetFunctionConfiguration"),
];

#[test]
fn the_role_may_make_every_request_that_the_adapters_make() {
    // `GetQueueUrl` is left out: the template passes the URL of the only queue there is.
    let template = yaml::text("template.yaml");
    // What people ask by the command they ask with permissions of their own.
    let people = [
        "shared/waybill-aws/src/dynamodb/desk.rs",
        "shared/waybill-aws/src/logs.rs",
        "shared/waybill-aws/src/survey.rs",
    ];
    let page = yaml::text("docs/COMMAND.md");
    let sources = product_sources().filter(|(path, _)| path.starts_with("shared/waybill-aws/"));
    for (path, text) in sources {
        for (request, action) in REQUESTS {
            let allowed = match people.contains(&path.as_str()) {
                true => page.contains(&format!("`{action}`")),
                false => template.contains(&format!("{action}\n")),
            };
            assert!(allowed || !text.contains(request), "{path} needs {action}");
        }
    }
}

#[test]
fn every_promise_has_a_test_and_every_such_test_a_promise() {
    let mut kept = BTreeMap::<u32, Vec<String>>::new();
    for (path, text) in files(".rs") {
        for line in text.lines() {
            let Some((_, name)) = line.split_once("fn promise_") else {
                continue;
            };
            let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(number) = digits.parse() {
                kept.entry(number).or_default().push(path.clone());
            }
        }
    }
    let made = promises();
    assert_eq!(made, (1..=7).collect());
    let missing: Vec<_> = made.iter().filter(|n| !kept.contains_key(n)).collect();
    assert!(
        missing.is_empty(),
        "no test is named promise_N_… for {missing:?}"
    );
    let unknown: Vec<_> = kept.iter().filter(|(n, _)| !made.contains(n)).collect();
    assert!(unknown.is_empty(), "not in docs/SEMANTICS.md: {unknown:?}");
}

#[test]
fn every_link_of_a_document_leads_to_a_file_that_is_there() {
    for (path, text) in files(".md") {
        let folder = yaml::root().join(&path).parent().unwrap().to_owned();
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#', ' ']).next().unwrap();
            let outside = target.is_empty() || target.contains("://");
            let file: PathBuf = folder.join(target);
            assert!(outside || file.exists(), "{path} links to {target}");
        }
    }
}

#[test]
fn every_function_has_a_readme_and_sample_events() {
    let functions = fs::read_dir(yaml::root().join("functions")).unwrap();
    for function in functions {
        let function = function.unwrap().path();
        if function.join("Cargo.toml").is_file() {
            assert!(function.join("README.md").is_file(), "{function:?}");
            let events = fs::read_dir(function.join("events"));
            assert!(events.unwrap().next().is_some(), "{function:?}");
        }
    }
}

#[test]
fn every_sample_event_is_one_that_lambda_sends_for_sqs() {
    for (path, text) in files(".json") {
        if !path.starts_with("functions/consumer/events/") {
            continue;
        }
        let event: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let records = event["Records"].as_array().expect("records");
        let mut ids = BTreeSet::new();
        for record in records {
            let texts = [
                "messageId",
                "receiptHandle",
                "body",
                "md5OfBody",
                "awsRegion",
            ];
            for name in texts {
                assert!(record[name].is_string(), "{path}: {name}");
            }
            assert_eq!(record["eventSource"], "aws:sqs", "{path}");
            let fifo = record["eventSourceARN"]
                .as_str()
                .unwrap()
                .ends_with(".fifo");
            let group = record["attributes"]["MessageGroupId"].is_string();
            assert_eq!(fifo, group, "{path}");
            let attributes = ["ApproximateReceiveCount", "SentTimestamp"];
            for name in attributes {
                let text = record["attributes"][name].as_str().expect(name);
                assert!(text.parse::<u64>().is_ok(), "{path}: {name}");
            }
            assert!(record["messageAttributes"].is_object(), "{path}");
            assert!(ids.insert(record["messageId"].to_string()), "{path}");
        }
        assert!(!ids.is_empty(), "{path}");
    }
}

#[test]
fn the_lifecycle_of_a_row_is_drawn_in_the_words_of_the_code() {
    let text = yaml::text("docs/LIFECYCLE.md");
    let all = [
        Status::InProgress,
        Status::Pending,
        Status::Scheduled,
        Status::Completed,
        Status::Dead,
    ];
    for status in all {
        // A new status must be drawn too: this stops compiling when there is one.
        match status {
            Status::InProgress
            | Status::Pending
            | Status::Scheduled
            | Status::Completed
            | Status::Dead => {}
        }
    }
    let expected = all.iter().map(|status| status.word().to_owned()).collect();
    assert_eq!(states(&diagram(&text, "## A row")), expected);
}

#[test]
fn the_lifecycle_of_a_route_is_drawn_in_the_words_of_the_code() {
    let text = yaml::text("docs/LIFECYCLE.md");
    let all = [
        RouteState::Open,
        RouteState::Delivered,
        RouteState::Rejected,
        RouteState::LetGo,
        RouteState::Spent,
        RouteState::Expired,
        RouteState::WouldExpire,
        RouteState::DeadLetter,
        RouteState::DeadLettered,
    ];
    for state in all {
        match state {
            RouteState::Open
            | RouteState::Delivered
            | RouteState::Rejected
            | RouteState::LetGo
            | RouteState::Spent
            | RouteState::Expired
            | RouteState::WouldExpire
            | RouteState::DeadLetter
            | RouteState::DeadLettered => {}
        }
    }
    let expected = all.iter().map(|state| state.word().to_owned()).collect();
    assert_eq!(states(&diagram(&text, "## A route")), expected);
}

#[test]
fn the_lifecycle_of_a_poll_is_drawn_in_the_words_of_the_code() {
    let text = yaml::text("docs/LIFECYCLE.md");
    let now = Timestamp::default();
    let all = [
        Next::Receive {
            max: 10,
            wait: Duration::ZERO,
        },
        Next::Wait(now),
        Next::Drain(Stop::Empty),
    ];
    let stops = [Stop::Deadline, Stop::Empty, Stop::Enough, Stop::Refused];
    for next in all {
        match next {
            Next::Receive { .. } | Next::Wait(_) => {}
            Next::Drain(stop) => match stop {
                Stop::Deadline | Stop::Empty | Stop::Enough | Stop::Refused => {}
            },
        }
    }
    assert_eq!(states(&diagram(&text, "## A poll")), variants(&all));
    for stop in stops {
        assert!(text.contains(&format!("`{}`", stop.word())), "{stop:?}");
    }
}

#[test]
fn the_lifecycle_of_a_held_message_is_drawn_in_the_words_of_the_code() {
    let text = yaml::text("docs/LIFECYCLE.md");
    let now = Timestamp::default();
    let all = [Keep::Wait(now), Keep::Extend { to: now }, Keep::Last];
    for keep in all {
        match keep {
            Keep::Wait(_) | Keep::Extend { .. } | Keep::Last => {}
        }
    }
    assert_eq!(states(&diagram(&text, "## A held message")), variants(&all));
}

/// The names of an enum's variants.
fn variants(all: &[impl std::fmt::Debug]) -> BTreeSet<String> {
    let names = all.iter().map(|variant| {
        let said = format!("{variant:?}");
        let name = said.split(|c: char| !c.is_alphanumeric()).next();
        name.unwrap_or_default().to_owned()
    });
    names.collect()
}
