//! Facts about the report.

use serde_json::json;

use super::*;

#[test]
fn the_report_for_scripts_has_a_shape() {
    let mut report = Report::new(Mode::Send);
    (report.lines, report.sent, report.refused) = (3, 2, 1);
    report.tell(2, "not JSON".to_owned());
    report.close(Duration::from_millis(500));
    let expected = json!({
        "dry_run": false,
        "lines": 3,
        "sent": 2,
        "refused": 1,
        "failed": 0,
        "seconds": 0.5,
        "rate": 4.0,
        "stopped": null,
        "failures": [{"line": 2, "reason": "not JSON"}],
        "failures_left_out": 0,
    });
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
}

#[test]
fn a_report_is_one_sentence_for_people() {
    let mut report = Report::new(Mode::Send);
    (report.lines, report.sent, report.failed) = (12_000, 11_999, 1);
    report.close(Duration::from_secs(4));
    assert_eq!(
        report.sentence(),
        "12,000 lines: 11,999 sent, 0 refused, 1 failed; 4 s, 2999.8 a second"
    );
    let mut report = Report::new(Mode::DryRun);
    (report.lines, report.sent) = (1, 1);
    report.close(Duration::from_millis(3));
    let said = "1 line: 1 can be sent, 0 refused, 0 failed; 3 ms";
    assert_eq!(report.sentence(), said);
}

#[test]
fn only_when_all_was_sent_it_ended_well() {
    let with = |change: fn(&mut Report)| {
        let mut report = Report::new(Mode::Send);
        change(&mut report);
        report.ended()
    };
    assert_eq!(with(|_| ()), Ended::Well);
    assert_eq!(with(|report| report.sent = 1), Ended::Well);
    assert_eq!(with(|report| report.refused = 1), Ended::InPart);
    assert_eq!(with(|report| report.failed = 1), Ended::InPart);
    let stopped = |report: &mut Report| {
        report.stopped = Some(Stopped {
            after_line: 7,
            reason: "interrupted".to_owned(),
        });
    };
    assert_eq!(with(stopped), Ended::InPart);
}

#[test]
fn a_thousand_failures_are_told_and_the_rest_counted() {
    let mut report = Report::new(Mode::Send);
    let said = (1..=1_205).filter_map(|line| report.tell(line, "why".to_owned()));
    assert_eq!(said.count(), 1000);
    assert_eq!(report.remarks(), ["205 more lines were refused or failed"]);
}

#[test]
fn where_it_stopped_is_told() {
    let mut report = Report::new(Mode::Send);
    report.stopped = Some(Stopped {
        after_line: 7,
        reason: "interrupted".to_owned(),
    });
    let remarks = report.remarks();
    assert!(remarks[0].starts_with("stopped after line 7: interrupted"));
    assert!(remarks[0].contains("`tail -n +8`"), "{remarks:?}");
}

#[test]
fn the_file_that_is_read_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("events");
    std::fs::write(&input, "{}\n").unwrap();
    let same = folder.path().join(".").join("events");
    let error = Unsent::create(&same, &input).unwrap_err().to_string();
    assert!(error.contains("is the file that is read"), "{error}");
    assert_eq!(std::fs::read(&input).unwrap(), b"{}\n");
}

#[test]
fn lines_are_kept_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed");
    let mut unsent = Unsent::create(&path, Path::new("-")).unwrap();
    unsent.keep(b"{}").unwrap();
    let line = |content| Line {
        number: 1,
        read: 0,
        content,
    };
    let refused = line(Content::Bytes(b"no\xff".to_vec()));
    unsent.keep_line(&refused).unwrap();
    unsent.keep_line(&line(Content::TooLong(9))).unwrap();
    unsent.close().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"{}\nno\xff\n");
}
