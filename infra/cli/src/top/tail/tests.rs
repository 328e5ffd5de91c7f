use super::*;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

/// A line of this second, with or without a name.
fn line(second: u64, id: Option<&str>, message: &str) -> LogLine {
    LogLine {
        id: id.map(str::to_owned),
        stream: "s".to_owned(),
        at_ms: at(second).as_millis(),
        message: message.to_owned(),
    }
}

fn page(lines: &[LogLine], next: Option<&str>) -> LogPage {
    LogPage {
        lines: lines.to_vec(),
        next: next.map(str::to_owned),
    }
}

/// What is new in a page that is the last one.
fn last(tail: &mut Tail, lines: &[LogLine]) -> Vec<String> {
    let (fresh, reading) = tail.take(page(lines, None));
    assert_eq!(reading, Reading::AtEnd);
    fresh.into_iter().map(|line| line.message).collect()
}

#[test]
fn a_line_is_new_once_though_it_is_read_again() {
    for id in [Some("1"), None] {
        let mut tail = Tail::new(START);
        assert_eq!(tail.wanted(), (START, None));
        assert_eq!(last(&mut tail, &[line(60, id, "a")]), ["a"]);
        assert_eq!(tail.wanted(), (at(60).before(LATE), None));
        let late = line(50, id.map(|_| "2"), "b");
        assert_eq!(last(&mut tail, &[late.clone(), line(60, id, "a")]), ["b"]);
        assert_eq!(last(&mut tail, &[late, line(60, id, "a")]), [""; 0]);
    }
}

#[test]
fn of_lines_that_are_alike_and_have_no_names_each_is_counted() {
    let mut tail = Tail::new(START);
    let twice = [line(1, None, "a"), line(1, None, "a")];
    assert_eq!(last(&mut tail, &twice), ["a", "a"]);
    assert_eq!(last(&mut tail, &twice), [""; 0]);
    let thrice = [&twice[..], &twice[..1]].concat();
    assert_eq!(last(&mut tail, &thrice), ["a"]);
    // A line with a name is one line, however often it comes.
    let named = [line(2, Some("7"), "b"), line(2, Some("7"), "b")];
    assert_eq!(last(&mut tail, &named), ["b"]);
}

#[test]
fn a_reading_goes_on_through_empty_pages_and_moves_at_its_end() {
    let mut tail = Tail::new(START);
    let (_, reading) = tail.take(page(&[line(90, Some("1"), "a")], Some("t-1")));
    assert_eq!(reading, Reading::GoesOn);
    assert_eq!(
        tail.wanted(),
        (START, Some("t-1")),
        "a page's name goes with its time"
    );
    tail.forget(at(80));
    let (_, reading) = tail.take(page(&[], Some("t-2")));
    assert_eq!(reading, Reading::GoesOn);
    assert_eq!(tail.wanted(), (START, Some("t-2")));
    assert_eq!(last(&mut tail, &[]), [""; 0]);
    assert_eq!(tail.wanted(), (at(90).before(LATE), None));
}

#[test]
fn a_reading_that_broke_off_begins_again() {
    let mut tail = Tail::new(START);
    let alike = [line(1, None, "a"), line(1, None, "a")];
    let _ = tail.take(page(&alike, Some("t-1")));
    tail.begin_again();
    assert_eq!(tail.wanted(), (START, None));
    assert_eq!(last(&mut tail, &alike), [""; 0]);
}

#[test]
fn a_page_that_is_cut_off_is_gone_on_with_from_its_end() {
    let mut tail = Tail::new(START);
    let mut full = vec![line(3, None, "a"); LINES_MAX - 1];
    full.push(line(4, None, "b"));
    let (fresh, reading) = tail.take(page(&full, None));
    assert_eq!((fresh.len(), reading), (LINES_MAX, Reading::GoesOn));
    assert_eq!(tail.wanted(), (at(4), None));
    let rest = [line(4, None, "b"), line(4, None, "b"), line(5, None, "c")];
    assert_eq!(last(&mut tail, &rest), ["b", "c"]);
    // A second that fills a page is not read for ever.
    let full = vec![line(30, None, "d"); LINES_MAX];
    let _ = tail.take(page(&full, None));
    assert_eq!(tail.wanted().0, at(30));
    assert_eq!(last(&mut tail, &full), [""; 0]);
}

#[test]
fn what_is_over_is_forgotten() {
    let mut tail = Tail::new(START);
    last(&mut tail, &[line(1, Some("1"), "a")]);
    tail.forget(at(100));
    assert_eq!(tail.wanted(), (at(100), None));
    assert!(tail.seen.is_empty());
}
