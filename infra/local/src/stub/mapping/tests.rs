//! What Lambda deletes after an answer.

use super::*;

#[test]
fn what_an_answer_does_not_name_is_deleted_and_after_one_that_is_none_nothing_f12() {
    let queue = Queue::standard(Duration::from_secs(60), 5);
    queue.send(["1", "2", "3"].map(str::to_owned));
    let batch = queue.receive(3, None);
    let deleted = |answer: Answer| {
        let done = done(&answer, &batch).into_iter();
        done.map(|message| message.body.clone()).collect::<String>()
    };
    let said = |text: &str| deleted(Answer::Response(text.to_owned()));
    let named = |id: &str| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{id}}}]}}"#);
    assert_eq!(said(&named(r#""message-2""#)), "13");
    for all in [
        "null",
        "{}",
        r#"{"batchItemFailures":null}"#,
        r#"{"batchItemFailures":[]}"#,
    ] {
        assert_eq!(said(all), "123", "{all}");
    }
    for id in ["\"\"", "null", "7", r#""message-4""#] {
        assert_eq!(said(&named(id)), "", "{id}");
    }
    for none in [
        "",
        "[]",
        "true",
        r#"{"failures":[]}"#,
        r#"{"batchItemFailures":[{"id":"message-1"}]}"#,
    ] {
        assert_eq!(said(none), "", "{none}");
    }
    assert_eq!(deleted(Answer::Error("{}".to_owned())), "");
}
