//! Every committed input keeps what must hold, and nothing in the folder is left aside.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_checks::CHECKS;

/// The folder of targets, corpus and dictionaries.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of what a folder holds, without an ending.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let stem = |entry: fs::DirEntry| {
        let path = entry.path();
        path.file_stem().unwrap().to_string_lossy().into_owned()
    };
    entries.map(stem).collect()
}

/// Replays a target's inputs.
fn replay(name: &str) {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(folder().join("corpus").join(name)).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count >= 5, "{name} has {count} inputs");
}

#[test]
fn bodies_of_the_corpus_hold() {
    replay("envelope");
}

#[test]
fn routes_files_of_the_corpus_hold() {
    replay("routes");
}

#[test]
fn payloads_of_the_corpus_hold() {
    replay("lambda_event");
}

#[test]
fn answers_to_the_corpus_hold() {
    replay("batch_response");
}

#[test]
fn rows_of_the_corpus_hold() {
    replay("ledger_row");
}

#[test]
fn every_check_has_a_target_a_corpus_and_a_dictionary() {
    let known: BTreeSet<_> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for place in ["targets", "corpus", "dictionaries"] {
        assert_eq!(names(&folder().join(place)), known, "{place}");
    }
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for name in known {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let target = fs::read_to_string(folder().join(format!("targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("fuzz_checks::{name}::check(input)")));
    }
}

#[test]
fn the_corpus_is_small() {
    let mut bytes = 0;
    for (name, _) in CHECKS {
        for entry in fs::read_dir(folder().join("corpus").join(name)).unwrap() {
            bytes += entry.unwrap().metadata().unwrap().len();
        }
    }
    assert!(bytes < 200_000, "{bytes} bytes");
}
