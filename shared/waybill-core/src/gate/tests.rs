use super::*;

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_target_that_answers_is_well_whatever_it_says_of_the_event() {
    let of = |attempt: &Attempt| Health::of(attempt, secs(10), secs(10));
    for attempt in [
        Attempt::delivered("http_200"),
        Attempt::rejected("http_422", ""),
        Attempt::rejected("message_refused", ""),
    ] {
        assert_eq!(of(&attempt), Health::Well, "{attempt:?}");
    }
    for attempt in [
        Attempt::transient("http_503", "", None),
        Attempt::transient("http_429", "", Some(secs(1))),
        Attempt::transient("connect_refused", "", None),
        Attempt::unknown("timeout", ""),
        Attempt::unknown("connection_lost", ""),
    ] {
        assert_eq!(of(&attempt), Health::Sick, "{attempt:?}");
    }
}

#[test]
fn what_was_not_asked_or_had_not_its_time_says_nothing_of_a_target() {
    let cut_off = Attempt::unknown("timeout", "");
    assert_eq!(Health::of(&cut_off, secs(3), secs(10)), Health::Unsaid);
    for code in UNSENT_CODES {
        let attempt = Attempt::rejected(code, "");
        assert_eq!(Health::of(&attempt, secs(0), secs(10)), Health::Unsaid);
    }
    let by_the_row = Attempt::transient("conflict", "", None).with_row(RowEnd::Refused);
    assert_eq!(Health::of(&by_the_row, secs(0), secs(10)), Health::Unsaid);
}

#[test]
fn keys_of_gates_begin_as_no_events_key_does() {
    let consumer = Consumer::new("orders").unwrap();
    let route = RouteName::new("crm").unwrap();
    let spec = RateSpec {
        limit: 20,
        per: secs(1),
        burst: 1,
    };
    let keys = [
        GateKey::breaker(&consumer, &route),
        GateKey::rate(&consumer, &route, &spec),
        GateKey::valve(&consumer, "arn:q"),
    ];
    let keys = keys.map(|key| key.as_str().to_owned());
    assert_eq!(
        keys,
        [
            "#breaker#orders#crm",
            "#rate#orders#crm#50000#1",
            "#valve#orders#arn:q"
        ]
    );
}

#[test]
fn a_route_is_put_off_longer_the_more_often_its_message_was_received() {
    let wait = |least, receives| {
        let bits = [0, u64::MAX].map(Jitter::from_bits);
        bits.map(|jitter| put_off_wait(secs(least), receives, jitter).as_secs())
    };
    assert_eq!(wait(0, 1), [5, 5]);
    assert_eq!(wait(60, 1), [60, 65]);
    assert_eq!(wait(60, 14), [900, 989]);
    assert_eq!(wait(900, 25), [3600, 3959]);
}
