//! Facts about running a suite.

use super::*;

const DEVIATION: Deviation = Deviation {
    case: "one",
    why: "a test says so",
};

async fn ends(passes: &str) {
    assert_eq!(passes, "passes");
}

#[tokio::test]
async fn a_deviation_that_fails_is_no_failure() {
    let cases = vec![
        ("one", ends("fails").boxed_local()),
        ("two", ends("passes").boxed_local()),
    ];
    assert_eq!(run(cases, &[DEVIATION]).await, 2);
}

#[tokio::test]
#[should_panic(expected = "no deviation any more")]
async fn a_deviation_that_passes_is_a_failure() {
    run(vec![("one", ends("passes").boxed_local())], &[DEVIATION]).await;
}

#[tokio::test]
#[should_panic(expected = "no such cases")]
async fn a_deviation_of_no_case_is_a_failure() {
    run(vec![("two", ends("passes").boxed_local())], &[DEVIATION]).await;
}

#[tokio::test]
#[should_panic(expected = "`two` failed")]
async fn a_case_that_fails_is_named() {
    let cases = vec![
        ("one", ends("passes").boxed_local()),
        ("two", ends("fails").boxed_local()),
    ];
    run(cases, &[]).await;
}
