use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn entry(name: &str, before: &str) -> String {
    format!(
        "- name: {name}\n  why: w\n  file: f\n  before: {before}\n  after: b\n  caught_by: \
         {{ package: p, target: lib, test: a::tests::t }}\n"
    )
}

#[test]
fn every_named_mutation_can_still_be_made() {
    let list = read(&root()).unwrap();
    assert!(!list.is_empty());
    for mutation in list {
        let source = fs::read_to_string(root().join(&mutation.file)).expect(&mutation.file);
        mutation.applied(&source).unwrap();
    }
}

#[test]
fn every_named_mutation_names_a_test_that_is_there() {
    for mutation in read(&root()).unwrap() {
        let test = &mutation.caught_by;
        let file = root().join(test.file());
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let function = format!("fn {}(", test.function());
        let (before, _) = text
            .split_once(&function)
            .unwrap_or_else(|| panic!("no {test}"));
        let attributes = before.rsplit("\n\n").next().unwrap();
        let marked = attributes.contains("test]") || attributes.contains("test(");
        assert!(marked, "{test} is no test");
    }
}

#[test]
fn every_named_mutation_stands_in_the_documents_beside_its_test() {
    let page = fs::read_to_string(root().join("docs/TESTING.md")).unwrap();
    for mutation in read(&root()).unwrap() {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` ", mutation.name)))
            .unwrap_or_else(|| panic!("docs/TESTING.md has no row for `{}`", mutation.name));
        let test = format!("`{}`", mutation.caught_by.function());
        assert!(row.contains(&test), "`{}`: {row}", mutation.name);
    }
}

#[test]
fn a_mutation_of_what_is_not_there_once_is_refused() {
    let list = parse(&entry("m", "a")).unwrap();
    assert_eq!(list[0].applied("-a-").unwrap(), "-b-");
    for source in ["--", "-a-a-"] {
        let error = list[0].applied(source).unwrap_err().to_string();
        assert!(error.contains("must stand there once"), "{error}");
    }
}

#[test]
fn a_list_that_repeats_a_name_or_changes_nothing_is_refused() {
    let twice = entry("m", "a") + &entry("m", "a");
    for (text, fault) in [
        (twice.as_str(), "stands twice"),
        (&entry("m", "b"), "changes nothing"),
        (&entry("m", "''"), "changes nothing"),
        ("- name: m", "cannot be read"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}

#[test]
fn what_is_asked_for_by_name_is_chosen_and_an_unknown_name_refused() {
    let list = parse(&(entry("m", "a") + &entry("n", "a"))).unwrap();
    assert_eq!(chosen(list.clone(), &[]).unwrap().len(), 2);
    let only = chosen(list.clone(), &["n".to_owned()]).unwrap();
    assert_eq!((only.len(), only[0].name.as_str()), (1, "n"));
    assert!(chosen(list, &["x".to_owned()]).is_err());
}

#[test]
fn a_tests_path_leads_to_its_file() {
    let test = |target, test: &str| NamedTest {
        package: "waybill-core".to_owned(),
        target,
        test: test.to_owned(),
    };
    let file = test(Target::Lib, "digest::canonical::tests::t").file();
    let expected = "shared/waybill-core/src/digest/canonical/tests.rs";
    assert_eq!(file, Path::new(expected));
    let file = test(Target::It, "fifo::t").file();
    assert_eq!(file, Path::new("shared/waybill-core/tests/it/fifo.rs"));
}
