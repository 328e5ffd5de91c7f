use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn ago(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

fn lowered(normal: Option<u32>, seconds_ago: u64) -> Valve {
    let at = ago(seconds_ago);
    Valve::Lowered { normal, at }
}

fn shut(seconds: u64) -> Flow {
    let since = ago(seconds);
    Flow::Shut { since }
}

fn step(valve: Valve, flow: Flow, mapping: Mapping) -> Step {
    valve.step(flow, mapping, NOW)
}

#[test]
fn a_source_is_lowered_when_every_route_was_shut_for_a_minute() {
    for max in [None, Some(3), Some(1000)] {
        let at = Mapping::At(max);
        assert_eq!(step(Valve::Open, shut(60), at), Step::Lower { normal: max });
        for flow in [shut(59), Flow::Flows, Flow::Unknown] {
            assert_eq!(step(Valve::Open, flow, at), Step::Leave, "{flow:?}");
        }
    }
}

#[test]
fn a_source_that_has_the_least_is_left() {
    for max in [1, LEAST] {
        let at = Mapping::At(Some(max));
        for flow in [shut(600), Flow::Flows, Flow::Unknown] {
            assert_eq!(step(Valve::Open, flow, at), Step::Leave);
        }
    }
}

#[test]
fn a_source_is_restored_to_what_it_had_as_soon_as_one_route_flows() {
    let least = Mapping::At(Some(LEAST));
    for normal in [None, Some(10)] {
        for age in [0, 600] {
            let row = lowered(normal, age);
            assert_eq!(step(row, Flow::Flows, least), Step::Restore { to: normal });
            for flow in [shut(0), shut(600), Flow::Unknown] {
                assert_eq!(step(row, flow, least), Step::Leave, "{flow:?}");
            }
        }
    }
}

#[test]
fn whoever_died_before_the_mapping_was_lowered_is_finished() {
    let at = Mapping::At(Some(10));
    for age in [0, 600] {
        let next = step(lowered(Some(10), age), shut(600), at);
        assert_eq!(next, Step::Lower { normal: Some(10) });
    }
}

#[test]
fn whoever_died_before_the_row_was_let_go_is_finished() {
    let row = lowered(Some(10), 600);
    assert_eq!(step(row, Flow::Flows, Mapping::At(Some(10))), Step::Forget);
}

#[test]
fn a_row_is_not_let_go_while_its_mapping_may_still_be_lowered() {
    for (age, next) in [(29, Step::Leave), (30, Step::Forget)] {
        let row = lowered(Some(10), age);
        for mapping in [Mapping::At(Some(10)), Mapping::Provisioned] {
            assert_eq!(step(row, Flow::Flows, mapping), next, "{mapping:?}");
        }
    }
}

#[test]
fn what_a_deploy_made_of_the_mapping_stays_and_is_the_normal_from_then_on() {
    let row = lowered(Some(10), 600);
    for max in [None, Some(20), Some(5)] {
        let at = Mapping::At(max);
        assert_eq!(step(row, Flow::Flows, at), Step::Forget);
        assert_eq!(step(row, shut(600), at), Step::Lower { normal: max });
        assert_eq!(step(row, Flow::Unknown, at), Step::Leave);
    }
}

#[test]
fn a_mapping_that_is_being_changed_is_left() {
    for row in [Valve::Open, lowered(Some(10), 600)] {
        for flow in [shut(600), Flow::Flows, Flow::Unknown] {
            assert_eq!(step(row, flow, Mapping::Busy), Step::Leave);
        }
    }
}

#[test]
fn a_mapping_with_pollers_of_its_own_is_never_lowered_or_restored() {
    for flow in [shut(600), Flow::Flows, Flow::Unknown] {
        assert_eq!(step(Valve::Open, flow, Mapping::Provisioned), Step::Leave);
        let row = lowered(Some(10), 600);
        assert_eq!(step(row, flow, Mapping::Provisioned), Step::Forget);
    }
}

#[test]
fn lambda_is_asked_only_where_its_answer_can_lead_to_something() {
    let asks = |valve: Valve, flow| valve.is_worth_a_look(flow, NOW);
    assert!(asks(Valve::Open, shut(60)));
    assert!(!asks(Valve::Open, shut(59)));
    assert!(!asks(Valve::Open, Flow::Flows));
    assert!(asks(lowered(None, 0), Flow::Flows));
    assert!(!asks(lowered(None, 600), Flow::Unknown));
    assert!(!asks(lowered(None, 29), shut(600)), "others are at it");
    assert!(asks(lowered(None, 30), shut(600)));
}

#[test]
fn a_file_is_shut_when_each_of_its_routes_is_and_since_the_last() {
    assert_eq!(shut(60).and(shut(600)), shut(60));
    assert_eq!(shut(600).and(shut(60)), shut(60));
    for other in [shut(60), Flow::Unknown, Flow::Flows] {
        assert_eq!(other.and(Flow::Flows), Flow::Flows);
        assert_eq!(Flow::Flows.and(other), Flow::Flows);
    }
    assert_eq!(shut(60).and(Flow::Unknown), Flow::Unknown);
    assert_eq!(Flow::Unknown.and(shut(60)), Flow::Unknown);
}
