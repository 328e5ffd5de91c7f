use serde_json::json;

use super::*;
use crate::top::emf::{self, tests::line};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn state() -> State {
    let place = Place {
        queue: "orders".to_owned(),
        ..Place::default()
    };
    State::new(place, Duration::from_secs(60))
}

/// Documents of a route's breaker, said this many seconds ago.
fn said(state: u64, seconds: u64) -> News {
    let at = NOW.before(Duration::from_secs(seconds)).as_millis();
    let dimensions = [("Queue", "orders"), ("Route", "crm")];
    News::Documents(emf::read(&line(
        at,
        &dimensions,
        &json!({ "BreakerState": state }),
    )))
}

fn logs() -> Source {
    Source::Logs("g".to_owned())
}

#[test]
fn what_a_source_said_stands_where_it_fails_later_and_its_fault_ends_when_it_answers() {
    let mut state = state();
    let depth = |visible| {
        News::Depth(Depth {
            visible,
            ..Depth::default()
        })
    };
    assert!(state.is_blank());
    state.take((Source::Queue, Ok(depth(7))), NOW);
    state.take((Source::DeadLetterQueue, Ok(depth(3))), NOW);
    state.take((Source::Queue, Err("slow".to_owned())), NOW);
    let shown = state.snapshot(NOW);
    assert_eq!(shown.queue.unwrap().visible, 7);
    assert_eq!(shown.dead_letter_queue.unwrap().visible, 3);
    assert_eq!(
        (shown.faults, shown.depths),
        (vec!["slow".to_owned()], vec![7])
    );
    assert_eq!(
        (shown.figures, shown.letters),
        (None, None),
        "nobody was asked"
    );
    state.take((Source::Queue, Ok(depth(9))), NOW);
    let shown = state.snapshot(NOW);
    assert_eq!(
        (shown.faults, shown.depths),
        (Vec::<String>::new(), vec![7, 9])
    );
}

#[test]
fn each_source_has_a_fault_of_its_own_and_that_of_a_group_goes_with_the_group() {
    let mut state = state();
    for source in [Source::Letters, Source::Breakers, logs()] {
        let fault = format!("{source:?}");
        state.take((source, Err(fault)), NOW);
    }
    assert_eq!(state.snapshot(NOW).faults.len(), 3);
    let groups = |name: &str| Ok(News::Groups(vec![name.to_owned()]));
    state.take((Source::Triggers, groups("g")), NOW);
    assert_eq!(state.snapshot(NOW).faults.len(), 3);
    state.take((Source::Triggers, groups("other")), NOW);
    assert_eq!(state.snapshot(NOW).faults, ["Letters", "Breakers"]);
}

#[test]
fn a_breaker_is_as_its_row_says_and_without_one_as_a_function_said_last() {
    let since = |seconds| NOW.before(Duration::from_secs(seconds));
    let open = Some(Breaker::Open { since: None });
    let table = [
        (None, None, None),
        (None, Some((0, 5)), Some(Breaker::Closed)),
        (None, Some((2, 500)), open),
        // No function ran since it opened.
        (
            Some(Gate::Open { since: since(90) }),
            Some((0, 100)),
            Some(Breaker::Open {
                since: Some(since(90)),
            }),
        ),
        (Some(Gate::Closed), Some((2, 5)), Some(Breaker::Closed)),
        (
            Some(Gate::Unreadable),
            Some((0, 1)),
            Some(Breaker::Unreadable),
        ),
        // That a ramp is over is not written.
        (
            Some(Gate::Closing { since: since(9) }),
            Some((1, 1)),
            Some(Breaker::Closing),
        ),
        (
            Some(Gate::Closing { since: since(9) }),
            Some((0, 1)),
            Some(Breaker::Closed),
        ),
        (
            Some(Gate::Closing { since: since(9) }),
            Some((0, 20)),
            Some(Breaker::Closing),
        ),
        (
            Some(Gate::Closing { since: since(601) }),
            None,
            Some(Breaker::Closed),
        ),
    ];
    for (gate, word, expected) in table {
        let mut state = state();
        if let Some((value, seconds)) = word {
            state.take((logs(), Ok(said(value, seconds))), NOW);
        }
        let gates: BTreeMap<_, _> = gate
            .map(|gate| ("crm".to_owned(), gate))
            .into_iter()
            .collect();
        state.take((Source::Breakers, Ok(News::Breakers(gates))), NOW);
        let shown = state.snapshot(NOW);
        let breaker = shown.routes.first().and_then(|route| route.breaker);
        assert_eq!(breaker, expected, "{gate:?} {word:?}");
    }
}

#[test]
fn routes_are_known_from_every_source() {
    let mut state = state();
    state.take((logs(), Ok(said(0, 1))), NOW);
    let letter = Letter {
        at: NOW,
        key: "k".to_owned(),
        reason: "rejected".to_owned(),
        routes: vec![("audit".to_owned(), "http_410".to_owned())],
    };
    state.take((Source::Letters, Ok(News::Letters(vec![letter]))), NOW);
    let gates = BTreeMap::from([("bill".to_owned(), Gate::Closed)]);
    state.take((Source::Breakers, Ok(News::Breakers(gates))), NOW);
    assert_eq!(
        state.routes(),
        ["audit", "bill", "crm"].map(str::to_owned).into()
    );
    let shown: Vec<_> = state
        .snapshot(NOW)
        .routes
        .into_iter()
        .map(|route| route.name)
        .collect();
    assert_eq!(shown, ["bill", "crm"], "what only died was not tried here");
}
