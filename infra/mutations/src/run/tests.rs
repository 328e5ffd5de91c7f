use super::*;

fn test() -> NamedTest {
    NamedTest {
        package: "p".to_owned(),
        target: Target::Lib,
        test: "a::tests::t".to_owned(),
    }
}

fn output(line: &str, result: &str) -> String {
    format!("\nrunning 1 test\n{line}\n\ntest result: {result}; 0 ignored\n")
}

#[test]
fn only_the_failure_of_the_named_test_catches() {
    let failed = output("test a::tests::t ... FAILED", "FAILED. 0 passed; 1 failed");
    assert_eq!(verdict(&test(), &failed, End::Failed), Verdict::Caught);
    let other = output("test a::tests::t2 ... FAILED", "FAILED. 0 passed; 1 failed");
    for (output, end) in [
        (other.as_str(), End::Failed),
        ("memory allocation failed", End::Failed),
        ("running 1 test", End::Stopped),
    ] {
        let verdict = verdict(&test(), output, end);
        assert!(matches!(verdict, Verdict::Unclear(_)), "{output}");
    }
}

#[test]
fn a_test_that_passes_lets_the_mutation_survive_and_one_that_is_not_there_says_nothing() {
    let passed = output("test a::tests::t ... ok", "ok. 1 passed; 0 failed");
    assert_eq!(verdict(&test(), &passed, End::Passed), Verdict::Survived);
    let none = output("", "ok. 0 passed; 0 failed");
    let verdict = verdict(&test(), &none, End::Passed);
    assert!(matches!(verdict, Verdict::Unclear(_)));
}

#[test]
fn cargos_messages_name_the_binary() {
    let messages = r#"{"reason":"compiler-artifact","executable":null}
not json
{"reason":"compiler-artifact","executable":"/x/deps/it-1"}
{"reason":"build-finished","success":true}"#;
    assert_eq!(executable(messages), Some(PathBuf::from("/x/deps/it-1")));
    assert_eq!(executable("{}"), None);
}
