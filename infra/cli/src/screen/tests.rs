//! Facts about what people are shown.

use super::*;

#[test]
fn only_a_yes_is_a_yes() {
    let table = [
        ("y\n", true),
        ("Y\n", true),
        (" yes \n", true),
        ("n\n", false),
        ("yess\n", false),
        ("\n", false),
        ("", false),
    ];
    for (answer, expected) in table {
        let mut shown = Vec::new();
        let answered = asked("Send 3 again?", &mut shown, &mut answer.as_bytes());
        assert_eq!(answered.unwrap(), expected, "{answer:?}");
        assert_eq!(shown, b"Send 3 again? [y/N] ");
    }
}

#[test]
fn what_was_confirmed_before_is_not_asked() {
    assert!(confirm("Send 3 again?", true).unwrap());
}

#[test]
fn a_table_for_a_pipe_has_a_line_for_each_row_however_long() {
    let long = "x".repeat(300);
    let rows = [
        vec!["1".to_owned(), long.clone()],
        vec!["22222".to_owned(), "b".to_owned()],
    ];
    let expected = format!("LINE   REASON\n1      {long}\n22222  b");
    assert_eq!(table_of(&["LINE", "REASON"], rows, None), expected);
}

#[test]
fn a_table_for_a_terminal_is_as_wide_as_that() {
    let rows = [vec!["1".to_owned(), "word ".repeat(40)]];
    let shown = table_of(&["LINE", "REASON"], rows, Some(40));
    assert!(shown.lines().count() > 3, "{shown}");
    assert!(shown.lines().all(|line| line.len() <= 40), "{shown}");
}

#[test]
fn a_time_is_told_in_its_two_largest_units() {
    let table = [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (725_000, "12 min 5 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (273_600_000, "3 d 4 h"),
    ];
    for (milliseconds, expected) in table {
        assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
    }
}

#[test]
fn thousands_stand_apart() {
    let table = [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (10_200_063, "10,200,063"),
    ];
    for (number, expected) in table {
        assert_eq!(count(number), expected);
    }
}

#[test]
fn templates_of_bars_are_read() {
    for template in [
        "{msg} {wide_bar} {human_pos} of {human_len}, {eta} left",
        "{msg} {spinner} {human_pos}, {elapsed}",
        "{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left",
    ] {
        assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
    }
    assert_eq!(bar(Some(7), "sending").length(), Some(7));
    assert_eq!(bar(None, "sending").length(), None);
    assert_eq!(bytes_bar(7, "sending").length(), Some(7));
}

#[test]
fn what_comes_from_outside_cannot_steer_the_terminal() {
    assert_eq!(harmless("a\u{1b}[2J\tb\n"), "a\\u{1b}[2J\tb\n");
    assert_eq!(harmless("\u{9b}é"), "\\u{9b}é");
    assert!(matches!(harmless("plain"), Cow::Borrowed(_)));
}

#[test]
fn of_a_styled_text_a_terminal_obeys_its_styles_and_nothing_else() {
    let red = "\u{1b}[1m\u{1b}[31merror\u{1b}[0m";
    assert_eq!(styled_only(red), red);
    assert_eq!(styled_only("a\u{1b}[2J\u{7}b"), "a\\u{1b}[2J\\u{7}b");
    assert_eq!(styled_only("a\u{1b}]0;b\u{1b}["), "a\\u{1b}]0;b\\u{1b}[");
    let style = clap::builder::styling::AnsiColor::Red.on_default();
    let painted = Colour::On.paint(style, "error");
    assert!(painted.contains("\u{1b}[") && painted.contains("error"));
    assert_eq!(styled_only(&painted), painted);
    assert_eq!(Colour::Off.paint(style, "error"), "error");
}
