//! What a body is, and what a run comes to.

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

#[test]
fn a_message_of_a_fifo_queue_has_its_group_before_its_body() {
    let lines = |text: &str| grouped(vec![text.to_owned()]).map_err(|error| error.to_string());
    let read = lines(r#"ann={"note":"a=b"}"#);
    assert_eq!(
        read,
        Ok(vec![(
            Some("ann".to_owned()),
            r#"{"note":"a=b"}"#.to_owned()
        )])
    );
    for bare in [r#"{"note":"a=b"}"#, r#"{"cents":5}"#, "=5", "a b=5"] {
        let why = lines(bare).unwrap_err();
        assert!(why.contains("GROUP=BODY"), "{why}");
    }
}
