use super::*;

#[test]
fn times_are_short() {
    let table = [
        (0, "0.0 ms"),
        (1_500, "1.5 ms"),
        (12_400, "12 ms"),
        (999_400, "999 ms"),
        (999_600, "1.0 s"),
        (59_900_000, "59.9 s"),
        (60_000_000, "1 min"),
        (3_700_000_000, "1 h 1 min"),
    ];
    for (micros, told) in table {
        assert_eq!(time(Duration::from_micros(micros)), told);
    }
}

#[test]
fn rates_are_short_and_a_small_one_is_not_zero() {
    let table = [
        (0.0, "0.0"),
        (0.05, "0.05"),
        (0.25, "0.2"),
        (20.61, "20.6"),
        (1234.5, "1234"),
    ];
    for (per_second, told) in table {
        assert_eq!(rate(per_second), told);
    }
}

#[test]
fn nothing_from_outside_moves_the_cursor() {
    assert_eq!(harmless("a\u{1b}[2Jb\nc\td"), "a\\u{1b}[2Jb c d");
}

#[test]
fn a_text_is_cut_where_there_is_no_room() {
    let table = [(5, "queue"), (4, "que…"), (1, "…"), (0, "")];
    for (room, told) in table {
        assert_eq!(cut("queue", room), told);
    }
}

#[test]
fn a_key_keeps_its_end() {
    let table = [
        (7, "e:abc-7"),
        (6, "e:…c-7"),
        (3, "e…7"),
        (2, "…7"),
        (1, "…"),
        (0, ""),
    ];
    for (room, told) in table {
        assert_eq!(middle("e:abc-7", room), told);
    }
}

#[test]
fn a_curve_has_a_column_for_each_value_or_for_the_highest_of_some() {
    assert_eq!(fitted(&[1, 2, 3], 5), [1, 2, 3]);
    assert_eq!(fitted(&[1, 2, 3], 3), [1, 2, 3]);
    assert_eq!(fitted(&[9, 1, 5, 3, 4], 3), [9, 5, 4]);
    assert_eq!(fitted(&[1, 2], 0), [0; 0]);
    assert_eq!(fitted(&[], 3), [0; 0]);
}

#[test]
fn the_time_of_day_is_told_in_seconds() {
    assert_eq!(
        clock(Timestamp::from_millis(1_700_000_000_999)),
        "22:13:20Z"
    );
}
