//! What others read.

use std::time::Duration;

use super::*;
use crate::account::Deletes;
use crate::demo::phase::Requests;

/// A phase of plain messages that went well.
fn clean() -> Phase {
    Phase {
        account: Account {
            sent: 200,
            distinct: 200,
            delivered: 200,
            attempts: 200,
            ..Account::default()
        },
        requests: Some(Requests {
            dynamodb_per_message: 0.2,
            sqs_per_message: 0.0,
            empty_receives: 0,
        }),
        took: Duration::from_millis(900),
        polled: None,
    }
}

/// A phase of mixed messages that went well.
fn mixed() -> Phase {
    Phase {
        account: Account {
            sent: 1000,
            distinct: 900,
            delivered: 880,
            dead: [("malformed".to_owned(), 10), ("rejected".to_owned(), 10)].into(),
            attempts: 1000,
            ..Account::default()
        },
        requests: None,
        took: Duration::from_millis(12_345),
        polled: None,
    }
}

/// A phase of events for three targets that went well.
fn fan_out() -> Phase {
    Phase {
        account: Account {
            sent: 100,
            distinct: 100,
            delivered: 100,
            attempts: 250,
            ..Account::default()
        },
        requests: None,
        took: Duration::from_secs(5),
        polled: None,
    }
}

/// All of them in the queue and in the table, once.
fn arrived() -> FanOut {
    let once = Arrived {
        delivered: 100,
        delivered_twice: 0,
    };
    FanOut {
        queue: once,
        table: once,
    }
}

/// Trigger mode's report of a good run.
fn trigger() -> ModeReport {
    ModeReport {
        way: WayIn::Trigger,
        clean: clean(),
        mixed: mixed(),
        fan_out: fan_out(),
        arrived: arrived(),
    }
}

/// Poll mode's.
fn poll() -> ModeReport {
    let watched = |phase: Phase, seen: u64| Phase {
        account: Account {
            deletes: Some(Deletes { seen, too_early: 0 }),
            ..phase.account
        },
        polled: Some(Polled {
            invocations: 2,
            counts: [
                ("deleted", seen),
                ("fenced", 0),
                ("new", 7),
                ("received", seen),
            ]
            .map(|(name, n)| (name.to_owned(), n))
            .into(),
            seconds: 2.5,
            stopped: [("empty".to_owned(), 2)].into(),
        }),
        requests: Some(Requests {
            dynamodb_per_message: 0.2,
            sqs_per_message: 0.205,
            empty_receives: 3,
        }),
        ..phase
    };
    ModeReport {
        way: WayIn::Poll,
        clean: watched(clean(), 200),
        mixed: watched(mixed(), 980),
        fan_out: watched(fan_out(), 100),
        arrived: arrived(),
    }
}

/// A report of these modes.
fn report(modes: &[ModeReport]) -> Report {
    Report {
        modes: modes.to_vec(),
    }
}

#[test]
fn the_json_is_the_contracts_and_poll_mode_adds_to_it() {
    let account = concat!(
        r#""sent":1000,"distinct":900,"delivered":880,"#,
        r#""delivered_twice":0,"lost":0,"dead":{"malformed":10,"rejected":10},"#,
        r#""attempts":1000,"seconds":12.345,"clean":{"dynamodb_requests_per_message":0.2,"#,
    );
    let once = r#"{"delivered":100,"delivered_twice":0}"#;
    let targets = format!(r#""http":{once},"sqs":{once},"dynamodb":{once}"#);
    let fan_out = format!(r#""fan_out":{{"distinct":100,"attempts_at_http":250,{targets}}}"#);
    let trigger_mode =
        format!(r#"{{"mode":"trigger",{account}"sqs_requests_per_message":0.0}},{fan_out}}}"#);
    let added = concat!(
        r#""deleted_before_acknowledged":0,"poller":{"invocations":2,"deleted":980,"fenced":0,"#,
        r#""new":7,"received":980,"seconds":2.5,"stopped":{"empty":2}}}"#,
    );
    let requests = r#""sqs_requests_per_message":0.205,"empty_receives":3}"#;
    let poll_mode = format!(r#"{{"mode":"poll",{account}{requests},{fan_out},{added}"#);
    let both = report(&[trigger(), poll()]);
    let expected = format!(r#"{{"modes":[{trigger_mode},{poll_mode}]}}"#);
    assert_eq!(json(&both), expected);
}

#[test]
fn an_event_that_is_not_once_in_the_queue_or_the_table_breaks_a_promise() {
    let spoil: [fn(&mut FanOut); 3] = [
        |arrived| arrived.queue.delivered -= 1,
        |arrived| arrived.table.delivered -= 1,
        |arrived| arrived.table.delivered_twice += 1,
    ];
    assert_eq!(trigger().verdict(), Verdict::Kept);
    for spoil in spoil {
        let mut report = trigger();
        spoil(&mut report.arrived);
        assert_eq!(report.verdict(), Verdict::Broken);
        assert!(
            sentence(&report).contains("1 not once in their"),
            "{report:?}"
        );
    }
}

#[test]
fn the_table_names_each_reason() {
    let text = table(&trigger());
    for line in ["malformed", "rejected", "not counted", "0.20", "12.3"] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    for line in ["still in the queue", "poller", "deleted"] {
        assert!(!text.contains(line), "{line}:\n{text}");
    }
}

#[test]
fn the_table_of_poll_mode_shows_the_report_in_its_order_without_zeros() {
    let text = table(&poll());
    let from = text.find("reported, receive by receive").unwrap();
    let at = |word: &str| text[from..].find(&format!("  {word}"));
    assert!(at("invocations") < at("received"));
    assert!(at("received") < at("deleted"));
    assert!(at("deleted") < at("new"));
    assert!(at("new").is_some());
    assert_eq!(at("fenced"), None);
}

#[test]
fn a_broken_clean_path_breaks_the_whole() {
    let mut broken = trigger();
    broken.clean.account.lost = 1;
    assert_eq!(sentence(&broken), "A promise was broken: 1 lost.");
    for modes in [[broken.clone(), poll()], [poll(), broken]] {
        assert_eq!(report(&modes).verdict(), Verdict::Broken);
    }
    assert_eq!(report(&[trigger(), poll()]).verdict(), Verdict::Kept);
}

#[test]
fn a_deletion_too_early_breaks_the_whole() {
    let mut broken = poll();
    assert!(sentence(&broken).contains("No message was deleted before"));
    broken.mixed.account.deletes = Some(Deletes {
        seen: 980,
        too_early: 2,
    });
    assert_eq!(broken.verdict(), Verdict::Broken);
    let said = sentence(&broken);
    assert!(
        said.ends_with(": 2 deleted before their target's answer."),
        "{said}"
    );
}

#[test]
fn a_report_without_a_mode_is_unfinished() {
    assert_eq!(Report::default().verdict(), Verdict::Unfinished);
}
