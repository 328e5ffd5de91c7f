use super::*;

const AT: Timestamp = Timestamp::from_secs(1_000_000);

fn rows() -> Vec<GateRow> {
    let open = Open {
        since: AT,
        probe_at: Timestamp::from_secs(1_000_005),
        round: 3,
        probing_until: None,
    };
    let probed = Open {
        probing_until: Some(Timestamp::from_secs(1_000_020)),
        ..open
    };
    let ramp = Breaker::Ramp {
        since: Timestamp::from_secs(1_000_007),
        opened: AT,
        round: 1,
    };
    let lowered = |normal| Valve::Lowered { normal, at: AT };
    let states = [
        GateState::Rate { tat_us: 12_345_678 },
        GateState::Breaker(Breaker::Closed),
        GateState::Breaker(Breaker::Open(open)),
        GateState::Breaker(Breaker::Open(probed)),
        GateState::Breaker(ramp),
        GateState::Valve(Valve::Open),
        GateState::Valve(lowered(Some(10))),
        GateState::Valve(lowered(None)),
    ];
    let row = |state| GateRow {
        key: GateKey::from_stored("#gate"),
        rev: 7,
        expires_at: 2_000_000,
        state,
    };
    states.into_iter().map(row).collect()
}

#[test]
fn every_row_is_read_as_it_was_written() {
    for row in rows() {
        assert_eq!(read(&row.key, &item(&row)), row);
    }
}

#[test]
fn a_row_that_is_not_understood_in_full_is_unknown() {
    for row in rows() {
        let whole = item(&row);
        let names = whole.keys().filter(|name| *name != PK);
        for name in names.filter(|name| *name != PROBING_UNTIL) {
            for wrong in [None, Some(text("soon")), Some(AttributeValue::Bool(true))] {
                let mut other = whole.clone();
                match wrong {
                    None => other.remove(name),
                    Some(value) => other.insert(name.clone(), value),
                };
                assert_eq!(read(&row.key, &other).state, GateState::Unknown, "{name}");
            }
        }
        let mut newer = whole.clone();
        newer.insert(VERSION.to_owned(), number(SCHEMA_VERSION + 1));
        assert_eq!(read(&row.key, &newer).state, GateState::Unknown);
    }
    let row = rows().remove(3);
    let mut odd = item(&row);
    odd.insert(PROBING_UNTIL.to_owned(), text("soon"));
    assert_eq!(read(&row.key, &odd).state, GateState::Unknown);
}
