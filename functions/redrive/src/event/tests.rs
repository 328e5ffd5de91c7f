//! Facts about events.

use serde_json::json;

use super::*;

fn work_of(event: Value) -> Work {
    match read(event).unwrap() {
        Asked::Work(work) => work,
        Asked::List(list) => panic!("{list:?}"),
    }
}

#[test]
fn every_sample_event_is_understood() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let event = serde_json::from_str(&text).unwrap();
        assert!(read(event).is_ok(), "{path:?}");
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn a_run_without_a_name_is_called_by_what_it_is_told() {
    let event = || json!({"action": "redrive", "where": "route = crm", "rate": 20});
    let (one, other) = (work_of(event()), work_of(event()));
    assert_eq!(one.run, other.run);
    assert_ne!(one.run, work_of(json!({"action": "redrive"})).run);
    assert_eq!(one.order.unwrap().rate, 20);
}

#[test]
fn a_run_goes_on_as_it_was_told() {
    let work = work_of(json!({"action": "resume", "run": "mend"}));
    assert_eq!((work.run.as_str(), work.order), ("mend", None));
}

#[test]
fn what_is_wrong_is_named() {
    for (event, what) in [
        (json!([]), "no object"),
        (json!({}), "no `action`"),
        (json!({"action": "move"}), "`action` is \"move\""),
        (json!({"action": "redrive", "wehre": "x"}), "wehre"),
        (
            json!({"action": "redrive", "where": "raeson = x"}),
            "`where`",
        ),
        (json!({"action": "redrive", "rate": 0}), "`rate`"),
        (json!({"action": "redrive", "run": 7}), "`run`"),
        (json!({"action": "redrive", "work": "discard"}), "`work`"),
        (json!({"action": "discard", "canary": 1}), "canary"),
        (json!({"action": "list", "limit": 401}), "`limit`"),
        (json!({"action": "list", "rate": 5}), "rate"),
        (json!({"action": "resume"}), "`run`"),
        (json!({"action": "resume", "run": "a", "rate": 5}), "`rate`"),
    ] {
        let said = read(event.clone()).unwrap_err();
        assert!(said.contains(what), "{event}: {said}");
    }
}
