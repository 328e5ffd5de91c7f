//! Facts about what a process remembers.

use waybill_testkit::fixtures::{claimed, key, moved};

use super::*;

fn ended(name: &str) -> Record {
    moved(&claimed(name, 1), Status::Completed)
}

#[test]
fn only_what_has_ended_is_remembered() {
    let remembered = Remembered::new(10);
    let rows = [
        (Status::InProgress, false),
        (Status::Pending, false),
        (Status::Completed, true),
        (Status::Dead, true),
    ];
    for (status, kept) in rows {
        let row = moved(&claimed(status.word(), 1), status);
        remembered.keep(&row);
        let expected = kept.then_some(row);
        assert_eq!(remembered.row(&key(status.word())), expected);
    }
}

#[test]
fn the_oldest_is_forgotten_first_and_no_more_are_kept_than_told() {
    let remembered = Remembered::new(2);
    for name in ["a", "b", "a", "c"] {
        remembered.keep(&ended(name));
    }
    let kept = ["a", "b", "c"].map(|name| remembered.row(&key(name)).is_some());
    assert_eq!(kept, [false, true, true]);
    let rows = remembered.rows();
    assert_eq!((rows.by_key.len(), rows.order.len()), (2, 2));
}

#[test]
fn who_is_told_to_remember_nothing_does() {
    let remembered = Remembered::new(0);
    remembered.keep(&ended("a"));
    assert_eq!(remembered.row(&key("a")), None);
}

#[test]
fn a_long_result_is_not_remembered() {
    let remembered = Remembered::new(2);
    for (length, kept) in [
        (RESULT_REMEMBERED_MAX, true),
        (RESULT_REMEMBERED_MAX + 1, false),
    ] {
        let mut row = ended(&length.to_string());
        row.result = Some("r".repeat(length));
        remembered.keep(&row);
        assert_eq!(remembered.row(&row.key).is_some(), kept, "{length}");
    }
}
