//! What others read.

use std::time::Duration;

use super::super::SoakOptions;
use super::super::account::Repeats;
use super::*;

/// A report of a run in which two events came again, and one is dead.
fn report() -> Report {
    Report {
        options: SoakOptions {
            queue: QueueType::Fifo,
            time: Duration::from_secs(60),
            rate: 20,
            kill_every: 4,
            seed: 7,
        },
        account: Account {
            sent: 12,
            distinct: 10,
            kills: 3,
            requests: 12,
            accepted: 10,
            repeats: Repeats {
                killed: 2,
                ..Repeats::default()
            },
            dead: [("crashed".to_owned(), 1)].into(),
            rows: [("COMPLETED".to_owned(), 9), ("DEAD".to_owned(), 1)].into(),
            crashes: 5,
            ..Account::default()
        },
        took: Duration::from_millis(61_500),
    }
}

#[test]
fn the_table_and_the_json_show_the_same() {
    let report = report();
    let table = table(&report);
    for row in [
        "effects again at one that does not        ┆      2",
        "crashed                                   ┆      1",
        "COMPLETED                                 ┆      9",
        "events overtaken in their group             ┆      0",
    ] {
        assert!(table.contains(row), "{row} in\n{table}");
    }
    let json: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(json["repeats"]["killed"], 2);
    assert_eq!(json["dead"]["crashed"], 1);
    assert_eq!(json["rows"]["COMPLETED"], 9);
    assert_eq!(json["kept"], true);
}

#[test]
fn the_sentence_says_what_is_dead_and_what_was_broken() {
    let mut report = report();
    assert!(sentence(&report).contains("in hand of three processes as they died (1)"));
    report.account.lost = 2;
    report.account.repeats.unexplained = 1;
    assert_eq!(
        sentence(&report),
        "A promise was broken: 2 lost, 1 repeated without a cause."
    );
}
