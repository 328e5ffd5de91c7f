//! Facts about lines.

use super::*;

/// Number and text of each line.
fn lines(text: &[u8]) -> Vec<(u64, String)> {
    let lines = Lines::of(text).map(|line| {
        let line = line.unwrap();
        let text = match line.content {
            Content::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
            Content::TooLong(length) => format!("too long: {length}"),
        };
        (line.number, text)
    });
    lines.collect()
}

#[test]
fn blank_lines_are_counted_and_left_out() {
    let text = b"\n{}\r\n   \n\t7  \n\n\"last\"";
    let expected = [(2, "{}"), (4, "7"), (6, "\"last\"")];
    assert_eq!(
        lines(text),
        expected.map(|(number, text)| (number, text.to_owned()))
    );
    assert_eq!(lines(b""), []);
    assert_eq!(lines(b"\n \n"), []);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    assert_eq!(lines(b"\xef\xbb\xbf{}\n"), [(1, "{}".to_owned())]);
    assert_eq!(lines(b"\xef\xbb\xbf\n"), []);
}

#[test]
fn a_line_that_no_message_can_hold_is_passed_over_and_the_next_is_read_f74() {
    let long = "x".repeat(3 * SQS_MESSAGE_MAX);
    let text = format!("1\n{long}\n3\n{long}");
    let expected = [
        (1, "1".to_owned()),
        (2, format!("too long: {}", long.len() + 1)),
        (3, "3".to_owned()),
        (4, format!("too long: {}", long.len())),
    ];
    assert_eq!(lines(text.as_bytes()), expected);
}

#[test]
fn the_longest_message_is_read_whole_with_any_end_of_line() {
    let long = "x".repeat(SQS_MESSAGE_MAX);
    for end in ["", "\n", "\r\n"] {
        let text = format!("{long}{end}");
        assert_eq!(lines(text.as_bytes()), [(1, long.clone())]);
    }
}

#[test]
fn each_line_says_how_much_was_read() {
    let read = Lines::of(&b"{}\n\n{}\n{}"[..]).map(|line| line.unwrap().read);
    assert_eq!(read.collect::<Vec<_>>(), [3, 7, 9]);
}
