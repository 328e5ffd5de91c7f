//! `docs/BAD-INPUT.md` says what the code and the tests do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_checks::CHECKS;
use waybill_core::key::{EXPRESSION_GROWTH_MAX, EXPRESSION_MAX, EXPRESSION_STEPS_MAX};
use waybill_core::limit::EVENT_KEY_MAX;
use waybill_core::routes::{
    FILLED_MAX, TEXT_MAX, TRANSFORM_DEPTH_MAX, TRANSFORM_GROWTH_MAX, TRANSFORM_MAX,
};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The page.
fn page() -> String {
    fs::read_to_string(root().join("docs/BAD-INPUT.md")).unwrap()
}

/// The names of the functions in the sources of a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text
                .split("fn ")
                .skip(1)
                .filter_map(|after| after.split_once("()"));
            found.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
}

#[test]
fn every_claim_about_bad_input_names_tests_that_are_there() {
    let mut tests = BTreeSet::new();
    functions(&root().join("shared"), &mut tests);
    let page = page();
    let claims = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches('|').count() > 3);
    let mut named = 0;
    for claim in claims {
        let last = claim.trim_matches('|').rsplit('|').next().unwrap();
        if last.trim() == "tests" {
            continue;
        }
        let names: Vec<_> = last.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {claim}");
        for name in names {
            assert!(tests.contains(name), "no such test: {name}");
            named += 1;
        }
    }
    assert!(named > 20);
}

#[test]
fn the_limits_of_the_page_are_the_codes() {
    let page = page();
    for limit in [
        format!("| {TEXT_MAX} bytes |"),
        format!("| {FILLED_MAX} bytes |"),
        format!("| {EXPRESSION_MAX} bytes, {EXPRESSION_STEPS_MAX} operators |"),
        format!("| {EXPRESSION_GROWTH_MAX} times |"),
        format!("1 to {EVENT_KEY_MAX} bytes"),
        format!("| {TRANSFORM_MAX} bytes, {TRANSFORM_DEPTH_MAX} operators in or behind"),
        format!(", {TRANSFORM_GROWTH_MAX} picks |"),
    ] {
        assert!(page.contains(&limit), "{limit}");
    }
}

#[test]
fn every_check_has_a_row_and_every_row_a_check() {
    let page = page();
    let (_, table) = page.split_once("| target | what is checked").unwrap();
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: BTreeSet<_> = rows.collect();
    assert_eq!(rows, CHECKS.iter().map(|(name, _)| *name).collect());
}
