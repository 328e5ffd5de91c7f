use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::top::sample;

/// The screen as text, a line for each row, without white space at their ends.
fn screen_of(snapshot: &Snapshot, mode: Mode, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, snapshot, mode)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

#[test]
fn a_terminal_of_80_columns_has_all_of_it() {
    let screen = screen_of(&sample::snapshot(), Mode::default(), 80, 24);
    let expected = "\
waybill top  orders-source  consumer shop  eu-central-1                22:13:20Z
queue  1,234 waiting  120 in flight  7 delayed   dead-letter queue 3

waiting                            ▁▄█▅  delivered/s           █
peak 1,500                         ████  peak 1,240            █            ▂

last 60 s  1,500 received (25.0/s)  1,430 delivered (23.8/s)  3 failed (0.05/s)
besides  40 retried  12 duplicates
deferred  25  (breaker_open 20, not_due 5)
dead letters received  4  (rejected 4)

end to end  p50 501 ms  p90 899 ms  p99 989 ms  max 1.0 s
processing  p50 5.1 ms  p90 90 ms  p99 90 ms  max 90 ms

ROUTE         DELIVERED/s REJECTED TRANSIENT UNKNOWN     P50     P99 BREAKER
audit                20.0        0         0       0  9.0 ms   12 ms closed
crm                  20.5        3        41       0   25 ms   1.8 s open 1 min

DIED       REASON         KEY                     ROUTES
42 s ago   rejected       ce:orders\\0e-7          crm http_410
1 h ago    attempts_spent ce:orders\\0e-3\\u{1b}[2J crm http_503, audit timeout


q quit  p pause  ? help  log /aws/lambda/orders";
    assert_eq!(screen.join("\n"), expected, "{}", screen.join("\n"));
}

#[test]
fn a_terminal_of_120_columns_has_all_of_it() {
    let screen = screen_of(&sample::snapshot(), Mode::default(), 120, 40);
    let at = |row: usize| screen[row].as_str();
    assert!(at(0).ends_with(" 22:13:20Z"), "{}", at(0));
    assert_eq!(
        at(4),
        "peak 1,500                                             ▃███  peak 1,240                       █"
    );
    let letters = screen
        .iter()
        .position(|row| row.starts_with("DIED"))
        .unwrap();
    assert!(at(letters + 2).ends_with(" crm http_503, audit timeout"));
    assert_eq!(at(39), "q quit  p pause  ? help  log /aws/lambda/orders");
}

#[test]
fn what_is_wrong_stands_at_the_bottom_and_what_is_not_known_takes_no_room() {
    let mode = Mode {
        paused: true,
        help: false,
    };
    let screen = screen_of(&sample::denied(), mode, 80, 24);
    let tail: Vec<_> = screen[5..].iter().filter(|row| !row.is_empty()).collect();
    assert_eq!(
        tail,
        [
            "events  no log was read yet",
            "no route was tried",
            "! you may not logs:FilterLogEvents: whoever administers the account can allow it",
            "q quit  p pause  ? help  PAUSED  no log",
        ]
    );
}

#[test]
fn help_lies_over_the_screen() {
    let mode = Mode {
        paused: false,
        help: true,
    };
    for (width, height) in [(80, 24), (30, 8)] {
        let screen = screen_of(&sample::snapshot(), mode, width, height).join("\n");
        assert!(screen.contains("q, Esc, Ctrl-C"), "{screen}");
        assert_eq!(screen.starts_with("waybill top"), height == 24, "{screen}");
    }
}

#[test]
fn a_small_terminal_has_the_most_important_first() {
    let rows = |width, height| screen_of(&sample::snapshot(), Mode::default(), width, height);
    let screen = rows(40, 11);
    let begins: Vec<_> = screen
        .iter()
        .map(|row| row.split(' ').next().unwrap())
        .collect();
    let expected = [
        "waybill",
        "queue",
        "last",
        "end",
        "processing",
        "ROUTE",
        "audit",
        "crm",
        "DIED",
        "42",
        "q",
    ];
    assert_eq!(begins, expected, "{screen:#?}");
    assert_eq!(screen[6], "audit           20.0   12 ms closed");
    assert_eq!(rows(40, 4)[3], "q quit  p pause  ? help  log /aws/lambda");
    for (width, height) in [(1, 1), (3, 2), (9, 3), (200, 5), (12, 60)] {
        assert_eq!(rows(width, height).len(), usize::from(height));
    }
}

#[test]
fn whoever_is_left_out_is_left_out_whole() {
    let wish = Wish {
        routes: 9,
        letters: 9,
        faults: 2,
        counts: 3,
        times: 2,
    };
    for height in 0..80 {
        let plan = Plan::of(height, wish);
        let parts = plan.faults + plan.times + plan.routes + plan.counts + plan.letters;
        let all = ALWAYS + parts + plan.curves + plan.gaps * GAPS;
        assert!(all <= height.max(ALWAYS), "{height}: {plan:?}");
        // A header alone says nothing, and a curve one row high little.
        assert!(
            [plan.routes, plan.letters].iter().all(|rows| *rows != 1),
            "{height}: {plan:?}"
        );
        assert!(plan.curves != 1, "{height}: {plan:?}");
        assert!(plan.times == 0 || plan.times == 2, "{height}: {plan:?}");
    }
    let roomy = Plan::of(60, wish);
    assert_eq!(
        (roomy.routes, roomy.letters, roomy.curves, roomy.gaps),
        (10, 10, 4, 1)
    );
}
