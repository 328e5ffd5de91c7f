//! What an answer means, and what a run comes to.

use super::*;

fn came(messages: usize, left: usize, dead: u64, answers: &[Answer]) -> Came {
    Came {
        messages,
        left,
        dead,
        requests: 2,
        answers: answers.to_vec(),
    }
}

fn done() -> Answer {
    Answer::Response(r#"{"batchItemFailures":[]}"#.to_owned())
}

#[test]
fn an_answer_names_what_stays_and_what_is_no_such_answer_names_nothing_f12() {
    let some = r#"{"batchItemFailures":[{"itemIdentifier":"m-1"},{"itemIdentifier":"m-3"}]}"#;
    let ids = ["m-1", "m-3"].map(str::to_owned).to_vec();
    assert_eq!(failures(some), Some(ids));
    assert_eq!(failures(r#"{"batchItemFailures":[]}"#), Some(Vec::new()));
    for other in ["", "null", "{}", r#"{"batchItemFailures":[{"id":"m-1"}]}"#] {
        assert_eq!(failures(other), None, "{other}");
    }
}

#[test]
fn all_is_well_only_where_nothing_is_left_dead_or_failed() {
    assert_eq!(came(2, 0, 0, &[done()]).verdict(), Verdict::Kept);
    assert_eq!(came(2, 1, 0, &[done()]).verdict(), Verdict::Broken);
    assert_eq!(came(2, 0, 1, &[done()]).verdict(), Verdict::Broken);
    let failed = Answer::Error("{}".to_owned());
    assert_eq!(came(0, 0, 0, &[failed]).verdict(), Verdict::Broken);
}

#[test]
fn answers_that_are_alike_are_one_line_with_their_count() {
    let other = Answer::Response("other".to_owned());
    let table = came(2, 0, 0, &[done(), done(), other]).table();
    assert_eq!(table.matches("batchItemFailures").count(), 1, "{table}");
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("│ 2 ") && line.contains("[]")),
        "{table}"
    );
}

#[test]
fn a_variable_is_a_name_and_a_value() {
    let read = variable("A=b=c");
    assert_eq!(read, Ok(("A".to_owned(), "b=c".to_owned())));
    assert_eq!(variable("A"), Err("say it as NAME=VALUE".to_owned()));
}
